"""The Earths on which papers measure errors, by name.

Every figure of *whence* is a WGS84 geodesic unless another Earth is named. Papers mostly use the haversine formula
(Sinnott 1984) on a sphere, with one of two radii; the difference matters only where an error is near a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import unknown_name
from whence.earth.coordinates import distance_km as geodesic_km

WGS84 = "wgs84"
"""The ellipsoid, with geodesics."""

RADII_KM: Mapping[str, float] = MappingProxyType({"haversine_6371": 6371.0, "haversine_mean_radius": 6371.0088})
"""Spheres, with their radii: the rounded one of most papers' code, and the mean radius of WGS84."""

EARTHS = (WGS84, *RADII_KM)
"""Names of all Earths."""


def distance_km(lat1: Numbers, lon1: Numbers, lat2: Numbers, lon2: Numbers, earth: str = WGS84) -> FloatArray:
    """Distance between points on a named Earth, km, with broadcasting.

    Args:
        lat1: latitudes of the first points, degrees.
        lon1: longitudes.
        lat2: latitudes of the second points.
        lon2: longitudes.
        earth: one of `EARTHS`.

    Raises:
        OptionError: there is no such Earth.
    """
    if earth == WGS84:
        return geodesic_km(lat1, lon1, lat2, lon2)
    if earth not in RADII_KM:
        raise unknown_name("Earth for distances", earth, EARTHS)
    phi1, lambda1, phi2, lambda2 = (np.radians(np.asarray(value, np.float64)) for value in (lat1, lon1, lat2, lon2))
    across = np.cos(phi1) * np.cos(phi2) * np.sin((lambda2 - lambda1) / 2.0) ** 2
    chord = np.sqrt(np.sin((phi2 - phi1) / 2.0) ** 2 + across)
    return np.asarray(2.0 * RADII_KM[earth] * np.arcsin(np.minimum(chord, 1.0)))


def errors_km(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    true_lat_deg: Float[np.ndarray, " n"],
    true_lon_deg: Float[np.ndarray, " n"],
    earth: str = WGS84,
) -> Float[np.ndarray, " n"]:
    """Distances from answers to truths on a named Earth, km; infinite where an answer is NaN.

    Raises:
        OptionError: there is no such Earth.
    """
    answered = np.isfinite(lat_deg) & np.isfinite(lon_deg)
    errors = np.full(lat_deg.size, np.inf)
    places = (lat_deg[answered], lon_deg[answered], true_lat_deg[answered], true_lon_deg[answered])
    errors[answered] = distance_km(*places, earth)
    return errors
