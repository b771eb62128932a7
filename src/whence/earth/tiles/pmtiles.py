"""PMTiles version 3: web tiles in one file, found by their number along Hilbert curves.

The layout follows the public specification (github.com/protomaps/PMTiles, spec/v3): a header of 127 bytes, a root
directory, leaf directories, JSON metadata and the tiles. Directories are columns of variable-length integers, usually
compressed with gzip.
"""

from __future__ import annotations

import gzip
import json
import struct
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int

from whence.core.arrays import ranges
from whence.core.errors import ImageError, InputError
from whence.earth.tiles.pyramid import TileRange, TileSource
from whence.earth.tiles.types import Provenance

HEADER_BYTES = 127
_NONE, _GZIP = 1, 2
_COMPRESSIONS = {0: "unknown", _NONE: "none", _GZIP: "gzip", 3: "Brotli", 4: "Zstandard"}
_VECTOR, _MLT = 1, 6
_MAX_DIRECTORY_BYTES = 1 << 28
_MAX_ADDRESSES = 50_000_000
_MAX_DEPTH = 4


@dataclass(frozen=True, eq=False)
class _Directory:
    """Entries in the order of their numbers; a run of 0 points to a leaf directory."""

    number: Int[np.ndarray, " n"]
    offset: Int[np.ndarray, " n"]
    length: Int[np.ndarray, " n"]
    run: Int[np.ndarray, " n"]


def tile_number(zoom: int, x: int, y: int) -> int:
    """Number of a tile: those of all coarser levels, then its place on the Hilbert curve of its level."""
    number, side = (4**zoom - 1) // 3, 2**zoom >> 1
    while side > 0:
        right, lower = int(x & side > 0), int(y & side > 0)
        number += side * side * ((3 * right) ^ lower)
        if not lower:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        side >>= 1
    return number


