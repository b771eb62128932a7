"""How good a whole belief is, picture by picture: bits, areas, credible regions, names of regions.

All of it is read off the belief, the prior and the true place. Where a truth is known to a radius only, the density at
it is the mean over the disc: what the belief thinks of "somewhere in here". Means are taken over discs of belief and of
prior alike, so a gain over the prior stays one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float

from whence.earth import grid
from whence.earth.field import LN2, Field
from whence.earth.regions import RegionLevel, regions
from whence.evaluate.metrics import area_to_truth_km2, errors_km
from whence.evaluate.records import Record, Truth

_ACROSS_DISC = 12
"""Cells across the disc of a truth, over which densities are averaged."""

LEVELS = (RegionLevel.COUNTRY, RegionLevel.REGION)
"""Levels at which the belief's names are scored."""


@dataclass(frozen=True, slots=True)
class RegionFigures:
    """What a belief says of one level of regions.

    Attributes:
        best: code of the most probable region, empty for the sea.
        probability: of it.
        right: whether the truth lies in it.
        rank: place of the true region among all, 1 for the most probable; regions as probable as it come before.
        prior_rank: the same by the prior.
    """

    best: str
    probability: float
    right: bool
    rank: int
    prior_rank: int


@dataclass(frozen=True, slots=True)
class BeliefFigures:
    """What one belief is worth, now that the truth is known.

    Attributes:
        bits: log₂ of the belief's density over the prior's, both averaged over the disc in which the camera stood.
        bits_at_point: the same at the stated point alone.
        log_score_bits: log₂ of the belief's mean density over the disc, a km²; what a forecaster is paid by.
        area_km2: area to be searched until the truth is found (`area_to_truth_km2`).
        prior_area_km2: the same by the prior.
        level: mass of all places likelier than the truth, 0..1: the smallest credible region that holds it.
        area_50_km2: size of the 50 % credible region.
        area_90_km2: size of the 90 % credible region.
        held_50: whether the 50 % credible region holds the stated point.
        held_90: the same for 90 %.
        gain_bits: how much the belief sharpens the prior, whatever the truth (Kullback–Leibler divergence).
        country: its countries.
        region: its first-level divisions.
    """

    bits: float
    bits_at_point: float
    log_score_bits: float
    area_km2: float
    prior_area_km2: float
    level: float
    area_50_km2: float
    area_90_km2: float
    held_50: bool
    held_90: bool
    gain_bits: float
    country: RegionFigures
    region: RegionFigures


