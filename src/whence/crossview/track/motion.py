"""How a belief moves on between two frames."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from whence.crossview.track.config import Config
from whence.crossview.track.mixture import HEADING_UNKNOWN_VAR, SCALE_UNKNOWN_VAR, Mixture

_LEAST_REST = 1e-9
_MOST_GONE = 1.0 - 1e-9


def transition(config: Config, elapsed_s: float) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4 4"]]:
    """Matrix and process noise of position and velocity over a time.

    Velocity is an Ornstein–Uhlenbeck process, position its integral (Singer 1970; the limit of a long memory is the
    model of constant velocity). Its variance does not grow without end, so a track that is lost out of sight spreads
    as a random walk does.

    Returns:
        ``F`` and ``Q``: the state is ``F x`` plus noise of covariance ``Q``.
    """
    tau, variance = config.memory_s, config.speed_mps**2
    decay = math.exp(-elapsed_s / tau)
    reach = -tau * math.expm1(-elapsed_s / tau)
    velocity = -variance * math.expm1(-2.0 * elapsed_s / tau)
    both = variance * tau * (1.0 - decay) ** 2
    ratio = elapsed_s / tau
    if ratio < 1e-3:  # the closed form cancels; its series does not
        place = variance * tau**2 * ratio**3 * (2.0 / 3.0 - ratio / 2.0 + 7.0 * ratio**2 / 30.0)
    else:
        place = variance * tau**2 * (2.0 * ratio - 3.0 + 4.0 * decay - decay**2)
    eye, none = np.eye(2), np.zeros((2, 2))
    return (
        np.block([[eye, reach * eye], [none, decay * eye]]),
        np.block([[place * eye, both * eye], [both * eye, velocity * eye]]),
    )


def noise_of(agile: Int[np.ndarray, " n"], config: Config, elapsed_s: float) -> Float[np.ndarray, "n 4 4"]:
    """Process noise of parts by their pace."""
    _, q = transition(config, elapsed_s)
    return np.where(agile == 1, config.agile_factor**2, 1.0)[:, None, None] * q


def pace_chance(
    before: Int[np.ndarray, " n"], after: Int[np.ndarray, " n"], config: Config, elapsed_s: float
) -> Float[np.ndarray, " n"]:
    """Probability of a pace given the one a time before; `Config.agile_share` of the time is agile."""
    kept = math.exp(-elapsed_s / config.pace_s)
    share = np.where(after == 1, config.agile_share, 1.0 - config.agile_share)
    return kept * (before == after) + (1.0 - kept) * share


def predicted(belief: Mixture, config: Config, elapsed_s: float) -> Mixture:
    """The belief a time later: moved on, widened, and a little of it lost.

    Each part goes on at either pace, which changes as a Markov chain (the interacting models of Blom & Bar-Shalom 1988,
    without their merging, which is left to `reduced`). ``parent`` becomes the index of each part, ``source`` −1.
    """
    f, _ = transition(config, elapsed_s)
    n = len(belief)
    parent, agile = np.tile(np.arange(n), 2), np.repeat(np.array([0, 1]), n)
    chance = pace_chance(belief.agile[parent], agile, config, elapsed_s)
    if config.agile_factor == 1.0 or config.agile_share == 0.0:
        parent, agile, chance = np.arange(n), np.zeros(n, np.int64), np.ones(n)
    gone = min(-math.expm1(-config.kidnap_rate_per_s * elapsed_s), _MOST_GONE)
    placed = float(belief.weight.sum())
    lost = belief.lost + gone * placed
    unplaced = belief.unplaced * belief.lost / lost if lost > _LEAST_REST else belief.unplaced
    possible = chance > 0.0
    parent, agile, chance = parent[possible], agile[possible], chance[possible]
    belief = belief.take(parent)
    return replace(
        belief,
        weight=belief.weight * chance * (1.0 - gone),
        mean=belief.mean @ f.T,
        cov=f @ belief.cov @ f.T + noise_of(agile, config, elapsed_s),
        agile=agile,
        heading_var=np.minimum(belief.heading_var + config.heading_rate_deg**2 * elapsed_s, HEADING_UNKNOWN_VAR),
        scale_var=np.minimum(belief.scale_var + config.scale_rate**2 * elapsed_s, SCALE_UNKNOWN_VAR),
        parent=parent,
        source=np.full(len(parent), -1, np.int64),
        lost=lost,
        unplaced=unplaced,
        rest_heading_var=min(belief.rest_heading_var + config.heading_rate_deg**2 * elapsed_s, HEADING_UNKNOWN_VAR),
    )
