"""From a file's bytes to a Pillow image, at a reduced size where the format allows it.

Decoders are called by their own class, never through `PIL.Image.open`: that would apply limits and warnings
that are global to the process. Pillow's other global switches (``LOAD_TRUNCATED_IMAGES``) are left alone too;
a file that is cut off is completed in memory instead, and said to be so.
"""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from PIL import Image, ImageFile

from whence.core.errors import ImageError, ImageTooLargeError, WhenceError
from whence.samples.containers import Blocks, blocks_of, container_of, info_blocks, webp_size_px
from whence.samples.jpeg import parse_jpeg
from whence.samples.limits import ReadLimits
from whence.samples.png import parse_png
from whence.samples.raw import find_preview, is_raw
from whence.samples.tiff import Tiff

_DECODERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "JPEG2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
}
SUPPORTED = "JPEG, PNG, WebP, TIFF, HEIC/HEIF, AVIF, DNG, GIF, BMP and JPEG 2000"

_MAX_PADDING = 64_000_000
_AGAIN = "Copy the file again from its original, or export it as JPEG."
_FILTERS_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture before colours and orientation are put right.

    Attributes:
        image: in whatever mode the decoder gives.
        size_px: width and height in the file, as ``image`` is turned.
        format: what the container is.
        upright: whether the decoder has already applied the orientation.
        blocks: metadata blocks of the file.
        warnings: readable sentences.
    """

    image: Image.Image
    size_px: tuple[int, int]
    format: str
    upright: bool
    blocks: Blocks
    warnings: tuple[str, ...] = ()


def decode(data: bytes, name: str, limits: ReadLimits, working_px: int) -> Decoded:
    """Decode the (first) picture in a file's bytes.

    Args:
        data: the whole file.
        name: how errors call it.
        limits: checked against the header before anything is decoded.
        working_px: longer side that will be used; the result is at least that large where the file is.

    Raises:
        ImageTooLargeError: beyond the limits.
        ImageError: not a picture, of an unknown kind, or too damaged.
    """
    container = container_of(data)
    if container is None:
        raise _not_a_picture(data, name)
    try:
        if container == "JPEG":
            return _jpeg(data, name, limits, working_px)
        if container == "PNG":
            return _png(data, name, limits)
        if container == "HEIF":
            return _heif(data, name, limits)
        if container == "TIFF":
            return _tiff(data, name, limits, working_px)
        return _other(container, data, name, limits)
    except WhenceError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLargeError(
            f"{name}: decoding this {container} needs more memory than there is "
            f"({error or 'out of memory'}). Shrink the picture first."
        ) from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: the {container} data cannot be decoded ({reason}). {_AGAIN}") from error


def header_info(data: bytes, name: str) -> Mapping[Any, Any]:
    """What a HEIF or AVIF decoder finds beside the pixels, without decoding these.

    Raises:
        ImageError: the header cannot be parsed.
    """
    try:
        if container_of(data) == "HEIF":
            import pillow_heif

            return dict(pillow_heif.open_heif(BytesIO(data)).info)
        refuse_exif_bombs(data, name)
        return dict(_open("AVIF", data).info)
    except WhenceError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: its header cannot be parsed ({error}). {_AGAIN}") from error


def refuse_exif_bombs(data: bytes, name: str) -> None:
    """Check every TIFF header inside a file whose decoder would read all of its values.

    Raises:
        ImageError: one of them is made to exhaust memory.
    """
    for magic in (b"II*\0", b"MM\0*"):
        at = data.find(magic)
        for _ in range(16):
            if at < 0:
                break
            block = Tiff.open(data[at : at + (32 << 20)])
            if block is not None:
                block.check_weight(name)
            at = data.find(magic, at + 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's remarks on odd tags from the user's terminal: what matters is said in `View.warnings`.

    The filters of `warnings` are global, so that only one thread at a time may change them, and briefly.
    """
    with _FILTERS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(container: str, data: bytes) -> ImageFile.ImageFile:
    module, attribute = _DECODERS[container]
    opener: type[ImageFile.ImageFile] = getattr(importlib.import_module(module), attribute)
    with _quiet():
        return opener(BytesIO(data))


def _not_a_picture(data: bytes, name: str) -> ImageError:
    head = data[:64]
    if data[4:8] == b"ftyp":
        what = "a video or another file of the same family as HEIF"
    elif all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        what = f"text that begins {head[:24].decode('ascii')!r}"
    else:
        what = f"data that begins with the bytes {head[:8].hex(' ')}"
    return ImageError(f"{name}: this is {what}, not a picture of a known kind. Supported are {SUPPORTED}.")


