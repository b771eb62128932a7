"""HEALPix nested grid on WGS84: equal-area cells from continents down to centimetres.

The sphere that HEALPix tiles is the authalic sphere of WGS84: geodetic latitudes are converted to authalic
ones first, so that every cell of one order has the same area on the ellipsoid.
Order ``k`` has ``12 · 4**k`` cells; children of cell ``c`` are ``4c … 4c + 3`` one order down.

Source: Górski et al. 2005 (HEALPix); Snyder 1987, *Map Projections: A Working Manual*, p. 16 (authalic latitude).
"""

from __future__ import annotations

from functools import lru_cache

import healpix
import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import FloatArray, IntArray, Numbers

MAX_ORDER = 29
"""Finest order of the grid; a cell is then about 2 cm across."""

EARTH_AREA_KM2 = 510_065_621.724
"""Surface of the WGS84 ellipsoid."""

EARTH_RADIUS_KM = 6371.0071809
"""Radius of the sphere with the ellipsoid's area."""

_E2 = 0.0066943799901413165
_E = np.sqrt(_E2)
_QP = 1.0 + (1.0 - _E2) / _E * np.arctanh(_E)


def authalic_lat_deg(lat_deg: Numbers) -> FloatArray:
    """Geodetic to authalic latitude, both in degrees (Snyder eq. 3-11, 3-12)."""
    s = np.sin(np.radians(np.asarray(lat_deg, dtype=np.float64)))
    q = (1.0 - _E2) * (s / (1.0 - _E2 * s * s) + np.arctanh(_E * s) / _E)
    return np.degrees(np.arcsin(np.clip(q / _QP, -1.0, 1.0)))


def geodetic_lat_deg(authalic_deg: Numbers) -> FloatArray:
    """Authalic to geodetic latitude, both in degrees: the series of Snyder eq. 3-18 to order e⁶.

    One fixed-point step against `authalic_lat_deg` takes the series to better than 1e-10 degrees.
    """
    beta = np.radians(np.asarray(authalic_deg, dtype=np.float64))
    e2, e4, e6 = _E2, _E2**2, _E2**3
    phi = (
        beta
        + (e2 / 3 + 31 * e4 / 180 + 517 * e6 / 5040) * np.sin(2 * beta)
        + (23 * e4 / 360 + 251 * e6 / 3780) * np.sin(4 * beta)
        + (761 * e6 / 45360) * np.sin(6 * beta)
    )
    lat = np.degrees(phi)
    return np.clip(lat + (np.asarray(authalic_deg) - authalic_lat_deg(lat)), -90.0, 90.0)


def cell_count(order: int) -> int:
    """Number of cells of an order."""
    return 12 << (2 * order)


def cell_area_km2(order: Numbers) -> FloatArray:
    """Area of one cell of each order, km²."""
    return EARTH_AREA_KM2 / (12.0 * 4.0 ** np.asarray(order, dtype=np.float64))


def cell_size_km(order: Numbers) -> FloatArray:
    """Side of the square that has the area of a cell, km: 51 at order 7, 0.1 at order 16."""
    return np.sqrt(cell_area_km2(order))


def order_for_size_km(size_km: float) -> int:
    """Coarsest order whose cells are at most ``size_km`` across, within 0..`MAX_ORDER`."""
    order = np.ceil(0.5 * np.log2(EARTH_AREA_KM2 / 12.0 / size_km**2))
    return int(np.clip(order, 0, MAX_ORDER))


def cells_at(lat_deg: Numbers, lon_deg: Numbers, order: int) -> IntArray:
    """Cell of one order that holds each point (degrees, WGS84)."""
    lat, lon = np.broadcast_arrays(authalic_lat_deg(lat_deg), np.asarray(lon_deg, dtype=np.float64))
    shape = lat.shape
    pixels = healpix.ang2pix(
        1 << order, np.mod(lon, 360.0).ravel(), np.clip(lat, -90.0, 90.0).ravel(), nest=True, lonlat=True
    )
    return np.asarray(pixels, dtype=np.int64).reshape(shape)


