"""World chips: as many true pairs of picture and place as one likes, cut from a raster of the Earth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from whence.core.arrays import FloatArray, IntArray
from whence.core.errors import OptionError
from whence.samples.chips import ChipCutter, land_places
from whence.samples.splits import block_split, random_split
from whence.train.data.types import DataKind, Part, TrainingData

_SHARES = (0.8, 0.1, 0.1)
_THREADS = 2
_FINEST_ORDER = 8


@dataclass(frozen=True)
class Config:
    """Settings of world chips."""

    raster: str = ""
    "Plate carrée picture of the whole Earth, such as NASA's Blue Marble."
    count: int = 37_500
    "Chips in all; 80 % train, 10 % validate, 10 % test."
    side_px: int = 48
    "Side of a chip in pixels."
    side_deg: float = 3.0
    "Side of a chip in degrees."
    split: str = "random"
    "random, or blocks: whole blocks of block_deg degrees are unseen."
    block_deg: float = 10.0
    "Side of the blocks in degrees."
    buffer_km: float = 0.0
    "Training chips nearer than this to one held out are dropped; chips of 3° overlap up to 334 km apart."
    noise: float = 0.0
    "Deviation of Gaussian noise on every chip, in steps of 8-bit brightness: worse pictures, for experiments."
    gallery: int = 50_000
    "Random land places that are searched."


@final
class Chips(DataKind):
    """Chips at random land places with their split."""

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config) -> None:
        if not config.raster:
            raise OptionError(
                "Chips need a raster of the Earth: set data.raster to a plate carrée picture, twice as wide as high, "
                "such as NASA's Blue Marble (visibleearth.nasa.gov)."
            )
        if config.split not in {"random", "blocks"}:
            raise OptionError(f"data.split is random or blocks, received {config.split!r}.")
        if not 0 <= config.noise <= 255:
            raise OptionError(f"data.noise lies between 0 and 255, received {config.noise}.")
        self.config = config

    def load(self, seed: int) -> TrainingData:
        """Draw places, split them, cut the chips."""
        config = self.config
        chosen, split_by, gallery_by, noise_by = (np.random.default_rng([seed, stream]) for stream in range(4))
        lat, lon = land_places(config.count, chosen)
        if config.split == "blocks":
            split = block_split(
                lat, lon, block_deg=config.block_deg, shares=_SHARES, generator=split_by, buffer_km=config.buffer_km
            )
        else:
            split = random_split(lat, lon, shares=_SHARES, generator=split_by, buffer_km=config.buffer_km)
        cutter = ChipCutter.open(config.raster, config.side_px, config.side_deg)
        train, validation, test = (_cut(cutter, lat, lon, rows) for rows in split.parts)
        if config.noise:
            train, validation, test = (_noisy(part, config.noise, noise_by) for part in (train, validation, test))
        gallery_lat, gallery_lon = land_places(config.gallery, gallery_by)
        return TrainingData(
            train=train,
            validation=validation,
            test=test,
            gallery_lat_deg=gallery_lat,
            gallery_lon_deg=gallery_lon,
            card=(
                f"{config.count} chips of {config.side_deg:g}° cut at random land places north of 60° S from "
                f"a world raster, {config.split} split, seed {seed}."
            ),
            view_kind="satellite",
            finest_order=_FINEST_ORDER,
        )


def _cut(cutter: ChipCutter, lat: FloatArray, lon: FloatArray, rows: IntArray) -> Part:
    pieces = np.array_split(rows, max(1, len(rows) // 2_000))
    with ThreadPoolExecutor(_THREADS) as pool:
        chips = list(pool.map(lambda piece: cutter.cut(lat[piece], lon[piece]), pieces))
    return Part(np.concatenate(chips), lat[rows], lon[rows])


def _noisy(part: Part, deviation: float, generator: np.random.Generator) -> Part:
    chips = np.empty_like(part.inputs)
    for start in range(0, len(chips), 2_000):
        piece = part.inputs[start : start + 2_000]
        drawn = generator.normal(0, deviation, piece.shape)
        chips[start : start + 2_000] = np.clip(np.rint(piece + drawn), 0, 255)
    return replace(part, inputs=chips)
