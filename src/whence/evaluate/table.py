"""An evaluation as a table of text or Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from whence.evaluate.belief_scores import FIGURES as MORE
from whence.evaluate.evaluation import Evaluation
from whence.evaluate.metrics import METRICS, THRESHOLDS_KM, Interval, Scores
from whence.evaluate.protocol_scores import ProtocolScores

SCHEMA = "whence.evaluation/1"
"""Name of the JSON layout."""

FIGURES = (*(f"within {km:,} km, %" for km in THRESHOLDS_KM), "median error, km", "mean error, km", "GeoScore")
"""What the figures are called, in the order of `METRICS`."""

COLUMNS = ("", "n", *(f"{km} km" for km in THRESHOLDS_KM), "median km", "mean km", "GeoScore")
"""Heads of the wide table; shares within a distance are percentages."""


def figure_columns(found: Evaluation) -> tuple[str, ...]:
    """Heads of the table of figures."""
    all_of = f"{found.scores.count:,} pictures"
    return ("", all_of) if found.comparison is None else ("", all_of, "the other", "difference", "p")


def figure_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """One figure a row, over all pictures, intervals in brackets; with another system both, the difference and p."""
    labels = {**dict(zip(METRICS, FIGURES, strict=True)), **{name: MORE[name].label for name in found.figures}}
    mine = {**found.scores.metrics, **found.figures}
    other = found.comparison
    if other is None:
        return [(label, figure_cell(name, mine[name])) for name, label in labels.items()]
    its, apart = {**other.other.metrics, **other.figures}, {**other.difference, **other.figures_apart}
    return [
        (
            label,
            figure_cell(name, mine[name]),
            figure_cell(name, its[name]) if name in its else "",
            figure_cell(name, apart[name], signed=True) if name in apart else "",
            p_cell(other.p_values.get(name, math.nan)),
        )
        for name, label in labels.items()
    ]


def p_cell(p_value: float) -> str:
    """A p-value as text; empty where there is none."""
    if math.isnan(p_value):
        return ""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def slice_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """One slice a row under `COLUMNS`, without intervals."""
    return [
        (name, f"{item.count:,}", *(_told(key, item.metrics[key].value) for key in METRICS))
        for name, item in found.slices.items()
    ]


def table_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `COLUMNS`: all, the other system, the difference, then the slices; intervals in brackets."""
    rows = [_row("all", found.scores)]
    if found.comparison is not None:
        rows.append(_row("other", found.comparison.other))
        rows.append(("difference", "", *_cells(found.comparison.difference, signed=True)))
    return [*rows, *(_row(name, scores) for name, scores in found.slices.items())]


