"""`Signal`, a cue with its likelihood, and how likelihoods are made from countries, divisions and places.

All are ratios: ``exp(value)`` is how much more likely the cue is at a place than on average over where people
live, so its mean over the world's people is 1. A share ``wrong`` of cues tells nothing:
``log(wrong + (1 − wrong) · ratio)``. This makes cues comparable, and lets `joint` put one more share of
wrongness over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from whence.earth import grid
from whence.earth.countries import countries
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.earth.places import Place, gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.evidence.text import areas

_ANCHOR_POPULATION = 15_000
_TINY = 1e-12


@dataclass(frozen=True)
class Signal:
    """A cue with all that a claim needs.

    Attributes:
        kind: short lower-case noun phrase.
        read: the text as it was read.
        implies: what follows for the place, in plain words.
        error_model: how such a reading misleads, one sentence.
        likelihood: log-ratio to the average over where people live.
        lines: which lines it was read from.
    """

    kind: str
    read: str
    implies: str
    error_model: str
    likelihood: Field
    lines: tuple[int, ...]


@lru_cache(maxsize=1)
def _anchors() -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Cells of the finest order of all larger towns, and their shares of people."""
    places = gazetteer()
    large = np.flatnonzero(places.populations >= _ANCHOR_POPULATION)
    cells = grid.cells_at(places.lat_deg[large], places.lon_deg[large], grid.MAX_ORDER)
    people = places.populations[large].astype(np.float64)
    return cells, people / people.sum()


@lru_cache(maxsize=8)
def _anchor_index(partition: Partition) -> Int[np.ndarray, " n"]:
    cells, _ = _anchors()
    return np.searchsorted(partition.starts, cells, side="right") - 1


def _mean(values: Float[np.ndarray, " n"], share: Float[np.ndarray, " n"]) -> float:
    """Weighted mean; a plain sum, because waking the threads of a matrix product takes longer."""
    return float(np.sum(values * share))


def log_mean(field: Field, extra: Sequence[Place] = ()) -> float:
    """Logarithm of the mean of ``exp(field)`` over the world's people.

    Args:
        field: any log-likelihood.
        extra: small places that count too, because the field peaks there.
    """
    _, share = _anchors()
    values = field.values[_anchor_index(field.partition)]
    small = [place for place in extra if place.population < _ANCHOR_POPULATION]
    if small:
        at = field.at([p.lat_deg for p in small], [p.lon_deg for p in small])
        people = np.array([max(p.population, 300) for p in small]) / _world_people()
        values, share = np.concatenate([values, at]), np.concatenate([share, people])
    peak = float(values.max())
    if not np.isfinite(peak):
        return float("-inf")
    return peak + float(np.log(_mean(np.exp(values - peak), share)))


@lru_cache(maxsize=1)
def _world_people() -> float:
    places = gazetteer()
    return float(places.populations[places.populations >= _ANCHOR_POPULATION].sum())


def gain_bits(signal: Signal) -> float:
    """Mean information over the world's people that the cue gives, bits (Kullback–Leibler divergence)."""
    _, share = _anchors()
    values = signal.likelihood.values[_anchor_index(signal.likelihood.partition)]
    density = np.exp(values)
    total = _mean(density, share)
    if total <= 0.0:
        return 0.0
    return max(_mean(density * values, share) / total - float(np.log(total)), 0.0) / LN2


def range_bits(field: Field) -> float:
    """Spread between a field's largest and smallest value, bits."""
    return float(field.values.max() - field.values.min()) / LN2


def mixed(field: Field, wrong: float, bound_bits: float | None = None, extra: Sequence[Place] = ()) -> Field:
    """Scale a likelihood to mean 1 over people and mix it with a share that tells nothing.

    Args:
        field: log-likelihood up to a constant; ``-inf`` is allowed.
        wrong: share of readings that tell nothing, (0, 1].
        bound_bits: if given, the result spreads over no more than this.
        extra: see `log_mean`.
    """
    mean = log_mean(field, extra)
    if not np.isfinite(mean):
        return Field.uniform()
    with np.errstate(over="ignore"):
        values = np.log(wrong + (1.0 - wrong) * np.exp(np.minimum(field.values - mean, 40.0)))
    out = Field(field.partition, values)
    if bound_bits is None or range_bits(out) <= bound_bits:
        return out
    out = Field(field.partition, np.maximum(values, values.max() - bound_bits * LN2))
    return Field(out.partition, out.values - log_mean(out, extra))


def of_countries(weights: Mapping[str, float], wrong: float, bound_bits: float | None = None) -> Field:
    """Likelihood from how often each country shows such a cue.

    Args:
        weights: relative rate by ISO2 code; countries not named have none.
        wrong: share of readings that tell nothing.
        bound_bits: see `mixed`.
    """
    known = {code: float(np.log(max(w, _TINY))) for code, w in weights.items() if w > 0.0 and code in countries()}
    if not known:
        return Field.uniform()
    return mixed(areas.log_field(RegionLevel.COUNTRY, known, float(np.log(_TINY))), wrong, bound_bits)


def of_divisions(
    by_country: Mapping[str, float], by_division: Mapping[str, float], default: float, bound_bits: float
) -> Field:
    """Likelihood by country, and otherwise within some of its first-level divisions.

    Args:
        by_country: relative rate by ISO2 code.
        by_division: relative rate by division code (``ES.56``), where it differs from its country's.
        default: rate everywhere else, at sea for one; above 0.
        bound_bits: see `mixed`.
    """
    low = float(np.log(default))
    if not by_division:
        rates = by_country
        table = regions(RegionLevel.COUNTRY)
    else:
        table = regions(RegionLevel.REGION)
        rates = {code: by_division.get(code, by_country.get(code[:2], default)) for code in table.codes}
    values = {code: float(np.log(max(rate, _TINY))) for code, rate in rates.items() if code in table}
    national = areas.log_field(table.level, values, low)
    return mixed(national, 1e-9, bound_bits)


def near_sigma_km(population: float) -> float:
    """Spread of the place itself: 3 km for a town of 10,000, 9.5 km for a million."""
    return float(np.clip(3.0 * (max(population, 500.0) / 1e4) ** 0.25, 2.0, 25.0))


def far_sigma_km(population: float) -> float:
    """Spread of the area whose signs name a place: 20 km for a town of 10,000, 50 km for a million."""
    return float(np.clip(20.0 * (max(population, 500.0) / 1e4) ** 0.2, 12.0, 80.0))


def kernels(places: Sequence[Place], weights: Sequence[float], far_share: float) -> Field:
    """Log-rate of references to any of some places: around each a narrow and a wide kernel.

    Args:
        places: the places.
        weights: relative rate at each place itself.
        far_share: part of the rate that reaches the wider area.
    """
    lat = np.array([p.lat_deg for p in places])
    lon = np.array([p.lon_deg for p in places])
    rate = np.asarray(weights, np.float64)
    near = np.array([near_sigma_km(p.population) for p in places])
    far = np.array([far_sigma_km(p.population) for p in places])
    mass = np.concatenate([(1.0 - far_share) * rate * near**2, far_share * rate * far**2])
    field = Field.from_points(np.tile(lat, 2), np.tile(lon, 2), mass / mass.sum(), sigma_km=np.concatenate([near, far]))
    return Field(field.partition, np.maximum(field.values, np.log(_TINY)))


def scaled(field: Field, exponent: float) -> Field:
    """A likelihood trusted less: its logarithm times ``exponent``, brought back to mean 1 over people."""
    weaker = field.scale(exponent)
    return Field(weaker.partition, weaker.values - log_mean(weaker))
