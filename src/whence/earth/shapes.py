"""Discs and polygons as fields: one value inside, another outside, refined along the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.errors import CoordinateError
from whence.earth import grid
from whence.earth.coordinates import distance_km
from whence.earth.field import WORKING_ORDER, Field
from whence.earth.partition import Partition

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_EDGE_CELLS = 48
"""A disc's edge is followed by cells of at most its circumference over this."""


def disc_field(
    lat_deg: float,
    lon_deg: float,
    radius_km: float,
    *,
    inside: float,
    outside: float,
    base_order: int = WORKING_ORDER,
) -> Field:
    """Field with one value within a geodesic radius of a point and another beyond.

    Args:
        lat_deg: latitude of the centre.
        lon_deg: longitude.
        radius_km: above 0; a radius of 20,004 km or more is the whole Earth.
        inside: value inside, nats.
        outside: value outside.
        base_order: order of the cells away from the edge.

    Raises:
        CoordinateError: the radius is not positive.
    """
    if not radius_km > 0.0:
        raise CoordinateError(f"A radius must be above 0 km, received {radius_km}.")
    finest = min(grid.order_for_size_km(2.0 * np.pi * radius_km / _EDGE_CELLS), 24)
    point = grid.unit_vectors(lat_deg, lon_deg)
    splits: dict[int, Int[np.ndarray, " m"]] = {}
    cells = np.arange(12, dtype=np.int64)
    for order in range(max(finest, base_order)):
        far = grid.chord_km(grid.unit_vectors(*grid.centres(cells, order)), point)
        cut = cells[np.abs(far - radius_km) <= grid.radius_km(order) + 0.007 * radius_km]
        if order >= base_order:
            splits[order] = cut
        cells = grid.children(cut, order, order + 1).ravel()
    partition = Partition.from_splits(base_order, splits)
    far = grid.chord_km(partition.vectors, point)
    close = np.abs(far - radius_km) <= 0.01 * radius_km
    far[close] = distance_km(lat_deg, lon_deg, partition.lat_deg[close], partition.lon_deg[close])
    return Field(partition, np.where(far <= radius_km, inside, outside))


def polygon_field(
    geometry: BaseGeometry,
    *,
    inside: float,
    outside: float,
    max_order: int = 10,
    base_order: int = WORKING_ORDER,
) -> Field:
    """Field with one value inside a polygon (or several) and another outside.

    Args:
        geometry: shapely polygon in longitude, latitude degrees. Longitudes may exceed ±180 to cross the
            antimeridian.
        inside: value inside, nats.
        outside: value outside.
        max_order: finest order along the edge; 10 is 6 km.
        base_order: order of the cells away from the edge.
    """
    splits: dict[int, Int[np.ndarray, " m"]] = {}
    cells = np.arange(12, dtype=np.int64)
    for order in range(max_order):
        cut = cells[_crosses(geometry, cells, order)] if order > 2 else cells
        if order >= base_order:
            splits[order] = cut
        cells = grid.children(cut, order, order + 1).ravel()
    partition = Partition.from_splits(base_order, splits)
    within = contains(geometry, partition.lat_deg, partition.lon_deg)
    return Field(partition, np.where(within, inside, outside))


def cells_field(
    cells: Int[np.ndarray, " n"], order: int, *, inside: float, outside: float, base_order: int = WORKING_ORDER
) -> Field:
    """Field with one value in the given cells and another in all others, as coarse as that allows.

    Args:
        cells: distinct cells.
        order: their order, ``base_order`` or finer.
        inside: value in them, nats.
        outside: value elsewhere.
        base_order: order of the cells where nothing changes.
    """
    splits: dict[int, Int[np.ndarray, " m"]] = {}
    for level in range(base_order, order):
        parent, count = np.unique(grid.parents(cells, order, level), return_counts=True)
        splits[level] = parent[count < 4 ** (order - level)]
    partition = Partition.from_splits(base_order, splits)
    member = np.isin(partition.starts >> (2 * (grid.MAX_ORDER - order)), cells)
    return Field(partition, np.where(member, inside, outside))


def contains(
    geometry: BaseGeometry, lat_deg: Float[np.ndarray, " n"], lon_deg: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Tell for each point whether it lies in the geometry, at any turn of its longitude."""
    import shapely

    shapely.prepare(geometry)
    west, _, east, _ = geometry.bounds
    found = np.zeros(np.shape(lat_deg), dtype=bool)
    for turn in (-360.0, 0.0, 360.0):
        lon = np.asarray(lon_deg) + turn
        if west <= lon.max(initial=-np.inf) and east >= lon.min(initial=np.inf):
            found |= shapely.contains_xy(geometry, lon, lat_deg)
    return found


def _crosses(geometry: BaseGeometry, cells: Int[np.ndarray, " n"], order: int) -> Bool[np.ndarray, " n"]:
    """Tell which cells the polygon's edge may run through. Cells at the poles always count as such."""
    import shapely

    if cells.size == 0:
        return np.zeros(0, dtype=bool)
    lat, lon = grid.boundaries(cells, order, step=4)
    _, middle = grid.centres(cells, order)
    lon = middle[:, None] + np.mod(lon - middle[:, None] + 180.0, 360.0) - 180.0
    outlines = shapely.polygons(np.stack([lon, lat], axis=-1))
    edge = geometry.boundary
    shapely.prepare(edge)
    crossing = (np.abs(lat) > 89.0).any(axis=1) | ((lon.max(axis=1) - lon.min(axis=1)) > 120.0)
    for turn in (-360.0, 0.0, 360.0):
        moved = shapely.transform(outlines, lambda xy, turn=turn: np.add(xy, [turn, 0.0])) if turn else outlines
        crossing |= shapely.intersects(edge, moved)
    return np.asarray(crossing)
