"""Damaged, empty and hostile files of the test corpus."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

from whence.core.errors import ImageError, ImageTooLargeError
from whence.samples.corpus import Draft, draft
from whence.samples.corpus_bytes import (
    LONG,
    SHORT,
    UNDEFINED,
    encode,
    png_chunk,
    tiff_bytes,
    with_exif,
    with_png_chunk,
    with_segment,
    with_xmp,
)
from whence.samples.corpus_formats import heif_bytes


def damaged_drafts(picture: Image.Image) -> Iterator[Draft]:
    """Files that are cut off, empty, something else, or made to do harm."""
    yield from _cut_off(picture)
    yield from _nothing_to_see(picture)
    yield from _too_large(picture)
    yield from _hostile(picture)


def _cut_off(picture: Image.Image) -> Iterator[Draft]:
    large = picture.resize((384, 256), Image.Resampling.NEAREST)
    kinds: tuple[tuple[str, str, dict[str, Any], str], ...] = (
        ("jpg", "JPEG", {"quality": 95}, "cut off"),
        ("progressive.jpg", "JPEG", {"quality": 95, "progressive": True}, "cut off"),
        ("png", "PNG", {"compress_level": 1}, "ends early"),
        ("bmp", "BMP", {}, "cut off"),
        ("tif", "TIFF", {}, "cut off"),
        ("gif", "GIF", {}, "cut off"),
    )
    for ending, kind, options, says in kinds:
        data = encode(large, kind, **options)
        yield draft(
            f"cut.{ending}",
            f"the first three quarters of a {kind}",
            data[: len(data) * 3 // 4],
            says=says,
            size_px=(384, 256),
            format=kind,
            upright_colours=False,
        )
    for ending, kind in (("webp", "WEBP"), ("avif", "AVIF")):
        data = encode(large, kind)
        about = f"the first half of a {kind}, which cannot be decoded in part"
        yield draft(f"cut.{ending}", about, data[: len(data) // 2], error=ImageError, says="Copy the file again")
    heic = heif_bytes(large)
    if heic:
        about = "the first half of an HEIC"
        yield draft("cut.heic", about, heic[: len(heic) // 2], error=ImageError, says="Copy the file again")
    jpeg, png = encode(picture, "JPEG"), bytearray(encode(picture, "PNG"))
    yield draft("header_only.jpg", "a JPEG of which only the head is left", jpeg[:200], error=ImageError, says="ends")
    yield draft("header_only.png", "a PNG without picture data", bytes(png[:33]), error=ImageError, says="no picture")
    at = png.index(b"IDAT") - 4
    at += 8 + struct.unpack_from(">I", png, at)[0]
    png[at] ^= 0xFF
    yield draft("checksum.png", "a PNG with a wrong checksum", bytes(png), says="checksum", format="PNG")


def _nothing_to_see(picture: Image.Image) -> Iterator[Draft]:
    yield draft("empty.jpg", "no bytes at all", b"", error=ImageError, says="empty")
    yield draft("text.jpg", "a text", b"This is not a picture.\n" * 9, error=ImageError, says="text that begins")
    yield draft("page.png", "a web page", b"<!DOCTYPE html><html></html>", error=ImageError, says="text")
    yield draft("noise.heic", "random bytes", bytes(range(7, 250, 3)), error=ImageError, says="bytes 07 0a")
    film = struct.pack(">I4s4sI4s", 24, b"ftyp", b"isom", 512, b"mp41") + bytes(64)
    yield draft("film.heic", "a video", film, error=ImageError, says="video")
    dot = encode(picture.resize((1, 1)), "PNG")
    yield draft("dot.png", "a tracking pixel", dot, error=ImageError, says="1 × 1")
    thin = encode(picture.resize((400, 3)), "JPEG")
    yield draft("thin.jpg", "a line", thin, error=ImageError, says="400 × 3")
    flat = Image.new("RGB", picture.size, (90, 120, 150))
    yield draft("flat.png", "one colour", encode(flat, "PNG"), says="same colour", format="PNG", upright_colours=False)


def _too_large(picture: Image.Image) -> Iterator[Draft]:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    png = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")
    jpeg = bytearray(encode(picture, "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, frame + 5, 65_500, 65_500)
    gif = bytearray(encode(picture, "GIF"))
    struct.pack_into("<HH", gif, 6, 65_535, 65_535)
    bmp = bytearray(encode(picture, "BMP"))
    struct.pack_into("<ii", bmp, 18, 50_000, 50_000)
    webp = bytearray(encode(picture, "WEBP", exif=b"Exif\0\0" + tiff_bytes({271: (2, b"x\0")})))
    webp[24:30] = (16_382).to_bytes(3, "little") * 2
    tiff = {256: (LONG, [90_000]), 257: (LONG, [90_000]), 258: (SHORT, [8]), 259: (SHORT, [1]), 262: (SHORT, [1]),
            273: (LONG, [8]), 277: (SHORT, [1]), 278: (LONG, [90_000]), 279: (LONG, [100])}  # fmt: skip
    files = {"png": png, "jpg": jpeg, "gif": gif, "bmp": bmp, "webp": webp, "tif": tiff_bytes(tiff)}
    for ending, data in files.items():
        about = f"a small file that states a huge picture ({ending})"
        yield draft(f"bomb.{ending}", about, bytes(data), error=ImageTooLargeError, says="at most")


def _hostile(picture: Image.Image) -> Iterator[Draft]:
    jpeg = encode(picture, "JPEG", quality=90)
    entries = b"".join(struct.pack("<HHII", tag, UNDEFINED, 40_000, 8) for tag in range(1000, 3000))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2000) + entries + bytes(20_000)
    yield draft(
        "exif_overlap.jpg",
        "2,000 EXIF values over the same bytes",
        with_segment(jpeg, 0xE1, b"Exif\0\0" + block),
        problem="overlapping",
    )
    yield draft("overlap.tif", "the same as a TIFF", block, error=ImageError, says="made to harm")
    loop = tiff_bytes({0x8769: (LONG, [8]), 0x8825: (LONG, [8]), 0x014A: (LONG, [8])})
    yield draft("exif_loop.jpg", "EXIF that points to itself", with_segment(jpeg, 0xE1, b"Exif\0\0" + loop))
    far = {0x8825: (LONG, [0xFFFF_FFF0])}
    yield draft("exif_far.jpg", "a GPS pointer beyond the file", with_exif(jpeg, far), problem="cut off or damaged")
    scan = jpeg.index(b"\xff\xda")
    many = jpeg[:scan] + jpeg[scan : scan + 40] * 2_000 + jpeg[scan:]
    yield draft("scans.jpg", "thousands of scans", many, error=ImageError, says="scans")
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x>&l9;</x>'.encode()
    yield draft("xmp_entities.jpg", "XMP whose entities unfold", with_xmp(jpeg, bomb), problem="entities")
    deep = b"<a>" * 15_000 + b"</a>" * 6
    yield draft("xmp_deep.jpg", "XMP nested without end", with_xmp(jpeg, deep), problem="well-formed")
    text = b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(b" " * 60_000_000, 9)
    png = with_png_chunk(encode(picture, "PNG"), b"iTXt", text)
    yield draft("text_bomb.png", "a text that inflates to 60 MB", png, format="PNG")
