"""What frames and instruments do to a belief.

Every update is Bayes' rule for a mixture: each part is multiplied by each hypothesis on what the reading is, weighted
by how well it foresaw the reading. Weights are relative to chance, that is to a reading spread evenly over what is
possible, so that a part that foresaw nothing keeps its weight and the even rest can be compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import FloatArray
from whence.crossview.track.config import Config
from whence.crossview.track.mixture import (
    FLIP_UNKNOWN,
    HEADING_UNKNOWN_VAR,
    SCALE_UNKNOWN_VAR,
    Mixture,
    mahalanobis2,
    wrap_deg,
)

FROM_TELEMETRY = -2
"""``Mixture.source`` of parts that took up a position of the telemetry."""
_LOG_2PI = float(np.log(2.0 * np.pi))
_NEGLIGIBLE = 25.0
_ROOM = 3


@dataclass(frozen=True, eq=False)
class Places:
    """Positions of which at most one is true.

    Attributes:
        xy: east and north, metres.
        cov: covariance.
        heading: degrees.
        heading_var: square degrees; infinite where it is not known.
        scale: log of metres a pixel.
        scale_var: its variance; infinite where it is not known.
        probability: of each, by itself, below 1.
        source: what `Mixture.source` is to say.
    """

    xy: Float[np.ndarray, "k 2"]
    cov: Float[np.ndarray, "k 2 2"]
    heading: Float[np.ndarray, " k"]
    heading_var: Float[np.ndarray, " k"]
    scale: Float[np.ndarray, " k"]
    scale_var: Float[np.ndarray, " k"]
    probability: Float[np.ndarray, " k"]
    source: Int[np.ndarray, " k"]


def update_places(
    belief: Mixture,
    places: Places,
    *,
    searched_m2: float,
    area_m2: float,
    miss_odds: float,
    config: Config,
    heading_counts: bool = True,
) -> tuple[Mixture, float, Float[np.ndarray, " k"]]:
    """Take up positions, each of which may be false.

    With probabilities ``p_k`` that hold where nothing is known but that the truth lies in the area searched, exactly
    one is true with probability ``π_k ∝ p_k / (1 − p_k)`` and none with ``π_0 ∝ 1``; against a belief the weight of
    the ``k``-th is ``π_k · A · N(z_k; m, P + R_k)``, where ``A`` is the area (probabilistic data association, Bar-
    Shalom & Tse 1975, with calibrated probabilities instead of a density of clutter).

    Args:
        belief: weights sum to 1.
        places: what was read.
        searched_m2: over which false ones spread.
        area_m2: over which the even rest spreads.
        miss_odds: how much likelier it is under the even rest than near a part that no place is true.
        config: settings.
        heading_counts: whether headings that were foreseen speak for a place.

    Returns:
        The belief (not reduced), the log-evidence in nats, and the probability that each place is the true one.
    """
    odds = places.probability / (1.0 - places.probability)
    log_pi0 = -float(np.log1p(odds.sum()))
    log_pi = np.log(np.maximum(odds, 1e-300)) + log_pi0
    n, k = len(belief), len(odds)
    with np.errstate(divide="ignore"):
        log_w, log_lost = np.log(belief.weight), float(np.log(belief.lost))
    hits = log_w[:, None] + log_pi + _foreseen(belief, places, searched_m2, config, heading_counts)
    births = log_lost + log_pi + np.log(min(searched_m2 / area_m2, 1.0))
    births = births + (_turned_right(belief, places, config) if heading_counts else 0.0)
    misses = log_w + log_pi0
    lost = log_lost + log_pi0 + np.log(1.0 + (miss_odds - 1.0) * max(1.0 - searched_m2 / area_m2, 0.0))
    every = np.concatenate([misses, hits.ravel(), births])
    top = max(float(every.max(initial=-np.inf)), float(lost))
    log_total = top + float(np.log(np.exp(every - top).sum() + np.exp(lost - top)))
    probability = np.exp(hits - log_total).sum(axis=0) + np.exp(births - log_total)
    chosen = np.argsort(-every, kind="stable")[: _ROOM * config.max_components]
    chosen = chosen[every[chosen] > log_total - _NEGLIGIBLE]
    weight = np.exp(every[chosen] - log_total)
    missed, hit, born = chosen < n, (chosen >= n) & (chosen < n + n * k), chosen >= n + n * k
    i, j = np.divmod(chosen[hit] - n, max(k, 1))
    parts = replace(belief.take(chosen[missed]), weight=weight[missed], lost=float(np.exp(lost - log_total)))
    taken = replace(_corrected(belief.take(i), places, j), weight=weight[hit])
    new = replace(_born(places, chosen[born] - n - n * k, config), weight=weight[born])
    return parts.joined(taken, new).normalised()[0], log_total, probability


def _foreseen(
    belief: Mixture, places: Places, searched_m2: float, config: Config, heading_counts: bool
) -> Float[np.ndarray, "n k"]:
    """How much better each part foresaw each place than chance would, log."""
    gap = places.xy[None] - belief.mean[:, None, :2]
    s = belief.cov[:, None, :2, :2] + places.cov[None]
    det = s[..., 0, 0] * s[..., 1, 1] - s[..., 0, 1] * s[..., 1, 0]
    out = -0.5 * mahalanobis2(gap, s) - 0.5 * np.log(det) - _LOG_2PI + np.log(searched_m2)
    for value, var, own, own_var, spread, turns in (
        (places.heading, places.heading_var, belief.heading, belief.heading_var, 360.0, True),
        (places.scale, places.scale_var, belief.scale, belief.scale_var, config.scale_range, False),
    ):
        if turns and not heading_counts:
            continue
        known = np.isfinite(var)
        total = own_var[:, None] + np.where(known, var, 1.0)
        away = np.where(known, value, 0.0) - own[:, None]
        away = wrap_deg(away) if turns else away
        term = -0.5 * (away**2 / total + np.log(total) + _LOG_2PI) + np.log(spread)
        vague = own_var >= (HEADING_UNKNOWN_VAR if turns else SCALE_UNKNOWN_VAR)
        out += np.where(known[None] & ~vague[:, None], term, 0.0)
    return np.asarray(out)


def _turned_right(belief: Mixture, places: Places, config: Config) -> Float[np.ndarray, " k"]:
    """How much better the telemetry's headings so far foresaw the heading of each place than chance would, log."""
    if not np.isfinite(belief.rest_heading):
        return np.zeros(len(places.probability))
    known = np.isfinite(places.heading_var)
    total = belief.rest_heading_var + np.where(known, places.heading_var, 1.0)
    gap = np.where(known, places.heading, 0.0) - belief.rest_heading
    right, flipped = (_density(wrap_deg(gap + turn), total) * 360.0 for turn in (0.0, 180.0))
    f, wrong = belief.rest_flip, config.heading_wrong_share
    foreseen = (1.0 - wrong) * ((1.0 - f) * right + f * flipped) + wrong
    return np.where(known, np.log(np.maximum(foreseen, 1e-12)), 0.0)