def tile_addresses(zoom: int, place: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n 2"]:
    """Columns and rows of places on the Hilbert curve of a level, counted from the curve's start."""
    x, y, rest = np.zeros_like(place), np.zeros_like(place), place.copy()
    for level in range(zoom):
        side = 1 << level
        right = (rest >> 1) & 1
        lower = (rest ^ right) & 1
        flip = (lower == 0) & (right == 1)
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(lower == 0, y, x), np.where(lower == 0, x, y)
        x, y, rest = x + side * right, y + side * lower, rest >> 2
    return np.stack([x, y], axis=1)


@final
class PMTiles(TileSource):
    """Raster tiles of a PMTiles file on this machine.

    Args:
        path: the file.
        provenance: where it comes from; the file's attribution becomes the source if none is given.
        nodata: what pixels without data look like.

    Raises:
        InputError: no such file, another version, vector tiles, or a compression that cannot be read.
    """

    def __init__(self, path: Path, provenance: Provenance, nodata: str = "") -> None:
        self.name, self.nodata, self._path = str(path), nodata, path
        self._lock = threading.Lock()
        self._leaves: dict[int, _Directory] = {}
        try:
            self._file = path.open("rb")
            head = self._file.read(HEADER_BYTES)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        if len(head) < HEADER_BYTES or head[:7] != b"PMTiles" or head[7] != 3:
            raise InputError(f"{path}: not a PMTiles file of version 3. Convert it with the program pmtiles.")
        sections = struct.unpack("<8Q", head[8:72])
        self._root_at, self._meta_at, self._leaf_at, self._data_at = zip(sections[::2], sections[1::2], strict=True)
        self._inner, self._outer, kind = head[97], head[98], head[99]
        if kind in {_VECTOR, _MLT}:
            raise InputError(
                f"{path}: vector tiles, which hold shapes and no pictures. Give PMTiles of PNG, JPEG or WebP tiles."
            )
        for compression in (self._inner, self._outer):
            if compression not in {0, _NONE, _GZIP}:
                raise InputError(
                    f"{path}: compressed with {_COMPRESSIONS.get(compression, compression)}; none and gzip are read. "
                    "Convert it with the program pmtiles."
                )
        self._root = self._directory(*self._root_at)
        told = self._metadata()
        usual = provenance.source in {"", path.name}
        source = told.get("attribution") or told.get("name") or ""
        self.provenance = replace(provenance, source=source) if usual and source else provenance
        if not self.levels:
            raise InputError(f"{path}: the file holds no tiles.")

    def __del__(self) -> None:
        file = self.__dict__.get("_file")
        if file is not None:
            file.close()

    @property
    def levels(self) -> Mapping[int, TileRange]:
        """Zoom levels with their ranges."""
        return self._levels

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Content of a tile."""
        number, directory = tile_number(zoom, x, y), self._root
        for _ in range(_MAX_DEPTH):
            at = int(np.searchsorted(directory.number, number, side="right")) - 1
            if at < 0:
                return None
            run, offset, length = int(directory.run[at]), int(directory.offset[at]), int(directory.length[at])
            if run:
                if number >= int(directory.number[at]) + run:
                    return None
                return self._content(self._data_at, offset, length, self._outer)
            directory = self._leaf(offset, length)
        raise ImageError(f"{self.name}: its directories point to one another. The file is damaged.")

    def addresses(self, zoom: int) -> Int[np.ndarray, "n 2"] | None:
        """Column and row of every tile of a level."""
        return self._addresses.get(zoom, np.zeros((0, 2), np.int64))

    def stamp(self) -> str:
        """Size and time of the file."""
        told = self._path.stat()
        return f"{told.st_size} {told.st_mtime_ns}"

    @cached_property
    def _levels(self) -> dict[int, TileRange]:
        out = {}
        for zoom, found in self._addresses.items():
            (x0, y0), (x1, y1) = found.min(axis=0), found.max(axis=0)
            out[zoom] = TileRange(int(x0), int(x1), int(y0), int(y1))
        return out

    @cached_property
    def _addresses(self) -> dict[int, Int[np.ndarray, "n 2"]]:
        starts, runs = self._entries(self._root, 0)
        if runs.sum() > _MAX_ADDRESSES:
            raise InputError(f"{self.name}: {runs.sum():,} tiles, at most {_MAX_ADDRESSES:,} are read. Cut out a part.")
        numbers = np.sort(ranges(starts, runs))
        out = {}
        for zoom in range(31):
            first, last = (4**zoom - 1) // 3, (4 ** (zoom + 1) - 1) // 3
            part = numbers[np.searchsorted(numbers, first) : np.searchsorted(numbers, last)]
            if part.size:
                out[zoom] = tile_addresses(zoom, part - first)
        return out

    def _entries(self, directory: _Directory, depth: int) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """First numbers and runs of all tiles under a directory."""
        if depth >= _MAX_DEPTH:
            raise InputError(f"{self.name}: its directories point to one another. The file is damaged.")
        own = directory.run > 0
        parts = [(directory.number[own], directory.run[own])]
        for offset, length in zip(directory.offset[~own], directory.length[~own], strict=True):
            parts.append(self._entries(self._leaf(int(offset), int(length)), depth + 1))
        starts, runs = zip(*parts, strict=True)
        return np.concatenate(starts), np.concatenate(runs)

    def _leaf(self, offset: int, length: int) -> _Directory:
        if offset not in self._leaves:
            if offset + length > self._leaf_at[1]:
                raise InputError(f"{self.name}: a leaf directory lies beyond its section. The file is damaged.")
            self._leaves[offset] = self._directory(self._leaf_at[0] + offset, length)
        return self._leaves[offset]

    def _directory(self, offset: int, length: int) -> _Directory:
        try:
            data = self._content((0, 1 << 62), offset, length, self._inner, _MAX_DIRECTORY_BYTES)
            return _parsed(data)
        except (ImageError, ValueError, IndexError) as error:
            raise InputError(f"{self.name}: a directory cannot be read ({error}). The file is damaged.") from error

    def _metadata(self) -> dict[str, str]:
        try:
            told = json.loads(self._content((0, 1 << 62), *self._meta_at, self._inner, _MAX_DIRECTORY_BYTES))
            return {str(key): value for key, value in told.items() if isinstance(value, str)}
        except (ImageError, ValueError, AttributeError):
            return {}

    def _content(
        self, section: tuple[int, int], offset: int, length: int, compression: int, most: int = 1 << 27
    ) -> bytes:
        if offset + length > section[1] or length > most:
            raise ImageError(f"{self.name}: a part lies beyond its section, or is too large. The file is damaged.")
        with self._lock:
            self._file.seek(section[0] + offset)
            data = self._file.read(length)
        if len(data) < length:
            raise ImageError(f"{self.name}: the file is cut short. Copy it again.")
        if compression != _GZIP:
            return data
        try:
            return _unzipped(data, most)
        except (zlib.error, gzip.BadGzipFile, EOFError) as error:
            raise ImageError(f"{self.name}: a part is damaged ({error}). Copy the file again.") from error


def _unzipped(data: bytes, most: int) -> bytes:
    """Decompress, but no more than ``most`` bytes."""
    machine = zlib.decompressobj(wbits=31)
    out = machine.decompress(data, most)
    if machine.unconsumed_tail:
        raise gzip.BadGzipFile("more than is allowed")
    return out


def _parsed(data: bytes) -> _Directory:
    """Read a directory: a count, then numbers as differences, runs, lengths, and offsets."""
    values = _varints(np.frombuffer(data, np.uint8))
    count = int(values[0]) if values.size else 0
    if count < 1 or values.size < 1 + 4 * count:
        raise ValueError(f"{count} entries told, {values.size} numbers found")
    number, run, length, told = values[1 : 1 + 4 * count].reshape(4, count)
    offset = told - 1
    for i in np.flatnonzero(told == 0):  # right behind the entry before; few archives hold many in one directory
        offset[i] = offset[i - 1] + length[i - 1] if i else 0
    return _Directory(np.cumsum(number), offset, length, run)


def _varints(data: np.ndarray) -> Int[np.ndarray, " n"]:
    """Seven bits a byte, the lowest first; the last byte of a number is below 128."""
    ends = np.flatnonzero(data < 0x80)
    if not ends.size:
        return np.zeros(0, np.int64)
    data = data[: ends[-1] + 1]
    starts = np.concatenate([[0], ends[:-1] + 1])
    within = np.arange(data.size) - np.repeat(starts, ends - starts + 1)
    if within.max() > 8:
        raise ValueError("a number of more than 63 bits")
    return np.add.reduceat((data & 0x7F).astype(np.int64) << (7 * within), starts)
