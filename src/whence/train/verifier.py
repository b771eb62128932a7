"""`fit_curves`: fits the curves of a verifier to registrations known to be true or false.

Logistic regression on broken lines that only rise or only fall, by projected gradients with momentum (Beck and Teboulle
2009). True and false registrations weigh the same, and so does every group (site) within them, so that a site with many
pairs does not speak for all. Beyond the largest value that a false registration reached the regression has nothing to
go by; there the tails of `whence.train.verifier_tails` carry the curves on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError
from whence.crossview.verify.table import Curve
from whence.train.verifier_tails import Tail, dependence, tail_of

DIRECTIONS = {
    "excess": 1,
    "spread": 1,
    "residual": -1,
    "shape": -1,
    "overlap": 1,
    "edges": 1,
    "screening": 1,
    "lead": 1,
}
"""Whether a measure speaks for a match as it rises (1) or as it falls (−1)."""

TAILED = ("excess", "edges")
"""Measures of which chance has a tail: both count standard deviations over it."""

SEARCHED = ("screening", "lead")
"""Measures of the first search for points."""

_STEPS = 3000
_QUANTILES = (0.02, 0.15, 0.35, 0.5, 0.65, 0.85, 0.98)


@dataclass(frozen=True)
class Config:
    """Settings of the fit."""

    measures: str = "excess,spread,residual,edges"
    "Measures to fit, comma-separated."
    penalty: float = 0.001
    "Weight of the squared rises between knots: larger is smoother and less sure."
    smallest_group: float = 0.02
    "Share of the weight of one answer that a group has at least, however few registrations it gave."
    tail_share: float = 0.1
    "Share of the false registrations, the most alike, that the law of chance beyond them is fitted to; 0 for no tails."
    confidence: float = 0.95
    "Of the limits that the tails take, on the safe side."
    longest_tail: float = 20.0
    "Nats at which a tail ends."
    seed: int = 0
    "Of the resamples that these limits are drawn from."


FAMILIES = {
    "points": Config(),
    "screened": Config(measures=f"{Config.measures},screening,lead", penalty=0.0001),
    "dense": Config(),
    "correlation": Config(measures="edges"),
}
"""How the shipped lines of each family of matchers are fitted; see `whence.crossview.verify.table.family_of`."""


def families_for(family: str) -> tuple[str, ...]:
    """Families whose registrations a family is fitted to: places that were held against others are points, too."""
    return ("points", "screened") if family == "points" else (family,)


@dataclass(frozen=True, eq=False)
class Examples:
    """Registrations known to be true or false.

    Attributes:
        values: one row each, one column for each measure.
        measures: names of the columns; a column that is not used may hold numbers that are not finite.
        true: whether each is true.
        group: where each comes from; groups weigh the same.
    """

    values: Float[np.ndarray, "n k"]
    measures: tuple[str, ...]
    true: Bool[np.ndarray, " n"]
    group: Sequence[str]


def fit_curves(examples: Examples, config: Config | None = None) -> tuple[Curve, ...]:
    """Fit the curves.

    Args:
        examples: true and false registrations of one family of matchers.
        config: settings.

    Returns:
        One curve a measure; their sum is the log-odds at even prior. Those of `TAILED` go on beyond the largest value
        of the false examples by the law of chance there.

    Raises:
        InputError: an unknown measure, one that registrations lack, or only one of the two answers among the examples.
    """
    given = config or Config()
    names = tuple(name.strip() for name in given.measures.split(",") if name.strip())
    unknown = sorted(set(names) - set(examples.measures) | set(names) - set(DIRECTIONS))
    if unknown or not names:
        raise InputError(f"Measures to fit are among {', '.join(examples.measures)}; received {given.measures!r}.")
    lacking = [name for name in names if not np.isfinite(examples.values[:, examples.measures.index(name)]).all()]
    if lacking:
        raise InputError(f"Some registrations lack {', '.join(lacking)}: leave out the measures or these.")
    if examples.true.all() or not examples.true.any():
        raise InputError(f"A verifier is fitted to true and false registrations; all {len(examples.true)} are alike.")
    weight = group_weights(examples, given.smallest_group)
    columns = [examples.values[:, examples.measures.index(name)] for name in names]
    knots = [_knots(column, weight) for column in columns]
    parts = [DIRECTIONS[name] * _rises(column, at) for name, column, at in zip(names, columns, knots, strict=True)]
    rises, intercept = _solve(np.hstack(parts), examples.true, weight, given.penalty)
    curves, first = [], 0
    for name, at, part in zip(names, knots, parts, strict=True):
        own = DIRECTIONS[name] * rises[first : first + part.shape[1]]
        first += part.shape[1]
        line = np.concatenate([[0.0], np.cumsum(own)])
        mean = float(weight @ (DIRECTIONS[name] * part) @ own / weight.sum())
        curves.append((name, at, line - mean))  # 0 where the measure speaks neither way
        intercept += mean
    span = sum(float(np.ptp(line)) for _, _, line in curves)
    fitted = tuple(  # what is left of the intercept is shared out: the prior is the user's
        Curve(name, tuple(at), tuple(line + intercept * float(np.ptp(line)) / span))
        for name, at, line in curves
        if np.ptp(line) > 1e-3
    )
    return with_tails(fitted, tails(examples, given), given, examples)


def tails(examples: Examples, config: Config) -> dict[str, Tail]:
    """Tails of the measures of `TAILED` that the fit uses and that have examples enough, in standard deviations."""
    if config.tail_share <= 0.0:
        return {}
    found = {}
    for name in TAILED:
        if name in examples.measures and name in map(str.strip, config.measures.split(",")):
            values = deviations(name, examples.values[:, examples.measures.index(name)])
            tail = tail_of(
                values[~examples.true],
                values[examples.true],
                share=config.tail_share,
                confidence=config.confidence,
                most=config.longest_tail,
                generator=np.random.default_rng([config.seed, TAILED.index(name)]),
            )
            if tail is not None:
                found[name] = tail
    return found


def with_tails(
    curves: Sequence[Curve], found: Mapping[str, Tail], config: Config, examples: Examples
) -> tuple[Curve, ...]:
    """Curves that go on by their tails.

    If two measures are large together by chance they must not both count in full: their gains are divided by one plus
    the share of times that one is among its largest where the other is. And points alone must not outweigh edges that
    agree no better than chance: the curve of points, with what the first search says of them, ends where it would.
    """
    together = 1.0
    if len(found) > 1:
        a, b = (examples.values[~examples.true, examples.measures.index(name)] for name in TAILED)
        together += dependence(a, b, share=config.tail_share, confidence=config.confidence)
    least = {curve.measure: min(curve.log_odds) for curve in curves}
    searched = sum(max(curve.log_odds) for curve in curves if curve.measure in SEARCHED)
    grown = []
    for curve in curves:
        tail = found.get(curve.measure)
        if tail is None:
            grown.append(curve)
            continue
        most = -least["edges"] - searched if curve.measure == "excess" and "edges" in least else math.inf
        grown.append(_grown(curve, tail, together, max(most, max(curve.log_odds))))
    return tuple(grown)


def _grown(curve: Curve, tail: Tail, together: float, most: float) -> Curve:
    """The larger of a curve and its tail, which starts on it, up to a limit."""
    tail_at = _measured(curve.measure, np.array(tail.at))
    at = np.union1d(np.array(curve.at), tail_at)
    line = np.interp(at, curve.at, curve.log_odds)
    gain = np.interp(at, tail_at, np.array(tail.gain) / together)
    tailed = np.minimum(curve(float(tail_at[0])) + gain, most)
    whole = np.where(at >= tail_at[0], np.maximum(line, tailed), line)
    last = int(np.searchsorted(whole, whole[-1] - 1e-9)) + 1  # flat from there on
    return Curve(curve.measure, tuple(float(v) for v in at[:last]), tuple(float(v) for v in whole[:last]))


def deviations(measure: str, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """A measure of `TAILED` in standard deviations over chance; that of points comes as ``log2(1 + excess)``."""
    return np.asarray(np.exp2(values) - 1.0) if measure == "excess" else values


def _measured(measure: str, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The way back from `deviations`."""
    return np.asarray(np.log2(1.0 + values)) if measure == "excess" else values


