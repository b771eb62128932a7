"""The page on a match: one HTML file that holds everything, opens offline and asks nothing of any network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from whence.crossview.types import Match
from whence.earth.drawing import MAP_CSS
from whence.estimate import wording
from whence.explain.match.amounts import amount, compass, probability
from whence.explain.match.drawings import image_store, overlay_drawing, pair_drawing
from whence.explain.match.ground_map import R50, R90, ground_map, radius_m
from whence.explain.match.lmm import Narration
from whence.explain.match.locator import locator
from whence.explain.match.render import to_dict
from whence.explain.match.sections import claims_section, provenance_section, tests_section, words_section
from whence.explain.match.types import MatchExplanation
from whence.explain.report.page import asset as report_asset
from whence.explain.report.page import embedded_json, policy, template, unbroken


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (files("whence.explain.match") / name).read_text(encoding="utf-8")


def render_match_report(explanation: MatchExplanation, narration: Narration | None = None) -> str:
    """The report on one match as HTML.

    Args:
        explanation: of the match.
        narration: what a model wrote about it, if one was asked.
    """
    match = explanation.match
    styles = report_asset("report.css") + MAP_CSS + _asset("match.css")
    script = report_asset("common.js") + _asset("match.js")
    return template(_asset("match.html")).substitute(
        policy=escape(policy(styles, script), quote=True),
        styles=styles,
        script=script,
        title=escape(f"{_short(match.query.name)}: {_verdict(match)}"),
        file=escape(_short(match.query.name)),
        kicker=escape(f"{_short(match.query.name)} on {_short(match.reference.name) or 'the reference'}"),
        verdict=_verdict(match),
        coordinates=escape(_coordinates(match)),
        notices=_notices(match),
        facts=unbroken(_facts(match)),
        words=unbroken(words_section(explanation, narration)),
        store=image_store(match),
        wide=pair_drawing(explanation, stacked=False),
        tall=pair_drawing(explanation, stacked=True),
        counts=_counts(match),
        overlay=_overlay_section(match),
        ground=_ground_section(match),
        claims=claims_section(explanation),
        tests=unbroken(tests_section(explanation)),
        provenance=provenance_section(explanation),
        data=embedded_json(to_dict(explanation)),
    )


def write_match_report(path: Path | str, explanation: MatchExplanation, narration: Narration | None = None) -> None:
    """Write the report on one match as a self-contained HTML file.

    Args:
        path: file to write.
        explanation: of the match.
        narration: what a model wrote about it, if one was asked.
    """
    Path(path).write_text(render_match_report(explanation, narration), encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One match in the index.

    Attributes:
        query: name of the query.
        reference: name of the reference.
        report: path of its report from the index's folder.
        rank: place of the reference among the candidates of its query, from 1.
        accepted: whether it was.
        probability: that it is true.
        pairs: of points that fit.
        where: coordinates of the query's middle if it was accepted, else empty.
    """

    query: str
    reference: str
    report: str
    rank: int
    accepted: bool
    probability: float
    pairs: int
    where: str


def match_row(match: Match, report: str, rank: int = 1) -> MatchRow:
    """The row of a match.

    Args:
        match: accepted or not.
        report: path of its report from the index's folder.
        rank: place among the candidates of its query, from 1.
    """
    return MatchRow(
        _short(match.query.name),
        _short(match.reference.name),
        report,
        rank,
        bool(match.accepted),
        float(match.probability),
        int(match.registration.correspondences.inlier.sum()),
        _coordinates(match) if match.accepted else "",
    )