def centres(cells: IntArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Latitude and longitude of the centres of cells of one order, degrees, longitude in [−180, 180)."""
    cells = np.asarray(cells, dtype=np.int64)
    lon, lat = healpix.pix2ang(1 << order, cells.ravel(), nest=True, lonlat=True)
    lon = np.mod(np.asarray(lon) + 180.0, 360.0) - 180.0
    return geodetic_lat_deg(np.asarray(lat)).reshape(cells.shape), lon.reshape(cells.shape)


def unit_vectors(lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "... 3"]:
    """Unit vectors on the authalic sphere, on which cells and kernels live."""
    lat = np.radians(authalic_lat_deg(lat_deg))
    lon = np.radians(np.asarray(lon_deg, dtype=np.float64))
    lat, lon = np.broadcast_arrays(lat, lon)
    cos = np.cos(lat)
    return np.stack([cos * np.cos(lon), cos * np.sin(lon), np.sin(lat)], axis=-1)


def lat_lon(vectors: Float[np.ndarray, "... 3"]) -> tuple[FloatArray, FloatArray]:
    """Inverse of `unit_vectors`; the vectors need not be of unit length."""
    x, y, z = np.moveaxis(np.asarray(vectors, dtype=np.float64), -1, 0)
    return geodetic_lat_deg(np.degrees(np.arctan2(z, np.hypot(x, y)))), np.degrees(np.arctan2(y, x))


def parents(cells: IntArray, order: int, coarse: int) -> IntArray:
    """Ancestors at order ``coarse`` of cells of ``order``."""
    return np.asarray(cells, dtype=np.int64) >> (2 * (order - coarse))


def children(cells: IntArray, order: int, fine: int) -> Int[np.ndarray, "n k"]:
    """Descendants at order ``fine`` of each of ``n`` cells of ``order``, in nested order."""
    shift = 2 * (fine - order)
    return (np.asarray(cells, dtype=np.int64).reshape(-1, 1) << shift) + np.arange(1 << shift)


def _edge_cells(cells: IntArray, x: IntArray, y: IntArray, depth: int) -> IntArray:
    """Descendants ``depth`` orders down at integer positions ``x``, ``y`` inside each cell."""
    code = np.zeros(np.broadcast(x, y).shape, dtype=np.int64)
    for bit in range(depth):
        code |= ((x >> bit) & 1) << (2 * bit)
        code |= ((y >> bit) & 1) << (2 * bit + 1)
    return (np.asarray(cells, dtype=np.int64)[:, None] << (2 * depth)) + code


def boundaries(
    cells: Int[np.ndarray, " n"], order: int, step: int = 1
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Outlines of cells as latitudes and longitudes, ``k = 4 · step`` points, counter-clockwise from the south.

    A corner is taken as the centre of the outermost descendant of the grid's finest order, which is within
    1 cm of it. ``step`` must be a power of two.
    """
    depth = MAX_ORDER - order
    if depth == 0:
        raise ValueError(f"Cells of order {MAX_ORDER} are the finest and have no outline of their own.")
    last = (1 << depth) - 1
    steps = np.minimum((np.arange(step, dtype=np.int64) << depth) // step, last)
    zero, full = np.zeros(step, np.int64), np.full(step, last, np.int64)
    x = np.concatenate([steps, full, last - steps, zero])
    y = np.concatenate([zero, steps, full, last - steps])
    return centres(_edge_cells(cells, x, y, depth), MAX_ORDER)


def neighbours(cells: Int[np.ndarray, " n"], order: int) -> Int[np.ndarray, "n 8"]:
    """The eight cells around each cell, −1 where only seven exist (24 cells of each order).

    Columns run counter-clockwise from the southern corner, corners and edges in turn. Found geometrically: a
    point just beyond the middle of each edge and beyond each corner is looked up; where the outline bends so
    much that this finds an edge's cell again, a ring of points around the corner decides. Reliable to order 24.
    """
    if order == 0:
        raise ValueError("Neighbours are defined from order 1 on; at order 0 use the 12 base cells.")
    cells = np.asarray(cells, dtype=np.int64)
    middle = unit_vectors(*centres(cells, order))[:, None, :]
    outline = unit_vectors(*boundaries(cells, order, step=2))
    found = cells_at(*lat_lon(outline + 0.02 * (outline - middle)), order)
    known = np.concatenate([cells[:, None], found[:, 1::2]], axis=1)
    for column in range(0, 8, 2):
        rows = np.flatnonzero((found[:, column, None] == known).any(axis=1))
        found[rows, column] = _across_corner(outline[rows, column], known[rows], order)
    return found


def _across_corner(
    corners: Float[np.ndarray, "n 3"], known: Int[np.ndarray, "n 5"], order: int
) -> Int[np.ndarray, " n"]:
    """The cell at each corner that is not among ``known``, or −1 where only three cells meet."""
    east = np.stack([-corners[:, 1], corners[:, 0], np.zeros(len(corners))], axis=-1)
    east /= np.linalg.norm(east, axis=-1, keepdims=True)
    north = np.cross(corners, east)
    angle = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)[None, :, None]
    reach = 0.02 * cell_size_km(order) / EARTH_RADIUS_KM
    ring = corners[:, None] + reach * (np.cos(angle) * east[:, None] + np.sin(angle) * north[:, None])
    around = cells_at(*lat_lon(ring), order)
    new = (around[:, :, None] != known[:, None, :]).all(axis=2)
    first = np.argmax(new, axis=1)
    return np.where(new.any(axis=1), around[np.arange(len(around)), first], -1)


@lru_cache(maxsize=4)
def neighbour_table(order: int) -> Int[np.ndarray, "n 8"]:
    """`neighbours` of every cell of an order (kept; order 7 takes 13 MB)."""
    table = neighbours(np.arange(cell_count(order), dtype=np.int64), order)
    table.setflags(write=False)
    return table


def radius_km(order: int) -> float:
    """Upper bound on the distance from a cell's centre to its corners, km (1.05 sides at most, measured)."""
    return float(1.1 * cell_size_km(order))


def chord_km(a: Float[np.ndarray, "... 3"], b: Float[np.ndarray, "... 3"]) -> FloatArray:
    """Great-circle distance on the authalic sphere between unit vectors, km; exact for small distances too.

    Within 0.6 % of the WGS84 geodesic: for kernels and searches. Reported distances use
    `whence.earth.coordinates.distance_km`.
    """
    half = 0.5 * np.linalg.norm(np.asarray(a) - np.asarray(b), axis=-1)
    return 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(half, 1.0))


def disc(lat_deg: float, lon_deg: float, radius_in_km: float, order: int) -> Int[np.ndarray, " n"]:
    """Cells of one order whose centre lies within a radius (WGS84 geodesic) of a point, in nested order.

    Always holds the cell of the point itself.
    """
    from whence.earth.coordinates import distance_km

    point = unit_vectors(lat_deg, lon_deg)
    cells = np.arange(12, dtype=np.int64)
    for level in range(order + 1):
        if level:
            cells = children(cells, level - 1, level).ravel()
        reach = radius_in_km * 1.007 + (radius_km(level) if level < order else 0.0)
        cells = cells[chord_km(unit_vectors(*centres(cells, level)), point) <= reach]
    lat, lon = centres(cells, order)
    inside = cells[distance_km(lat_deg, lon_deg, lat, lon) <= radius_in_km] if cells.size else cells
    return np.union1d(inside, cells_at(lat_deg, lon_deg, order))
