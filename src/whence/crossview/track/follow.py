"""`follow`: frames from files, matched where the filter expects them, to a track."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, final

from whence.core.errors import InputError, WhenceError
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.telemetry import Config as TelemetryConfig
from whence.crossview.track.telemetry import telemetry_of, times_of, without_position
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry, TrackEstimate
from whence.crossview.types import Match
from whence.samples.metadata import read_metadata
from whence.samples.reader import read_view
from whence.samples.view import View, ViewKind

ORDERS = ("auto", "time", "name")
_LEAST_PROBABILITY = 1e-4


class FrameMatcher(Protocol):
    """What matches one frame with the reference pictures."""

    def __call__(self, view: View, *, near: SearchArea | None, heading_deg: float | None, k: int) -> Sequence[Match]:
        """At most ``k`` matches, the most probable first, accepted or not."""


@final
@dataclass(frozen=True, slots=True)
class Frame:
    """A frame before it is matched.

    Attributes:
        path: of the file.
        time_s: when it was taken, in seconds from the first frame.
        telemetry: what is known of it besides its pixels.
        problem: why it cannot be read; empty if it can.
    """

    path: Path
    time_s: float
    telemetry: Telemetry | None = None
    problem: str = ""


@final
@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """What became of a frame.

    Attributes:
        frame: that was read.
        estimate: where it was taken; ``None`` if it could not be read.
        observation: what the filter was given.
        sha256: hash of the file.
        problem: why there is no estimate; empty if there is one.
    """

    frame: Frame
    estimate: TrackEstimate | None
    observation: FrameObservation | None
    sha256: str = ""
    problem: str = ""


def frames_of(
    paths: Iterable[Path],
    *,
    order: str = "auto",
    interval_s: float = 1.0,
    table: dict[str, Telemetry] | None = None,
    config: TelemetryConfig = TelemetryConfig(),  # noqa: B008 (frozen)
    ignore_gps: bool = False,
) -> tuple[Frame, ...]:
    """Put frames in order and read their telemetry, without decoding a pixel.

    Args:
        paths: of the files, in the order of their names.
        order: ``time`` sorts by the time that each file tells (or the table), ``name`` keeps the order given with
            ``interval_s`` between frames; ``auto`` is ``time`` if all that can be read tell one.
        interval_s: between frames without times.
        table: telemetry by file name in place of what the files tell.
        config: how far telemetry is believed.
        ignore_gps: leave positions out.

    Returns:
        Frames, those that cannot be read where their names put them.

    Raises:
        InputError: no frames, no such order, or frames without a time that are to be ordered by it.
    """
    if order not in ORDERS:
        raise InputError(f"Frames are ordered by {', '.join(ORDERS)}, received {order!r}.")
    if not (math.isfinite(interval_s) and interval_s > 0.0):
        raise InputError(f"The interval between frames is above 0 s, received {interval_s}.")
    read = [_read(path, table, config, ignore_gps) for path in paths]
    if not read:
        raise InputError("There are no frames to follow. Name a folder, pictures or a pattern.")
    found = _by_one_clock(read)
    untimed = [frame for frame in found if not frame.problem and not math.isfinite(frame.time_s)]
    if order == "time" and untimed:
        raise InputError(
            f"{len(untimed)} of {len(found)} frames tell no time, the first is {str(untimed[0].path)!r}. "
            "Give --order name and --interval S, or a table with time_s."
        )
    if order == "name" or untimed:
        return tuple(_timed(frame, i * interval_s) for i, frame in enumerate(found))
    return _by_time(found)


def _by_one_clock(read: Sequence[tuple[Frame, tuple[float, float]]]) -> list[Frame]:
    """Frames with the time of the table, else of the first clock that all of them tell."""
    if all(frame.problem or math.isfinite(frame.time_s) for frame, _ in read):
        return [frame for frame, _ in read]
    for clock in (0, 1):
        if all(frame.problem or math.isfinite(times[clock]) for frame, times in read):
            return [replace(frame, time_s=times[clock]) for frame, times in read]
    return [replace(frame, time_s=math.nan) for frame, _ in read]


def _by_time(found: Sequence[Frame]) -> tuple[Frame, ...]:
    """Sorted by time from 0 on; a frame that cannot be read goes with the one ahead of it."""
    times = [frame.time_s for frame in found if math.isfinite(frame.time_s)]
    first, last = min(times, default=0.0), min(times, default=0.0)
    keyed = []
    for i, frame in enumerate(found):
        last = frame.time_s if math.isfinite(frame.time_s) else last
        keyed.append((last - first, i, frame))
    return tuple(_timed(frame, at) for at, _, frame in sorted(keyed, key=lambda item: item[:2]))


def _timed(frame: Frame, time_s: float) -> Frame:
    told = replace(frame.telemetry, time_s=time_s) if frame.telemetry is not None else None
    return replace(frame, time_s=time_s, telemetry=told)


def _read(
    path: Path, table: dict[str, Telemetry] | None, config: TelemetryConfig, ignore_gps: bool
) -> tuple[Frame, tuple[float, float]]:
    try:
        metadata = read_metadata(path)
    except WhenceError as error:
        return Frame(path, math.nan, problem=str(error)), (math.nan, math.nan)
    times = times_of(metadata)
    if table is None:
        return Frame(path, math.nan, telemetry_of(metadata, math.nan, config, ignore_gps=ignore_gps)), times
    told = table.get(path.name)
    if told is None:
        return Frame(path, math.nan), times
    told = without_position(told) if ignore_gps else told
    return Frame(path, told.time_s, told), times


def follow(
    frames: Iterable[Frame], match: FrameMatcher, track: TrackFilter, *, kind: ViewKind | None = None
) -> Iterator[TrackedFrame]:
    """Match frames where the filter expects them, and step the filter.

    A frame that cannot be read or matched is named and passed over; the track goes on.

    Args:
        frames: in the order of time.
        match: what matches one frame.
        track: the filter, as it stands before the first frame.
        kind: what the frames are; as their files tell if not given, a frame that does not tell is a drone's.
    """
    for frame in frames:
        if frame.problem:
            yield TrackedFrame(frame, None, None, problem=frame.problem)
            continue
        try:
            view = read_view(frame.path)
        except WhenceError as error:
            yield TrackedFrame(frame, None, None, _hash(frame.path), problem=str(error))
            continue
        told = view.kind if view.kind is not ViewKind.GROUND else ViewKind.DRONE
        view = replace(view, kind=kind or told)
        try:
            observation = _observed(frame, view, match, track)
        except WhenceError as error:
            yield TrackedFrame(frame, None, None, view.sha256, problem=str(error))
            continue
        yield TrackedFrame(frame, track.step(observation), observation, view.sha256)


def _observed(frame: Frame, view: View, match: FrameMatcher, track: TrackFilter) -> FrameObservation:
    region = track.search_region(frame.time_s)
    everywhere = region == track.area
    heading = track.heading_expected(frame.telemetry)
    started = time.perf_counter()
    found = match(view, near=None if everywhere else region, heading_deg=heading, k=track.candidates_wanted)
    took = (time.perf_counter() - started) * 1e3
    candidates = tuple(
        (item.pose, item.probability)
        for item in found
        if item.pose is not None and item.probability > _LEAST_PROBABILITY
    )
    return FrameObservation(
        time_s=frame.time_s,
        candidates=candidates,
        telemetry=frame.telemetry,
        searched=None if everywhere else region,
        heading_given=heading is not None,
        matching_ms=took,
        name=str(frame.path),
    )


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
