"""`Guess`: a first transform, what speaks for it, and how it stands against the other places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whence.crossview.register.dense import Peak
from whence.crossview.register.geometry import Points, mapped
from whence.crossview.register.picture import Picture, Transform

LEAST_SUPPORT = 3.0
"""What chance gives anywhere."""

SAME_PX = 24.0
"""Guesses that put the query's middle this close to each other are one place."""


@dataclass(frozen=True, eq=False)
class Guess:
    """A first transform and what speaks for it.

    Attributes:
        transform: from query to reference.
        support: truncated cost of the pairs that it explains; about their number.
        inliers: pairs that it explains.
        matches: pairs there are.
        peak: where it comes from a dense search.
    """

    transform: Transform
    support: float
    inliers: int
    matches: int
    peak: Peak | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """All pairs of the first round."""

    near: Points
    far: Points


def second_support(chosen: Guess, others: Sequence[Guess]) -> float:
    """Support of the best other place, or what chance gives anywhere, as a share of the chosen one's, at most 2."""
    best = max((guess.support for guess in others), default=LEAST_SUPPORT)
    return min(max(best, LEAST_SUPPORT) / max(chosen.support, 1e-6), 2.0)


def lead(chosen: Guess, others: Sequence[Guess]) -> float:
    """By how many standard deviations more pairs of the first round are explained than at the best other place."""
    best = max((guess.inliers for guess in others), default=0)
    best = max(best, math.ceil(LEAST_SUPPORT))
    return (chosen.inliers - best) / math.sqrt(best + 1.0)


def same_place(a: Guess, b: Guess, query: Picture) -> bool:
    """Whether two guesses put the query at one place."""
    middle = query.outline_px.mean(axis=0)[None]
    return bool(np.linalg.norm(mapped(a.transform, middle) - mapped(b.transform, middle)) <= SAME_PX)
