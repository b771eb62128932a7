"""Readers of the field's data sets by their published layouts. One data set a file; the file's name is its name."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.samples.datasets.types import Dataset


@lru_cache(maxsize=1)
def datasets() -> Registry[Dataset]:
    """The registry; other packages add theirs under the entry point ``whence.samples.datasets``."""
    return Registry(
        package="whence.samples.datasets",
        base=Dataset,  # type: ignore[type-abstract]
        kind="data set",
        not_components=frozenset({"types", "tables", "miniature", "places365", "pairs"}),
    )
