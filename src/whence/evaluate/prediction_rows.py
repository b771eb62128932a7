"""A `Record` as a row of plain values and bytes, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from whence.earth.field import Field
from whence.earth.fieldfile import from_bytes, to_bytes
from whence.evaluate.field_coding import ratio, restored, simplified
from whence.evaluate.records import Record, SourceRecord, Truth

_SAME_NATS = 1e-6
_BY_FIELD, _BY_SOURCES, _NO_BELIEF = "field", "sources", "none"


def truth_columns(truth: Truth) -> dict[str, Any]:
    """Columns that say where a picture was taken."""
    return {
        "truth_lat_deg": truth.lat_deg,
        "truth_lon_deg": truth.lon_deg,
        "truth_accuracy_km": truth.accuracy_km,
        "group": truth.group,
        "attributes": list(truth.attributes.items()),
    }


def answer_columns(record: Record, prior: Field) -> dict[str, Any]:
    """Columns that say what a system made of a picture.

    The belief is kept as its ratio to the prior, or not at all where the prior and the sources' likelihoods add up to
    it. Fields are simplified (`whence.evaluate.field_coding`).

    Args:
        record: the picture; its truth is not looked at.
        prior: that of the run, normalised.
    """
    kind = _kind(record, prior)
    belief = None
    if kind == _BY_FIELD and record.belief is not None:
        belief = to_bytes(simplified(ratio(record.belief, prior), prior, record.belief))
    return {
        "name": record.name,
        "sha256": record.sha256,
        "lat_deg": _number(record.lat_deg),
        "lon_deg": _number(record.lon_deg),
        "p50_km": _number(record.p50_km),
        "p90_km": _number(record.p90_km),
        "abstained": record.abstained,
        "failure": record.failure,
        "elapsed_ms": record.elapsed_ms,
        "belief_kind": kind,
        "belief": belief,
        "sources": [_source_values(item, prior, record.belief) for item in record.sources],
        "estimate": None if record.estimate is None else json.dumps(record.estimate, ensure_ascii=False),
    }


def to_row(record: Record, prior: Field) -> dict[str, Any]:
    """All columns of a record."""
    return {**answer_columns(record, prior), **truth_columns(record.truth)}


def from_row(row: Mapping[str, Any], prior: Field) -> Record:
    """The record of a row; columns that were not read give ``None`` or nothing."""
    sources = tuple(_source(item) for item in row.get("sources") or ())
    estimate = row.get("estimate")
    return Record(
        name=row["name"],
        sha256=row["sha256"],
        truth=Truth(
            row["truth_lat_deg"],
            row["truth_lon_deg"],
            row["truth_accuracy_km"],
            row["group"],
            dict(row["attributes"] or ()),
        ),
        lat_deg=_or_nan(row["lat_deg"]),
        lon_deg=_or_nan(row["lon_deg"]),
        p50_km=_or_nan(row["p50_km"]),
        p90_km=_or_nan(row["p90_km"]),
        abstained=row["abstained"],
        belief=_belief(row, sources, prior),
        sources=sources,
        estimate=None if estimate is None else json.loads(estimate),
        failure=row["failure"],
        elapsed_ms=row["elapsed_ms"],
    )


def _fused(sources: tuple[SourceRecord, ...], prior: Field) -> Field:
    said = [s.likelihood.scale(1.0 / s.temperature) for s in sources if s.likelihood is not None]
    return Field.sum([prior, *said]).normalise()


def _kind(record: Record, prior: Field) -> str:
    """Whether the belief follows from the sources, to rounding."""
    if record.belief is None:
        return _NO_BELIEF
    if any(s.likelihood is not None for s in record.sources):
        fused = _fused(record.sources, prior)
        both = fused.partition.union(record.belief.partition)
        one, other = fused.on(both).values, record.belief.on(both).values
        if np.allclose(one, other, rtol=0.0, atol=_SAME_NATS):
            return _BY_SOURCES
    return _BY_FIELD


def _belief(row: Mapping[str, Any], sources: tuple[SourceRecord, ...], prior: Field) -> Field | None:
    kind = row.get("belief_kind")
    if kind == _BY_SOURCES and "sources" in row:
        return _fused(sources, prior)
    if kind == _BY_FIELD and row.get("belief") is not None:
        return restored(from_bytes(row["belief"], f"the belief of {row['name']!r}"), prior)
    return None


def _source_values(item: SourceRecord, prior: Field, belief: Field | None) -> dict[str, Any]:
    kept = None
    if item.likelihood is not None:
        kept = to_bytes(simplified(item.likelihood, prior, belief, temperature=item.temperature))
    return {
        "source": item.source,
        "likelihood": kept,
        "temperature": item.temperature,
        "bits": item.bits,
        "failure": item.failure,
        "elapsed_ms": item.elapsed_ms,
    }


def _source(values: Mapping[str, Any]) -> SourceRecord:
    kept = values["likelihood"]
    return SourceRecord(
        values["source"],
        None if kept is None else from_bytes(kept, f"the likelihood of {values['source']!r}"),
        values["temperature"],
        values["bits"],
        values["failure"],
        values["elapsed_ms"],
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
