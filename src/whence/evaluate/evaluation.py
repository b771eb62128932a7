"""Scores of predictions against truths: over all, by slice, and against another system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError, unknown_name
from whence.evaluate.metrics import DRAWS, LEVEL, Interval, Scores, difference, errors_km, score
from whence.evaluate.predictions import Predictions, Truths, matched

ACCURACY = "accuracy_km"
"""Column of the truths that says within which radius the camera stood."""

NOWHERE = "(none)"
"""Slice of the pictures for which the quality asked for is not known."""


@dataclass(frozen=True)
class Config:
    """How answers are scored."""

    by: str = ""
    "Slice by country, by a layer of classes (such as continent or koppen_group), or by a column of the truths."
    group: str = ""
    "Column of the truths by which the bootstrap draws, such as the photographer; pictures one by one if empty."
    forgive: bool = False
    "Count an error within the accuracy_km of the truth as nil."
    answered_only: bool = False
    "Leave out pictures without a prediction instead of counting them as wrong."
    draws: int = DRAWS
    "Draws of the bootstrap."
    level: float = LEVEL
    "Level of the intervals, 0..1."
    seed: int = 0
    "Seed of the bootstrap."

    def __post_init__(self) -> None:
        if self.draws < 1 or not 0.0 < self.level < 1.0:
            raise InputError(f"draws ≥ 1 and 0 < level < 1 are needed, received {self.draws} and {self.level}.")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another system on the same pictures.

    Attributes:
        other: its scores.
        difference: of this system's figures minus the other's, paired.
    """

    other: Scores
    difference: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of scoring.

    Attributes:
        scores: over all pictures that were scored.
        slices: by name, the largest first; empty unless asked for.
        comparison: with another system, if one was given.
        missing: pictures with a truth and without an answer.
        abstained: answers whose system called them too wide to be used; they are scored like any other.
        unknown: predictions of pictures without a truth; they are left out.
        config: as it was scored.
    """

    scores: Scores
    slices: Mapping[str, Scores]
    comparison: Comparison | None
    missing: int
    abstained: int
    unknown: int
    config: Config


def evaluate(
    predictions: Predictions, truths: Truths, config: Config | None = None, against: Predictions | None = None
) -> Evaluation:
    """Score predictions.

    Args:
        predictions: of the system in question.
        truths: of the test set; a picture without a prediction counts as wrong, unless ``answered_only``.
        config: how.
        against: predictions of another system; with ``answered_only``, pictures that both answered are scored.

    Raises:
        InputError: names that do not fit, or a column that is not there or holds no numbers.
        OptionError: nothing is called like the slice.
    """
    how = config or Config()
    rows = matched(truths.names, predictions.names)
    errors = _errors(predictions, rows, truths)
    other = None if against is None else _errors(against, matched(truths.names, against.names), truths)
    missing = int(np.isinf(errors).sum())
    if how.forgive:
        radius = _numbers(truths, ACCURACY)
        errors = np.where(errors <= radius, 0.0, errors)
        other = None if other is None else np.where(other <= radius, 0.0, other)
    kept = np.arange(errors.size)
    if how.answered_only:
        kept = np.flatnonzero(np.isfinite(errors) & (np.isfinite(other) if other is not None else True))
    answered = [row for row in rows if row is not None]
    groups = [_text(truths, how.group)[i] for i in kept] if how.group else None
    return Evaluation(
        scores=_scored(errors[kept], groups, how),
        slices=_slices(errors[kept], groups, [labels(truths, how.by)[i] for i in kept], how) if how.by else {},
        comparison=None if other is None else _compared(errors[kept], other[kept], groups, how),
        missing=missing,
        abstained=int(predictions.abstained[answered].sum()),
        unknown=len(predictions.names) - len(set(answered)),
        config=how,
    )


def labels(truths: Truths, by: str) -> list[str]:
    """Name of the slice that each truth belongs to.

    Args:
        truths: the places.
        by: a column of the truths, ``country``, or a layer of classes.

    Raises:
        OptionError: there is no such thing; the nearest is named.
    """
    from whence.earth.layers import layers
    from whence.earth.regions import RegionLevel, regions

    if by in truths.columns:
        found: Sequence[str] = truths.columns[by]
    elif by == "country":
        found = regions(RegionLevel.COUNTRY).at(truths.lat_deg, truths.lon_deg).tolist()
    else:
        classes = [name for name in layers().names if layers().info(name).classes]
        if by not in classes:
            raise unknown_name("slice", by, {"country", *classes, *truths.columns})
        found = layers().symbols(by, truths.lat_deg, truths.lon_deg).tolist()
    return [text or NOWHERE for text in found]


def _errors(predictions: Predictions, rows: Sequence[int | None], truths: Truths) -> Float[np.ndarray, " n"]:
    index = np.asarray([-1 if row is None else row for row in rows])
    lat, lon = (np.append(axis, np.nan)[index] for axis in (predictions.lat_deg, predictions.lon_deg))
    return errors_km(lat, lon, truths.lat_deg, truths.lon_deg)


def _text(truths: Truths, column: str) -> tuple[str, ...]:
    if column not in truths.columns:
        raise unknown_name("column of the truths", column, truths.columns)
    return truths.columns[column]


def _numbers(truths: Truths, column: str) -> Float[np.ndarray, " n"]:
    try:
        return np.asarray([float(text or 0.0) for text in _text(truths, column)])
    except ValueError as error:
        raise InputError(f"The column {column} of the truths must hold numbers ({error}).") from error


def _scored(errors: Float[np.ndarray, " n"], groups: Sequence[str] | None, how: Config) -> Scores:
    return score(errors, np.random.default_rng(how.seed), groups=groups, draws=how.draws, level=how.level)


def _compared(
    errors: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], groups: Sequence[str] | None, how: Config
) -> Comparison:
    generator = np.random.default_rng(how.seed)
    apart = difference(errors, other, generator, groups=groups, draws=how.draws, level=how.level)
    return Comparison(_scored(other, groups, how), apart)


def _slices(
    errors: Float[np.ndarray, " n"], groups: Sequence[str] | None, names: Sequence[str], how: Config
) -> Mapping[str, Scores]:
    held: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        held.setdefault(name, []).append(i)
    return {
        name: _scored(errors[rows], [groups[i] for i in rows] if groups else None, how)
        for name, rows in sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))
    }
