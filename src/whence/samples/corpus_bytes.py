"""Writes the structures that the test corpus needs and that no library writes wrongly on purpose."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
COLOURS = ((200, 40, 40), (40, 160, 60), (50, 60, 190), (220, 210, 60))
"""Of the test picture's quarters: top left, top right, bottom left, bottom right."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that a TIFF entry points to by offset (picture data, previews)."""

    data: bytes


Tags = dict[int, Any]
"""Tag → (type, values), or tags of a child directory, or a `Blob`."""


def quartered_picture(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """The test picture: four quarters in `COLOURS`, with noise. Shape ``height × width × 3``, 8 bits."""
    pixels = np.empty((height, width, 3), np.int16)
    half_y, half_x = height // 2, width // 2
    pixels[:half_y, :half_x], pixels[:half_y, half_x:] = COLOURS[0], COLOURS[1]
    pixels[half_y:, :half_x], pixels[half_y:, half_x:] = COLOURS[2], COLOURS[3]
    pixels += rng.integers(-6, 7, (height, width, 1), dtype=np.int16)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode with Pillow."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiff_bytes(tags: Tags, *, order: str = "<") -> bytes:
    """A TIFF structure with one directory; also the content of an EXIF block."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    _write_directory(out, tags, order)
    return bytes(out)


def _write_directory(out: bytearray, tags: Tags, order: str) -> int:
    start = len(out)
    out += bytes(2 + 12 * len(tags) + 4)
    struct.pack_into(order + "H", out, start, len(tags))
    for index, (tag, value) in enumerate(sorted(tags.items())):
        if isinstance(value, dict):
            kind, count, payload = LONG, 1, struct.pack(order + "I", _write_directory(out, value, order))
        elif isinstance(value, Blob):
            kind, count, payload = LONG, 1, struct.pack(order + "I", len(out))
            out += value.data
        else:
            kind, count, payload = _payload(value[0], value[1], order)
        if len(payload) > 4:
            at = len(out)
            out += payload
            payload = struct.pack(order + "I", at)
        struct.pack_into(order + "HHI", out, start + 2 + 12 * index, tag, kind, count)
        out[start + 10 + 12 * index : start + 14 + 12 * index] = payload.ljust(4, b"\0")
    return start


def _payload(kind: int, values: Any, order: str) -> tuple[int, int, bytes]:
    if isinstance(values, bytes):
        return kind, len(values), values
    if kind in {RATIONAL, SRATIONAL}:
        code = "I" if kind == RATIONAL else "i"
        return kind, len(values), b"".join(struct.pack(f"{order}2{code}", *pair) for pair in values)
    return kind, len(values), struct.pack(f"{order}{len(values)}{ {BYTE: 'B', SHORT: 'H', LONG: 'I'}[kind] }", *values)


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I4s", len(payload), kind) + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_bytes(pixels: np.ndarray, *, bits: int = 8, interlaced: bool = False) -> bytes:
    """An RGB PNG of 8 or 16 bits per sample, optionally interlaced (Adam7), both of which Pillow does not write."""
    height, width = pixels.shape[:2]
    samples = pixels.astype(">u2") * 257 if bits == 16 else pixels
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [
        b"\0" + samples[y, x0::dx].astype(samples.dtype).tobytes()
        for x0, y0, dx, dy in passes
        for y in range(y0, height, dy)
    ]
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, int(interlaced))
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def with_png_chunk(png: bytes, kind: bytes, payload: bytes) -> bytes:
    """The PNG with one more chunk after its header."""
    return png[:33] + png_chunk(kind, payload) + png[33:]


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """The JPEG with one more segment in front."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def with_exif(jpeg: bytes, tags: Tags, *, order: str = "<") -> bytes:
    """The JPEG with an EXIF block of these tags."""
    return with_segment(jpeg, 0xE1, b"Exif\0\0" + tiff_bytes(tags, order=order))


def with_xmp(jpeg: bytes, packet: bytes) -> bytes:
    """The JPEG with an XMP packet."""
    return with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def xmp_packet(attributes: str = "", elements: str = "") -> bytes:
    """An XMP packet whose one description has these attributes and child elements."""
    spaces = {
        "exif": "http://ns.adobe.com/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "drone-dji": "http://www.dji.com/drone-dji/1.0/",
        "GPano": "http://ns.google.com/photos/1.0/panorama/",
        "xmpNote": "http://ns.adobe.com/xmp/note/",
    }
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in spaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def iptc_resources(values: list[tuple[int, str]]) -> bytes:
    """Photoshop image resources with an IPTC block of record 2 data sets, UTF-8."""
    stream = b"\x1c\x01\x5a\0\x03\x1b%G"
    for number, text in values:
        raw = text.encode()
        stream += struct.pack(">BBBH", 0x1C, 2, number, len(raw)) + raw
    padded = stream + b"\0" * (len(stream) & 1)
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(stream)) + padded


