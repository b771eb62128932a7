"""``whence track``: frames of one camera, one after the other, to a track."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whence.cli.exits import Exit
from whence.cli.match import Lines, matching_options, near_of, open_matcher
from whence.cli.progress import ProgressBar

if TYPE_CHECKING:
    from whence.crossview.match import Matcher
    from whence.crossview.track.filter import TrackFilter
    from whence.crossview.track.follow import Frame, FrameMatcher, TrackedFrame
    from whence.crossview.track.types import SearchArea

_OWN = ("track", "telemetry")
_EXAMPLES = """\b
Examples:
  whence track frames/ --tiles town.tif --json track.jsonl --report track.html
  whence track 'DJI_*.jpg' --tiles myset --ignore-gps --prior 46.8426,-91.9940,100 --gpx track.gpx
  whence track frames/ --tiles myset --telemetry flight.csv --smooth --geojson track.geojson
  whence track frames/ --tiles myset --budget-ms 500 --set track.speed_mps=12
"""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Follow a camera over reference pictures, frame by frame.", epilog=_EXAMPLES)
@click.argument("frames", nargs=-1, required=True, metavar="FRAMES...")
@matching_options
@click.option(
    "--telemetry",
    default="exif",
    show_default=True,
    metavar="exif|none|CSV",
    help="Where position, heading, speed and height come from: the frames' own metadata, nothing, or a table.",
)
@click.option("--ignore-gps", is_flag=True, help="Leave positions of the telemetry out.")
@click.option("--prior", metavar="LAT,LON,M", help="Where the track starts: within so many metres, 90 % sure.")
@click.option(
    "--order",
    default="auto",
    show_default=True,
    metavar="auto|time|name",
    help="Order of the frames; auto is time if all tell one, else name.",
)
@click.option("--interval", default=1.0, show_default=True, metavar="S", help="Seconds between frames without times.")
@click.option("--smooth", is_flag=True, help="Look back at the end: each frame in the light of all of them.")
@click.option("--budget-ms", default=0.0, metavar="MS", help="Time for a frame; less is searched to hold it.")
@click.option("--json", "json_to", metavar="FILE|-", help="Write one line of JSON a frame.")
@click.option("--overwrite", is_flag=True, help="Replace the JSON FILE if it is there.")
@click.option("--report", type=_FILE, metavar="FILE", help="Write an HTML page with the track on the ground.")
@click.option("--gpx", type=_FILE, metavar="FILE", help="Write the track as GPX.")
@click.option("--geojson", type=_FILE, metavar="FILE", help="Write track, frames and ellipses as GeoJSON.")
@click.option("--kml", type=_FILE, metavar="FILE", help="Write track, frames and ellipses as KML.")
def track(frames: tuple[str, ...], **given: Any) -> int:
    """Follow one camera over reference pictures: a position with its covariance for every frame.

    FRAMES are files, folders and patterns of one sequence. Each frame is matched where the track before it leads, all
    over the set at the start and when the track is lost. False matches, gaps and headings that are off by half a turn
    are allowed for; every line says what was used and what was not. A frame that cannot be read is named and passed
    over.
    """
    from whence.crossview.track.follow import follow
    from whence.crossview.track.smooth import smoothed
    from whence.samples.discover import find_pictures

    own, others = _split(given["settings"])
    ordered = _frames(list(find_pictures(frames)), own, given)
    matcher = open_matcher(given["tiles"], others)
    followed = _filter(matcher, own, given)
    kind = _kind(given["kind"])
    done: list[TrackedFrame] = []
    with Lines(given["json_to"], given["overwrite"]) as lines, ProgressBar(len(ordered), doing="tracking") as bar:
        for one in follow(ordered, frame_matcher(matcher, use_file=not given["ignore_heading"]), followed, kind=kind):
            done.append(one)
            bar.step(failed=one.estimate is None)
            if not given["smooth"]:
                _tell(one, lines, bar)
        if given["smooth"]:
            back = iter(smoothed(followed))
            done = [one if one.estimate is None else replace(one, estimate=next(back)) for one in done]
            for one in done:
                _tell(one, lines, bar)
    _write(done, matcher, ", ".join(frames), given)
    for one in done:
        if one.estimate is None:
            click.echo(f"passed over: {one.frame.path}: {one.problem}", err=True)
    failed = sum(one.estimate is None for one in done)
    if failed == len(done):
        return Exit.NONE_ANSWERED
    return Exit.SOME_FAILED if failed else Exit.DONE


def frame_matcher(matcher: Matcher, *, use_file: bool = True) -> FrameMatcher:
    """The matcher as the track asks it: scale from the file, heading and place from the track.

    Args:
        matcher: over the reference pictures.
        use_file: whether heights that the files tell give the scale.
    """
    from whence.crossview.known import known_of_file
    from whence.crossview.types import Match
    from whence.samples.view import View

    def matched(view: View, *, near: SearchArea | None, heading_deg: float | None, k: int) -> Sequence[Match]:
        gsd = known_of_file(view, use_heading=False).gsd_m_per_px if use_file else None
        return matcher.match(view, near=near, heading_deg=heading_deg, gsd_m_per_px=gsd, use_file=False, k=k)

    return matched


def _split(settings: Sequence[str]) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Settings of the track and its telemetry, and those of matching."""
    own: dict[str, dict[str, object]] = {part: {} for part in _OWN}
    others = []
    for text in settings:
        key, equals, value = text.partition("=")
        part, _, name = key.strip().partition(".")
        if equals and part in own:
            own[part][name] = value.strip()
        else:
            others.append(text)
    return own, others


