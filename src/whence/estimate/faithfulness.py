"""How well a ledger's order tells what an answer stands on: deletion of claims, against every other order.

Taking claims away one after another lowers the belief at the answer. If the ledger tells the truth, going down its
list from the most bits to the fewest lowers it sooner than a random order does. The height of that curve is compared
with the mean over all orders and with the best and the worst of them; all beliefs on the way are computed exactly.

Deletion curves: Petsiuk, Das, Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC,
arXiv:1806.07421; Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned", IEEE
TNNLS 28(11), arXiv:1509.06321. Here what is taken away is a term of a sum, so that no picture off the data is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whence.earth.coordinates import Point
from whence.earth.field import Field
from whence.estimate.types import Faithfulness

UNITS = 5
"""How many claims are taken away one by one; those of the fewest bits beyond go together as one."""

METHOD = "deletion of claims in the ledger's order against all orders, log density at the answer"
"""What is measured, in words."""

_ALIKE_BITS = 0.01
_CELLS_AT_ONCE = 8192


@dataclass(frozen=True)
class DeletionTest:
    """How far the belief at the answer falls, on average over the steps of taking units away.

    Attributes:
        ledger: bits, in the order of the ledger.
        random: mean over all orders.
        best: of the order that lowers it soonest.
        worst: of the order that lowers it latest.
    """

    ledger: float
    random: float
    best: float
    worst: float

    @property
    def score(self) -> float | None:
        """1 for the best order, 0 for the mean over all, −1 for the worst; ``None`` if all orders are alike."""
        if not np.isfinite([self.ledger, self.random, self.best, self.worst]).all():
            return None
        if self.best - self.worst < _ALIKE_BITS:
            return None
        gain = self.ledger - self.random
        span = self.best - self.random if gain >= 0.0 else self.random - self.worst
        return float(np.clip(gain / span, -1.0, 1.0)) if span > 0.0 else 0.0


def measure(prior: Field, claims: Sequence[Field], bits: Sequence[float], answer: Point) -> Faithfulness | None:
    """Score the ledger's order of some claims.

    Args:
        prior: normalised prior, on the partition of the claims.
        claims: log-likelihoods of all claims that move something, temperature included, all on one partition.
        bits: of each at the answer, as in the ledger.
        answer: place at which bits are read.

    Returns:
        The score, or ``None`` (not measured) with fewer than two claims, and where every order is alike.
    """
    if len(claims) < 2:
        return None
    units = _units(claims, bits)
    test = deletion_test(log_densities(prior, units, answer))
    return None if test.score is None else Faithfulness(test.score, len(units), METHOD)


def log_densities(prior: Field, units: Sequence[Float[np.ndarray, " n"]], answer: Point) -> Float[np.ndarray, " s"]:
    """Log₂ density of the belief at a place, relative to uniform, with every subset of the units: ``2**len(units)``.

    Bit ``i`` of an index says whether unit ``i`` is in. With ``w_i = exp(v_i − v_i(x))`` the density at ``x`` with the
    units of a subset is one over the mean of ``Π w_i`` times the prior's ratio; the means of all subsets are one
    product of two matrices, each holding the subsets of half of the units.

    Args:
        prior: normalised, on the units' partition.
        units: log-likelihoods on it, nats.
        answer: the place.
    """
    at = int(prior.partition.index_at(answer.lat_deg, answer.lon_deg))
    half = len(units) // 2
    sums = np.zeros((2 ** (len(units) - half), 2**half))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(prior.values), _CELLS_AT_ONCE):
            part = slice(start, start + _CELLS_AT_ONCE)
            ratio = np.exp(prior.values[part] - prior.values[at]) * prior.partition.fractions[part]
            low = _products([np.exp(v[part] - v[at]) for v in units[:half]], np.ones_like(ratio))
            high = _products([np.exp(v[part] - v[at]) for v in units[half:]], ratio)
            sums += np.einsum("in,jn->ij", high, low, optimize=True)
        return -np.log2(sums).ravel()


def deletion_test(densities: Float[np.ndarray, " s"]) -> DeletionTest:
    """Compare the ledger's order of units with all orders.

    Args:
        densities: log₂ density at the answer with every subset, as from `log_densities`.
    """
    count = int(densities.size).bit_length() - 1
    full = densities.size - 1
    fall = densities[full] - densities
    sizes = _sizes(count)
    alone = densities[1 << np.arange(count)]
    kept, ledger = full, 0.0
    for unit in np.argsort(-alone, kind="stable")[: count - 1].tolist():
        kept &= ~(1 << unit)
        ledger += fall[kept]
    steps = count - 1
    random = float(np.mean([fall[sizes == size].mean() for size in range(1, count)]))
    best, worst = (_extreme(fall, count, sign) / steps for sign in (1.0, -1.0))
    return DeletionTest(float(ledger) / steps, random, best, worst)


def _units(claims: Sequence[Field], bits: Sequence[float]) -> list[Float[np.ndarray, " n"]]:
    """Values of the claims, those with the fewest bits at the answer as one."""
    values = [claim.values for claim in claims]
    if len(values) <= UNITS:
        return values
    ranked = np.argsort(-np.abs(bits), kind="stable").tolist()
    together = values[ranked[UNITS - 1]].copy()
    for i in ranked[UNITS:]:
        together += values[i]
    return [*(values[i] for i in ranked[: UNITS - 1]), together]


def _products(factors: Sequence[Float[np.ndarray, " n"]], first: Float[np.ndarray, " n"]) -> Float[np.ndarray, "s n"]:
    """``first`` times the factors of every subset."""
    rows = [first]
    for factor in factors:
        rows += [row * factor for row in rows]
    return np.stack(rows)


def _sizes(count: int) -> Int[np.ndarray, " s"]:
    """How many units each subset holds."""
    index = np.arange(2**count)
    return np.asarray(sum((index >> i) & 1 for i in range(count)))


def _extreme(fall: Float[np.ndarray, " s"], count: int, sign: float) -> float:
    """Largest (or with ``sign`` −1 smallest) sum of falls on a way from all units to one."""
    reached = {2**count - 1: 0.0}
    for _ in range(count - 1):
        ahead: dict[int, float] = {}
        for kept, total in reached.items():
            for unit in range(count):
                if kept >> unit & 1:
                    rest = kept & ~(1 << unit)
                    value = total + sign * float(fall[rest])
                    ahead[rest] = max(ahead.get(rest, -np.inf), value)
        reached = ahead
    return sign * max(reached.values())
