"""Rasters whose colours tell where they lie: red and green are smooth functions of the plane's own coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from whence.earth.tiles.georeference import MERCATOR_HALF_SIDE_M, GeoReference

PERIOD = 64.0
"""Length of the waves, in pixels."""


def colours_at(x_px, y_px):
    """Red and green at pixel positions: waves, so that a shift of a tenth of a pixel shows (5 levels a pixel)."""
    wave = 2 * np.pi / PERIOD
    x, y = np.asarray(x_px, np.float64), np.asarray(y_px, np.float64)
    return np.stack([127.5 + 100 * np.sin(wave * x), 127.5 + 100 * np.sin(wave * y), np.full(x.shape, 90.0)], axis=-1)


def wave_pixels(width: int, height: int, x0: float = 0.0, y0: float = 0.0):
    """A picture of `colours_at`, 8 bits."""
    x, y = np.meshgrid(np.arange(width) + 0.5 + x0, np.arange(height) + 0.5 + y0)
    return np.rint(colours_at(x, y)).astype(np.uint8)


def save(pixels, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def expected(source: GeoReference, target: GeoReference):
    """What `colours_at` gives at the exact positions of a patch's pixels, by PROJ alone; and where they lie inside."""
    x, y = np.meshgrid(np.arange(target.width_px) + 0.5, np.arange(target.height_px) + 0.5)
    lat, lon = target.to_lat_lon(x, y)
    sx, sy = source.to_pixels(lat, lon)
    if source.crs == "EPSG:3857":  # on the other side of the antimeridian
        around = 2 * MERCATOR_HALF_SIDE_M / source.affine[0]
        sx = np.where(sx < -around / 2, sx + around, sx)
    inside = (sx >= 0) & (sx < source.width_px) & (sy >= 0) & (sy < source.height_px)
    return colours_at(sx, sy), inside
