"""Which windows touch a part of the Earth."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import CoordinateError
from whence.earth import grid
from whence.earth.coordinates import destination, distance_km
from whence.earth.field import CellRegion, Field
from whence.earth.nearest import NearestPoints

Near: TypeAlias = tuple[float, float, float]
"""Latitude and longitude in degrees, and a radius in metres."""

FIELD_LEVEL = 0.9
"""Probability of the credible region that stands for a belief."""

_EARTH_M = 6_371_000.0
_SLACK = 0.01
"""Distances on the sphere are within this share of those on WGS84."""

_BOXES = 100_000
_FEW_BOXES = 8


def allowed_rows(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    side_m: Float[np.ndarray, " n"],
    within: CellRegion | Field | None,
    near: Near | None,
) -> Bool[np.ndarray, " n"]:
    """Tell which windows lie in a region and near a point, or within half their side of it.

    Args:
        lat_deg: latitudes of their middles.
        lon_deg: longitudes.
        side_m: their sides.
        within: a region, or a belief of which the 90 % region counts; everywhere if not given.
        near: a point and a radius; everywhere if not given.

    Raises:
        CoordinateError: a point that is none, or a radius that is not positive.
    """
    out = np.ones(len(lat_deg), bool)
    if near is not None:
        out &= _near(lat_deg, lon_deg, side_m / 2.0, near)
    if within is not None:
        region = within.credible_region(FIELD_LEVEL) if isinstance(within, Field) else within
        rows = np.flatnonzero(out)
        out[rows] = _in_region(lat_deg[rows], lon_deg[rows], side_m[rows] / 2.0, region)
    return out


def _near(lat: np.ndarray, lon: np.ndarray, reach_m: np.ndarray, near: Near) -> Bool[np.ndarray, " n"]:
    at_lat, at_lon, radius = near
    if not (-90.0 <= at_lat <= 90.0 and np.isfinite(at_lon) and radius > 0.0):
        raise CoordinateError(f"A point and a radius above 0 m are needed, received {near}.")
    about = _EARTH_M * _angles(lat, lon, at_lat, at_lon)
    limit = radius + reach_m
    out = about <= limit * (1.0 - _SLACK)
    unsure = np.flatnonzero(~out & (about <= limit * (1.0 + _SLACK) + 1e-6))
    out[unsure] = distance_km(lat[unsure], lon[unsure], at_lat, at_lon) * 1e3 <= limit[unsure]
    return np.asarray(out)


def _angles(lat: np.ndarray, lon: np.ndarray, at_lat: float, at_lon: float) -> Float[np.ndarray, " n"]:
    """Angles on the sphere, radians; exact for small ones too."""
    phi, at_phi = np.radians(lat), np.radians(at_lat)
    half = np.sin((phi - at_phi) / 2.0) ** 2
    half += np.cos(phi) * np.cos(at_phi) * np.sin(np.radians(lon - at_lon) / 2.0) ** 2
    return 2.0 * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def _in_region(lat: np.ndarray, lon: np.ndarray, reach_m: np.ndarray, region: CellRegion) -> Bool[np.ndarray, " n"]:
    """Middles in the region; else eight points around at half the side; else cells whose centre is within reach."""
    out = np.zeros(len(lat), bool)
    if not len(lat) or not region.index.size:
        return out
    cells = region.partition.vectors_of(region.index)
    rows = np.flatnonzero(_close(grid.unit_vectors(lat, lon), cells, float(reach_m.max()) / _EARTH_M + _radius(region)))
    out[rows] = region.contains(lat[rows], lon[rows])
    rest = rows[~out[rows]]
    if rest.size:
        around = destination(lat[rest, None], lon[rest, None], np.arange(8) * 45.0, reach_m[rest, None] / 1e3)
        out[rest] = np.asarray(region.contains(around[0].ravel(), around[1].ravel())).reshape(-1, 8).any(axis=1)
    # Cells that are smaller than the window may lie between the eight points.
    smallest = float(np.sqrt(region.partition.areas_km2[region.index].min())) * 1e3
    rest = rows[~out[rows] & (reach_m[rows] > smallest / 4.0)]
    if rest.size:
        nearest = NearestPoints(cells, np.arange(len(cells))).nearest_each(lat[rest], lon[rest])
        gap = np.linalg.norm(grid.unit_vectors(lat[rest], lon[rest]) - cells[nearest], axis=1)
        out[rest] = 2.0 * _EARTH_M * np.arcsin(gap / 2.0) <= reach_m[rest] * (1.0 + _SLACK)
    return out


def _radius(region: CellRegion) -> float:
    """Bound on the angle between the centre of a cell and its corners: a cell is no longer than 2.5 times its side."""
    return 1.25 * float(np.sqrt(region.partition.areas_km2[region.index].max())) * 1e3 / _EARTH_M


def _close(rows: Float[np.ndarray, "n 3"], cells: Float[np.ndarray, "m 3"], reach: float) -> Bool[np.ndarray, " n"]:
    """Rows that may lie within a reach of a cell's centre: space is cut into boxes that wide, neighbours count."""
    boxes = max(1, min(_BOXES, int(2.0 / (1.01 * reach))))
    if boxes < _FEW_BOXES:
        return np.ones(len(rows), bool)

    def box(vectors: np.ndarray) -> np.ndarray:
        return np.clip(((vectors + 1.0) * (boxes / 2.0)).astype(np.int64), 0, boxes - 1) + 1

    def key(places: np.ndarray) -> np.ndarray:
        return np.asarray((places[..., 0] * (boxes + 2) + places[..., 1]) * (boxes + 2) + places[..., 2])

    steps = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3), axis=-1).reshape(-1, 3)
    near = np.unique(key(np.unique(box(cells), axis=0)[:, None] + steps))
    return np.isin(key(box(rows)), near)
