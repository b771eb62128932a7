from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from made_tracks import AREA, PLANE, error_m, pose, straight, with_heading
from whence.core.errors import InputError, OptionError
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.smooth import smoothed
from whence.crossview.track.types import FrameObservation, SearchArea, Telemetry, TrackStatus


def test_a_start_that_is_not_known_is_found():
    truth, frames = straight()
    track = TrackFilter(AREA)
    region = track.search_region()
    assert region == AREA
    estimates = [track.step(frame) for frame in frames]
    assert estimates[-1].status is TrackStatus.TRACKING
    assert np.median([error_m(e, t) for e, t in zip(estimates[3:], truth[3:], strict=True)]) < 1.5
    assert estimates[-1].velocity_mps == pytest.approx((4.0, 3.0), abs=1.5)
    assert estimates[-1].heading_deg == pytest.approx(53.0, abs=4.0)
    assert estimates[-1].gsd_m_per_px == pytest.approx(0.1, rel=0.05)
    assert track.search_region().radius_m < 60.0
    assert track.search_region(frames[-1].time_s + 60.0).radius_m > 100.0


def test_a_single_unsure_match_is_not_enough_but_two_that_agree_are():
    _, frames = straight(2)
    frames = [replace(f, candidates=((f.candidates[0][0], 0.4),)) for f in frames]
    track = TrackFilter(AREA)
    assert track.step(frames[0]).status is TrackStatus.LOST
    assert track.step(frames[1]).status is TrackStatus.TRACKING


def test_a_gap_widens_the_covariance_and_the_track_comes_back():
    truth, frames = straight(24, missing=tuple(range(8, 16)))
    estimates = TrackFilter(AREA).run(frames)
    sigmas = [e.sigma_m for e in estimates]
    assert all(b > a for a, b in itertools.pairwise(sigmas[7:16]))
    assert {e.status for e in estimates[8:16]} == {TrackStatus.COASTING}
    assert estimates[17].status is TrackStatus.TRACKING
    assert error_m(estimates[17], truth[17]) < 3.0


def test_a_false_match_is_rejected_with_its_distance():
    truth, frames = straight(12)
    wrong = (pose(400.0, 300.0), 0.9)
    frames[8] = replace(frames[8], candidates=(wrong,))
    frames[9] = replace(frames[9], candidates=(wrong, *frames[9].candidates))
    estimates = TrackFilter(AREA).run(frames)
    alone, beside = estimates[8], estimates[9]
    assert alone.decisions[0].verdict == "rejected"
    assert alone.decisions[0].distance_sigmas > 10
    assert "Inconsistent" in alone.decisions[0].reason
    assert alone.status is TrackStatus.COASTING
    assert [d.verdict for d in beside.decisions] == ["rejected", "used"]
    assert error_m(beside, truth[9]) < 3.0


def test_a_camera_moved_elsewhere_is_followed_after_a_few_matches():
    _, frames = straight(12)
    moved = [replace(f, candidates=((pose(300.0 + i, 350.0), 0.9),)) for i, f in enumerate(frames[6:])]
    estimates = TrackFilter(AREA).run([*frames[:6], *moved])
    assert estimates[6].status is TrackStatus.COASTING
    assert error_m(estimates[-1], (305.0, 350.0)) < 3.0


def test_two_places_alike_stay_open_until_one_is_told_from_the_other():
    _, frames = straight(8)
    alike = [replace(f, candidates=(*f.candidates, (pose(200.0 + 4.0 * i, 200.0), 0.95))) for i, f in enumerate(frames)]
    track = TrackFilter(AREA)
    for frame in alike[:6]:
        estimate = track.step(frame)
    assert estimate.status is TrackStatus.LOST or estimate.probability < 0.97
    assert len(track.belief) > 1
    for frame in frames[6:]:
        estimate = track.step(frame)
    assert estimate.probability > 0.95
    assert estimate.status is TrackStatus.TRACKING


