from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_crossview_registrations import WHERE
from whence.core.errors import OptionError
from whence.crossview.types import Pose
from whence.crossview.verify.priors import MatchPriors, heading_log_odds, position_log_odds, scale_log_odds


def pose_at(x, y, sigma=1.0):
    lat, lon = (float(value) for value in WHERE.to_lat_lon(x, y))
    return Pose(lat, lon, 0.0, 0.5, (sigma**2, 0.0, sigma**2), 1.0, 0.01)


def test_heading_by_hand():
    prior = MatchPriors(heading_deg=350.0, heading_sigma_deg=10.0)
    kappa = 1 / math.radians(10.0) ** 2
    density = math.exp(kappa * math.cos(math.radians(5.0))) / (2 * math.pi * float(np.i0(kappa)))
    expected = math.log(0.85 * density * 2 * math.pi + 0.05)
    got, off = heading_log_odds(355.0, 0.0, prior, flipped_share=0.1, wrong_share=0.05)
    assert got == pytest.approx(expected, rel=1e-3)
    assert off == pytest.approx(5.0)


def test_a_turned_gimbal_does_not_refute():
    prior = MatchPriors(heading_deg=-140.0)
    flipped, off = heading_log_odds(37.6, 1.0, prior, flipped_share=0.1, wrong_share=0.05)
    across, _ = heading_log_odds(130.0, 1.0, prior, flipped_share=0.1, wrong_share=0.05)
    assert flipped > 0.0
    assert abs(off) == pytest.approx(177.6)
    assert across == pytest.approx(math.log(0.05), abs=1e-6)


@settings(deadline=None, max_examples=12)
@given(st.floats(2.0, 200.0))
def test_heading_is_a_density_over_the_circle(sigma):
    prior = MatchPriors(heading_deg=20.0, heading_sigma_deg=sigma)
    around = np.arange(0.0, 360.0, 0.5)
    ratio = [math.exp(heading_log_odds(a, 0.0, prior, flipped_share=0.1, wrong_share=0.05)[0]) for a in around]
    assert np.mean(ratio) == pytest.approx(1.0, rel=0.01)


def test_scale():
    prior = MatchPriors(gsd_m_per_px=0.5)
    same, ratio = scale_log_odds(0.5, 0.01, prior, wrong_share=0.05)
    twice, _ = scale_log_odds(1.0, 0.01, prior, wrong_share=0.05)
    assert same > 1.5
    assert ratio == 1.0
    assert twice == pytest.approx(math.log(0.05), abs=0.01)


def test_position_near_and_far():
    prior_pose = pose_at(150, 130)
    prior = MatchPriors(lat_deg=prior_pose.lat_deg, lon_deg=prior_pose.lon_deg, position_sigma_m=10.0)
    near, near_m = position_log_odds(pose_at(152, 130), WHERE, prior, wrong_share=0.05)
    far, far_m = position_log_odds(pose_at(290, 130), WHERE, prior, wrong_share=0.05)
    assert near > 2.0
    assert near_m == pytest.approx(1.0, abs=0.05)
    assert far == pytest.approx(math.log(0.05), abs=0.1)
    assert far_m == pytest.approx(70.0, abs=0.5)


def test_a_prior_wider_than_the_patch_says_nothing():
    where = pose_at(150, 130)
    prior = MatchPriors(lat_deg=where.lat_deg, lon_deg=where.lon_deg, position_sigma_m=50_000.0)
    assert position_log_odds(pose_at(10, 10), WHERE, prior, wrong_share=0.05)[0] == pytest.approx(0.0, abs=0.01)


def test_position_averages_to_one_over_the_patch():
    where = pose_at(100, 200)
    prior = MatchPriors(lat_deg=where.lat_deg, lon_deg=where.lon_deg, position_sigma_m=25.0)
    ratios = [
        math.exp(position_log_odds(pose_at(x, y, 0.0), WHERE, prior, wrong_share=0.05)[0])
        for x in np.linspace(5, 295, 20)
        for y in np.linspace(5, 255, 20)
    ]
    assert np.mean(ratios) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    "given",
    [
        {"lat_deg": 1.0},
        {"heading_sigma_deg": 0.0},
        {"position_sigma_m": math.inf},
        {"gsd_m_per_px": 0.0},
        {"searched": "headings"},
    ],
)
def test_priors_that_make_no_sense(given):
    with pytest.raises(OptionError):
        MatchPriors(**given)
