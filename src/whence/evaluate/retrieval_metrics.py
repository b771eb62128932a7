"""Figures of retrieval: recall at K and average precision, as University-1652 and place recognition report them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError


def recall_at(relevant: Bool[np.ndarray, "queries ranks"], k: int) -> float:
    """Share of the queries that find something relevant among their first ``k`` answers.

    Args:
        relevant: for each query whether its answers are relevant, the best answer first.
        k: how many answers count; if there are fewer, all.

    Raises:
        InputError: there is no query, or ``k`` is below 1.
    """
    _check(relevant)
    if k < 1:
        raise InputError(f"R@K needs a K of 1 or more, received {k}.")
    return float(relevant[:, :k].any(axis=1).mean())


def recall_at_percent(relevant: Bool[np.ndarray, "queries ranks"], percent: float = 1.0) -> float:
    """R@K with K a share of the gallery, such as R@1% of CVUSA and CVACT; K is rounded up.

    Raises:
        InputError: there is no query, or the percentage lies outside (0, 100].
    """
    _check(relevant)
    if not 0.0 < percent <= 100.0:
        raise InputError(f"The percentage must lie within (0, 100], received {percent}.")
    return recall_at(relevant, max(1, int(np.ceil(relevant.shape[1] * percent / 100.0))))


def average_precision(relevant: Bool[np.ndarray, " ranks"]) -> float:
    """Mean of the precision at each relevant answer: the step-wise area under the precision–recall curve.

    NaN where nothing is relevant. Equals ``sklearn.metrics.average_precision_score`` of a full ranking without ties.
    """
    at = np.flatnonzero(relevant)
    return float(np.mean(np.arange(1, at.size + 1) / (at + 1.0))) if at.size else float("nan")


def average_precision_by_trapezoids(relevant: Bool[np.ndarray, " ranks"]) -> float:
    """Average precision as University-1652 computes it (Zheng et al. 2020): trapezoids instead of steps.

    Each relevant answer adds the mean of the precision at it and of that just before it, over the number of relevant
    answers; before the first answer the precision is 1. Slightly above or below `average_precision`.
    """
    at = np.flatnonzero(relevant)
    if at.size == 0:
        return float("nan")
    hits = np.arange(at.size)
    precision = (hits + 1.0) / (at + 1.0)
    before = np.where(at > 0, hits / np.maximum(at, 1), 1.0)
    return float(np.mean(0.5 * (precision + before)))


def mean_average_precision(relevant: Bool[np.ndarray, "queries ranks"], *, trapezoids: bool = False) -> float:
    """Mean average precision over the queries for which something is relevant.

    Raises:
        InputError: there is no query, or nothing is relevant for any.
    """
    _check(relevant)
    measure = average_precision_by_trapezoids if trapezoids else average_precision
    each = np.asarray([measure(row) for row in relevant])
    if np.isnan(each).all():
        raise InputError("Nothing in the gallery is relevant for any query.")
    return float(np.nanmean(each))


def ranked_relevance(
    scores: Float[np.ndarray, "queries gallery"], relevant: Bool[np.ndarray, "queries gallery"]
) -> Bool[np.ndarray, "queries gallery"]:
    """Relevance in the order of the scores, the highest first; of equal scores the irrelevant come first.

    A system that gives everything the same score gains nothing by it.
    """
    order = np.lexsort((relevant, -scores), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def _check(relevant: np.ndarray) -> None:
    if relevant.shape[0] == 0 or relevant.shape[1] == 0:
        raise InputError(
            f"Retrieval needs queries and a gallery, received {relevant.shape[0]} and {relevant.shape[1]}."
        )
