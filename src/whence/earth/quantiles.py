"""Where a running total of mass crosses a level, without sorting everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_BINS = 4096


@dataclass(frozen=True, slots=True)
class Crossing:
    """The element at which the running total reaches a level.

    Attributes:
        index: its index.
        before: total of the elements that come before it.
        after: total with it.
    """

    index: int
    before: float
    after: float


def crossing(key: Float[np.ndarray, " n"], mass: Float[np.ndarray, " n"], level: float) -> Crossing:
    """Find where the mass, taken by ascending key (ties by index), reaches ``level`` of its total.

    Only the elements of one bin of a histogram over the keys are sorted, so the time grows with ``n``.

    Args:
        key: what orders the elements; ``inf`` comes last.
        mass: ≥ 0, not all zero.
        level: within (0, 1].
    """
    held = mass > 0.0
    low, high = float(key[held].min()), float(key[held].max())
    target = level * float(mass.sum()) * (1.0 - 1e-12)
    scale = (_BINS - 1) / (high - low) if high > low else 0.0
    bins = np.where(held, (np.clip(key, low, high) - low) * scale, _BINS).astype(np.int64)
    total = np.cumsum(np.bincount(bins, mass, minlength=_BINS + 1))
    crossed = min(int(np.searchsorted(total, target)), _BINS - 1)
    inside = np.flatnonzero(bins == crossed)
    if inside.size == 0:  # rounding left the target above the last total
        crossed = int(bins[held].max())
        inside = np.flatnonzero(bins == crossed)
    rank = inside[np.argsort(key[inside], kind="stable")]
    running = (float(total[crossed - 1]) if crossed else 0.0) + np.cumsum(mass[rank])
    last = min(int(np.searchsorted(running, target)), rank.size - 1)
    after = float(running[last])
    return Crossing(int(rank[last]), after - float(mass[rank[last]]), after)


def up_to(key: Float[np.ndarray, " n"], found: Crossing) -> Bool[np.ndarray, " n"]:
    """Tell which elements come before the crossing, or are it."""
    edge = key[found.index]
    return (key < edge) | ((key == edge) & (np.arange(key.size) <= found.index))
