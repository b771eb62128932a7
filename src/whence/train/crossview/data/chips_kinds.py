"""World chips in three kinds: satellite, shaded relief and a plain atlas map of the same ground.

Chips are cut at random land places. Whole blocks of the Earth are unseen: their chips validate or test, all others
train, so that no chip's middle lies in a block of another part.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Bool, UInt8

from whence.core.arrays import FloatArray, IntArray
from whence.core.config import fingerprint
from whence.core.errors import OptionError
from whence.samples.chips import ChipCutter, land_places
from whence.samples.splits import Split, block_split, blocks_at, with_buffer
from whence.samples.view import ViewKind
from whence.train.crossview.data.atlas_map import AtlasMap, atlas_map
from whence.train.crossview.data.cache import digest_of, pixels_once
from whence.train.crossview.data.types import SATELLITE, CrossViewData, CrossViewParts, Part, Pictures

RELIEF, MAP = "relief", "map"
_SHARES = (0.8, 0.1, 0.1)
_PIECE, _THREADS = 1_000, 2
_CUTTER = 1  # raised when chips of the same settings come out otherwise


@dataclass(frozen=True)
class Config:
    """Settings of world chips in three kinds."""

    satellite: str = ""
    "Plate carrée picture of the whole Earth from above, such as NASA's Blue Marble."
    relief: str = ""
    "Plate carrée picture of the shaded relief of the whole Earth, such as NOAA's ETOPO1."
    water: str = ""
    "File of inland waters for the map (.npz with lake_bits and shape); none if empty."
    divisions: bool = True
    "Whether the map has the borders of first-level divisions."
    map_height_px: int = 2_700
    "Height of the raster of the map; its width is twice that."
    count: int = 28_400
    "Chips at random land places: 80 % train, 10 % validate, 10 % test, by blocks."
    more: int = 20_000
    "Further places drawn for training; those in blocks that validate or test are dropped."
    side_px: int = 48
    "Side of a chip in pixels."
    side_deg: float = 3.0
    "Side of a chip in degrees of arc."
    margin_px: int = 3
    "Training chips are this much larger on each side, so that all kinds of a place can be shifted together."
    block_deg: float = 10.0
    "Side of the blocks in degrees."
    buffer_km: float = 0.0
    "Training chips nearer than this to one held out are dropped; chips of 3° overlap up to 334 km apart."
    cache: str = ""
    "Folder of the cut chips; the user's cache folder if empty."


@final
class ChipsKinds(CrossViewData):
    """Satellite, relief and map chips of random land places, split by blocks."""

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config) -> None:
        if not config.satellite or not config.relief:
            raise OptionError(
                "Chips across kinds need two rasters of the Earth: set data.satellite (such as NASA's Blue Marble) and "
                "data.relief (such as NOAA's ETOPO1), plate carrée pictures twice as wide as high."
            )
        if config.margin_px < 0 or config.map_height_px < 1 or config.count < 20 or config.more < 0:
            raise OptionError(
                "data.count ≥ 20, data.more ≥ 0, data.margin_px ≥ 0 and data.map_height_px ≥ 1 are needed, received "
                f"{config}."
            )
        self.config = config

    def load(self, seed: int) -> CrossViewParts:
        """Draw places, split them by blocks, cut three chips at each; chips are cut once and kept.

        A map chip is counted in scores if a coast or a border of a country passes through it.
        """
        config = self.config
        lat, lon = land_places(config.count + config.more, np.random.default_rng([seed, 0]))
        split = _with_more(lat, lon, config, np.random.default_rng([seed, 1]))
        key = fingerprint(_CUTTER, asdict(config) | {"cache": ""}, seed, *(digest_of(p) for p in self._files()))
        made = _Rasters(config)
        parts = []
        for name, rows in zip(("train", "validation", "test"), split.parts, strict=True):
            margin = config.margin_px if name == "train" else 0
            parts.append(_part(made, lat[rows], lon[rows], margin, f"{key[:24]}-{name}"))
        train, validation, test = parts
        facts = {"train_places": len(train), "validation_places": len(validation), "test_places": len(test)}
        facts |= {"counted_maps": int(test.pictures[MAP].counted.sum())}
        return CrossViewParts(
            train,
            validation,
            test,
            {SATELLITE: ViewKind.SATELLITE, RELIEF: ViewKind.MAP, MAP: ViewKind.MAP},
            card=(
                f"Chips of {config.side_deg:g}° at {len(train):,} random land places north of 60° S, cut from a "
                f"satellite raster ({Path(config.satellite).name}), a relief raster ({Path(config.relief).name}) and a "
                f"map drawn from Natural Earth; blocks of {config.block_deg:g}° unseen, seed {seed}."
            ),
            registered=True,
            facts=facts,
        )

    def _files(self) -> list[str]:
        return [path for path in (self.config.satellite, self.config.relief, self.config.water) if path]


def _with_more(lat: FloatArray, lon: FloatArray, config: Config, generator: np.random.Generator) -> Split:
    """Split the first places by blocks, and add the further ones that lie in training blocks."""
    count = config.count
    first = block_split(lat[:count], lon[:count], block_deg=config.block_deg, shares=_SHARES, generator=generator)
    block = blocks_at(lat, lon, config.block_deg)
    held = np.unique(block[first.held_out])
    further = np.arange(count, len(lat))
    further = further[~np.isin(block[further], held)]
    whole = Split(np.concatenate([first.train, further]), first.validation, first.test, len(lat))
    return with_buffer(whole, lat, lon, config.buffer_km)


class _Rasters:
    """The rasters, opened when a chip is cut for the first time."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._held: dict[str, ChipCutter] = {}
        self._map: AtlasMap | None = None

    def chips(
        self, variant: str, lat: FloatArray, lon: FloatArray, margin: int
    ) -> Iterator[UInt8[np.ndarray, "n s s 3"]]:
        """Cut chips, some at a time."""
        side = self.config.side_px + 2 * margin
        degrees = self.config.side_deg * side / self.config.side_px
        cutter = self._cutter(variant, side, degrees)
        pieces = np.array_split(np.arange(len(lat)), max(1, len(lat) // _PIECE))
        with ThreadPoolExecutor(_THREADS) as pool:
            yield from pool.map(lambda piece: cutter.cut(lat[piece], lon[piece]), pieces)

    def has_line(self, lat: FloatArray, lon: FloatArray) -> Bool[np.ndarray, " n"]:
        """Whether a coast or a border of a country passes through the chip at each place."""
        raster = np.repeat(self._drawn().lines[..., None].astype(np.uint8) * 255, 3, axis=2)
        cutter = ChipCutter(raster, self.config.side_px, self.config.side_deg)
        pieces = np.array_split(np.arange(len(lat)), max(1, len(lat) // _PIECE))
        return np.concatenate([(cutter.cut(lat[p], lon[p])[..., 0] > 0).any((1, 2)) for p in pieces])

    def _cutter(self, variant: str, side: int, degrees: float) -> ChipCutter:
        name = f"{variant}:{side}"
        if name not in self._held:
            if variant == MAP:
                self._held[name] = ChipCutter(self._drawn().pixels, side, degrees)
            else:
                path = self.config.satellite if variant == SATELLITE else self.config.relief
                self._held[name] = ChipCutter.open(path, side, degrees)
        return self._held[name]

    def _drawn(self) -> AtlasMap:
        if self._map is None:
            self._map = atlas_map(self.config.map_height_px, self.config.water, divisions=self.config.divisions)
        return self._map


def _part(rasters: _Rasters, lat: FloatArray, lon: FloatArray, margin: int, key: str) -> Part:
    side = rasters.config.side_px + 2 * margin
    folder = rasters.config.cache
    pictures = {}
    for variant in (SATELLITE, RELIEF, MAP):

        def cut(variant: str = variant) -> Iterator[UInt8[np.ndarray, "n s s 3"]]:
            return rasters.chips(variant, lat, lon, margin)

        pixels = pixels_once(f"{key}-{variant}", (len(lat), side, side, 3), cut, folder)
        counted = np.ones(len(lat), bool)
        if variant == MAP:
            shape = (len(lat), 1, 1, 3)

            def lines() -> Iterator[UInt8[np.ndarray, "n 1 1 3"]]:
                yield np.repeat(rasters.has_line(lat, lon).astype(np.uint8)[:, None, None, None], 3, axis=3)

            counted = pixels_once(f"{key}-lines", shape, lines, folder)[:, 0, 0, 0] > 0
        pictures[variant] = Pictures(pixels, _rows(len(lat)), counted)
    return Part(pictures, lat, lon)


def _rows(count: int) -> IntArray:
    return np.arange(count, dtype=np.int64)
