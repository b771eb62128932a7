"""A field as pixels, and as a GeoTIFF (extra ``scale``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from whence.core.errors import CoordinateError
from whence.core.optional import optional_import
from whence.earth import grid
from whence.earth.coordinates import Bounds
from whence.earth.field import Field

_MAX_PIXELS = 64_000_000


def field_to_raster(field: Field, bounds: Bounds, resolution_deg: float) -> Float[np.ndarray, "height width"]:
    """Probability density per km² at the centres of pixels, row 0 in the north.

    Args:
        field: a normalised field.
        bounds: edges of the raster; ``west > east`` crosses the antimeridian.
        resolution_deg: side of a pixel.

    Raises:
        CoordinateError: the resolution is not positive, or the raster would be empty or above 64 megapixels.
    """
    span = bounds.east - bounds.west + (360.0 if bounds.west > bounds.east else 0.0)
    if not resolution_deg > 0.0:
        raise CoordinateError(f"A raster needs a resolution above 0 degrees, received {resolution_deg}.")
    width, height = (round(side / resolution_deg) for side in (span, bounds.north - bounds.south))
    if width < 1 or height < 1 or width * height > _MAX_PIXELS:
        raise CoordinateError(
            f"A raster of {width} × {height} pixels is not possible (1 to {_MAX_PIXELS:,} in all). "
            "Choose other bounds or another resolution."
        )
    lon = bounds.west + (np.arange(width) + 0.5) * span / width
    lat = bounds.north - (np.arange(height) + 0.5) * (bounds.north - bounds.south) / height
    rows = [np.exp(field.at(np.full(width, y), lon)) for y in lat]
    return np.asarray(rows) / grid.EARTH_AREA_KM2


def field_to_geotiff(field: Field, path: Path, bounds: Bounds, resolution_deg: float) -> None:
    """Write `field_to_raster` as a compressed one-band float32 GeoTIFF in EPSG:4326.

    Raises:
        MissingExtraError: ``rasterio`` is not installed (extra ``scale``).
        CoordinateError: as `field_to_raster`.
    """
    rasterio = optional_import("rasterio", extra="scale", purpose="write GeoTIFF files")
    pixels = field_to_raster(field, bounds, resolution_deg).astype(np.float32)
    height, width = pixels.shape
    east = bounds.east + (360.0 if bounds.west > bounds.east else 0.0)
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": rasterio.Affine(
            (east - bounds.west) / width, 0.0, bounds.west, 0.0, (bounds.south - bounds.north) / height, bounds.north
        ),
        "compress": "deflate",
        "predictor": 3,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels, 1)
        file.set_band_description(1, "probability density per km2")
        file.update_tags(1, units="1/km2")
