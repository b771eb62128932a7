"""An `Estimate` as JSON values, as text for a terminal, and as a map in a notebook."""

from __future__ import annotations

import hashlib
import math
import re
import textwrap
from collections.abc import Mapping
from html import escape
from typing import Any

from whence.earth.drawing import Marker, draw_map
from whence.estimate import wording
from whence.estimate.types import Calibrated, Candidate, ClaimEntry, Estimate, Faithfulness, LedgerEntry, Without

SCHEMA = "whence.estimate/1"
"""Name and version of the layout that `to_dict` writes; ``estimate.schema.json`` beside this file defines it."""

_WIDTH = 96
_BAR = 16
_SHOWN_CLAIMS = 4
_LABEL = 11
_NUMBER_AND_UNIT = re.compile(r"(\d) (?=(?:%|m\b|km\b|m²|km²|million\b))")


# --- JSON --------------------------------------------------------------------------------------------------


def to_dict(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as plain JSON values, rounded, without infinities or not-a-numbers.

    Degrees have 6 decimals, probabilities 6, bits 3, kilometres 3 (metres), times 1; areas have 6 significant
    digits and no more than 6 decimals (square metres).
    Bits that are infinite (a place that is ruled out) become ``None``.
    """
    ledger = estimate.ledger
    return {
        "schema": SCHEMA,
        "query": {
            "name": estimate.query.name,
            "sha256": list(estimate.query.sha256),
            "size_px": list(estimate.query.size_px) if estimate.query.size_px else None,
            "kind": estimate.query.kind,
            "format": estimate.query.format,
            "warnings": list(estimate.query.warnings),
        },
        "point": _point(estimate.point.lat_deg, estimate.point.lon_deg),
        "error_km": {name: _km(km) for name, km in estimate.error_km.items()},
        "regions": [
            {"level": r.level, "code": r.code, "name": r.name, "probability": _share(r.probability)}
            for r in estimate.regions
        ],
        "candidates": [_candidate(candidate) for candidate in estimate.candidates],
        "credible": [
            {
                "level": c.level,
                "area_km2": _km2(c.area_km2),
                "belief": _share(c.region.mass),
                "calibrated": c.drawn_at is not None,
            }
            for c in estimate.credible
        ],
        "abstained": estimate.abstained,
        "abstention_reason": estimate.abstention_reason,
        "ledger": [_entry(entry) for entry in ledger.entries],
        "bits": {
            "prior": _bits(ledger.prior_bits),
            "agreement": _bits(ledger.agreement_bits),
            "total": _bits(ledger.total_bits),
        },
        "runner_up": _candidate(ledger.runner_up) if ledger.runner_up else None,
        "faithfulness": _faithfulness(ledger.faithfulness),
        "calibration": [_calibrated(item) for item in estimate.calibrated],
        "coarsest": estimate.coarsest,
        "versions": dict(estimate.versions),
        "timings_ms": _times(estimate.timings_ms),
    }


def _round(value: float, decimals: int) -> float | None:
    return round(float(value), decimals) + 0.0 if math.isfinite(value) else None


def _bits(value: float) -> float | None:
    return _round(value, 3)


def _share(value: float) -> float | None:
    return _round(min(max(value, 0.0), 1.0), 6)


def _km(value: float) -> float | None:
    return _round(value, 3)


def _km2(value: float) -> float | None:
    """Six significant digits, down to square metres; a region that is not empty has at least one."""
    if not math.isfinite(value):
        return None
    return max(round(float(f"{value:.6g}"), 6), 1e-6 if value > 0.0 else 0.0)


def _point(lat_deg: float, lon_deg: float) -> dict[str, float | None]:
    lon = round(lon_deg, 6)
    return {"lat_deg": _round(lat_deg, 6), "lon_deg": (lon if lon < 180.0 else -180.0) + 0.0}


def _times(timings: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _round(ms, 1) for name, ms in timings.items()}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    near = candidate.place
    place = near and {
        "geonames_id": near.place.id,
        "name": near.place.name,
        "division": near.place.division_name,
        "country": near.place.country,
        "population": near.place.population,
        "distance_km": _km(near.distance_km),
    }
    return {
        **_point(candidate.lat_deg, candidate.lon_deg),
        "probability": _share(candidate.probability),
        "label": candidate.label,
        "place": place,
    }


def _without(without: Without | None) -> dict[str, Any] | None:
    if without is None:
        return None
    return {
        "shift_km": _km(without.shift_km),
        "probability": _share(without.probability),
        "point": _point(without.point.lat_deg, without.point.lon_deg),
    }


def _faithfulness(found: Faithfulness | None) -> dict[str, Any] | str:
    if found is None:
        return wording.NOT_MEASURED
    return {"score": _round(found.score, 3), "units": found.units, "method": found.method}


def _calibrated(item: Calibrated) -> dict[str, Any]:
    return {
        "dataset": item.dataset,
        "pictures": item.pictures,
        "groups": item.groups,
        "created": item.created,
        "fits": item.fits,
        "sources": list(item.sources),
        "unit": item.unit or None,
        "abstention": item.rule,
        "sets": [
            {"level": one.level, "coverage": one.coverage, "codes": None if one.codes is None else list(one.codes)}
            for one in item.sets
        ],
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "source": entry.source,
        "bits": _bits(entry.bits),
        "bits_runner_up": _bits(entry.bits_runner_up),
        "information_gain_bits": _bits(entry.information_gain_bits),
        "claims": [_claim(claim) for claim in entry.claims],
        "without": _without(entry.without),
        "temperature": _round(entry.temperature, 6),
        "elapsed_ms": _round(entry.elapsed_ms, 1),
        "failure": entry.failure,
    }


def _claim(entry: ClaimEntry) -> dict[str, Any]:
    claim, box = entry.claim, entry.claim.box
    return {
        "kind": claim.kind,
        "read": claim.read,
        "implies": claim.implies,
        "error_model": claim.error_model,
        "bits": _bits(entry.bits),
        "bits_runner_up": _bits(entry.bits_runner_up),
        "without": _without(entry.without),
        "view": claim.view,
        "box": [_round(edge, 4) for edge in (box.left, box.top, box.right, box.bottom)] if box else None,
    }


# --- text --------------------------------------------------------------------------------------------------


def to_text(estimate: Estimate) -> str:
    """Return an estimate as text for a terminal of 96 columns: where, how sure, why."""
    lines = [_head(estimate), ""]
    if estimate.abstained:
        lines += [*_block("No answer", f"{_sentence(estimate.abstention_reason or 'the belief is too wide')}"), ""]
    lines += [*_where_lines(estimate), *_sure_lines(estimate), ""]
    lines += _why_lines(estimate)
    notes = [f"{entry.source}: {entry.failure}" for entry in estimate.ledger.entries if entry.failure]
    notes += list(estimate.query.warnings)
    for index, note in enumerate(notes):
        lines += _block("" if index else "Note", _sentence(note))
    if estimate.coarsest:
        lines += _block("Floor", f"Nothing finer than the {estimate.coarsest} is shown, as was asked for.")
    return "\n".join(line.rstrip() for line in lines)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def _block(label: str, text: str) -> list[str]:
    kept = _NUMBER_AND_UNIT.sub("\\1\u00a0", wording.one_line(text, 2000))
    lines = textwrap.wrap(kept, _WIDTH - _LABEL) or [""]
    return [f"{label if i == 0 else '':<{_LABEL}}{line}".replace("\u00a0", " ") for i, line in enumerate(lines)]


def _head(estimate: Estimate) -> str:
    query = estimate.query
    parts = [query.format, f"{query.size_px[0]} × {query.size_px[1]}" if query.size_px else ""]
    details = ", ".join(part for part in parts if part)
    return f"{wording.one_line(query.name, 70)}{f'  ({details})' if details else ''}"


def _where_lines(estimate: Estimate) -> list[str]:
    at = wording.coordinates(estimate.point.lat_deg, estimate.point.lon_deg, estimate.error_km["p50"])
    label = "Best guess" if estimate.abstained else "Where"
    return [*_block(label, wording.where(estimate)), *_block("", at)]


def _sure_lines(estimate: Estimate) -> list[str]:
    lines = _block("How sure", wording.certainty(estimate))
    for level, name in (("country", "Country"), ("region", "Region")):
        found = wording.top_of(estimate, level)[:3]
        if found:
            listed = ", ".join(f"{region.name} {wording.percent(region.probability)}" for region in found)
            lines += _block("", f"{name}: {listed}")
    others = [
        f"{candidate.label} ({wording.percent(candidate.probability)})"
        for candidate in estimate.candidates[1:3]
        if candidate.probability >= 0.005
    ]
    lines += _block("Or else", "; ".join(others)) if others else []
    for item in estimate.calibrated:
        lines += _block("", wording.calibrated(item))
    return lines


def _why_lines(estimate: Estimate) -> list[str]:
    ledger = estimate.ledger
    said = [entry for entry in ledger.entries if entry.without is not None]
    longest = max((abs(e.bits) for e in said if math.isfinite(e.bits)), default=0.0)
    longest = max(longest, abs(ledger.prior_bits), 1.0)
    lines = ["Why        bits at the answer: each doubles the odds of this place over an average one"]
    for entry in said:
        lines.append(_bar_line(entry.source, entry.bits, longest))
        shown = sorted(entry.claims, key=lambda claim: -abs(claim.bits) if math.isfinite(claim.bits) else -1e9)
        for claim in shown[:_SHOWN_CLAIMS]:
            lines += _claim_lines(claim)
        if len(shown) > _SHOWN_CLAIMS:
            lines.append(f"{'':<{_LABEL}}  … and {len(shown) - _SHOWN_CLAIMS} more")
        lines.append(f"{'':<{_LABEL}}  {_sentence(wording.removal(entry))}")
    lines.append(_bar_line("prior", ledger.prior_bits, longest, "where pictures are taken anyway"))
    if abs(ledger.agreement_bits) >= 0.05:
        note = "more than each alone" if ledger.agreement_bits > 0 else "said twice, counted once"
        lines.append(_bar_line("together", ledger.agreement_bits, longest, note))
    lines.append(_bar_line("sum", ledger.total_bits, longest, "over a random spot on Earth", bar=False))
    silent = [e.source for e in ledger.entries if e.without is None and not e.failure]
    return lines + (_block("Silent", f"{', '.join(silent)} had nothing to go by.") if silent else [])


def _bar_line(name: str, value: float, longest: float, note: str = "", *, bar: bool = True) -> str:
    length = 0.0 if not math.isfinite(value) or not bar else abs(value) / longest * _BAR
    eighths = round(length * 8)
    mark = "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")
    if round(value, 1) < 0:
        mark = "░" * max(round(length), 1)
    return f"  {wording.one_line(name, 12):<12} {wording.bits(value):>6} {mark:<{_BAR + 1}} {note}"


def _claim_lines(entry: ClaimEntry) -> list[str]:
    claim = entry.claim
    head = f"{claim.kind}: {wording.one_line(claim.read, 60)} → {wording.one_line(claim.implies, 200)}"
    amount = f" ({wording.bits(entry.bits)})" if claim.likelihood is not None else ""
    first, *rest = textwrap.wrap(head + amount, _WIDTH - _LABEL - 4) or [""]
    return [f"{'':<{_LABEL}}· {first}", *(f"{'':<{_LABEL}}  {line}" for line in rest)]


# --- notebook ----------------------------------------------------------------------------------------------


def map_markers(estimate: Estimate) -> tuple[Marker, ...]:
    """Numbered markers of the candidates, the answer first."""
    return tuple(
        Marker(c.lat_deg, c.lon_deg, str(i + 1), f"{i + 1}. {c.label}, {wording.percent(c.probability)}")
        for i, c in enumerate(estimate.candidates)
    )


def to_notebook_html(estimate: Estimate) -> str:
    """Return a map with a short table, as a notebook shows it."""
    key = f"{estimate.query.sha256}{estimate.point}{dict(estimate.error_km)}".encode()
    drawing = draw_map(
        estimate.belief,
        markers=map_markers(estimate),
        title=f"Map: {wording.where(estimate)}",
        ident=f"map-{hashlib.sha256(key).hexdigest()[:12]}",
    )
    countries = ", ".join(
        f"{region.name} {wording.percent(region.probability)}" for region in wording.top_of(estimate, "country")[:3]
    )
    why = ", ".join(f"{e.source} {wording.bits(e.bits)}" for e in estimate.ledger.entries if e.without is not None)
    rows = {
        "No answer" if estimate.abstained else "": estimate.abstention_reason or "",
        "Best guess" if estimate.abstained else "Where": wording.where(estimate),
        "How sure": wording.certainty(estimate),
        "Country": countries,
        "Why, bits": why or "nothing was found",
    }
    body = "".join(
        f'<tr><th style="text-align:left;white-space:nowrap">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in rows.items()
        if name and text
    )
    return f'<div style="max-width:960px"><table>{body}</table>{drawing}</div>'