@dataclass(frozen=True, slots=True, eq=False)
class BeliefTable:
    """Figures of many beliefs, one array a figure; NaN where a system gives no beliefs.

    Attributes:
        errors_km: from the answer to the truth; infinite without an answer.
        p50_km: radius around the answer that holds half of the belief; infinite without an answer.
        p90_km: the same for nine tenths.
        abstained: whether the system called its answer too wide to be used.
        believed: whether there is a belief.
        bits: as in `BeliefFigures`, and so on for all that follow.
    """

    errors_km: Float[np.ndarray, " n"]
    p50_km: Float[np.ndarray, " n"]
    p90_km: Float[np.ndarray, " n"]
    abstained: Bool[np.ndarray, " n"]
    believed: Bool[np.ndarray, " n"]
    bits: Float[np.ndarray, " n"]
    bits_at_point: Float[np.ndarray, " n"]
    log_score_bits: Float[np.ndarray, " n"]
    area_km2: Float[np.ndarray, " n"]
    prior_area_km2: Float[np.ndarray, " n"]
    level: Float[np.ndarray, " n"]
    area_50_km2: Float[np.ndarray, " n"]
    area_90_km2: Float[np.ndarray, " n"]
    held_50: Float[np.ndarray, " n"]
    held_90: Float[np.ndarray, " n"]
    gain_bits: Float[np.ndarray, " n"]
    country_probability: Float[np.ndarray, " n"]
    country_right: Float[np.ndarray, " n"]
    country_rank: Float[np.ndarray, " n"]
    country_prior_rank: Float[np.ndarray, " n"]
    region_probability: Float[np.ndarray, " n"]
    region_right: Float[np.ndarray, " n"]
    region_rank: Float[np.ndarray, " n"]
    region_prior_rank: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return int(self.bits.size)

    def of(self, rows: np.ndarray) -> BeliefTable:
        """The figures of some pictures, by number."""
        return BeliefTable(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def mean_density(field: Field, truth: Truth) -> float:
    """Logarithm of a field's mean density over the disc in which the camera stood, nats; ``-inf`` where it is nil."""
    if not truth.accuracy_km:
        return float(field.at(truth.lat_deg, truth.lon_deg))
    order = grid.order_for_size_km(2.0 * truth.accuracy_km / _ACROSS_DISC)
    cells = grid.disc(truth.lat_deg, truth.lon_deg, truth.accuracy_km, order)
    values = field.at(*grid.centres(cells, order))
    peak = float(values.max())
    return peak + math.log(float(np.exp(values - peak).mean())) if math.isfinite(peak) else peak


@dataclass(frozen=True, eq=False)
class PriorReader:
    """What of the prior is needed again for every picture.

    Attributes:
        prior: normalised.
        masses: probability of each region by level.
    """

    prior: Field
    masses: dict[RegionLevel, dict[str, float]]

    @staticmethod
    def of(prior: Field) -> PriorReader:
        """Read a prior."""
        return PriorReader(prior, {level: regions(level).marginalise(prior) for level in LEVELS})

    def figures(self, belief: Field, truth: Truth) -> BeliefFigures:
        """Figures of one belief that started from this prior.

        Args:
            belief: normalised.
            truth: where the picture was taken.
        """
        prior, lat, lon = self.prior, truth.lat_deg, truth.lon_deg
        at_truth = float(belief.at(lat, lon))
        inside, outside = mean_density(belief, truth), mean_density(prior, truth)
        half, most = belief.credible_region(0.5), belief.credible_region(0.9)
        return BeliefFigures(
            bits=_gain(inside, outside),
            bits_at_point=_gain(at_truth, float(prior.at(lat, lon))),
            log_score_bits=inside / LN2 - math.log2(grid.EARTH_AREA_KM2),
            area_km2=area_to_truth_km2(belief, lat, lon),
            prior_area_km2=area_to_truth_km2(prior, lat, lon),
            level=min(float(belief.mass[belief.values > at_truth].sum()), 1.0),
            area_50_km2=half.area_km2,
            area_90_km2=most.area_km2,
            held_50=bool(half.contains(lat, lon)),
            held_90=bool(most.contains(lat, lon)),
            gain_bits=max(belief.information_gain_bits(prior), 0.0),
            country=self._named(RegionLevel.COUNTRY, belief, truth),
            region=self._named(RegionLevel.REGION, belief, truth),
        )

    def _named(self, level: RegionLevel, belief: Field, truth: Truth) -> RegionFigures:
        masses = regions(level).marginalise(belief)
        true = str(regions(level).at(truth.lat_deg, truth.lon_deg))
        best = max(masses, key=lambda code: masses[code])
        return RegionFigures(best, masses[best], best == true, rank_of(true, masses), rank_of(true, self.masses[level]))


def rank_of(code: str, masses: dict[str, float]) -> int:
    """Place of a region among all by probability; those as probable come before it, one without any is last."""
    own = masses.get(code, 0.0)
    if own <= 0.0:
        return len(masses) + 1
    return sum(mass >= own for mass in masses.values())


def read_beliefs(records: Iterable[Record], prior: Field) -> BeliefTable:
    """Figures of all beliefs, one belief in memory at a time.

    A picture that failed counts as if the prior had been its belief, so that silence neither pays nor hides.

    Args:
        records: of one run.
        prior: that of the run, normalised.
    """
    reader = PriorReader.of(prior)
    rows = [_row(record, reader) for record in records]
    names = [item.name for item in fields(BeliefTable)]
    columns = {name: np.asarray([row.get(name, math.nan) for row in rows], np.float64) for name in names}
    for name in ("abstained", "believed"):
        columns[name] = columns[name].astype(bool)
    return BeliefTable(**columns)


def _row(record: Record, reader: PriorReader) -> dict[str, float]:
    truth = record.truth
    error = errors_km(*(np.array([v], float) for v in (record.lat_deg, record.lon_deg, truth.lat_deg, truth.lon_deg)))
    out: dict[str, float] = {
        "errors_km": float(error[0]),
        "p50_km": record.p50_km if math.isfinite(record.p50_km) else math.inf,
        "p90_km": record.p90_km if math.isfinite(record.p90_km) else math.inf,
        "abstained": record.abstained,
        "believed": record.belief is not None,
    }
    believed = reader.prior if record.belief is None and record.failure is not None else record.belief
    if believed is None:
        return out
    found = reader.figures(believed, truth)
    for item in fields(found):
        value = getattr(found, item.name)
        if not isinstance(value, RegionFigures):
            out[item.name] = float(value)
            continue
        for part in ("probability", "right", "rank", "prior_rank"):
            out[f"{item.name}_{part}"] = float(getattr(value, part))
    return out


def _gain(inside: float, outside: float) -> float:
    """Bits of one log-density over another; NaN where the prior itself is nil."""
    return math.nan if math.isinf(outside) else (inside - outside) / LN2