def group_weights(examples: Examples, smallest: float = 0.0) -> Float[np.ndarray, " n"]:
    """Weights by which true and false, and the groups within each, weigh the same; their sum is 2."""
    weight = np.zeros(len(examples.true))
    group = np.asarray(examples.group)
    for answer in (True, False):
        names, counts = np.unique(group[examples.true == answer], return_counts=True)
        shares = np.maximum(np.sqrt(counts) / np.sqrt(counts).sum(), smallest)
        for name, count, share in zip(names, counts, shares / shares.sum(), strict=True):
            weight[(group == name) & (examples.true == answer)] = share / count
    return weight


def log_odds(curves: Sequence[Curve], examples: Examples) -> Float[np.ndarray, " n"]:
    """What curves say of examples."""
    total = np.zeros(len(examples.true))
    for curve in curves:
        total += np.interp(examples.values[:, examples.measures.index(curve.measure)], curve.at, curve.log_odds)
    return total


def _knots(column: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    order = np.argsort(column)
    share = np.cumsum(weight[order]) / weight.sum()
    at = np.unique(np.round(column[order][np.searchsorted(share, _QUANTILES).clip(0, len(order) - 1)], 3))
    return at if len(at) > 1 else np.array([at[0], at[0] + 1.0])


def _rises(column: Float[np.ndarray, " n"], at: Float[np.ndarray, " m"]) -> Float[np.ndarray, "n k"]:
    """How far each value has come between each two neighbouring knots, 0..1."""
    return np.clip((column[:, None] - at[None, :-1]) / np.diff(at)[None], 0.0, 1.0)


def _solve(
    design: Float[np.ndarray, "n k"], true: Bool[np.ndarray, " n"], weight: Float[np.ndarray, " n"], penalty: float
) -> tuple[Float[np.ndarray, " k"], float]:
    """Rises from 0 that make the answers likeliest, and the intercept."""
    with_one = np.column_stack([design, np.ones(len(design))])
    ridge = np.append(np.full(design.shape[1], penalty), 0.0)
    curvature = 0.25 * np.linalg.norm((with_one * weight[:, None]).T @ with_one, 2) + penalty
    here = before = np.zeros(with_one.shape[1])
    momentum = 1.0
    for _ in range(_STEPS):
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = here + (momentum - 1.0) / following * (here - before)
        miss = 0.5 * (1.0 + np.tanh(0.5 * (with_one @ ahead))) - true
        step = ahead - (with_one.T @ (weight * miss) + ridge * ahead) / curvature
        step[:-1] = np.maximum(step[:-1], 0.0)
        before, here, momentum = here, step, following
    return here[:-1], float(here[-1])
