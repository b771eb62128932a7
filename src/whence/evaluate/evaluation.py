"""Scores of predictions against truths: over all, by slice, and against another system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError, unknown_name
from whence.earth import grid
from whence.evaluate.belief_metrics import BeliefTable
from whence.evaluate.belief_scores import (
    FigureTable,
    check_same,
    compared_columns,
    picture_columns,
    scored_figures,
    sign_test,
)
from whence.evaluate.metrics import DRAWS, LEVEL, THRESHOLDS_KM, Interval, Scores, difference, errors_km, score
from whence.evaluate.place_names import right_names
from whence.evaluate.predictions import ACCURACY, Predictions, Truths, matched
from whence.evaluate.protocol_scores import ProtocolScores, score_by_protocol

__all__ = ["ACCURACY", "NOWHERE", "Comparison", "Config", "Evaluation", "evaluate", "labels"]

SETTLEMENT = "settlement"
"""Slice by the people about the place: rural, town or city."""

NOWHERE = "(none)"
"""Slice of the pictures for which the quality asked for is not known."""


_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Config:
    """How answers are scored."""

    by: str = ""
    "Slice by country, settlement (rural, town, city), a layer of classes such as continent, or a column of the truths."
    group: str = ""
    "Column of the truths by which the bootstrap draws, such as the photographer; pictures one by one if empty."
    place: str = ""
    "Second unit of the bootstrap: a column of the truths, or a number of km for cells of about that size."
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
    protocol: str = ""
    "Benchmark by whose published protocol the answers are scored as well, such as im2gps3k."

    def __post_init__(self) -> None:
        if self.draws < 1 or not 0.0 < self.level < 1.0:
            raise InputError(f"draws ≥ 1 and 0 < level < 1 are needed, received {self.draws} and {self.level}.")


@dataclass(frozen=True, slots=True, eq=False)
class PictureScores:
    """What came of each picture that was scored.

    Attributes:
        names: of the pictures.
        errors_km: from the answer to the truth; infinite without an answer.
        abstained: whether the system called its answer too wide to be used.
        named: whether the answer names the right country, division and town (`whence.evaluate.place_names`).
        beliefs: what the beliefs are worth; ``None`` where only points are known.
        unknown: predictions of pictures without a truth.
    """

    names: tuple[str, ...]
    errors_km: Float[np.ndarray, " n"]
    abstained: Bool[np.ndarray, " n"]
    named: Mapping[str, Float[np.ndarray, " n"]]
    beliefs: BeliefTable | None
    unknown: int

    @property
    def set_aside(self) -> Bool[np.ndarray, " n"]:
        """Pictures without an answer that could be used: abstentions, and missing answers."""
        return self.abstained | ~np.isfinite(self.errors_km)

    def columns(self) -> dict[str, Float[np.ndarray, " n"]]:
        """Figures of each picture whose means are figures of the test set."""
        return picture_columns(self.beliefs, self.named)

    def of(self, rows: np.ndarray) -> PictureScores:
        """Some of the pictures."""
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            errors_km=self.errors_km[rows],
            abstained=self.abstained[rows],
            named={name: values[rows] for name, values in self.named.items()},
            beliefs=None if self.beliefs is None else self.beliefs.of(rows),
        )

    def forgiven(self, radius_km: Float[np.ndarray, " n"]) -> PictureScores:
        """The same with errors within a radius counted as nil."""
        errors = np.where(self.errors_km <= radius_km, 0.0, self.errors_km)
        beliefs = None if self.beliefs is None else replace(self.beliefs, errors_km=errors)
        return replace(self, errors_km=errors, beliefs=beliefs)


@dataclass(frozen=True, slots=True)
class _Units:
    """What the bootstrap draws by."""

    groups: tuple[str, ...] | None
    places: tuple[str, ...] | None

    def of(self, rows: np.ndarray) -> _Units:
        """The units of some pictures."""
        some = [None if names is None else tuple(names[i] for i in rows) for names in (self.groups, self.places)]
        return _Units(*some)

    def named(self) -> dict[str, Any]:
        """As arguments."""
        return {"groups": self.groups, "places": self.places}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another system on the same pictures.

    Attributes:
        other: its scores.
        difference: of this system's figures minus the other's, paired.
        figures: its figures beyond the distances.
        figures_apart: the paired differences of those that both have.
        p_values: of sign tests on the differences of means, by figure (`whence.evaluate.belief_scores.sign_test`).
    """

    other: Scores
    difference: Mapping[str, Interval]
    figures: Mapping[str, Interval] = field(default_factory=lambda: _NONE)
    figures_apart: Mapping[str, Interval] = field(default_factory=lambda: _NONE)
    p_values: Mapping[str, float] = field(default_factory=lambda: _NONE)


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
        figures: beyond the distances (`whence.evaluate.belief_scores.FIGURES`): names, and whole beliefs if kept.
        slice_figures: the same by slice, without medians and curves.
        kept: scores of the answers that are no abstentions; ``None`` unless there are both.
        set_aside: scores of the abstentions, and of what is missing.
        pictures: what came of each picture that was scored.
        protocol: scores as a benchmark has them in print; ``None`` unless asked for.
    """

    scores: Scores
    slices: Mapping[str, Scores]
    comparison: Comparison | None
    missing: int
    abstained: int
    unknown: int
    config: Config
    figures: Mapping[str, Interval] = field(default_factory=lambda: _NONE)
    slice_figures: Mapping[str, Mapping[str, Interval]] = field(default_factory=lambda: _NONE)
    kept: Scores | None = None
    set_aside: Scores | None = None
    pictures: PictureScores | None = field(default=None, compare=False)
    protocol: ProtocolScores | None = None


def evaluate(
    predictions: Predictions,
    truths: Truths,
    config: Config | None = None,
    against: Predictions | None = None,
    *,
    beliefs: BeliefTable | None = None,
    other_beliefs: BeliefTable | None = None,
) -> Evaluation:
    """Score predictions.

    Args:
        predictions: of the system in question.
        truths: of the test set; a picture without a prediction counts as wrong, unless ``answered_only``.
        config: how.
        against: predictions of another system; with ``answered_only``, pictures that both answered are scored.
        beliefs: what its beliefs are worth, in the order of the truths (`whence.evaluate.run_scores.beliefs_of`).
        other_beliefs: the same of the other system.

    Raises:
        InputError: names that do not fit, or a column that is not there or holds no numbers.
        OptionError: nothing is called like the slice.
    """
    how = config or Config()
    mine = _answers(predictions, truths, beliefs)
    other = None if against is None else _answers(against, truths, other_beliefs)
    missing = int(np.isinf(mine.errors_km).sum())
    if how.forgive:
        radius = _numbers(truths, ACCURACY)
        mine = mine.forgiven(radius)
        other = None if other is None else other.forgiven(radius)
    kept = np.arange(mine.errors_km.size)
    if how.answered_only:
        theirs = np.isfinite(other.errors_km) if other is not None else True
        kept = np.flatnonzero(np.isfinite(mine.errors_km) & theirs)
    mine = mine.of(kept)
    other = None if other is None else other.of(kept)
    units = _Units(_named_units(truths, how.group, kept), _place_units(truths, how.place, kept))
    answered = mine.abstained & np.isfinite(mine.errors_km)
    names = labels(truths, how.by) if how.by else []
    slices = _rows_by([names[i] for i in kept]) if how.by else {}
    rows = {True: np.flatnonzero(mine.set_aside), False: np.flatnonzero(~mine.set_aside)}
    both = bool(mine.abstained.any()) and rows[False].size > 0
    return Evaluation(
        scores=_scored(mine, units, how),
        slices={name: _scored(mine.of(at), units.of(at), how) for name, at in slices.items()},
        comparison=None if other is None else _compared(mine, other, units, how),
        missing=missing,
        abstained=int(answered.sum()),
        unknown=mine.unknown,
        config=how,
        figures=_figures(mine, units, how),
        slice_figures={name: _figures(mine.of(at), units.of(at), how, curves=False) for name, at in slices.items()},
        kept=_scored(mine.of(rows[False]), units.of(rows[False]), how) if both else None,
        set_aside=_scored(mine.of(rows[True]), units.of(rows[True]), how) if both else None,
        pictures=mine,
        protocol=_by_protocol(predictions, truths, units, how, kept) if how.protocol else None,
    )


def labels(truths: Truths, by: str) -> list[str]:
    """Name of the slice that each truth belongs to.

    Args:
        truths: the places.
        by: a column of the truths, ``country``, ``settlement``, or a layer of classes.

    Raises:
        OptionError: there is no such thing; the nearest is named.
    """
    from whence.earth.layers import layers
    from whence.earth.regions import RegionLevel, regions

    if by in truths.columns:
        found: Sequence[str] = truths.columns[by]
    elif by == SETTLEMENT:
        people = layers().values("people_per_km2", truths.lat_deg, truths.lon_deg)
        found = [_settlement(float(density)) for density in people]
    elif by == "country":
        found = regions(RegionLevel.COUNTRY).at(truths.lat_deg, truths.lon_deg).tolist()
    else:
        classes = [name for name in layers().names if layers().info(name).classes]
        if by not in classes:
            raise unknown_name("slice", by, {"country", SETTLEMENT, *classes, *truths.columns})
        found = layers().symbols(by, truths.lat_deg, truths.lon_deg).tolist()
    return [text or NOWHERE for text in found]


def _settlement(people_per_km2: float) -> str:
    """Rural below the OECD's 150 people a km², city from the Degree of Urbanisation's 1,500 on, town in between.

    Both are meant for smaller units than the layer's cells of about 26 km, so the classes are rough.
    """
    if np.isnan(people_per_km2):
        return ""
    return "rural" if people_per_km2 < 150.0 else "town" if people_per_km2 < 1500.0 else "city"


def _answers(predictions: Predictions, truths: Truths, beliefs: BeliefTable | None) -> PictureScores:
    """What came of each picture with a truth, in the order of the truths."""
    rows = matched(truths.names, predictions.names)
    check_same(len(truths.names), beliefs)
    index = np.asarray([-1 if row is None else row for row in rows])
    lat, lon = (np.append(axis, np.nan)[index] for axis in (predictions.lat_deg, predictions.lon_deg))
    return PictureScores(
        names=truths.names,
        errors_km=errors_km(lat, lon, truths.lat_deg, truths.lon_deg),
        abstained=np.append(predictions.abstained, False)[index],
        named=right_names(lat, lon, truths.lat_deg, truths.lon_deg, truths.columns),
        beliefs=beliefs,
        unknown=len(predictions.names) - len({row for row in rows if row is not None}),
    )


def _named_units(truths: Truths, column: str, kept: np.ndarray) -> tuple[str, ...] | None:
    return tuple(_text(truths, column)[i] for i in kept) if column else None


def _place_units(truths: Truths, place: str, kept: np.ndarray) -> tuple[str, ...] | None:
    """Second unit of each picture: a column, or the cell of the grid."""
    try:
        size_km = float(place or "nan")
    except ValueError:
        return _named_units(truths, place, kept)
    if not place:
        return None
    if not 0.01 <= size_km <= 20_000.0:
        raise InputError(f"place takes a column or 0.01 to 20000 km, received {place}.")
    cells = grid.cells_at(truths.lat_deg[kept], truths.lon_deg[kept], grid.order_for_size_km(size_km))
    return tuple(str(cell) for cell in cells.tolist())


def _text(truths: Truths, column: str) -> tuple[str, ...]:
    if column not in truths.columns:
        raise unknown_name("column of the truths", column, truths.columns)
    return truths.columns[column]


def _numbers(truths: Truths, column: str) -> Float[np.ndarray, " n"]:
    try:
        return np.asarray([float(text or 0.0) for text in _text(truths, column)])
    except ValueError as error:
        raise InputError(f"The column {column} of the truths must hold numbers ({error}).") from error


def _scored(found: PictureScores, units: _Units, how: Config) -> Scores:
    generator = np.random.default_rng(how.seed)
    return score(found.errors_km, generator, **units.named(), draws=how.draws, level=how.level)


def _figures(found: PictureScores, units: _Units, how: Config, *, curves: bool = True) -> Mapping[str, Interval]:
    table = FigureTable(found.columns(), found.beliefs, curves=curves)
    generator = np.random.default_rng(how.seed)
    return scored_figures(table, generator, **units.named(), draws=how.draws, level=how.level)


def _by_protocol(
    predictions: Predictions, truths: Truths, units: _Units, how: Config, kept: np.ndarray
) -> ProtocolScores:
    """Scores of the pictures that are kept, as a benchmark has them."""
    rows = matched(truths.names, predictions.names)
    index = np.asarray([-1 if row is None else row for row in rows])[kept]
    lat, lon = (np.append(axis, np.nan)[index] for axis in (predictions.lat_deg, predictions.lon_deg))
    columns = {name: [values[i] for i in kept] for name, values in truths.columns.items()}
    found = score_by_protocol(
        how.protocol,
        (lat, lon),
        (truths.lat_deg[kept], truths.lon_deg[kept]),
        columns,
        np.random.default_rng(how.seed),
        **units.named(),
        draws=how.draws,
        level=how.level,
    )
    if not how.answered_only:
        return found
    return replace(found, terms={**found.terms, "pictures without an answer": "left out"})


def _compared(found: PictureScores, other: PictureScores, units: _Units, how: Config) -> Comparison:
    drawn = {**units.named(), "draws": how.draws, "level": how.level}
    tables = [FigureTable(item.columns(), item.beliefs) for item in (found, other)]
    return Comparison(
        other=_scored(other, units, how),
        difference=difference(found.errors_km, other.errors_km, np.random.default_rng(how.seed), **drawn),
        figures=_figures(other, units, how),
        figures_apart=scored_figures(tables[0], np.random.default_rng(how.seed), other=tables[1], **drawn),
        p_values=_p_values(found, other, units, how),
    )


def _p_values(found: PictureScores, other: PictureScores, units: _Units, how: Config) -> Mapping[str, float]:
    first, second = ({**compared_columns(item.errors_km, THRESHOLDS_KM), **item.columns()} for item in (found, other))
    out = {}
    for name in [name for name in first if name in second]:
        with np.errstate(invalid="ignore"):
            apart = first[name] - second[name]
        out[name] = sign_test(apart, np.random.default_rng(how.seed), units.groups)
    return out


def _rows_by(names: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Rows of each name, the most frequent first."""
    held: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        held.setdefault(name, []).append(i)
    return {name: np.asarray(rows) for name, rows in sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))}
