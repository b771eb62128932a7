"""`LocalPlane`: metres to the east and north of a point."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np

from whence.core.arrays import FloatArray, Numbers
from whence.earth.coordinates import point, wrap_lon_deg

if TYPE_CHECKING:
    from pyproj import Proj


@final
class LocalPlane:
    """Azimuthal equidistant plane around a point (Snyder 1987, p. 191), true to about 1e-5 within 30 km.

    Args:
        lat_deg: latitude of the origin.
        lon_deg: longitude.

    Raises:
        CoordinateError: there is no such point.
    """

    def __init__(self, lat_deg: float, lon_deg: float) -> None:
        self.origin = point(lat_deg, lon_deg)

    @cached_property
    def _projection(self) -> Proj:
        from pyproj import Proj

        return Proj(proj="aeqd", ellps="WGS84", lat_0=self.origin.lat_deg, lon_0=self.origin.lon_deg)

    def to_metres(self, lat_deg: Numbers, lon_deg: Numbers) -> FloatArray:
        """East and north of points, in the last axis."""
        east, north = self._projection(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
        return np.stack([np.asarray(east), np.asarray(north)], axis=-1)

    def to_lat_lon(self, metres: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Latitude and longitude of points given as east and north in the last axis."""
        lon, lat = self._projection(metres[..., 0], metres[..., 1], inverse=True)
        return np.asarray(lat), wrap_lon_deg(lon)