def _density(gap: FloatArray, variance: FloatArray) -> FloatArray:
    return np.exp(-0.5 * (gap**2 / variance + np.log(variance) + _LOG_2PI))


def _corrected(parts: Mixture, places: Places, which: Int[np.ndarray, " m"]) -> Mixture:
    """Each part after taking up one place (Kalman's update, Joseph's form)."""
    r = places.cov[which]
    s = parts.cov[:, :2, :2] + r
    gain = np.einsum("nij,njk->nik", parts.cov[:, :, :2], np.linalg.inv(s))
    mean = parts.mean + np.einsum("nij,nj->ni", gain, places.xy[which] - parts.mean[:, :2])
    keep = np.broadcast_to(np.eye(4), parts.cov.shape).copy()
    keep[:, :, :2] -= gain
    cov = keep @ parts.cov @ keep.transpose(0, 2, 1) + gain @ r @ gain.transpose(0, 2, 1)
    heading, heading_var = _fused(
        parts.heading, parts.heading_var, places.heading[which], places.heading_var[which], HEADING_UNKNOWN_VAR, True
    )
    scale, scale_var = _fused(
        parts.scale, parts.scale_var, places.scale[which], places.scale_var[which], SCALE_UNKNOWN_VAR, False
    )
    return replace(
        parts,
        mean=mean,
        cov=(cov + cov.transpose(0, 2, 1)) / 2.0,
        heading=heading,
        heading_var=heading_var,
        scale=scale,
        scale_var=scale_var,
        source=places.source[which],
    )


def _fused(
    own: FloatArray, own_var: FloatArray, value: FloatArray, var: FloatArray, unknown: float, turns: bool
) -> tuple[FloatArray, FloatArray]:
    """Two readings of one number made one; a reading of infinite variance changes nothing."""
    known = np.isfinite(var)
    gap = np.where(known, value, 0.0) - own
    gap = wrap_deg(gap) if turns else gap
    gain = np.where(known, np.where(own_var >= unknown, 1.0, own_var / (own_var + np.where(known, var, 1.0))), 0.0)
    after = np.where(known, np.where(own_var >= unknown, var, (1.0 - gain) * own_var), own_var)
    mean = own + gain * gap
    return (np.mod(mean, 360.0) if turns else mean), np.asarray(after)


