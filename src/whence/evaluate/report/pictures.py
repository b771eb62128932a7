"""What a report keeps of each picture: its figures and its ledger, without the beliefs they were read from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.earth.coordinates import distance_km
from whence.earth.field import LN2, Field
from whence.evaluate.metrics import area_to_truth_km2
from whence.evaluate.records import Record, SourceRecord, Truth


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What one source told of one picture.

    Attributes:
        name: of the source.
        bits: logarithm of its likelihood at the truth over its mean over the prior; NaN if it said nothing.
        failure: why it gave nothing although it was asked.
        elapsed_ms: time it took.
    """

    name: str
    bits: float
    failure: str | None
    elapsed_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Pictured:
    """One picture of an evaluation.

    Attributes:
        name: path of the picture below the data set's root.
        sha256: of its bytes.
        truth: where it was taken.
        lat_deg: latitude of the answer; NaN if there is none.
        lon_deg: longitude of the answer.
        error_km: from the answer to the truth; infinite without an answer.
        p90_km: distance from the answer that holds nine tenths of the belief; NaN where it is not known.
        abstained: whether the system called its answer too wide to be used.
        failure: why there is no answer, or ``None``.
        bits: logarithm of the belief's density at the truth over the prior's; NaN without a belief.
        area_km2: area to be searched, the likeliest places first, until the truth is found; NaN without a belief.
        prior_area_km2: the same with the prior in place of the belief.
        level: the credible level whose region reaches just to the truth, 0..1; NaN without a belief.
        estimate: the answer as JSON values, with its ledger; ``None`` where there is none.
        sources: what each source told.
    """

    name: str
    sha256: str
    truth: Truth
    lat_deg: float
    lon_deg: float
    error_km: float
    p90_km: float
    abstained: bool
    failure: str | None
    bits: float
    area_km2: float
    prior_area_km2: float
    level: float
    estimate: Mapping[str, Any] | None
    sources: tuple[SourceFigures, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether there is an answer, an abstention or not."""
        return math.isfinite(self.error_km)


def pictured(records: Iterable[Record], prior: Field) -> Iterator[Pictured]:
    """Yield the figures of each record, one at a time, so that no more than one belief is in memory.

    Args:
        records: of one run.
        prior: what every belief of the run started from.
    """
    return (_pictured(record, prior) for record in records)


def column(pictures: Iterable[Pictured], name: str) -> Float[np.ndarray, " n"]:
    """One figure of all pictures."""
    return np.array([float(getattr(item, name)) for item in pictures])


def _pictured(record: Record, prior: Field) -> Pictured:
    truth = record.truth
    error = math.inf
    if math.isfinite(record.lat_deg) and math.isfinite(record.lon_deg):
        error = float(distance_km(record.lat_deg, record.lon_deg, truth.lat_deg, truth.lon_deg))
    bits = area = before = level = math.nan
    if record.belief is not None:
        bits, area, level = _of_belief(record.belief, prior, truth)
        before = area_to_truth_km2(prior, truth.lat_deg, truth.lon_deg)
    return Pictured(
        name=record.name,
        sha256=record.sha256,
        truth=truth,
        lat_deg=record.lat_deg,
        lon_deg=record.lon_deg,
        error_km=error,
        p90_km=record.p90_km,
        abstained=record.abstained,
        failure=record.failure,
        bits=bits,
        area_km2=area,
        prior_area_km2=before,
        level=level,
        estimate=record.estimate,
        sources=tuple(_of_source(source, prior, truth) for source in record.sources),
    )


def _of_source(source: SourceRecord, prior: Field, truth: Truth) -> SourceFigures:
    bits = math.nan
    if source.likelihood is not None:
        tempered = source.likelihood.scale(1.0 / source.temperature)
        bits = (float(tempered.at(truth.lat_deg, truth.lon_deg)) - prior.expected(tempered)) / LN2
    return SourceFigures(source.source, bits, source.failure, source.elapsed_ms)


def _of_belief(belief: Field, prior: Field, truth: Truth) -> tuple[float, float, float]:
    at_truth = float(belief.at(truth.lat_deg, truth.lon_deg))
    before = float(prior.at(truth.lat_deg, truth.lon_deg))
    bits = (at_truth - before) / LN2 if math.isfinite(before) else math.nan
    level = float(belief.mass[belief.values > at_truth].sum())
    return bits, area_to_truth_km2(belief, truth.lat_deg, truth.lon_deg), min(level, 1.0)
