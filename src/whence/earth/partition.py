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
        base = Partition.uniform(base_order)
        starts, orders = [], []
        split = first = np.unique(splits.get(base_order, np.empty(0, np.int64)))
        order = base_order
        while split.size:
            candidates = grid.children(split, order, order + 1).ravel()
            order += 1
            split = np.unique(splits.get(order, np.empty(0, np.int64)))
            leaves = np.setdiff1d(candidates, split, assume_unique=True)
            starts.append(leaves << (2 * (grid.MAX_ORDER - order)))
            orders.append(np.full(leaves.size, order, dtype=np.uint8))
        if not starts:
            return base
        new_starts, new_orders = np.concatenate(starts), np.concatenate(orders)
        rank = np.argsort(new_starts)
        return base._with(first, new_starts[rank], new_orders[rank])

    def _with(
        self, gone: Int[np.ndarray, " g"], starts: Int[np.ndarray, " m"], orders: UInt8[np.ndarray, " m"]
    ) -> Partition:
        """This partition with some cells replaced by others that tile them, ascending."""
        kept = np.delete(np.arange(len(self)), gone)
        old = self.starts[kept]
        at = np.searchsorted(old, starts)
        out = Partition(np.insert(old, at, starts), np.insert(self.orders[kept], at, orders), origin=self)
        inside = np.searchsorted(self.starts, starts, side="right") - 1
        out._indices[id(self)] = (self, np.insert(kept, at, inside))
        return out

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

    def _centres(self, index: Int[np.ndarray, " m"], table: int) -> np.ndarray:
        """Unit vectors (table 0) or latitudes and longitudes (1) of the centres of some cells."""
        out = np.empty((index.size, 3 - table))
        orders, cells = self.orders[index], self.cells[index]
        for order in np.unique(orders).tolist():
            mine = np.flatnonzero(orders == order)
            if order <= _TABLED_ORDER:
                out[mine] = _order_table(order)[table][cells[mine]]
            else:
                lat, lon = grid.centres(cells[mine], order)
                out[mine] = grid.unit_vectors(lat, lon) if table == 0 else np.stack([lat, lon], axis=-1)
        return out

    def _all_centres(self, table: int) -> np.ndarray:
        if self.origin is None:
            return self._centres(np.arange(len(self)), table)
        index = self.index_in(self.origin)
        out = (self.origin.vectors if table == 0 else self.origin._lat_lon)[index]
        new = np.flatnonzero(self.orders != self.origin.orders[index])
        out[new] = self._centres(new, table)
        return out

    @cached_property
    def vectors(self) -> Float[np.ndarray, "n 3"]:
        """Unit vectors of the cells' centres on the authalic sphere."""
        return self._all_centres(0)

    def vectors_of(self, index: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m 3"]:
        """`vectors` of some distinct cells, ascending; of a few, without those of all the others."""
        few = "vectors" not in self.__dict__ and 4 * index.size < len(self)
        if few:
            return self._centres(index, 0)
        return self.vectors if index.size == len(self) else self.vectors[index]

    @cached_property
    def _lat_lon(self) -> Float[np.ndarray, "n 2"]:
        return self._all_centres(1)

    def centres_of(self, index: Int[np.ndarray, " m"]) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Latitudes and longitudes of the centres of some cells; of a few, without those of all the others."""
        few = "_lat_lon" not in self.__dict__ and 4 * index.size < len(self)
        found = self._centres(index, 1) if few else self._lat_lon[index]
        return found[:, 0], found[:, 1]

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
        order = int(coarser.orders.min())
        base = self.starts >> (2 * (grid.MAX_ORDER - order))
        if coarser is Partition.uniform(order):
            return base
        count = np.bincount(coarser.starts >> (2 * (grid.MAX_ORDER - order)), minlength=grid.cell_count(order))
        found = (np.cumsum(count) - count)[base]
        among = np.flatnonzero(count[base] > 1)
        found[among] = np.searchsorted(coarser.starts, self.starts[among], side="right") - 1
        return found

    def union(self, other: Partition) -> Partition:
        """The coarsest partition that is nowhere coarser than either."""
        if other is self:
            return self
        large, small = (self, other) if len(self) >= len(other) else (other, self)
        fine = np.flatnonzero(small.orders > large.orders.min())
        within = np.searchsorted(large.starts, small.starts[fine], side="right") - 1
        finer = small.orders[fine] > large.orders[within]
        if not finer.any():
            return large
        new = fine[finer]
        out = large._with(np.unique(within[finer]), small.starts[new], small.orders[new])
        return small if len(out) == len(small) else out

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
