"""Places as vectors of concepts: what is true there, centred and scaled, and kept for a partition of the Earth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import ConceptBank, bank
from whence.core.arrays import Numbers
from whence.core.folders import cache_folder
from whence.earth.partition import Partition
from whence.earth.tables import land_share, population_field, table_hashes
from whence.encode.kept import kept_rows

_SEA_ORDER, _LAND_ORDER, _TOWN_ORDER = 5, 7, 8


@lru_cache(maxsize=1)
def place_partition() -> Partition:
    """Cells on which places are told apart: 204 km at sea, 51 km on land, 25 km where many people live."""
    land = np.flatnonzero(land_share() > 0.0)
    finest = population_field().partition
    towns = np.unique(finest.starts[finest.orders >= _TOWN_ORDER] >> (2 * (29 - _LAND_ORDER)))
    deep = np.union1d(land, towns)
    splits = {order: np.unique(deep >> (2 * (_LAND_ORDER - order))) for order in range(_SEA_ORDER, _LAND_ORDER)}
    return Partition.from_splits(_SEA_ORDER, {**splits, _LAND_ORDER: towns})


@final
@dataclass(frozen=True, eq=False)
class PlaceVectors:
    """Truths of grounded concepts at places: ``(truth − centre) · factor``, 0 where the truth is not known.

    Attributes:
        ids: of the concepts.
        centre: mean truth.
        factor: what the difference is multiplied by.
    """

    ids: tuple[str, ...]
    centre: Float[np.ndarray, " k"]
    factor: Float[np.ndarray, " k"]

    @cached_property
    def bank(self) -> ConceptBank:
        """The concepts."""
        return bank().subset(self.ids)

    def at(self, lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "*shape k"]:
        """Vectors of any places, float32.

        Raises:
            CoordinateError: a latitude or longitude that is none.
        """
        truths = self.bank.truths(lat_deg, lon_deg)
        return (np.nan_to_num(truths - self.centre) * self.factor).astype(np.float32)

    def grid(self, folder: Path | None = None) -> Float[np.ndarray, "n k"]:
        """Vectors of the cells of `place_partition`, half precision, kept on disk."""
        partition = place_partition()
        digest = hashlib.sha256(self.bank.hash.encode())
        for part in (self.centre, self.factor):
            digest.update(np.asarray(part, "<f8").tobytes())
        digest.update(repr(sorted(table_hashes().items())).encode())
        path = (folder or cache_folder() / "grids") / f"concepts-{digest.hexdigest()[:20]}.npy"

        def encode(rows: slice) -> Float[np.ndarray, "n k"]:
            return self.at(partition.lat_deg[rows], partition.lon_deg[rows])

        return kept_rows(path, (len(partition), len(self.ids)), encode)

    @cached_property
    def dense_grid(self) -> Float[np.ndarray, "k n"]:
        """`grid` in memory, a concept a row, float32: about 40 MB for a hundred concepts, and many times as fast."""
        return np.ascontiguousarray(self.grid().T, np.float32)

    def truths(self, vectors: Float[np.ndarray, "*shape k"]) -> Float[np.ndarray, "*shape k"]:
        """Back from (means of) vectors to (means of) truths."""
        return vectors / self.factor + self.centre
