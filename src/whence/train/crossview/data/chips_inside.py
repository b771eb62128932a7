"""World chips inside larger satellite tiles: retrieval and the position in the tile, with both known exactly.

Tiles lie on a grid of half their side; a view of random land is a chip of another raster, and its tile is the one whose
middle is nearest, as in VIGOR (Zhu et al., CVPR 2021). In training each view has a tile of its own, drawn around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.arrays import FloatArray, IntArray
from whence.core.config import fingerprint
from whence.core.errors import InputError, OptionError
from whence.earth.coordinates import wrap_lon_deg
from whence.samples.chips import ChipCutter, land_places
from whence.samples.splits import block_split
from whence.samples.view import ViewKind
from whence.train.crossview.data.cache import digest_of, pixels_once
from whence.train.crossview.data.types import SATELLITE, CrossViewData, CrossViewParts, Part, Pictures

RELIEF = "relief"
_SHARES = (0.8, 0.1, 0.1)
_PIECE = 1_000
_CUTTER = 1  # raised when chips of the same settings come out otherwise
_POLES_DEG = 87.0


@dataclass(frozen=True)
class Config:
    """Settings of world chips inside larger tiles."""

    satellite: str = ""
    "Plate carrée picture of the whole Earth from above, such as NASA's Blue Marble."
    relief: str = ""
    "Plate carrée picture of the shaded relief of the whole Earth, such as NOAA's ETOPO1."
    count: int = 32_000
    "Views at random land places: 80 % train, 10 % validate, 10 % test, by blocks."
    side_px: int = 48
    "Side of views and tiles in pixels."
    side_deg: float = 3.0
    "Side of a view in degrees of arc."
    tile_deg: float = 6.0
    "Side of a tile in degrees of arc; tiles lie half of it apart, so that a view is wholly inside its own."
    block_deg: float = 10.0
    "Side of the blocks in degrees."
    cache: str = ""
    "Folder of the cut chips; the user's cache folder if empty."


@final
class ChipsInside(CrossViewData):
    """Relief chips of random land places, and the satellite tiles that they lie in."""

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config) -> None:
        if not config.satellite or not config.relief:
            raise OptionError(
                "Chips inside tiles need two rasters of the Earth: set data.satellite (such as NASA's Blue Marble) and "
                "data.relief (such as NOAA's ETOPO1), plate carrée pictures twice as wide as high."
            )
        if config.count < 20 or not 0 < config.side_deg <= config.tile_deg / 2 or config.tile_deg > 20:
            raise OptionError(
                f"data.count ≥ 20 and 0 < data.side_deg ≤ data.tile_deg / 2 ≤ 10 are needed, received {config}."
            )
        self.config = config

    def load(self, seed: int) -> CrossViewParts:
        """Draw places, split them by blocks, cut a view and its tile at each; chips are cut once and kept."""
        config = self.config
        lat, lon = land_places(config.count, np.random.default_rng([seed, 0]))
        draw = np.random.default_rng([seed, 1])
        split = block_split(lat, lon, block_deg=config.block_deg, shares=_SHARES, generator=draw)
        files = (config.satellite, config.relief)
        key = fingerprint(_CUTTER, asdict(config) | {"cache": ""}, seed, *(digest_of(path) for path in files))
        held: dict[str, ChipCutter] = {}
        parts = []
        for name, rows in zip(("train", "validation", "test"), split.parts, strict=True):
            tiles = _around(lat[rows], lon[rows], config.tile_deg, draw) if name == "train" else None
            found = tiles or _on_grid(lat[rows], lon[rows], config.tile_deg)
            parts.append(self._part(held, lat[rows], lon[rows], found, f"{key[:24]}-{name}"))
        train, validation, test = parts
        return CrossViewParts(
            train,
            validation,
            test,
            {SATELLITE: ViewKind.SATELLITE, RELIEF: ViewKind.MAP},
            card=(
                f"Chips of {config.side_deg:g}° at {len(train):,} random land places north of 60° S, cut from a relief "
                f"raster ({Path(config.relief).name}), inside tiles of {config.tile_deg:g}° of a satellite raster "
                f"({Path(config.satellite).name}); blocks of {config.block_deg:g}° unseen, seed {seed}."
            ),
            registered=False,
            facts={
                "train_places": len(train),
                "validation_tiles": len(validation),
                "test_tiles": len(test),
                "test_views": len(test.pictures[RELIEF]),
                "shown_share": config.side_deg / config.tile_deg,
            },
        )

    def _part(self, held: dict[str, ChipCutter], lat: FloatArray, lon: FloatArray, tiles: _Tiles, key: str) -> Part:
        config = self.config
        inside = _inside(lat, lon, tiles, config.tile_deg)
        rows = np.arange(len(tiles.lat_deg), dtype=np.int64)
        above = self._cut(held, SATELLITE, config.tile_deg, tiles.lat_deg, tiles.lon_deg, f"{key}-{SATELLITE}")
        views = self._cut(held, RELIEF, config.side_deg, lat, lon, f"{key}-{RELIEF}")
        pictures = {
            SATELLITE: Pictures(above, rows, np.ones(len(rows), bool)),
            RELIEF: Pictures(views, tiles.of, np.ones(len(lat), bool), inside=inside),
        }
        return Part(pictures, tiles.lat_deg, tiles.lon_deg)

    def _cut(
        self, held: dict[str, ChipCutter], variant: str, degrees: float, lat: FloatArray, lon: FloatArray, key: str
    ) -> UInt8[np.ndarray, "n s s 3"]:
        side = self.config.side_px

        def blocks() -> Iterator[UInt8[np.ndarray, "_ s s 3"]]:
            if variant not in held:
                path = self.config.satellite if variant == SATELLITE else self.config.relief
                held[variant] = ChipCutter.open(path, side, degrees)
            for start in range(0, len(lat), _PIECE):
                yield held[variant].cut(lat[start : start + _PIECE], lon[start : start + _PIECE])

        return pixels_once(key, (len(lat), side, side, 3), blocks, self.config.cache)


@dataclass(frozen=True, eq=False)
class _Tiles:
    """Middles of tiles, and which one each view belongs to."""

    lat_deg: FloatArray
    lon_deg: FloatArray
    of: IntArray


def _around(lat: FloatArray, lon: FloatArray, side_deg: float, draw: np.random.Generator) -> _Tiles:
    """A tile for each view, with the view anywhere in its middle half."""
    down, right = draw.uniform(-side_deg / 4, side_deg / 4, (2, len(lat)))
    middle = np.clip(lat + down, -_POLES_DEG, _POLES_DEG)
    return _Tiles(middle, wrap_lon_deg(lon + right / np.cos(np.radians(middle))), np.arange(len(lat), dtype=np.int64))


def _on_grid(lat: FloatArray, lon: FloatArray, side_deg: float) -> _Tiles:
    """The tile of each view on a grid of rows half a side apart, each as evenly divided as its circle allows."""
    step = side_deg / 2
    row = np.clip(np.rint(lat / step), math.ceil(-_POLES_DEG / step), math.floor(_POLES_DEG / step))
    count = np.maximum(1, np.rint(360 * np.cos(np.radians(row * step)) / step))
    column = np.mod(np.rint((lon + 180) / 360 * count), count)
    middles, of = np.unique(np.stack([row * step, column / count * 360 - 180], axis=1), axis=0, return_inverse=True)
    return _Tiles(middles[:, 0].copy(), middles[:, 1].copy(), of.ravel().astype(np.int64))


def _inside(lat: FloatArray, lon: FloatArray, tiles: _Tiles, side_deg: float) -> Float[np.ndarray, "n 2"]:
    """Where views lie in their tiles, by the gnomonic projection that tiles are cut in.

    Raises:
        InputError: a view outside of its tile.
    """
    at, north = np.radians(lat), np.radians(tiles.lat_deg[tiles.of])
    east = np.radians(lon - tiles.lon_deg[tiles.of])
    ahead = np.sin(north) * np.sin(at) + np.cos(north) * np.cos(at) * np.cos(east)
    x = np.cos(at) * np.sin(east) / ahead
    y = (np.cos(north) * np.sin(at) - np.sin(north) * np.cos(at) * np.cos(east)) / ahead
    reach = 2 * math.tan(math.radians(side_deg / 2))
    found = np.stack([0.5 + x / reach, 0.5 - y / reach], axis=1)
    if not ((found > 0) & (found < 1)).all():
        raise InputError(
            "A view lies outside of its tile: this far north tiles cannot be laid. Set a smaller tile_deg."
        )
    return found
