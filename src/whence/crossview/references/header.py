"""What a reference set says of itself: ``references.json``."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whence.core.config import build
from whence.core.errors import ArtifactError, WhenceError
from whence.crossview.references import windows
from whence.earth.tiles import opening, url

SCHEMA = "whence.references/1"
"""Layout that this code reads and writes."""

HEADER = "references.json"


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """Which encoder made the vectors.

    Attributes:
        name: of the encoder; opens it again.
        version: what tells its vectors from any other's.
        dim: length of a vector.
    """

    name: str
    version: str
    dim: int


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One source of reference pictures in a set.

    Attributes:
        path: file or folder, absolute; the address of a tile server.
        stamp: hash over names, sizes and times of its files: changes when they do.
        bytes: size of its files.
        opening: how it is read, and what the user told of it.
        server: which tiles of a server; empty address for files.
        windows: how windows were laid.
        provenance: source, licence and date as found.
        start: first row of its windows.
        end: behind the last.
        blank: windows that were left out.
        unreadable: tiles and pictures that could not be read, with the reason; the first hundred.
        added: when, ISO 8601.
    """

    path: str
    stamp: str
    bytes: int
    opening: opening.Config
    server: url.Config
    windows: windows.Config
    provenance: Mapping[str, str]
    start: int
    end: int
    blank: int
    unreadable: Mapping[str, str]
    added: str


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a set.

    Attributes:
        encoder: what made the vectors; ``None`` for a set without.
        sources: in the order of their rows.
        index: folder of the windows and vectors, inside the set.
        longest: what the search needs to bound its products.
        parts: size and hash of the files of the index.
        whence: version that wrote it.
    """

    encoder: EncoderRecord | None
    sources: tuple[SourceRecord, ...]
    index: str
    longest: float
    parts: Mapping[str, Mapping[str, Any]]
    whence: str

    @property
    def rows(self) -> int:
        """How many windows there are."""
        return self.sources[-1].end if self.sources else 0


def read_header(folder: Path) -> Header:
    """Read the header of a set.

    Raises:
        ArtifactError: no reference set, a damaged one or one of another version.
    """
    path = folder / HEADER
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        known = told["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{folder} holds no reference set that can be read ({error}). Make one with: whence tiles add {folder} PATH"
        ) from error
    if known != SCHEMA:
        raise ArtifactError(f"The reference set {folder} has the layout {known!r}, this version reads {SCHEMA}.")
    try:
        encoder = None if told["encoder"] is None else EncoderRecord(**told["encoder"])
        sources = tuple(_source(source) for source in told["sources"])
        return Header(encoder, sources, str(told["index"]), float(told["longest"]), told["parts"], str(told["whence"]))
    except (KeyError, TypeError, ValueError, WhenceError) as error:
        raise ArtifactError(f"{path} is damaged ({error}). Build the set again.") from error


def write_header(folder: Path, header: Header) -> None:
    """Write the header, whole or not at all."""
    text = json.dumps({"schema": SCHEMA, **dataclasses.asdict(header)}, indent=1, ensure_ascii=False) + "\n"
    handle, partial = tempfile.mkstemp(prefix=f".{HEADER}.", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(partial).chmod(0o644)
    Path(partial).replace(folder / HEADER)


def stamp_of(path: Path) -> tuple[str, int]:
    """Hash over names, sizes and times of a file with those beside it, or of all files of a folder; and their bytes.

    Args:
        path: of a source.
    """
    if path.is_dir():
        files = sorted(Path(root) / name for root, _, names in os.walk(path) for name in names)
    else:
        files = sorted(beside for beside in path.parent.glob(f"{_escaped(path.stem)}.*") if beside.is_file())
    digest, size = hashlib.sha256(), 0
    for file in files:
        told = file.stat()
        size += told.st_size
        digest.update(f"{file.relative_to(path.parent)} {told.st_size} {told.st_mtime_ns}\n".encode())
    return digest.hexdigest(), size


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _source(told: dict[str, Any]) -> SourceRecord:
    configs: dict[str, type] = {"opening": opening.Config, "server": url.Config, "windows": windows.Config}
    built: dict[str, Any] = {key: build(config, told[key], owner=key) for key, config in configs.items()}
    return SourceRecord(**{**told, **built})
