"""Where a GeoTIFF lies, from its tags alone (OGC GeoTIFF 1.1), for installations without rasterio.

Read are pictures whose coordinate system has an EPSG code; Pillow reads the pixels, whole.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from whence.core.errors import ImageError, InputError
from whence.earth.tiles.georeference import GeoReference

PIXEL_SCALE, TIEPOINT, TRANSFORMATION, GEO_KEYS, NODATA = 33550, 33922, 34264, 34735, 42113
"""Tags: size of a pixel, a pixel with its place, affine map, keys of the coordinate system, GDAL's missing value."""

_MODEL, _RASTER, _GEOGRAPHIC, _PROJECTED = 1024, 1025, 2048, 3072
_POINT = 2
_OWN = 32767


def tiff_reference(path: Path, crs: str = "") -> GeoReference | None:
    """Where a TIFF lies; ``None`` if it does not say.

    Args:
        path: the file.
        crs: coordinate system, if its own is to be overruled or has no EPSG code.

    Raises:
        InputError: it says so in a way that is not understood.
        ImageError: no picture.
    """
    try:
        with Image.open(path) as picture:
            tags: Any = getattr(picture, "tag_v2", {})
            return _reference(tags, path, picture.size, crs)
    except (OSError, SyntaxError) as error:
        raise ImageError(f"{path}: not a picture that can be read ({error}). Copy or export it again.") from error


def missing_value(picture: Image.Image) -> float | None:
    """What stands for no data in a TIFF, if it says so."""
    told = getattr(picture, "tag_v2", {}).get(NODATA)
    try:
        return None if told is None else float(str(told).strip("\0 "))
    except ValueError:
        return None


def _reference(tags: Any, path: Path, size: tuple[int, int], crs: str) -> GeoReference | None:
    affine = _affine(tags, path)
    if affine is None:
        return None
    keys = _keys(tags)
    if keys.get(_RASTER) == _POINT:  # places are those of the middles of pixels
        a, b, c, d, e, f = affine
        affine = (a, b, c - (a + b) / 2.0, d, e, f - (d + e) / 2.0)
    code = keys.get(_PROJECTED) if keys.get(_MODEL) != 2 else keys.get(_GEOGRAPHIC)
    if not crs and (code is None or code in {0, _OWN}):
        raise InputError(
            f"{path}: its coordinate system has no EPSG code. Give it (for example EPSG:32633), or install rasterio: "
            "pip install 'whence[scale]'"
        )
    return GeoReference(crs or f"EPSG:{code}", affine, *size)


def _affine(tags: Any, path: Path) -> tuple[float, float, float, float, float, float] | None:
    if TRANSFORMATION in tags:
        m = [float(value) for value in tags[TRANSFORMATION]]
        if len(m) != 16:
            raise InputError(f"{path}: its affine map has {len(m)} numbers, 16 are needed.")
        return m[0], m[1], m[3], m[4], m[5], m[7]
    if PIXEL_SCALE not in tags or TIEPOINT not in tags:
        return None
    sx, sy = (float(value) for value in tags[PIXEL_SCALE][:2])
    tie = [float(value) for value in tags[TIEPOINT]]
    if len(tie) != 6 or not all(map(math.isfinite, (sx, sy, *tie))):
        raise InputError(f"{path}: placed by {len(tie) // 6} ground points. Warp it first, for example with gdalwarp.")
    i, j, _, x, y, _ = tie
    return sx, 0.0, x - i * sx, 0.0, -sy, y + j * sy


def _keys(tags: Any) -> dict[int, int]:
    """GeoKeys whose value stands in the directory itself."""
    told = np.asarray(tags.get(GEO_KEYS, ()), np.int64)
    rows = told[4 : 4 + 4 * (told.size // 4 - 1)].reshape(-1, 4) if told.size >= 8 else np.zeros((0, 4), np.int64)
    return {int(key): int(value) for key, place, _, value in rows if place == 0}
