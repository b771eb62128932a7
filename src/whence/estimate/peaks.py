"""Where a belief peaks: the candidates, the answer among them, and how far the belief spreads around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import ranges
from whence.earth import grid
from whence.earth.coordinates import Point, distance_km, geodesic_median
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.earth.quantiles import crossing

_NEIGHBOURHOOD = 2.0  # radius of a peak's neighbourhood, in cells of the scale at which peaks are sought


@dataclass(frozen=True, slots=True)
class Peak:
    """A place where the belief gathers.

    Attributes:
        point: geodesic median of the belief around the peak.
        probability: mass around it, none of it counted for an earlier peak.
        radius_km: radius around the point that holds half of that mass.
    """

    point: Point
    probability: float
    radius_km: float


def peak_order(belief: Field) -> int:
    """Order of the cells by which peaks are told apart: the width of the 50 % region, 3 to 100 km."""
    width_km = float(np.sqrt(belief.credible_region(0.5).area_km2))
    return int(np.clip(grid.order_for_size_km(max(width_km, 1.0)), 6, 11))


def peaks(belief: Field, count: int, order: int | None = None) -> tuple[Peak, ...]:
    """Find the strongest peaks, strongest first, their neighbourhoods apart.

    The belief is summed over cells of one scale; the heaviest cell and all within two cells of it are a peak;
    what it holds is taken away, and so on.

    Args:
        belief: normalised.
        count: how many at most; peaks below a thousandth of the belief are left out after the first.
        order: scale; by `peak_order` if not given.
    """
    order = peak_order(belief) if order is None else order
    partition, index = belief.partition, _held(belief)
    vectors, live = partition.vectors_of(index), belief.mass[index]
    all_of_it = index.size == len(partition)
    group, weight = _all_groups(partition, order) if all_of_it else _groups(partition, index, order)
    radius = _NEIGHBOURHOOD * float(grid.cell_size_km(order))
    out: list[Peak] = []
    while len(out) < count:
        best = int(np.argmax(np.bincount(group, live) * weight))
        members = np.arange(*np.searchsorted(group, [best, best + 1]))
        centre = np.einsum("i,ij", live[members], vectors[members])
        if not np.linalg.norm(centre) > 0.0:
            break
        centre /= np.linalg.norm(centre)
        coarse_km = float(grid.cell_size_km(int(partition.orders[index[members[0]]])))
        near = np.union1d(members, _within(vectors, centre, max(radius, _NEIGHBOURHOOD * coarse_km / 2.0)))
        near = near[live[near] > 0.0]
        probability = float(live[near].sum())
        if out and probability < 1e-3:
            break
        point = _median(belief, index[near], live[near])
        far = grid.chord_km(vectors[near], grid.unit_vectors(point.lat_deg, point.lon_deg))
        half = float(far[crossing(far, live[near], 0.5).index])
        out.append(Peak(point, probability, half))
        live[near] = 0.0
    return tuple(sorted(out, key=lambda peak: -peak.probability))


def _held(belief: Field) -> Int[np.ndarray, " m"]:
    """Cells that hold the belief but for less than a thousandth: few of them when it is sharp, else all."""
    held = belief.mass > 1e-3 / len(belief.partition)
    few = 2 * int(np.count_nonzero(held)) < held.size
    return np.flatnonzero(held) if few else np.arange(held.size)


@lru_cache(maxsize=2)
def _all_groups(partition: Partition, order: int) -> tuple[np.ndarray, np.ndarray]:
    """`_groups` of all leaves: a ledger asks for the peaks of many beliefs on one partition."""
    return _groups(partition, np.arange(len(partition)), order)


def _groups(partition: Partition, index: Int[np.ndarray, " m"], order: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell of ``order`` (or coarser leaf) of each leaf, and the share that makes sizes equal."""
    level = np.minimum(partition.orders[index].astype(np.int64), order)
    key = partition.starts[index] >> (2 * (grid.MAX_ORDER - order))
    first = np.concatenate([[True], key[1:] != key[:-1]])
    return np.cumsum(first) - 1, 4.0 ** (level[first] - order)


def _within(vectors: Float[np.ndarray, "n 3"], centre: Float[np.ndarray, " 3"], km: float) -> np.ndarray:
    """Indices of the unit vectors within a distance; a cosine first, the exact chord for what is left."""
    close = np.flatnonzero(np.einsum("ij,j", vectors, centre) >= np.cos(min(km / grid.EARTH_RADIUS_KM, np.pi)) - 1e-9)
    return close[grid.chord_km(vectors[close], centre) <= km]


def _median(belief: Field, index: np.ndarray, mass: Float[np.ndarray, " m"]) -> Point:
    heavy = np.argsort(-mass, kind="stable")[:512]
    return geodesic_median(*belief.partition.centres_of(index[heavy]), mass[heavy])


def error_quantiles_km(belief: Field, at: Point, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Distances (WGS84 geodesic) around a point that hold the given shares of the belief.

    Within the cell that completes a share the mass is taken as even, so the figure does not jump by a cell.
    """
    partition, index = belief.partition, _held(belief)
    far = grid.chord_km(partition.vectors_of(index), grid.unit_vectors(at.lat_deg, at.lon_deg))
    out = []
    for level in levels:
        edge = crossing(far, belief.mass[index], level)
        cell = index[edge.index : edge.index + 1]
        km = float(distance_km(at.lat_deg, at.lon_deg, *partition.centres_of(cell))[0])
        half = 0.5 * float(grid.cell_size_km(int(partition.orders[cell[0]])))
        part = (level - edge.before) / max(edge.after - edge.before, 1e-300)
        out.append(max(km + half * (2.0 * part - 1.0), half * min(part, 1.0)))
    return tuple(np.maximum.accumulate(out).tolist())


@dataclass(frozen=True, eq=False)
class Disc:
    """The cells of a partition within a distance of a point.

    Cells count whole by their centres; of the cell of the point itself, if it is larger than the disc, the disc's
    share of its area counts.

    Attributes:
        inside: cells whose centres lie within, without that of the point.
        own: cell of the point.
        share: of that cell that counts.
    """

    inside: Int[np.ndarray, " m"]
    own: int
    share: float

    @staticmethod
    def around(partition: Partition, at: Point, radius_km: float) -> Disc:
        """Find the cells around a point."""
        order = int(np.clip(grid.order_for_size_km(radius_km / 3.0 + 1e-4), 3, 24))
        shift = 2 * (grid.MAX_ORDER - order)
        cells = grid.disc(at.lat_deg, at.lon_deg, radius_km + grid.radius_km(order), order)
        first = np.searchsorted(partition.starts, cells << shift, side="right") - 1
        around = ranges(first, np.searchsorted(partition.starts, (cells + 1) << shift) - first)
        around = around[np.diff(around, prepend=-1) > 0]  # ascending; a large leaf stands there once a cell
        far = grid.chord_km(partition.vectors_of(around), grid.unit_vectors(at.lat_deg, at.lon_deg))
        own = int(partition.index_at(at.lat_deg, at.lon_deg))
        share = min(1.0, np.pi * radius_km**2 / float(partition.areas_km2[own]))
        return Disc(around[(far <= radius_km) & (around != own)], own, share)

    def mass(self, belief: Field) -> float:
        """Mass of a belief on the same partition."""
        return float(belief.mass[self.inside].sum() + self.share * belief.mass[self.own])
