"""What kind of file a picture is in, and the blocks of metadata that it carries.

Only the structure is walked here; no pixel is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whence.core.errors import ImageError
from whence.samples.jpeg import EXIF_HEAD, parse_jpeg
from whence.samples.png import SIGNATURE, parse_png
from whence.samples.tiff import Tiff

_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG = 700, 33723, 34377
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"})
_MAX_RIFF_CHUNKS = 10_000


@dataclass(frozen=True, slots=True)
class Blocks:
    """Metadata of a file as raw blocks, empty where absent.

    Attributes:
        exif: from its TIFF header on (for a TIFF or DNG, the whole file).
        xmp: packets in order of precedence.
        iptc: Photoshop image resources, or a bare IPTC-IIM stream.
    """

    exif: bytes = b""
    xmp: tuple[bytes, ...] = ()
    iptc: bytes = b""


def container_of(data: bytes) -> str | None:
    """Name the container by its first bytes: a Pillow format name or ``HEIF``; ``None`` if unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(SIGNATURE):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "GIF"
    if data[4:8] == b"ftyp":
        return _isobmff(data)
    if data[:4] == b"\xff\x4f\xff\x51" or data[:12] == b"\0\0\0\x0cjP  \r\n\x87\n":
        return "JPEG2000"
    if data[:2] == b"BM" and len(data) >= 26 and data[14:16] != b"\0\0":
        return "BMP"
    return "TIFF" if Tiff.open(data) is not None else None


def _isobmff(data: bytes) -> str | None:
    size = struct.unpack_from(">I", data)[0]
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data), 256), 4))}
    if data[8:12] in _AVIF_BRANDS or (brands & _AVIF_BRANDS and data[8:12] in {b"mif1", b"msf1"}):
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def blocks_of(data: bytes, name: str = "picture") -> Blocks:
    """Find the metadata blocks in a file's bytes.

    HEIF and AVIF are opened by their decoders' header parsers; formats without metadata give empty blocks.

    Raises:
        ImageError: the structure of the file is broken before any metadata.
    """
    container = container_of(data)
    if container == "JPEG":
        jpeg = parse_jpeg(data, name)
        return Blocks(jpeg.exif, tuple(jpeg.xmp), jpeg.photoshop)
    if container == "PNG":
        png = parse_png(data, name)
        return Blocks(bare_exif(png.exif), tuple(png.xmp), png.iptc)
    if container == "WEBP":
        return _webp_blocks(data)
    if container == "TIFF":
        return _tiff_blocks(data)
    if container in {"HEIF", "AVIF"}:
        from whence.samples.decode import header_info

        return info_blocks(header_info(data, name))
    return Blocks()


def info_blocks(info: Mapping[Any, Any]) -> Blocks:
    """Metadata blocks that Pillow and pillow-heif keep beside the pixels of a picture (``info``)."""
    exif, xmp, photoshop = info.get("exif"), info.get("xmp"), info.get("photoshop")
    iptc = photoshop.get(0x0404) if isinstance(photoshop, dict) else None
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Blocks(
        bare_exif(exif) if isinstance(exif, bytes) else b"",
        (xmp,) if isinstance(xmp, bytes) and xmp else (),
        iptc if isinstance(iptc, bytes) else b"",
    )


def bare_exif(block: bytes) -> bytes:
    """An EXIF block from its TIFF header on, whatever its container put before it."""
    return block[len(EXIF_HEAD) :] if block.startswith(EXIF_HEAD) else block


def riff_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Chunks of a WebP: kind, start and end of the payload (cut to what is there)."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 12
    while at + 8 <= len(data) and len(chunks) < _MAX_RIFF_CHUNKS:
        kind, length = struct.unpack_from("<4sI", data, at)
        chunks.append((kind, at + 8, min(at + 8 + length, len(data))))
        at += 8 + length + (length & 1)
    return chunks


def webp_size_px(data: bytes, name: str) -> tuple[int, int]:
    """Width and height that a WebP states, read before any decoder sees it.

    Source: *WebP Container Specification* (RFC 9649).

    Raises:
        ImageError: no chunk states a size.
    """
    for kind, start, end in riff_chunks(data)[:4]:
        if kind == b"VP8X" and end - start >= 10:
            return (
                1 + int.from_bytes(data[start + 4 : start + 7], "little"),
                1 + int.from_bytes(data[start + 7 : start + 10], "little"),
            )
        if kind == b"VP8 " and end - start >= 10:
            width, height = struct.unpack_from("<HH", data, start + 6)
            return width & 0x3FFF, height & 0x3FFF
        if kind == b"VP8L" and end - start >= 5:
            bits = struct.unpack_from("<I", data, start + 1)[0]
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise ImageError(f"{name}: the WebP holds no picture. Copy the file again from its original.")


def _webp_blocks(data: bytes) -> Blocks:
    exif, xmp = b"", []
    for kind, start, end in riff_chunks(data):
        if kind == b"EXIF":
            exif = exif or bare_exif(data[start:end])
        elif kind == b"XMP ":
            xmp.append(data[start:end])
    return Blocks(exif, tuple(xmp[:2]))


def _tiff_blocks(data: bytes) -> Blocks:
    tiff = Tiff.open(data)
    directory = tiff.directory(tiff.first_offset) if tiff is not None else None
    if tiff is None or directory is None:
        return Blocks()
    xmp = tiff.raw(directory, _XMP_TAG)
    iptc = tiff.raw(directory, _IPTC_TAG) or tiff.raw(directory, _PHOTOSHOP_TAG)
    return Blocks(data, (xmp,) if xmp else (), iptc)
