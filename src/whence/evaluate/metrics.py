"""Errors of predicted places, the field's usual figures of them, and how sure those figures are.

An answer that is missing has an infinite error: it counts as wrong at every distance. Intervals are percentile
bootstraps (Efron 1979) over pictures, or over groups of them, since pictures of one photographer are not independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import InputError
from whence.earth.coordinates import distance_km
from whence.earth.field import Field

THRESHOLDS_KM = (1, 25, 200, 750, 2500)
"""Street, city, region, country, continent: the distances of the literature since Hays and Efros 2008."""

GEOSCORE_SCALE_KM = 1492.7
"""At this error a score of 5000 has fallen to 1839 (Haas et al. 2023, PIGEON, after the game GeoGuessr)."""

METRICS = (*(f"within_{km}_km" for km in THRESHOLDS_KM), "median_km", "mean_km", "geoscore")
"""Names of all figures; shares are 0..1."""

DRAWS = 1000
LEVEL = 0.95
_WEIGHTS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it may lie.

    Attributes:
        value: of these pictures; NaN for the difference of two infinite figures.
        low: lower end of the interval; NaN where there are fewer than two pictures or groups to draw from.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one set of answers.

    Attributes:
        count: number of pictures.
        metrics: by name, as in `METRICS`.
    """

    count: int
    metrics: Mapping[str, Interval]


