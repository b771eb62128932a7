"""Claims of layout: where the pairs of points do not fit."""

from __future__ import annotations

import math

import numpy as np

from whence.crossview.types import Match, MatchClaim
from whence.explain.match.frame import corners, is_possible_view, project
from whence.explain.match.outlines import region

UNMATCHED = "unmatched part"
"""Kind of the claim made here."""

_CELLS = 4
_LEAST_IN_CELL = 12
_UNLIKELY = 1e-5


def layout(match: Match) -> tuple[MatchClaim, ...]:
    """Say which part of the query fits worst, if one does.

    How the points of a match are arranged says nothing: the matcher seeks pairs near where a transform puts them, and
    these keep their arrangement whether the transform is true or not.
    """
    return _unmatched(match)


def _unmatched(match: Match) -> tuple[MatchClaim, ...]:
    """The sixteenth of the query where far fewer pairs fit than elsewhere: changed, hidden, or not flat."""
    pairs, transform = match.registration.correspondences, match.registration.transform
    height, width = match.query.pixels.shape[:2]
    if not is_possible_view(transform, width, height) or len(pairs) < 2 * _LEAST_IN_CELL:
        return ()
    assert transform is not None
    column, row = (
        np.clip((pairs.query_px[:, i] * _CELLS / size).astype(int), 0, _CELLS - 1)
        for i, size in ((0, width), (1, height))
    )
    cell = row * _CELLS + column
    total = np.bincount(cell, minlength=_CELLS**2)
    fits = np.bincount(cell[pairs.inlier], minlength=_CELLS**2)
    overall = float(pairs.inlier.mean())
    worst, least = -1, _UNLIKELY
    for i in np.flatnonzero(total >= _LEAST_IN_CELL).tolist():
        chance = _at_most(int(fits[i]), int(total[i]), overall)
        if chance < least and fits[i] < 0.5 * overall * total[i]:
            worst, least = i, chance
    if worst < 0:
        return ()
    x, y = worst % _CELLS * width / _CELLS, worst // _CELLS * height / _CELLS
    box = corners(width / _CELLS, height / _CELLS) + np.array([x, y])
    values: dict[str, float | str] = {
        "fitting": int(fits[worst]),
        "pairs": int(total[worst]),
        "elsewhere_share": float((fits.sum() - fits[worst]) / max(1, total.sum() - total[worst])),
    }
    check = (
        f"Binomial test in each of {_CELLS**2} equal parts of the query, at one in {1 / _UNLIKELY:,.0f}, against the "
        "share of pairs that fit in the whole."
    )
    regions = (region("query", box), region("reference", project(transform, box)))
    return (MatchClaim(UNMATCHED, "unclear", values, 0.0, regions, check),)


def _at_most(fits: int, total: int, share: float) -> float:
    """Probability that a binomial count is at most ``fits``."""
    if share <= 0.0 or share >= 1.0:
        return 1.0
    logs = [
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        + k * math.log(share)
        + (total - k) * math.log1p(-share)
        for k in range(fits + 1)
    ]
    return math.fsum(math.exp(value) for value in logs)
