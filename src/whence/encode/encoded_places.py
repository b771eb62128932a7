"""Places as vectors, encoded once: the cells of the grid, kept on disk and mapped into memory.

Encoding a grid takes seconds, multiplying it with a picture's embedding milliseconds. So the first program that needs
a grid writes it to the cache folder, in half precision (a relative error of 5e-4 a number, about 3e-5 in a product of
unit vectors), under the hash of its bundle; later ones map the file. Files appear whole by renaming, so that programs
may race: both write the same numbers, and the last one stays.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property, lru_cache
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import ranges
from whence.core.errors import OptionError
from whence.core.folders import cache_folder
from whence.earth import grid
from whence.earth.tables import land_share
from whence.encode.bundled import AlignmentModel
from whence.encode.kept import kept_rows

_PAIRS_AT_ONCE = 200_000
_REACH = 3.0
_LAND_ORDER = 7
MAX_KERNEL_KM = 500.0
"""Widest kernel around the places of a gallery."""


class EncodedPlaces(ABC):
    """Embeddings of places in the model's area. Rows of zeros stand for places of which nothing is known."""

    @abstractmethod
    def holds(self, cells: Int[np.ndarray, " n"], order: int) -> Bool[np.ndarray, " n"]:
        """Tell which cells of an order hold any of the model's area."""

    def cells(self, order: int) -> Int[np.ndarray, " m"]:
        """Cells of an order that hold any of the model's area, ascending."""
        every = np.arange(grid.cell_count(order), dtype=np.int64)
        return every[self.holds(every, order)]

    @abstractmethod
    def grid(self, order: int) -> Float[np.ndarray, "m d"]:
        """Embeddings of the centres of `cells` of an order, half precision, kept on disk."""

    @abstractmethod
    def at(self, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Embeddings of any places, float32."""


@final
class ContinuousPlaces(EncodedPlaces):
    """Every place on Earth, by the model's location encoder.

    Args:
        model: whose encoder.
        folder: where grids are kept; the cache folder if not given.
    """

    def __init__(self, model: AlignmentModel, folder: Path | None = None) -> None:
        self._model = model
        self._folder = folder or cache_folder() / "grids"

    def holds(self, cells: Int[np.ndarray, " n"], order: int) -> Bool[np.ndarray, " n"]:
        """Tell which cells of an order hold any of the model's area."""
        return _in_area(self._model, cells, order)

    def grid(self, order: int) -> Float[np.ndarray, "m d"]:
        """Embeddings of the centres of `cells` of an order, half precision, kept on disk."""
        return _kept_grid(self, order, self._folder, self._model.bundle.hash[:20], self._model.dim)

    def at(self, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Embeddings of any places, float32."""
        return self._model.embed_places(lat_deg, lon_deg)


@final
class GalleryPlaces(EncodedPlaces):
    """Only what lies near the places of a gallery: the mean of their embeddings under a von Mises–Fisher kernel.

    The mean of the embeddings is that of the scores, so that what is said of a place still adds up over concepts.
    Beyond three kernel widths of all places nothing is known.

    Args:
        model: whose encoder.
        lat_deg: latitudes of the gallery.
        lon_deg: longitudes.
        kernel_km: width of the kernel, one sigma.
        folder: where grids are kept; the cache folder if not given.

    Raises:
        OptionError: an empty gallery, or a kernel that is not within 0..500 km.
        CoordinateError: a place that is none.
    """

    def __init__(
        self,
        model: AlignmentModel,
        lat_deg: Float[np.ndarray, " m"],
        lon_deg: Float[np.ndarray, " m"],
        kernel_km: float,
        folder: Path | None = None,
    ) -> None:
        if lat_deg.size == 0:
            raise OptionError("The gallery is empty: give at least one place.")
        if not 0.0 < kernel_km <= MAX_KERNEL_KM:
            raise OptionError(f"The gallery's kernel lies within 0..{MAX_KERNEL_KM:g} km, received {kernel_km}.")
        model.embed_places(lat_deg[:1], lon_deg[:1])
        self._model, self._lat, self._lon, self._km = model, lat_deg, lon_deg, kernel_km
        self._folder = folder or cache_folder() / "grids"
        content = hashlib.sha256(np.stack([lat_deg, lon_deg]).astype("<f8").tobytes()).hexdigest()[:20]
        self._key = f"{model.bundle.hash[:20]}-{content}"
        self._order = max(grid.order_for_size_km(2.0 * _REACH * kernel_km) - 1, 1)

    def holds(self, cells: Int[np.ndarray, " n"], order: int) -> Bool[np.ndarray, " n"]:
        """Tell which cells of an order hold any of the model's area."""
        return _in_area(self._model, cells, order)

    def grid(self, order: int) -> Float[np.ndarray, "m d"]:
        """Embeddings of the centres of `cells` of an order, half precision, kept on disk."""
        return _kept_grid(self, order, self._folder, f"{self._key}-{self._km:g}km", self._model.dim)

    def at(self, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
        """Embeddings of any places, float32; zeros beyond the gallery's reach."""
        points = grid.unit_vectors(lat_deg, lon_deg)
        home = grid.cells_at(lat_deg, lon_deg, self._order)
        around = np.concatenate([home[:, None], grid.neighbour_table(self._order)[home]], axis=1)
        rows, first, count = self._buckets
        known = around >= 0
        here = np.where(known, count[around], 0)
        out = np.zeros((len(points), self._model.dim), np.float32)
        ends = np.cumsum(here.sum(axis=1))
        start = 0
        while start < len(points):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, side="right")))
            part = slice(start, stop)
            owner = np.repeat(np.arange(stop - start), here[part].sum(axis=1))
            member = rows[ranges(first[around[part]].ravel(), here[part].ravel())]
            out[part] = self._mean(points[part], owner, member)
            start = stop
        return out

    def _mean(
        self, points: Float[np.ndarray, "n 3"], owner: Int[np.ndarray, " p"], member: Int[np.ndarray, " p"]
    ) -> Float[np.ndarray, "n d"]:
        """Weighted mean for each point over its pairs; owners ascend."""
        away = grid.chord_km(points[owner], self._vectors[member]) / self._km
        near = away <= _REACH
        owner, member, weight = owner[near], member[near], np.exp(-0.5 * away[near] ** 2)
        out = np.zeros((len(points), self._model.dim), np.float32)
        if owner.size:
            first = np.flatnonzero(np.diff(owner, prepend=-1))
            sums = np.add.reduceat(self._embeddings[member] * weight[:, None].astype(np.float32), first, axis=0)
            out[owner[first]] = sums / np.add.reduceat(weight, first)[:, None]
        return out

    @cached_property
    def _vectors(self) -> Float[np.ndarray, "m 3"]:
        return grid.unit_vectors(self._lat, self._lon)

    @cached_property
    def _embeddings(self) -> Float[np.ndarray, "m d"]:
        path = self._folder / f"gallery-{self._key}.npy"
        shape = (self._lat.size, self._model.dim)
        return kept_rows(path, shape, lambda rows: self._model.embed_places(self._lat[rows], self._lon[rows]))

    @cached_property
    def _buckets(self) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " cells"], Int[np.ndarray, " cells"]]:
        """Gallery rows sorted by cell, and for each cell where its rows begin and how many they are."""
        cell = grid.cells_at(self._lat, self._lon, self._order)
        count = np.bincount(cell, minlength=grid.cell_count(self._order))
        return np.argsort(cell, kind="stable"), np.cumsum(count) - count, count


def _in_area(model: AlignmentModel, cells: Int[np.ndarray, " n"], order: int) -> Bool[np.ndarray, " n"]:
    if model.settings.area == "all":
        return np.ones(cells.shape, bool)
    if order > _LAND_ORDER:
        cells, order = grid.parents(cells, order, _LAND_ORDER), _LAND_ORDER
    return np.asarray(_land_of_order(order)[cells])


@lru_cache(maxsize=_LAND_ORDER + 1)
def _land_of_order(order: int) -> Bool[np.ndarray, " n"]:
    """Which cells of an order, at most that of the table, hold any land."""
    return np.asarray((land_share() > 0.0).reshape(grid.cell_count(order), -1).any(axis=1))


def _kept_grid(places: EncodedPlaces, order: int, folder: Path, key: str, dim: int) -> Float[np.ndarray, "m d"]:
    cells = places.cells(order)

    def encode(rows: slice) -> Float[np.ndarray, "n d"]:
        return places.at(*grid.centres(cells[rows], order))

    return kept_rows(folder / f"grid-{key}-order{order}.npy", (cells.size, dim), encode)
