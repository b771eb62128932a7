"""From cosines to probabilities: how likely a concept is true, given how much of it a picture has."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError

_ROUNDS = 50
_RIDGE = 1e-3
_LEAST = 10


def fit_activation(cosines: Float[np.ndarray, "n k"], truths: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k 2"]:
    """Fit ``P(true) = sigmoid(scale · cosine + offset)`` for each concept (Platt scaling) by Newton's method.

    Args:
        cosines: of pictures that were not trained on with the concepts.
        truths: 0..1 at their places, NaN unknown; a truth between counts as that share of a true one.

    Returns:
        Scale and offset of each concept; NaN where fewer than 10 pictures are true or fewer than 10 false.

    Raises:
        OptionError: arrays of different shapes.
    """
    if cosines.shape != truths.shape:
        raise OptionError(f"Cosines and truths must have one shape, received {cosines.shape} and {truths.shape}.")
    return np.stack([_fit_one(cosines[:, k], truths[:, k]) for k in range(cosines.shape[1])])


def _fit_one(cosine: Float[np.ndarray, " n"], truth: Float[np.ndarray, " n"]) -> Float[np.ndarray, " 2"]:
    known = ~np.isnan(truth)
    x, y = cosine[known].astype(np.float64), truth[known].astype(np.float64)
    if y.sum() < _LEAST or (1 - y).sum() < _LEAST or x.std() == 0:
        return np.full(2, np.nan)
    # On standardised cosines Newton's steps are well conditioned; a slight ridge bounds separable concepts.
    middle, spread = x.mean(), x.std()
    design = np.stack([(x - middle) / spread, np.ones_like(x)], axis=1)
    ridge = _RIDGE * len(x) * np.diag([1.0, 0.0])
    weights = np.array([0.0, np.log(y.mean() / (1 - y.mean()))])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (y - p) - ridge @ weights
        bend = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(bend, slope)
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return np.array([weights[0] / spread, weights[1] - weights[0] * middle / spread])


def probabilities(
    cosines: Float[np.ndarray, "*n k"], activation: Float[np.ndarray, "k 2"]
) -> Float[np.ndarray, "*n k"]:
    """Probability that each concept is true; NaN for concepts without a fit."""
    return 1 / (1 + np.exp(-np.clip(cosines * activation[:, 0] + activation[:, 1], -30.0, 30.0)))
