"""Parts of a set that is being built: written whole or not at all, and found again after a kill."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

COLUMNS = ("lat_deg", "lon_deg", "side_m", "gsd_m_per_px", "valid")
"""Columns of the windows table."""

WORK = "work"
"""Folder of the shards, inside the set."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Windows in a row of one source.

    Attributes:
        windows: a row a window that was kept, columns as `COLUMNS`.
        vectors: their embeddings; of length 0 without an encoder.
        blank: how many were left out.
        unreadable: tiles that could not be read, with the reason.
    """

    windows: Float[np.ndarray, "n 5"]
    vectors: Float[np.ndarray, "n d"]
    blank: int
    unreadable: dict[str, str]


def write_shard(folder: Path, shard: Shard) -> None:
    """Write a shard at a folder that is not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        np.save(partial / "windows.npy", shard.windows)
        np.save(partial / "vectors.npy", shard.vectors)
        told = {"blank": shard.blank, "unreadable": shard.unreadable}
        (partial / "shard.json").write_text(json.dumps(told), encoding="utf-8")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_shard(folder: Path) -> Shard | None:
    """Read a shard; ``None`` if it is not there or damaged, so that it is made again."""
    try:
        told = json.loads((folder / "shard.json").read_text(encoding="utf-8"))
        windows = np.load(folder / "windows.npy", allow_pickle=False)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return Shard(windows, vectors, int(told["blank"]), dict(told["unreadable"]))
