"""Figures over a test set beyond the distances: of names, and of whole beliefs, with intervals and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError
from whence.evaluate.belief_metrics import BeliefTable
from whence.evaluate.curve_metrics import area_score, aurc, calibration_error, level_error
from whence.evaluate.metrics import Interval, draw_weights, geoscore, intervals
from whence.evaluate.place_names import NAMED


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is told.

    Attributes:
        label: in words, with its unit.
        scale: what its value is multiplied by.
        digits: after the point.
    """

    label: str
    scale: float = 1.0
    digits: int = 2


_PERCENT = (100.0, 1)

FIGURES: Mapping[str, Figure] = {
    **{f"named_{level}": Figure(f"{level} of the answer right, %", *_PERCENT) for level in NAMED},
    "bits": Figure("bits over the prior"),
    "bits_at_point": Figure("bits over the prior, at the stated point"),
    "log_score_bits": Figure("log score, bits a km²"),
    "area_score": Figure("area under Recall vs Area, %", *_PERCENT),
    "prior_area_score": Figure("the same by the prior, %", *_PERCENT),
    "country_top1": Figure("belief's likeliest country right, %", *_PERCENT),
    "country_top5": Figure("country among the likeliest five, %", *_PERCENT),
    "prior_country_top5": Figure("the same by the prior, %", *_PERCENT),
    "region_top1": Figure("belief's likeliest division right, %", *_PERCENT),
    "region_top5": Figure("division among the likeliest five, %", *_PERCENT),
    "coverage_50": Figure("50 % regions hold the truth, %", *_PERCENT),
    "coverage_90": Figure("90 % regions hold the truth, %", *_PERCENT),
    "answered": Figure("answered and not abstained, %", *_PERCENT),
    "area_50_km2": Figure("50 % regions, median km²", digits=0),
    "area_90_km2": Figure("90 % regions, median km²", digits=0),
    "country_ece": Figure("calibration error of countries, %", *_PERCENT),
    "region_ece": Figure("calibration error of divisions, %", *_PERCENT),
    "level_error": Figure("calibration error of credible levels, %", *_PERCENT),
    "aurc_200_km": Figure("risk over coverage, wrong by 200 km, %", *_PERCENT),
    "aurc_2500_km": Figure("risk over coverage, wrong by 2,500 km, %", *_PERCENT),
}
"""Every figure beyond the distances, in the order in which they are told."""

_RISKS_KM = (200, 2500)
_CURVES = (
    "area_50_km2",
    "area_90_km2",
    "country_ece",
    "region_ece",
    "level_error",
    *(f"aurc_{k}_km" for k in _RISKS_KM),
)
EXACT_UP_TO = 16
"""Up to so many units every assignment of signs is tried; beyond, as many random ones as `SIGN_DRAWS`."""

SIGN_DRAWS = 10_000


def picture_columns(
    table: BeliefTable | None, names: Mapping[str, Float[np.ndarray, " n"]]
) -> dict[str, Float[np.ndarray, " n"]]:
    """Figures of each picture whose means are figures of the test set; NaN where one is not known.

    Args:
        table: what the beliefs are worth; ``None`` for points alone.
        names: whether each answer names the right country and so on (`whence.evaluate.place_names.right_names`).
    """
    out = {f"named_{level}": names[level] for level in NAMED if level in names}
    if table is None:
        return out
    held = {
        "bits": table.bits,
        "bits_at_point": table.bits_at_point,
        "log_score_bits": table.log_score_bits,
        "area_score": area_score(table.area_km2),
        "prior_area_score": area_score(table.prior_area_km2),
        "country_top1": table.country_right,
        "country_top5": _within(table.country_rank),
        "prior_country_top5": _within(table.country_prior_rank),
        "region_top1": table.region_right,
        "region_top5": _within(table.region_rank),
        "coverage_50": table.held_50,
        "coverage_90": table.held_90,
        "answered": (np.isfinite(table.errors_km) & ~table.abstained).astype(np.float64),
    }
    return {**out, **held}


@final
class FigureTable:
    """Figures of one system's answers to a test set, for any weights of the pictures.

    Args:
        columns: figures of each picture (`picture_columns`).
        table: what the beliefs are worth, ``None`` for points alone.
        curves: whether medians and curves are wanted too; they take their time.
    """

    def __init__(
        self, columns: Mapping[str, Float[np.ndarray, " n"]], table: BeliefTable | None, *, curves: bool = True
    ) -> None:
        self._table = table if curves else None
        self.names = (*columns, *(_CURVES if self._table is not None else ()))
        values = np.stack(list(columns.values()), axis=1)
        self._known = (~np.isnan(values)).astype(np.float64)
        self._values = np.where(np.isnan(values), 0.0, values)
        self._lost = np.isneginf(self._values).astype(np.float64)
        self._values = np.where(np.isfinite(self._values), self._values, 0.0)

    def __len__(self) -> int:
        return int(self._values.shape[0])

    def __call__(self, weights: Float[np.ndarray, "draws n"]) -> Float[np.ndarray, "draws k"]:
        """The figures, in the order of `names`, one row a weighting."""
        held = weights @ self._known
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(weights @ self._lost > 0.0, -np.inf, weights @ self._values / held)
        if self._table is None:
            return np.asarray(means)
        return np.concatenate([means, np.stack([self._curves(self._table, row) for row in weights])], axis=1)

    def _curves(self, table: BeliefTable, weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " c"]:
        confidence = -table.p50_km
        wrong = [(table.errors_km > km).astype(np.float64) for km in _RISKS_KM]
        return np.asarray(
            [
                weighted_median(table.area_50_km2, weights),
                weighted_median(table.area_90_km2, weights),
                calibration_error(table.country_probability, table.country_right, weights),
                calibration_error(table.region_probability, table.region_right, weights),
                level_error(table.level, weights),
                *(aurc(risk, confidence, weights) for risk in wrong),
            ]
        )


