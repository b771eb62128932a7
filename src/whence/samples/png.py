"""PNG as a list of chunks: finds metadata, and rewrites what a decoder is given, also of damaged files.

Source: W3C, *Portable Network Graphics (PNG) Specification*, third edition (2025).
"""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass

from whence.core.errors import ImageError
from whence.samples.limits import HOSTILE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 200_000
"""Chunks of one file; encoders write one per 8 kB or more."""

MAX_TEXT_BYTES = 8 << 20
"""Size to which a compressed text is inflated."""

MAX_REPAIR_PX = 64_000_000
"""Pixels of a damaged picture that is put together again."""

_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_PROFILES = frozenset(
    {b"XML:com.adobe.xmp", *(b"Raw profile type " + kind for kind in (b"exif", b"xmp", b"iptc", b"8bim"))}
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True, slots=True)
class Png:
    """Chunks of a PNG.

    Attributes:
        header: payload of IHDR, 13 bytes.
        chunks: kind and payload of every chunk but the picture data.
        pixels: payloads of the IDAT chunks.
        animated: whether it is an animation (APNG).
        damage: a readable clause on what is wrong with the file, or empty.
    """

    header: bytes
    chunks: tuple[tuple[bytes, bytes], ...]
    pixels: tuple[bytes, ...]
    animated: bool
    damage: str

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        width, height = struct.unpack_from(">II", self.header)
        return width, height

    @property
    def exif(self) -> bytes:
        """The EXIF block, empty if absent."""
        direct = b"".join(payload for kind, payload in self.chunks if kind == b"eXIf")
        return direct or _raw_profile(self.texts().get(b"Raw profile type exif", b""))

    @property
    def iptc(self) -> bytes:
        """Photoshop image resources or plain IPTC, as ImageMagick stores them; empty if absent."""
        texts = self.texts()
        return _raw_profile(texts.get(b"Raw profile type iptc", b"") or texts.get(b"Raw profile type 8bim", b""))

    @property
    def xmp(self) -> list[bytes]:
        """XMP packets."""
        texts = self.texts()
        found = [texts.get(b"XML:com.adobe.xmp", b""), _raw_profile(texts.get(b"Raw profile type xmp", b""))]
        return [packet for packet in found if packet]

    def texts(self) -> dict[bytes, bytes]:
        """The texts that hold metadata, by keyword; broken compressed ones end where they break."""
        found: dict[bytes, bytes] = {}
        for kind, payload in self.chunks:
            if kind in {b"tEXt", b"zTXt", b"iTXt"}:
                keyword, _, rest = payload[: 1 << 24].partition(b"\0")
                if keyword in _PROFILES and keyword not in found:
                    found[keyword] = _text(kind, rest)
        return found

    def for_decoder(self, *, repair: bool = False) -> bytes:
        """A PNG of the same (first) picture with right checksums and without texts.

        Args:
            repair: inflate what can be inflated of the picture data and fill the rest with zeros.
        """
        stream = b"".join(self.pixels)
        if repair:
            stream = self._refilled(stream)
        parts = [_chunk(b"IHDR", self.header)]
        seen = {b"IHDR"}
        for kind, payload in self.chunks:
            if kind in _KEPT and kind not in seen:
                parts.append(_chunk(kind, payload))
                seen.add(kind)
        return b"".join([SIGNATURE, *parts, _chunk(b"IDAT", stream), _chunk(b"IEND", b"")])

    def _refilled(self, stream: bytes) -> bytes:
        width, height = self.size_px
        depth, colour, _, _, interlaced = struct.unpack_from(">BBBBB", self.header, 8)
        if width * height > MAX_REPAIR_PX or colour not in _CHANNELS:
            raise ImageError(f"a damaged PNG of {width} × {height} pixels is beyond repair")
        bits = depth * _CHANNELS[colour]
        passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
        needed = 0
        for left, top, across, down in passes:
            columns, rows = -(-(width - left) // across), -(-(height - top) // down)
            if columns > 0 and rows > 0:
                needed += rows * (1 + (columns * bits + 7) // 8)
        pixels = _inflate_what_can_be(stream, needed)
        if not pixels:
            raise ImageError("none of its picture data can be inflated")
        return zlib.compress(pixels.ljust(needed, b"\0"), 1)


def parse_png(data: bytes, name: str) -> Png:
    """Find the chunks of a PNG.

    Raises:
        ImageError: no header or no picture data, or too many chunks.
    """
    header, chunks, pixels, animated, damage, at = b"", [], [], False, "", len(SIGNATURE)
    count = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        payload, stated = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        at, count = at + 12 + length, count + 1
        if len(stated) < 4:
            damage = damage or "it ends early"
        elif struct.unpack(">I", stated)[0] != zlib.crc32(payload, zlib.crc32(kind)):
            damage = damage or f"the checksum of its {kind.decode('latin-1')} chunk is wrong"
        if kind == b"IHDR" and len(payload) == 13:
            header = header or payload
        elif kind == b"IDAT":
            pixels.append(payload)
        elif kind == b"IEND":
            break
        else:
            animated |= kind == b"acTL"
            chunks.append((kind, payload))
        if count > MAX_CHUNKS:
            raise ImageError(f"{name}: more than {MAX_CHUNKS:,} PNG chunks. {HOSTILE}")
    else:
        damage = damage or "it ends early"
    if not header or not pixels:
        raise ImageError(
            f"{name}: the PNG has no {'picture data' if header else 'header'} ({len(data):,} bytes). Copy "
            "the file again from its original."
        )
    return Png(header, tuple(chunks), tuple(pixels), animated, damage)


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload), kind) + payload + struct.pack(">I", zlib.crc32(kind + payload))


def _text(kind: bytes, rest: bytes) -> bytes:
    """The text of a text chunk after its keyword."""
    if kind == b"tEXt":
        return rest[:MAX_TEXT_BYTES]
    if kind == b"zTXt":
        return _inflate_what_can_be(rest[1:], MAX_TEXT_BYTES)
    compressed = rest[:1] == b"\x01"
    body = rest[2:].split(b"\0", 2)
    if len(body) < 3:
        return b""
    return _inflate_what_can_be(body[2], MAX_TEXT_BYTES) if compressed else body[2][:MAX_TEXT_BYTES]


def _inflate_what_can_be(stream: bytes, limit: int) -> bytes:
    """Inflate up to ``limit`` bytes, stopping without complaint where the stream is broken."""
    engine = zlib.decompressobj()
    out = bytearray()
    for at in range(0, len(stream), 1024):
        try:
            out += engine.decompress(stream[at : at + 1024], limit - len(out))
            while engine.unconsumed_tail and len(out) < limit:
                out += engine.decompress(engine.unconsumed_tail, limit - len(out))
        except zlib.error:
            break
        if len(out) >= limit or engine.eof:
            break
    return bytes(out[:limit])


def _raw_profile(text: bytes) -> bytes:
    """Decode ImageMagick's hexadecimal "raw profile" texts: name, length, then hexadecimal lines."""
    parts = text.strip().split(b"\n", 2)
    if len(parts) < 3:
        return b""
    digits = b"".join(parts[2].split())
    try:
        return binascii.unhexlify(digits[: len(digits) // 2 * 2])
    except binascii.Error:
        return b""
