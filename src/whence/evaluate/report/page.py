"""The page put together: template, style, script and sections, under a policy that lets nothing else in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import MappingProxyType

from whence.estimate import wording
from whence.evaluate.evaluation import Evaluation
from whence.evaluate.records import Record, Run
from whence.evaluate.report.assets import asset, scripts, styles
from whence.evaluate.report.cases import Album, case_section, largest_errors, surest_mistakes, without_other_answers
from whence.evaluate.report.curves import charts, pictures_of
from whence.evaluate.report.pictures import Pictured, pictured
from whence.evaluate.report.sections import (
    curves_section,
    figures_table,
    list_section,
    map_section,
    methods_section,
    slices_section,
    sources_section,
)
from whence.evaluate.table import remarks, to_json
from whence.explain.report.page import embedded_json, policy, template, unbroken

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page shows beyond the figures.

    Attributes:
        album: where the pictures lie; without it the page holds no picture.
        cases: how many of the largest errors and of the surest mistakes are shown.
        facts: more names and values for the box on methods, such as the hash of the file of predictions.
    """

    album: Album | None = None
    cases: int = 8
    facts: Mapping[str, str] = field(default_factory=lambda: _NO_FACTS)


def render_report(found: Evaluation, run: Run, records: Iterable[Record], contents: Contents | None = None) -> str:
    """Return the report on an evaluation as HTML.

    Args:
        found: the figures.
        run: what the records have in common.
        records: the pictures that were scored under the names of their truths, read once, one after another
            (`whence.evaluate.scored.scored_run`).
        contents: what else to show.

    Raises:
        InputError: the evaluation holds figures alone.
    """
    shown = contents or Contents()
    pictures = without_other_answers(pictured(pictures_of(found), records, run.prior), shown.cases)
    style, script = styles(), scripts()
    title = f"{wording.one_line(run.system, 120)} on {_dataset(run)}"
    sections = (
        curves_section(charts(found)),
        map_section(pictures),
        slices_section(found),
        sources_section(pictures),
        _cases(pictures, shown),
        list_section(pictures),
        methods_section(found, run, remarks(found), shown.facts),
    )
    return template(asset("evaluation.html")).substitute(
        policy=escape(policy(style, script), quote=True),
        styles=style,
        script=script,
        title=escape(title),
        headline=escape(title),
        subline=escape(_subline(found, run)),
        notices=_notices(found, pictures),
        facts=_facts(found),
        figures=figures_table(found),
        sections=unbroken("".join(sections)),
        data=embedded_json(to_json(found)),
    )


def write_report(
    path: Path | str,
    found: Evaluation,
    run: Run,
    records: Iterable[Record],
    contents: Contents | None = None,
) -> None:
    """Write the report on an evaluation as a self-contained HTML file.

    Args:
        path: file to write.
        found: the figures.
        run: what the records have in common.
        records: the pictures that were scored under the names of their truths, read once, one after another
            (`whence.evaluate.scored.scored_run`).
        contents: what else to show.

    Raises:
        InputError: the evaluation holds figures alone.
    """
    page = render_report(found, run, records, contents)
    Path(path).write_text(page, encoding="utf-8", errors="replace")


def _dataset(run: Run) -> str:
    return wording.one_line(run.dataset.replace("\\", "/").rstrip("/").rpartition("/")[2] or run.dataset, 120)


def _subline(found: Evaluation, run: Run) -> str:
    said = [f"{found.scores.count:,} pictures"]
    if run.created:
        said.append(f"predicted {run.created[:10]}")
    if found.config.group:
        said.append(f"intervals over groups of {found.config.group}")
    return ", ".join(said)


def _notices(found: Evaluation, pictures: tuple[Pictured, ...]) -> str:
    rows = []
    if found.missing:
        failed = sum(item.failure is not None for item in pictures)
        why = f"; {failed:,} of them failed, and the list of all pictures says why" if failed else ""
        rows.append(("warn", "Without an answer", f"{found.missing:,} of {found.scores.count:,} pictures{why}."))
    if math.isnan(found.scores.metrics["geoscore"].low):
        rows.append(("info", "No intervals", "There are fewer than two pictures or groups to draw from."))
    return "".join(f'<p class="notice {kind}"><b>{head}.</b> {escape(text)}</p>' for kind, head, text in rows)


def _facts(found: Evaluation) -> str:
    """The figures that a reader looks for first."""
    figures = found.scores.metrics
    middle = figures["median_km"].value
    rows = [
        ("Within 25 km", f"{100.0 * figures['within_25_km'].value:.1f} %", "city"),
        ("Within 750 km", f"{100.0 * figures['within_750_km'].value:.1f} %", "country"),
        ("Median error", wording.distance(middle) if math.isfinite(middle) else "∞", ""),
    ]
    if "bits" in found.figures:
        bits = found.figures["bits"].value
        rows.append(("Bits over the prior", "−∞" if math.isinf(bits) else wording.bits(bits), "mean"))
        held = 100.0 * found.figures["coverage_90"].value
        rows.append(("90 % regions hold", f"{held:.0f} %", "of the truths"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(note)}</small></dd></div>"
        for name, value, note in rows
    )


def _cases(pictures: tuple[Pictured, ...], shown: Contents) -> str:
    worst = case_section(
        "worst",
        "Largest errors",
        "Answers furthest from the truth; those that were abstained from come last.",
        largest_errors(pictures, shown.cases),
        shown.album,
        empty="No picture has an answer.",
    )
    sure = case_section(
        "sure",
        "Surest mistakes",
        "Answers that were not abstained from and whose 90 % radius leaves the truth out, first those whose belief "
        "gave the true place the fewest bits over the prior.",
        surest_mistakes(pictures, shown.cases),
        shown.album,
        empty="No answer leaves the truth outside its 90 % radius.",
    )
    return worst + sure
