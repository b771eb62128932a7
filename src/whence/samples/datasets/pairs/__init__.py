"""Readers of pair sets: views of places, and pictures from above of them. One set a file, named after it."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference

__all__ = ["Pair", "PairSet", "Reference", "pair_sets"]


@lru_cache(maxsize=1)
def pair_sets() -> Registry[PairSet]:
    """The registry; other packages add theirs under the entry point ``whence.samples.datasets.pairs``."""
    return Registry(
        package="whence.samples.datasets.pairs",
        base=PairSet,  # type: ignore[type-abstract]
        kind="pair set",
        not_components=frozenset({"types", "listing"}),
    )
