"""`add_references`: lay windows on reference pictures, embed them, and put them into a set.

Adding again does only what is new or has changed. What a run has embedded before it was stopped or killed is found
again by the next, as long as pictures, settings and encoder are the same. The set that is there stays whole until the
new one takes its place.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import final

import numpy as np

from whence.core.config import fingerprint
from whence.core.errors import InputError, OptionError
from whence.core.version import __version__
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.references import windows
from whence.crossview.references.header import (
    HEADER,
    EncoderRecord,
    Header,
    SourceRecord,
    read_header,
)
from whence.crossview.references.index import write_index
from whence.crossview.references.shards import WORK, Shard, read_shard, write_shard
from whence.crossview.references.sources import Source, open_source
from whence.earth.tiles import opening, url
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.pyramid import TileLevel
from whence.earth.tiles.types import Patch
from whence.samples.view import ViewKind

SHARD_WINDOWS = 1024
"""Windows of a shard: what a kill may cost."""

_BATCH = 32
_NAMED = 100

Report = Callable[[int, int, str], None]
"""Told how many windows are done, of how many, and of what."""


@dataclass(frozen=True, slots=True)
class Added:
    """What `add_references` did.

    Attributes:
        added: sources that are new or changed.
        unchanged: sources that were there already, as they are.
        failed: sources that could not be opened or hold no windows, with the reason.
        windows: windows of the whole set.
        blank: windows of the added sources that were left out.
        unreadable: tiles and pictures of the added sources that could not be read, with the reason.
        warnings: what the user should know.
        finished: false if it was stopped; what was done is kept for the next run.
    """

    added: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: dict[str, str]
    windows: int
    blank: int
    unreadable: dict[str, str]
    warnings: tuple[str, ...]
    finished: bool


def add_references(
    folder: Path | str,
    paths: Sequence[Path | str],
    encoder: CrossViewEncoder | None = None,
    *,
    reading: opening.Config | None = None,
    server: url.Config | None = None,
    laying: windows.Config | None = None,
    report: Report | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Added:
    """Add reference pictures to a set, which is made if it is not there; features kept beside it are removed.

    Args:
        folder: of the set.
        paths: files and folders (`whence.earth.tiles.opening.open_rasters`).
        encoder: embeds the windows; ``None`` for a set that is searched by place alone.
        reading: what the files do not tell.
        server: tiles of a server, if any are to be added.
        laying: how windows are laid.
        report: is told of the progress.
        stopped: tells whether to stop after the batch in hand.

    Returns:
        What was done. Pictures that cannot be read do not stop the others.

    Raises:
        OptionError: the set was made by another encoder, or something else lies at the folder.
        ArtifactError: a damaged set.
        InputError: none of the paths could be used.
    """
    folder, laying, reading = Path(folder), laying or windows.Config(), reading or opening.Config()
    header = _begun(folder, encoder)
    asked = _asked(paths, reading, server, laying)
    kept = {record.path: record for record in header.sources}
    run = _Run(folder, encoder, report or _silent, stopped or (lambda: False))
    fresh: dict[str, tuple[SourceRecord, list[Shard]]] = {}
    unchanged, failed = [], {}
    for source in asked:
        try:
            stamp, size = source.stamp()
            if source.is_kept(kept.get(source.path), stamp):
                unchanged.append(source.path)
                continue
            made = run.embed(source, stamp, size)
        except InputError as error:
            failed[source.path] = str(error)
            continue
        if made is None:
            return _told(header, fresh, unchanged, failed, finished=False)
        if not made[1] or not sum(len(shard.windows) for shard in made[1]):
            failed[source.path] = _why_none(source, made[0])
            continue
        fresh[source.path] = made
    if failed and not fresh and not unchanged:
        raise InputError(" ".join(failed.values()))
    if fresh:
        header = write_index(folder, header, fresh)
        shutil.rmtree(folder / WORK, ignore_errors=True)
    return _told(header, fresh, unchanged, failed, finished=True)


def _asked(
    paths: Sequence[Path | str], reading: opening.Config, server: url.Config | None, laying: windows.Config
) -> list[Source]:
    """What the user named."""
    asked = [Source(str(Path(path).expanduser().resolve()), reading, url.Config(), laying) for path in paths]
    if server is not None:
        asked.append(Source(server.url, reading, server, laying))
    if not asked:
        raise OptionError("Nothing to add: give files or folders of reference pictures, or the address of tiles.")
    return asked


def _silent(_done: int, _total: int, _text: str) -> None:
    """Told of the progress when nobody asks."""


@final
class _Run:
    """One call of `add_references`: embeds sources shard by shard."""

    def __init__(
        self, folder: Path, encoder: CrossViewEncoder | None, report: Report, stopped: Callable[[], bool]
    ) -> None:
        self._folder, self._encoder, self._report, self._stopped = folder, encoder, report, stopped

    def embed(self, source: Source, stamp: str, size: int) -> tuple[SourceRecord, list[Shard]] | None:
        """Windows and vectors of a source; ``None`` if it was stopped."""
        rasters, problems = open_source(source)
        mosaic = Mosaic(rasters)
        places = list(windows.lay_windows(rasters, source.laying))
        total, done = sum(len(part.lat_deg) for part in places), 0
        version = self._encoder.version if self._encoder else ""
        shards: list[Shard] = []
        name = Path(source.path).name or source.path
        for number, part in enumerate(places):
            for start in range(0, len(part.lat_deg), SHARD_WINDOWS):
                given = [
                    source.path,
                    stamp,
                    source.reading,
                    source.laying,
                    source.server,
                    version,
                    number,
                    start,
                    total,
                ]
                at = self._folder / WORK / fingerprint(*given)
                shard = read_shard(at)
                if shard is None:
                    shard = self._shard(
                        mosaic, part, slice(start, start + SHARD_WINDOWS), source.laying, done, total, name
                    )
                    if shard is None:
                        return None
                    write_shard(at, shard)
                shards.append(shard)
                done = min(total, done + len(part.lat_deg[start : start + SHARD_WINDOWS]))
                self._report(done, total, name)
        unreadable = problems | {key: why for shard in shards for key, why in shard.unreadable.items()}
        record = SourceRecord(
            path=source.path,
            stamp=stamp,
            bytes=size,
            opening=source.reading,
            server=source.server,
            windows=source.laying,
            provenance=dataclasses.asdict(rasters[0].provenance),
            start=0,
            end=0,
            blank=sum(shard.blank for shard in shards),
            unreadable=dict(list(unreadable.items())[:_NAMED]),
            added=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return record, shards

    def _shard(
        self,
        mosaic: Mosaic,
        places: windows.Places,
        part: slice,
        laying: windows.Config,
        done: int,
        total: int,
        name: str,
    ) -> Shard | None:
        before = {id(raster): set(raster.unreadable) for raster in mosaic.rasters if isinstance(raster, TileLevel)}
        rows: list[tuple[float, ...]] = []
        vectors: list[np.ndarray] = []
        patches: list[np.ndarray] = []
        blank, unreadable = 0, {}
        for i, (lat, lon) in enumerate(zip(places.lat_deg[part], places.lon_deg[part], strict=True)):
            if self._stopped():
                return None
            try:
                patch = mosaic.patch_at(float(lat), float(lon), places.side_m, laying.side_px)
            except InputError as error:
                unreadable[f"{lat:.6f},{lon:.6f}"] = str(error)
                continue
            if is_blank(patch, laying):
                blank += 1
                continue
            rows.append((float(lat), float(lon), places.side_m, places.gsd_m_per_px, float(patch.valid.mean())))
            if self._encoder is not None:
                patches.append(patch.pixels)
                if len(patches) == _BATCH:
                    vectors.append(self._encoder.embed(patches, ViewKind.SATELLITE))
                    patches = []
            if i % _BATCH == 0:
                self._report(done + i, total, name)
        if self._encoder is not None and patches:
            vectors.append(self._encoder.embed(patches, ViewKind.SATELLITE))
        for raster in mosaic.rasters:
            if isinstance(raster, TileLevel):
                fresh = set(raster.unreadable) - before[id(raster)]
                unreadable |= {key: raster.unreadable[key] for key in sorted(fresh)}
        dim = self._encoder.dim if self._encoder else 0
        table = np.array(rows, np.float64).reshape(-1, 5)
        found = np.concatenate(vectors) if vectors else np.zeros((len(table), dim), np.float32)
        return Shard(table, found.astype(np.float32), blank, unreadable)


def is_blank(patch: Patch, laying: windows.Config) -> bool:
    """Tell whether a window shows too little to be found again."""
    if patch.valid.mean() < max(laying.min_valid, 1e-9):
        return True
    grey = patch.pixels[patch.valid].mean(axis=1)
    return bool(grey.std() < laying.min_contrast)


# ------------------------------------------------------------------------------------------------------ the whole set


def _begun(folder: Path, encoder: CrossViewEncoder | None) -> Header:
    """Header of the set that is there, or of an empty one."""
    own = None if encoder is None else EncoderRecord(encoder.name, encoder.version, encoder.dim)
    if (folder / HEADER).is_file():
        header = read_header(folder)
        if header.encoder != own:
            raise OptionError(
                f"The reference set {folder} was made with {_called(header.encoder)}, asked for is {_called(own)}. "
                "Name the same encoder, or make another set."
            )
        return header
    if folder.exists() and any(entry.name != WORK for entry in folder.iterdir()):
        raise OptionError(f"{folder} is there already and holds no reference set. Give another name.")
    folder.mkdir(parents=True, exist_ok=True)
    return Header(own, (), "", 0.0, {}, __version__)


def _called(encoder: EncoderRecord | None) -> str:
    return "no encoder" if encoder is None else f"{encoder.name!r} ({encoder.version[:12]}, {encoder.dim} numbers)"


def _why_none(source: Source, record: SourceRecord) -> str:
    told = next(iter(record.unreadable.values()), "")
    reason = f"{record.blank:,} windows are blank or hold too little data" if record.blank else "it holds no windows"
    return f"{source.path}: nothing to add, {reason}. {told}".rstrip()


def _told(
    header: Header,
    fresh: dict[str, tuple[SourceRecord, list[Shard]]],
    unchanged: list[str],
    failed: dict[str, str],
    *,
    finished: bool,
) -> Added:
    records = [record for record, _ in fresh.values()]
    warnings = [
        f"{record.path}: no licence is told. Say what may be done with these pictures with --licence."
        for record in records
        if not record.provenance.get("licence")
    ]
    unreadable = {f"{record.path} {key}": why for record in records for key, why in record.unreadable.items()}
    blank = sum(record.blank for record in records)
    added = tuple(fresh) if finished else ()
    return Added(added, tuple(unchanged), failed, header.rows, blank, unreadable, tuple(warnings), finished)
