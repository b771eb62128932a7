"""`Partition`: the whole Earth tiled by nested cells of mixed order, fine where it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce

import numpy as np
from jaxtyping import Float, Int, UInt8

from whence.core.arrays import IntArray, Numbers
from whence.core.errors import ArtifactError
from whence.earth import grid

_TABLED_ORDER = 7  # centres of these orders are computed once and kept


@lru_cache(maxsize=_TABLED_ORDER + 1)
def _order_table(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and (lat, lon) of all centres of an order."""
    lat, lon = grid.centres(np.arange(grid.cell_count(order), dtype=np.int64), order)
    return grid.unit_vectors(lat, lon), np.stack([lat, lon], axis=-1)


@dataclass(frozen=True, eq=False)
class Partition:
    """A complete tiling of the Earth by HEALPix cells of mixed order, in nested order.

    Attributes:
        starts: for each cell its first descendant at order 29; ascending from 0.
        orders: order of each cell.
        origin: a partition that shares most of the cells, whose centres are taken over instead of computed anew.
    """

    starts: Int[np.ndarray, " n"]
    orders: UInt8[np.ndarray, " n"]
    origin: Partition | None = None

    @staticmethod
    @lru_cache(maxsize=12)
    def uniform(order: int) -> Partition:
        """All cells of one order (one shared object per order)."""
        starts = np.arange(grid.cell_count(order), dtype=np.int64) << (2 * (grid.MAX_ORDER - order))
        return Partition(starts, np.full(starts.size, order, dtype=np.uint8))

    @staticmethod
    def from_orders(orders: UInt8[np.ndarray, " n"]) -> Partition:
        """Rebuild a partition from the orders of its cells alone.

        Raises:
            ArtifactError: cells of these orders do not tile the Earth.
        """
        orders = np.asarray(orders, dtype=np.uint8)
        if orders.size == 0 or orders.max() > grid.MAX_ORDER:
            raise ArtifactError(f"A partition needs orders within 0..{grid.MAX_ORDER}.")
        sizes = np.int64(1) << (2 * (grid.MAX_ORDER - orders.astype(np.int64)))
        ends = np.cumsum(sizes)
        starts = ends - sizes
        if ends[-1] != grid.cell_count(grid.MAX_ORDER) or (starts & (sizes - 1)).any():
            raise ArtifactError("These cells do not tile the Earth: the file is damaged.")
        return Partition(starts, orders)

    @staticmethod
    def from_splits(base_order: int, splits: dict[int, Int[np.ndarray, " m"]]) -> Partition:
        """Tile at ``base_order``, then split the given cells of each order (a split cell's parent is split too).

        Args:
            base_order: order of the cells that are not split.
            splits: for each order from ``base_order`` on, the cells to be replaced by their four children.
        """
        starts, orders = [], []
        candidates = np.arange(grid.cell_count(base_order), dtype=np.int64)
        for order in range(base_order, grid.MAX_ORDER + 1):
            split = np.unique(splits.get(order, np.empty(0, np.int64)))
            leaves = candidates if split.size == 0 else np.setdiff1d(candidates, split, assume_unique=True)
            starts.append(leaves << (2 * (grid.MAX_ORDER - order)))
            orders.append(np.full(leaves.size, order, dtype=np.uint8))
            if split.size == 0:
                break
            candidates = grid.children(split, order, order + 1).ravel()
        if len(starts) == 1:
            return Partition.uniform(base_order)
        all_starts, all_orders = np.concatenate(starts), np.concatenate(orders)
        rank = np.argsort(all_starts, kind="stable")
        return Partition(all_starts[rank], all_orders[rank])

    def __len__(self) -> int:
        return int(self.starts.size)

    @cached_property
    def cells(self) -> Int[np.ndarray, " n"]:
        """Nested index of each cell within its own order."""
        return self.starts >> (2 * (grid.MAX_ORDER - self.orders.astype(np.int64)))

    @cached_property
    def fractions(self) -> Float[np.ndarray, " n"]:
        """Share of the Earth's surface in each cell; sums to 1."""
        by_order = 1.0 / (12.0 * 4.0 ** np.arange(grid.MAX_ORDER + 1))
        return by_order[self.orders]

    @cached_property
    def areas_km2(self) -> Float[np.ndarray, " n"]:
        """Area of each cell, km²."""
        return self.fractions * grid.EARTH_AREA_KM2

    def _from_tables(self, table: int, width: int) -> np.ndarray:
        out = np.empty((len(self), width))
        new = np.ones(len(self), dtype=bool)
        if self.origin is not None:
            index = self.index_in(self.origin)
            new = self.orders != self.origin.orders[index]
            out[:] = (self.origin.vectors if table == 0 else self.origin._lat_lon)[index]
        for order in np.unique(self.orders[new]).tolist():
            mine = np.flatnonzero(new & (self.orders == order))
            if order <= _TABLED_ORDER:
                out[mine] = _order_table(order)[table][self.cells[mine]]
            else:
                lat, lon = grid.centres(self.cells[mine], order)
                out[mine] = grid.unit_vectors(lat, lon) if table == 0 else np.stack([lat, lon], axis=-1)
        out.setflags(write=False)
        return out

    @cached_property
    def vectors(self) -> Float[np.ndarray, "n 3"]:
        """Unit vectors of the cells' centres on the authalic sphere."""
        return self._from_tables(0, 3)

    @cached_property
    def _lat_lon(self) -> Float[np.ndarray, "n 2"]:
        return self._from_tables(1, 2)

    @property
    def lat_deg(self) -> Float[np.ndarray, " n"]:
        """Latitudes of the cells' centres."""
        return self._lat_lon[:, 0]

    @property
    def lon_deg(self) -> Float[np.ndarray, " n"]:
        """Longitudes of the cells' centres, [−180, 180)."""
        return self._lat_lon[:, 1]

    def index_at(self, lat_deg: Numbers, lon_deg: Numbers) -> IntArray:
        """Index of the cell that holds each point."""
        deep = grid.cells_at(lat_deg, lon_deg, grid.MAX_ORDER)
        return np.asarray(np.searchsorted(self.starts, deep, side="right") - 1)

    def index_in(self, coarser: Partition) -> Int[np.ndarray, " n"]:
        """For each cell the index of the cell of ``coarser`` that holds it.

        ``coarser`` must be nowhere finer than this partition (as it is for every part of a `union`).
        """
        if coarser is self:
            return np.arange(len(self))
        known = self._indices.get(id(coarser))
        if known is None:
            known = self._indices[id(coarser)] = (coarser, self._find_in(coarser))
        return known[1]

    @cached_property
    def _indices(self) -> dict[int, tuple[Partition, Int[np.ndarray, " n"]]]:
        """What `index_in` found before; the other partition is kept, so that its id stays its own."""
        return {}

    def _find_in(self, coarser: Partition) -> Int[np.ndarray, " n"]:
        order = int(coarser.orders[0])
        if coarser is Partition.uniform(order):
            return self.starts >> (2 * (grid.MAX_ORDER - order))
        marks = np.zeros(len(self), dtype=np.int64)
        marks[np.searchsorted(self.starts, coarser.starts)] = 1
        return np.cumsum(marks) - 1

    def union(self, other: Partition) -> Partition:
        """The coarsest partition that is nowhere coarser than either."""
        if other is self:
            return self
        for a, b in ((self, other), (other, self)):
            if a.orders.min() >= b.orders.max():
                return a
        starts = np.concatenate([self.starts, other.starts])
        starts.sort(kind="stable")
        starts = starts[np.concatenate([[True], starts[1:] != starts[:-1]])]
        if starts.size == len(self):
            return self
        if starts.size == len(other):
            return other
        orders = np.zeros(starts.size, dtype=np.uint8)
        out = Partition(starts, orders, origin=max(self, other, key=len))
        np.maximum(self.orders[out.index_in(self)], other.orders[out.index_in(other)], out=orders)
        return out

    @staticmethod
    def union_of(partitions: Iterable[Partition]) -> Partition:
        """Union of many, each distinct one taken once, the smaller ones first."""
        distinct = {id(p): p for p in partitions}
        return reduce(Partition.union, sorted(distinct.values(), key=len, reverse=True))

    def split(self, mask: np.ndarray, times: int = 1) -> Partition:
        """Replace the cells under ``mask`` (boolean, or indices) by their descendants ``times`` orders down."""
        counts = np.ones(len(self), dtype=np.int64)
        counts[mask] = 4**times
        orders = np.repeat(self.orders, counts)
        orders[np.repeat(counts > 1, counts)] += np.uint8(times)
        return Partition.from_orders(orders)

    def outlines(self, index: Int[np.ndarray, " m"], step: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Latitudes and longitudes, ``m × 4·step``, of the outlines of some cells (`grid.boundaries`)."""
        lat = np.empty((len(index), 4 * step))
        lon = np.empty_like(lat)
        for order in np.unique(self.orders[index]).tolist():
            mine = np.flatnonzero(self.orders[index] == order)
            lat[mine], lon[mine] = grid.boundaries(self.cells[index[mine]], order, step)
        return lat, lon
