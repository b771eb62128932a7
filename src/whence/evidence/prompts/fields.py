"""From scores of prompts to log-likelihoods over the Earth, in parts that add up.

Countries: with scores ``z``, ``r_c = exp(z_c)`` over its mean over the world's people is how much more likely the
picture is in country ``c``; with a share ``w`` of pictures of which the model knows nothing the likelihood is
``log(w + (1 − w) r_c)``. The sea, and countries that were not asked about, take what the middle one of the others has.

Divisions and cities speak within their country only: ``r_k = exp(z_k)`` over its mean among those of the country, as
the country's prompt has spoken for all of them. Where several lie, ``log(1 + Σ g_k (w + (1 − w) r_k − 1))`` with the
share ``g_k`` of a cell that belongs to each: the whole of it for divisions, a bell around a city.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.earth.places import Place
from whence.earth.regions import RegionLevel
from whence.evidence.text import areas
from whence.evidence.text.likelihood import log_mean, mixed

_LOWEST = -27.0
_REACH = 3.0  # a city's bell ends after so many sigmas


@dataclass(frozen=True, eq=False)
class Part:
    """A summand of a likelihood.

    Attributes:
        codes: what it speaks of, the strongest first; one for a summand of its own, several for all others together.
        shares: of each, its probability among all that were asked for.
        field: the summand, nats.
    """

    codes: tuple[str, ...]
    shares: tuple[float, ...]
    field: Field


def country_parts(scores: Mapping[str, float], wrong: float, most: int) -> tuple[Part, ...]:
    """The likelihood by country, as the strongest few and all others together.

    Args:
        scores: nats by ISO2 code, two or more.
        wrong: share of pictures of which the scores say nothing.
        most: how many countries make parts of their own.
    """
    peak = max(scores.values())
    low = {code: max(value - peak, _LOWEST) for code, value in scores.items()}
    rates = areas.log_field(RegionLevel.COUNTRY, low, float(np.median(list(low.values()))))
    total = mixed(rates, wrong)
    mean = log_mean(rates)
    value = {code: float(np.log(wrong + (1.0 - wrong) * np.exp(min(z - mean, 40.0)))) for code, z in low.items()}
    typical = float(np.median(list(value.values())))
    ranked = sorted(scores, key=lambda code: (-scores[code], code))
    own = [
        areas.log_field(RegionLevel.COUNTRY, {code: value[code] - typical}, 0.0) if value[code] != typical else None
        for code in ranked[:most]
    ]
    return _split(total, ranked, _softmax(scores), own)


def division_parts(
    scores: Mapping[str, float], country_of: Mapping[str, str], wrong: float, most: int
) -> tuple[Part, ...]:
    """What prompts of first-level divisions say within their countries; empty without two of one country.

    Args:
        scores: nats by code.
        country_of: country of each, by code.
        wrong: share of pictures of which they say nothing.
        most: how many make parts of their own.
    """
    ratio = _within_country(scores, country_of, wrong)
    if not ratio:
        return ()
    logs = {code: float(np.log(value)) for code, value in ratio.items()}
    total = areas.log_field(RegionLevel.REGION, logs, 0.0)
    shares = _softmax({code: scores[code] for code in logs})
    ranked = sorted(logs, key=lambda code: (-shares[code], code))
    own = [areas.log_field(RegionLevel.REGION, {code: logs[code]}, 0.0) for code in ranked[:most]]
    return _split(total, ranked, shares, own)


@dataclass(frozen=True, eq=False)
class CityCells:
    """Cells around cities, with how much of a cell belongs to each; the shares of a cell add up to 1 at most.

    Attributes:
        partition: of the cells.
        cell: numbers of cells.
        city: which city, beside each.
        share: its share of that cell.
    """

    partition: Partition
    cell: Int[np.ndarray, " m"]
    city: Int[np.ndarray, " m"]
    share: Float[np.ndarray, " m"]

    @staticmethod
    def of(cities: Sequence[Place], sigma_km: float) -> CityCells:
        """Lay bells around cities.

        Args:
            cities: in the order of their numbers.
            sigma_km: width of a bell; where bells overlap they share.
        """
        partition = areas.log_field(RegionLevel.COUNTRY, {}, 0.0).partition
        centres = grid.unit_vectors(partition.lat_deg, partition.lon_deg)
        cells, owners, shares = [], [], []
        for number, city in enumerate(cities):
            here = grid.unit_vectors(np.asarray(city.lat_deg), np.asarray(city.lon_deg))
            closeness = np.einsum("nd,d->n", centres, here)
            near = np.flatnonzero(closeness > np.cos(_REACH * sigma_km / grid.EARTH_RADIUS_KM))
            home = int(partition.index_at(city.lat_deg, city.lon_deg))
            near = np.union1d(near, [home])
            km = grid.EARTH_RADIUS_KM * np.arccos(np.clip(closeness[near], -1.0, 1.0))
            km[near == home] = 0.0  # the cell that holds the city, wherever its centre is
            cells.append(near)
            owners.append(np.full(near.size, number))
            shares.append(np.exp(-0.5 * (km / sigma_km) ** 2))
        cell, share = np.concatenate(cells), np.concatenate(shares)
        crowd = np.bincount(cell, weights=share, minlength=len(partition))
        return CityCells(partition, cell, np.concatenate(owners), share / np.maximum(crowd, 1.0)[cell])

    def field(self, ratios: Float[np.ndarray, " c"]) -> Field:
        """``log(1 + Σ share · (ratio − 1))`` over the cells."""
        excess = np.bincount(self.cell, weights=self.share * (ratios[self.city] - 1.0), minlength=len(self.partition))
        return Field(self.partition, np.log1p(excess))


def city_parts(
    scores: Mapping[str, float],
    country_of: Mapping[str, str],
    cells: CityCells,
    codes: Sequence[str],
    wrong: float,
    most: int,
) -> tuple[Part, ...]:
    """What prompts of cities say within their countries; empty without two of one country.

    Args:
        scores: nats by code.
        country_of: country of each, by code.
        cells: around the cities.
        codes: of the cities of ``cells``, in order.
        wrong: share of pictures of which they say nothing.
        most: how many make parts of their own.
    """
    ratio = _within_country(scores, country_of, wrong)
    if not ratio:
        return ()
    rows = np.asarray([ratio.get(code, 1.0) for code in codes])
    total = cells.field(rows)
    shares = _softmax({code: scores[code] for code in ratio})
    ranked = sorted(ratio, key=lambda code: (-shares[code], code))
    own = [cells.field(np.where([other == code for other in codes], rows, 1.0)) for code in ranked[:most]]
    return _split(total, ranked, shares, own)


def _within_country(scores: Mapping[str, float], country_of: Mapping[str, str], wrong: float) -> dict[str, float]:
    """How much more likely than on average over those of the same country; countries with one only are left out."""
    by_country: dict[str, list[str]] = {}
    for code in scores:
        by_country.setdefault(country_of[code], []).append(code)
    out = {}
    for codes in by_country.values():
        if len(codes) < 2:
            continue
        values = np.asarray([scores[code] for code in codes])
        rates = np.exp(values - values.max())
        for code, rate in zip(codes, (rates / rates.mean()).tolist(), strict=True):
            out[code] = wrong + (1.0 - wrong) * rate
    return out


def _softmax(scores: Mapping[str, float]) -> dict[str, float]:
    values = np.asarray(list(scores.values()))
    rates = np.exp(values - values.max())
    return dict(zip(scores, (rates / rates.sum()).tolist(), strict=True))


def _split(
    total: Field, ranked: Sequence[str], shares: Mapping[str, float], own: Sequence[Field | None]
) -> tuple[Part, ...]:
    """The strongest as parts of their own, and what is left of the sum as one part; they add up to it exactly."""
    parts = []
    rest = total.values.copy()
    for code, field in zip(ranked, own, strict=False):
        if field is not None:
            rest -= field.values
            parts.append(Part((code,), (shares[code],), Field(total.partition, field.values)))
    told = {part.codes[0] for part in parts}
    others = tuple(code for code in ranked if code not in told)
    parts.append(Part(others, tuple(shares[code] for code in others), Field(total.partition, rest)))
    return tuple(parts)
