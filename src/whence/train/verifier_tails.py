"""`tail_of`: how fast chance becomes impossible beyond the false registrations that were seen.

Above a high quantile the excess of almost any distribution follows a generalised Pareto law (Pickands 1975). It is
fitted to the upper tail of false registrations by probability-weighted moments (Hosking and Wallis 1987), never with a
bounded end, and again to resamples of them. What is taken as evidence at a value is the lower confidence limit of
``log P(a true one reaches it) − log P(a false one reaches it)`` over the resamples, so that few examples say little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

_DRAWS = 400
_FEWEST = 8
_KNOTS = 14


@dataclass(frozen=True, slots=True)
class Tail:
    """What reaching a value says beyond the largest that a false registration reached.

    Attributes:
        at: values, rising, from the largest false one on.
        gain: nats over what that one says, from 0.
        facts: threshold, number of exceedances, and scale and shape of the law with its interval.
    """

    at: tuple[float, ...]
    gain: tuple[float, ...]
    facts: Mapping[str, float]


def pareto(over: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Scale and shape of a generalised Pareto law for exceedances, the shape 0 where they would be bounded."""
    values = np.sort(over)
    count = len(values)
    place = (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(values.mean()), float(np.mean((1.0 - place) * values))
    rest = mean - 2.0 * weighted
    shape = 2.0 - mean / rest if rest > 0.0 else -1.0
    if shape <= 0.0 or rest <= 0.0:
        return max(mean, 1e-6), 0.0
    return max(2.0 * mean * weighted / rest, 1e-6), min(shape, 0.9)


def surprise(over: Float[np.ndarray, " n"], scale: float, shape: float) -> Float[np.ndarray, " n"]:
    """``−log`` of the share of exceedances that a generalised Pareto law leaves above each value."""
    return np.log1p(shape * over / scale) / shape if shape > 1e-6 else over / scale


def tail_of(
    false: Float[np.ndarray, " n"],
    true: Float[np.ndarray, " m"],
    *,
    share: float,
    confidence: float,
    most: float,
    generator: np.random.Generator,
) -> Tail | None:
    """Fit a tail.

    Args:
        false: values of false registrations.
        true: values of true ones.
        share: of the false ones that the law is fitted to, the largest.
        confidence: of the limit.
        most: nats at which the tail ends.
        generator: of the resamples.

    Returns:
        The tail; ``None`` where too few examples lie above the threshold, or no true one lies beyond the false.
    """
    threshold, start = float(np.quantile(false, 1.0 - share)), float(false.max())
    over, beyond = false[false > threshold] - threshold, true[true > start] - start
    if len(over) < _FEWEST or len(beyond) < _FEWEST:
        return None
    reach = 2.0 * float(beyond.max())
    offsets = reach * np.linspace(0.0, 1.0, 4 * _KNOTS) ** 2
    drawn = np.zeros((_DRAWS, len(offsets)))
    shapes = np.zeros(_DRAWS)
    for i in range(_DRAWS):
        again = generator.choice(over, len(over))
        scale, shape = pareto(again)
        shapes[i] = shape
        chance = surprise(start - threshold + offsets, scale, shape)
        truth = offsets / generator.choice(beyond, len(beyond)).mean()
        drawn[i] = chance - chance[0] - truth
    gain = np.maximum.accumulate(np.maximum(np.quantile(drawn, 1.0 - confidence, axis=0), 0.0))
    end = min(int(np.searchsorted(gain, most)) + 1, len(gain))
    kept = np.unique(np.round(np.linspace(0, end - 1, min(_KNOTS, end))).astype(int))
    scale, shape = pareto(over)
    low, high = np.quantile(shapes, [1.0 - confidence, confidence])
    facts = {
        "threshold": threshold,
        "exceedances": float(len(over)),
        "largest": start,
        "scale": scale,
        "shape": shape,
        "shape_low": float(low),
        "shape_high": float(high),
    }
    line = np.minimum(gain[kept], most)
    return Tail(tuple(start + offsets[kept]), tuple(line), {name: round(v, 4) for name, v in facts.items()})


def dependence(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], *, share: float, confidence: float) -> float:
    """Upper limit of how often one of two values is among its largest where the other is, 0..1.

    Args:
        a: values of false registrations.
        b: others of the same.
        share: that counts as the largest.
        confidence: of the limit.
    """
    high: Bool[np.ndarray, " n"] = a > np.quantile(a, 1.0 - share)
    both, count = int(np.sum(high & (b > np.quantile(b, 1.0 - share)))), int(high.sum())
    if count == 0:
        return 1.0
    return _upper_share(both, count, confidence)


def _upper_share(hits: int, count: int, confidence: float) -> float:
    """Upper limit of a share after so many hits of so many trials (Wilson 1927)."""
    z = NormalDist().inv_cdf(confidence)
    share, extra = hits / count, z * z / count
    return min(
        1.0, (share + extra / 2 + z * math.sqrt(share * (1 - share) / count + extra / (4 * count))) / (1 + extra)
    )
