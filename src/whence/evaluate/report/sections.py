"""Sections of the page: figures, curves, map, slices, sources, list of pictures, methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from whence.core.version import __version__
from whence.estimate import wording
from whence.evaluate.evaluation import Evaluation
from whence.evaluate.metrics import METRICS, Interval
from whence.evaluate.records import Run
from whence.evaluate.report.charts import Chart, draw_chart, table
from whence.evaluate.report.errors_map import CLASSES_KM, MOST_LINES, class_name, class_of, errors_map
from whence.evaluate.report.pictures import Pictured
from whence.evaluate.table import (
    COLUMNS,
    figure_cell,
    figure_columns,
    figure_rows,
    protocol_rows,
    protocol_title,
    slice_rows,
)

MOST_ROWS = 3000
"""The list of pictures ends here; the file of predictions has them all."""

_GEOSCORE = 5000.0
_CERTAINTY = ("coverage", "area_50", "area_90", "answered", "level_error", "aurc")
_SLICE_FIGURES = {"bits": "bits", "coverage_90": "90 % hold, %"}


def figures_table(found: Evaluation) -> str:
    """All figures with their intervals, by what they are about: side by side, or one below the other if compared."""
    columns, names = figure_columns(found), (*found.scores.metrics, *found.figures)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for name, row in zip(names, figure_rows(found), strict=True):
        groups.setdefault(_topic(name), []).append(row)
    tables = "".join(
        f"<div><h2>{escape(topic)}</h2>{table(columns, rows, topic)}</div>" for topic, rows in groups.items()
    )
    if found.protocol is not None:
        topic = protocol_title(found.protocol)
        tables += f"<div><h2>{escape(topic)}</h2>{table(('', ''), protocol_rows(found.protocol), topic)}</div>"
    return f'<div class="{"headline columns" if found.comparison is None else "headline"}">{tables}</div>'


def _topic(figure: str) -> str:
    """What a figure is about."""
    if figure in METRICS or figure.startswith("named_"):
        return "The answers"
    return "The certainty" if figure.startswith(_CERTAINTY) or figure.endswith("_ece") else "The beliefs"


def curves_section(charts: Sequence[Chart]) -> str:
    """The charts side by side."""
    drawn = "".join(draw_chart(chart) for chart in charts)
    return (
        f'<section aria-labelledby="h-curves"><h2 id="h-curves">Curves</h2><div class="graphs">{drawn}</div></section>'
    )


def map_section(pictures: Sequence[Pictured]) -> str:
    """Section with the map of errors and a box to hide each class of them."""
    drawing = errors_map(pictures)
    if not drawing:
        return ""
    counts = [0] * (len(CLASSES_KM) + 1)
    for item in pictures:
        if item.answered:
            counts[class_of(item.error_km)] += 1
    boxes = "".join(
        f'<label class="em-{i}"><input type="checkbox" class="script-only" value="{i}" checked>'
        f'<span class="swatch-e"></span>{escape(class_name(i))} ({count:,})</label>'
        for i, count in enumerate(counts)
    )
    few = f" Of {sum(counts):,} answers {MOST_LINES:,} are drawn, evenly by rank." if sum(counts) > MOST_LINES else ""
    return (
        '<section aria-labelledby="h-map"><h2 id="h-map">The map of errors</h2>'
        '<p class="lead">A line leads along the great circle from the dot where a picture was taken to the ring where '
        f"it was placed. The list of all pictures below has the same as figures.{few}</p>{drawing}"
        f'<fieldset class="classes"><legend>Error</legend>{boxes}</fieldset></section>'
    )


def slices_section(found: Evaluation) -> str:
    """Section with the figures by slice; nothing where none were asked for."""
    if not found.slices:
        return ""
    beliefs = [name for name in _SLICE_FIGURES if all(name in found.slice_figures.get(key, {}) for key in found.slices)]
    columns = (*COLUMNS, *(_SLICE_FIGURES[name] for name in beliefs))
    heads = "".join(f'<th scope="col"{_number(i)}>{escape(name or "slice")}</th>' for i, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="num">{escape(cell)}</td>' for cell in row[1:])
        + "".join(
            f'<td class="num">{escape(figure_cell(name, found.slice_figures[row[0]][name]).partition(" (")[0])}</td>'
            for name in beliefs
        )
        + f'<td class="chart">{_spread(scores.metrics["geoscore"], _GEOSCORE)}</td></tr>'
        for row, scores in zip(slice_rows(found), found.slices.values(), strict=True)
    )
    return (
        f'<section aria-labelledby="h-slices"><h2 id="h-slices">By {escape(found.config.by)}</h2>'
        '<p class="lead">Shares within a distance are percentages. The bar is the GeoScore of 0 to 5,000 with its '
        "interval; a slice of few pictures, or of one group, says little.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Slices, scrolls sideways"><table class="sorts">'
        f'<thead><tr>{heads}<th scope="col">GeoScore, interval</th></tr></thead><tbody>{body}</tbody></table></div>'
        "</section>"
    )


def sources_section(pictures: Sequence[Pictured]) -> str:
    """Section on what each source told of the true places; nothing where no source was recorded."""
    names = list(dict.fromkeys(source.name for item in pictures for source in item.sources))
    if not names:
        return ""
    rows = []
    for name in names:
        said = [source for item in pictures for source in item.sources if source.name == name]
        bits = np.array([source.bits for source in said if not math.isnan(source.bits)])
        clear = bits[np.isfinite(bits)]
        ruled_out = int(np.isneginf(bits).sum())
        rows.append(
            (
                name,
                f"{bits.size:,}",
                wording.bits(float(clear.mean())) if clear.size else "–",
                f"{100.0 * float(np.mean(bits > 0.0)):.0f} %" if bits.size else "–",
                f"{ruled_out:,}",
                f"{sum(source.failure is not None for source in said):,}",
                f"{float(np.median([source.elapsed_ms for source in said])):,.0f}",
            )
        )
    heads = ("Source", "pictures", "mean bits at the truth", "right", "ruled the truth out", "failed", "median ms")
    return (
        '<section aria-labelledby="h-sources"><h2 id="h-sources">What each source told</h2>'
        '<p class="lead">Bits at the truth: how much more likely the reading is at the true place than on average '
        "over the prior, each source alone, where it said something. Right: the share of those pictures in which "
        f"that is above zero.</p>{table(heads, rows, 'Sources')}</section>"
    )


def list_section(pictures: Sequence[Pictured]) -> str:
    """Section with one row a picture, folded away."""
    shown = sorted(pictures, key=lambda item: -item.error_km)[:MOST_ROWS]
    heads = (
        ("Picture", False),
        ("Error, km", True),
        ("90 % within, km", True),
        ("Bits", True),
        ("Truth", False),
        ("Answer", False),
        ("Group", False),
    )
    head = "".join(f'<th scope="col"{_number(int(numeric))}>{name}</th>' for name, numeric in heads)
    few = f" The {MOST_ROWS:,} largest errors of {len(pictures):,}." if len(pictures) > MOST_ROWS else ""
    return (
        '<section aria-labelledby="h-all"><h2 id="h-all">All pictures</h2>'
        f'<details class="all-pictures"><summary>Show {len(shown):,} pictures</summary>'
        f'<p class="muted">{few} Errors are the largest first; a head sorts by its column.</p>'
        '<p class="script-only"><label>Filter <input type="search" id="filter" class="filter"></label></p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Pictures, scrolls sideways">'
        f'<table class="sorts all" id="all-pictures"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_row(item) for item in shown)}</tbody></table></div></details></section>"
    )


def methods_section(found: Evaluation, run: Run, said: Sequence[str], facts: Mapping[str, str]) -> str:
    """Section on how the figures came about.

    Args:
        found: the evaluation.
        run: the run that was scored.
        said: remarks on the figures, in sentences.
        facts: more names and values, such as the file's hash.
    """
    rows = [("Data set", run.dataset), ("System", run.system), ("Predicted", run.created), ("On", run.machine)]
    rows += [(f"Version of {name}", value) for name, value in run.versions.items()]
    rows += [(f"Option {name}", value) for name, value in run.options.items()]
    rows += [("Distances", "WGS84 geodesics"), ("Scored by", f"whence {__version__}")]
    rows += [(f"Setting {name}", value) for name, value in _settings(found).items()]
    rows += list(facts.items())
    body = "".join(
        f"<div><dt>{escape(wording.one_line(k, 80))}</dt><dd>{escape(wording.one_line(v, 400))}</dd></div>"
        for k, v in rows
        if v
    )
    notes = "".join(f"<li>{escape(text)}</li>" for text in said)
    return (
        '<section aria-labelledby="h-made"><h2 id="h-made">How this was measured</h2>'
        f'<ul>{notes}</ul><dl class="made">{body}</dl>'
        '<p class="script-only"><button type="button" id="save">Save the figures as JSON</button></p></section>'
    )


def _settings(found: Evaluation) -> dict[str, str]:
    from dataclasses import asdict

    return {name: str(value) for name, value in asdict(found.config).items() if value not in ("", False)}


def _row(item: Pictured) -> str:
    answer = f"{item.lat_deg:.4f}, {item.lon_deg:.4f}" if item.answered else "none"
    if item.failure:
        answer = f"none: {wording.one_line(item.failure, 160)}"
    elif item.abstained:
        answer += " (abstained)"
    return (
        f'<tr><th scope="row">{escape(wording.one_line(item.name, 160))}</th>{_figure(item.error_km, "∞")}'
        f"{_figure(item.p90_km, '–')}{_figure(item.bits, '–')}"
        f"<td>{item.truth.lat_deg:.4f}, {item.truth.lon_deg:.4f}</td><td>{escape(answer)}</td>"
        f"<td>{escape(wording.one_line(item.truth.group or '', 60))}</td></tr>"
    )


def _figure(value: float, instead: str) -> str:
    if not math.isfinite(value):
        return f'<td class="num" data-value="">{instead}</td>'
    return f'<td class="num" data-value="{value:.6g}">{escape(f"{value:,.1f}".replace("-", "−"))}</td>'


def _number(column: int) -> str:
    return ' class="num"' if column else ""


def _spread(figure: Interval, high: float) -> str:
    """A figure as a bar with its interval as a whisker."""
    scale = 200.0 / high
    value = figure.value * scale
    whisker = ""
    if math.isfinite(figure.low):
        low, top = figure.low * scale, figure.high * scale
        whisker = f'<path class="frame-line" fill="none" d="M{low:.1f} 9H{top:.1f}M{low:.1f} 5v8M{top:.1f} 5v8"/>'
    return (
        '<svg class="bar" viewBox="0 0 200 18" width="200" height="18" aria-hidden="true">'
        f'<rect class="bar-a" y="4" width="{value:.1f}" height="10" rx="1"/>{whisker}</svg>'
    )
