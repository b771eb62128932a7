"""Points on WGS84: validation, geodesics, means and bounds.

Order is always (latitude, longitude) in degrees. Distances are WGS84 geodesics (Karney 2013, by way of PROJ).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import CoordinateError
from whence.earth.grid import lat_lon, unit_vectors

if TYPE_CHECKING:
    from pyproj import Geod


@dataclass(frozen=True, slots=True)
class Point:
    """A place on WGS84, degrees; longitude in [−180, 180)."""

    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """A latitude–longitude rectangle, degrees. ``west > east`` means that it crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    def contains(self, lat_deg: Numbers, lon_deg: Numbers) -> np.ndarray:
        """Tell for each point whether it lies inside or on the edge."""
        lat, lon = np.asarray(lat_deg, np.float64), wrap_lon_deg(lon_deg)
        across = (lon >= self.west) | (lon <= self.east)
        between = (lon >= self.west) & (lon <= self.east)
        full = self.east - self.west >= 360.0
        inside_lon = np.ones(lon.shape, bool) if full else (across if self.west > self.east else between)
        return np.asarray((lat >= self.south) & (lat <= self.north) & inside_lon)


@lru_cache(maxsize=1)
def _geod() -> Geod:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def wrap_lon_deg(lon_deg: Numbers) -> FloatArray:
    """Bring longitudes into [−180, 180); those already there stay as they are, to the last bit."""
    lon = np.asarray(lon_deg, np.float64)
    return np.where((lon >= -180.0) & (lon < 180.0), lon, np.mod(lon + 180.0, 360.0) - 180.0)


def point(lat_deg: float, lon_deg: float) -> Point:
    """Return a validated point, the longitude wrapped.

    Raises:
        CoordinateError: a value is not finite, the latitude is outside −90..90 or the longitude outside
            −360..360.
    """
    if not (math.isfinite(lat_deg) and math.isfinite(lon_deg)):
        raise CoordinateError(f"Coordinates must be finite numbers, received ({lat_deg}, {lon_deg}).")
    if abs(lat_deg) > 90.0:
        swapped = " Latitude comes first: are the two swapped?" if abs(lon_deg) <= 90.0 else ""
        raise CoordinateError(f"Latitude {lat_deg} is outside -90..90 degrees.{swapped}")
    if abs(lon_deg) > 360.0:
        raise CoordinateError(f"Longitude {lon_deg} is outside -360..360 degrees.")
    return Point(float(lat_deg), float(wrap_lon_deg(lon_deg)))


def distance_km(lat1: Numbers, lon1: Numbers, lat2: Numbers, lon2: Numbers) -> FloatArray:
    """WGS84 geodesic distance between points, km, with broadcasting."""
    lat1, lon1, lat2, lon2 = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (lat1, lon1, lat2, lon2)))
    _, _, metres = _geod().inv(lon1.ravel(), lat1.ravel(), lon2.ravel(), lat2.ravel())
    return np.asarray(metres).reshape(lat1.shape) / 1000.0


def bearing_deg(lat1: Numbers, lon1: Numbers, lat2: Numbers, lon2: Numbers) -> FloatArray:
    """Azimuth at the first point of the geodesic to the second, degrees clockwise from north, [0, 360)."""
    lat1, lon1, lat2, lon2 = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (lat1, lon1, lat2, lon2)))
    azimuth, _, _ = _geod().inv(lon1.ravel(), lat1.ravel(), lon2.ravel(), lat2.ravel())
    return np.mod(np.asarray(azimuth).reshape(lat1.shape), 360.0)


def destination(
    lat_deg: Numbers, lon_deg: Numbers, bearing: Numbers, range_km: Numbers
) -> tuple[FloatArray, FloatArray]:
    """Points reached along geodesics: latitude and longitude in degrees, with broadcasting."""
    lat, lon, azimuth, km = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (lat_deg, lon_deg, bearing, range_km))
    )
    out_lon, out_lat, _ = _geod().fwd(lon.ravel(), lat.ravel(), azimuth.ravel(), km.ravel() * 1000.0)
    return np.asarray(out_lat).reshape(lat.shape), wrap_lon_deg(out_lon).reshape(lat.shape)


def _weights(n: int, weights: Numbers | None) -> FloatArray:
    if n == 0:
        raise CoordinateError("A mean needs at least one point.")
    w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise CoordinateError(f"Weights must be {n} finite numbers >= 0 with a positive sum.")
    return w / w.sum()


