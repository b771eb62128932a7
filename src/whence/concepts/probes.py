"""What embeddings know: linear probes, and how well scores tell the places where a concept holds from the others.

Everything is closed form and without chance, but for the bootstrap, which takes its generator. Truths are those of
`whence.concepts.bank.ConceptBank.truths`: 0..1, NaN for unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from whence.core.errors import OptionError

ALPHAS = tuple(10.0**power for power in range(-7, 3))
"""Strengths of regularisation that a probe tries, per training row and on features of unit variance."""

_TRUE_FROM = 0.5
_CHUNK = 32


@dataclass(frozen=True, slots=True)
class ConceptAucs:
    """Area under the ROC curve of each concept, or difference of two such areas.

    Attributes:
        value: the area (.5 is chance), or the difference; NaN where there are too few places of either kind.
        low: lower end of the interval.
        high: upper end of the interval.
        positives: places where the concept holds.
        negatives: places where it does not.
    """

    value: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]
    positives: Int[np.ndarray, " k"]
    negatives: Int[np.ndarray, " k"]

    @property
    def reported(self) -> Bool[np.ndarray, " k"]:
        """Which concepts have a value."""
        return ~np.isnan(self.value)

    @property
    def mean(self) -> float:
        """Mean over the concepts that have a value; NaN if none has."""
        return float(self.value[self.reported].mean()) if self.reported.any() else float("nan")


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """A fitted linear map. Made by `fit_ridge`.

    Attributes:
        weights: one column a target, on the features as they are.
        offsets: one a target.
        alphas: the strength of regularisation chosen for each target.
        validation: R² of each target on the validation part at that strength; −∞ if it does not vary there.
    """

    weights: Float[np.ndarray, "d t"]
    offsets: Float[np.ndarray, " t"]
    alphas: Float[np.ndarray, " t"]
    validation: Float[np.ndarray, " t"]

    def predict(self, x: Shaped[np.ndarray, "n d"]) -> Float[np.ndarray, "n t"]:
        """Predict the targets of embeddings."""
        return np.asarray(x, np.float64) @ self.weights + self.offsets


# ------------------------------------------------------------------------------------------------ concepts


def concept_auc(
    scores: Float[np.ndarray, "n k"],
    truths: Float[np.ndarray, "n k"],
    *,
    against: Float[np.ndarray, "n k"] | None = None,
    least: int = 20,
    level: float = 0.95,
) -> ConceptAucs:
    """Area under the ROC curve of each concept, with DeLong intervals.

    The variance is that of DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated
    receiver operating characteristic curves" (Biometrics 44, 1988), in the rank form of Sun & Xu (2014); the
    interval of an area is symmetric in log-odds. Where every pair is in order the variance says nothing; there the
    end of the interval is that of as many trials without failure as there are places of the rarer kind. Places are
    taken as independent: where they lie in blocks, use `mean_auc` with groups.

    Args:
        scores: higher means more likely true; NaN is left out.
        truths: true from .5 on; NaN is left out.
        against: scores of another model; then the result is the difference ``scores − against``, paired.
        least: a concept is reported if it has as many positives, and as many negatives.
        level: probability that the interval holds the area.

    Raises:
        OptionError: arrays of different shapes, a level that is none.
    """
    models = (scores,) if against is None else (scores, against)
    for model in models:
        _check(model, truths, level)
    truths = np.where(np.isnan(models).any(axis=0), np.nan, truths)
    positives, negatives = _counts(truths)
    value, low, high = (np.full(truths.shape[1], np.nan) for _ in range(3))
    quantile = NormalDist().inv_cdf(0.5 + level / 2)
    for j in np.flatnonzero((positives >= max(least, 2)) & (negatives >= max(least, 2))):
        parts = [_placements(model[:, j], truths[:, j]) for model in models]
        over_positives, over_negatives = (
            np.subtract(*p) if against is not None else p[0] for p in zip(*parts, strict=True)
        )
        value[j] = over_positives.mean()
        error = np.sqrt(over_positives.var(ddof=1) / positives[j] + over_negatives.var(ddof=1) / negatives[j])
        if against is None:
            bound = ((1 - level) / 2) ** (1 / min(positives[j], negatives[j]))
            low[j], high[j] = _log_odds_interval(value[j], error * quantile, bound)
        else:
            low[j], high[j] = value[j] - quantile * error, value[j] + quantile * error
    return ConceptAucs(value, low, high, positives, negatives)


def mean_auc(
    scores: Float[np.ndarray, "n k"],
    truths: Float[np.ndarray, "n k"],
    generator: np.random.Generator,
    *,
    against: Float[np.ndarray, "n k"] | None = None,
    groups: Shaped[np.ndarray, " n"] | None = None,
    least: int = 20,
    rounds: int = 400,
    level: float = 0.95,
) -> Interval:
    """Mean area over the concepts, with an interval by the bootstrap.

    Args:
        scores: see `concept_auc`; here without NaN.
        truths: see `concept_auc`.
        generator: draws the samples.
        against: scores of another model; then the result is the difference ``scores − against``, paired.
        groups: places of one group (a block of the Earth, a photographer) are drawn together; by default each
            place alone.
        least: a concept counts if it has as many positives, and as many negatives.
        rounds: how many samples are drawn.
        level: probability that the interval holds the mean.

    Raises:
        OptionError: arrays of different shapes, scores that are NaN, a level that is none, no concept to report.
    """
    models = (scores,) if against is None else (scores, against)
    for model in models:
        _check(model, truths, level)
        if np.isnan(model).any():
            raise OptionError("mean_auc takes scores without NaN. Leave those rows out.")
    positives, negatives = _counts(truths)
    told = np.flatnonzero((positives >= max(least, 1)) & (negatives >= max(least, 1)))
    if not told.size:
        raise OptionError(f"No concept has {least} positives and {least} negatives. Give more places or a lower least.")
    samples = _samples(len(truths), groups, rounds, generator)
    areas = [np.stack([_weighted_areas(model[:, j], truths[:, j], samples) for j in told]) for model in models]
    of_samples = areas[0] - areas[1] if against is not None else areas[0]
    means = np.nanmean(of_samples[:, 1:], axis=0)
    low, high = np.quantile(means[~np.isnan(means)], [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(of_samples[:, 0].mean()), float(low), float(high))


# ------------------------------------------------------------------------------------------------ linear probes


def fit_ridge(
    train_x: Shaped[np.ndarray, "n d"],
    train_y: Shaped[np.ndarray, "n t"],
    validation_x: Shaped[np.ndarray, "m d"],
    validation_y: Shaped[np.ndarray, "m t"],
    *,
    alphas: Sequence[float] = ALPHAS,
) -> LinearProbe:
    """Least squares with a penalty on standardised features: ``mean |y − wx − c|² + α |w|²``.

    Each target gets the α of the highest R² on the validation part, which is not trained on; one that does not vary
    there, the α that most others got.

    Args:
        train_x: embeddings.
        train_y: targets; rows that are NaN in a target are left out for it.
        validation_x: embeddings of other places, in other blocks where the test is on unseen blocks.
        validation_y: their targets, NaN likewise.
        alphas: strengths to try.

    Raises:
        OptionError: no rows to learn a target from; no target that varies on the validation part; shapes that do
            not fit.
    """
    _check_rows(train_x, train_y, validation_x, validation_y)
    d, t = train_x.shape[1], train_y.shape[1]
    x, checks_x = np.asarray(train_x, np.float64), np.asarray(validation_x, np.float64)
    weights, offsets = np.zeros((len(alphas), d, t)), np.zeros((len(alphas), t))
    patterns, which = np.unique(~np.isnan(train_y), axis=1, return_inverse=True)
    for p in range(patterns.shape[1]):
        columns, rows = np.flatnonzero(which.ravel() == p), patterns[:, p]
        if not rows.any():
            raise OptionError(f"Target {columns[0]} is NaN in every row. Leave it out.")
        paths = _ridge_paths(x[rows], np.asarray(train_y[np.ix_(rows, columns)], np.float64), alphas)
        for i, (_, w, c) in enumerate(paths):
            weights[i][:, columns], offsets[i, columns] = w, c
    scored = np.stack([r2(validation_y, checks_x @ w + c) for w, c in zip(weights, offsets, strict=True)])
    best = scored.argmax(axis=0)
    told = ~np.isneginf(scored).all(axis=0)
    if not told.any():
        raise OptionError("No target varies on the validation part: nothing can be chosen. Validate on more rows.")
    best[~told] = np.bincount(best[told]).argmax()
    each = np.arange(t)
    chosen = np.asarray(alphas, np.float64)[best]
    return LinearProbe(weights[best, :, each].T.copy(), offsets[best, each], chosen, scored[best, each])


def ridge_probe(
    train_x: Shaped[np.ndarray, "n d"],
    train_y: Shaped[np.ndarray, "n t"],
    validation_x: Shaped[np.ndarray, "m d"],
    validation_y: Shaped[np.ndarray, "m t"],
    test_x: Shaped[np.ndarray, "q d"],
    *,
    alphas: Sequence[float] = ALPHAS,
) -> Float[np.ndarray, "q t"]:
    """Predict targets of test places by `fit_ridge`; see there."""
    return fit_ridge(train_x, train_y, validation_x, validation_y, alphas=alphas).predict(test_x)


def linear_probe_classes(
    train_x: Shaped[np.ndarray, "n d"],
    train_class: Shaped[np.ndarray, " n"],
    validation_x: Shaped[np.ndarray, "m d"],
    validation_class: Shaped[np.ndarray, " m"],
    test_x: Shaped[np.ndarray, "q d"],
    *,
    alphas: Sequence[float] = ALPHAS,
) -> Shaped[np.ndarray, " q"]:
    """Predict classes of test places: ridge regression on one target a class, the largest wins.

    One α for all classes, that of the highest share of right classes on the validation part (the larger α of two
    that are level). Closed form, so that two embeddings are compared without the noise of an optimiser; classes
    that the training part lacks are never predicted.

    Args:
        train_x: embeddings.
        train_class: class of each, numbers or text.
        validation_x: embeddings of other places.
        validation_class: their classes.
        test_x: embeddings to be told.
        alphas: strengths to try.

    Raises:
        OptionError: shapes that do not fit, or no rows.
    """
    _check_rows(train_x, train_class, validation_x, validation_class)
    classes, index = np.unique(train_class, return_inverse=True)
    targets = np.zeros((len(train_x), len(classes)))
    targets[np.arange(len(train_x)), index.ravel()] = 1.0
    checks_x = np.asarray(validation_x, np.float64)
    best, found = -1.0, None
    for _, w, c in _ridge_paths(np.asarray(train_x, np.float64), targets, sorted(alphas, reverse=True)):
        share = float(np.mean(classes[np.argmax(checks_x @ w + c, axis=1)] == validation_class))
        if share > best:
            best, found = share, (w, c)
    if found is None:
        raise OptionError("No strength of regularisation to try: give alphas.")
    return classes[np.argmax(np.asarray(test_x, np.float64) @ found[0] + found[1], axis=1)]


def r2(truth: Shaped[np.ndarray, "n t"], predicted: Shaped[np.ndarray, "n t"]) -> Float[np.ndarray, " t"]:
    """Coefficient of determination of each target, ``1 − Σ(y − ŷ)² / Σ(y − ȳ)²``; NaN rows of the truth left out.

    Returns:
        One value a target: 1 is perfect, 0 the mean; −∞ where the truth does not vary.

    Raises:
        OptionError: arrays of different shapes.
    """
    if truth.shape != predicted.shape:
        raise OptionError(f"Truth and prediction differ in shape: {truth.shape} and {predicted.shape}.")
    known = ~np.isnan(truth)
    y = np.where(known, truth, 0.0).astype(np.float64)
    count = known.sum(axis=0)
    mean = y.sum(axis=0) / np.maximum(count, 1)
    wrong = np.where(known, y - predicted, 0.0)
    spread = (np.where(known, y - mean, 0.0) ** 2).sum(axis=0)
    return np.where(spread > 0, 1.0 - (wrong**2).sum(axis=0) / np.where(spread > 0, spread, 1.0), -np.inf)


# ------------------------------------------------------------------------------------------------ parts


def _check(scores: np.ndarray, truths: np.ndarray, level: float) -> None:
    if scores.shape != truths.shape or scores.ndim != 2:
        raise OptionError(f"Scores and truths must both be [n, k], received {scores.shape} and {truths.shape}.")
    if not 0 < level < 1:
        raise OptionError(f"The level of an interval lies between 0 and 1, received {level}.")


def _check_rows(train_x: np.ndarray, train_y: np.ndarray, other_x: np.ndarray, other_y: np.ndarray) -> None:
    for name, x, y in (("training", train_x, train_y), ("validation", other_x, other_y)):
        if x.ndim != 2 or len(x) != len(y) or not len(x):
            raise OptionError(f"The {name} part needs as many targets as embeddings, received {x.shape} and {y.shape}.")
    if train_x.shape[1] != other_x.shape[1] or train_y.shape[1:] != other_y.shape[1:]:
        raise OptionError(
            f"Training and validation parts differ in width: {train_x.shape} and {other_x.shape}, "
            f"{train_y.shape} and {other_y.shape}."
        )


def _counts(truths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(truths)
    true = known & (truths >= _TRUE_FROM)
    return true.sum(axis=0), (known & ~true).sum(axis=0)


def _placements(score: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of negatives below each positive, and the share of positives above each negative."""
    known = ~np.isnan(truth)
    score, true = score[known].astype(np.float64), truth[known] >= _TRUE_FROM
    ranks = _midranks(score)
    n_true, n_false = int(true.sum()), int((~true).sum())
    over_positives = (ranks[true] - _midranks(score[true])) / n_false
    over_negatives = 1.0 - (ranks[~true] - _midranks(score[~true])) / n_true
    return over_positives, over_negatives


