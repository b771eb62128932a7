"""Eighteen frames of a drone on an orthophoto, matched for real; for `track.py`."""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np

from track_methods import WITHIN_90, answer_of, scores, wrapped
from whence.crossview.ground import Ground
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.smooth import smoothed
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry
from whence.crossview.types import Pose
from whence.earth.tiles.opening import Config as OpeningConfig


def ground_of(data: Path) -> Ground:
    """The orthophoto."""
    folder = data / "brighton"
    bounds = json.loads((folder / "ortho.json").read_text(encoding="utf-8"))["bounds"]
    text = ",".join(str(bounds[side]) for side in ("north", "south", "west", "east"))
    return Ground.open(folder / "ortho_north_up.jpg", OpeningConfig(bounds=text, nodata="white"))


def matched(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Each frame registered on the whole orthophoto, once; kept in ``--matches`` if that is given."""
    if given.matches and given.matches.exists():
        return list(json.loads(given.matches.read_text(encoding="utf-8")))
    from whence.crossview.known import known_of_file
    from whence.crossview.match import Matcher, matching_options
    from whence.samples.reader import read_view

    folder, ground = given.data / "brighton", ground_of(given.data)
    options = matching_options({"candidates": {"whole_px": 4096}, "match": {"patch_px": 2048}})
    matcher = Matcher(ground, options)
    rows = []
    for path in sorted(folder.glob("DJI_*.jpg")):
        view = read_view(path)
        gsd = known_of_file(view, use_heading=False).gsd_m_per_px
        started = time.perf_counter()
        found = matcher.match(view, gsd_m_per_px=gsd, use_file=False, k=3)
        rows.append(
            {
                "file": path.name,
                "ms": round((time.perf_counter() - started) * 1e3),
                "extent": ground.extent(),
                "candidates": [
                    [list(astuple(item.pose)), item.probability, item.accepted] for item in found if item.pose
                ],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    if given.matches:
        given.matches.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def brighton(given: argparse.Namespace) -> dict[str, Any]:
    """The sequence of 18 frames, with and without what else is known, against the positions of their GPS tags."""
    rows = matched(given)
    with (given.data / "brighton" / "pose.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}
    frames = _brighton_frames(rows, truth)
    area = SearchArea(*rows[0]["extent"])
    sure = [[c for c in row["candidates"] if c[2]] for row in rows]
    found: dict[str, Any] = {
        "accepted by themselves": f"{sum(map(bool, sure))} of {len(rows)}",
        "ms of matching, median": float(np.median([row["ms"] for row in rows])),
    }
    plane = LocalPlane(area.lat_deg, area.lon_deg)
    aim = plane.to_metres(*(np.array([float(truth[r["file"]][k]) for r in rows]) for k in ("lat_deg", "lon_deg")))
    up = np.array([float(truth[r["file"]]["image_up_bearing_deg"]) for r in rows])
    first = SearchArea(float(truth[rows[0]["file"]]["lat_deg"]), float(truth[rows[0]["file"]]["lon_deg"]), 30.0)
    rng = np.random.default_rng(0)
    wrong = [_with_false(f, plane, area, np.random.default_rng([7, i])) for i, f in enumerate(frames)]
    plain = [replace(f, telemetry=None) for f in frames]
    scenes = {
        "matches alone, start not known": plain,
        "and headings of the gimbal, six of them flipped": [_told(f, position=False) for f in frames],
        "and GPS": frames,
        "start known": plain,
        "frames 6 to 10 without a match": [_silent(f) if 5 <= i < 10 else f for i, f in enumerate(plain)],
        "the same, with headings": [
            _silent(f) if 5 <= i < 10 else f for i, f in enumerate(_told(f, position=False) for f in frames)
        ],
        "two of three without a match": [f if i % 3 == 0 else _silent(f) for i, f in enumerate(plain)],
        "a false match in every second frame": wrong,
        "first half, then moved to the last six frames": [*plain[:6], *_later(plain[12:], plain[6].time_s)],
    }
    for name, scene in scenes.items():
        which = [*range(6), *range(12, 18)] if "moved" in name else range(len(scene))
        for sigma in (0.5, 1.5):
            track = TrackFilter(
                area,
                Config(reference_sigma_m=sigma),
                prior=first if name == "start known" else None,
                keep_history=True,
            )
            estimates = [track.step(f) for f in scene]
            for title, told in (("", estimates), (", smoothed", smoothed(track))):
                row = _brighton_scores(told, aim[list(which)], up[list(which)], plane, rng)
                found[f"{name}{title}, reference ± {sigma} m"] = row
                print(json.dumps({f"{name}{title}, reference ± {sigma} m": row}), flush=True)
    found["each accepted match alone"] = _alone(sure, aim, up, plane)
    return found


def _brighton_frames(rows: Sequence[dict[str, Any]], truth: dict[str, dict[str, str]]) -> list[FrameObservation]:
    from datetime import datetime

    times = [datetime.strptime(truth[row["file"]]["time_local"], "%Y:%m:%d %H:%M:%S") for row in rows]
    out = []
    for row, at in zip(rows, times, strict=True):
        known = truth[row["file"]]
        seconds = (at - times[0]).total_seconds()
        candidates = tuple(
            (Pose(*values[:4], tuple(values[4]), *values[5:]), p)
            for values, p, _ in row["candidates"]
            if np.isfinite(values[:4]).all()
        )
        told = Telemetry(
            seconds,
            (float(known["lat_deg"]), float(known["lon_deg"])),
            5.0,
            heading_deg=float(known["xmp_gimbal_yaw_deg"]) % 360.0,
            heading_sigma_deg=8.0,
            altitude_m=float(known["rel_alt_m"]),
        )
        out.append(FrameObservation(seconds, candidates, told, name=row["file"]))
    return out


def _told(frame: FrameObservation, *, position: bool) -> FrameObservation:
    assert frame.telemetry is not None
    return frame if position else replace(frame, telemetry=replace(frame.telemetry, position=None))


def _silent(frame: FrameObservation) -> FrameObservation:
    return replace(frame, candidates=())


def _later(frames: Sequence[FrameObservation], start: float) -> list[FrameObservation]:
    return [replace(f, time_s=start + f.time_s - frames[0].time_s) for f in frames]


def _with_false(
    frame: FrameObservation, plane: LocalPlane, area: SearchArea, rng: np.random.Generator
) -> FrameObservation:
    """The frame with a false match beside the true one, or in its place in every fourth frame."""
    kind = rng.random()
    if kind >= 0.5:
        return replace(frame, telemetry=None)
    lat, lon = plane.to_lat_lon(rng.uniform(-0.7, 0.7, 2) * area.radius_m)
    pose = Pose(float(lat), float(lon), rng.uniform(0.0, 360.0), 0.067, (1.0, 0.0, 1.0), 1.0, 0.02)
    rest = frame.candidates if kind < 0.25 else ()
    return replace(frame, telemetry=None, candidates=(*rest, (pose, 0.6)))


def _brighton_scores(
    estimates: Sequence[Any], truth: np.ndarray, up: np.ndarray, plane: LocalPlane, rng: np.random.Generator
) -> dict[str, Any]:
    run = scores([answer_of(e, plane) for e in estimates], truth)
    told = run["answered"]
    error, held = run["error"][told], int(run["held"][told].sum())
    again = [np.median(rng.choice(error, len(error))) for _ in range(1000)]
    turn = np.array([np.nan if e.heading_deg is None else e.heading_deg for e in estimates]) - up
    turn = np.abs(wrapped(turn))[told]
    low, high = _wilson(held, int(told.sum()))
    return {
        "answered": f"{int(told.sum())} of {len(told)}",
        "median_m": [round(float(v), 2) for v in (np.median(error), *np.quantile(again, [0.025, 0.975]))],
        "worst_m": round(float(error.max()), 2),
        "sigma_m": round(float(np.median(run["sigma"][told])), 2),
        "covered_90": [round(held / max(int(told.sum()), 1), 3), round(low, 3), round(high, 3)],
        "heading_deg": [round(float(np.nanmedian(turn)), 2), round(float(np.nanmax(turn)), 2)],
    }


def _wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    z2 = 1.96**2
    middle, half = (hits + z2 / 2) / (n + z2), 1.96 / (n + z2) * np.sqrt(hits * (n - hits) / n + z2 / 4)
    return float(middle - half), float(middle + half)


def _alone(sure: Sequence[list[Any]], aim: np.ndarray, up: np.ndarray, plane: LocalPlane) -> dict[str, Any]:
    error, turn, held = [], [], 0
    for i, found in enumerate(sure):
        if found:
            values = found[0][0]
            gap = plane.to_metres(values[0], values[1]) - aim[i]
            cov = np.array([[values[4][0], values[4][1]], [values[4][1], values[4][2]]])
            held += bool(gap @ np.linalg.solve(cov, gap) <= WITHIN_90)
            error.append(float(np.hypot(*gap)))
            turn.append(float(abs(wrapped(np.array(values[2] - up[i])))))
    return {
        "answered": f"{len(error)} of {len(sure)}",
        "median_m": round(float(np.median(error)), 2) if error else None,
        "heading_deg": round(float(np.median(turn)), 2) if turn else None,
        "covered_90": round(held / max(len(error), 1), 3),
    }
