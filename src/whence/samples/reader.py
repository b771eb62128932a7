"""`read_view`: from a file, bytes, Pillow image or array to a `View`."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from whence.core.errors import ImageError, ImageTooLargeError, WhenceError
from whence.samples.colour import to_srgb
from whence.samples.containers import info_blocks
from whence.samples.decode import Decoded, decode
from whence.samples.exif import read_orientation
from whence.samples.limits import ReadLimits
from whence.samples.metadata import metadata_of
from whence.samples.source import read_file, read_path
from whence.samples.view import Metadata, View, ViewKind

__all__ = ["ReadLimits", "Readable", "read_view"]

Readable = str | os.PathLike[str] | bytes | bytearray | IO[bytes] | Image.Image | np.ndarray
"""What `read_view` takes."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FLAT_RANGE = 2


def read_view(
    source: Readable,
    *,
    name: str | None = None,
    limits: ReadLimits = ReadLimits(),  # noqa: B008 (frozen)
    working_px: int = 2048,
) -> View:
    """Read one picture, upright, in 8-bit sRGB, with its metadata. The source is never written to.

    Args:
        source: path, bytes of a file, binary file object, Pillow image, or an array ``height × width`` or
            ``height × width × 1, 3 or 4`` of 8- or 16-bit unsigned integers.
        name: how results and errors call it; by default the path as given.
        limits: bounds that are checked before anything is decoded.
        working_px: longer side of the pixels in the result; smaller pictures keep their size.

    Raises:
        ImageTooLargeError: the file or picture is beyond the limits.
        ImageError: it cannot be read, is not a picture, has no useful pixels or is too damaged.
    """
    if working_px < 1:
        raise ImageError(f"working_px must be at least 1, received {working_px}.")
    if isinstance(source, np.ndarray):
        label = name or "<array>"
        return _guarded(_from_image, _array_image(source, label), label, limits, working_px)
    if isinstance(source, Image.Image):
        return _guarded(_from_image, source, name or "<image>", limits, working_px)
    data, label = _bytes_of(source, name, limits)
    return _guarded(_from_bytes, data, label, limits, working_px)


def _bytes_of(source: Any, name: str | None, limits: ReadLimits) -> tuple[bytes, str]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        label = name or "<bytes>"
        limits.check_bytes(len(source), label)
        return bytes(source), label
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return read_path(path, limits), name or str(source)
    if callable(getattr(source, "read", None)):
        label = name or str(getattr(source, "name", "<file>"))
        return read_file(source, label, limits), label
    raise ImageError(
        f"A picture cannot be read from {type(source).__name__}. Give a path, bytes, a binary file object, a "
        "Pillow image or an array."
    )


def _guarded(step: Any, source: Any, name: str, limits: ReadLimits, working_px: int) -> View:
    """Run a step so that whatever a decoder throws reaches the caller as an `ImageError` with the name."""
    try:
        view: View = step(source, name, limits, working_px)
    except WhenceError as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
    except MemoryError as error:
        raise ImageTooLargeError(f"{name}: there is not enough memory for this picture. Shrink it first.") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{name}: the picture cannot be converted to sRGB ({reason}). Export it as JPEG or PNG."
        ) from error
    return view


def _from_bytes(data: bytes, name: str, limits: ReadLimits, working_px: int) -> View:
    decoded = decode(data, name, limits, working_px)
    return _finished(decoded, name, hashlib.sha256(data).hexdigest(), working_px)


def _from_image(image: Image.Image, name: str, limits: ReadLimits, working_px: int) -> View:
    limits.check_pixels(image.size, name)
    kind = image.format or "image"
    digest = hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
    decoded = Decoded(image, image.size, kind, kind in {"TIFF", "HEIF"}, info_blocks(image.info))
    return _finished(decoded, name, digest, working_px)


def _array_image(array: np.ndarray, name: str) -> Image.Image:
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {1, 3, 4})
    if not shape_ok or array.dtype not in (np.uint8, np.uint16) or 0 in array.shape:
        raise ImageError(
            f"{name}: an array of shape {array.shape} and type {array.dtype} is no picture. Allowed are "
            "height × width or height × width × 1, 3 or 4, of uint8 or uint16; convert with "
            "(255 * x).astype('uint8')."
        )
    if array.dtype == np.uint16:
        array = np.rint(array / 257.0).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2:] == (1,) else array))


def _finished(decoded: Decoded, name: str, sha256: str, working_px: int) -> View:
    """Colours, size and orientation; then the view."""
    metadata = metadata_of(decoded.blocks)
    said = list(decoded.warnings)
    width, height = decoded.size_px
    scale = min(1.0, working_px / max(width, height))
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    image, remarks = to_srgb(decoded.image, target)
    said += remarks
    turn = None if decoded.upright else _TURNS.get(read_orientation(decoded.blocks.exif))
    if turn is not None:
        image = image.transpose(turn)
    if turn in {
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
    }:
        width, height = height, width
    pixels = np.array(image, dtype=np.uint8)
    if _is_flat(pixels[::16, ::16]) and _is_flat(pixels):
        said.append("Every pixel has the same colour: nothing can be seen in this picture.")
    kind = _kind_of(metadata)
    if kind is ViewKind.GROUND and math.isclose(width, 2 * height, rel_tol=0.01):
        said.append("It is twice as wide as high, like a 360° panorama, but is not marked as one (XMP GPano).")
    return View(
        pixels=pixels,
        size_px=(width, height),
        name=name,
        sha256=sha256,
        format=decoded.format,
        kind=kind,
        metadata=metadata,
        warnings=tuple(said),
    )


def _is_flat(pixels: np.ndarray) -> bool:
    return int(np.ptp(pixels.reshape(-1, 3), axis=0).max()) <= _FLAT_RANGE


def _kind_of(metadata: Metadata) -> ViewKind:
    if metadata.panorama is not None and metadata.panorama.value.projection == "equirectangular":
        return ViewKind.PANORAMA
    if metadata.drone_pose is not None and metadata.drone_pose.value.gimbal_pitch_deg is not None:
        return ViewKind.DRONE
    return ViewKind.GROUND
