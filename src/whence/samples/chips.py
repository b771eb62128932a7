"""World chips: small pictures cut from a raster of the whole Earth, whose answer is the place they were cut at.

A raster such as NASA's Blue Marble gives as many true image–place pairs as one likes. A chip is a gnomonic view
straight down, north up, so that a chip near a pole looks like one at the equator.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from whence.core.arrays import FloatArray
from whence.core.errors import InputError, OptionError
from whence.earth.layers import layers

RASTER_ASPECT = 2.0
"""Width over height of a plate carrée raster of the whole Earth."""

SOUTHERNMOST_DEG = -60.0
"""No chips are cut south of it: Antarctica is one white sheet, and no climate table covers it."""

_BATCH = 512


@final
class ChipCutter:
    """Cuts chips from a world raster in plate carrée projection (row 0 north, column 0 at 180° W).

    Args:
        raster: RGB, twice as wide as high.
        side_px: side of a chip in pixels.
        side_deg: side of a chip in degrees of arc, measured along its middle row, below 90.

    Raises:
        InputError: the raster has another shape.
        OptionError: a size out of range.
    """

    def __init__(self, raster: UInt8[np.ndarray, "height width 3"], side_px: int = 48, side_deg: float = 3.0) -> None:
        height, width = raster.shape[:2]
        if width != RASTER_ASPECT * height:
            raise InputError(f"A world raster is twice as wide as high; received {width} × {height} pixels.")
        if not 0 < side_deg < 90 or side_px < 1:
            raise OptionError(f"0 < side_deg < 90 and side_px ≥ 1 are needed, received {side_deg} and {side_px}.")
        self.side_px, self.side_deg = side_px, side_deg
        # One column more on the right and one row more at the bottom spare the cutter all wrapping.
        self._raster = np.pad(np.concatenate([raster, raster[:, :1]], axis=1), ((0, 1), (0, 0), (0, 0)), "edge")
        self._shape = (height, width)
        reach = math.tan(math.radians(side_deg / 2))
        steps = (np.arange(side_px) + 0.5) / side_px * 2 - 1
        self._x, self._y = (axis.ravel().astype(np.float32) for axis in np.meshgrid(steps * reach, -steps * reach))

    @classmethod
    def open(cls, path: Path | str, side_px: int = 48, side_deg: float = 3.0) -> ChipCutter:
        """Read the raster from a picture file.

        Raises:
            InputError: the file cannot be read, or is no world raster.
        """
        try:
            with Image.open(path) as picture:
                raster = np.asarray(picture.convert("RGB"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"The world raster {path} cannot be read ({error}). Give a plate carrée picture of the whole Earth, "
                "such as NASA's Blue Marble."
            ) from error
        return cls(raster, side_px, side_deg)

    def cut(
        self,
        lat_deg: Float[np.ndarray, " n"],
        lon_deg: Float[np.ndarray, " n"],
        turn_deg: Float[np.ndarray, " n"] | None = None,
    ) -> UInt8[np.ndarray, "n side side 3"]:
        """Cut chips centred at places, bilinearly.

        Args:
            lat_deg: latitudes.
            lon_deg: longitudes.
            turn_deg: by how much each view is turned clockwise; north is up if not given.
        """
        out = np.empty((len(lat_deg), self.side_px, self.side_px, 3), np.uint8)
        turns = np.zeros(len(lat_deg)) if turn_deg is None else turn_deg
        for start in range(0, len(lat_deg), _BATCH):
            part = slice(start, start + _BATCH)
            rows, columns = self._pixels_at(lat_deg[part], lon_deg[part], turns[part])
            out[part] = self._bilinear(rows, columns).reshape(-1, self.side_px, self.side_px, 3)
        return out

    def _pixels_at(self, lat_deg: FloatArray, lon_deg: FloatArray, turn_deg: FloatArray) -> tuple[np.ndarray, ...]:
        """Fractional rows and columns in the raster: inverse gnomonic projection of every pixel of every chip."""
        lat, turn = (np.radians(angle).astype(np.float32)[:, None] for angle in (lat_deg, turn_deg))
        x = self._x * np.cos(turn) + self._y * np.sin(turn)
        y = self._y * np.cos(turn) - self._x * np.sin(turn)
        up = np.sin(lat) + y * np.cos(lat)
        along = np.cos(lat) - y * np.sin(lat)
        pixel_lat = np.arctan2(up, np.hypot(along, x))
        pixel_lon = np.arctan2(x, along) + np.radians(lon_deg).astype(np.float32)[:, None]
        height, width = self._shape
        rows = (0.5 - pixel_lat / np.float32(math.pi)) * height - 0.5
        columns = np.mod((pixel_lon / np.float32(2 * math.pi) + 0.5) * width - 0.5, width)
        return np.clip(rows, 0, height - 1), columns

    def _bilinear(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        row, column = rows.astype(np.int32), np.minimum(columns.astype(np.int32), self._shape[1] - 1)
        down, right = (rows - row)[..., None], (columns - column)[..., None]
        stride = self._raster.shape[1]
        flat = self._raster.reshape(-1, 3)
        at = row * stride + column
        top = flat[at] * (1 - right) + flat[at + 1] * right
        bottom = flat[at + stride] * (1 - right) + flat[at + stride + 1] * right
        return np.rint(top * (1 - down) + bottom * down).astype(np.uint8)


def land_places(count: int, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw places uniformly by area on land north of `SOUTHERNMOST_DEG`.

    Args:
        count: how many.
        generator: draws them; equal generators give equal places.

    Returns:
        Latitudes and longitudes in degrees, each of length ``count``.
    """
    lats: list[FloatArray] = []
    lons: list[FloatArray] = []
    lowest, missing = math.sin(math.radians(SOUTHERNMOST_DEG)), count
    while missing > 0:
        drawn = 4 * missing + 64
        lat = np.degrees(np.arcsin(generator.uniform(lowest, 1, drawn)))
        lon = generator.uniform(-180, 180, drawn)
        land = np.flatnonzero(layers().values("land_share", lat, lon) >= 0.5)[:missing]
        lats.append(lat[land])
        lons.append(lon[land])
        missing -= len(land)
    return np.concatenate(lats), np.concatenate(lons)