def markdown(found: Evaluation) -> str:
    """The table in Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}\n"
    wide = head + "".join(_markdown_row(row) for row in table_rows(found))
    more = figure_rows(found)[len(METRICS) :]
    wide += _protocol_markdown(found.protocol)
    if not more:
        return wide
    columns = figure_columns(found)
    return f"{wide}\n{_markdown_row(columns)}|---|{'---:|' * (len(columns) - 1)}\n{''.join(map(_markdown_row, more))}"


def protocol_title(scores: ProtocolScores) -> str:
    """Whose protocol it is."""
    return f"By the protocol of {scores.benchmark}"


def protocol_rows(scores: ProtocolScores) -> list[tuple[str, str]]:
    """One score a row; those that are not computed say why."""
    rows = [(_protocol_label(name), _protocol_cell(name, figure)) for name, figure in scores.figures.items()]
    return [*rows, *((name.replace("_", " "), f"not computed: {why}") for name, why in scores.left_out.items())]


def _protocol_label(name: str) -> str:
    if name.startswith("within_"):
        return f"within {name.removeprefix('within_').removesuffix('_km')} km, %"
    if name.endswith("_km"):
        return f"{name.removesuffix('_km')} error, km"
    return name.replace("_", " ") + ("" if name == "geoscore" else ", %")


def _protocol_cell(name: str, figure: Interval) -> str:
    scale, digits = (1.0, 0) if name == "geoscore" or name in {"median_km", "mean_km"} else (100.0, 1)
    told = [
        "not defined" if math.isnan(value) else "∞" if math.isinf(value) else f"{scale * value:,.{digits}f}"
        for value in (figure.value, figure.low, figure.high)
    ]
    return told[0] if math.isnan(figure.low) else f"{told[0]} ({told[1]} to {told[2]})"


def _protocol_markdown(scores: ProtocolScores | None) -> str:
    if scores is None:
        return ""
    rows = "".join(map(_markdown_row, protocol_rows(scores)))
    return f"\n{protocol_title(scores)}:\n\n| | |\n|---|---:|\n{rows}"


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |\n"


def remarks(found: Evaluation) -> list[str]:
    """What must be known to read the table, in sentences."""
    how = found.config
    units = f"groups of the column {how.group}" if how.group else "pictures"
    if how.place:
        near = f"cells of about {how.place} km" if how.place.replace(".", "").isdigit() else how.place
        units = f"{units if how.group else 'places'} and, independently, {near}" if how.group else near
    said = [f"Brackets: {how.level:.0%} bootstrap intervals over {units}, {how.draws} draws, seed {how.seed}."]
    if found.missing:
        fate = "are left out" if how.answered_only else "count as wrong"
        said.append(f"{found.missing} pictures have no prediction and {fate}.")
    if found.abstained:
        said.append(f"{found.abstained} answers were abstentions; their points are scored like any other.")
    if found.kept is not None and found.set_aside is not None:
        kept, rest = (scores.metrics["median_km"].value for scores in (found.kept, found.set_aside))
        said.append(
            f"Median error of the {found.kept.count} kept answers {_told('median_km', kept)} km, of the "
            f"{found.set_aside.count} abstained or missing ones {_told('median_km', rest)} km."
        )
    if found.comparison is not None:
        unit = f"each of {how.group}" if how.group else "picture by picture"
        said.append(f"p: two-sided sign test on the difference of means, signs changed {unit}.")
    if found.pictures is not None and found.pictures.beliefs is not None:
        unknown = int((~found.pictures.beliefs.believed).sum())
        if unknown:
            said.append(f"{unknown} pictures have no belief and count as if the prior were theirs.")
    if found.unknown:
        said.append(f"{found.unknown} predictions have no truth and are left out.")
    if found.protocol is not None:
        said.append(f"{protocol_title(found.protocol)}: {found.protocol.told}.")
    if how.forgive:
        said.append("Errors within the accuracy of the truth count as nil.")
    return said


def to_json(found: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values; what is infinite or not known is ``None``."""
    other = found.comparison
    return {
        "schema": SCHEMA,
        "pictures": found.scores.count,
        "missing": found.missing,
        "abstained": found.abstained,
        "unknown": found.unknown,
        "scores": _plain(found.scores.metrics),
        "figures": _plain(found.figures),
        "kept": _scores(found.kept),
        "set_aside": _scores(found.set_aside),
        "against": None
        if other is None
        else {
            "scores": _plain(other.other.metrics),
            "difference": _plain(other.difference),
            "figures": _plain(other.figures),
            "figures_difference": _plain(other.figures_apart),
            "p_values": {name: _finite(p) for name, p in other.p_values.items()},
        },
        "slices": [
            {
                "name": name,
                "pictures": scores.count,
                "scores": _plain(scores.metrics),
                "figures": _plain(found.slice_figures.get(name, {})),
            }
            for name, scores in found.slices.items()
        ],
        "protocol": None
        if found.protocol is None
        else {
            "benchmark": found.protocol.benchmark,
            "terms": dict(found.protocol.terms),
            "scores": _plain(found.protocol.figures),
            "left_out": dict(found.protocol.left_out),
        },
        "config": asdict(found.config),
    }


def _row(name: str, scores: Scores) -> tuple[str, ...]:
    return (name, f"{scores.count:,}", *_cells(scores.metrics))


def _cells(metrics: Mapping[str, Interval], *, signed: bool = False) -> list[str]:
    return [figure_cell(name, metrics[name], signed=signed) for name in METRICS]


def figure_cell(name: str, figure: Interval, *, signed: bool = False) -> str:
    """A figure as text, its interval in brackets where there is one.

    Args:
        name: which figure it is, for its unit and digits.
        figure: the figure.
        signed: write a plus before what is above zero.
    """
    value = _told(name, figure.value, signed)
    if math.isnan(figure.low):
        return value
    return f"{value} ({_told(name, figure.low, signed)} to {_told(name, figure.high, signed)})"


def _told(name: str, value: float, signed: bool = False) -> str:
    if math.isnan(value):
        return "not defined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    scale, digits = (MORE[name].scale, MORE[name].digits) if name in MORE else (1.0, 0)
    if name.rpartition(":")[2].startswith("within"):
        scale, digits = 100.0, 1
    return f"{scale * value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _scores(scores: Scores | None) -> dict[str, Any] | None:
    return None if scores is None else {"pictures": scores.count, "scores": _plain(scores.metrics)}


def _plain(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"value": _finite(item.value), "low": _finite(item.low), "high": _finite(item.high)}
        for name, item in metrics.items()
    }
