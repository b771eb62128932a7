"""What holds for any frames: covariances are positive definite, weights sum to 1, equal input gives equal output."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from made_tracks import AREA, pose
from whence.crossview.track.config import Config
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.motion import transition
from whence.crossview.track.smooth import smoothed
from whence.crossview.track.types import FrameObservation, Telemetry, TrackEstimate

metres = st.floats(-600.0, 600.0)
poses = st.builds(pose, metres, metres, st.floats(0.0, 360.0), sigma=st.floats(0.01, 50.0), gsd=st.floats(0.02, 5.0))
telemetry = st.builds(
    Telemetry,
    st.just(0.0),
    position=st.none() | st.tuples(st.floats(46.84, 46.845), st.floats(-91.996, -91.99)),
    heading_deg=st.none() | st.floats(0.0, 360.0),
    heading_flip_probability=st.sampled_from([0.0, 0.1, 1.0]),
    speed_mps=st.none() | st.floats(0.0, 30.0),
    altitude_m=st.none() | st.floats(0.0, 200.0),
)
steps = st.tuples(
    st.floats(0.0, 100.0),
    st.lists(st.tuples(poses, st.floats(0.0, 1.0)), max_size=4),
    st.none() | telemetry,
)


def _frames(made: list) -> list[FrameObservation]:
    frames, time_s = [], 0.0
    for elapsed, candidates, told in made:
        time_s += elapsed
        frames.append(FrameObservation(time_s, tuple(candidates), telemetry=told))
    return frames


def _sound(estimate: TrackEstimate) -> None:
    ee, en, nn = estimate.covariance_m2
    assert ee > 0
    assert nn > 0
    assert ee * nn - en * en > 0
    assert 0.0 <= estimate.lost_probability <= 1.0
    assert 0.0 <= estimate.probability <= 1.0 + 1e-9
    assert np.isfinite(estimate.log_evidence)
    assert estimate.heading_deg is None or 0.0 <= estimate.heading_deg < 360.0
    assert estimate.heading_sigma_deg > 0.0


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_beliefs_stay_sound_and_repeatable(made):
    frames = _frames(made)
    track, again = TrackFilter(AREA, keep_history=True), TrackFilter(AREA)
    for frame in frames:
        estimate = track.step(frame)
        _sound(estimate)
        belief = track.belief
        assert belief.weight.sum() + belief.lost == np.float64(1.0) or abs(belief.weight.sum() + belief.lost - 1) < 1e-9
        if len(belief):
            assert (np.linalg.eigvalsh(belief.cov) > 0).all()
        other = again.step(frame)
        assert (other.lat_deg, other.lon_deg, other.covariance_m2, other.heading_deg, other.reasons) == (
            estimate.lat_deg,
            estimate.lon_deg,
            estimate.covariance_m2,
            estimate.heading_deg,
            estimate.reasons,
        )
        region = track.search_region(frame.time_s + 1.0)
        assert 0.0 < region.radius_m <= AREA.radius_m
    for estimate in smoothed(track):
        _sound(estimate)


@given(st.floats(1e-6, 1e5), st.floats(1e-6, 1e5), st.floats(0.1, 500.0))
@example(0.25, 0.25, 251.0)  # a short step and a longer one, by the series and by the closed form
def test_two_steps_are_one(first, second, memory):
    config = Config(memory_s=memory)
    f1, q1 = transition(config, first)
    f2, q2 = transition(config, second)
    f, q = transition(config, first + second)
    np.testing.assert_allclose(f2 @ f1, f, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(f2 @ q1 @ f2.T + q2, q, rtol=1e-4, atol=1e-9)


@given(st.floats(0.0, 1e7), st.floats(0.1, 500.0))
def test_process_noise_is_a_covariance(elapsed, memory):
    _, q = transition(Config(memory_s=memory), elapsed)
    assert np.linalg.eigvalsh(q).min() >= -1e-9 * max(q.max(), 1.0)
