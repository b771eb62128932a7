"""IPTC-IIM, the press agencies' older caption format, bare or inside Photoshop image resources.

Source: IPTC, *Information Interchange Model* 4.2 (2014); Adobe, *Photoshop File Formats* ("image resources").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from whence.samples.tag_values import clean_text, date_time
from whence.samples.view import Metadata, PlaceName, Tagged

MAX_DATASETS = 2_000
_IPTC_RESOURCE = 0x0404
_LEVELS = {
    92: ("sublocation", "Sublocation"),
    90: ("city", "City"),
    95: ("region", "Province/State"),
    101: ("country", "Country"),
    100: ("country", "Country code"),
}
_KEYWORD, _DATE, _TIME = 25, 55, 60


def read_iptc(block: bytes) -> Metadata:
    """Read an IPTC block, with or without Photoshop's wrapping; never raises, whatever it holds."""
    stream = block if block.startswith(b"\x1c") else _resource(block)
    found: dict[int, list[bytes]] = {}
    utf8 = False
    for record, number, value in _datasets(stream):
        if (record, number) == (1, 90):
            utf8 = value == b"\x1b%G"
        elif record == 2:
            found.setdefault(number, []).append(value)

    def text(raw: bytes) -> str:
        return clean_text(raw.decode("utf-8", "replace") if utf8 else raw)

    places = [
        Tagged(PlaceName(level, text(raw)), f"IPTC 2:{number} {label}")
        for number, (level, label) in _LEVELS.items()
        for raw in found.get(number, [])[:8]
        if text(raw)
    ]
    words = [Tagged(text(raw), "IPTC 2:25 Keywords") for raw in found.get(_KEYWORD, [])[:400] if text(raw)]
    date, clock = (text(found.get(number, [b""])[0]) for number in (_DATE, _TIME))
    read = None
    if len(date) == 8 and len(clock) >= 6 and (date + clock[:6]).isascii():
        iso = f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}{clock[6:11]}"
        read = date_time(iso)
    origin = "IPTC 2:55/2:60 Date and time created"
    return Metadata(
        local_time=Tagged(read[0], origin) if read else None,
        utc_offset=Tagged(read[1], origin) if read and read[1] is not None else None,
        place_names=tuple(places),
        keywords=tuple(words),
    )


def _resource(block: bytes) -> bytes:
    """The IPTC stream inside Photoshop image resources, empty if there is none."""
    at = 0
    while at + 12 <= len(block) and block[at : at + 4] in {b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"}:
        number = struct.unpack_from(">H", block, at + 4)[0]
        name_size = (block[at + 6] + 2) & ~1
        start = at + 6 + name_size + 4
        if start > len(block):
            break
        size = struct.unpack_from(">I", block, start - 4)[0]
        if number == _IPTC_RESOURCE:
            return block[start : start + size]
        at = start + size + (size & 1)
    return b""


def _datasets(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number and value of each data set, up to the first that is broken."""
    at, count = 0, 0
    while at + 5 <= len(stream) and stream[at] == 0x1C and count < MAX_DATASETS:
        record, number, size = struct.unpack_from(">BBH", stream, at + 1)
        at += 5
        if size & 0x8000:
            width = size & 0x7FFF
            if width > 4 or at + width > len(stream):
                return
            size = int.from_bytes(stream[at : at + width], "big")
            at += width
        yield record, number, stream[at : at + size]
        at, count = at + size, count + 1
