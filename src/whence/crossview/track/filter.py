"""`TrackFilter`: frames and telemetry, one after the other, to positions with covariance."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from whence.core.errors import InputError
from whence.crossview.spread import radius_holding
from whence.crossview.track.budget import Budget
from whence.crossview.track.candidates import Candidates, candidates_of, place_of_position
from whence.crossview.track.config import Config
from whence.crossview.track.mixture import Mixture, mahalanobis2, reduced
from whence.crossview.track.motion import predicted
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.speed import update_speed
from whence.crossview.track.summary import Summary, region_to_search, summarised
from whence.crossview.track.types import (
    Decision,
    FrameObservation,
    SearchArea,
    Telemetry,
    TrackEstimate,
    TrackStatus,
)
from whence.crossview.track.update import FROM_TELEMETRY, update_heading, update_places

_USED = 0.5
_LEAST_ALTITUDE_M = 2.0
_ALTITUDE_VAR = 1e-4
_FEWEST_PARTS = 6
_HEADING_KNOWN_DEG = 25.0


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """The belief after a frame, kept for `whence.crossview.track.smooth`.

    Attributes:
        belief: after the frame.
        elapsed_s: since the snapshot before.
        estimate: that was given.
    """

    belief: Mixture
    elapsed_s: float
    estimate: TrackEstimate


@final
class TrackFilter:
    """A belief on where a moving camera is, taken from frame to frame.

    The belief is a mixture of Gaussians over position and velocity, each with a heading and a scale, and an even rest
    over the whole area (Alspach & Sorenson 1972). All models are linear but for angles, so that each part is exact and
    particles would only add noise. The rest is where the track starts without a prior, and where it goes back to when
    nothing fits any more. Equal input gives equal output, unless a budget is set, for then the clock decides.

    A step takes time and memory that are bounded by `Config.max_components` and `Config.max_candidates`, and never
    raises for what is in a frame: what cannot be used is named in the estimate.

    Args:
        area: where the camera can be at all, as a rule the ground that the reference pictures cover.
        config: settings.
        prior: where it starts, 90 % sure; ``None`` if that is not known.
        keep_history: keep every belief, for `whence.crossview.track.smooth`; memory then grows with the track.
        clock: seconds, for the budget.

    Raises:
        InputError: the area or prior is none.
        CoordinateError: its middle is not on Earth.
    """

    def __init__(
        self,
        area: SearchArea,
        config: Config = Config(),  # noqa: B008 (frozen)
        *,
        prior: SearchArea | None = None,
        keep_history: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        for name, disc in (("area", area), ("prior", prior)):
            if disc is not None and not (math.isfinite(disc.radius_m) and disc.radius_m > 0.0):
                raise InputError(f"The {name} of a track needs a radius above 0 m, received {disc.radius_m}.")
        self.area = area
        self.config = config
        self.plane = LocalPlane(area.lat_deg, area.lon_deg)
        self.belief = self._start(prior)
        self.history: list[Snapshot] | None = [] if keep_history else None
        self._budget = Budget(config.budget_ms)
        self._clock = clock
        self._time_s: float | None = None
        self._altitude_m: float | None = None
        self.last: TrackEstimate | None = None

    def _start(self, prior: SearchArea | None) -> Mixture:
        if prior is None:
            return Mixture.of_lost()
        middle = self.plane.to_metres(prior.lat_deg, prior.lon_deg)
        variance = (prior.radius_m / radius_holding(0.9)) ** 2
        cov = np.diag([variance, variance, self.config.speed_mps**2, self.config.speed_mps**2])
        return Mixture.around(np.array([*middle, 0.0, 0.0]), cov, self.config.prior_wrong_share)

    @property
    def candidates_wanted(self) -> int:
        """How many candidates the next frame should bring at most."""
        return self._budget.count(self.config.max_candidates)

    def search_region(self, time_s: float | None = None) -> SearchArea:
        """Where the next frame should be looked for.

        Args:
            time_s: when it is taken, so that the belief can be moved on to then; by default that of the last frame.
        """
        belief = self.belief
        if time_s is not None and self._time_s is not None and math.isfinite(time_s) and time_s > self._time_s:
            belief = predicted(belief, self.config, time_s - self._time_s)
        region, least_m = region_to_search(belief, self.plane, self.area, self.config)
        return region._replace(radius_m=self._budget.radius(region.radius_m, least_m))

    def heading_expected(self, telemetry: Telemetry | None = None) -> float | None:
        """The heading that the next frame should be matched with, degrees; ``None`` if nothing tells it.

        That of the frame's own telemetry, turned by half a turn if the track has found that it is off by so much: a
        camera may have turned since the last frame. Without telemetry that of the track.

        Args:
            telemetry: of the next frame.
        """
        told = None if telemetry is None else telemetry.heading_deg
        last = self.last
        track = last.heading_deg if last is not None and last.heading_sigma_deg < _HEADING_KNOWN_DEG else None
        if told is None or not math.isfinite(told):
            return track
        weight, belief = float(self.belief.weight.sum()), self.belief
        flipped = float(belief.weight @ (belief.flip == 1)) > _USED * weight > 0.0
        return (told + 180.0 * flipped) % 360.0

    def step(self, observation: FrameObservation) -> TrackEstimate:
        """Take up a frame.

        Args:
            observation: of the frame. One whose time lies before the last one, or is not a number, changes nothing.
        """
        started = self._clock()
        fault = self._time_fault(observation.time_s)
        if fault:
            return self._refused(observation, fault, started)
        elapsed_s = 0.0 if self._time_s is None else observation.time_s - self._time_s
        before, altitude = self.belief, self._altitude_m
        try:
            estimate = self._stepped(observation, elapsed_s)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            self.belief, self._altitude_m = before, altitude
            return self._refused(observation, f"The frame was left out, as it could not be computed: {error}.", started)
        self._time_s = observation.time_s
        took = (self._clock() - started) * 1e3
        late = self._budget.spent(took + max(observation.matching_ms, 0.0))
        reasons = estimate.reasons
        if late:
            total = took + observation.matching_ms
            reasons = (*reasons, f"It took {total:.0f} ms, more than the {self.config.budget_ms:.0f} ms allowed.")
        estimate = replace(estimate, elapsed_ms=took, over_budget=late, reasons=reasons)
        self.last = estimate
        if self.history is not None:
            self.history.append(Snapshot(self.belief, elapsed_s, estimate))
        return estimate

    def run(self, observations: Iterable[FrameObservation]) -> tuple[TrackEstimate, ...]:
        """Take up frames that lie in the order of time.

        Raises:
            InputError: a frame's time is not a number or lies before that of the frame ahead of it.
        """
        estimates = []
        for number, observation in enumerate(observations):
            fault = self._time_fault(observation.time_s)
            if fault:
                raise InputError(f"Frame {number} {observation.name!r}: {fault} Sort the frames by time.")
            estimates.append(self.step(observation))
        return tuple(estimates)

    def _time_fault(self, time_s: float) -> str:
        if not math.isfinite(time_s):
            return f"Its time {time_s} is not a number of seconds."
        if self._time_s is not None and time_s < self._time_s:
            return f"Its time {time_s:.3f} s lies {self._time_s - time_s:.3f} s before that of the frame ahead of it."
        return ""

    def _refused(self, observation: FrameObservation, fault: str, started: float) -> TrackEstimate:
        """The belief as it was, told again with what was wrong."""
        if self.last is not None:
            known = self.last
        else:
            known = self._told(observation, summarised(self.belief, self.area.radius_m, self.config), 0.0)
        status = TrackStatus.LOST if known.status is TrackStatus.LOST else TrackStatus.COASTING
        return replace(
            known,
            time_s=known.time_s if self.last is not None else observation.time_s,
            name=observation.name,
            status=status,
            log_evidence=0.0,
            decisions=(),
            reasons=(fault,),
            elapsed_ms=(self._clock() - started) * 1e3,
            over_budget=False,
        )

    def _stepped(self, observation: FrameObservation, elapsed_s: float) -> TrackEstimate:
        most = self._budget.count(self.config.max_components, _FEWEST_PARTS)
        config = replace(self.config, max_components=most)
        belief = predicted(self.belief, config, elapsed_s)
        foreseen = summarised(belief, self.area.radius_m, config)
        reasons: list[str] = []
        evidence = 0.0
        if observation.telemetry is not None:
            belief, gained = self._with_instruments(belief, observation.telemetry, config, reasons)
            evidence += gained
        candidates = candidates_of(observation, self.plane, config, self.candidates_wanted)
        probability = np.zeros(0)
        if observation.matched:
            searched = self.area.size_m2 if observation.searched is None else observation.searched.size_m2
            belief, gained, probability = update_places(
                belief,
                candidates.places,
                searched_m2=max(min(searched, self.area.size_m2), 1.0),
                area_m2=self.area.size_m2,
                miss_odds=config.miss_odds,
                config=config,
                heading_counts=not observation.heading_given,
            )
            evidence += gained
        if observation.telemetry is not None:
            belief, gained = self._with_heading(belief, observation.telemetry, config, reasons)
            evidence += gained
        self.belief = reduced(belief, config.same_gate, most)
        now = summarised(self.belief, self.area.radius_m, config)
        decisions = _decisions(candidates, probability, foreseen, config)
        used = any(item.verdict == "used" for item in decisions)
        if now.status is not TrackStatus.LOST and (used or self._placed()):
            now = replace(now, status=TrackStatus.TRACKING)
        estimate = self._told(observation, now, evidence)
        return replace(estimate, decisions=decisions, reasons=(*reasons, *_words(decisions, observation)))

    def _placed(self) -> bool:
        """Whether the heaviest part took up a position of the telemetry in this frame."""
        return len(self.belief) > 0 and int(self.belief.source[np.argmax(self.belief.weight)]) == FROM_TELEMETRY

    def _with_instruments(
        self, belief: Mixture, telemetry: Telemetry, config: Config, reasons: list[str]
    ) -> tuple[Mixture, float]:
        """Position, speed and change of altitude."""
        evidence = 0.0
        if telemetry.position is not None:
            sigma, wrong = telemetry.position_sigma_m, telemetry.position_wrong_share
            fine = all(map(math.isfinite, (*telemetry.position, sigma, wrong))) and abs(telemetry.position[0]) <= 90.0
            xy = self.plane.to_metres(*telemetry.position) if fine else np.full(2, np.inf)
            if np.isfinite(xy).all() and np.hypot(*xy) <= 1.5 * self.area.radius_m + 3.0 * sigma:
                place = place_of_position(xy, sigma, wrong)
                size = self.area.size_m2
                belief, evidence, held = update_places(
                    belief, place, searched_m2=size, area_m2=size, miss_odds=1.0, config=config
                )
                if held[0] < _USED:
                    reasons.append("The position of the telemetry does not fit the track and was not followed.")
                belief = reduced(belief, config.same_gate, config.max_components)
            else:
                reasons.append(f"The position of the telemetry, {telemetry.position}, is no place in the area.")
        speed = telemetry.speed_mps
        if speed is not None:
            if math.isfinite(speed) and speed >= 0.0 and 0.0 < telemetry.speed_sigma_mps < math.inf:
                belief = reduced(belief, config.same_gate, config.max_components)
                belief = update_speed(belief, speed, telemetry.speed_sigma_mps)
                belief = reduced(belief, config.same_gate, config.max_components)
            else:
                reasons.append(f"The speed of the telemetry, {speed} m/s, is none.")
        return self._rescaled(belief, telemetry.altitude_m), evidence

    def _rescaled(self, belief: Mixture, altitude_m: float | None) -> Mixture:
        """Metres a pixel grow with the height above the ground."""
        if altitude_m is None or not math.isfinite(altitude_m) or altitude_m < _LEAST_ALTITUDE_M:
            return belief
        before, self._altitude_m = self._altitude_m, altitude_m
        if before is None:
            return belief
        step = math.log(altitude_m / before)
        return replace(
            belief, scale=belief.scale + step, scale_var=belief.scale_var + _ALTITUDE_VAR + (0.2 * step) ** 2
        )

    def _with_heading(
        self, belief: Mixture, telemetry: Telemetry, config: Config, reasons: list[str]
    ) -> tuple[Mixture, float]:
        heading, sigma, flip = telemetry.heading_deg, telemetry.heading_sigma_deg, telemetry.heading_flip_probability
        if heading is None:
            return belief, 0.0
        if not (math.isfinite(heading) and 0.0 < sigma < math.inf and 0.0 <= flip <= 1.0):
            reasons.append(f"The heading of the telemetry, {heading}°, is none.")
            return belief, 0.0
        belief = reduced(belief, config.same_gate, config.max_components)
        belief, gained = update_heading(belief, heading % 360.0, sigma, flip, config)
        if float(belief.weight @ (belief.flip == 1)) > _USED * float(belief.weight.sum()):
            reasons.append("The heading of the telemetry is half a turn off.")
        return belief, gained

    def _told(self, observation: FrameObservation, now: Summary, evidence: float) -> TrackEstimate:
        return told(observation.time_s, observation.name, now, self.belief.lost, evidence, self.plane)


def told(time_s: float, name: str, now: Summary, lost: float, evidence: float, plane: LocalPlane) -> TrackEstimate:
    """A summary as an estimate, in degrees."""
    lat, lon = plane.to_lat_lon(now.mean[:2])
    known = math.isfinite(now.heading)
    return TrackEstimate(
        time_s=time_s,
        name=name,
        lat_deg=float(lat),
        lon_deg=float(lon),
        covariance_m2=(float(now.cov[0, 0]), float(now.cov[0, 1]), float(now.cov[1, 1])),
        velocity_mps=(float(now.mean[2]), float(now.mean[3])),
        heading_deg=now.heading if known else None,
        heading_sigma_deg=now.heading_sigma,
        gsd_m_per_px=math.exp(now.scale) if math.isfinite(now.scale) else None,
        status=now.status,
        probability=now.share,
        lost_probability=lost,
        log_evidence=evidence,
    )


def _decisions(
    candidates: Candidates, probability: np.ndarray, foreseen: Summary, config: Config
) -> tuple[Decision, ...]:
    """What became of each candidate, in their order."""
    places = candidates.places
    out = list(candidates.decisions)
    known = foreseen.status is not TrackStatus.LOST
    away = np.sqrt(mahalanobis2(places.xy - foreseen.mean[:2], places.cov + foreseen.cov))
    for k, held in enumerate(probability.tolist()):
        distance = float(away[k]) if known else math.nan
        before = float(places.probability[k])
        if held > _USED:
            verdict = "used"
            said = (
                f"It fits the track ({distance:.1f} standard deviations away)." if known else "The track begins here."
            )
            if known and distance**2 > config.gate:
                said = f"The track goes on from here, {distance:.0f} standard deviations from where it was believed."
        else:
            verdict = "rejected"
            said = f"Not sure enough by itself ({before:.0%}) while the track is lost."
            if known and distance**2 > config.gate:
                said = f"Inconsistent with the track: {distance:.0f} standard deviations away."
            elif known:
                said = "Another explanation of the frame, or none, is more probable."
        out.append(Decision(int(places.source[k]), verdict, held, distance, said))
    return tuple(sorted(out, key=lambda item: item.candidate))


def _words(decisions: tuple[Decision, ...], observation: FrameObservation) -> list[str]:
    if not observation.matched:
        return ["The frame was not matched."]
    if not observation.candidates:
        return ["No match was found in the frame."]
    return [f"Candidate {item.candidate} {item.verdict}: {item.reason}" for item in decisions]
