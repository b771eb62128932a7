"""Training data. One kind a file; the file's name is the kind's."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.train.data.types import DataKind


@lru_cache(maxsize=1)
def data_kinds() -> Registry[DataKind]:
    """The registry; other packages add theirs under the entry point ``whence.train.data``."""
    return Registry(
        package="whence.train.data",
        base=DataKind,  # type: ignore[type-abstract]
        kind="kind of training data",
        not_components=frozenset({"types"}),
    )
