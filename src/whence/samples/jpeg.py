"""JPEG as a list of segments: finds metadata, and leaves it out of what a decoder is given.

Source: ITU-T T.81 Annex B; JEITA CP-3451 (EXIF); Adobe, *XMP Specification Part 3* (2020), section 1.1.3.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass

from whence.core.errors import ImageError
from whence.samples.limits import HOSTILE

MAX_SEGMENTS = 20_000
"""Segments before the picture data; 16 GB of depth map would be needed for more in an honest file."""

MAX_SCANS = 200
"""Scans of one picture; progressive encoders write about ten."""

EXIF_HEAD = b"Exif\0\0"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"

_APP1, _APP2, _APP13, _COMMENT, _SOS, _EOI = 0xE1, 0xE2, 0xED, 0xFE, 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment: its marker's second byte, and where its payload lies."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Jpeg:
    """Segments of a JPEG before its first scan.

    Attributes:
        scan_at: offset of the first start-of-scan marker.
        size_px: width and height from the frame header, before any rotation.
        buffered: whether a decoder must keep all coefficients (progressive, or one scan per component), so
            that decoding at a reduced size saves no memory.
    """

    data: bytes
    segments: tuple[Segment, ...]
    scan_at: int
    size_px: tuple[int, int]
    buffered: bool

    def payloads(self, marker: int, head: bytes) -> list[bytes]:
        """Payloads of the segments of one marker that begin with ``head``, without it."""
        return [
            self.data[s.start + len(head) : s.end]
            for s in self.segments
            if s.marker == marker and self.data.startswith(head, s.start, s.end)
        ]

    @property
    def exif(self) -> bytes:
        """The EXIF block without its head; parts in following segments joined. Empty if absent."""
        return b"".join(self.payloads(_APP1, EXIF_HEAD))

    @property
    def photoshop(self) -> bytes:
        """Photoshop image resources (which hold IPTC), joined. Empty if absent."""
        return b"".join(self.payloads(_APP13, PHOTOSHOP_HEAD))

    @property
    def xmp(self) -> list[bytes]:
        """XMP packets: the main one, and the extended one put together from its parts."""
        packets = self.payloads(_APP1, XMP_HEAD)[:4]
        parts: dict[bytes, dict[int, bytes]] = {}
        for payload in self.payloads(_APP1, EXTENDED_XMP_HEAD):
            if len(payload) >= 40:
                offset = struct.unpack_from(">I", payload, 36)[0]
                parts.setdefault(payload[:32], {})[offset] = payload[40:]
        for chunks in list(parts.values())[:4]:
            packets.append(b"".join(chunks[offset] for offset in sorted(chunks)))
        return packets

    @property
    def is_multi_picture(self) -> bool:
        """Whether further pictures follow (MPO: depth, previews, the second eye)."""
        return bool(self.payloads(_APP2, b"MPF\0"))

    def without_metadata(self) -> bytes:
        """The same picture for a decoder: no EXIF, XMP, IPTC, comments or multi-picture index."""
        kept = [
            b"\xff" + bytes([s.marker]) + self.data[s.start - 2 : s.end]
            for s in self.segments
            if s.marker not in {_APP1, _APP13, _COMMENT} and not self.data.startswith(b"MPF\0", s.start, s.end)
        ]
        return b"".join([b"\xff\xd8", *kept, self.data[self.scan_at :]])


def parse_jpeg(data: bytes, name: str) -> Jpeg:
    """Find the segments of a JPEG.

    Raises:
        ImageError: no frame header or no scan was found, or there are too many segments or scans.
    """
    segments, scan_at = _segments(data, name)
    frames = [s for s in segments if s.marker in _FRAMES and s.end - s.start >= 6]
    if not frames or scan_at < 0:
        raise ImageError(
            f"{name}: the JPEG ends before its picture data ({len(data):,} bytes). Copy the file again from "
            "its original."
        )
    frame = frames[0]
    _, height, width, components = struct.unpack_from(">BHHB", data, frame.start)
    in_scan = data[scan_at + 4] if scan_at + 4 < len(data) else 0
    scans = data.count(b"\xff\xda", scan_at)
    pictures = max(1, data.count(b"\xff\xd8\xff", scan_at) + 1)
    if scans > MAX_SCANS * min(pictures, 4):
        raise ImageError(f"{name}: the JPEG holds {scans:,} scans, honest ones have about ten. {HOSTILE}")
    progressive = frame.marker in {0xC2, 0xC6, 0xCA, 0xCE}
    return Jpeg(data, tuple(segments), scan_at, (width, height), progressive or in_scan < components)


def _segments(data: bytes, name: str) -> tuple[list[Segment], int]:
    """Segments before the first scan, and that scan's offset (−1: none). Stray bytes are stepped over."""
    segments: list[Segment] = []
    at = 2
    while at + 4 <= len(data):
        found = _MARKER.search(data, at)
        if found is None or found.start() + 4 > len(data):
            break
        at = found.start()
        marker = data[at + 1]
        if marker == _SOS:
            return segments, at
        if marker == _EOI:
            break
        length = struct.unpack_from(">H", data, at + 2)[0]
        if length < 2 or at + 2 + length > len(data):
            break
        segments.append(Segment(marker, at + 4, at + 2 + length))
        if len(segments) > MAX_SEGMENTS:
            kinds = Counter(f"FF{s.marker:02X}" for s in segments).most_common(1)[0][0]
            raise ImageError(
                f"{name}: more than {MAX_SEGMENTS:,} JPEG segments (mostly {kinds}) before the picture data. {HOSTILE}"
            )
        at += 2 + length
    return segments, -1