def _frames(paths: list[Path], own: dict[str, dict[str, object]], given: dict[str, Any]) -> tuple[Frame, ...]:
    from whence.core.config import build
    from whence.crossview.track.follow import frames_of
    from whence.crossview.track.telemetry import Config, read_telemetry

    config = build(Config, own["telemetry"], owner="telemetry")
    source = given["telemetry"]
    table = {} if source == "none" else None if source == "exif" else read_telemetry(source, config)
    return frames_of(
        paths,
        order=given["order"],
        interval_s=given["interval"],
        table=table,
        config=config,
        ignore_gps=given["ignore_gps"],
    )


def _filter(matcher: Matcher, own: dict[str, dict[str, object]], given: dict[str, Any]) -> TrackFilter:
    from whence.core.config import build
    from whence.core.errors import InputError
    from whence.crossview.track.config import Config
    from whence.crossview.track.filter import TrackFilter
    from whence.crossview.track.types import SearchArea

    values = dict(own["track"])
    if given["budget_ms"]:
        values["budget_ms"] = given["budget_ms"]
    config = build(Config, values, owner="track")
    prior = _prior(given["prior"])
    extent = matcher.ground.extent()
    if extent is None:
        raise InputError(
            "The reference pictures span half the Earth, which is too much to follow a camera over. Give a smaller set."
        )
    start = None if prior is None else SearchArea(*prior)
    return TrackFilter(SearchArea(*extent), config, prior=start, keep_history=given["smooth"])


def _prior(text: str | None) -> tuple[float, float, float] | None:
    try:
        return near_of(text)
    except click.BadOptionUsage as error:
        raise click.BadOptionUsage("--prior", error.message.replace("--near", "--prior")) from error


def _kind(text: str | None) -> Any:
    from whence.core.errors import unknown_name
    from whence.samples.view import ViewKind

    if text is None:
        return None
    if text not in (known := [item.value for item in ViewKind]):
        raise unknown_name("kind of view", text, known)
    return ViewKind(text)


def _tell(one: TrackedFrame, lines: Lines, bar: ProgressBar) -> None:
    from whence.crossview.track.export import frame_record

    estimate = one.estimate
    if estimate is None:
        text = f"{one.frame.path}\n  passed over: {one.problem}"
    else:
        heading = "" if estimate.heading_deg is None else f", heading {estimate.heading_deg:.0f}°"
        place = f"{estimate.lat_deg:.6f}, {estimate.lon_deg:.6f} ± {estimate.sigma_m:.1f} m{heading}"
        text = f"{one.frame.path}\n  {estimate.status.value}: {place}\n  " + "\n  ".join(estimate.reasons)
    lines.write(bar, json.dumps(frame_record(one), ensure_ascii=False, allow_nan=False), text)


def _write(done: Sequence[TrackedFrame], matcher: Matcher, title: str, given: dict[str, Any]) -> None:
    """Write the files that were asked for."""
    from whence.crossview.track.export import track_features, track_gpx
    from whence.earth.formats import features_to_geojson
    from whence.earth.kml import features_to_kml
    from whence.explain.track.page import write_track_report

    makers: dict[str, Callable[[], str]] = {
        "gpx": lambda: track_gpx(done, title),
        "geojson": lambda: json.dumps(features_to_geojson(track_features(done), {"name": title}), ensure_ascii=False),
        "kml": lambda: features_to_kml(track_features(done), title),
    }
    for name, make in makers.items():
        if given[name] is not None:
            given[name].write_text(make(), encoding="utf-8")
    if given["report"] is not None:
        write_track_report(done, matcher.ground.mosaic, title, given["report"])
