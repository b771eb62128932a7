"""Data of cross-view training. One kind a file; the file's name is the kind's."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.train.crossview.data.types import CrossViewData


@lru_cache(maxsize=1)
def crossview_data() -> Registry[CrossViewData]:
    """The registry; other packages add theirs under the entry point ``whence.train.crossview.data``."""
    return Registry(
        package="whence.train.crossview.data",
        base=CrossViewData,  # type: ignore[type-abstract]
        kind="kind of cross-view data",
        not_components=frozenset({"types", "atlas_map", "cache"}),
    )