def spherical_mean(lat_deg: Numbers, lon_deg: Numbers, weights: Numbers | None = None) -> Point:
    """Weighted mean direction of points.

    Raises:
        CoordinateError: no points, bad weights, or points that cancel out (antipodes), which have no mean.
    """
    vectors = unit_vectors(np.atleast_1d(lat_deg), np.atleast_1d(lon_deg))
    mean = _weights(len(vectors), weights) @ vectors
    if np.linalg.norm(mean) < 1e-9:
        raise CoordinateError("These points cancel out (antipodes) and have no mean; use geodesic_median.")
    lat, lon = lat_lon(mean)
    return Point(float(lat), float(wrap_lon_deg(lon)))


def geodesic_median(lat_deg: Numbers, lon_deg: Numbers, weights: Numbers | None = None) -> Point:
    """Point with the least weighted sum of distances to the given ones.

    Weiszfeld's algorithm on the sphere (Fletcher et al. 2009), started from the best of the heaviest points. A
    point that holds half of the weight or more is returned as it stands.
    """
    lat, lon = np.atleast_1d(np.asarray(lat_deg, np.float64)), np.atleast_1d(np.asarray(lon_deg, np.float64))
    vectors, w = unit_vectors(lat, lon), _weights(lat.size, weights)
    heavy = np.argsort(-w, kind="stable")[:32]
    best = int(heavy[np.argmin(_total_distance(vectors[heavy], vectors, w))])
    here = vectors[best]
    if w[best] >= 0.5:
        return Point(float(lat[best]), float(wrap_lon_deg(lon[best])))
    cost = float(_total_distance(here[None], vectors, w)[0])
    for _ in range(200):
        there = _weiszfeld_step(here, vectors, w)
        new_cost = float(_total_distance(there[None], vectors, w)[0])
        if new_cost >= cost - 1e-11:
            break
        here, cost = there, new_cost
    out_lat, out_lon = lat_lon(here)
    return Point(float(out_lat), float(wrap_lon_deg(out_lon)))


def _total_distance(
    origins: Float[np.ndarray, "m 3"], vectors: Float[np.ndarray, "n 3"], w: FloatArray
) -> Float[np.ndarray, " m"]:
    chord = np.linalg.norm(origins[:, None, :] - vectors[None, :, :], axis=-1)
    return np.einsum("ij,j", 2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)), w)


def _weiszfeld_step(here: FloatArray, vectors: Float[np.ndarray, "n 3"], w: FloatArray) -> FloatArray:
    """One step of Weiszfeld's algorithm by the sphere's logarithm and exponential maps."""
    chord = np.linalg.norm(vectors - here, axis=1)
    angle = 2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0))
    apart = (angle > 1e-12) & (angle < np.pi - 1e-9)
    tangent = vectors[apart] - (vectors[apart] @ here)[:, None] * here
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    pull = w[apart] / angle[apart]
    step = (w[apart, None] * tangent).sum(axis=0) / max(pull.sum(), 1e-300)
    length = float(np.linalg.norm(step))
    if length < 1e-15:
        return here
    moved = np.cos(length) * here + np.sin(length) * step / length
    return np.asarray(moved / np.linalg.norm(moved))


def bounds_of(lat_deg: Numbers, lon_deg: Numbers) -> Bounds:
    """Smallest latitude–longitude rectangle around points, across the antimeridian where that is shorter.

    Raises:
        CoordinateError: no points.
    """
    lat, lon = np.atleast_1d(np.asarray(lat_deg, np.float64)), np.sort(np.atleast_1d(wrap_lon_deg(lon_deg)))
    if lat.size == 0:
        raise CoordinateError("Bounds need at least one point.")
    gaps = np.diff(np.append(lon, lon[0] + 360.0))
    widest = int(np.argmax(gaps))
    west, east = float(lon[(widest + 1) % lon.size]), float(lon[widest])
    return Bounds(float(lat.min()), west, float(lat.max()), east)


def bounds_of_disc(lat_deg: float, lon_deg: float, radius_km: float) -> Bounds:
    """Latitude–longitude rectangle around a geodesic disc; a disc that holds a pole takes all longitudes."""
    pole_km = distance_km([lat_deg, lat_deg], [lon_deg, lon_deg], [90.0, -90.0], [0.0, 0.0])
    north = 90.0 if pole_km[0] <= radius_km else float(destination(lat_deg, lon_deg, 0.0, radius_km)[0])
    south = -90.0 if pole_km[1] <= radius_km else float(destination(lat_deg, lon_deg, 180.0, radius_km)[0])
    if north == 90.0 or south == -90.0:
        return Bounds(south, -180.0, north, 180.0)
    _, rim = destination(lat_deg, lon_deg, np.arange(0.0, 360.0, 1.0), radius_km)
    offset = wrap_lon_deg(rim - lon_deg)
    west, east = lon_deg + offset.min(), lon_deg + offset.max()
    return Bounds(south, float(wrap_lon_deg(west)), north, float(wrap_lon_deg(east)))
