"""Claims of layout: how the strongest pairs of points are arranged, and where they do not fit."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from whence.crossview.types import Correspondences, Match, MatchClaim
from whence.explain.match.frame import corners, is_possible_view, project
from whence.explain.match.outlines import region

ARRANGEMENT, UNMATCHED = "arrangement", "unmatched part"
"""Kinds of the claims made here."""

_STRONGEST, _FEWEST = 40, 10
_TRIANGLES, _SHUFFLES, _SEED = 1500, 99, 20
_KEPT = 0.7
_FREE = 0.1
_CELLS = 4
_LEAST_IN_CELL = 12
_UNLIKELY = 1e-5


def layout(match: Match) -> tuple[MatchClaim, ...]:
    """Say how the points of a match lie, and which part of the query fits worst."""
    free = _is_free(match)
    return (*(_arrangement(match.registration.correspondences) if free else ()), *_unmatched(match))


def _is_free(match: Match) -> bool:
    """Tell whether pairs were sought in the whole reference, rather than near where a transform put them.

    Pairs of a guided round are arranged alike by how they were found: that says nothing.
    """
    pairs, transform = match.registration.correspondences, match.registration.transform
    others = ~pairs.inlier
    height, width = match.query.pixels.shape[:2]
    if transform is None or int(others.sum()) < _FEWEST or not is_possible_view(transform, width, height):
        return False
    away = project(transform, pairs.query_px[others]) - pairs.reference_px[others]
    return float(np.nanmedian(np.hypot(away[:, 0], away[:, 1]))) > _FREE * max(match.reference.pixels.shape[:2])


def _strongest(pairs: Correspondences) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """The strongest pairs, no two within a pixel of one another, as doubled keypoints would count twice."""
    order = np.argsort(-pairs.score, kind="stable")
    chosen: list[int] = []
    for i in order.tolist():
        apart = [
            min(
                float(np.hypot(*(pairs.query_px[i] - pairs.query_px[j]))),
                float(np.hypot(*(pairs.reference_px[i] - pairs.reference_px[j]))),
            )
            for j in chosen
        ]
        if min(apart, default=math.inf) > 1.0:
            chosen.append(i)
        if len(chosen) == _STRONGEST:
            break
    return pairs.query_px[chosen], pairs.reference_px[chosen]


def _turns(points: Float[np.ndarray, "n 2"], triangles: np.ndarray) -> Bool[np.ndarray, " t"]:
    """Whether each triangle runs clockwise."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] > 0.0)


def _arrangement(pairs: Correspondences) -> tuple[MatchClaim, ...]:
    query, reference = _strongest(pairs)
    count = len(query)
    if count < _FEWEST:
        return ()
    generator = np.random.default_rng(_SEED)
    triangles = np.array([generator.choice(count, 3, replace=False) for _ in range(_TRIANGLES)])
    turns = _turns(query, triangles)
    kept = float((turns == _turns(reference, triangles)).mean())
    shuffled = [
        float((turns == _turns(reference[generator.permutation(count)], triangles)).mean()) for _ in range(_SHUFFLES)
    ]
    verdict = "agrees" if kept >= _KEPT and kept > max(shuffled) else "unclear"
    values: dict[str, float | str] = {
        "points": count,
        "kept_share": kept,
        "chance_share": float(np.mean(shuffled)),
        "most_by_chance_share": max(shuffled),
    }
    regions = (region("query", _hull(query)), region("reference", _hull(reference)))
    check = (
        f"{_TRIANGLES:,} triangles of the strongest pairs, before any transform: do they run the same way round in "
        f"both pictures? The same with the pairs shuffled {_SHUFFLES} times."
    )
    return (MatchClaim(ARRANGEMENT, verdict, values, 0.0, regions if verdict == "agrees" else (), check),)


def _hull(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    import cv2

    return cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)


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
