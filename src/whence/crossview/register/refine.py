"""The last fit: which model, its least squares, and how well the middle of the query is known by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from whence.crossview.register.geometry import (
    PARAMETERS,
    Allowed,
    Points,
    fitted,
    is_sane,
    jacobian_of,
    mapped,
    residuals,
)
from whence.crossview.register.picture import Transform

_ROUNDS = 5
_CELLS = 6


@dataclass(frozen=True, eq=False)
class Fit:
    """A model fitted to the pairs that it explains.

    Attributes:
        model: its name.
        transform: from query to reference.
        inlier: pairs that it explains.
        residual_px: root of the mean squared distance of these.
        cost: truncated cost with the penalty on parameters; the smallest wins.
    """

    model: str
    transform: Transform
    inlier: Bool[np.ndarray, " n"]
    residual_px: float
    cost: float


def fit_models(
    start: Transform,
    query: Points,
    reference: Points,
    outline: Float[np.ndarray, "k 2"],
    *,
    models: Sequence[str],
    allowed: Allowed,
    inlier_px: float,
    penalty: float,
) -> list[Fit]:
    """Fit every model by reweighted least squares from a transform, the best first.

    The cost is that of Torr (Geometric motion segmentation and model selection, Phil. Trans. 1998): truncated squared
    residuals over the noise, plus a penalty a parameter. Errors of points close to each other are not independent
    (relief, roofs), so the penalty is a multiple of the usual logarithm.
    """
    sigma = inlier_px / 2.0
    found = []
    for model in models:
        transform = start
        for _ in range(_ROUNDS):
            e = residuals(transform, query, reference)
            weight = np.maximum(1.0 - (e / inlier_px) ** 2, 0.0) ** 2
            candidate = fitted(model, query, reference, weight)
            if candidate is None:
                break
            transform = candidate
        else:
            e = residuals(transform, query, reference)
            inlier = e < inlier_px
            if inlier.sum() >= PARAMETERS[model] // 2 + 1 and is_sane(transform, outline, allowed):
                cost = float((np.minimum(e, inlier_px) ** 2).sum()) / sigma**2
                cost += penalty * PARAMETERS[model] * math.log(max(len(e), 2)) / 2.0
                residual = float(np.sqrt((e[inlier] ** 2).mean()))
                found.append(Fit(model, transform, inlier, residual, cost))
    return sorted(found, key=lambda fit: fit.cost)


def covariance_at(
    fits: Sequence[Fit],
    query: Points,
    reference: Points,
    at_px: Float[np.ndarray, " 2"],
    *,
    floor_px: float,
    misfit: float,
) -> tuple[float, float, float]:
    """Covariance of the reference position of one query position, xx, xy, yy in square pixels.

    The covariance of the parameters is carried to the position. Residuals are scaled to their robust spread, and pairs
    count as many as there are cells of a grid with pairs in them, since neighbours share their errors. What the models
    disagree on there is added, a share of the residuals that all points are taken to have in common (relief, roofs and
    a tilted camera shift them together, and no number of points averages that out), and a floor.

    Args:
        fits: the chosen model first.
        query: positions of all pairs in the query.
        reference: in the reference.
        at_px: the position.
        floor_px: standard deviation that is added in any case.
        misfit: share of the residuals that is common.
    """
    best = fits[0]
    q, r = query[best.inlier], reference[best.inlier]
    rows = _rows(best, q)
    noise = _spread(mapped(best.transform, q) - r)
    size = np.maximum(np.linalg.norm(rows, axis=0), 1e-12)  # columns of like size keep the inverse exact
    rows = rows / size
    inner = np.linalg.pinv(rows.T @ rows, rcond=1e-13) * noise**2 * len(q) / _independent(q)
    out = _rows(best, at_px[None]) / size
    covariance = out @ inner @ out.T + (floor_px**2 + (misfit * noise) ** 2) * np.eye(2)
    place = mapped(best.transform, at_px[None])[0]
    near = [other for other in fits[1:] if other.inlier.sum() >= 0.8 * best.inlier.sum()]
    if near:
        off = np.stack([mapped(other.transform, at_px[None])[0] - place for other in near])
        covariance = covariance + off.T @ off / (len(off) + 1)
    return float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])


def _rows(fit: Fit, points: Points) -> Float[np.ndarray, "rows k"]:
    """Derivatives of mapped positions by the model's own parameters."""
    x, y = points.T
    one, none = np.ones_like(x), np.zeros_like(x)
    if fit.model == "similarity":
        return np.concatenate([np.stack([x, -y, one, none], axis=1), np.stack([y, x, none, one], axis=1)])
    if fit.model == "affine":
        own, other = np.stack([x, y, one], axis=1), np.zeros((len(x), 3))
        return np.concatenate([np.hstack([own, other]), np.hstack([other, own])])
    return jacobian_of(fit.transform, points)[0]


def _spread(off: np.ndarray) -> float:
    """Standard deviation along one axis; the greater of the robust and the plain."""
    robust = 1.4826 * float(np.median(np.abs(off)))
    return max(robust, float(np.sqrt((off**2).mean())), 1e-3)


def _independent(points: Points) -> float:
    low, high = points.min(axis=0), points.max(axis=0)
    cells = np.floor((points - low) / np.maximum(high - low, 1e-9) * (_CELLS - 1e-6)).astype(int)
    return float(len(np.unique(cells, axis=0)))
