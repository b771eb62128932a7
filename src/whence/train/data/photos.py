"""Photographs of a data set, as features of a frozen image encoder that are computed once and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import UInt64

from whence.core.arrays import FloatArray, IntArray
from whence.core.errors import ImageError, InputError, OptionError, unknown_name
from whence.encode.cache import Config as CacheConfig
from whence.encode.cache import EmbeddingCache
from whence.encode.embedding import embed_pictures
from whence.samples.chips import land_places
from whence.samples.datasets import datasets
from whence.samples.datasets.types import Sample, positions
from whence.samples.near_duplicates import hash_file, leaks, picture_hash, without_leaks
from whence.samples.reader import read_view
from whence.samples.splits import Split, block_split, country_split, group_split, random_split
from whence.train.data.types import DataKind, Part, TrainingData
from whence.train.tower import TowerModel, build_tower

SPLITS = ("random", "blocks", "group", "country")

_LOOK_PX = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Settings of photographs."""

    dataset: str = "photos_csv"
    "Reader, a file of whence/samples/datasets."
    root: str = ""
    "Folder of the data set."
    part: str = ""
    "Published part; its first if empty."
    tower: str = "clip"
    "Frozen image encoder, a file of whence/encode/image."
    tower_settings: str = ""
    "Its settings as key=value, separated by semicolons."
    split: str = "blocks"
    "random, blocks, group (photographer or album) or country."
    block_deg: float = 1.0
    "Side of the blocks in degrees."
    buffer_km: float = 0.0
    "Training pictures nearer than this to one held out are dropped."
    near_duplicates: bool = True
    "Drop training pictures that look the same as one held out."
    limit: int = 0
    "Take this many pictures at random; 0 for all."
    gallery: int = 50_000
    "Random land places that are searched beside those of the training pictures."
    known_places: int = 100_000
    "At most so many places of training pictures are searched, drawn at random."
    cache: str = ""
    "Folder of the features; the user's cache folder if empty."


@final
class Photos(DataKind):
    """Photographs with their split, as features."""

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config) -> None:
        if not config.root:
            raise OptionError(f"Photographs need the folder of the data set {config.dataset!r}: set data.root.")
        if config.split not in SPLITS:
            raise unknown_name("split", config.split, SPLITS)
        self.config = config

    def load(self, seed: int) -> TrainingData:
        """Read the index, embed the pictures, split them.

        Pictures that cannot be read are named in the log and left out.
        """
        config = self.config
        reader = datasets().load(config.dataset)(config.root, config.part, skip_missing=True)
        samples = _chosen(list(reader), config.limit, np.random.default_rng([seed, 0]))
        missing = sum(1 for _ in reader.missing())
        if missing:
            _log.warning("Left out %d of the pictures that %s lists: they are not there.", missing, config.root)
        tower = build_tower(config.tower, config.tower_settings)
        model = TowerModel(tower)
        with EmbeddingCache(CacheConfig(folder=config.cache), model.hash, model.dim) as cache:
            embedded = embed_pictures([sample.path for sample in samples], model, cache=cache)
        for failure in embedded.failures:
            _log.warning("Left out %s: %s", failure.name, failure.error)
        if len(embedded.index) < 20:
            raise InputError(
                f"{config.root} gave {len(embedded.index)} pictures that can be read; at least 20 are needed."
            )
        kept = [samples[i] for i in embedded.index]
        lat, lon = positions(kept)
        split = self._split(kept, lat, lon, np.random.default_rng([seed, 1]))

        def part(rows: IntArray) -> Part:
            return Part(embedded.rows[rows].astype(np.float32), lat[rows], lon[rows])

        gallery_lat, gallery_lon = land_places(config.gallery, np.random.default_rng([seed, 2]))
        known = np.unique(np.stack([lat[split.train], lon[split.train]], axis=1), axis=0)
        if len(known) > config.known_places:
            known = np.random.default_rng([seed, 3]).choice(known, config.known_places, replace=False)
        return TrainingData(
            train=part(split.train),
            validation=part(split.validation),
            test=part(split.test),
            gallery_lat_deg=np.concatenate([gallery_lat, known[:, 0]]),
            gallery_lon_deg=np.concatenate([gallery_lon, known[:, 1]]),
            card=(
                f"{len(kept)} photographs of {reader.CARD.title} ({reader.CARD.licence}), {config.split} split, "
                f"seed {seed}; features of {tower.CARD.title} ({tower.CARD.licence})."
            ),
            view_kind=reader.KIND.value,
            tower=tower,
            uniform=len(gallery_lat) or None,
        )

    def _split(self, samples: list[Sample], lat: FloatArray, lon: FloatArray, generator: np.random.Generator) -> Split:
        config = self.config
        ways: dict[str, Callable[[], Split]] = {
            "random": lambda: random_split(lat, lon, generator=generator, buffer_km=config.buffer_km),
            "blocks": lambda: block_split(
                lat, lon, generator=generator, block_deg=config.block_deg, buffer_km=config.buffer_km
            ),
            "group": lambda: group_split(
                [sample.group for sample in samples], lat, lon, generator=generator, buffer_km=config.buffer_km
            ),
            "country": lambda: country_split(lat, lon, generator=generator, buffer_km=config.buffer_km),
        }
        split = ways[config.split]()
        if config.near_duplicates:
            split = without_leaks(split, leaks(split, np.stack([_look(sample.path) for sample in samples])))
        return split


def _look(path: Path) -> UInt64[np.ndarray, " 2"]:
    """Perceptual hashes of a picture, by way of the full reader for formats that Pillow alone does not know."""
    try:
        return hash_file(path)
    except ImageError:
        return picture_hash(read_view(path, working_px=_LOOK_PX).pixels)


def _chosen(samples: list[Sample], limit: int, generator: np.random.Generator) -> list[Sample]:
    if not limit or limit >= len(samples):
        return samples
    return [samples[i] for i in np.sort(generator.choice(len(samples), limit, replace=False))]
