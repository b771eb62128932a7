"""Pictures as RGB with the pixels that hold data, and `PictureRaster`: a plain picture whose place is known."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, UnidentifiedImageError

from whence.core.errors import ImageError, ImageTooLargeError, OptionError
from whence.earth.tiles.cache import ByteCache
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.resample import Block, cut_window, reduced
from whence.earth.tiles.tiffkeys import missing_value
from whence.earth.tiles.types import Patch, Provenance, Raster

NODATA = ("", "black", "white")
"""What the pixels without data of a picture look like, if it has no transparency."""

MAX_PIXELS = 200_000_000
"""Largest plain picture: it is decoded whole. Larger ones are cut into tiles or written as a GeoTIFF."""

_KEPT_BYTES = 512_000_000
_NODATA_STEPS = 8
_OPAQUE = 128
_TINTED = 5
"""Compression tints the pixels beside an edge: so wide a square around what holds no data is left out."""

_decoded: ByteCache[tuple[np.ndarray, np.ndarray]] = ByteCache(_KEPT_BYTES)


def decode(data: bytes | Path, name: str) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Decode a picture to RGB; transparent pixels hold no data. Sixteen bits are stretched to eight.

    Args:
        data: content, or the file.
        name: how errors call it.

    Raises:
        ImageError: no picture, or a damaged one.
        ImageTooLargeError: more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(data if isinstance(data, Path) else io.BytesIO(data)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise ImageTooLargeError(
                        f"{name}: {picture.width:,} × {picture.height:,} pixels, at most {MAX_PIXELS:,} are decoded "
                        "whole. Write it as a GeoTIFF with overviews, or cut it into tiles."
                    )
                return to_rgb(picture)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name}: not a picture that can be read ({error}). Copy or export it again.") from error


def to_rgb(picture: Image.Image) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """RGB of 8 bits and which pixels are opaque, whatever the mode of a picture."""
    missing = missing_value(picture)
    if missing is not None:
        told = np.asarray(picture)
        present = (told != missing) if told.ndim == 2 else (told[..., :3] != missing).any(axis=2)
        pixels, valid = _colours(picture, present & np.isfinite(told if told.ndim == 2 else told.sum(axis=2)))
        return pixels * (valid & present)[..., None], valid & present
    return _colours(picture, None)


def _colours(
    picture: Image.Image, present: Bool[np.ndarray, "h w"] | None
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        whole = np.asarray(picture.convert("RGBA"))
        valid = whole[..., 3] >= _OPAQUE
        return np.ascontiguousarray(whole[..., :3]) * valid[..., None], valid
    if picture.mode in {"I", "F"} or picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.float64)
        valid = np.isfinite(values) if present is None else present
        return stretched(values[..., None], valid), valid
    pixels = np.asarray(picture.convert("RGB"))
    return pixels, np.ones(pixels.shape[:2], bool)


def stretched(
    values: np.ndarray, valid: Bool[np.ndarray, "h w"], ends: tuple[float, float] | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """Bring one or three bands of any numbers to 8 bits, evenly between two values that all bands share.

    Args:
        values: ``height × width × bands``.
        valid: which pixels count.
        ends: what becomes 0 and 255; the 1st and 99th of a hundred of the valid values if not given.
    """
    low, high = ends if ends is not None else stretch_ends(values[valid])
    with np.errstate(invalid="ignore"):
        out = np.clip((values - low) / max(high - low, 1e-12) * 255.0, 0.0, 255.0)
    out = np.where(valid[..., None], np.rint(out), 0.0).astype(np.uint8)
    return np.repeat(out, 3, axis=2) if out.shape[2] == 1 else np.ascontiguousarray(out[..., :3])


def stretch_ends(values: np.ndarray) -> tuple[float, float]:
    """The 1st and 99th of a hundred of the finite values; 0 and 1 if there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, (1.0, 99.0))
    return float(low), float(high)


def without_edges(
    pixels: UInt8[np.ndarray, "h w 3"], valid: Bool[np.ndarray, "h w"], nodata: str
) -> Bool[np.ndarray, "h w"]:
    """Leave out black or white areas that touch the edge of the picture; compression may have tinted them a little.

    Args:
        pixels: RGB.
        valid: which hold data otherwise.
        nodata: one of `NODATA`.

    Raises:
        OptionError: another word.
    """
    if nodata not in NODATA:
        raise OptionError(f"Pixels without data are 'black' or 'white', received {nodata!r}.")
    if not nodata:
        return valid
    import cv2

    empty = pixels.max(axis=2) <= _NODATA_STEPS if nodata == "black" else pixels.min(axis=2) >= 255 - _NODATA_STEPS
    _, label = cv2.connectedComponents(empty.astype(np.uint8), connectivity=4)
    edge = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    outside = (empty & np.isin(label, edge)).astype(np.uint8)
    return valid & (cv2.dilate(outside, np.ones((_TINTED, _TINTED), np.uint8)) == 0)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height, from the head of the file.

    Raises:
        ImageError: no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: not a picture that can be read ({error}). Copy or export it again.") from error


@final
class PictureRaster(Raster):
    """A plain picture (JPEG, PNG, WebP, TIFF …) with a place; decoded when first read, and forgotten under pressure.

    Args:
        path: the file.
        georeference: where its pixels lie.
        provenance: where it comes from.
        nodata: what pixels without data look like (`NODATA`).
        name: how results call it; the path if not given.
    """

    def __init__(
        self, path: Path, georeference: GeoReference, provenance: Provenance, nodata: str = "", name: str = ""
    ) -> None:
        size = picture_size(path)
        if size != (georeference.width_px, georeference.height_px):
            raise ImageError(
                f"{path}: {size[0]} × {size[1]} pixels, but its place is told for {georeference.width_px} × "
                f"{georeference.height_px}. Was it resized? Give the place of this file."
            )
        if nodata not in NODATA:
            raise OptionError(f"Pixels without data are 'black' or 'white', received {nodata!r}.")
        self.name, self.georeference, self.provenance = name or str(path), georeference, provenance
        self._path, self._nodata = path, nodata

    def read(
        self, x_px: float, y_px: float, width_px: float, height_px: float, out_width_px: int, out_height_px: int
    ) -> Patch:
        """Read a window; see `Raster.read`."""
        size = (self.georeference.width_px, self.georeference.height_px)
        window, out = (x_px, y_px, width_px, height_px), (out_width_px, out_height_px)
        pixels, valid = cut_window(self._block, size, window, out)
        where = self.georeference.window(*window, *out)
        return Patch(pixels, valid, where, self.name, self.provenance)

    def _block(self, left: int, top: int, right: int, bottom: int, reduce: int) -> Block:
        pixels, valid = self._whole()
        part = (slice(top, bottom), slice(left, right))
        return Block(*reduced(pixels[part], valid[part], reduce), left, top, reduce)

    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        def make() -> tuple[tuple[np.ndarray, np.ndarray], int]:
            pixels, valid = decode(self._path, self.name)
            valid = without_edges(pixels, valid, self._nodata)
            return (pixels, valid), pixels.nbytes + valid.nbytes

        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError as error:
            raise ImageError(f"{self.name}: cannot be read any more ({error.strerror}).") from error
        return _decoded.get((str(self._path), stamp, self._nodata), make)
