"""Features of two pictures paired: mutual nearest neighbours anywhere, or near where a transform expects them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whence.encode.local.types import LocalFeatures

_ROWS = 2048


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
    nearest, best, second = _nearest(a.descriptors, b.descriptors)
    back, *_ = _nearest(b.descriptors, a.descriptors)
    closeness = np.sqrt(np.maximum(1.0 - best, 0.0) / np.maximum(1.0 - second, 1e-6))
    i = np.flatnonzero((back[nearest] == np.arange(len(a))) & (best >= least) & (closeness <= ratio))
    return Pairs(i, nearest[i], _score(best[i], closeness[i]))


def match_near(
    a: LocalFeatures, b: LocalFeatures, *, at_px: Float[np.ndarray, "n 2"], radius_px: float, least: float = 0.5
) -> Pairs:
    """Mutual nearest neighbours among features within a distance of where they are expected.

    Args:
        a: features of one picture.
        b: features of the other, by the same encoder.
        at_px: where each of ``a`` is expected in the other picture.
        radius_px: furthest from there.
        least: least inner product.
    """
    if not len(a) or not len(b):
        return _none()
    near = _near(at_px, b.xy_px, radius_px)
    alike = np.where(near, a.descriptors @ b.descriptors.T, np.float32(-1.0))
    nearest, back = alike.argmax(axis=1), alike.argmax(axis=0)
    best = alike[np.arange(len(a)), nearest]
    i = np.flatnonzero((back[nearest] == np.arange(len(a))) & (best >= least))
    return Pairs(i, nearest[i], np.clip(best[i], 0.0, 1.0).astype(np.float64))


def _near(at: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    x = at[:, :1].astype(np.float32) - other[:, 0].astype(np.float32)
    y = at[:, 1:].astype(np.float32) - other[:, 1].astype(np.float32)
    found: np.ndarray = x * x + y * y <= radius * radius
    return found


def _nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of ``a``: index of the nearest of ``b``, its inner product, and that of the second nearest."""
    index, best = np.empty(len(a), np.int64), np.empty(len(a), np.float32)
    second = np.full(len(a), -1.0, np.float32)
    for start in range(0, len(a), _ROWS):
        part = np.s_[start : start + _ROWS]
        alike = a[part] @ b.T
        rows = np.arange(len(alike))
        index[part] = alike.argmax(axis=1)
        best[part] = alike[rows, index[part]]
        if len(b) > 1:
            alike[rows, index[part]] = -2.0
            second[part] = alike.max(axis=1)
    return index, best, second


def _score(best: np.ndarray, closeness: np.ndarray) -> Float[np.ndarray, " n"]:
    found: np.ndarray = np.clip(best, 0.0, 1.0).astype(np.float64) * (1.0 - np.minimum(closeness, 1.0) ** 2)
    return found


def _none() -> Pairs:
    nothing = np.zeros(0, np.int64)
    return Pairs(nothing, nothing, np.zeros(0))
