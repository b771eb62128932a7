"""Folders of web tiles: ``{zoom}/{x}/{y}.png`` as servers keep them, or flat ``{zoom}_{x}_{y}.jpg``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int

from whence.core.errors import ImageError, InputError
from whence.earth.tiles.pyramid import TileRange, TileSource
from whence.earth.tiles.types import Provenance

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Tiles are files with one of these, in small or capital letters."""

_FLAT = re.compile(r"^(\d{1,2})[_-](\d+)[_-](\d+)$")
_VECTOR = (".pbf", ".mvt")


@final
class TileFolder(TileSource):
    """Web tiles in a folder.

    Args:
        path: the folder.
        provenance: where they come from; its path is set.
        tms: rows are counted from the south, as TMS has it, and not from the north.
        nodata: what pixels without data look like.

    Raises:
        InputError: no folder, or no tiles in it.
    """

    def __init__(self, path: Path, provenance: Provenance, *, tms: bool = False, nodata: str = "") -> None:
        self.name, self.provenance, self.nodata = str(path), provenance, nodata
        self._files: dict[int, dict[tuple[int, int], str]] = {}
        self._path = path
        digest = hashlib.sha256()
        vector = 0
        for zoom, x, row, entry in _found(path):
            if entry.name.lower().endswith(_VECTOR):
                vector += 1
                continue
            if not (0 <= zoom <= 30 and x < 2**zoom and row < 2**zoom):
                continue
            y = 2**zoom - 1 - row if tms else row
            self._files.setdefault(zoom, {})[x, y] = entry.path
            told = entry.stat()
            digest.update(f"{zoom}/{x}/{y} {told.st_size} {told.st_mtime_ns}\n".encode())
        if not self._files:
            said = (
                "They are vector tiles, which hold no pictures." if vector else "Expected {z}/{x}/{y}.png or z_x_y.jpg."
            )
            raise InputError(f"{path}: no picture tiles in this folder. {said}")
        self._stamp = digest.hexdigest()

    @property
    def levels(self) -> Mapping[int, TileRange]:
        """Zoom levels with their ranges."""
        out = {}
        for zoom, tiles in self._files.items():
            xs, ys = [x for x, _ in tiles], [y for _, y in tiles]
            out[zoom] = TileRange(min(xs), max(xs), min(ys), max(ys))
        return out

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Content of a tile."""
        path = self._files.get(zoom, {}).get((x, y))
        if path is None:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise ImageError(f"{path}: cannot be read ({error.strerror}).") from error

    def addresses(self, zoom: int) -> Int[np.ndarray, "n 2"] | None:
        """Column and row of every tile of a level."""
        return np.array(list(self._files.get(zoom, {})), np.int64).reshape(-1, 2)

    def stamp(self) -> str:
        """Hash over names, sizes and times of the tiles."""
        return self._stamp


def is_tile_folder(path: Path) -> bool:
    """Tell whether a folder looks like one of tiles, without listing all of it."""
    for _ in _found(path):
        return True
    return False


def _found(path: Path) -> Iterator[tuple[int, int, int, os.DirEntry[str]]]:
    """Zoom, column, row as named, and entry of every file that is named like a tile, in order."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder.")
    for entry in _sorted(path):
        if entry.is_dir() and entry.name.isdecimal():
            for column in _sorted(entry):
                if column.is_dir() and column.name.isdecimal():
                    for tile in _sorted(column):
                        stem, dot, suffix = tile.name.rpartition(".")
                        if stem.isdecimal() and dot + suffix.lower() in (*SUFFIXES, *_VECTOR):
                            yield int(entry.name), int(column.name), int(stem), tile
        elif (named := _FLAT.match(entry.name.rpartition(".")[0])) and entry.name.lower().endswith(SUFFIXES):
            yield int(named[1]), int(named[2]), int(named[3]), entry


def _sorted(path: os.PathLike[str]) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(entries, key=lambda entry: entry.name)
