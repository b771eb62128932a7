"""How many threads native libraries and pools of this package take."""

from __future__ import annotations

import os

_MOST = 4


def usual_threads() -> int:
    """As many as ``OMP_NUM_THREADS`` allows (worker processes set it to 1), else one a core, four at most."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return int(allowed) if allowed.isdecimal() and int(allowed) > 0 else min(os.cpu_count() or 1, _MOST)
