"""Image encoders: pictures to vectors. One model a file; the file's name is the model's."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from whence.core.optional import optional_import
from whence.core.registry import Registry

if TYPE_CHECKING:
    from whence.encode.image.types import ImageEncoder


@lru_cache(maxsize=1)
def image_encoders() -> Registry[ImageEncoder]:
    """The registry; other packages add theirs under the entry point ``whence.encode.image``.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    optional_import("torch", extra="train", purpose="build image encoders")
    from whence.encode.image.types import ImageEncoder

    return Registry(
        package="whence.encode.image",
        base=ImageEncoder,  # type: ignore[type-abstract]
        kind="image encoder",
        not_components=frozenset({"types"}),
    )
