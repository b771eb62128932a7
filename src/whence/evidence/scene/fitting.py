"""Fitting the small model of scenery: a log-linear density ratio with a ridge, by Newton's method.

For pictures ``i`` with features ``φ_i``, taken at places with traits ``g_i`` by photographer ``p(i)``, it maximises

    Σ_i c_i [f_i(g_i) − log E_ref exp f_i(g)] − λ/2 ‖W‖²,   f_i(g) = φ_iᵀ W g + a_p(i)ᵀ g

over ``W`` and ``a``. The mean is over a reference, here the default prior. ``a_p`` takes up where a photographer takes
pictures anyway, whatever is on them; it is not kept, so that ``W`` says what the picture adds. This is the conditional
density ratio of place and picture; the objective is concave. ``c_i`` gives every photographer the same weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import InputError
from whence.evidence.prior import prior_field
from whence.evidence.scene.landscape import landscape

RIDGES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Ridges that are tried."""

_OWN_SCALE = 10.0
_STEPS = 25
_CLOSE = 1e-8
_LEAST_SPREAD = 1e-6


def reference(count: int = 3000) -> Float[np.ndarray, "m t"]:
    """Traits of places drawn from the default prior, evenly through its mass in nested order (no randomness)."""
    partition, traits = landscape()
    mass = np.cumsum(prior_field().on(partition).mass)
    return np.asarray(traits[np.searchsorted(mass, (np.arange(count) + 0.5) / count * mass[-1])])


def scales(features: Float[np.ndarray, "n k"]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Centre and spread of each feature."""
    return features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_SPREAD)


def fit_weights(
    features: Float[np.ndarray, "n k"],
    traits: Float[np.ndarray, "n t"],
    photographer: Int[np.ndarray, " n"],
    places: Float[np.ndarray, "m t"],
    ridge: float,
) -> Float[np.ndarray, "k t"]:
    """Fit ``W``.

    Args:
        features: of the pictures, centred and scaled.
        traits: of the places where they were taken.
        photographer: who took each, as numbers.
        places: traits of the reference.
        ridge: ``λ``.

    Raises:
        InputError: nothing to fit to.
    """
    if not len(features) or not ridge > 0.0:
        raise InputError(f"Fitting takes pictures and a ridge above 0, received {len(features)} and {ridge}.")
    own = photographer[:, None] == np.unique(photographer)[None, :]
    inputs = np.concatenate([features, _OWN_SCALE * own], axis=1)
    importance = (len(own) / own.sum(axis=0) / own.shape[1])[np.argmax(own, axis=1)]
    weights = np.zeros((inputs.shape[1], traits.shape[1]))
    for _ in range(_STEPS):
        gradient, curvature = _slopes(inputs, traits, importance, places, weights, ridge)
        step = np.linalg.solve(curvature, gradient.ravel()).reshape(weights.shape)
        weights += step * min(1.0, 1.0 / float(np.abs(inputs @ step).max()))
        if np.abs(step).max() < _CLOSE:
            break
    return weights[: features.shape[1]]


def _slopes(
    inputs: Float[np.ndarray, "n k"],
    traits: Float[np.ndarray, "n t"],
    importance: Float[np.ndarray, " n"],
    places: Float[np.ndarray, "m t"],
    weights: Float[np.ndarray, "k t"],
    ridge: float,
) -> tuple[Float[np.ndarray, "k t"], Float[np.ndarray, "kt kt"]]:
    """Gradient of the objective, and its curvature downwards."""
    score = inputs @ weights @ places.T
    share = np.exp(score - score.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    expected = share @ places
    pairs = (places[:, :, None] * places[:, None, :]).reshape(len(places), -1)
    spread = (share @ pairs).reshape(len(inputs), *[places.shape[1]] * 2)
    spread -= expected[:, :, None] * expected[:, None, :]
    gradient = inputs.T @ (importance[:, None] * (traits - expected)) - ridge * weights
    outer = (importance[:, None, None] * inputs[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)
    size = inputs.shape[1]
    curvature = (outer.T @ spread.reshape(len(inputs), -1)).reshape(size, size, *[places.shape[1]] * 2)
    flat = curvature.transpose(0, 2, 1, 3).reshape(weights.size, weights.size)
    return gradient, flat + ridge * np.eye(weights.size)


def gains_bits(
    pulls: Float[np.ndarray, "n t"],
    traits: Float[np.ndarray, "n t"],
    places: Float[np.ndarray, "m t"],
    wrong_share: float,
) -> Float[np.ndarray, " n"]:
    """What pictures add over the reference at the places where they were taken, bits."""
    score = pulls @ places.T
    top = score.max(axis=1)
    log_mean = top + np.log(np.exp(score - top[:, None]).mean(axis=1))
    ratio = np.exp((pulls * traits).sum(axis=1) - log_mean)
    return np.log2(wrong_share + (1.0 - wrong_share) * ratio)


def held_out_pulls(
    features: Float[np.ndarray, "n k"],
    traits: Float[np.ndarray, "n t"],
    photographer: Int[np.ndarray, " n"],
    places: Float[np.ndarray, "m t"],
    ridge: float,
) -> Float[np.ndarray, "n t"]:
    """The pulls of every picture by a model fitted on the other photographers' pictures."""
    found = np.zeros_like(traits)
    for one in np.unique(photographer):
        inside, rest = photographer == one, photographer != one
        centres, spreads = scales(features[rest])
        scaled = (features - centres) / spreads
        found[inside] = scaled[inside] @ fit_weights(scaled[rest], traits[rest], photographer[rest], places, ridge)
    return found


def choose_ridge(
    features: Float[np.ndarray, "n k"],
    traits: Float[np.ndarray, "n t"],
    photographer: Int[np.ndarray, " n"],
    places: Float[np.ndarray, "m t"],
    wrong_share: float,
    ridges: Sequence[float] = RIDGES,
) -> float:
    """The ridge under which photographers left out gain most, each counting alike."""
    people = np.unique(photographer)

    def score(ridge: float) -> float:
        gains = gains_bits(held_out_pulls(features, traits, photographer, places, ridge), traits, places, wrong_share)
        return float(np.mean([gains[photographer == one].mean() for one in people]))

    return max(ridges, key=score)
