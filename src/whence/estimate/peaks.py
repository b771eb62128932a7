"""Where a belief peaks: the candidates, the answer among them, and how far the belief spreads around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.earth import grid
from whence.earth.coordinates import Point, distance_km, geodesic_median
from whence.earth.field import Field
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
    partition = belief.partition
    live = belief.mass.copy()
    group, weight = _groups(belief, order)
    radius = _NEIGHBOURHOOD * float(grid.cell_size_km(order))
    out: list[Peak] = []
    while len(out) < count:
        totals = np.bincount(group, live) * weight
        best = int(np.argmax(totals))
        members = np.flatnonzero(group == best)
        centre = live[members] @ partition.vectors[members]
        if not np.linalg.norm(centre) > 0.0:
            break
        centre /= np.linalg.norm(centre)
        reach = max(radius, float(_NEIGHBOURHOOD * grid.cell_size_km(int(partition.orders[members[0]])) / 2.0))
        near = np.union1d(members, _within(partition.vectors, centre, reach))
        near = near[live[near] > 0.0]
        probability = float(live[near].sum())
        if out and probability < 1e-3:
            break
        point = _median(belief, near, live[near])
        far = grid.chord_km(partition.vectors[near], grid.unit_vectors(point.lat_deg, point.lon_deg))
        half = float(far[crossing(far, live[near], 0.5).index])
        out.append(Peak(point, probability, half))
        live[near] = 0.0
    return tuple(sorted(out, key=lambda peak: -peak.probability))


def _groups(belief: Field, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell of ``order`` (or coarser leaf) of each leaf, and the share that makes sizes equal."""
    orders = belief.partition.orders.astype(np.int64)
    level = np.minimum(orders, order)
    key = belief.partition.starts >> (2 * (grid.MAX_ORDER - order))
    first = np.concatenate([[True], key[1:] != key[:-1]])
    group = np.cumsum(first) - 1
    return group, 4.0 ** (level[first] - order)


def _within(vectors: Float[np.ndarray, "n 3"], centre: Float[np.ndarray, " 3"], km: float) -> np.ndarray:
    """Indices of the unit vectors within a distance; a cosine first, the exact chord for what is left."""
    close = np.flatnonzero(vectors @ centre >= np.cos(min(km / grid.EARTH_RADIUS_KM, np.pi)) - 1e-9)
    return close[grid.chord_km(vectors[close], centre) <= km]


def _median(belief: Field, index: np.ndarray, mass: Float[np.ndarray, " m"]) -> Point:
    heavy = np.argsort(-mass, kind="stable")[:512]
    partition = belief.partition
    return geodesic_median(partition.lat_deg[index[heavy]], partition.lon_deg[index[heavy]], mass[heavy])


def error_quantiles_km(belief: Field, at: Point, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Distances (WGS84 geodesic) around a point that hold the given shares of the belief.

    Within the cell that completes a share the mass is taken as even, so the figure does not jump by a cell.
    """
    partition = belief.partition
    far = grid.chord_km(partition.vectors, grid.unit_vectors(at.lat_deg, at.lon_deg))
    out = []
    for level in levels:
        edge = crossing(far, belief.mass, level)
        cell = edge.index
        km = float(distance_km(at.lat_deg, at.lon_deg, partition.lat_deg[cell], partition.lon_deg[cell]))
        half = 0.5 * float(grid.cell_size_km(int(partition.orders[cell])))
        part = (level - edge.before) / max(edge.after - edge.before, 1e-300)
        out.append(max(km + half * (2.0 * part - 1.0), half * part))
    return tuple(np.maximum.accumulate(out).tolist())


def mass_within(belief: Field, at: Point, radius_km: float) -> float:
    """Mass of the belief in the cells whose centres lie within a distance of a point, its own cell included."""
    centre = grid.unit_vectors(at.lat_deg, at.lon_deg)
    own = belief.partition.index_at(at.lat_deg, at.lon_deg).reshape(1)
    return float(belief.mass[np.union1d(_within(belief.partition.vectors, centre, radius_km), own)].sum())
