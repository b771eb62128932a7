"""Which places make a batch: never one twice, some of them hard to tell apart, as many for each variant.

Sample4Geo (Deuser et al. 2023, arXiv:2303.11851) fills batches with places that are easily taken for one another: at
first near ones on the ground, later those whose embeddings are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import IntArray
from whence.core.errors import InputError
from whence.earth import grid
from whence.train.crossview.data.types import SATELLITE, Part
from whence.train.crossview.recipe import Batches

_PIECE = 1_024
_LIKEST = 2


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch.

    Attributes:
        places: rows of the places, none twice.
        pictures: of each variant, rows of its pictures; satellite's are in the order of ``places``.
        own: of each variant, which place of the batch each of its pictures shows; satellite is not in it.
    """

    places: Int[np.ndarray, " p"]
    pictures: Mapping[str, Int[np.ndarray, " _"]]
    own: Mapping[str, Int[np.ndarray, " _"]]


def nearest_places(
    lat_deg: Float[np.ndarray, " p"], lon_deg: Float[np.ndarray, " p"], count: int
) -> Int[np.ndarray, "p count"]:
    """The places nearest to each on the ground, itself left out.

    Places without coordinates, or too few of them, give rows of themselves.
    """
    out = np.repeat(np.arange(len(lat_deg))[:, None], count, axis=1)
    known = np.flatnonzero(np.isfinite(lat_deg) & np.isfinite(lon_deg))
    if len(known) > 1:
        vectors = grid.unit_vectors(lat_deg[known], lon_deg[known])
        found = known[likest_places(vectors, vectors, count)]
        out[known, : found.shape[1]] = found
    return out


def likest_places(
    queries: Float[np.ndarray, "p dim"], references: Float[np.ndarray, "p dim"], count: int
) -> Int[np.ndarray, "p count"]:
    """The places whose references are likest to each place's query, itself left out, likest first."""
    kept = min(count, len(queries) - 1)
    out = np.empty((len(queries), kept), np.int64)
    for start in range(0, len(queries), _PIECE):
        rows = np.arange(start, min(start + _PIECE, len(queries)))
        likeness = queries[rows] @ references.T
        likeness[np.arange(len(rows)), rows] = -np.inf
        some = np.argpartition(-likeness, kept - 1, axis=1)[:, :kept]
        order = np.argsort(-np.take_along_axis(likeness, some, axis=1), axis=1)
        out[rows] = np.take_along_axis(some, order, axis=1)
    return out


@final
class PlaceSampler:
    """Draws the batches of a part.

    Args:
        part: with its pictures.
        variants: aligned with satellite in this phase; each gets as many places of a batch as the others.
        batches: how.
        places: of a batch.
        seed: of all draws; equal seeds and steps give equal batches.

    Raises:
        InputError: a variant with fewer places than a batch needs.
    """

    def __init__(self, part: Part, variants: Sequence[str], batches: Batches, places: int, seed: int) -> None:
        self.part, self.variants, self.batches, self.seed = part, tuple(variants), batches, seed
        self._of = {name: _by_place(part.variant(name).place, len(part)) for name in (SATELLITE, *variants)}
        self._having = {name: np.flatnonzero(self._of[name].count) for name in variants}
        sets = [frozenset(rows.tolist()) for rows in self._having.values()]
        self.together = all(rows == sets[0] for rows in sets)
        self.places = places if self.together else places // len(self.variants)
        needed = self.places if self.together else self.places * len(self.variants)
        for name, rows in self._having.items():
            if len(rows) < needed:
                raise InputError(
                    f"A batch needs {needed} places with a picture of the variant {name}, the data has {len(rows)}. "
                    "Set a smaller optimiser.batch, or give more data."
                )
        self._near: Int[np.ndarray, "p k"] | None = None
        self._alike = False

    def by_distance(self) -> None:
        """Make groups of places near each other on the ground."""
        b = self.batches
        self._near, self._alike = nearest_places(self.part.lat_deg, self.part.lon_deg, b.group * b.reach), False

    @property
    def likeness(self) -> Int[np.ndarray, "p k"] | None:
        """The table that groups by likeness are drawn from; ``None`` while they are by distance or random."""
        return self._near if self._alike else None

    def take_likeness(self, table: Int[np.ndarray, "p k"]) -> None:
        """Draw from a table that was kept."""
        self._near, self._alike = table, True

    def by_likeness(self, queries: Float[np.ndarray, "p dim"], references: Float[np.ndarray, "p dim"]) -> None:
        """Make groups of places that the model takes for one another."""
        self.take_likeness(likest_places(queries, references, self.batches.visual_pool))

    def batch(self, step: int) -> Batch:
        """Draw the batch of a step."""
        draw = np.random.default_rng([self.seed, step, 11])
        if self.together:
            chosen = self._places(self._having[self.variants[0]], draw)
            shown = dict.fromkeys(self.variants, np.arange(len(chosen)))
        else:
            # One kind after the other, so that every process and step has as many places as any other.
            each: dict[str, IntArray] = {}
            for name in self.variants:
                taken = np.concatenate([np.zeros(0, np.int64), *each.values()])
                each[name] = self._places(np.setdiff1d(self._having[name], taken), draw)
            chosen = np.sort(np.concatenate(list(each.values())))
            shown = {name: np.searchsorted(chosen, rows) for name, rows in each.items()}
        pictures = {SATELLITE: self._of[SATELLITE].drawn(chosen, draw)}
        for name in self.variants:
            pictures[name] = self._of[name].drawn(chosen[shown[name]], draw)
        return Batch(chosen, pictures, shown)

    def _places(self, among: IntArray, draw: np.random.Generator) -> IntArray:
        """Groups that are hard, the rest at random; exactly as many as asked, none twice."""
        b = self.batches
        groups = round(self.places * b.hard_share) // b.group if self._near is not None else 0
        found = np.zeros(0, np.int64)
        if groups and self._near is not None:
            seeds = draw.choice(among, groups, replace=False)
            found = np.unique(np.concatenate([seeds, self._neighbours(seeds, draw).ravel()]))
            if len(among) < len(self.part):
                found = np.intersect1d(found, among)
            found = draw.permutation(found)[: self.places]
        rest = np.setdiff1d(among, found)
        return np.concatenate([found, draw.choice(rest, self.places - len(found), replace=False)])

    def _neighbours(self, seeds: IntArray, draw: np.random.Generator) -> Int[np.ndarray, "n k"]:
        assert self._near is not None
        table, wanted = self._near[seeds], self.batches.group - 1
        wanted = min(wanted, table.shape[1])
        first = wanted // _LIKEST if self._alike else 0
        order = np.argsort(draw.random((len(seeds), table.shape[1] - first)), axis=1)[:, : wanted - first] + first
        return np.concatenate([table[:, :first], np.take_along_axis(table, order, axis=1)], axis=1)


@dataclass(frozen=True, eq=False)
class _Grouped:
    """Pictures by place."""

    order: IntArray
    start: IntArray
    count: IntArray

    def drawn(self, places: IntArray, draw: np.random.Generator) -> IntArray:
        """One picture of each place."""
        return self.order[self.start[places] + (draw.random(len(places)) * self.count[places]).astype(np.int64)]


def _by_place(place: IntArray, places: int) -> _Grouped:
    order = np.argsort(place, kind="stable")
    count = np.bincount(place, minlength=places)
    return _Grouped(order, np.cumsum(count) - count, count)
