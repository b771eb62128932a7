"""Local features: points of a picture with descriptors. One encoder a file; the file's name is the encoder's."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.encode.local.types import LocalEncoder


@lru_cache(maxsize=1)
def local_encoders() -> Registry[LocalEncoder]:
    """The registry; other packages add theirs under the entry point ``whence.encode.local``."""
    return Registry(
        package="whence.encode.local",
        base=LocalEncoder,  # type: ignore[type-abstract]
        kind="local encoder",
        not_components=frozenset({"types", "picking"}),
    )
