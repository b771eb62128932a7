"""An answer as what is kept of it for scoring: a `Record`, or the columns of its row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whence.batch.jobs import Failure
from whence.earth.field import Field
from whence.estimate.types import Estimate
from whence.evaluate.prediction_rows import answer_columns
from whence.evaluate.records import Record, SourceRecord, Truth

_UNKNOWN = Truth(math.nan, math.nan)


def record_of(
    estimate: Estimate, truth: Truth, content: Mapping[str, Any] | None = None, elapsed_ms: float = 0.0
) -> Record:
    """The record of an answer.

    Args:
        estimate: the answer; below a resolution floor its belief is not kept.
        truth: where the picture was taken.
        content: the answer as plain values; made here if not given.
        elapsed_ms: wall time of the picture.
    """
    bits = {entry.source: entry.bits for entry in estimate.ledger.entries}
    sources = tuple(
        SourceRecord(
            source=item.source,
            likelihood=Field.sum(item.likelihoods) if item.likelihoods else None,
            temperature=item.temperature,
            bits=bits.get(item.source, 0.0),
            failure=item.failure,
            elapsed_ms=item.elapsed_ms,
        )
        for item in estimate.evidence
    )
    return Record(
        name=estimate.query.name,
        sha256=estimate.query.sha256[0] if estimate.query.sha256 else "",
        truth=truth,
        lat_deg=estimate.point.lat_deg,
        lon_deg=estimate.point.lon_deg,
        p50_km=estimate.error_km["p50"],
        p90_km=estimate.error_km["p90"],
        abstained=estimate.abstained,
        belief=None if estimate.coarsest else estimate.belief,
        sources=sources,
        estimate=estimate.to_dict() if content is None else content,
        elapsed_ms=elapsed_ms,
    )


def answered_row(estimate: Estimate, content: Mapping[str, Any], elapsed_ms: float) -> dict[str, Any]:
    """Columns of an answer, without those of the truth."""
    return answer_columns(record_of(estimate, _UNKNOWN, content, elapsed_ms), estimate.prior)


def failed_row(name: str, sha256: str | None, failure: Failure, prior: Field) -> dict[str, Any]:
    """Columns of a picture without an answer, without those of the truth."""
    return answer_columns(failed_record(name, sha256, _UNKNOWN, failure), prior)


def failed_record(name: str, sha256: str | None, truth: Truth, failure: Failure) -> Record:
    """The record of a picture without an answer."""
    nan = math.nan
    why = f"{failure.type}: {failure.message}"
    return Record(name, sha256 or "", truth, nan, nan, nan, nan, False, failure=why)