def _midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index.ravel()]


def _log_odds_interval(area: float, half: float, bound: float) -> tuple[float, float]:
    if area >= 1.0:
        return bound, 1.0
    if area <= 0.0:
        return 0.0, 1.0 - bound
    centre, half = np.log(area / (1 - area)), half / (area * (1 - area))
    return float(1 / (1 + np.exp(half - centre))), float(1 / (1 + np.exp(-half - centre)))


def _samples(n: int, groups: np.ndarray | None, rounds: int, generator: np.random.Generator) -> np.ndarray:
    """How often each place is in each sample, ``n × (1 + rounds)``; the first is all places once."""
    index = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    count = int(index.max()) + 1
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=rounds).astype(np.float32)
    return np.concatenate([np.ones((n, 1), np.float32), drawn.T[index]], axis=1)


def _weighted_areas(score: np.ndarray, truth: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The area in each sample: pairs in order count 1, ties ½; NaN where a sample lacks one kind."""
    known = ~np.isnan(truth)
    values, at = np.unique(score[known], return_inverse=True)
    true = truth[known] >= _TRUE_FROM
    order = np.argsort(at.ravel(), kind="stable")
    starts = np.searchsorted(at.ravel()[order], np.arange(len(values)))
    weights = samples[known][order]
    out = np.empty(samples.shape[1])
    for first in range(0, len(out), _CHUNK):
        part = weights[:, first : first + _CHUNK].astype(np.float64)
        positive = np.add.reduceat(part * true[order][:, None], starts, axis=0)
        negative = np.add.reduceat(part * ~true[order][:, None], starts, axis=0)
        below = np.cumsum(negative, axis=0) - negative / 2
        pairs = positive.sum(axis=0) * negative.sum(axis=0)
        areas = (positive * below).sum(axis=0) / np.where(pairs > 0, pairs, 1.0)
        out[first : first + _CHUNK] = np.where(pairs > 0, areas, np.nan)
    return out


def _ridge_paths(x: np.ndarray, y: np.ndarray, alphas: Sequence[float]) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Weights and offsets on the features as they are, for each strength, from one eigendecomposition."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    features = (x - mean) * scale
    centre = y.mean(axis=0)
    values, vectors = np.linalg.eigh(features.T @ features / len(x))
    rotated = vectors.T @ (features.T @ (y - centre) / len(x))
    found = []
    for alpha in alphas:
        shrunk = rotated / (np.maximum(values, 0.0) + alpha)[:, None]
        weights = scale[:, None] * (vectors @ shrunk)
        found.append((float(alpha), weights, centre - mean @ weights))
    return found