def scored_figures(
    found: FigureTable,
    generator: np.random.Generator,
    *,
    other: FigureTable | None = None,
    groups: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    draws: int,
    level: float,
) -> Mapping[str, Interval]:
    """Figures with intervals; with ``other`` the paired differences in the figures that both have.

    Args:
        found: of the system in question.
        generator: source of the bootstrap.
        other: of another system on the same pictures.
        groups: photographer of each picture; whole groups are drawn then.
        places: second unit to draw by.
        draws: of the bootstrap.
        level: of the intervals.
    """
    names = [name for name in found.names if other is None or name in other.names]
    mine = [found.names.index(name) for name in names]
    its = [] if other is None else [other.names.index(name) for name in names]

    def told(weights: Float[np.ndarray, "draws n"]) -> np.ndarray:
        values = found(weights)[:, mine]
        with np.errstate(invalid="ignore"):
            return np.asarray(values if other is None else values - other(weights)[:, its])

    drawn = [told(weights) for weights in draw_weights(len(found), groups, draws, generator, places)]
    return intervals(names, told(np.ones((1, len(found))))[0], drawn, level, where_defined=True)


def sign_test(
    apart: Float[np.ndarray, " n"], generator: np.random.Generator, groups: Sequence[str] | None = None
) -> float:
    """Probability of a mean difference as large as this one, or larger, if neither system were better.

    Under that hypothesis the difference of each unit could as well have the other sign. A unit is a picture, or a whole
    group, whose pictures change sign together. Two-sided; exact up to `EXACT_UP_TO` units, by random signs beyond
    (the observed ones counted in, so that it is never 0). Source: Fisher's randomisation test, by clusters.

    Args:
        apart: paired differences, a picture each; NaN ones are left out.
        generator: source of the signs where they are drawn.
        groups: unit of each picture.

    Returns:
        The p-value; NaN where there is no difference to go by.
    """
    known = ~np.isnan(apart)
    if not known.any():
        return float("nan")
    if not np.isfinite(apart[known]).all():
        return float("nan")
    owner = np.arange(apart.size) if groups is None else np.unique(np.asarray(groups, str), return_inverse=True)[1]
    sums = np.bincount(owner[known], apart[known])
    sums = sums[sums != 0.0]
    if sums.size == 0:
        return 1.0
    observed = abs(float(sums.sum())) * (1.0 - 1e-12)
    if sums.size <= EXACT_UP_TO:
        signs = np.asarray(list(product((1.0, -1.0), repeat=sums.size - 1)))
        totals = np.abs(sums[0] + signs @ sums[1:]) if sums.size > 1 else np.abs(sums)
        return float((totals >= observed).mean())
    totals = np.concatenate(
        [np.abs(generator.choice((-1.0, 1.0), size=(size, sums.size)) @ sums) for size in [1000] * (SIGN_DRAWS // 1000)]
    )
    return float((1 + (totals >= observed).sum()) / (1 + totals.size))


def compared_columns(errors: Float[np.ndarray, " n"], thresholds_km: Sequence[int]) -> dict[str, np.ndarray]:
    """Figures of each answer that a sign test can compare: within each distance or not, and the GeoScore."""
    within = {f"within_{km}_km": (errors <= km).astype(np.float64) for km in thresholds_km}
    return {**within, "geoscore": geoscore(errors)}


def weighted_median(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """Weighted median, the mean of the lower and the upper one; NaN ones are left out."""
    known = ~np.isnan(values) & (weights > 0.0)
    if not known.any():
        return float("nan")
    order = np.argsort(values[known], kind="stable")
    running = np.cumsum(weights[known][order])
    sorted_values = values[known][order]
    half = running[-1] / 2.0
    return float(
        0.5
        * (sorted_values[np.argmax(running >= half)] + sorted_values[min(np.argmax(running > half), running.size - 1)])
    )


def check_same(count: int, table: BeliefTable | None) -> None:
    """Refuse beliefs that do not fit the pictures.

    Raises:
        InputError: they are not as many.
    """
    if table is not None and len(table) != count:
        raise InputError(f"There are {len(table)} beliefs for {count} pictures.")


def _within(rank: Float[np.ndarray, " n"], most: int = 5) -> Float[np.ndarray, " n"]:
    return np.where(np.isnan(rank), np.nan, (rank <= most).astype(np.float64))
