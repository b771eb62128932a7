"""Where was this picture taken, how sure are we, and why?

```python
import whence

estimate = whence.locate("photo.jpg")
print(estimate)              # where, how sure, why
estimate.point.lat_deg, estimate.error_km["p90"], estimate.abstained
```

Names are imported when first used, so that ``import whence`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from whence.core.version import __version__

if TYPE_CHECKING:
    from whence.core.errors import WhenceError
    from whence.earth.field import Field
    from whence.estimate.types import Estimate
    from whence.explain.contrast import contrast
    from whence.pipeline import Locator, Options, locate

__all__ = ["Estimate", "Field", "Locator", "Options", "WhenceError", "__version__", "contrast", "locate"]

_HOMES = {
    "Estimate": "whence.estimate.types",
    "Field": "whence.earth.field",
    "Locator": "whence.pipeline",
    "Options": "whence.pipeline",
    "WhenceError": "whence.core.errors",
    "contrast": "whence.explain.contrast",
    "locate": "whence.pipeline",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'whence' has no attribute {name!r}")
