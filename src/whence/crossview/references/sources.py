"""Sources of reference pictures: what the user named, and how it is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from whence.core.errors import InputError
from whence.crossview.references import windows
from whence.crossview.references.header import SourceRecord, stamp_of
from whence.earth.tiles import opening, url
from whence.earth.tiles.pyramid import tile_levels
from whence.earth.tiles.types import Provenance, Raster
from whence.earth.tiles.url import TileUrl


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be added.

    Attributes:
        path: file or folder, absolute, or the address of tiles.
        reading: how it is read.
        server: which tiles of a server; no address for files.
        laying: how windows are laid.
    """

    path: str
    reading: opening.Config
    server: url.Config
    laying: windows.Config

    def stamp(self) -> tuple[str, int]:
        """What tells whether its files changed, and their size.

        Raises:
            InputError: there is nothing at the path.
        """
        if self.server.url:
            return hashlib.sha256(repr(self.server).encode()).hexdigest(), 0
        path = Path(self.path)
        if not path.exists():
            raise InputError(f"{path}: no such file or folder.")
        return stamp_of(path)

    def is_kept(self, record: SourceRecord | None, stamp: str) -> bool:
        """Tell whether a record stands for the same pictures, read and cut in the same way."""
        return (
            record is not None
            and record.stamp == stamp
            and (record.opening, record.server, record.windows) == (self.reading, self.server, self.laying)
        )


def open_source(source: Source) -> tuple[tuple[Raster, ...], dict[str, str]]:
    """Open the rasters of a source; also what in it could not be used, by file, with the reason.

    Raises:
        InputError: nothing there, or nothing whose place is known.
    """
    if source.server.url:
        told = source.reading
        where = Provenance(told.source or source.path, told.licence, source.path, told.date)
        return tile_levels(TileUrl(source.server, where, told.nodata)), {}
    return opening.open_all(Path(source.path), source.reading)


def source_of(record: SourceRecord) -> Source:
    """The source that a record was made from."""
    return Source(record.path, record.opening, record.server, record.windows)
