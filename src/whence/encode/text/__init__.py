"""Text encoders: words to vectors. One model a file; the file's name is the model's."""

from __future__ import annotations

from functools import lru_cache

from whence.core.registry import Registry
from whence.encode.text.types import TextEncoder


@lru_cache(maxsize=1)
def text_encoders() -> Registry[TextEncoder]:
    """The registry; other packages add theirs under the entry point ``whence.encode.text``."""
    return Registry(
        package="whence.encode.text",
        base=TextEncoder,  # type: ignore[type-abstract]
        kind="text encoder",
        not_components=frozenset({"types"}),
    )
