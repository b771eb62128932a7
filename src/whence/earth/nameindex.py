"""Sorted names with the places called so: binary search for exact ones, letter signatures for near ones."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Int, Integer

from whence.earth.tables import read_arrays

_NEWLINE = 10


@final
class NameIndex:
    """Normalised names as one block of sorted UTF-8 lines.

    Args:
        text: the lines.
        counts: number of places of each name.
        places: indices of places, name after name.
    """

    def __init__(self, text: bytes, counts: Integer[np.ndarray, " n"], places: Integer[np.ndarray, " m"]) -> None:
        self._text = text
        breaks = np.flatnonzero(np.frombuffer(text, np.uint8) == _NEWLINE)
        self._starts = np.concatenate([[0], breaks + 1])
        self._ends = np.concatenate([breaks, [len(text)]])
        self._places = places
        self._stops = np.cumsum(counts, dtype=np.int64)

    @staticmethod
    def load() -> NameIndex:
        """Read the shipped index."""
        table = read_arrays("gazetteer_names.npz")
        return NameIndex(table["names"].tobytes(), table["counts"], table["places"])

    def __len__(self) -> int:
        return int(self._starts.size)

    def name(self, row: int) -> str:
        """The name in a row."""
        return self._text[self._starts[row] : self._ends[row]].decode()

    def places_of(self, row: int) -> Int[np.ndarray, " k"]:
        """Places of the name in a row."""
        return self._places[self._stops[row - 1] if row else 0 : self._stops[row]]

    def _bisect(self, wanted: bytes) -> int:
        """First row whose name is not below ``wanted``."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._text[self._starts[middle] : self._ends[middle]] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def exact(self, wanted: str) -> Int[np.ndarray, " k"]:
        """Places of exactly this normalised name; empty if there are none."""
        if not wanted:
            return np.empty(0, np.int32)
        row = self._bisect(wanted.encode())
        if row < len(self) and self.name(row) == wanted:
            return self.places_of(row)
        return np.empty(0, np.int32)

    def prefixed(self, prefix: str, limit: int = 100) -> tuple[str, ...]:
        """Names that begin so, in the order of their code points."""
        if not prefix:
            return ()
        row = self._bisect(prefix.encode())
        found: list[str] = []
        while row < len(self) and len(found) < limit and self.name(row).startswith(prefix):
            found.append(self.name(row))
            row += 1
        return tuple(found)

    @cached_property
    def _signatures(self) -> np.ndarray:
        """For each name a set of its bytes as 64 bits (a byte counts by its value modulo 64)."""
        bits = np.left_shift(np.uint64(1), np.frombuffer(self._text, np.uint8).astype(np.uint64) & np.uint64(63))
        bits[self._ends[:-1]] = 0
        return np.bitwise_or.reduceat(bits, self._starts)

    def fuzzy(self, wanted: str) -> list[tuple[str, float, Int[np.ndarray, " k"]]]:
        """Names near a normalised one: name, score and places, best first.

        One edit from 5 letters on, two from 9 on (insert, drop, change a letter, or swap two neighbours);
        shorter names must be exact. The score is 1 − edits / length of the longer.
        """
        from rapidfuzz.distance import OSA

        edits = 0 if len(wanted) < 5 else 1 if len(wanted) < 9 else 2
        if edits == 0:
            return []
        raw = wanted.encode()
        width = 1 if wanted.isascii() else 3  # bytes that one letter may take
        signature = np.uint64(0)
        for byte in raw:
            signature |= np.uint64(1) << np.uint64(byte & 63)
        lengths = self._ends - self._starts
        close = np.abs(lengths - len(raw)) <= edits * width
        differing = np.bitwise_count(self._signatures ^ signature)
        rows = np.flatnonzero(close & (differing <= 2 * edits * width))
        found: list[tuple[str, float, Int[np.ndarray, " k"]]] = []
        for row in rows.tolist():
            name = self.name(row)
            distance = OSA.distance(wanted, name, score_cutoff=edits)
            if 0 < distance <= edits:
                found.append((name, 1.0 - distance / max(len(name), len(wanted)), self.places_of(row)))
        return sorted(found, key=lambda match: (-match[1], match[0]))
