"""The filter along a track, on flights whose telemetry is known.

    python benchmarks/track.py fit --data crossview          # settings, on flights v11 to v14
    python benchmarks/track.py simulated --data crossview    # v17, v19, v23, v24, which chose nothing
    python benchmarks/track.py brighton --data crossview     # 18 frames on an orthophoto, matched for real
    python benchmarks/track.py latency --data crossview      # the same frames: how long each takes

``fit`` and ``simulated`` take the positions of the flights in ``coeffic/frames_1fps.csv`` as the truth and make up what
matching would say of them: true matches with a known error, false ones anywhere, gaps, and a camera moved elsewhere.
Probabilities are calibrated by construction, but where a scenario says otherwise. ``--json`` writes what is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from track_brighton import brighton
from track_latency import latency
from track_made import AREA, CHOOSE, PLANE, REPORT, SCENARIOS, SEEDS, Flight, flights, moved, observations
from track_methods import KEPT, METHODS, pooled, scores, seconds_to_settle, wrapped
from whence.core.config import build
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.motion import transition
from whence.crossview.track.types import FrameObservation
from whence.crossview.types import Pose


def fit(given: argparse.Namespace) -> dict[str, Any]:
    """Log-density of the truth after gaps of 1 to 30 s, by the settings of motion, on the flights that choose."""
    from itertools import product

    data = flights(given.data, CHOOSE)
    turns = np.concatenate([wrapped(np.diff(f.heading)) for f in data])
    found: dict[str, Any] = {
        "frames": sum(len(f.time_s) for f in data),
        "speed, root mean square to each side": round(float(np.sqrt(np.mean(_speeds(data) ** 2))), 2),
        "turn in one second, root mean square and median": [
            round(float(np.sqrt(np.mean(turns**2))), 1),
            round(float(np.median(np.abs(turns))), 2),
        ],
    }
    rows = []
    for speed, memory in product((5.0, 6.0, 7.0, 8.0, 10.0), (5.0, 8.0, 12.0, 20.0, 40.0)):
        config = Config(speed_mps=speed, memory_s=memory, agile_share=0.0)
        rows.append((round(_foresight(data, config), 4), speed, memory))
    rows.sort(reverse=True)
    found["mean log-density, speed_mps, memory_s"] = rows[:6]
    found["worst"] = rows[-1]
    return found


def _speeds(data: Sequence[Flight]) -> np.ndarray:
    return np.concatenate([np.diff(f.xy, axis=0) / np.diff(f.time_s)[:, None] for f in data]).ravel()


def _foresight(data: Sequence[Flight], config: Config, gaps: Sequence[int] = (1, 3, 10, 30)) -> float:
    """How well positions after a gap are foreseen from matches of 4 m in the 15 s before it, nats a position."""
    logs = []
    rng = np.random.default_rng(0)
    for flight in data:
        noisy = flight.xy + rng.normal(0.0, 4.0, flight.xy.shape)
        for start in range(0, len(flight.xy) - 46, 15):
            frames = [FrameObservation(float(flight.time_s[i]), (_sure(noisy[i]),)) for i in range(start, start + 15)]
            track = TrackFilter(AREA, config)
            for frame in frames:
                track.step(frame)
            best = int(np.argmax(track.belief.weight))
            for gap in gaps:
                i = start + 14 + gap
                f, q = transition(config, float(flight.time_s[i] - flight.time_s[start + 14]))
                mean = f @ track.belief.mean[best]
                cov = (f @ track.belief.cov[best] @ f.T + q)[:2, :2]
                away = flight.xy[i] - mean[:2]
                logs.append(-0.5 * away @ np.linalg.solve(cov, away) - 0.5 * np.log(np.linalg.det(2 * np.pi * cov)))
    return float(np.mean(logs))


def _sure(xy: np.ndarray) -> tuple[Pose, float]:
    lat, lon = PLANE.to_lat_lon(xy)
    return Pose(float(lat), float(lon), float("nan"), float("nan"), (16.0, 0.0, 16.0), float("inf"), 1.0), 0.97


def simulated(given: argparse.Namespace) -> dict[str, Any]:
    """Every scenario and method on the flights that report."""
    exact = {"reference_sigma_m": 0.5}  # made-up matches know no error of the reference pictures
    config = build(Config, {**exact, **dict(text.split("=", 1) for text in given.set)}, owner="track")
    methods = {name: method for name, method in METHODS.items() if not given.methods or given.methods in name}
    found: dict[str, Any] = {}
    names = CHOOSE if given.choose else REPORT
    data = flights(given.data, names)
    for title, scene in SCENARIOS.items():
        if given.only and given.only not in title:
            continue
        runs: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in methods}
        starts: dict[str, list[float]] = {name: [] for name in methods}
        again: dict[str, list[float]] = {name: [] for name in methods}
        for seed in range(given.seeds):
            for flight in data:
                flown = moved(flight) if scene.moved else flight
                frames = observations(flown, scene, np.random.default_rng([seed, int(flight.name[1:])]))
                KEPT.clear()
                for name, method in methods.items():
                    run = scores(method(frames, config), flown.xy)
                    runs[name].append(run)
                    starts[name].append(seconds_to_settle(run, flown.time_s, 0))
                    if scene.moved:
                        again[name].append(seconds_to_settle(run, flown.time_s, len(flight.time_s) // 2))
        for name in methods:
            row = pooled(runs[name], np.random.default_rng(0))
            row["settled_s"] = [round(float(np.quantile(starts[name], q)), 1) for q in (0.5, 0.9)]
            if scene.moved:
                row["recovered_s"] = [round(float(np.quantile(again[name], q)), 1) for q in (0.5, 0.9)]
            found[f"{title} | {name}"] = row
            print(json.dumps({f"{title} | {name}": row}), flush=True)
    found["ms a step"] = _speed(data, config)
    return found


def _speed(data: Sequence[Flight], config: Config) -> dict[str, float]:
    frames = observations(data[0], SCENARIOS["50 % false"], np.random.default_rng(0))
    track = TrackFilter(AREA, config)
    times = []
    for frame in frames:
        started = time.perf_counter()
        track.step(frame)
        times.append((time.perf_counter() - started) * 1e3)
    return {f"p{q}": round(float(np.percentile(times, q)), 2) for q in (50, 95, 100)}


PARTS = {"fit": fit, "simulated": simulated, "brighton": brighton, "latency": latency}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True, help="the folder with coeffic and brighton")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--matches", type=Path, help="brighton: keep what matching said here, or take it from here")
    parser.add_argument("--only", help="scenarios whose title holds this")
    parser.add_argument("--methods", help="those whose name holds this")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each flight")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the filter")
    parser.add_argument("--choose", action="store_true", help="run scenarios on the flights that chose the settings")
    parser.add_argument("--passes", type=int, default=3, help="latency: times that the frames are followed")
    parser.add_argument("--budget-ms", type=float, default=0.0, help="latency: time for a frame")
    given = parser.parse_args()
    found = {"machine": f"{platform.machine()}, Python {platform.python_version()}", **PARTS[given.part](given)}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
