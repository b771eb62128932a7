"""Ways from matches to a track, and how they are scored; for `track.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from track_made import AREA, PLANE
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.motion import transition
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.smooth import smoothed
from whence.crossview.track.types import FrameObservation, TrackStatus

WITHIN_90 = -2.0 * np.log(0.1)
SETTLED_M = 25.0

Answer = tuple[np.ndarray, np.ndarray, bool]
"""Position, covariance, and whether it counts as an answer."""


def by_filter(frames: Sequence[FrameObservation], config: Config) -> list[Answer]:
    """The filter of this package."""
    return [answer_of(snap.estimate, PLANE) for snap in _track(frames, config).history or ()]


def by_smoothing(frames: Sequence[FrameObservation], config: Config) -> list[Answer]:
    """The same, each frame in the light of all."""
    return [answer_of(e, PLANE) for e in smoothed(_track(frames, config))]


KEPT: dict[int, TrackFilter] = {}


def _track(frames: Sequence[FrameObservation], config: Config) -> TrackFilter:
    """The filter after the frames, kept for the next that asks for the same."""
    if id(frames) not in KEPT:
        KEPT.clear()
        KEPT[id(frames)] = TrackFilter(AREA, config, keep_history=True)
        for frame in frames:
            KEPT[id(frames)].step(frame)
    return KEPT[id(frames)]


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


def wrapped(angle: np.ndarray) -> np.ndarray:
    """Differences of angles, −180..180."""
    return np.mod(angle + 180.0, 360.0) - 180.0
