"""Near-duplicate pictures by perceptual hashes: the same photograph, resized, recompressed or slightly retouched.

Two hashes of 64 bits each look at a picture in different ways: the *difference hash* at whether brightness rises
from each of 8 × 9 coarse pixels to the next, the *frequency hash* at which of the 8 × 8 lowest frequencies of the
cosine transform exceed their median (Zauner 2010, *Implementation and Benchmarking of Perceptual Image Hash
Functions*). Near pairs are found by an index over four quarters of the difference hash (Norouzi, Punjani, Fleet
2012, *Fast Search in Hamming Space with Multi-Index Hashing*): if two hashes differ in at most ``d`` bits, some quarter
differs in at most ``d / 4``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt64
from PIL import Image, ImageOps

from whence.core.arrays import ranges
from whence.core.errors import ImageError, InputError
from whence.samples.splits import Split

MAX_BITS = 11
"""Largest distance that the index finds; beyond it most pairs are chance."""

_QUARTERS, _QUARTER_BITS = 4, 16
_SIDE_PX = 32
_ROWS = 1 << 18  # so many hashes are looked up at a time


@dataclass(frozen=True, slots=True)
class Nearness:
    """How alike two pictures must be to count as one photograph; both must hold.

    Attributes:
        difference_bits: most bits in which the difference hashes differ, 0..`MAX_BITS`.
        frequency_bits: most bits in which the frequency hashes differ, 0..64.
    """

    difference_bits: int = 10
    frequency_bits: int = 12

    def __post_init__(self) -> None:
        if not 0 <= self.difference_bits <= MAX_BITS or not 0 <= self.frequency_bits <= 64:
            raise InputError(f"Near means 0..{MAX_BITS} bits of the difference hash and 0..64 of the other: {self}.")


def picture_hash(pixels: UInt8[np.ndarray, "height width 3"]) -> UInt64[np.ndarray, " 2"]:
    """Difference and frequency hash of a picture."""
    return _hash_of(Image.fromarray(pixels))


def hash_file(path: Path | str) -> UInt64[np.ndarray, " 2"]:
    """Hashes of a picture in a file, upright; large JPEGs are decoded at reduced size.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.draft("L", (8 * _SIDE_PX, 8 * _SIDE_PX))
                return _hash_of(ImageOps.exif_transpose(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{path}: the picture cannot be read for its hash ({error}).") from error


def hash_files(paths: Iterable[Path | str]) -> UInt64[np.ndarray, "n 2"]:
    """Hashes of pictures in files, one after another.

    Raises:
        ImageError: one cannot be read.
    """
    return np.asarray([hash_file(path) for path in paths], np.uint64).reshape(-1, 2)


def near_pairs(hashes: UInt64[np.ndarray, "n 2"], nearness: Nearness | None = None) -> Int[np.ndarray, "m 2"]:
    """Pairs of pictures that are near, each once, the smaller index first, in ascending order."""
    near = nearness or Nearness()
    found = [_probe(hashes, quarter, near) for quarter in range(_QUARTERS)]
    return np.unique(np.concatenate(found), axis=0)


def leaks(split: Split, hashes: UInt64[np.ndarray, "n 2"], nearness: Nearness | None = None) -> Int[np.ndarray, "m 2"]:
    """Pairs of a training picture and one held out that are near: (training, held out), ascending.

    Args:
        split: of as many samples as there are hashes.
        hashes: of all pictures.
        nearness: what counts as the same photograph.

    Raises:
        InputError: the numbers differ.
    """
    if len(hashes) != split.count:
        raise InputError(f"The split is of {split.count} samples, received hashes of {len(hashes)}.")
    pairs = near_pairs(hashes, nearness)
    trained, held = np.zeros(split.count, bool), np.zeros(split.count, bool)
    trained[split.train], held[split.held_out] = True, True
    both_ways = np.concatenate([pairs, pairs[:, ::-1]])
    across = both_ways[trained[both_ways[:, 0]] & held[both_ways[:, 1]]]
    return across[np.lexsort((across[:, 1], across[:, 0]))]


def without_leaks(split: Split, pairs: Int[np.ndarray, "m 2"]) -> Split:
    """Drop the training side of leaks."""
    return Split(np.setdiff1d(split.train, pairs[:, 0]), split.validation, split.test, split.count)


def _hash_of(picture: Image.Image) -> UInt64[np.ndarray, " 2"]:
    grey = picture.convert("L")
    steps = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), np.int16)
    small = np.asarray(grey.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX), np.float64)
    waves = _cosines()
    low = (waves @ small @ waves.T).ravel()
    return np.asarray([_packed((np.diff(steps, axis=1) > 0).ravel()), _packed(low > np.median(low[1:]))], np.uint64)


def _packed(bits: np.ndarray) -> np.uint64:
    return np.uint64(int.from_bytes(np.packbits(bits).tobytes(), "big"))


@lru_cache(maxsize=1)
def _cosines() -> Float[np.ndarray, "8 32"]:
    """The eight lowest waves of the cosine transform (type II) of 32 values."""
    steps = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX
    return np.cos(np.pi * np.arange(8)[:, None] * steps)


@lru_cache(maxsize=4)
def _flips(most: int) -> Int[np.ndarray, " k"]:
    """Masks of one quarter with at most so many bits set."""
    masks = [sum(1 << bit for bit in bits) for n in range(most + 1) for bits in combinations(range(_QUARTER_BITS), n)]
    return np.asarray(masks, np.int64)


def _probe(hashes: UInt64[np.ndarray, "n 2"], quarter: int, near: Nearness) -> Int[np.ndarray, "m 2"]:
    """Near pairs whose quarter of the difference hash differs in few bits, the smaller index first."""
    value = ((hashes[:, 0] >> np.uint64(_QUARTER_BITS * quarter)) & np.uint64(0xFFFF)).astype(np.int64)
    order = np.argsort(value, kind="stable")
    counts = np.bincount(value, minlength=1 << _QUARTER_BITS)
    starts = np.cumsum(counts) - counts
    columns = np.ascontiguousarray(hashes.T)
    found = [np.empty((0, 2), np.int64)]
    # The most bits that may differ are shared out among the quarters: the later ones need to allow for one bit less.
    most, over = divmod(near.difference_bits, _QUARTERS)
    for mask in _flips(most if quarter <= over else most - 1).tolist():
        for first in range(0, len(hashes), _ROWS):
            row = np.arange(first, min(first + _ROWS, len(hashes)))
            row = row[value[row] <= value[row] ^ mask]  # of two buckets that see each other, one looks
            bucket = value[row] ^ mask
            left, right = np.repeat(row, counts[bucket]), order[ranges(starts[bucket], counts[bucket])]
            kept = np.bitwise_count(columns[0][left] ^ columns[0][right]) <= near.difference_bits
            kept[left == right] = False
            left, right = left[kept], right[kept]
            alike = np.bitwise_count(columns[1][left] ^ columns[1][right]) <= near.frequency_bits
            found.append(np.sort(np.stack([left[alike], right[alike]], axis=1), axis=1))
    return np.concatenate(found)
