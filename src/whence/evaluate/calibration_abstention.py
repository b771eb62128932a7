"""Choosing when to abstain: the risk of the answers that are given against their share, and a bound on it.

Answers are taken from the surest on. Thresholds that leave two tenths, three tenths … of the pictures an answer are
tested in that order, each by an exact binomial bound that is to lie below the target; the first that fails ends it
(fixed-sequence testing, which keeps the confidence without a correction; for risks: Angelopoulos et al. 2021, Learn
then Test; selective prediction: Geifman and El-Yaniv 2017). It holds for new pictures that are exchangeable with these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import OptionError, unknown_name
from whence.estimate.abstention import BY, FEATURES, Abstention

_RIDGE = 1.0
_STEPS = 50
_FIRST_TENTH = 2


def binomial_interval(count: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share (Clopper and Pearson 1934).

    Args:
        count: how many of them.
        total: of how many, at least 1.
        level: of the interval.
    """
    tail = (1.0 - level) / 2.0
    return 1.0 - upper_share(total - count, total, tail), upper_share(count, total, tail)


def upper_share(count: int, total: int, tail: float) -> float:
    """The largest share under which ``count`` or fewer of ``total`` have a probability of at least ``tail``."""
    if count >= total:
        return 1.0
    k = np.arange(count + 1)
    log_choose = np.asarray([math.lgamma(total + 1) - math.lgamma(i + 1) - math.lgamma(total - i + 1) for i in k])
    low, high = count / total, 1.0
    for _ in range(60):
        share = 0.5 * (low + high)
        below = float(np.exp(log_choose + k * math.log(share) + (total - k) * math.log1p(-share)).sum())
        low, high = (share, high) if below >= tail else (low, share)
    return high


def risk_coverage(
    score: Float[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The curve: thresholds from the strictest on, share of pictures with an answer, share of answers that are wrong.

    Pictures of equal score are answered together.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-np.inf) < 0.0)
    kept = last + 1
    return score[order][last], kept / score.size, np.cumsum(wrong[order])[last] / kept


def choose_rule(
    seen: Sequence[Mapping[str, float]],
    errors_km: Float[np.ndarray, " n"],
    groups: Sequence[str | None],
    *,
    by: str,
    target_km: float,
    target_risk: float,
    confidence: float,
) -> Abstention | None:
    """The rule that answers most pictures with a risk below the target.

    A learned score is a logistic regression with a ridge of 1 on standardised features; the threshold is chosen on
    scores of pictures whose group it was not fitted on.

    Args:
        seen: features of each belief (`whence.estimate.abstention.features`).
        errors_km: of each answer.
        groups: photographer of each picture.
        by: one of `whence.estimate.abstention.BY`.
        target_km: an answer is wrong if it errs by more.
        target_risk: share of answers that may be wrong, in (0, 1).
        confidence: with which that is to hold, in (0, 1).

    Returns:
        The rule, or ``None`` if no threshold can be shown to keep the risk.

    Raises:
        OptionError: an unknown rule, or a target that is none.
    """
    if by not in BY:
        raise unknown_name("rule for abstaining", by, BY)
    if not (0.0 < target_risk < 1.0 and 0.0 < confidence < 1.0 and target_km > 0.0):
        raise OptionError("A rule for abstaining needs a risk and a confidence within (0, 1), and a distance above 0.")
    wrong = errors_km > target_km
    rule = Abstention(by, 0.0, {}, target_km, target_risk, confidence, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, len(seen))
    if by == "learned":
        table = np.asarray([[row[name] for name in FEATURES] for row in seen])
        weights, score = _learned(table, ~wrong, groups)
    else:
        weights, score = {}, np.asarray([rule.score(row) for row in seen])
    found = _last_safe(score, wrong, target_risk, 1.0 - confidence)
    if found is None:
        return None
    threshold, kept, lost = found
    coverage, risk = binomial_interval(kept, wrong.size), binomial_interval(lost, kept)
    return Abstention(
        by,
        threshold,
        weights,
        target_km,
        target_risk,
        confidence,
        kept / wrong.size,
        *coverage,
        lost / kept,
        *risk,
        wrong.size,
    )


def _last_safe(
    score: Float[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"], target: float, tail: float
) -> tuple[float, int, int] | None:
    """Threshold, answers and wrong ones at the last threshold whose risk is shown to be below the target."""
    thresholds, coverages, risks = risk_coverage(score, wrong)
    # With few answers even a good record shows nothing: beginning there would only end the sequence.
    first = max(_FIRST_TENTH, math.ceil(20.0 * math.log(tail) / math.log1p(-target) / score.size))
    found = None
    for tenth in range(first, 11):
        place = int(np.searchsorted(coverages, tenth / 10.0 - 1e-9))
        kept = round(float(coverages[place]) * score.size)
        lost = round(float(risks[place]) * kept)
        if upper_share(lost, kept, tail) > target:
            break
        found = (float(thresholds[place]), kept, lost)
    return found


def _learned(
    table: Float[np.ndarray, "n k"], right: Bool[np.ndarray, " n"], groups: Sequence[str | None]
) -> tuple[dict[str, float], Float[np.ndarray, " n"]]:
    """Weights fitted to all pictures, and scores of each by weights that its group had no part in."""
    held_out = np.empty(right.size)
    for fold in folds(groups):
        rest = np.setdiff1d(np.arange(right.size), fold)
        weights = _logistic(table[rest], right[rest])
        held_out[fold] = 1.0 / (1.0 + np.exp(-np.clip(weights[0] + table[fold] @ weights[1:], -500.0, 500.0)))
    whole = _logistic(table, right)
    return dict(zip(("", *FEATURES), whole.tolist(), strict=True)), held_out


def _logistic(table: Float[np.ndarray, "n k"], right: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " k_plus_1"]:
    """Constant and weights by Newton's method, with a ridge on the standardised weights."""
    mean, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-9)
    x = np.concatenate([np.ones((len(table), 1)), (table - mean) / spread], axis=1)
    ridge = _RIDGE * np.diag([1e-3, *np.ones(table.shape[1])])
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ weights, -30.0, 30.0)))
        slope = x.T @ (right - chance) - ridge @ weights
        step = np.linalg.solve((x * (chance * (1.0 - chance))[:, None]).T @ x + ridge, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    scaled = weights[1:] / spread
    return np.concatenate([[weights[0] - scaled @ mean], scaled])


def folds(groups: Sequence[str | None], most: int = 10) -> list[np.ndarray]:
    """Pictures in parts that share no group: one a group, or ``most`` parts where there are more groups.

    Pictures without a group are groups of their own. The large groups are dealt out first, each to the smallest part.
    """
    names = np.asarray([f"group {name}" if name else f"picture {i}" for i, name in enumerate(groups)])
    distinct, own, count = np.unique(names, return_inverse=True, return_counts=True)
    parts: list[list[int]] = [[] for _ in range(min(most, distinct.size))]
    sizes = np.zeros(len(parts), int)
    for group in np.argsort(-count, kind="stable").tolist():
        smallest = int(np.argmin(sizes))
        parts[smallest].append(group)
        sizes[smallest] += count[group]
    return [np.flatnonzero(np.isin(own, part)) for part in parts]
