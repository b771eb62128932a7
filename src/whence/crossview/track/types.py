"""What the filter takes and gives: `SearchArea`, `Telemetry`, `FrameObservation`, `Decision`, `TrackEstimate`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from whence.crossview.types import Pose


class TrackStatus(StrEnum):
    """How far an estimate can be relied on."""

    LOST = "lost"
    """No place holds half of the belief within the bound on its size: do not steer by it."""
    TRACKING = "tracking"
    """A match or a position agreed with the belief in this frame."""
    COASTING = "coasting"
    """Nothing agreed in this frame; the belief moved on and widened."""


class SearchArea(NamedTuple):
    """A disc on the ground; also a tuple of the three.

    Attributes:
        lat_deg: latitude of its middle.
        lon_deg: longitude.
        radius_m: radius.
    """

    lat_deg: float
    lon_deg: float
    radius_m: float

    @property
    def size_m2(self) -> float:
        """Its size on the ground."""
        return math.pi * self.radius_m**2


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What other instruments said at the time of a frame; ``None`` where they said nothing.

    Attributes:
        time_s: on the clock of the frames.
        position: latitude and longitude of the ground in the middle of the picture, degrees. For a camera that looks
            straight down this is the position of the drone.
        position_sigma_m: standard deviation of it, to the east and to the north.
        position_wrong_share: probability that it has nothing to do with the true position.
        heading_deg: bearing of the picture's upward direction, clockwise from north.
        heading_sigma_deg: standard deviation of it.
        heading_flip_probability: probability that it is off by half a turn, as some gimbals write it.
        speed_mps: speed over ground.
        speed_sigma_mps: standard deviation of it.
        altitude_m: height above the ground or the start; only its changes are used, to follow the scale.
    """

    time_s: float
    position: tuple[float, float] | None = None
    position_sigma_m: float = 5.0
    position_wrong_share: float = 0.02
    heading_deg: float | None = None
    heading_sigma_deg: float = 5.0
    heading_flip_probability: float = 0.1
    speed_mps: float | None = None
    speed_sigma_mps: float = 1.0
    altitude_m: float | None = None


@dataclass(frozen=True, slots=True)
class FrameObservation:
    """One frame of a sequence.

    Attributes:
        time_s: on any clock that does not run backwards.
        candidates: poses that the frame may have, each with the calibrated probability that the match is true. They
            may be of one place or of several; at most one place is the true one.
        telemetry: what other instruments said; ``None`` for nothing.
        searched: where candidates were looked for; ``None`` for the whole area.
        matched: whether candidates were looked for at all; otherwise that there are none says nothing.
        heading_given: whether a heading guided matching, so that candidates that agree with it prove nothing by that.
        matching_ms: how long that took, for the budget.
        name: how results call the frame.
    """

    time_s: float
    candidates: tuple[tuple[Pose, float], ...] = ()
    telemetry: Telemetry | None = None
    searched: SearchArea | None = None
    matched: bool = True
    heading_given: bool = False
    matching_ms: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a candidate.

    Attributes:
        candidate: index in the observation.
        verdict: ``used``, ``rejected``, ``repeats`` (another candidate of the frame says the same), ``dropped`` (to
            hold the budget) or ``unusable`` (not a number, or no covariance).
        probability: that it is the true one, after the track was taken into account.
        distance_sigmas: Mahalanobis distance of its position from the belief before the frame; not a number where
            there was no belief.
        reason: in a sentence.
    """

    candidate: int
    verdict: str
    probability: float
    distance_sigmas: float
    reason: str


@dataclass(frozen=True, slots=True)
class TrackEstimate:
    """Where the frame was taken, as far as the track up to it (or, smoothed, all of it) tells.

    Attributes:
        time_s: of the frame.
        name: of the frame.
        lat_deg: latitude of the ground in the middle of the picture: mean of the heaviest mode of the belief.
        lon_deg: longitude.
        covariance_m2: covariance of that mode: east–east, east–north, north–north.
        velocity_mps: to the east and to the north.
        heading_deg: bearing of the picture's upward direction, 0..360; ``None`` if nothing tells it.
        heading_sigma_deg: standard deviation of the heading; 180 if nothing tells it.
        gsd_m_per_px: metres on the ground a pixel; ``None`` if nothing tells it.
        status: how far it can be relied on.
        probability: share of the belief in that mode.
        lost_probability: share of the belief that is spread over the whole area.
        log_evidence: log of how much better the track explains this frame than chance does, nats.
        decisions: one a candidate, in their order.
        reasons: sentences on what was used, what was not, and what was wrong with the frame.
        elapsed_ms: time that the filter took.
        over_budget: the frame took longer than the budget, matching included.
        smoothed: later frames were taken into account.
    """

    time_s: float
    name: str
    lat_deg: float
    lon_deg: float
    covariance_m2: tuple[float, float, float]
    velocity_mps: tuple[float, float]
    heading_deg: float | None
    heading_sigma_deg: float
    gsd_m_per_px: float | None
    status: TrackStatus
    probability: float
    lost_probability: float
    log_evidence: float
    decisions: tuple[Decision, ...] = ()
    reasons: tuple[str, ...] = ()
    elapsed_ms: float = 0.0
    over_budget: bool = False
    smoothed: bool = False

    @property
    def sigma_m(self) -> float:
        """Root of the mean variance of the position, in metres."""
        return math.sqrt((self.covariance_m2[0] + self.covariance_m2[2]) / 2.0)
