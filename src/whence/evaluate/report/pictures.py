"""What a report keeps of each picture: its figures and its ledger, without the beliefs they were read from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whence.earth.field import LN2, Field
from whence.evaluate.belief_metrics import mean_density
from whence.evaluate.evaluation import PictureScores
from whence.evaluate.records import Record, SourceRecord, Truth


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What one source told of one picture.

    Attributes:
        name: of the source.
        bits: log₂ of its likelihood at the truth over its mean over the prior; NaN if it said nothing.
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
        p50_km: distance from the answer that holds half of the belief; NaN where it is not known.
        p90_km: distance from the answer that holds nine tenths of it.
        abstained: whether the system called its answer too wide to be used.
        failure: why there is no answer, or ``None``.
        bits: log₂ of the belief's density at the truth over the prior's; NaN without a belief.
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
    p50_km: float
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


def pictured(found: PictureScores, records: Iterable[Record], prior: Field) -> Iterator[Pictured]:
    """Yield what is shown of each picture that was scored, one at a time.

    Args:
        found: what came of each picture.
        records: the pictures under the names of their truths, in any order; those that were not scored are left out.
        prior: what every belief of the run started from.
    """
    rows = {name: row for row, name in enumerate(found.names)}
    for record in records:
        row = rows.get(record.name)
        if row is not None:
            yield _pictured(found, row, record, prior)


def _pictured(found: PictureScores, row: int, record: Record, prior: Field) -> Pictured:
    beliefs = found.beliefs
    return Pictured(
        name=record.name,
        sha256=record.sha256,
        truth=record.truth,
        lat_deg=record.lat_deg,
        lon_deg=record.lon_deg,
        error_km=float(found.errors_km[row]),
        p50_km=record.p50_km,
        p90_km=record.p90_km,
        abstained=record.abstained,
        failure=record.failure,
        bits=math.nan if beliefs is None else float(beliefs.bits[row]),
        area_km2=math.nan if beliefs is None else float(beliefs.area_km2[row]),
        prior_area_km2=math.nan if beliefs is None else float(beliefs.prior_area_km2[row]),
        level=math.nan if beliefs is None else float(beliefs.level[row]),
        estimate=record.estimate,
        sources=tuple(_of_source(source, prior, record.truth) for source in record.sources),
    )


def _of_source(source: SourceRecord, prior: Field, truth: Truth) -> SourceFigures:
    bits = math.nan
    if source.likelihood is not None:
        tempered = source.likelihood.scale(1.0 / source.temperature)
        bits = (mean_density(tempered, truth) - prior.expected(tempered)) / LN2
    return SourceFigures(source.source, bits, source.failure, source.elapsed_ms)
