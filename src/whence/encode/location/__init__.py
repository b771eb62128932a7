"""Location encoders: latitude and longitude to vectors. One model a file; the file's name is the model's."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from whence.core.optional import optional_import
from whence.core.registry import Registry

if TYPE_CHECKING:
    from whence.encode.location.types import LocationEncoder


@lru_cache(maxsize=1)
def location_encoders() -> Registry[LocationEncoder]:
    """The registry; other packages add theirs under the entry point ``whence.encode.location``.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    optional_import("torch", extra="train", purpose="build location encoders")
    from whence.encode.location.types import LocationEncoder

    return Registry(
        package="whence.encode.location",
        base=LocationEncoder,  # type: ignore[type-abstract]
        kind="location encoder",
        not_components=frozenset({"types", "layers", "checkpoints"}),
    )
