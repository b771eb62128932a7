"""The directory structure of TIFF, on which EXIF, TIFF and DNG stand: read with bounds on everything.

Nothing here trusts an offset or a count: values are cut to what the block holds, chains of directories cannot
loop, and `Tiff.check_weight` refuses directories whose values would take more memory than the file has bytes.

Source: Adobe, *TIFF Revision 6.0* (1992), pp. 13–16; *BigTIFF* design (2004); Adobe, *DNG Specification* 1.7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from whence.core.errors import ImageError
from whence.samples.limits import HOSTILE

MAX_DIRECTORIES = 2_000
"""Directories followed in one file; scanned documents have a few hundred pages."""

MAX_ENTRIES = 4_096
"""Entries read of one directory."""

MAX_ENTRIES_IN_ALL = 60_000
"""Entries read of one file before it is refused."""

MAX_NUMBERS = 4_000_000
"""Numbers that one entry may hold before the file is refused."""

MAX_VALUES_READ = 4_096
"""Numbers of one entry that are ever turned into Python objects here."""

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_CODES |= {16: "Q", 17: "q", 18: "Q"}
_BYTE_KINDS = frozenset({1, 2, 6, 7})

EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, SUB_IFDS = 0x8769, 0x8825, 0xA005, 0x014A


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory: ``count`` values of type ``kind`` at ``offset``, ``size`` bytes in all."""

    tag: int
    kind: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory: entries by tag, and the offset of the next directory (0: none)."""

    offset: int
    entries: dict[int, Entry]
    next_offset: int
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF structure inside ``data``, whose header is at offset 0.

    Attributes:
        order: ``"<"`` or ``">"``, as `struct` writes it.
        big: whether it is BigTIFF (64-bit offsets).
        first_offset: offset of the first directory.
    """

    data: bytes
    order: str
    big: bool
    first_offset: int

    @classmethod
    def open(cls, data: bytes) -> Tiff | None:
        """Return the structure, or ``None`` if ``data`` does not begin with a TIFF header."""
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            return None
        magic = struct.unpack_from(order + "H", data, 2)[0]
        if magic == 42:
            return cls(data, order, False, struct.unpack_from(order + "I", data, 4)[0])
        if magic == 43 and len(data) >= 16:
            return cls(data, order, True, struct.unpack_from(order + "Q", data, 8)[0])
        return None

    def directory(self, offset: int) -> Directory | None:
        """Read the directory at ``offset``; ``None`` if it lies outside the data.

        A directory that the data cuts short comes back with the entries that are there, marked as damaged.
        """
        head, width = ("Q", 20) if self.big else ("H", 12)
        head_size = struct.calcsize(head)
        if offset < 8 or offset + head_size > len(self.data):
            return None
        stated = struct.unpack_from(self.order + head, self.data, offset)[0]
        start = offset + head_size
        held = min(stated, (len(self.data) - start) // width, MAX_ENTRIES)
        entries: dict[int, Entry] = {}
        for index in range(held):
            entry = self._entry(start + index * width)
            if entry is not None:
                entries.setdefault(entry.tag, entry)
        end, link = start + stated * width, "Q" if self.big else "I"
        after = 0
        if end + struct.calcsize(link) <= len(self.data):
            after = struct.unpack_from(self.order + link, self.data, end)[0]
        return Directory(offset, entries, after, held < stated)

    def _entry(self, at: int) -> Entry | None:
        """Read one entry; ``None`` if its type is unknown or its value lies outside the data."""
        tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
        count = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, at + 4)[0]
        unit = _SIZES.get(kind)
        if unit is None:
            return None
        size, inline, value_at = count * unit, 8 if self.big else 4, at + (12 if self.big else 8)
        offset = value_at
        if size > inline:
            offset = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, value_at)[0]
        if offset + size > len(self.data):
            return None
        return Entry(tag, kind, count, offset, size)

    def chain(self) -> Iterator[Directory]:
        """The directories linked from the first one, each once, at most `MAX_DIRECTORIES`."""
        seen: set[int] = set()
        offset = self.first_offset
        while offset and offset not in seen and len(seen) < MAX_DIRECTORIES:
            seen.add(offset)
            directory = self.directory(offset)
            if directory is None:
                return
            yield directory
            offset = directory.next_offset

    def linked(self, directory: Directory, tag: int, at_most: int = 1) -> list[Directory]:
        """The directories that an entry of ``directory`` points to (EXIF, GPS, SubIFDs)."""
        offsets = self.numbers(directory, tag)[:at_most]
        found = (self.directory(int(offset)) for offset in offsets if offset >= 0)
        return [child for child in found if child is not None]

    def raw(self, directory: Directory, tag: int) -> bytes:
        """Bytes of a value, empty if the entry is absent."""
        entry = directory.entries.get(tag)
        return b"" if entry is None else self.data[entry.offset : entry.offset + entry.size]

    def numbers(self, directory: Directory, tag: int) -> tuple[float, ...]:
        """Numbers of a value that is not rational or text; empty if absent or of another type."""
        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in _CODES:
            return ()
        count = min(entry.count, MAX_VALUES_READ)
        return struct.unpack_from(f"{self.order}{count}{_CODES[entry.kind]}", self.data, entry.offset)

    def fractions(self, directory: Directory, tag: int) -> tuple[tuple[int, int], ...]:
        """Numerators and denominators of a rational value; empty if absent or of another type."""
        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in {5, 10}:
            return ()
        count = min(entry.count, MAX_VALUES_READ)
        code = "I" if entry.kind == 5 else "i"
        flat = struct.unpack_from(f"{self.order}{2 * count}{code}", self.data, entry.offset)
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    def check_weight(self, name: str) -> None:
        """Refuse structures made to exhaust memory or time in a decoder that reads all values.

        Honest values do not overlap, so that together they cannot be larger than the data.

        Raises:
            ImageError: too many directories or numbers, or values that overlap many times over.
        """
        total, entries = 0, 0
        for pages, directory in enumerate(self.chain(), start=1):
            linked = [d for tag in (EXIF_POINTER, GPS_POINTER) for d in self.linked(directory, tag)]
            linked += [d for child in linked for d in self.linked(child, INTEROP_POINTER)]
            for one in (directory, *linked):
                entries += len(one.entries)
                total += sum(entry.size for entry in one.entries.values())
                worst = max((e.count for e in one.entries.values() if e.kind not in _BYTE_KINDS), default=0)
                if worst > MAX_NUMBERS:
                    raise ImageError(
                        f"{name}: a TIFF entry claims {worst:,} numbers, at most {MAX_NUMBERS:,} are read. {HOSTILE}"
                    )
            if total > 2 * len(self.data) + 65_536 or entries > MAX_ENTRIES_IN_ALL or pages >= MAX_DIRECTORIES:
                raise ImageError(
                    f"{name}: its TIFF directories ({pages:,} with {entries:,} entries) point to {total:,} "
                    f"bytes of values in a block of {len(self.data):,} bytes. {HOSTILE}"
                )
