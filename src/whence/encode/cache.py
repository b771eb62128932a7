"""Embeddings on disk, found again by what was embedded and by what.

```
embeddings/
└── 3f9c…-float16/               one folder a model and type of number
    ├── header.json              schema, model, length and type of a row
    ├── 4711-a1b2c3.rows         rows, one after another
    └── 4711-a1b2c3.keys         for each row its key and a checksum
```

A process appends to a shard of its own, rows before keys, so several may work in one folder without locks, and a
kill loses no more than the batch in hand. A row counts once its key is whole and its checksum right.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, final

import numpy as np
from jaxtyping import Bool, Float

from whence.core.arrays import Numbers
from whence.core.errors import ArtifactError, OptionError, unknown_name
from whence.core.folders import cache_folder

CACHE_SCHEMA = "whence.embeddings/1"
"""Layout that this code reads and writes."""

DTYPES = ("float16", "float32")

_KEY_BYTES = 32
_ENTRY_BYTES = _KEY_BYTES + 4


@dataclass(frozen=True)
class Config:
    """Where embeddings are kept, and how precisely."""

    folder: str = ""
    "Folder; embeddings in the user's cache folder if empty. It may be deleted at any time."
    dtype: str = "float32"
    "Numbers: float32, or float16 for half the space at three digits."

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise unknown_name("type of number", self.dtype, DTYPES)


def picture_key(sha256: str, working_px: int) -> bytes:
    """Key of a picture: the hash of its file, and the size at which it is read."""
    return hashlib.sha256(f"picture {sha256} {working_px}".encode()).digest()


def place_keys(lat_deg: Numbers, lon_deg: Numbers) -> list[bytes]:
    """Keys of places: their coordinates, to the last bit."""
    pairs = np.stack(np.broadcast_arrays(np.ravel(lat_deg), np.ravel(lon_deg)), axis=-1).astype("<f8") + 0.0
    return [hashlib.sha256(b"place " + pair.tobytes()).digest() for pair in pairs]


@final
class EmbeddingCache:
    """Rows of one model, by key. One object is for one thread; open as many as there are processes."""

    def __init__(self, config: Config, model_hash: str, dim: int) -> None:
        """Open the folder of a model, made if it is not there, and read which rows it holds.

        Args:
            config: where, and how precisely.
            model_hash: what tells the model's weights and preprocessing from any other's.
            dim: length of a row.

        Raises:
            OptionError: a hash that cannot name a folder, or a folder that cannot be written.
            ArtifactError: the folder holds rows of another length, model or layout.
        """
        if not model_hash or not model_hash.replace("-", "").isalnum() or dim < 1:
            raise OptionError(
                f"A cache needs a hash of letters and digits and dim ≥ 1, received {model_hash!r}, {dim}."
            )
        base = Path(config.folder).expanduser() if config.folder else cache_folder() / "embeddings"
        self.folder = base / f"{model_hash}-{config.dtype}"
        self._dim = dim
        self._dtype = np.dtype(config.dtype).newbyteorder("<")
        self._row_bytes = self._dtype.itemsize * dim
        self._where: dict[bytes, tuple[Path, int, int]] = {}
        self._read: dict[Path, int] = {}
        self._writing: tuple[Path, BinaryIO, BinaryIO] | None = None
        header = {"schema": CACHE_SCHEMA, "model": model_hash, "dim": dim, "dtype": config.dtype}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_header(header)
        except OSError as error:
            raise OptionError(
                f"Embeddings cannot be kept in {self.folder} ({error.strerror}). Name another folder, or use no cache."
            ) from error
        self.refresh()

    def __enter__(self) -> EmbeddingCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def refresh(self) -> None:
        """Learn of rows that other processes have added since."""
        for keys in sorted(self.folder.glob("*.keys")):
            rows = keys.with_suffix(".rows")
            known = self._read.get(keys, 0)
            if not rows.exists():
                continue
            whole = min(keys.stat().st_size // _ENTRY_BYTES, rows.stat().st_size // self._row_bytes)
            if whole <= known:
                continue
            with keys.open("rb") as file:
                file.seek(known * _ENTRY_BYTES)
                content = file.read((whole - known) * _ENTRY_BYTES)
            for i in range(len(content) // _ENTRY_BYTES):
                entry = content[i * _ENTRY_BYTES : (i + 1) * _ENTRY_BYTES]
                place = (rows, known + i, int.from_bytes(entry[_KEY_BYTES:], "little"))
                self._where.setdefault(entry[:_KEY_BYTES], place)
            self._read[keys] = known + len(content) // _ENTRY_BYTES

    def find(self, keys: Sequence[bytes]) -> tuple[Float[np.ndarray, "n dim"], Bool[np.ndarray, " n"]]:
        """Look rows up.

        Args:
            keys: of `picture_key` or `place_keys`.

        Returns:
            Rows in float32, zero where there is none, and which there are. A row that was damaged is not there.
        """
        if any(key not in self._where for key in keys):
            self.refresh()
        out = np.zeros((len(keys), self._dim), np.float32)
        found = np.zeros(len(keys), bool)
        by_shard: dict[Path, list[tuple[int, int, int]]] = {}
        for i, key in enumerate(keys):
            if key in self._where:
                rows, at, checksum = self._where[key]
                by_shard.setdefault(rows, []).append((at, i, checksum))
        for rows, wanted in by_shard.items():
            try:
                stored: np.ndarray = np.memmap(rows, np.uint8, "r")
            except (OSError, ValueError):  # deleted or emptied by somebody: then it is not there
                stored = np.zeros(0, np.uint8)
            for at, i, checksum in sorted(wanted):
                content = stored[at * self._row_bytes : (at + 1) * self._row_bytes].tobytes()
                if len(content) == self._row_bytes and zlib.crc32(content) == checksum:
                    out[i] = np.frombuffer(content, self._dtype)
                    found[i] = True
                else:
                    self._where.pop(keys[i], None)
        return out, found

    def add(self, keys: Sequence[bytes], rows: Float[np.ndarray, "n dim"]) -> None:
        """Keep rows; those whose key is there already are not written again.

        Raises:
            OptionError: rows of another shape.
            OSError: no space is left, or the folder is gone; the rows kept before stay.
        """
        if rows.shape != (len(keys), self._dim):
            raise OptionError(f"{len(keys)} rows of {self._dim} numbers are needed, received {rows.shape}.")
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        new = sorted(i for key, i in first.items() if key not in self._where)
        if not new:
            return
        contents = [rows[i].astype(self._dtype).tobytes() for i in new]
        checksums = [zlib.crc32(content) for content in contents]
        entries = [keys[i] + checksum.to_bytes(4, "little") for i, checksum in zip(new, checksums, strict=True)]
        name, row_file, key_file = self._shard()
        try:
            start = row_file.tell() // self._row_bytes
            for file, parts in ((row_file, contents), (key_file, entries)):
                file.write(b"".join(parts))
                file.flush()
        except BaseException:
            self.close()  # the shard may end in half a row: the next batch begins another
            raise
        for offset, (i, checksum) in enumerate(zip(new, checksums, strict=True)):
            self._where[keys[i]] = (name, start + offset, checksum)

    def close(self) -> None:
        """Close the shard; what was added is kept."""
        if self._writing is not None:
            for file in self._writing[1:]:
                file.close()
            self._writing = None

    def _shard(self) -> tuple[Path, BinaryIO, BinaryIO]:
        if self._writing is None:
            rows = self.folder / f"{os.getpid()}-{secrets.token_hex(4)}.rows"
            self._writing = (rows, rows.open("xb"), rows.with_suffix(".keys").open("xb"))
        return self._writing

    def _check_header(self, header: dict[str, object]) -> None:
        path = self.folder / "header.json"
        text = json.dumps(header, indent=1) + "\n"
        if not path.exists():
            part = self.folder / f".{secrets.token_hex(4)}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        if path.read_text(encoding="utf-8") != text:
            raise ArtifactError(
                f"The embeddings in {self.folder} are of another layout or length than {text.strip()!r}. "
                "Delete the folder: it holds nothing that cannot be made again."
            )
