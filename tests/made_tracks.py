"""Tracks made up for the tests: a truth, and what matching would say of it."""

from __future__ import annotations

import math

import numpy as np

from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry
from whence.crossview.types import Pose

AREA = SearchArea(46.8425, -91.9940, 800.0)
PLANE = LocalPlane(AREA.lat_deg, AREA.lon_deg)


def pose(east: float, north: float, heading: float = 40.0, *, sigma: float = 1.0, gsd: float = 0.1) -> Pose:
    lat, lon = PLANE.to_lat_lon(np.array([east, north]))
    return Pose(float(lat), float(lon), heading % 360.0, gsd, (sigma**2, 0.0, sigma**2), 2.0, 0.02)


def straight(n: int = 20, *, missing: tuple[int, ...] = (), seed: int = 0, sigma: float = 1.0):
    """Truth (n, 2) and frames of a flight at 5 m/s to the north-east, one a second."""
    rng = np.random.default_rng(seed)
    truth = np.array([-100.0, -50.0]) + np.arange(n)[:, None] * np.array([4.0, 3.0])
    frames = []
    for i, (east, north) in enumerate(truth + rng.normal(0.0, sigma, truth.shape)):
        found = () if i in missing else ((pose(east, north, 53.0 + rng.normal(0.0, 2.0), sigma=sigma), 0.95),)
        frames.append(FrameObservation(float(i), found, name=f"frame {i}"))
    return truth, frames


def error_m(estimate, truth) -> float:
    return float(math.dist(PLANE.to_metres(estimate.lat_deg, estimate.lon_deg), truth))


def with_heading(frame: FrameObservation, heading: float, *, flip: float = 0.1) -> FrameObservation:
    from dataclasses import replace

    told = Telemetry(frame.time_s, heading_deg=heading, heading_flip_probability=flip)
    return replace(frame, telemetry=told)
