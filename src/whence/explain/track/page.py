"""The page on a track: one HTML file that holds everything and asks nothing of any network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path

from whence.crossview.track.export import frame_record
from whence.crossview.track.follow import TrackedFrame
from whence.crossview.track.types import TrackEstimate, TrackStatus
from whence.earth.tiles.mosaic import Mosaic
from whence.estimate import wording
from whence.explain.report.page import asset as report_asset
from whence.explain.report.page import embedded_json, policy, template, unbroken
from whence.explain.track.drawing import ground_drawing, sigma_chart


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (files("whence.explain.track") / name).read_text(encoding="utf-8")


def render_track_report(frames: Sequence[TrackedFrame], mosaic: Mosaic, title: str) -> str:
    """The report on a track as HTML.

    Args:
        frames: in the order of time.
        mosaic: reference pictures, one of which becomes the ground of the drawing.
        title: what the track is called, as a rule the frames as the user named them.
    """
    styles = report_asset("report.css") + _asset("track.css")
    script = report_asset("common.js") + _asset("track.js")
    estimates = [done.estimate for done in frames if done.estimate is not None]
    drawn = ground_drawing(frames, mosaic)
    return template(_asset("track.html")).substitute(
        policy=escape(policy(styles, script), quote=True),
        styles=styles,
        script=script,
        title=escape(f"{title}: track"),
        file=escape(wording.one_line(title, 90)),
        kicker=f"{len(frames)} frame{'s' * (len(frames) != 1)}"
        + (", each in the light of all" if estimates and estimates[0].smoothed else ""),
        headline=escape(_headline(frames)),
        notices=_notices(frames),
        facts=unbroken(_facts(frames, estimates)),
        map=unbroken(drawn.html),
        chart=sigma_chart(frames),
        rows="".join(_row(number, done) for number, done in enumerate(frames, start=1)),
        credit=escape(drawn.credit),
        data=embedded_json([frame_record(done) for done in frames]),
    )


def write_track_report(frames: Sequence[TrackedFrame], mosaic: Mosaic, title: str, path: Path | str) -> None:
    """Write the report on a track as a self-contained HTML file.

    Args:
        frames: in the order of time.
        mosaic: reference pictures.
        title: what the track is called.
        path: file to write.
    """
    Path(path).write_text(render_track_report(frames, mosaic, title), encoding="utf-8", errors="replace")


def _count(estimates: Sequence[TrackEstimate], status: TrackStatus) -> int:
    return sum(estimate.status is status for estimate in estimates)


def _headline(frames: Sequence[TrackedFrame]) -> str:
    estimates = [done.estimate for done in frames if done.estimate is not None]
    placed = len(estimates) - _count(estimates, TrackStatus.LOST)
    if not placed:
        return "No frame could be placed"
    return "Every frame is placed" if placed == len(frames) else f"{placed} of {len(frames)} frames are placed"


def _notices(frames: Sequence[TrackedFrame]) -> str:
    failed = [done for done in frames if done.estimate is None]
    late = sum(done.estimate is not None and done.estimate.over_budget for done in frames)
    rows = [("warn", "Passed over", f"{done.frame.path.name}: {done.problem}") for done in failed[:20]]
    if len(failed) > len(rows):
        rows.append(("warn", "Passed over", f"and {len(failed) - len(rows)} more."))
    if late:
        rows.append(("warn", "Over budget", f"{late} frames took longer than the budget."))
    return "".join(
        f'<p class="notice {kind}"><b>{escape(head)}.</b> {escape(wording.one_line(text, 600))}</p>'
        for kind, head, text in rows
    )


def _facts(frames: Sequence[TrackedFrame], estimates: Sequence[TrackEstimate]) -> str:
    rows = [
        ("Tracking", str(_count(estimates, TrackStatus.TRACKING)), "frames that a match or position confirms"),
        ("Coasting", str(_count(estimates, TrackStatus.COASTING)), "carried on by motion alone"),
        ("Lost", str(_count(estimates, TrackStatus.LOST)), "not placed"),
    ]
    placed = sorted(e.sigma_m for e in estimates if e.status is not TrackStatus.LOST)
    if placed:
        rows.append(("Standard deviation", f"{placed[len(placed) // 2]:.1f} m", "to each side, median"))
    spent = sorted(done.observation.matching_ms for done in frames if done.observation is not None)
    if spent:
        rows.append(("Matching", f"{spent[len(spent) // 2]:,.0f} ms", "a frame, median"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(note)}</small></dd></div>"
        for name, value, note in rows
    )


def _row(number: int, done: TrackedFrame) -> str:
    name = escape(done.frame.path.name)
    head = f'<td data-value="{number}"><b>{number}</b> {name}</td>'
    time_s = done.frame.time_s
    at = f'<td class="num" data-value="{time_s:.3f}">{time_s:.1f} s</td>' if math.isfinite(time_s) else "<td></td>"
    if done.estimate is None:
        said = escape(wording.one_line(done.problem, 400))
        return f'<tr>{head}{at}<td class="status failed">not read</td><td></td><td></td><td></td><td>{said}</td></tr>'
    e = done.estimate
    lost = e.status is TrackStatus.LOST
    place = "" if lost else f"{e.lat_deg:.6f}, {e.lon_deg:.6f}"
    heading, value = "", ""
    if e.heading_deg is not None and not lost:
        heading, value = f"{e.heading_deg:.0f}° ± {max(e.heading_sigma_deg, 0.1):.2g}°", f"{e.heading_deg:.2f}"
    why = "".join(f"<div>{escape(reason)}</div>" for reason in e.reasons)
    return (
        f'<tr>{head}{at}<td class="status {e.status.value}">{e.status.value}</td><td class="bits">{place}</td>'
        f'<td class="num" data-value="{e.sigma_m:.3f}">{e.sigma_m:,.1f}</td>'
        f'<td class="num" data-value="{value}">{heading}</td><td><small>{why}</small></td></tr>'
    )
