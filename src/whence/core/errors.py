"""Every error that *whence* raises on purpose.

```
WhenceError                what failed, what was received, what is allowed, what to do next
├── InputError             the user gave something that cannot be used
│   ├── CoordinateError    a latitude, longitude or location text that is none
│   ├── ImageError         a picture that cannot be read
│   │   └── ImageTooLargeError   beyond the limits on pixels or bytes
│   ├── ConstraintError    a constraint that cannot be understood, or that rules out the whole Earth
│   └── OptionError        an unknown option, source or key (names the nearest)
├── ArtifactError          a file of ours that is damaged, of another version or of another content
├── MissingExtraError      an optional package is not installed (names the extra)
├── SourceTimeoutError     an evidence source ran out of its time limit
├── EndpointError          a service that the user configured does not answer as it should
└── WorkerError            worker processes of a batch cannot be started, or one died
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WhenceError(Exception):
    """Base of every error raised on purpose."""


class InputError(WhenceError):
    """The user gave something that cannot be used."""


class CoordinateError(InputError, ValueError):
    """A latitude, longitude or location text that is none."""


class ImageError(InputError):
    """A picture that cannot be read."""


class ImageTooLargeError(ImageError):
    """A picture beyond the limits on pixels or bytes."""


class ConstraintError(InputError):
    """A constraint that cannot be understood, or that rules out the whole Earth."""


class OptionError(InputError):
    """An unknown option, source or key."""


class ArtifactError(WhenceError):
    """A file of ours that is damaged, of another version, or of another content than expected."""


class MissingExtraError(WhenceError, ImportError):
    """An optional package is not installed."""


class SourceTimeoutError(WhenceError, TimeoutError):
    """An evidence source ran out of its time limit."""


class EndpointError(WhenceError):
    """A service that the user configured does not answer as it should."""


class WorkerError(WhenceError):
    """Worker processes of a batch cannot be started, or one died."""


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> OptionError:
    """Return the error for a name that is not among ``allowed``, with the nearest one suggested.

    Args:
        kind: what the name stands for, for example ``"evidence source"``.
        name: what was received.
        allowed: the names that exist.
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return OptionError(f"There is no {kind} named {name!r}.{hint} Available: {', '.join(names)}.")