def dng_bytes(preview: bytes, thumbnail: bytes, exif: Tags) -> bytes:
    """A DNG with a thumbnail in its first directory and sensor data and a JPEG preview in two SubIFDs."""
    sensor = Blob(bytes(64 * 64 * 2))
    children: list[Tags] = [
        {254: (LONG, [0]), 256: (LONG, [64]), 257: (LONG, [64]), 258: (SHORT, [16]), 259: (SHORT, [1]),
         262: (SHORT, [32803]), 273: sensor, 277: (SHORT, [1]), 278: (LONG, [64]), 279: (LONG, [8192])},
        {254: (LONG, [1]), 259: (SHORT, [7]), 262: (SHORT, [6]), 273: Blob(preview), 279: (LONG, [len(preview)])},
    ]  # fmt: skip
    head: Tags = {
        254: (LONG, [1]), 256: (LONG, [16]), 257: (LONG, [16]), 258: (SHORT, [8, 8, 8]), 259: (SHORT, [1]),
        262: (SHORT, [2]), 273: Blob(thumbnail), 277: (SHORT, [3]), 278: (LONG, [16]), 279: (LONG, [768]),
        50706: (BYTE, b"\x01\x04\0\0"), **exif,
    }  # fmt: skip
    out = bytearray(b"II*\0" + struct.pack("<I", 0))
    offsets = [_write_directory(out, child, "<") for child in children]
    head[330] = (LONG, offsets)
    struct.pack_into("<I", out, 4, len(out))
    _write_directory(out, head, "<")
    return bytes(out)


def cmyk_profile() -> bytes:
    """A small ICC output profile: CMYK to Lab by an 8-bit table with two grid points per ink.

    Source: ICC.1:2022, sections 7.2 (header), 7.3 (tag table) and 10.11 (lut8Type).
    """
    grid = np.array([[c, m, y, k] for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)], float)
    rgb = (1.0 - grid[:, :3]) * (1.0 - grid[:, 3:])
    to_xyz = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
    f = np.cbrt(np.maximum(rgb @ to_xyz.T / np.array([0.9642, 1.0, 0.8249]), 0.0))
    light = np.clip(116.0 * f[:, 1] - 16.0, 0.0, 100.0) * 2.55
    lab = np.stack([light, 500 * (f[:, 0] - f[:, 1]) + 128, 200 * (f[:, 1] - f[:, 2]) + 128], axis=1)
    table = np.clip(np.rint(lab), 0, 255).astype(np.uint8).tobytes()
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    rights = b"text\0\0\0\0none\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    body, table_of_tags = b"", b""
    for signature, payload in ((b"desc", text), (b"cprt", rights), (b"wtpt", white), (b"A2B0", lut)):
        table_of_tags += struct.pack(">4sII", signature, 132 + 4 * 12 + len(body), len(payload))
        body += payload + b"\0" * (-len(payload) % 4)
    head = struct.pack(">I4sI4s4s4s", 132 + 48 + len(body), b"\0\0\0\0", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 4) + table_of_tags + body
