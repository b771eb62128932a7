"""MBTiles: web tiles in an SQLite file (version 1.3 of its specification). Rows are counted from the south there."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int

from whence.core.errors import ImageError, InputError
from whence.earth.tiles.pyramid import TileRange, TileSource
from whence.earth.tiles.types import Provenance

_VECTOR = ("pbf", "mvt", "application/vnd.mapbox-vector-tile")


@final
class MBTiles(TileSource):
    """Raster tiles of an MBTiles file; its attribution becomes the source if none is given.

    Args:
        path: the file.
        provenance: where it comes from.
        nodata: what pixels without data look like.

    Raises:
        InputError: no such file, no tiles, or vector tiles.
    """

    def __init__(self, path: Path, provenance: Provenance, nodata: str = "") -> None:
        self.name, self.nodata, self._path = str(path), nodata, path
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            self.metadata = {str(k): str(v) for k, v in self._base.execute("SELECT name, value FROM metadata")}
            spans = self._base.execute(
                "SELECT zoom_level, min(tile_column), max(tile_column), min(tile_row), max(tile_row) FROM tiles "
                "GROUP BY zoom_level"
            ).fetchall()
        except sqlite3.Error as error:
            raise InputError(f"{path}: not an MBTiles file that can be read ({error}).") from error
        if self.metadata.get("format", "").lower() in _VECTOR:
            raise InputError(
                f"{path}: vector tiles (format {self.metadata['format']!r}), which hold shapes and no pictures. "
                "Give an MBTiles file of PNG, JPEG or WebP tiles."
            )
        if not spans:
            raise InputError(f"{path}: the file holds no tiles.")
        self._levels = {
            int(z): TileRange(int(x0), int(x1), 2**z - 1 - int(y1), 2**z - 1 - int(y0)) for z, x0, x1, y0, y1 in spans
        }
        told = self.metadata.get("attribution") or self.metadata.get("name") or ""
        usual = provenance.source in {"", path.name}
        self.provenance = replace(provenance, source=told) if usual and told else provenance

    def __del__(self) -> None:
        base = self.__dict__.get("_base")
        if base is not None:
            base.close()

    @property
    def levels(self) -> Mapping[int, TileRange]:
        """Zoom levels with their ranges."""
        return self._levels

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Content of a tile."""
        asked = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
        try:
            with self._lock:
                found = self._base.execute(asked, (zoom, x, 2**zoom - 1 - y)).fetchone()
        except sqlite3.Error as error:
            raise ImageError(f"{self.name} {zoom}/{x}/{y}: cannot be read ({error}).") from error
        return None if found is None or found[0] is None else bytes(found[0])

    def addresses(self, zoom: int) -> Int[np.ndarray, "n 2"] | None:
        """Column and row of every tile of a level."""
        asked = "SELECT tile_column, tile_row FROM tiles WHERE zoom_level = ? ORDER BY tile_column, tile_row DESC"
        with self._lock:
            found = self._base.execute(asked, (zoom,)).fetchall()
        out = np.array(found, np.int64).reshape(-1, 2)
        out[:, 1] = 2**zoom - 1 - out[:, 1]
        return out

    def stamp(self) -> str:
        """Size and time of the file."""
        told = self._path.stat()
        return f"{told.st_size} {told.st_mtime_ns}"
