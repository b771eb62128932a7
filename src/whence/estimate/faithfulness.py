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
from whence.earth.field import LN2, Field
from whence.estimate.types import Faithfulness

UNITS = 6
"""How many units are taken away at most: claims one by one, and those of the fewest bits beyond together."""

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


@dataclass(frozen=True, eq=False)
class Group:
    """Claims that are right or wrong together.

    Attributes:
        units: values of claims, or of several together, nats, on one partition.
        wrong_share: with what probability none of them has to do with the place (`whence.estimate.fuse`).
    """

    units: tuple[Float[np.ndarray, " n"], ...]
    wrong_share: float = 0.0


@dataclass(frozen=True, eq=False)
class Said:
    """What a source said that moves something.

    Attributes:
        claims: log-likelihoods, temperature included, all on one partition.
        bits: of each at the answer, as in the ledger.
        wrong_share: with what probability the source is wrong as a whole.
    """

    claims: Sequence[Field]
    bits: Sequence[float]
    wrong_share: float = 0.0


def measure(prior: Field, sources: Sequence[Said], answer: Point) -> Faithfulness | None:
    """Score the ledger's order of the claims of some sources.

    Args:
        prior: normalised prior, on the partition of the claims.
        sources: what each said.
        answer: place at which bits are read.

    Returns:
        The score, or ``None`` (not measured) with fewer than two claims, and where every order is alike.
    """
    groups = _groups(sources)
    count = sum(len(group.units) for group in groups)
    score = deletion_test(log_densities(prior, groups, answer)).score if count > 1 else None
    return None if score is None else Faithfulness(score, count, METHOD)


def log_densities(prior: Field, groups: Sequence[Group], answer: Point) -> Float[np.ndarray, " s"]:
    """Log₂ density of the belief at a place, relative to uniform, with every subset of the units: ``2**count``.

    Bit ``i`` of an index says whether unit ``i`` is in, counted through all groups. A group with the units of a subset
    multiplies the density by ``L = exp(Σ v)``, or, if it may be wrong, by ``(1 − ε) L / E_prior[L] + ε``. The mean of a
    product of such sums is a sum of means of products of ``L``, which are those of smaller subsets.

    Args:
        prior: normalised, on the units' partition.
        groups: of units.
        answer: the place.
    """
    at = int(prior.partition.index_at(answer.lat_deg, answer.lon_deg))
    means = _means(prior, [unit for group in groups for unit in group.units], at)
    sizes = [len(group.units) for group in groups]
    masks = [(2**size - 1) << sum(sizes[:i]) for i, size in enumerate(sizes)]
    found = np.empty(means.size)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for subset in range(means.size):
            terms, here = [(1.0, 0)], 0.0  # weights, and units that stand in the product
            for group, mask in zip(groups, masks, strict=True):
                own, share = subset & mask, group.wrong_share
                right = (1.0 - share) / means[own] if share else 1.0
                here += np.log(right + share)
                terms = [(w * right, held | own) for w, held in terms] + [(w * share, u) for w, u in terms if share]
            found[subset] = here - np.log(sum(weight * means[held] for weight, held in terms))
        return np.asarray((float(prior.values[at]) + found) / LN2)


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


def _groups(sources: Sequence[Said]) -> list[Group]:
    """Claims as units, no more than `UNITS`: those of the most bits by themselves, the rest together.

    Of what is left over, each source that may be wrong makes one unit, and all others make one.
    """
    claims = [(i, j) for i, said in enumerate(sources) for j in range(len(said.claims))]
    ranked = sorted(claims, key=lambda own: -abs(sources[own[0]].bits[own[1]]))
    alone = set(claims)
    for most in range(UNITS - 1, -1, -1) if len(claims) > UNITS else ():
        alone = set(ranked[:most])
        if most + len({i if sources[i].wrong_share else -1 for i, _ in ranked[most:]}) <= UNITS:
            break
    by_share: dict[int, tuple[list[Float[np.ndarray, " n"]], list[Float[np.ndarray, " n"]]]] = {}
    for i, j in claims:
        told, rest = by_share.setdefault(i if sources[i].wrong_share else -1, ([], []))
        (told if (i, j) in alone else rest).append(sources[i].claims[j].values)
    return [
        Group((*told, *_together(rest)), 0.0 if i < 0 else sources[i].wrong_share)
        for i, (told, rest) in by_share.items()
    ]


def _together(values: Sequence[Float[np.ndarray, " n"]]) -> list[Float[np.ndarray, " n"]]:
    """Several units as one; none of none."""
    if len(values) < 2:
        return list(values)
    total = values[0].copy()
    for value in values[1:]:
        total += value
    return [total]


def _means(prior: Field, units: Sequence[Float[np.ndarray, " n"]], at: int) -> Float[np.ndarray, " s"]:
    """Mean over the prior of the product of the likelihoods of every subset, each relative to that in one cell.

    It is one product of two matrices: the subsets of one half of the units times those of the other.
    """
    half = len(units) // 2
    total = np.zeros((2 ** (len(units) - half), 2**half))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(prior.values), _CELLS_AT_ONCE):
            part = slice(start, start + _CELLS_AT_ONCE)
            mass = np.exp(prior.values[part]) * prior.partition.fractions[part]
            low = _products([np.exp(v[part] - v[at]) for v in units[:half]], np.ones_like(mass))
            high = _products([np.exp(v[part] - v[at]) for v in units[half:]], mass)
            total += np.einsum("in,jn->ij", high, low, optimize=True)
    return total.ravel()


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
