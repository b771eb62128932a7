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
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Scores:
    """All figures of a set of errors, with intervals.

    Args:
        errors: km, infinite for missing answers.
        generator: source of the bootstrap.
        groups: photographer of each picture; whole groups are drawn then.
        draws: of the bootstrap.
        level: of the intervals.

    Raises:
        InputError: no errors at all, or as many groups as there are not errors.
    """
    if errors.size == 0:
        raise InputError("There is nothing to score: no picture has a truth.")
    measured = _Measured(errors)
    drawn = [measured(weights) for weights in _weights(errors.size, groups, draws, generator)]
    return Scores(errors.size, _intervals(measured(np.ones((1, errors.size)))[0], drawn, level))


def difference(
    errors: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " m"],
    generator: np.random.Generator,
    *,
    groups: Sequence[str] | None = None,
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
    drawn = [_minus(first(weights), second(weights)) for weights in _weights(errors.size, groups, draws, generator)]
    return _intervals(_minus(first(once), second(once))[0], drawn, level)


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


def _weights(
    count: int, groups: Sequence[str] | None, draws: int, generator: np.random.Generator
) -> Iterator[Float[np.ndarray, "draws n"]]:
    """How often each picture is drawn, in batches; none where there are fewer than two units to draw from."""
    owner: Int[np.ndarray, " n"] = np.arange(count)
    if groups is not None:
        if len(groups) != count:
            raise InputError(f"Each picture needs a group: received {len(groups)} for {count} pictures.")
        _, owner = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    units = int(owner.max()) + 1
    if units < 2:
        return
    batch = max(1, _WEIGHTS_AT_ONCE // count)
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        yield generator.multinomial(units, np.full(units, 1.0 / units), size=size)[:, owner].astype(np.float64)


def _minus(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Difference; NaN where both are infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(first - second)


def _intervals(values: np.ndarray, drawn: Sequence[np.ndarray], level: float) -> Mapping[str, Interval]:
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    if drawn:
        ends = np.quantile(np.concatenate(drawn), tails, axis=0, method="inverted_cdf")
    else:
        ends = np.full((2, len(METRICS)), np.nan)
    return MappingProxyType(
        {name: Interval(*map(float, row)) for name, *row in zip(METRICS, values, *ends, strict=True)}
    )
