"""What a speed over ground does to a belief."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from whence.core.arrays import FloatArray
from whence.crossview.track.mixture import Mixture, mahalanobis2

_DIRECTIONS = 8
_TANGENT = 0.6 * 2.0 * np.pi / _DIRECTIONS  # the ring's Gaussians overlap into an even ring
_KNOWN_WITHIN = 0.5  # standard deviation of the direction, radians
_FLOOR = 1e-12


def update_speed(belief: Mixture, speed_mps: float, sigma_mps: float) -> Mixture:
    """Take up a speed over ground.

    A part whose direction of travel is known is corrected along it; one whose direction is not becomes eight, around
    the ring of velocities that have this speed. The speed tells the parts from each other, not from the even rest,
    which could have any.

    Args:
        belief: weights sum to 1.
        speed_mps: reading.
        sigma_mps: its standard deviation.

    Returns:
        The belief (not reduced).
    """
    n = len(belief)
    if n == 0:
        return belief
    velocity = belief.mean[:, 2:]
    own = np.maximum(np.linalg.norm(velocity, axis=1), 1e-9)
    along = velocity / own[:, None]
    spread = np.einsum("ni,nij,nj->n", along, belief.cov[:, 2:, 2:], along)
    across = np.trace(belief.cov[:, 2:, 2:], axis1=1, axis2=2) - spread
    known = across + spread < (_KNOWN_WITHIN * own) ** 2
    hovering = speed_mps <= 2.0 * sigma_mps
    angle = np.arange(_DIRECTIONS) * 2.0 * np.pi / _DIRECTIONS
    ring = np.zeros((1, 2)) if hovering else np.stack([np.sin(angle), np.cos(angle)], axis=1)
    around = np.repeat(np.flatnonzero(~known), len(ring))
    index = np.concatenate([np.flatnonzero(known), around])
    direction = np.concatenate([along[known], np.tile(ring, (int((~known).sum()), 1))])
    tangent = np.where(np.arange(len(index)) < known.sum(), np.inf, _TANGENT * speed_mps)
    parts, foreseen = _with_velocity(belief.take(index), direction, speed_mps, sigma_mps, tangent, hovering)
    weight = np.maximum(parts.weight * foreseen, _FLOOR * parts.weight)
    return replace(parts, weight=weight * (belief.weight.sum() / weight.sum()))


def _with_velocity(
    parts: Mixture,
    direction: Float[np.ndarray, "n 2"],
    speed_mps: float,
    sigma_mps: float,
    tangent_mps: Float[np.ndarray, " n"],
    hovering: bool,
) -> tuple[Mixture, FloatArray]:
    """Parts with the velocity of a speed in a direction, and how well each foresaw it."""
    n = len(parts)
    side = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    finite = np.isfinite(tangent_mps)
    if hovering:
        direction, side = np.tile([[1.0, 0.0]], (n, 1)), np.tile([[0.0, 1.0]], (n, 1))
        tangent_mps, finite = np.full(n, sigma_mps), np.ones(n, bool)
        aim = np.zeros((n, 2))
    else:
        aim = speed_mps * direction
    own = parts.mean[:, 2:]
    # Nothing is read across the direction of a part that has one: a variance large beside its own says so.
    wide = np.where(finite, tangent_mps, 1e3 * np.sqrt(np.trace(parts.cov[:, 2:, 2:], axis1=1, axis2=2)) + 1.0)
    aim = np.where(finite[:, None], aim, direction * speed_mps)
    noise = (
        sigma_mps**2 * direction[:, :, None] * direction[:, None, :]
        + (wide**2)[:, None, None] * side[:, :, None] * side[:, None, :]
    )
    s = parts.cov[:, 2:, 2:] + noise
    gap = aim - own
    gain = parts.cov[:, :, 2:] @ np.linalg.inv(s)
    mean = parts.mean + np.einsum("nij,nj->ni", gain, gap)
    keep = np.broadcast_to(np.eye(4), parts.cov.shape).copy()
    keep[:, :, 2:] -= gain
    cov = keep @ parts.cov @ keep.transpose(0, 2, 1) + gain @ noise @ gain.transpose(0, 2, 1)
    # What is spread over the ring is divided by its length, so that both kinds are densities of the speed.
    log = -0.5 * mahalanobis2(gap, s) - 0.5 * np.log(np.linalg.det(s))
    log += np.where(finite, np.log(max(speed_mps, sigma_mps) * 2.0 * np.pi / _DIRECTIONS), np.log(wide))
    foreseen = np.exp(log - float(log.max(initial=-np.inf)))
    return replace(parts, mean=mean, cov=(cov + cov.transpose(0, 2, 1)) / 2.0), foreseen
