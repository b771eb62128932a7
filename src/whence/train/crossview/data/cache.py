"""Pictures decoded once: kept as one file of 8-bit numbers that is mapped into memory ever after."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from whence.core.errors import ArtifactError, InputError
from whence.core.folders import cache_folder


def pixels_once(
    key: str,
    shape: tuple[int, int, int, int],
    blocks: Callable[[], Iterable[UInt8[np.ndarray, "_ h w 3"]]],
    folder: Path | str = "",
) -> UInt8[np.ndarray, "n h w 3"]:
    """Return pictures from their file, or make them and keep them.

    Args:
        key: tells them from any others: a hash of all that they are made from.
        shape: number, height, width, 3.
        blocks: makes them, some at a time, in order; called only if the file is not there.
        folder: where files lie; the user's cache folder if empty.

    Returns:
        The pictures, mapped and read-only.

    Raises:
        ArtifactError: the blocks do not add up to the shape.
    """
    place = Path(folder) if folder else cache_folder() / "crossview"
    path = place / f"{key}.npy"
    known = _mapped(path, shape)
    if known is not None:
        return known
    place.mkdir(parents=True, exist_ok=True)
    partial = place / f".{key}.{os.getpid()}.part"
    try:
        held = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        at = 0
        for block in blocks():
            held[at : at + len(block)] = block
            at += len(block)
        if at != shape[0]:
            raise ArtifactError(f"{shape[0]} pictures were to be kept in {path}, {at} were made.")
        held.flush()
        del held
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    found = _mapped(path, shape)
    assert found is not None
    return found


def digest_of(path: str) -> str:
    """Hash of a raster, for the key of what is cut from it.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}). Give the path of a raster of the Earth."
        ) from error


def _mapped(path: Path, shape: tuple[int, int, int, int]) -> UInt8[np.ndarray, "n h w 3"] | None:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.uint8 else None
