"""Curves as inline SVG, each with the table of what it shows behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

WIDTH_PX, HEIGHT_PX = 560.0, 358.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 28.0, 12.0, 54.0


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a chart.

    Attributes:
        name: what it measures, with its unit.
        low: value at its beginning; above 0 if it is logarithmic.
        high: value at its end.
        ticks: values with their labels; those without a label are drawn as lines alone.
        log: whether equal steps are equal factors.
    """

    name: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Position of values along the axis, 0..1; what lies outside comes to its ends."""
        clear = np.clip(values, self.low, self.high)
        if self.log:
            return np.log(clear / self.low) / math.log(self.high / self.low)
        return (clear - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One line of a chart.

    Attributes:
        name: for the legend; empty to leave it out.
        kind: how it looks: ``a`` is the system in question, ``b`` what it is compared with, ``c`` a reference.
        x: abscissas, ascending.
        y: ordinates; a line breaks where one is NaN.
        stepped: the value holds until the next abscissa, as in a distribution function.
        dotted: a dot at each value.
        lined: a line through the values.
        low: lower ends of whiskers at each value, NaN for none.
        high: upper ends.
    """

    name: str
    kind: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    stepped: bool = False
    dotted: bool = False
    lined: bool = True
    low: Float[np.ndarray, " n"] | None = None
    high: Float[np.ndarray, " n"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A chart and the table behind it.

    Attributes:
        ident: identifier on the page.
        title: what it shows.
        said: how to read it, in sentences.
        x: horizontal axis.
        y: vertical axis.
        series: the lines, the system in question first.
        columns: heads of the table.
        rows: its rows.
    """

    ident: str
    title: str
    said: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def draw_chart(chart: Chart) -> str:
    """A chart as a figure of HTML: heading, drawing, legend, caption and table."""
    ident = escape(chart.ident, quote=True)
    lines = "".join(_series(chart, item) for item in reversed(chart.series))
    legend = "".join(
        f'<li><svg class="key-line" viewBox="0 0 26 10" width="26" height="10" aria-hidden="true">{_key(item)}</svg>'
        f"{escape(item.name)}</li>"
        for item in chart.series
        if item.name
    )
    return (
        f'<figure class="graph" id="{ident}"><h3 id="{ident}-name">{escape(chart.title)}</h3>'
        f'<svg class="graph-sheet" viewBox="0 0 {WIDTH_PX:g} {HEIGHT_PX:g}" role="img" '
        f'aria-labelledby="{ident}-name" aria-describedby="{ident}-said">'
        f"{_grid(chart.x, chart.y)}{lines}</svg>"
        f'<ul class="legend-lines">{legend}</ul><figcaption id="{ident}-said">{escape(chart.said)}</figcaption>'
        f"<details><summary>The figures</summary>{table(chart.columns, chart.rows, chart.title)}</details></figure>"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> str:
    """A table whose first column names the rows and whose others hold numbers."""
    head = "".join(f'<th scope="col"{_number(i)}>{escape(text)}</th>' for i, text in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="num">{_told(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name, quote=True)}, scrolls sideways">'
        f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _told(cell: str) -> str:
    """A figure with its interval, which may go to the next line, set apart."""
    value, _, interval = cell.partition(" (")
    return f'{escape(value)} <span class="interval">({escape(interval)}</span>' if interval else escape(value)


def _key(item: Series) -> str:
    if item.lined:
        return f'<path class="line-{item.kind}" d="M1 5h24"/>'
    return f'<circle class="dot-{item.kind}" cx="13" cy="5" r="3.2"/>'


def _number(column: int) -> str:
    return ' class="num"' if column else ""


def _at(axis: Axis, values: Float[np.ndarray, " n"], *, upright: bool = False) -> Float[np.ndarray, " n"]:
    share = axis.share(values)
    if upright:
        return HEIGHT_PX - _BOTTOM - share * (HEIGHT_PX - _TOP - _BOTTOM)
    return _LEFT + share * (WIDTH_PX - _LEFT - _RIGHT)


def _grid(x: Axis, y: Axis) -> str:
    right, bottom = WIDTH_PX - _RIGHT, HEIGHT_PX - _BOTTOM
    out = []
    for at, (_, label) in zip(_at(x, np.array([v for v, _ in x.ticks])), x.ticks, strict=True):
        out.append(f'<path class="grid" d="M{at:.1f} {_TOP:g}V{bottom:g}"/>')
        if label:
            out.append(f'<text x="{at:.1f}" y="{bottom + 18:g}" text-anchor="middle">{escape(label)}</text>')
    for at, (_, label) in zip(_at(y, np.array([v for v, _ in y.ticks]), upright=True), y.ticks, strict=True):
        out.append(f'<path class="grid" d="M{_LEFT:g} {at:.1f}H{right:g}"/>')
        if label:
            out.append(f'<text x="{_LEFT - 7:g}" y="{at + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    middle = (_LEFT + right) / 2.0
    out.append(f'<path class="frame-line" d="M{_LEFT:g} {_TOP:g}V{bottom:g}H{right:g}"/>')
    out.append(f'<text class="axis" x="{middle:g}" y="{HEIGHT_PX - 6:g}" text-anchor="middle">{escape(x.name)}</text>')
    return "".join(out)


def _series(chart: Chart, item: Series) -> str:
    if item.x.size == 0:
        return ""
    x, y = _at(chart.x, item.x), _at(chart.y, item.y, upright=True)
    known = np.isfinite(item.y)
    out = [f'<path class="line-{item.kind}" d="{_path(x, y, known, item.stepped)}"/>'] if item.lined else []
    if item.low is not None and item.high is not None:
        ends = (_at(chart.y, end, upright=True) for end in (item.low, item.high))
        for at, below, above in zip(x, *ends, strict=True):
            if math.isfinite(below) and math.isfinite(above):
                out.append(
                    f'<path class="whisker-{item.kind}" d="M{at:.1f} {above:.1f}V{below:.1f}M{at - 4:.1f} {above:.1f}h8'
                    f'M{at - 4:.1f} {below:.1f}h8"/>'
                )
    if item.dotted:
        dots = zip(x[known], y[known], strict=True)
        out += [f'<circle class="dot-{item.kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.2"/>' for a, b in dots]
    return f"<g>{''.join(out)}</g>"


def _path(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], known: np.ndarray, stepped: bool) -> str:
    """Path data, thinned to what a tenth of a pixel can show."""
    out: list[str] = []
    last: tuple[float, float] | None = None
    for at, height, here in zip(x.tolist(), y.tolist(), known.tolist(), strict=True):
        if not here:
            last = None
        elif last is None:
            out.append(f"M{at:.1f} {height:.1f}")
            last = (at, height)
        elif stepped and abs(height - last[1]) >= 0.05:
            out.append(f"H{at:.1f}V{height:.1f}")
            last = (at, height)
        elif not stepped and math.hypot(at - last[0], height - last[1]) >= 0.05:
            out.append(f"L{at:.1f} {height:.1f}")
            last = (at, height)
    if stepped and last is not None:
        out.append(f"H{x[-1]:.1f}")
    return "".join(out)