def write_match_reports(
    folder: Path | str,
    explanations: Iterable[MatchExplanation],
    narrated: Callable[[MatchExplanation], Narration | None] = lambda _: None,
) -> Path:
    """Write a report for each match and an index with links to them.

    Args:
        folder: made if it is missing.
        explanations: of all queries and candidates; those of one query by rank, one after another.
        narrated: gives what a model wrote about a match, if one is asked.

    Returns:
        The index.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[MatchRow] = []
    ranks: dict[tuple[str, str], int] = {}
    for number, explanation in enumerate(explanations, start=1):
        query = (explanation.match.query.sha256, explanation.match.query.name)
        ranks[query] = ranks.get(query, 0) + 1
        name = f"match-{number:04d}.html"
        write_match_report(folder / name, explanation, narrated(explanation))
        rows.append(match_row(explanation.match, name, ranks[query]))
    return write_match_index(folder, rows)


def write_match_index(folder: Path | str, rows: Iterable[MatchRow]) -> Path:
    """Write ``index.html`` into a folder of reports on matches.

    Args:
        folder: where the reports are.
        rows: the matches, in the order to be shown.

    Returns:
        The file written.
    """
    listed = list(rows)
    accepted = sum(row.accepted for row in listed)
    styles = report_asset("report.css") + _asset("match.css")
    script = report_asset("common.js") + report_asset("index.js")
    page = template(_asset("match_index.html")).substitute(
        policy=escape(policy(styles, script), quote=True),
        styles=styles,
        script=script,
        summary=f"{len(listed):,} compared: {accepted:,} accepted, {len(listed) - accepted:,} rejected.",
        rows="".join(_index_row(row) for row in listed),
    )
    path = Path(folder) / "index.html"
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _index_row(row: MatchRow) -> str:
    kind, said = ("agrees", "Match") if row.accepted else ("contradicts", "No match")
    return (
        f'<tr><th scope="row"><a href="{escape(quote(row.report), quote=True)}">{escape(row.query)}</a></th>'
        f"<td>{escape(row.reference)}<small>candidate {row.rank}</small></td>"
        f'<td class="verdict {kind}">{said}</td>'
        f'<td class="num" data-value="{row.probability:.6g}">{escape(probability(row.probability))}</td>'
        f'<td class="num" data-value="{row.pairs}">{row.pairs:,}</td><td>{escape(row.where)}</td></tr>'
    )


def _short(name: str) -> str:
    line = wording.one_line(name, 400)
    return wording.one_line(line.replace("\\", "/").rstrip("/").rpartition("/")[2] or line, 90)


def _verdict(match: Match) -> str:
    return "Match" if match.accepted else "No match"


def _coordinates(match: Match) -> str:
    pose = match.pose
    if pose is None:
        return "No transform lays the query onto the reference."
    error_km = max(radius_m(pose, R50), 0.1) / 1e3 if math.isfinite(pose.covariance_m2[0]) else 1.0
    said = wording.coordinates(pose.lat_deg, pose.lon_deg, error_km)
    return said if match.accepted else f"Had it been accepted, its middle would lie at {said}."


def _notices(match: Match) -> str:
    said = " ".join(wording.one_line(text, 600) for text in match.reasons)
    reasons = f'<p class="notice {"info" if match.accepted else "strong"}">{escape(said)}</p>' if said else ""
    warnings = "".join(
        f'<p class="notice warn"><b>About the file.</b> {escape(wording.one_line(text, 600))}</p>'
        for text in match.query.warnings
    )
    return reasons + warnings


def _facts(match: Match) -> str:
    rows = [("Probability", probability(match.probability), f"{probability(match.threshold)} is asked for")]
    pose = match.pose
    if pose is not None and match.accepted:
        if math.isfinite(pose.covariance_m2[0]):
            rows.append(("Position within", amount("_m", radius_m(pose, R90)), "with 90 %"))
        turn = f" ± {pose.heading_sigma_deg:.1f}°" if math.isfinite(pose.heading_sigma_deg) else ""
        rows.append(("Heading", amount("_deg", pose.heading_deg) + turn, compass(pose.heading_deg)))
        rows.append(("Scale", amount("gsd_m_per_px", pose.gsd_m_per_px), "of the query"))
    pairs = match.registration.correspondences
    rows.append(("Pairs of points", f"{int(pairs.inlier.sum()):,}", f"of {len(pairs):,} fit"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(note)}</small></dd></div>"
        for name, value, note in rows
    )


def _counts(match: Match) -> str:
    pairs = match.registration.correspondences
    fits = int(pairs.inlier.sum())
    return f"{fits:,} pairs fit, {len(pairs) - fits:,} do not; the strongest of both are drawn."


def _overlay_section(match: Match) -> str:
    drawing = overlay_drawing(match)
    if not drawing:
        return ""
    lead = "" if match.accepted else '<p class="lead">As the best transform would lay it, which was not accepted.</p>'
    return (
        f'<section aria-labelledby="h-overlay"><h2 id="h-overlay">One over the other</h2>{lead}{drawing}'
        '<div class="sliders script-only"><label for="opacity">Opacity of the query</label>'
        '<input type="range" id="opacity" min="0" max="100" value="60">'
        '<label for="swipe">Swipe from the reference to the query</label>'
        '<input type="range" id="swipe" min="0" max="100" value="100"></div></section>'
    )


def _ground_section(match: Match) -> str:
    figures = ground_map(match)
    if not figures:
        return ""
    told = " A cross stands where the file itself says that it was taken." if match.query.metadata.position else ""
    lead = "" if match.accepted else " The match was not accepted."
    return (
        '<section aria-labelledby="h-ground"><h2 id="h-ground">On the ground</h2>'
        f'<div class="grounds">{figures}{locator(match)}</div><p class="legend">The frame is what the query covers, '
        "the line leads from its middle to its upper edge. The full ellipse holds the middle with 50&nbsp;%, the "
        f"dashed one with 90&nbsp;%.{told}{lead}</p></section>"
    )