def test_a_flipped_heading_is_noticed_and_not_followed():
    _, frames = straight(12)
    told = [with_heading(f, 53.0 if i < 6 else 233.0) for i, f in enumerate(frames)]
    estimates = TrackFilter(AREA).run(told)
    assert all(abs(e.heading_deg - 53.0) < 6.0 for e in estimates[1:])
    assert any("half a turn" in reason for reason in estimates[-1].reasons)
    assert not any("half a turn" in reason for reason in estimates[4].reasons)


def test_a_position_of_the_telemetry_places_the_track_and_a_wrong_one_is_refused():
    truth, frames = straight(12, missing=tuple(range(12)))
    lat, lon = PLANE.to_lat_lon(truth)
    told = [
        replace(f, telemetry=Telemetry(f.time_s, position=(float(a), float(b)), position_sigma_m=2.0))
        for f, a, b in zip(frames, lat, lon, strict=True)
    ]
    off = PLANE.to_lat_lon(np.array([500.0, 0.0]))
    told[8] = replace(told[8], telemetry=replace(told[8].telemetry, position=(float(off[0]), float(off[1]))))
    estimates = TrackFilter(AREA).run(told)
    assert estimates[7].status is TrackStatus.TRACKING
    assert error_m(estimates[7], truth[7]) < 3.0
    assert estimates[8].status is TrackStatus.COASTING
    assert "does not fit" in estimates[8].reasons[0]
    assert error_m(estimates[11], truth[11]) < 3.0


def test_speed_and_altitude_are_taken_up():
    truth, frames = straight(12, missing=(6, 7, 8, 9, 10, 11))
    told = [
        replace(f, telemetry=Telemetry(f.time_s, speed_mps=5.0, speed_sigma_mps=0.5, altitude_m=40.0 + 4.0 * i))
        for i, f in enumerate(frames)
    ]
    with_speed = TrackFilter(AREA).run(told)
    without = TrackFilter(AREA).run(frames)
    assert with_speed[11].sigma_m < without[11].sigma_m
    assert error_m(with_speed[11], truth[11]) < 15.0
    assert with_speed[11].gsd_m_per_px == pytest.approx(0.1 * 84.0 / 60.0, rel=0.2)


def test_a_prior_starts_the_track_and_may_be_wrong():
    truth, frames = straight(10)
    lat, lon = PLANE.to_lat_lon(truth[0])
    right = TrackFilter(AREA, prior=SearchArea(float(lat), float(lon), 50.0))
    assert right.search_region().radius_m < 120.0
    first = right.step(FrameObservation(0.0))
    assert first.status is TrackStatus.COASTING
    assert first.heading_deg is None
    off = PLANE.to_lat_lon(np.array([600.0, 600.0]))
    wrong = TrackFilter(AREA, prior=SearchArea(float(off[0]), float(off[1]), 30.0))
    assert error_m(wrong.run(frames)[-1], truth[-1]) < 3.0


@pytest.mark.parametrize(
    "change",
    [
        {"candidates": ((replace(pose(0.0, 0.0), lat_deg=math.nan), 0.9),)},
        {"candidates": ((replace(pose(0.0, 0.0), covariance_m2=(math.inf, 0.0, math.inf)), 0.9),)},
        {"candidates": ((replace(pose(0.0, 0.0), covariance_m2=(1.0, 5.0, 1.0)), 0.9),)},
        {"candidates": ((pose(0.0, 0.0), math.nan),)},
        {"candidates": ((pose(0.0, 0.0), 7.0),)},
        {"candidates": ((replace(pose(0.0, 0.0), heading_deg=math.nan, gsd_m_per_px=-1.0), 0.9),)},
        {"telemetry": Telemetry(5.0, position=(math.nan, 0.0))},
        {"telemetry": Telemetry(5.0, position=(0.0, 0.0))},
        {"telemetry": Telemetry(5.0, heading_deg=math.inf, speed_mps=-3.0, altitude_m=-5.0)},
        {"time_s": math.nan},
        {"time_s": -4.0},
        {"time_s": 1e9},
    ],
)
def test_no_frame_makes_it_raise(change):
    _, frames = straight(10)
    track = TrackFilter(AREA)
    for frame in frames[:5]:
        track.step(frame)
    estimate = track.step(replace(frames[5], **change))
    assert math.isfinite(estimate.lat_deg)
    assert math.isfinite(estimate.covariance_m2[0])
    assert estimate.reasons
    track.step(frames[6])


