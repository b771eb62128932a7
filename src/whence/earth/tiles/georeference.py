"""`GeoReference`: where the pixels of a picture lie on the Earth.

Pixel positions are continuous: (0, 0) is the outer corner of the top left pixel, (0.5, 0.5) its middle; x grows to the
right and y downwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import CoordinateError
from whence.earth.coordinates import Bounds, bearing_deg, bounds_of, distance_km, wrap_lon_deg

if TYPE_CHECKING:
    from pyproj import Transformer

GEOGRAPHIC = "EPSG:4326"
"""Degrees; x is the longitude and y the latitude, as in GIS."""

WEB_MERCATOR = "EPSG:3857"
"""The projection of web tiles, in metres."""

MERCATOR_HALF_SIDE_M = 20037508.342789244
"""Half the side of the square that web tiles divide: π times the equatorial radius of WGS84."""

_MAX_ZOOM = 30


@lru_cache(maxsize=64)
def _to_geographic(crs: str) -> Transformer:
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    try:
        return Transformer.from_crs(CRS.from_user_input(crs), CRS.from_user_input(GEOGRAPHIC), always_xy=True)
    except CRSError as error:
        raise CoordinateError(
            f"The coordinate system {crs[:80]!r} is not known ({error}). Give an EPSG code, a PROJ string or WKT."
        ) from error


@dataclass(frozen=True, slots=True)
class GeoReference:
    """Where the pixels of a picture lie.

    Attributes:
        crs: coordinate system of the plane: EPSG code, PROJ string or WKT.
        affine: (a, b, c, d, e, f): a pixel position (x, y) lies at ``(a x + b y + c, d x + e y + f)`` of the plane.
        width_px: width of the picture.
        height_px: its height.
    """

    crs: str
    affine: tuple[float, float, float, float, float, float]
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.affine
        if self.width_px < 1 or self.height_px < 1:
            raise CoordinateError(f"A picture has pixels, received {self.width_px} × {self.height_px}.")
        if not all(math.isfinite(value) for value in self.affine) or a * e - b * d == 0.0:
            raise CoordinateError(f"The affine map {self.affine} cannot be inverted: pixels have no place.")

    @staticmethod
    def of_bounds(bounds: Bounds, width_px: int, height_px: int) -> GeoReference:
        """A north-up picture evenly spaced in latitude and longitude between its outer edges.

        Args:
            bounds: outer edges; ``west > east`` crosses the antimeridian.
            width_px: width of the picture.
            height_px: its height.
        """
        span = bounds.east - bounds.west + (360.0 if bounds.west > bounds.east else 0.0)
        if not (span > 0.0 and bounds.north > bounds.south):
            raise CoordinateError(f"Bounds need north above south and a width, received {bounds}.")
        affine = (span / width_px, 0.0, bounds.west, 0.0, (bounds.south - bounds.north) / height_px, bounds.north)
        return GeoReference(GEOGRAPHIC, affine, width_px, height_px)

    @staticmethod
    def of_tile(zoom: int, x: int, y: int, side_px: int = 256) -> GeoReference:
        """A web tile: ``x`` grows to the east and ``y`` to the south (slippy map, XYZ).

        Raises:
            CoordinateError: there is no such tile.
        """
        if not (0 <= zoom <= _MAX_ZOOM and 0 <= x < 2**zoom and 0 <= y < 2**zoom):
            raise CoordinateError(f"There is no tile {zoom}/{x}/{y}: zoom is 0..{_MAX_ZOOM}, x and y below 2^zoom.")
        side_m = 2 * MERCATOR_HALF_SIDE_M / 2**zoom
        step = side_m / side_px
        affine = (step, 0.0, x * side_m - MERCATOR_HALF_SIDE_M, 0.0, -step, MERCATOR_HALF_SIDE_M - y * side_m)
        return GeoReference(WEB_MERCATOR, affine, side_px, side_px)

    def to_plane(self, x_px: Numbers, y_px: Numbers) -> tuple[FloatArray, FloatArray]:
        """Coordinates of pixel positions in the plane of ``crs``."""
        a, b, c, d, e, f = self.affine
        x, y = np.asarray(x_px, np.float64), np.asarray(y_px, np.float64)
        return a * x + b * y + c, d * x + e * y + f

    def from_plane(self, x: Numbers, y: Numbers) -> tuple[FloatArray, FloatArray]:
        """Pixel positions of coordinates in the plane of ``crs``."""
        a, b, c, d, e, f = self.affine
        u, v = np.asarray(x, np.float64) - c, np.asarray(y, np.float64) - f
        scale = a * e - b * d
        return (e * u - b * v) / scale, (a * v - d * u) / scale

    def to_lat_lon(self, x_px: Numbers, y_px: Numbers) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes of pixel positions, WGS84 degrees; infinite where the projection ends."""
        x, y = self.to_plane(x_px, y_px)
        if self.crs == GEOGRAPHIC:
            return y, wrap_lon_deg(x)
        lon, lat = _to_geographic(self.crs).transform(x, y)
        return np.asarray(lat, np.float64), wrap_lon_deg(lon)

    def to_pixels(self, lat_deg: Numbers, lon_deg: Numbers) -> tuple[FloatArray, FloatArray]:
        """Pixel positions of places, which need not lie in the picture."""
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        if self.crs == GEOGRAPHIC:
            middle = float(self.to_plane(self.width_px / 2, self.height_px / 2)[0])
            return self.from_plane(middle + np.mod(lon - middle + 180.0, 360.0) - 180.0, lat)
        x, y = _to_geographic(self.crs).transform(lon, lat, direction="INVERSE")
        return self.from_plane(x, y)

    def window(
        self,
        x_px: float,
        y_px: float,
        width_px: float,
        height_px: float,
        out_width_px: int | None = None,
        out_height_px: int | None = None,
    ) -> GeoReference:
        """Where a window lies that is cut out and resized.

        Args:
            x_px: left edge in this picture; may lie outside.
            y_px: upper edge.
            width_px: width in this picture.
            height_px: height in this picture.
            out_width_px: width after resizing; not resized if not given.
            out_height_px: height after resizing.
        """
        out_width = max(1, round(width_px)) if out_width_px is None else out_width_px
        out_height = max(1, round(height_px)) if out_height_px is None else out_height_px
        a, b, _, d, e, _ = self.affine
        c, f = (float(value) for value in self.to_plane(x_px, y_px))
        across, down = width_px / out_width, height_px / out_height
        return GeoReference(self.crs, (a * across, b * down, c, d * across, e * down, f), out_width, out_height)

    @property
    def centre(self) -> tuple[float, float]:
        """Latitude and longitude of the middle."""
        lat, lon = self.to_lat_lon(self.width_px / 2, self.height_px / 2)
        return float(lat), float(lon)

    @property
    def gsd_m_per_px(self) -> float:
        """Ground sample distance in the middle: the geometric mean of those across and down."""
        across, down = self.gsd_at(self.width_px / 2, self.height_px / 2)
        return math.sqrt(across * down)

    def gsd_at(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Metres on the ground a pixel, across and down, at a pixel position."""
        lat, lon = self.to_lat_lon([x_px, x_px + 1.0, x_px], [y_px, y_px, y_px + 1.0])
        metres = distance_km(lat[[0, 0]], lon[[0, 0]], lat[1:], lon[1:]) * 1e3
        return float(metres[0]), float(metres[1])

    @property
    def up_bearing_deg(self) -> float:
        """Bearing of the picture's upward direction in its middle, clockwise from north, 0..360."""
        x, y = self.width_px / 2, self.height_px / 2
        lat, lon = self.to_lat_lon([x, x], [y + 0.5, y - 0.5])
        return float(np.mod(bearing_deg(lat[:1], lon[:1], lat[1:], lon[1:])[0], 360.0))

    def outline(self, points_per_side: int = 1) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes along the edge, clockwise from the top left corner; the first is not repeated."""
        steps = np.arange(points_per_side) / points_per_side
        w, h = float(self.width_px), float(self.height_px)
        x = np.concatenate([steps * w, np.full_like(steps, w), w - steps * w, np.zeros_like(steps)])
        y = np.concatenate([np.zeros_like(steps), steps * h, np.full_like(steps, h), h - steps * h])
        return self.to_lat_lon(x, y)

    @property
    def bounds(self) -> Bounds:
        """The latitude–longitude rectangle around the picture."""
        lat, lon = self.outline(8)
        return bounds_of(lat, lon)
