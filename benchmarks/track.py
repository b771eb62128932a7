"""The filter along a track, on flights whose telemetry is known.

    python benchmarks/track.py fit --data crossview          # settings, on flights v11 to v14
    python benchmarks/track.py simulated --data crossview    # v17, v19, v23, v24, which chose nothing
    python benchmarks/track.py brighton --data crossview     # 18 frames on an orthophoto, matched for real

``fit`` and ``simulated`` take the positions of the flights in ``coeffic/frames_1fps.csv`` as the truth and make up what
matching would say of them: true matches with a known error, false ones anywhere, gaps, and a camera moved elsewhere.
Probabilities are calibrated by construction, but where a scenario says otherwise. ``--json`` writes what is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from whence.core.config import build
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.motion import transition
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.smooth import smoothed
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry, TrackStatus
from whence.crossview.types import Pose

AREA = SearchArea(32.1045, 35.2085, 900.0)
PLANE = LocalPlane(AREA.lat_deg, AREA.lon_deg)
CHOOSE, REPORT = ("v11", "v12", "v13", "v14"), ("v17", "v19", "v23", "v24")
SEEDS = 2
WITHIN_90 = -2.0 * np.log(0.1)
GSD = 0.5
SETTLED_M = 25.0


@dataclass(frozen=True)
class Flight:
    """Times, positions (east, north) and headings of one flight."""

    name: str
    time_s: np.ndarray
    xy: np.ndarray
    heading: np.ndarray
    altitude: np.ndarray


@dataclass(frozen=True)
class Scenario:
    """What matching says in a made-up run."""

    found: float = 0.6
    "How often the true place is among the candidates."
    false: float = 0.0
    "How often a false one is."
    gap_s: float = 0.0
    "Length of a stretch without matches in every 90 s."
    alike: float = 0.0
    "How often a false match lies where the last one lay."
    moved: bool = False
    "Half-way the camera is moved to where the flight is 60 rows later."
    overconfident: float = 1.0
    "What the log-odds of the probabilities are multiplied by."
    heading: bool = False
    "A compass that is half a turn off in the second third."
    position: bool = False
    "A satellite receiver with 5 m, 2 % of it wrong."
    sigma_m: float = 4.0
    "Error of true matches, root mean square to each side; that of each frame is drawn around it and known."
    bias_m: float = 0.0
    "Error that all matches share and nobody knows."


SCENARIOS: dict[str, Scenario] = {
    "no false matches": Scenario(),
    "20 % false": Scenario(false=0.2),
    "35 % false": Scenario(false=0.35),
    "50 % false": Scenario(false=0.5),
    "50 % false, 30 % found": Scenario(false=0.5, found=0.3),
    "35 % false, gaps of 30 s": Scenario(false=0.35, gap_s=30.0),
    "35 % false, moved half-way": Scenario(false=0.35, moved=True),
    "35 % false, which repeat": Scenario(false=0.35, alike=0.7),
    "35 % false, overconfident": Scenario(false=0.35, overconfident=2.0),
    "35 % false, 3 m of shared error": Scenario(false=0.35, bias_m=3.0),
    "35 % false, gaps, compass": Scenario(false=0.35, gap_s=30.0, heading=True),
    "35 % false, gaps, receiver": Scenario(false=0.35, gap_s=30.0, position=True),
}


def flights(data: Path, names: Sequence[str]) -> list[Flight]:
    """The flights, one row a second, on the plane of the area."""
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in names}
    with (data / "coeffic" / "frames_1fps.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["flight"] in rows:
                rows[row["flight"]].append(row)
    out = []
    for name, mine in rows.items():
        column = {key: np.array([float(row[key] or "nan") for row in mine]) for key in mine[0] if key in _NUMBERS}
        xy = PLANE.to_metres(column["drone_lat"], column["drone_lon"])
        heading = column["heading_deg"]
        known = np.flatnonzero(np.isfinite(heading))
        heading = heading[known[np.searchsorted(known, np.arange(len(heading))).clip(0, len(known) - 1)]]
        out.append(Flight(name, column["t_s"], xy, heading, column["rel_alt_m"]))
    return out


_NUMBERS = ("t_s", "drone_lat", "drone_lon", "rel_alt_m", "heading_deg")


def moved(flight: Flight) -> Flight:
    """The flight with 60 rows taken out of its middle and the times closed up."""
    half = len(flight.time_s) // 2
    skip = min(60, half - 10)
    keep = np.r_[0:half, half + skip : len(flight.time_s)]
    times = flight.time_s[: len(keep)]
    return Flight(flight.name, times, flight.xy[keep], flight.heading[keep], flight.altitude[keep])


def _odds(x: np.ndarray, true_share: float) -> np.ndarray:
    """Log-odds that a match of score x is true, scores being N(±1, 1): calibrated by construction."""
    return 2.0 * x + np.log(true_share / max(1.0 - true_share, 1e-3))


def observations(flight: Flight, scene: Scenario, rng: np.random.Generator) -> list[FrameObservation]:
    """What matching and instruments say along the flight."""
    share = scene.found / (scene.found + scene.false)
    bias = rng.normal(0.0, scene.bias_m / np.sqrt(2.0), 2)
    twin = rng.uniform(-500.0, 500.0, 2)
    out = []
    for i, at in enumerate(flight.time_s.tolist()):
        candidates = []
        silent = scene.gap_s > 0.0 and (at % 90.0) > 90.0 - scene.gap_s
        if not silent and rng.random() < scene.found:
            sigma = scene.sigma_m * float(np.exp(rng.normal(0.0, 0.4)))
            xy = flight.xy[i] + bias + rng.normal(0.0, sigma, 2)
            candidates.append(_candidate(xy, flight.heading[i] + rng.normal(0.0, 2.0), sigma, share, scene, rng, True))
        if not silent and rng.random() < scene.false:
            if rng.random() >= scene.alike:
                twin = rng.uniform(-636.0, 636.0, 2)
            sigma = scene.sigma_m * float(np.exp(rng.normal(0.0, 0.4)))
            xy = twin + rng.normal(0.0, sigma, 2)
            candidates.append(_candidate(xy, rng.uniform(0.0, 360.0), sigma, share, scene, rng, False))
        out.append(FrameObservation(at, tuple(candidates), _instruments(flight, i, scene, rng), name=str(i)))
    return out


def _candidate(
    xy: np.ndarray,
    heading: float,
    sigma: float,
    share: float,
    scene: Scenario,
    rng: np.random.Generator,
    true: bool,
) -> tuple[Pose, float]:
    lat, lon = PLANE.to_lat_lon(np.asarray(xy))
    spread = 0.03 if true else 0.4
    gsd = GSD * float(np.exp(rng.normal(0.0, spread)))
    pose = Pose(float(lat), float(lon), heading % 360.0, gsd, (sigma**2, 0.0, sigma**2), 2.0, 0.03)
    odds = scene.overconfident * _odds(rng.normal(1.0 if true else -1.0), share)
    return pose, float(1.0 / (1.0 + np.exp(-odds)))


def _instruments(flight: Flight, i: int, scene: Scenario, rng: np.random.Generator) -> Telemetry | None:
    if not (scene.heading or scene.position):
        return None
    n = len(flight.time_s)
    turned = 180.0 if n / 3 < i < 2 * n / 3 else 0.0
    heading = (flight.heading[i] + turned + rng.normal(0.0, 4.0)) % 360.0 if scene.heading else None
    position = None
    if scene.position:
        wrong = rng.random() < 0.02
        xy = rng.uniform(-636.0, 636.0, 2) if wrong else flight.xy[i] + rng.normal(0.0, 5.0, 2)
        lat, lon = PLANE.to_lat_lon(xy)
        position = (float(lat), float(lon))
    return Telemetry(float(flight.time_s[i]), position, 5.0, heading_deg=heading)


# ---------------------------------------------------------------------------------------------------- methods

Answer = tuple[np.ndarray, np.ndarray, bool]
"""Position, covariance, and whether it counts as an answer."""


def by_filter(frames: Sequence[FrameObservation], config: Config) -> list[Answer]:
    """The filter of this package."""
    return [answer_of(snap.estimate, PLANE) for snap in _track(frames, config).history or ()]


def by_smoothing(frames: Sequence[FrameObservation], config: Config) -> list[Answer]:
    """The same, each frame in the light of all."""
    return [answer_of(e, PLANE) for e in smoothed(_track(frames, config))]


_KEPT: dict[int, TrackFilter] = {}


def _track(frames: Sequence[FrameObservation], config: Config) -> TrackFilter:
    """The filter after the frames, kept for the next that asks for the same."""
    if id(frames) not in _KEPT:
        _KEPT.clear()
        _KEPT[id(frames)] = TrackFilter(AREA, config, keep_history=True)
        for frame in frames:
            _KEPT[id(frames)].step(frame)
    return _KEPT[id(frames)]


def answer_of(estimate: Any, plane: LocalPlane) -> Answer:
    """An estimate on the plane."""
    ee, en, nn = estimate.covariance_m2
    xy = plane.to_metres(estimate.lat_deg, estimate.lon_deg)
    return xy, np.array([[ee, en], [en, nn]]), estimate.status is not TrackStatus.LOST


def by_frame_alone(frames: Sequence[FrameObservation], _config: Config) -> list[Answer]:
    """The most probable candidate of each frame, if it is more probable than not."""
    out: list[Answer] = []
    for frame in frames:
        best = max(frame.candidates, key=lambda item: item[1], default=None)
        if best is None or best[1] < 0.5:
            out.append((np.zeros(2), np.eye(2), False))
        else:
            pose = best[0]
            out.append((PLANE.to_metres(pose.lat_deg, pose.lon_deg), np.eye(2) * pose.covariance_m2[0], True))
    return out


def by_kalman(frames: Sequence[FrameObservation], config: Config, *, gate: float = np.inf) -> list[Answer]:
    """A Kalman filter with the same motion that takes the best candidate of each frame for true, or gates it."""
    out: list[Answer] = []
    mean, cov, last = np.zeros(4), np.eye(4), None
    for frame in frames:
        if last is not None:
            f, q = transition(config, frame.time_s - last)
            mean, cov = f @ mean, f @ cov @ f.T + q
            last = frame.time_s
        best = max(frame.candidates, key=lambda item: item[1], default=None)
        if best is not None:
            z, r = PLANE.to_metres(best[0].lat_deg, best[0].lon_deg), np.eye(2) * best[0].covariance_m2[0]
            if last is None:
                speed = config.speed_mps**2
                mean, cov, last = np.r_[z, 0.0, 0.0], np.diag([r[0, 0], r[1, 1], speed, speed]), frame.time_s
            else:
                s = cov[:2, :2] + r
                gap = z - mean[:2]
                if gap @ np.linalg.solve(s, gap) <= gate:
                    gain = cov[:, :2] @ np.linalg.inv(s)
                    mean, cov = mean + gain @ gap, cov - gain @ cov[:2]
        out.append((mean[:2].copy(), cov[:2, :2].copy(), last is not None))
    return out


METHODS: dict[str, Callable[[Sequence[FrameObservation], Config], list[Answer]]] = {
    "filter": by_filter,
    "filter, smoothed": by_smoothing,
    "Kalman, best candidate": by_kalman,
    "Kalman, gated": lambda frames, config: by_kalman(frames, config, gate=13.8),
    "each frame alone": by_frame_alone,
}


# ---------------------------------------------------------------------------------------------------- scores


def scores(answers: Sequence[Answer], truth: np.ndarray) -> dict[str, np.ndarray]:
    """Errors, whether the 90 % ellipse holds the truth, and whether there is an answer, a frame."""
    gap = np.stack([a[0] for a in answers]) - truth
    cov = np.stack([a[1] for a in answers])
    away = np.einsum("ni,nij,nj->n", gap, np.linalg.inv(cov), gap)
    return {
        "error": np.hypot(*gap.T),
        "held": away <= WITHIN_90,
        "answered": np.array([a[2] for a in answers]),
        "sigma": np.sqrt(np.trace(cov, axis1=1, axis2=2) / 2.0),
    }


def pooled(runs: Sequence[dict[str, np.ndarray]], rng: np.random.Generator) -> dict[str, Any]:
    """Scores over all frames that are answered, with 95 % intervals from drawing whole runs again."""

    def of(drawn: Sequence[dict[str, np.ndarray]]) -> tuple[float, ...]:
        answered = np.concatenate([run["answered"] for run in drawn])
        error = np.concatenate([run["error"] for run in drawn])[answered]
        held = np.concatenate([run["held"] for run in drawn])[answered]
        if not len(error):
            return (np.nan,) * 4
        return float(np.median(error)), float(np.quantile(error, 0.9)), float(held.mean()), float(answered.mean())

    middle = of(runs)
    again = np.array([of([runs[i] for i in rng.integers(0, len(runs), len(runs))]) for _ in range(300)])
    low, high = np.nanquantile(again, [0.025, 0.975], axis=0)
    names = ("median_m", "p90_m", "covered_90", "answered")
    return {name: [round(v, 3) for v in (middle[i], low[i], high[i])] for i, name in enumerate(names)}


def seconds_to_settle(run: dict[str, np.ndarray], times: np.ndarray, start: int) -> float:
    """Time from a frame until an answer within 25 m; 10,000 if none comes."""
    good = np.flatnonzero(run["answered"][start:] & (run["error"][start:] < SETTLED_M))
    return float(times[start + good[0]] - times[start]) if len(good) else 1e4


# ---------------------------------------------------------------------------------------------------- parts


def fit(given: argparse.Namespace) -> dict[str, Any]:
    """Log-density of the truth after gaps of 1 to 30 s, by the settings of motion, on the flights that choose."""
    from itertools import product

    data = flights(given.data, CHOOSE)
    turns = np.concatenate([_wrapped(np.diff(f.heading)) for f in data])
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


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return np.mod(angle + 180.0, 360.0) - 180.0


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
                _KEPT.clear()
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


# --------------------------------------------------------------------------------------------------- brighton


def matched(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Each frame registered on the whole orthophoto, once; kept in ``--matches`` if that is given."""
    if given.matches and given.matches.exists():
        return list(json.loads(given.matches.read_text(encoding="utf-8")))
    from whence.crossview.ground import Ground
    from whence.crossview.known import known_of_file
    from whence.crossview.match import Matcher, matching_options
    from whence.earth.tiles.opening import Config as OpeningConfig
    from whence.samples.reader import read_view

    folder = given.data / "brighton"
    bounds = json.loads((folder / "ortho.json").read_text(encoding="utf-8"))["bounds"]
    text = ",".join(str(bounds[side]) for side in ("north", "south", "west", "east"))
    ground = Ground.open(folder / "ortho_north_up.jpg", OpeningConfig(bounds=text, nodata="white"))
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
    turn = np.abs(_wrapped(turn))[told]
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
            turn.append(float(abs(_wrapped(np.array(values[2] - up[i])))))
    return {
        "answered": f"{len(error)} of {len(sure)}",
        "median_m": round(float(np.median(error)), 2) if error else None,
        "heading_deg": round(float(np.median(turn)), 2) if turn else None,
        "covered_90": round(held / max(len(error), 1), 3),
    }


PARTS = {"fit": fit, "simulated": simulated, "brighton": brighton}


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
    given = parser.parse_args()
    found = {"machine": f"{platform.machine()}, Python {platform.python_version()}", **PARTS[given.part](given)}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
