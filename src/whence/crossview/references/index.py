"""The index of a set: one table and one matrix out of the shards; the old one stays until the new one is whole."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np

from whence.core.config import fingerprint
from whence.core.version import __version__
from whence.crossview.references.features import forget_features
from whence.crossview.references.header import Header, SourceRecord, write_header
from whence.crossview.references.shards import Shard
from whence.gallery.exact import open_mapped, write_rows


def write_index(folder: Path, header: Header, fresh: Mapping[str, tuple[SourceRecord, list[Shard]]]) -> Header:
    """Write a new index of the sources that stay and the new ones, then the header, then remove what is of the old one.

    Args:
        folder: of the set.
        header: of the set as it is.
        fresh: new and changed sources with their shards, by path.

    Returns:
        The new header.

    Raises:
        OptionError: more rows than can be searched.
        ArtifactError: the old index is damaged.
    """
    old = folder / header.index if header.index else None
    parts: list[tuple[SourceRecord, list[np.ndarray], list[np.ndarray]]] = []
    for record in header.sources:
        if record.path in fresh or old is None:
            continue
        part = slice(record.start, record.end)
        vectors = [open_mapped(old / "rows.npy")[part]] if header.encoder else []
        parts.append((record, [open_mapped(old / "windows.npy")[part]], vectors))
    for record, shards in fresh.values():
        parts.append((record, [shard.windows for shard in shards], [shard.vectors for shard in shards]))
    records, start = [], 0
    for record, tables, _ in parts:
        end = start + sum(map(len, tables))
        records.append(dataclasses.replace(record, start=start, end=end))
        start = end
    name = "index-" + fingerprint([(record.path, record.stamp, record.added) for record in records], header.encoder)
    partial = folder / f".{name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    np.save(partial / "windows.npy", np.concatenate([table for _, tables, _ in parts for table in tables]))
    longest = 0.0
    if header.encoder is not None:
        pieces = _Pieces([piece for _, _, vectors in parts for piece in vectors])
        longest = write_rows(partial, start, header.encoder.dim, pieces.between)
    shutil.rmtree(folder / name, ignore_errors=True)
    told = {file.name: part_of(file) for file in sorted(partial.iterdir())}
    partial.rename(folder / name)
    new = Header(header.encoder, tuple(records), name, longest, told, __version__)
    write_header(folder, new)
    if old is not None and old != folder / name:
        shutil.rmtree(old, ignore_errors=True)
    forget_features(folder)
    return new


@final
class _Pieces:
    """Rows that lie in many arrays, read as one."""

    def __init__(self, pieces: list[np.ndarray]) -> None:
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = np.concatenate([[0], np.cumsum([len(piece) for piece in self._pieces])]).astype(int)

    def between(self, start: int, end: int) -> np.ndarray:
        """Rows from a start to an end."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        out = []
        for piece, at in zip(self._pieces[first:], self._starts[first:], strict=False):
            if at >= end:
                break
            out.append(piece[max(0, start - at) : end - at])
        return np.concatenate(out)


def part_of(path: Path) -> dict[str, object]:
    """Size and hash of a file, as headers have them."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
