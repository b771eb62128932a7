"""The index of many reports: one line a picture, which sorts and filters in the browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whence.estimate import wording
from whence.explain.report.page import asset, policy, template


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One picture in the index.

    Attributes:
        name: how the picture was given.
        report: path of its report from the index's folder, empty without one.
        where: name of the answer, empty without one.
        country: most probable country with its share, readable.
        p90_km: distance that holds 90 % of the belief, ``None`` without an answer.
        abstained: no answer was given.
        source: source that gave the most bits, empty if none did.
        failure: why there is no result, or ``None``.
    """

    name: str
    report: str = ""
    where: str = ""
    country: str = ""
    p90_km: float | None = None
    abstained: bool = False
    source: str = ""
    failure: str | None = None


def index_row(result: Mapping[str, Any], report: str) -> IndexRow:
    """Return the row of a result as `whence.estimate.render.to_dict` writes it.

    Args:
        result: plain JSON values of one answer.
        report: path of its report from the index's folder.
    """
    countries = [r for r in result["regions"] if r["level"] == "country"]
    country = f"{countries[0]['name']} {wording.percent(countries[0]['probability'])}" if countries else ""
    told = [entry for entry in result["ledger"] if (entry["bits"] or 0.0) > 0.0]
    candidates = result["candidates"]
    return IndexRow(
        name=result["query"]["name"],
        report=report,
        where=candidates[0]["label"] if candidates else "",
        country=country,
        p90_km=result["error_km"]["p90"],
        abstained=result["abstained"],
        source=max(told, key=lambda entry: float(entry["bits"]))["source"] if told else "",
    )


def write_index(rows: Iterable[IndexRow], folder: Path | str) -> Path:
    """Write ``index.html`` into a folder of reports.

    Args:
        rows: the pictures, in the order to be shown.
        folder: where the reports are.

    Returns:
        The file written.
    """
    listed = list(rows)
    answered = sum(not row.abstained and row.failure is None for row in listed)
    abstained = sum(row.abstained for row in listed)
    failed = sum(row.failure is not None for row in listed)
    styles, script = asset("report.css"), asset("common.js") + asset("index.js")
    page = template(asset("index.html")).substitute(
        policy=escape(policy(styles, script), quote=True),
        styles=styles,
        script=script,
        summary=f"{len(listed):,} pictures: {answered:,} answered, {abstained:,} without an answer, {failed:,} failed.",
        rows="".join(_row(row) for row in listed),
    )
    path = Path(folder) / "index.html"
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _row(row: IndexRow) -> str:
    folder, slash, file = wording.one_line(row.name, 200).rpartition("/")
    name = escape(file or folder)
    link = f'<a href="{escape(quote(row.report), quote=True)}">{name}</a>' if row.report else name
    link += f"<small>{escape(folder + slash)}</small>" if folder and file else ""
    if row.failure is not None:
        reason = f'<span class="failed">{escape(wording.one_line(row.failure, 400))}</span>'
        return f'<tr><th scope="row">{link}</th><td colspan="4">{reason}</td></tr>'
    guess = '<span class="muted">no answer; best guess</span> ' if row.abstained else ""
    distance = wording.distance(row.p90_km) if row.p90_km is not None else "–"
    size = f"{row.p90_km:.6g}" if row.p90_km is not None else ""
    country = escape(row.country).replace(" %", "&nbsp;%")
    return (
        f'<tr><th scope="row">{link}</th><td>{guess}{escape(row.where)}</td><td>{country}</td>'
        f'<td class="num" data-value="{size}">{escape(distance)}</td><td>{escape(row.source)}</td></tr>'
    )