def errors_km(
    lat_deg: Float[np.ndarray, " n"],
    lon_deg: Float[np.ndarray, " n"],
    true_lat_deg: Float[np.ndarray, " n"],
    true_lon_deg: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """WGS84 geodesic distances from answers to truths, km; infinite where an answer is NaN."""
    answered = np.isfinite(lat_deg) & np.isfinite(lon_deg)
    errors = np.full(lat_deg.size, np.inf)
    errors[answered] = distance_km(lat_deg[answered], lon_deg[answered], true_lat_deg[answered], true_lon_deg[answered])
    return errors


def geoscore(errors: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Points of each answer: ``5000 · exp(−km / 1492.7)``."""
    return 5000.0 * np.exp(-errors / GEOSCORE_SCALE_KM)


def score(
    errors: Float[np.ndarray, " n"],
    generator: np.random.Generator,
    *,
    groups: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Scores:
    """All figures of a set of errors, with intervals.

    Args:
        errors: km, infinite for missing answers.
        generator: source of the bootstrap.
        groups: photographer of each picture; whole groups are drawn then.
        places: second unit to draw by (`draw_weights`).
        draws: of the bootstrap.
        level: of the intervals.

    Raises:
        InputError: no errors at all, or as many groups as there are not errors.
    """
    if errors.size == 0:
        raise InputError("There is nothing to score: no picture has a truth.")
    measured = _Measured(errors)
    drawn = [measured(weights) for weights in draw_weights(errors.size, groups, draws, generator, places)]
    return Scores(errors.size, intervals(METRICS, measured(np.ones((1, errors.size)))[0], drawn, level))


def difference(
    errors: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " m"],
    generator: np.random.Generator,
    *,
    groups: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Mapping[str, Interval]:
    """Figures of one set of answers minus those of another to the same pictures, drawn together.

    Paired intervals are far narrower than two separate ones, as easy and hard pictures are the same for both.

    Raises:
        InputError: the two are not as many, none, or as many groups as there are not errors.
    """
    if errors.shape != other.shape or errors.size == 0:
        raise InputError(f"A paired comparison needs the same pictures, received {errors.size} and {other.size}.")
    first, second = _Measured(errors), _Measured(other)
    once = np.ones((1, errors.size))
    drawn = [
        _minus(first(weights), second(weights))
        for weights in draw_weights(errors.size, groups, draws, generator, places)
    ]
    return intervals(METRICS, _minus(first(once), second(once))[0], drawn, level)


def area_to_truth_km2(field: Field, lat_deg: float, lon_deg: float) -> float:
    """Area that must be searched, the likeliest places first, until the truth is found, km².

    Cells as likely as that of the truth are all counted. This is the abscissa of the Recall-versus-Area curve of
    Schneider et al. 2024, with cells in place of their regions.
    """
    at_truth = float(field.at(lat_deg, lon_deg))
    return float(np.sum(field.partition.areas_km2[field.values >= at_truth]))


def recall_by_area(areas_km2: Float[np.ndarray, " n"], at_km2: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Share of pictures whose truth is found within each searched area (see `area_to_truth_km2`)."""
    return np.searchsorted(np.sort(areas_km2), at_km2, side="right") / max(areas_km2.size, 1)


@final
class _Measured:
    """All figures of weighted errors, many weightings at a time."""

    def __init__(self, errors: Float[np.ndarray, " n"]) -> None:
        self._order = np.argsort(errors, kind="stable")
        self._errors = errors[self._order]
        self._finite = np.where(np.isfinite(self._errors), self._errors, 0.0)
        held = [self._errors <= km for km in THRESHOLDS_KM]
        self._linear = np.stack([*held, ~np.isfinite(self._errors), self._finite, geoscore(self._errors)], axis=1)

    def __call__(self, weights: Float[np.ndarray, "draws n"]) -> Float[np.ndarray, "draws metrics"]:
        sums = weights[:, self._order] @ self._linear / weights.sum(axis=1, keepdims=True)
        lost, mean, points = (sums[:, len(THRESHOLDS_KM) + i, None] for i in range(3))
        shares = sums[:, : len(THRESHOLDS_KM)]
        return np.concatenate(
            [shares, self._medians(weights)[:, None], np.where(lost > 0, np.inf, mean), points], axis=1
        )

    def _medians(self, weights: Float[np.ndarray, "draws n"]) -> Float[np.ndarray, " draws"]:
        """Weighted medians: the mean of the lower and the upper one, as usual for even numbers."""
        running = 2.0 * np.cumsum(weights[:, self._order], axis=1)
        total = running[:, -1:] / 2.0
        lower = np.argmax(running >= total, axis=1)
        upper = np.argmax(running > total, axis=1)
        return 0.5 * (self._errors[lower] + self._errors[upper])


def draw_weights(
    count: int,
    groups: Sequence[str] | None,
    draws: int,
    generator: np.random.Generator,
    places: Sequence[str] | None = None,
) -> Iterator[Float[np.ndarray, "draws n"]]:
    """How often each picture is drawn, in batches; none where there are fewer than two units to draw from.

    With places as well as groups both are drawn, independently, and a picture counts as often as the product says:
    the pigeonhole bootstrap (Owen 2007, *The pigeonhole bootstrap*), which does not understate the spread of a mean
    over crossed units as drawing either alone does. A draw that takes no picture at all is drawn again.

    Args:
        count: number of pictures.
        groups: photographer of each picture; pictures one by one if ``None``.
        draws: how many.
        generator: source of the draws.
        places: second unit of each picture.

    Raises:
        InputError: not as many groups or places as pictures.
    """
    owners = [_owners(names, count) for names in (groups, places) if names is not None] or [np.arange(count)]
    if any(int(owner.max()) < 1 for owner in owners):
        return
    batch = max(1, _WEIGHTS_AT_ONCE // count)
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        weights = _drawn(owners, size, generator)
        while (empty := np.flatnonzero(weights.sum(axis=1) == 0.0)).size:
            weights[empty] = _drawn(owners, empty.size, generator)
        yield weights


def _owners(names: Sequence[str], count: int) -> Int[np.ndarray, " n"]:
    if len(names) != count:
        raise InputError(f"Each picture needs a group: received {len(names)} for {count} pictures.")
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1]


def _drawn(
    owners: Sequence[Int[np.ndarray, " n"]], size: int, generator: np.random.Generator
) -> Float[np.ndarray, "draws n"]:
    out = np.ones((size, owners[0].size))
    for owner in owners:
        units = int(owner.max()) + 1
        out *= generator.multinomial(units, np.full(units, 1.0 / units), size=size)[:, owner]
    return out


def _minus(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Difference; NaN where both are infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(first - second)


def intervals(
    names: Sequence[str],
    values: Float[np.ndarray, " k"],
    drawn: Sequence[Float[np.ndarray, "draws k"]],
    level: float,
    *,
    where_defined: bool = False,
) -> Mapping[str, Interval]:
    """Figures with percentile intervals, by name.

    Args:
        names: of the figures.
        values: of the pictures as they are.
        drawn: of the bootstrap's draws, in batches; no interval if empty.
        level: of the intervals.
        where_defined: leave out draws in which a figure is NaN, as where nothing drawn has it; otherwise there is no
            interval then.
    """
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    ends = np.full((2, len(names)), np.nan)
    if drawn:
        rows = np.concatenate(drawn)
        for i in range(len(names)):
            column = rows[~np.isnan(rows[:, i]), i] if where_defined else rows[:, i]
            if column.size:
                ends[:, i] = np.quantile(column, tails, method="inverted_cdf")
    return MappingProxyType({name: Interval(*map(float, row)) for name, *row in zip(names, values, *ends, strict=True)})
