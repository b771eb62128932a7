"""How long a frame takes, matching included, on the frames of a drone over an orthophoto; for `track.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from track_brighton import ground_of
from track_made import AREA, REPORT, SCENARIOS, flights, observations
from whence.cli.track import frame_matcher
from whence.crossview.match import Matcher, matching_options
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.follow import TrackedFrame, follow, frames_of
from whence.crossview.track.types import SearchArea


def latency(given: argparse.Namespace) -> dict[str, Any]:
    """Frames followed as `whence track` follows them, start not known, passes one after the other.

    The first pass also opens the pictures for the first time; each pass has a matcher of its own, so that no features
    of the reference are left from the pass before.
    """
    ground = ground_of(given.data)
    frames = frames_of(sorted((given.data / "brighton").glob("DJI_*.jpg")), ignore_gps=True)
    extent = ground.extent()
    assert extent is not None
    done: list[list[TrackedFrame]] = []
    for _ in range(given.passes):
        matcher = Matcher(ground, matching_options({"candidates": {"whole_px": 4096}}))
        track = TrackFilter(SearchArea(*extent), Config(budget_ms=given.budget_ms))
        done.append(list(follow(frames, frame_matcher(matcher), track)))
    data = flights(given.data, REPORT[:1])[0]
    track, steps = TrackFilter(AREA), []
    for frame in observations(data, SCENARIOS["50 % false"], np.random.default_rng(0)):
        steps.append(track.step(frame).elapsed_ms)
    return {
        "frames": sum(len(one) for one in done),
        "first frame of a pass, ms": _spread([_took(one[0]) for one in done]),
        "other frames, ms": _spread([_took(frame) for one in done for frame in one[1:]]),
        "of these the filter, ms": _spread(
            [frame.estimate.elapsed_ms for one in done for frame in one[1:] if frame.estimate is not None]
        ),
        "tracking": sum(
            frame.estimate is not None and frame.estimate.status.value == "tracking" for one in done for frame in one
        ),
        "over budget": sum(frame.estimate is not None and frame.estimate.over_budget for one in done for frame in one),
        f"step of the filter alone, {len(steps)} frames of a flight, half with a false match, ms": _spread(steps),
    }


def _took(frame: TrackedFrame) -> float:
    assert frame.observation is not None
    assert frame.estimate is not None
    return frame.observation.matching_ms + frame.estimate.elapsed_ms


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95, 100)}
