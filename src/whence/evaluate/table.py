"""An evaluation as a table of text or Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from whence.evaluate.evaluation import Evaluation
from whence.evaluate.metrics import METRICS, THRESHOLDS_KM, Interval, Scores

SCHEMA = "whence.evaluation/1"
"""Name of the JSON layout."""

FIGURES = (*(f"within {km:,} km, %" for km in THRESHOLDS_KM), "median error, km", "mean error, km", "GeoScore")
"""What the figures are called, in the order of `METRICS`."""

COLUMNS = ("", "n", *(f"{km} km" for km in THRESHOLDS_KM), "median km", "mean km", "GeoScore")
"""Heads of the wide table; shares within a distance are percentages."""


def figure_columns(found: Evaluation) -> tuple[str, ...]:
    """Heads of the table of figures."""
    all_of = f"{found.scores.count:,} pictures"
    return ("", all_of) if found.comparison is None else ("", all_of, "the other", "difference")


def figure_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """One figure a row, over all pictures, intervals in brackets."""
    columns = [_cells(found.scores.metrics)]
    if found.comparison is not None:
        columns += [_cells(found.comparison.other.metrics), _cells(found.comparison.difference, signed=True)]
    return list(zip(FIGURES, *columns, strict=True))


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
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in table_rows(found))
    return head + "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def remarks(found: Evaluation) -> list[str]:
    """What must be known to read the table, in sentences."""
    how = found.config
    units = f"groups of the column {how.group}" if how.group else "pictures"
    said = [f"Brackets: {how.level:.0%} bootstrap intervals over {units}, {how.draws} draws, seed {how.seed}."]
    if found.missing:
        fate = "are left out" if how.answered_only else "count as wrong"
        said.append(f"{found.missing} pictures have no prediction and {fate}.")
    if found.abstained:
        said.append(f"{found.abstained} answers were abstentions; their points are scored like any other.")
    if found.unknown:
        said.append(f"{found.unknown} predictions have no truth and are left out.")
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
        "against": None
        if other is None
        else {"scores": _plain(other.other.metrics), "difference": _plain(other.difference)},
        "slices": [
            {"name": name, "pictures": scores.count, "scores": _plain(scores.metrics)}
            for name, scores in found.slices.items()
        ],
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
    scale, digits = (100.0, 1) if name.startswith("within") else (1.0, 0)
    return f"{scale * value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def _plain(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    def finite(value: float) -> float | None:
        return round(value, 6) if math.isfinite(value) else None

    return {
        name: {"value": finite(item.value), "low": finite(item.low), "high": finite(item.high)}
        for name, item in metrics.items()
    }