def _jpeg(data: bytes, name: str, limits: ReadLimits, working_px: int) -> Decoded:
    jpeg = parse_jpeg(data, name)
    limits.check_pixels(jpeg.size_px, name, reduces=not jpeg.buffered)
    clean, said = jpeg.without_metadata(), []
    scale = min(1.0, working_px / max(jpeg.size_px))
    target = (math.ceil(jpeg.size_px[0] * scale), math.ceil(jpeg.size_px[1] * scale))
    image = _open("JPEG", clean)
    image.draft(None, target)
    try:
        image.load()
    except OSError:
        # A decoder that meets the end marker fills what is missing with grey instead of giving up.
        image = _open("JPEG", clean + b"\xff\xd9")
        image.draft(None, target)
        image.load()
        said.append("The JPEG is cut off or damaged: what is missing is grey.")
    if jpeg.is_multi_picture:
        said.append("The file holds several pictures (MPO): the first is read.")
    container = "MPO" if jpeg.is_multi_picture else "JPEG"
    blocks = Blocks(jpeg.exif, tuple(jpeg.xmp), jpeg.photoshop)
    return Decoded(image, jpeg.size_px, container, False, blocks, tuple(said))


def _png(data: bytes, name: str, limits: ReadLimits) -> Decoded:
    png = parse_png(data, name)
    limits.check_pixels(png.size_px, name)
    said = ["The PNG is animated: its first picture is read."] if png.animated else []
    image = _open("PNG", png.for_decoder())
    try:
        image.load()
        if png.damage:
            said.append(f"The PNG is damaged ({png.damage}), but all of its picture could be read.")
    except (OSError, SyntaxError, ValueError) as error:
        image = _open("PNG", png.for_decoder(repair=True))
        image.load()
        said.append(f"The PNG is damaged ({png.damage or error}): what is missing is black.")
    return Decoded(image, png.size_px, "PNG", False, blocks_of(data, name), tuple(said))


def _heif(data: bytes, name: str, limits: ReadLimits) -> Decoded:
    import pillow_heif

    heif = pillow_heif.open_heif(BytesIO(data))
    limits.check_pixels(heif.size, name)
    image: Image.Image = heif.to_pillow()
    limits.check_pixels(image.size, name)
    said = (f"The file holds {len(heif)} pictures: the main one is read.",) if len(heif) > 1 else ()
    return Decoded(image, image.size, "HEIF", True, info_blocks(dict(heif.info)), said)


def _tiff(data: bytes, name: str, limits: ReadLimits, working_px: int) -> Decoded:
    tiff = Tiff.open(data)
    if tiff is None:
        raise _not_a_picture(data, name)
    tiff.check_weight(name)
    if is_raw(tiff):
        preview, container = find_preview(tiff, name)
        inner = _jpeg(preview, name, limits, working_px)
        said = f"Of the {container}, the embedded preview is read ({inner.size_px[0]} × {inner.size_px[1]})."
        return replace(inner, format=container, blocks=blocks_of(data, name), warnings=(said, *inner.warnings))
    image = _open("TIFF", data)
    limits.check_pixels(image.size, name)
    pages = sum(1 for _ in tiff.chain())
    said_pages = (f"The TIFF has {pages} pages: the first is read.",) if pages > 1 else ()
    image, cut_off = _load_or_pad("TIFF", image, data)
    return Decoded(image, image.size, "TIFF", True, blocks_of(data, name), said_pages + cut_off)


def _other(container: str, data: bytes, name: str, limits: ReadLimits) -> Decoded:
    if container == "WEBP":
        limits.check_pixels(webp_size_px(data, name), name)
    if container == "AVIF":
        refuse_exif_bombs(data, name)
    image = _open(container, data)
    limits.check_pixels(image.size, name)
    blocks = info_blocks(image.info) if container == "AVIF" else blocks_of(data, name)
    image, said = _load_or_pad(container, image, data)
    if container == "GIF" and data.count(b"\x21\xf9\x04") > 1:
        said = ("The GIF is animated: its first picture is read.", *said)
    elif container != "GIF" and getattr(image, "is_animated", False):
        said = (f"The {container} is animated: its first picture is read.", *said)
    return Decoded(image, image.size, container, False, blocks, said)


def _load_or_pad(
    container: str, image: ImageFile.ImageFile, data: bytes
) -> tuple[ImageFile.ImageFile, tuple[str, ...]]:
    """Decode; if the data ends early, decode again with zeros in the place of what is missing."""
    try:
        _load(container, image)
    except OSError as error:
        if container == "GIF":
            return _partial_gif(data, error)
        padding = min(8 * image.size[0] * image.size[1] + 65_536, _MAX_PADDING)
        image = _open(container, data + bytes(padding))
        try:
            _load(container, image)
        except Exception:
            raise error from None
        return image, (f"The {container} is cut off or damaged: what is missing is blank.",)
    return image, ()


def _partial_gif(data: bytes, error: OSError) -> tuple[ImageFile.ImageFile, tuple[str, ...]]:
    """What a decoder that is fed piece by piece has made of a GIF when the pieces run out."""
    parser = ImageFile.Parser()
    try:
        with _quiet():
            parser.feed(data)
        image = parser.image
    except Exception:
        raise error from None
    if not isinstance(image, ImageFile.ImageFile) or image.tile:
        raise error
    return image, ("The GIF is cut off or damaged: what is missing is blank.",)


def _load(container: str, image: ImageFile.ImageFile) -> None:
    if container in {"TIFF", "GIF"}:
        with _quiet():
            image.load()
    else:
        image.load()
