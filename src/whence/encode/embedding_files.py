"""Embeddings as files: NumPy arrays, Parquet, CSV, lines of JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError, unknown_name
from whence.core.optional import optional_import

EMBEDDING_SCHEMA = "whence.embedding/1"
"""Layout of a line of JSON."""


@dataclass(frozen=True, slots=True)
class EmbeddingTable:
    """Embeddings with what they are of.

    Attributes:
        rows: one an item.
        columns: what is told of the items beside, for example ``name``, ``sha256``, ``lat_deg``, ``lon_deg``; each as
            long as ``rows``.
        model: name of the model.
        versions: of the program (``whence``) and of the bundle (``model``, its hash).
    """

    rows: Float[np.ndarray, "n d"]
    columns: Mapping[str, np.ndarray]
    model: str
    versions: Mapping[str, str]


def embedding_line(
    told: Mapping[str, object],
    row: Float[np.ndarray, " d"] | None,
    versions: Mapping[str, str],
    error: Exception | None = None,
) -> str:
    """One item as a line of JSON; ``error`` stands in place of ``embedding`` where there is none.

    Args:
        told: of the item, for example its name.
        row: its embedding; numbers are written as short as float32 allows.
        versions: see `EmbeddingTable`.
        error: why there is no embedding.
    """
    record: dict[str, object] = {"schema": EMBEDDING_SCHEMA, **told}
    if row is not None:
        record["embedding"] = [float(text) for text in row.astype(np.float32).astype(str)]
    else:
        record["error"] = {"type": type(error).__name__, "message": str(error)}
    record["versions"] = dict(versions)
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # a file name that is no valid Unicode
        return json.dumps(record, ensure_ascii=True, allow_nan=False)
    return line


def check_format(path: Path) -> None:
    """Refuse a file whose ending names no format, or one that needs a package which is missing.

    Raises:
        OptionError: unknown ending, or no folder of that name.
        MissingExtraError: Parquet without ``pyarrow``.
    """
    if path.suffix.casefold() not in _WRITERS:
        raise unknown_name("format of embeddings", path.suffix or path.name, _WRITERS)
    if path.suffix.casefold() == ".parquet":
        _pyarrow()
    if not path.absolute().parent.is_dir():
        raise OptionError(f"There is no folder {path.absolute().parent}. Make it first.")


def write_embeddings(path: Path, table: EmbeddingTable) -> None:
    """Write embeddings in the format that the file's ending names; a file there is replaced, whole or not at all.

    ``.npy`` holds the rows alone, ``.npz`` also each column under its name, ``embedding``, ``model`` and
    ``model_hash``; ``.parquet`` a column ``embedding`` of lists, with the model in its metadata; ``.csv`` columns
    ``e0``, ``e1``, …; ``.jsonl`` lines as of `embedding_line`.

    Raises:
        OptionError: unknown ending.
        MissingExtraError: Parquet without ``pyarrow``.
        OSError: the file cannot be written.
    """
    check_format(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            _WRITERS[path.suffix.casefold()](file, table)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_npy(file: Any, table: EmbeddingTable) -> None:
    np.save(file, table.rows, allow_pickle=False)


def _write_npz(file: Any, table: EmbeddingTable) -> None:
    arrays = {**table.columns, "embedding": table.rows, "model": np.array(table.model)}
    np.savez(file, allow_pickle=False, **arrays, model_hash=np.array(table.versions["model"]))


def _write_parquet(file: Any, table: EmbeddingTable) -> None:
    arrow, parquet = _pyarrow()
    count, dim = table.rows.shape
    flat = arrow.array(np.ascontiguousarray(table.rows, np.float32).ravel())
    columns = {name: arrow.array(column.tolist()) for name, column in table.columns.items()}
    columns["embedding"] = arrow.FixedSizeListArray.from_arrays(flat, dim)
    made = arrow.table(columns).replace_schema_metadata(
        {"whence.schema": EMBEDDING_SCHEMA, "whence.model": table.model, "whence.model_hash": table.versions["model"]}
    )
    assert made.num_rows == count
    parquet.write_table(made, file, compression="zstd")


def _write_csv(file: Any, table: EmbeddingTable) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text)
    writer.writerow([*table.columns, *(f"e{i}" for i in range(table.rows.shape[1]))])
    for i, row in enumerate(table.rows):
        writer.writerow([*(column[i] for column in table.columns.values()), *row.astype(np.float32).astype(str)])
    text.flush()
    text.detach()


def _write_jsonl(file: Any, table: EmbeddingTable) -> None:
    columns = {name: column.tolist() for name, column in table.columns.items()}
    for i, row in enumerate(table.rows):
        told = {name: column[i] for name, column in columns.items()}
        file.write(embedding_line(told, row, table.versions).encode() + b"\n")


def _pyarrow() -> tuple[Any, Any]:
    arrow = optional_import("pyarrow", extra="scale", purpose="write Parquet")
    return arrow, optional_import("pyarrow.parquet", extra="scale", purpose="write Parquet")


_WRITERS: Mapping[str, Callable[[Any, EmbeddingTable], None]] = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
