"""Map projections for drawing: equal-area ones, so that equal shading means equal density.

The whole Earth is drawn in Equal Earth (Šavrič, Patterson & Jenny 2018), a part of it in Lambert's azimuthal
equal-area projection around its middle (Snyder 1987, p. 185), which knows neither antimeridian nor poles. The
sphere is the one that has the ellipsoid's area; latitudes go through the authalic latitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from whence.core.arrays import FloatArray
from whence.earth import grid
from whence.earth.coordinates import wrap_lon_deg

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = np.sqrt(3.0) / 2.0
_HALF_WIDTH = 2.706629983696  # of Equal Earth on the unit sphere
_HALF_HEIGHT = 1.317362759157


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the Earth on a sheet of pixels, y downwards.

    Attributes:
        lat_deg: middle; 0 for a map of the world.
        lon_deg: middle, the central meridian of a map of the world.
        km_per_px: scale; exact in area, everywhere.
        width_px: width of the sheet.
        height_px: its height.
        world: the whole Earth in Equal Earth instead of a part of it.
    """

    lat_deg: float
    lon_deg: float
    km_per_px: float
    width_px: int
    height_px: int
    world: bool

    @staticmethod
    def of_world(lon_deg: float = 0.0, width_px: int = 960) -> Window:
        """The whole Earth around a meridian, with a small margin."""
        km_per_px = 2.0 * _HALF_WIDTH * grid.EARTH_RADIUS_KM / (width_px - 8)
        height = int(np.ceil(2.0 * _HALF_HEIGHT * grid.EARTH_RADIUS_KM / km_per_px)) + 8
        return Window(0.0, float(wrap_lon_deg(lon_deg)), km_per_px, width_px, height, True)

    @staticmethod
    def around(
        lat_deg: float, lon_deg: float, half_height_km: float, width_px: int = 960, height_px: int = 520
    ) -> Window:
        """A part of the Earth around a point.

        Args:
            lat_deg: middle.
            lon_deg: middle.
            half_height_km: from the middle to the upper edge, at most 4,000 km.
            width_px: width of the sheet.
            height_px: its height.
        """
        km_per_px = min(half_height_km, 4000.0) / (height_px / 2.0)
        return Window(float(lat_deg), float(wrap_lon_deg(lon_deg)), km_per_px, width_px, height_px, False)

    @property
    def reach_km(self) -> float:
        """Distance from the middle that the corners lie within."""
        if self.world:
            return float(np.pi * grid.EARTH_RADIUS_KM)
        corner = np.hypot(self.width_px, self.height_px) / 2.0 * self.km_per_px
        half_chord = min(corner / (2.0 * grid.EARTH_RADIUS_KM), 1.0)
        return float(2.0 * grid.EARTH_RADIUS_KM * np.arcsin(half_chord))

    def project(self, lat_deg: ArrayLike, lon_deg: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Pixel positions ``x, y`` of points; longitudes exactly half a turn off the middle stay on their side."""
        lat = np.radians(grid.authalic_lat_deg(lat_deg))
        turn = np.asarray(lon_deg, np.float64) - self.lon_deg
        turn = np.where(np.abs(turn) <= 180.0 + 1e-9, turn, np.mod(turn + 180.0, 360.0) - 180.0)
        lon = np.radians(turn)
        x, y = _equal_earth(lat, lon) if self.world else self._azimuthal(lat, lon)
        scale = grid.EARTH_RADIUS_KM / self.km_per_px
        return self.width_px / 2.0 + scale * x, self.height_px / 2.0 - scale * y

    def _azimuthal(self, lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
        middle = np.radians(grid.authalic_lat_deg(self.lat_deg))
        cos_c = np.sin(middle) * np.sin(lat) + np.cos(middle) * np.cos(lat) * np.cos(lon)
        k = np.sqrt(2.0 / np.maximum(1.0 + cos_c, 1e-9))
        x = k * np.cos(lat) * np.sin(lon)
        y = k * (np.cos(middle) * np.sin(lat) - np.sin(middle) * np.cos(lat) * np.cos(lon))
        return x, y

    def unproject(self, x_px: ArrayLike, y_px: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes of pixel positions; not a number outside the Earth."""
        scale = self.km_per_px / grid.EARTH_RADIUS_KM
        x = (np.asarray(x_px, np.float64) - self.width_px / 2.0) * scale
        y = (self.height_px / 2.0 - np.asarray(y_px, np.float64)) * scale
        lat, lon = _equal_earth_inverse(x, y) if self.world else self._azimuthal_inverse(x, y)
        return grid.geodetic_lat_deg(np.degrees(lat)), wrap_lon_deg(np.degrees(lon) + self.lon_deg)

    def _azimuthal_inverse(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        middle = np.radians(grid.authalic_lat_deg(self.lat_deg))
        rho = np.hypot(x, y)
        with np.errstate(invalid="ignore"):
            c = 2.0 * np.arcsin(np.where(rho <= 2.0, rho / 2.0, np.nan))
        safe = np.where(rho > 1e-12, rho, 1.0)
        lat = np.arcsin(np.clip(np.cos(c) * np.sin(middle) + y * np.sin(c) * np.cos(middle) / safe, -1.0, 1.0))
        lon = np.arctan2(x * np.sin(c), safe * np.cos(middle) * np.cos(c) - y * np.sin(middle) * np.sin(c))
        return np.where(rho > 1e-12, lat, middle), np.where(rho > 1e-12, lon, 0.0)


def _equal_earth(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    theta = np.arcsin(_M * np.sin(lat))
    t2 = theta * theta
    t6 = t2**3
    x = lon * np.cos(theta) / (_M * (_A1 + 3 * _A2 * t2 + t6 * (7 * _A3 + 9 * _A4 * t2)))
    y = theta * (_A1 + _A2 * t2 + t6 * (_A3 + _A4 * t2))
    return x, y


def _equal_earth_inverse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Newton's method on the fifth-odd polynomial in theta; four digits a step, so eight steps are plenty."""
    theta = np.clip(y / _A1, -np.pi / 3, np.pi / 3)
    for _ in range(8):
        t2 = theta * theta
        t6 = t2**3
        slope = _A1 + 3 * _A2 * t2 + t6 * (7 * _A3 + 9 * _A4 * t2)
        theta = np.clip(theta - (theta * (_A1 + _A2 * t2 + t6 * (_A3 + _A4 * t2)) - y) / slope, -np.pi / 3, np.pi / 3)
    t2 = theta * theta
    t6 = t2**3
    lon = _M * x * (_A1 + 3 * _A2 * t2 + t6 * (7 * _A3 + 9 * _A4 * t2)) / np.cos(theta)
    inside = (np.abs(lon) <= np.pi + 1e-9) & (np.abs(y) <= _HALF_HEIGHT + 1e-9)
    lat = np.arcsin(np.clip(np.sin(theta) / _M, -1.0, 1.0))
    return np.where(inside, lat, np.nan), np.where(inside, lon, np.nan)
