"""`Config` of the filter along a track."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from whence.core.errors import OptionError

_SHARES = (
    "kidnap_rate_per_s",
    "prior_wrong_share",
    "most_probable",
    "heading_wrong_share",
    "heading_flip_switch",
    "search_level",
    "search_lost",
    "agile_share",
)
_BELOW_ONE = ("most_probable", "search_level")
_ZERO_ALLOWED = (
    "agile_share",
    "prior_wrong_share",
    "search_lost",
    "kidnap_rate_per_s",
    "reference_sigma_m",
    "heading_wrong_share",
    "heading_flip_switch",
    "budget_ms",
    "min_radius_m",
)


@dataclass(frozen=True)
class Config:
    """Settings of the filter. Lengths are metres, angles degrees, times seconds unless the name says otherwise."""

    speed_mps: float = 6.0
    "Typical speed to the east and to the north, root mean square, when nothing is known of it."
    memory_s: float = 20.0
    "How long a velocity lasts: the time in which its correlation falls to 1/e."
    agile_factor: float = 3.0
    "How many times the usual one the random acceleration is while the camera turns and brakes; 1 for one pace."
    agile_share: float = 0.25
    "How much of the time it does."
    pace_s: float = 10.0
    "How long either pace lasts."
    heading_rate_deg: float = 8.0
    "Random walk of the picture's heading, degrees in one second; grows with the root of time."
    scale_rate: float = 0.03
    "Random walk of the logarithm of the picture's scale in one second, for unknown changes of height."
    scale_range: float = 1.0
    "Range of the logarithm of the scale over which false matches spread evenly (1 is a factor of 2.7)."
    kidnap_rate_per_s: float = 0.0003
    "Chance in one second that the camera is moved to anywhere, or that the belief is wrong for another reason."
    prior_wrong_share: float = 0.02
    "Chance that a start given by the user is wrong."
    miss_odds: float = 1.5
    "How much likelier a frame without a match near the belief is when the belief is wrong; 1 to learn nothing from it."
    most_probable: float = 0.98
    "Probabilities of matches are cut off here, as none is surer than its calibration."
    reference_sigma_m: float = 1.5
    "How well the reference pictures are placed; added to the covariance, as no number of frames averages it out."
    heading_wrong_share: float = 0.02
    "How often a heading of the telemetry has nothing to do with the picture, beside being flipped."
    heading_flip_switch: float = 0.05
    "How readily the telemetry's heading changes between right and flipped by half a turn, 0..1 a reading."
    same_gate: float = 9.2
    "Squared Mahalanobis distance within which two candidates of a frame, or two parts of the belief, are one."
    gate: float = 13.8
    "Squared Mahalanobis distance beyond which a match is called inconsistent with the belief (13.8: 1 in 1000)."
    lost_sigma_m: float = 250.0
    "Standard deviation of the position above which the track is called lost."
    search_level: float = 0.99
    "Share of the belief that the region to search in the next frame holds."
    search_lost: float = 0.1
    "Share of the belief that may be lost before the whole area is searched again."
    min_radius_m: float = 30.0
    "The region to search is never smaller."
    max_components: int = 48
    "Most Gaussian parts of the belief that are kept from a frame to the next."
    max_candidates: int = 8
    "Most candidates of a frame that are looked at, the most probable first."
    budget_ms: float = 0.0
    "Time for a frame, matching included; when it is missed, candidates, parts and search radius shrink. 0: no limit."

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            least_ok = value >= 0 if item.name in _ZERO_ALLOWED else value > 0
            most_ok = value < 1.0 if item.name in _BELOW_ONE else value <= 1.0 or item.name not in _SHARES
            if not (math.isfinite(value) and least_ok and most_ok):
                allowed = "0..1" if item.name in _SHARES else "a finite number above 0"
                raise OptionError(f"The setting track.{item.name} takes {allowed}, received {value}.")
        if self.miss_odds < 1.0:
            raise OptionError(f"The setting track.miss_odds is at least 1, received {self.miss_odds}.")
