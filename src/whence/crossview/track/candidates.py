"""From what a frame brings to `Places`: checked, the most probable first, those that say the same as one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from whence.crossview.track.config import Config
from whence.crossview.track.mixture import mahalanobis2, wrap_deg
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.types import Decision, FrameObservation
from whence.crossview.track.update import FROM_TELEMETRY, Places
from whence.crossview.types import Pose

_LEAST_VAR_M2 = 1e-4
_LEAST_HEADING_VAR = 1e-2
_LEAST_SCALE_VAR = 1e-6
_HEADINGS_APART_SIGMAS = 4.0


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """What is left of a frame's candidates, and what became of the others.

    Attributes:
        places: those to be taken up; ``source`` is the index in the observation.
        decisions: on the others.
    """

    places: Places
    decisions: tuple[Decision, ...]


def candidates_of(observation: FrameObservation, plane: LocalPlane, config: Config, most: int) -> Candidates:
    """Check and order the candidates of a frame.

    Args:
        observation: of the frame.
        plane: where positions are to lie.
        config: settings.
        most: how many may be taken up; the rest is dropped.
    """
    decisions: list[Decision] = []
    kept: list[tuple[int, Pose, float]] = []
    for index, (pose, probability) in enumerate(observation.candidates):
        fault = _fault(pose, probability)
        if fault:
            decisions.append(Decision(index, "unusable", 0.0, math.nan, fault))
        else:
            kept.append((index, pose, min(float(probability), config.most_probable)))
    kept.sort(key=lambda item: -item[2])
    places = _places(kept, plane)
    chosen: list[int] = []
    for i in range(len(kept)):
        twin = next((j for j in chosen if _same(places, i, j, config.same_gate)), None)
        if twin is not None:
            said = f"It says the same as candidate {kept[twin][0]}, which is more probable."
            decisions.append(Decision(kept[i][0], "repeats", 0.0, math.nan, said))
        elif len(chosen) >= most:
            said = f"Only {most} candidates are looked at in this frame, and this one is less probable."
            decisions.append(Decision(kept[i][0], "dropped", 0.0, math.nan, said))
        else:
            chosen.append(i)
    return Candidates(_taken(places, chosen), tuple(decisions))


def place_of_position(xy: np.ndarray, sigma_m: float, wrong_share: float) -> Places:
    """A position of the telemetry as the only place of a frame."""
    nothing = np.zeros(1)
    return Places(
        xy=np.asarray(xy, np.float64).reshape(1, 2),
        cov=np.eye(2)[None] * max(sigma_m**2, _LEAST_VAR_M2),
        heading=nothing,
        heading_var=np.full(1, np.inf),
        scale=nothing,
        scale_var=np.full(1, np.inf),
        probability=np.clip(np.array([1.0 - wrong_share]), 1e-6, 1.0 - 1e-6),
        source=np.array([FROM_TELEMETRY]),
    )


def _fault(pose: Pose, probability: float) -> str:
    """Why a candidate cannot be used; empty if it can."""
    if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
        return f"Its probability {probability} is not in 0..1."
    if probability == 0.0:
        return "Its probability is 0."
    if not (math.isfinite(pose.lat_deg) and math.isfinite(pose.lon_deg) and abs(pose.lat_deg) <= 90.0):
        return f"Its position ({pose.lat_deg}, {pose.lon_deg}) is none."
    ee, en, nn = pose.covariance_m2
    if not all(math.isfinite(value) for value in (ee, en, nn)):
        return "Its position has no finite covariance."
    if ee < 0.0 or nn < 0.0 or ee * nn - en * en < -1e-9 * max(ee * nn, 1e-12):
        return f"Its covariance {pose.covariance_m2} is none."
    return ""


def _places(kept: list[tuple[int, Pose, float]], plane: LocalPlane) -> Places:
    poses = [pose for _, pose, _ in kept]
    k = len(poses)
    cov = np.zeros((k, 2, 2))
    xy = np.zeros((k, 2))
    if k:
        xy = plane.to_metres([p.lat_deg for p in poses], [p.lon_deg for p in poses]).reshape(k, 2)
        cov[:, 0, 0] = [p.covariance_m2[0] + _LEAST_VAR_M2 for p in poses]
        cov[:, 0, 1] = cov[:, 1, 0] = [p.covariance_m2[1] for p in poses]
        cov[:, 1, 1] = [p.covariance_m2[2] + _LEAST_VAR_M2 for p in poses]
    turned = [math.isfinite(p.heading_deg) and math.isfinite(p.heading_sigma_deg) for p in poses]
    scaled = [0.0 < p.gsd_m_per_px < math.inf and math.isfinite(p.scale_sigma) for p in poses]
    heading = [p.heading_deg % 360.0 if ok else 0.0 for p, ok in zip(poses, turned, strict=True)]
    heading_var = [
        max(p.heading_sigma_deg**2, _LEAST_HEADING_VAR) if ok else math.inf for p, ok in zip(poses, turned, strict=True)
    ]
    scale = [math.log(p.gsd_m_per_px) if ok else 0.0 for p, ok in zip(poses, scaled, strict=True)]
    scale_var = [
        max(p.scale_sigma**2, _LEAST_SCALE_VAR) if ok else math.inf for p, ok in zip(poses, scaled, strict=True)
    ]
    return Places(
        xy=xy,
        cov=cov,
        heading=np.array(heading, np.float64),
        heading_var=np.array(heading_var, np.float64),
        scale=np.array(scale, np.float64),
        scale_var=np.array(scale_var, np.float64),
        probability=np.array([p for _, _, p in kept], np.float64),
        source=np.array([index for index, _, _ in kept], np.int64),
    )


def _same(places: Places, i: int, j: int, gate: float) -> bool:
    if mahalanobis2(places.xy[i] - places.xy[j], places.cov[i] + places.cov[j]) > gate:
        return False
    var = places.heading_var[i] + places.heading_var[j]
    if not math.isfinite(var):
        return True
    return bool(wrap_deg(places.heading[i] - places.heading[j]) ** 2 <= _HEADINGS_APART_SIGMAS**2 * var)


def _taken(places: Places, index: list[int]) -> Places:
    which = np.array(index, np.int64)
    return Places(
        xy=places.xy[which],
        cov=places.cov[which],
        heading=places.heading[which],
        heading_var=places.heading_var[which],
        scale=places.scale[which],
        scale_var=places.scale_var[which],
        probability=places.probability[which],
        source=places.source[which],
    )