def test_time_that_runs_backwards_is_named():
    _, frames = straight(4)
    track = TrackFilter(AREA)
    with pytest.raises(InputError, match=r"Frame 2 'frame 0': Its time 0\.000 s lies 1\.000 s before"):
        track.run([frames[0], frames[1], frames[0]])
    before = track.belief
    late = track.step(frames[0])
    assert "before that of the frame ahead" in late.reasons[0]
    assert track.belief is before
    assert late.time_s == 1.0


def test_the_budget_shrinks_the_work_and_says_so():
    _, frames = straight(20)
    ticks = iter(np.arange(0.0, 1e4, 0.001).tolist())
    track = TrackFilter(AREA, Config(budget_ms=50.0), clock=lambda: next(ticks))
    full = track.candidates_wanted
    for frame in frames[:10]:
        slow = track.step(replace(frame, matching_ms=200.0))
    assert slow.over_budget
    assert "more than the 50 ms" in slow.reasons[-1]
    assert track.candidates_wanted < full
    for frame in frames[10:]:
        fast = track.step(replace(frame, matching_ms=1.0))
    assert not fast.over_budget
    assert track.candidates_wanted > 1


def test_memory_is_bounded():
    _, frames = straight(60)
    rng = np.random.default_rng(1)
    config = Config(max_components=12, max_candidates=4)
    track = TrackFilter(AREA, config)
    for frame in frames:
        clutter = tuple((pose(*rng.uniform(-500, 500, 2).tolist()), 0.3) for _ in range(9))
        estimate = track.step(replace(frame, candidates=clutter))
        assert len(track.belief) <= 12
        assert sum(d.verdict == "dropped" for d in estimate.decisions) >= 4
    assert track.history is None


def test_smoothing_places_the_start_and_narrows_the_gap():
    truth, frames = straight(24, missing=(0, 1, 2, 3, 10, 11, 12, 13, 14))
    track = TrackFilter(AREA, keep_history=True)
    online = track.run(frames)
    back = smoothed(track)
    assert len(back) == len(online)
    assert online[0].status is TrackStatus.LOST
    assert error_m(back[0], truth[0]) < 3.0 * back[0].sigma_m
    assert back[0].sigma_m < 60.0
    assert back[12].sigma_m < 0.6 * online[12].sigma_m
    errors = [error_m(e, t) for e, t in zip(back, truth, strict=True)]
    assert np.mean(errors[4:]) < np.mean([error_m(e, t) for e, t in zip(online[4:], truth[4:], strict=True)])
    assert back[-1].lat_deg == pytest.approx(online[-1].lat_deg, abs=1e-6)
    assert all(e.smoothed for e in back)


def test_smoothing_needs_a_history():
    with pytest.raises(InputError, match="keep_history=True"):
        smoothed(TrackFilter(AREA))


def test_settings_and_areas_are_checked():
    with pytest.raises(OptionError, match=r"track\.memory_s"):
        Config(memory_s=0.0)
    with pytest.raises(OptionError, match=r"0\.\.1"):
        Config(most_probable=1.0)
    with pytest.raises(OptionError, match="miss_odds"):
        Config(miss_odds=0.5)
    with pytest.raises(InputError, match="radius above 0"):
        TrackFilter(AREA._replace(radius_m=0.0))
