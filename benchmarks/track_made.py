"""Flights of which the telemetry is known, and what matching might say along them; for `track.py`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry
from whence.crossview.types import Pose

AREA = SearchArea(32.1045, 35.2085, 900.0)
PLANE = LocalPlane(AREA.lat_deg, AREA.lon_deg)
CHOOSE, REPORT = ("v11", "v12", "v13", "v14"), ("v17", "v19", "v23", "v24")
SEEDS = 2
GSD = 0.5


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
