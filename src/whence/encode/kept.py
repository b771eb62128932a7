"""Rows of numbers that are computed once, kept in a file of half precision, and mapped into memory from then on.

Files appear whole by renaming, so that programs may race: both write the same numbers, and the last one stays.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float

_ROWS_AT_ONCE = 8192


def kept_rows(
    path: Path, shape: tuple[int, int], encode: Callable[[slice], Float[np.ndarray, "n d"]]
) -> Float[np.ndarray, "rows d"]:
    """The array in a file, mapped; encoded and written first if the file is not there or is not whole.

    Where nothing can be written the array is held in memory.
    """
    found = _mapped(path, shape)
    if found is None:
        with suppress(OSError):
            _write(path, shape, encode)
        found = _mapped(path, shape)
    return np.concatenate(list(_parts(shape, encode))) if found is None else found


def _write(path: Path, shape: tuple[int, int], encode: Callable[[slice], Float[np.ndarray, "n d"]]) -> None:
    """Write part after part (a mapped file would bring the program down on a full disk), then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in _parts(shape, encode):
                file.write(part.astype("<f2").tobytes())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _parts(
    shape: tuple[int, int], encode: Callable[[slice], Float[np.ndarray, "n d"]]
) -> Iterator[Float[np.ndarray, "n d"]]:
    yield np.empty((0, shape[1]), np.float16)
    for start in range(0, shape[0], _ROWS_AT_ONCE):
        yield encode(slice(start, min(start + _ROWS_AT_ONCE, shape[0]))).astype(np.float16)


def _mapped(path: Path, shape: tuple[int, int]) -> Float[np.ndarray, "rows d"] | None:
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.float16 else None
