"""Which windows touch a part of the Earth."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import CoordinateError
from whence.earth import grid
from whence.earth.coordinates import destination, distance_km
from whence.earth.field import CellRegion, Field

Near: TypeAlias = tuple[float, float, float]
"""Latitude and longitude in degrees, and a radius in metres."""

FIELD_LEVEL = 0.9
"""Probability of the credible region that stands for a belief."""

_EARTH_M = 6_371_000.0
_SLACK = 0.01
"""Distances on the sphere are within this share of those on WGS84."""

_CHUNK = 4_000_000


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
    out = np.asarray(region.contains(lat, lon))
    rest = np.flatnonzero(~out)
    if not rest.size or not region.index.size:
        return out
    bearing = np.arange(8) * 45.0
    around = destination(lat[rest, None], lon[rest, None], bearing, reach_m[rest, None] / 1e3)
    out[rest] = np.asarray(region.contains(around[0].ravel(), around[1].ravel())).reshape(-1, 8).any(axis=1)
    # Cells that are smaller than the window may lie between the eight points.
    smallest = float(np.sqrt(region.partition.areas_km2[region.index].min())) * 1e3
    rest = np.flatnonzero(~out & (reach_m > smallest / 4.0))
    if rest.size:
        cells = region.partition.vectors_of(region.index)
        step = max(1, _CHUNK // len(cells))
        for start in range(0, rest.size, step):
            part = rest[start : start + step]
            cosine = (grid.unit_vectors(lat[part], lon[part]) @ cells.T).max(axis=1)
            out[part] = _EARTH_M * np.arccos(np.clip(cosine, -1.0, 1.0)) <= reach_m[part] * (1.0 + _SLACK)
    return out
