"""Curves over a test set, and the one number that each is summed up in: Recall-vs-Area, risk–coverage, calibration.

Every function takes weights, the number of times that each picture counts, so that a bootstrap can draw anew.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from whence.earth.grid import EARTH_AREA_KM2

BINS = 15
"""Bins of the calibration error (Guo et al. 2017)."""

Weights = Float[np.ndarray, " n"]


def area_score(areas_km2: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Share of the Recall-vs-Area curve that lies behind each picture; their mean is the area under the curve.

    The abscissa is the logarithm of the area from 1 km² to the whole Earth, scaled to 0..1, and the curve is the
    step function of `whence.evaluate.metrics.recall_by_area`. A truth found within 1 km² gives 1, one for which the
    whole Earth must be searched gives 0, as does a picture without a belief (NaN).
    """
    known = np.where(np.isnan(areas_km2), EARTH_AREA_KM2, areas_km2)
    return 1.0 - np.log(np.clip(known, 1.0, EARTH_AREA_KM2)) / np.log(EARTH_AREA_KM2)


def risk_coverage(
    risk: Float[np.ndarray, " n"], confidence: Float[np.ndarray, " n"], weights: Weights | None = None
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Mean risk of the surest pictures, for every share kept.

    Pictures of equal confidence are kept or left together: each takes the mean risk of its likes, which is what a
    random order among them gives on average.

    Args:
        risk: of each picture, such as 1 for a wrong answer; the smaller the better.
        confidence: the larger the surer; ``-inf`` for pictures without an answer.
        weights: how often each picture counts.

    Returns:
        Shares kept, ascending to 1, and the mean risk of those kept.
    """
    count = np.ones(risk.size) if weights is None else weights
    _, tier = np.unique(-confidence, return_inverse=True)
    total = np.bincount(tier, count)
    mean = np.bincount(tier, count * risk) / np.maximum(total, 1e-300)
    order = np.argsort(tier, kind="stable")
    held = np.cumsum(count[order])
    summed = np.cumsum((count * mean[tier])[order])
    return held / held[-1], summed / np.maximum(held, 1e-300)


def aurc(risk: Float[np.ndarray, " n"], confidence: Float[np.ndarray, " n"], weights: Weights | None = None) -> float:
    """Area under the risk–coverage curve: the mean over all shares kept (Geifman and El-Yaniv 2017); 0 is best."""
    _, risks = risk_coverage(risk, confidence, weights)
    order = np.argsort(-confidence, kind="stable")
    count = np.ones(risk.size) if weights is None else weights[order]
    return float((risks * count).sum() / count.sum())


def calibration_error(
    probability: Float[np.ndarray, " n"],
    right: Float[np.ndarray, " n"],
    weights: Weights | None = None,
    bins: int = BINS,
) -> float:
    """Expected calibration error: mean over bins of equal width of |share right − mean probability|, by their size.

    Source: Guo et al. 2017, *On Calibration of Modern Neural Networks*, eq. 3. Bins are open below and closed above.
    Pictures with NaN are left out; NaN where none is left.
    """
    known = ~np.isnan(probability) & ~np.isnan(right)
    count = (np.ones(probability.size) if weights is None else weights)[known]
    if count.sum() <= 0.0:
        return float("nan")
    at = np.clip(np.ceil(probability[known] * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(at, count * (right[known] - probability[known]), minlength=bins)
    return float(np.abs(gap).sum() / count.sum())


def level_error(levels: Float[np.ndarray, " n"], weights: Weights | None = None) -> float:
    """Mean over all credible levels of |share of truths inside − level|.

    ``levels`` are those at which the credible region just reaches the truth; of a calibrated system they are spread
    evenly over 0..1, and this is the area between their distribution and the diagonal. 0.5 is the worst.
    """
    known = ~np.isnan(levels)
    count = (np.ones(levels.size) if weights is None else weights)[known]
    if count.sum() <= 0.0:
        return float("nan")
    order = np.argsort(levels[known])
    ends = np.concatenate([[0.0], levels[known][order], [1.0]])
    share = np.concatenate([[0.0], np.cumsum(count[order]) / count.sum()])
    before, after = share - ends[:-1], ends[1:] - share  # of |share − x| from each end to the next
    crossed = 0.5 * (before**2 + after**2)
    aside = 0.5 * np.abs(before - after) * (ends[1:] - ends[:-1])
    return float(np.where((before > 0.0) & (after > 0.0), crossed, aside).sum())
