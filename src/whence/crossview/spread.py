"""`radius_holding`: how far around its middle an even Gaussian in the plane reaches."""

from __future__ import annotations

import math


def radius_holding(share: float) -> float:
    """Radius that holds a share of an even Gaussian in the plane, in its standard deviations along an axis.

    Args:
        share: from 0, below 1; 0.9 gives 2.15.
    """
    return math.sqrt(-2.0 * math.log1p(-share))
