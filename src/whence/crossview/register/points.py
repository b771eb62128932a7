"""Features of two pictures paired: mutual nearest neighbours anywhere, or near where a transform expects them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import ranges
from whence.encode.local.types import LocalFeatures

_ROWS = 512
_GATHERED = 1024
_SAME_PX = 3.0


@dataclass(frozen=True, eq=False)
class Pairs:
    """Indices of features that belong together.

    Attributes:
        first: in the first picture.
        second: in the second.
        score: how sure, 0..1.
    """

    first: Int[np.ndarray, " n"]
    second: Int[np.ndarray, " n"]
    score: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.score)


def match_points(a: LocalFeatures, b: LocalFeatures, *, ratio: float = 0.95, least: float = 0.5) -> Pairs:
    """Mutual nearest neighbours.

    Args:
        a: features of one picture.
        b: features of the other, by the same encoder.
        ratio: the distance to the nearest is at most this share of that to the second nearest (Lowe, 2004); 1 accepts
            all.
        least: least inner product.

    Returns:
        Pairs, with 1 − (ratio of distances)² times the inner product as score.
    """
    if not len(a) or not len(b):
        return _none()
    nearest, best, second, back = _nearest(a.descriptors, b.descriptors)
    closeness = np.sqrt(np.maximum(1.0 - best, 0.0) / np.maximum(1.0 - second, 1e-6))
    i = np.flatnonzero((back[nearest] == np.arange(len(a))) & (best >= least) & (closeness <= ratio))
    return Pairs(i, nearest[i], _score(best[i], closeness[i]))


def match_near(
    a: LocalFeatures,
    b: LocalFeatures,
    *,
    at_px: Float[np.ndarray, "n 2"],
    radius_px: float,
    ratio: float = 0.95,
    least: float = 0.5,
) -> Pairs:
    """Mutual nearest neighbours among features within a distance of where they are expected.

    Args:
        a: features of one picture.
        b: features of the other, by the same encoder.
        at_px: where each of ``a`` is expected in the other picture.
        radius_px: furthest from there.
        ratio: as of `match_points`; the second nearest is sought within the radius too, and not beside the nearest.
        least: least inner product.
    """
    first, second = _candidates(at_px, b.xy_px, radius_px)
    if not len(first):
        return _none()
    alike = _products(a.descriptors, b.descriptors, first, second)
    best, runner_up = _best_two(first, alike, b.xy_px[second], len(a))
    back = _best_of(second, alike, len(b))
    chosen = best[best >= 0]
    other = runner_up[best >= 0]
    closeness = np.sqrt(np.maximum(1.0 - alike[chosen], 0.0) / np.maximum(1.0 - np.maximum(other, -1.0), 1e-6))
    kept = (back[second[chosen]] == chosen) & (alike[chosen] >= least) & (closeness <= ratio)
    chosen, closeness = chosen[kept], closeness[kept]
    return Pairs(first[chosen], second[chosen], _score(alike[chosen], closeness))


def _candidates(at: np.ndarray, other: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all pairs of positions within a radius, by squares as long as the radius."""
    if not len(at) or not len(other):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    low = np.minimum(at.min(axis=0), other.min(axis=0)) - radius
    here = np.floor((at - low) / radius).astype(np.int64)
    there = np.floor((other - low) / radius).astype(np.int64)
    across = int(max(here[:, 0].max(), there[:, 0].max())) + 2
    key = there[:, 1] * across + there[:, 0]
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    down = np.arange(-1, 2) * across  # three squares of one row lie behind each other
    middle = (here[:, 1] * across + here[:, 0])[:, None] + down
    start = np.searchsorted(ordered, middle - 1, side="left")
    count = np.searchsorted(ordered, middle + 1, side="right") - start
    i, j = np.repeat(np.arange(len(at)), count.sum(axis=1)), order[ranges(start.ravel(), count.ravel())]
    off = at[i] - other[j]
    near = off[:, 0] ** 2 + off[:, 1] ** 2 <= radius**2
    return i[near], j[near]


def _products(a: np.ndarray, b: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Inner products of pairs of rows; few at a time, so that what is gathered stays close to the processor."""
    out = np.empty(len(first), np.float32)
    for start in range(0, len(first), _GATHERED):
        part = np.s_[start : start + _GATHERED]
        np.einsum("nd,nd->n", a[first[part]], b[second[part]], out=out[part])
    return out


def _best_two(group: np.ndarray, alike: np.ndarray, place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each group: index of the most alike (−1 if it is empty), and how alike the best is that lies elsewhere.

    Groups are in order.
    """
    start = np.flatnonzero(np.diff(group, prepend=-1))
    members = np.diff(start, append=len(group))
    most = np.repeat(np.maximum.reduceat(alike, start), members)
    top = np.flatnonzero(alike == most)
    best = np.full(count, -1, np.int64)
    best[group[top]] = top
    off = np.abs(place - place[best[group]])
    elsewhere = np.where(np.maximum(off[:, 0], off[:, 1]) > _SAME_PX, alike, np.float32(-1.0))
    runner_up = np.full(count, -1.0, np.float32)
    runner_up[group[start]] = np.maximum.reduceat(elsewhere, start)
    return best, runner_up


def _best_of(group: np.ndarray, alike: np.ndarray, count: int) -> np.ndarray:
    """Of each group, in any order: index of the most alike, −1 if it is empty."""
    most = np.full(count, -2.0, np.float32)
    np.maximum.at(most, group, alike)
    top = np.flatnonzero(alike == most[group])
    best = np.full(count, -1, np.int64)
    best[group[top]] = top
    return best


def _nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each of ``a``: the nearest of ``b``, both inner products of the nearest two; of each of ``b`` the nearest.

    The last is −1 where no row takes the column for its nearest: the two are not mutual.
    """
    index, best = np.empty(len(a), np.int64), np.empty(len(a), np.float32)
    second = np.full(len(a), -1.0, np.float32)
    back, back_best = np.full(len(b), -1, np.int64), np.full(len(b), -2.0, np.float32)
    for start in range(0, len(a), _ROWS):
        part = np.s_[start : start + _ROWS]
        alike = a[part] @ b.T
        rows = np.arange(len(alike))
        nearest = alike.argmax(axis=1)
        index[part], best[part] = nearest, alike[rows, nearest]
        most = alike.max(axis=0)
        back[most > back_best] = -1
        first = rows[(best[part] == most[nearest]) & (most > back_best)[nearest]][::-1]
        back[nearest[first]] = start + first
        np.maximum(back_best, most, out=back_best)
        if len(b) > 1:
            alike[rows, nearest] = -2.0
            second[part] = alike.max(axis=1)
    return index, best, second, back


def _score(best: np.ndarray, closeness: np.ndarray) -> Float[np.ndarray, " n"]:
    found: np.ndarray = np.clip(best, 0.0, 1.0).astype(np.float64) * (1.0 - np.minimum(closeness, 1.0) ** 2)
    return found


def _none() -> Pairs:
    nothing = np.zeros(0, np.int64)
    return Pairs(nothing, nothing, np.zeros(0))