def _born(places: Places, which: Int[np.ndarray, " m"], config: Config) -> Mixture:
    """Parts that begin at places, with a velocity of which only the usual spread is known."""
    m = len(which)
    mean, cov = np.zeros((m, 4)), np.zeros((m, 4, 4))
    mean[:, :2] = places.xy[which]
    cov[:, :2, :2] = places.cov[which]
    cov[:, 2, 2] = cov[:, 3, 3] = config.speed_mps**2
    heading_var, scale_var = places.heading_var[which], places.scale_var[which]
    return Mixture(
        weight=np.zeros(m),
        mean=mean,
        cov=cov,
        heading=np.where(np.isfinite(heading_var), places.heading[which], 0.0),
        heading_var=np.minimum(heading_var, HEADING_UNKNOWN_VAR),
        scale=np.where(np.isfinite(scale_var), places.scale[which], 0.0),
        scale_var=np.minimum(scale_var, SCALE_UNKNOWN_VAR),
        agile=np.zeros(m, np.int64),
        flip=np.full(m, FLIP_UNKNOWN),
        parent=np.full(m, -1),
        source=places.source[which],
        lost=0.0,
    )


def update_heading(
    belief: Mixture, heading_deg: float, sigma_deg: float, flip_probability: float, config: Config
) -> tuple[Mixture, float]:
    """Take up a heading that may be flipped by half a turn or wrong altogether.

    Whether it is flipped is remembered by each part: it changes seldom from reading to reading (a Markov chain with the
    given probability as its stationary one).

    Args:
        belief: weights sum to 1.
        heading_deg: reading, clockwise from north.
        sigma_deg: its standard deviation.
        flip_probability: 0..1.
        config: settings.

    Returns:
        The belief (not reduced), and the log-evidence.
    """
    n, wrong, f = len(belief), config.heading_wrong_share, flip_probability
    belief = _rest_turned(belief, heading_deg, sigma_deg, flip_probability, config)
    if n == 0:
        return belief.normalised()
    change = config.heading_flip_switch
    to_flipped = np.array([change * f, 1.0 - change * (1.0 - f), f])[belief.flip]  # right, flipped, not known (-1)
    chance = np.stack([1.0 - to_flipped, to_flipped, np.ones(n)]) * np.array([[1.0 - wrong], [1.0 - wrong], [wrong]])
    turned = heading_deg + np.array([0.0, 180.0])[:, None] - belief.heading
    gap = np.stack([*wrap_deg(turned), np.zeros(n)])
    total = belief.heading_var + sigma_deg**2
    foreseen = _density(gap, total) * 360.0
    foreseen[:, belief.heading_var >= HEADING_UNKNOWN_VAR] = 1.0
    foreseen[2] = 1.0
    vague = belief.heading_var >= HEADING_UNKNOWN_VAR
    gain = np.where(vague, 1.0, belief.heading_var / total)
    gain = np.stack([gain, gain, np.zeros(n)])
    var = np.where(vague, sigma_deg**2, belief.heading_var * (1.0 - belief.heading_var / total))
    index = np.tile(np.arange(n), 3)
    parts = replace(
        belief.take(index),
        weight=(belief.weight * chance * foreseen).ravel(),
        heading=np.mod(belief.heading + gain * gap, 360.0).ravel(),
        heading_var=np.stack([var, var, belief.heading_var]).ravel(),
        flip=np.concatenate([np.zeros(n, np.int64), np.ones(n, np.int64), belief.flip]),
    )
    parts = parts.take(parts.weight > 0.0)
    return parts.normalised()


def _rest_turned(
    belief: Mixture, heading_deg: float, sigma_deg: float, flip_probability: float, config: Config
) -> Mixture:
    """The even rest after a heading: it foresees the telemetry from the telemetry before, as any part does."""
    if not np.isfinite(belief.rest_heading):
        return replace(belief, rest_heading=heading_deg, rest_heading_var=sigma_deg**2, rest_flip=flip_probability)
    total = belief.rest_heading_var + sigma_deg**2
    wrong, f = config.heading_wrong_share, flip_probability
    change = 2.0 * f * (1.0 - f) * config.heading_flip_switch
    away = wrap_deg(heading_deg - belief.rest_heading + np.array([0.0, 180.0]))
    same, turned = _density(away, np.full(2, total)).tolist()
    foreseen = (1.0 - wrong) * 360.0 * ((1.0 - change) * same + change * turned) + wrong
    near = (1.0 - wrong) * 360.0 * same > wrong
    gain = belief.rest_heading_var / total if near else 1.0
    var = belief.rest_heading_var * (1.0 - belief.rest_heading_var / total) if near else sigma_deg**2
    return replace(
        belief,
        lost=belief.lost * foreseen,
        rest_heading=float(np.mod(belief.rest_heading + gain * float(away[0]), 360.0)),
        rest_heading_var=var,
        rest_flip=f,
    )
