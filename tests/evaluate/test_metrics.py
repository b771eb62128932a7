"""Figures by hand, intervals by their coverage, areas by a field whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import InputError
from whence.earth.field import Field
from whence.earth.grid import EARTH_AREA_KM2
from whence.evaluate.metrics import (
    METRICS,
    area_to_truth_km2,
    difference,
    errors_km,
    geoscore,
    recall_by_area,
    score,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_errors_are_geodesics_and_missing_answers_are_infinitely_wrong():
    lat, lon = np.array([48.8566, np.nan, 0.0]), np.array([2.3522, np.nan, 179.9])
    found = errors_km(lat, lon, np.array([51.5074, 0.0, 0.0]), np.array([-0.1278, 0.0, -179.9]))
    assert found[0] == pytest.approx(343.9, abs=0.1)
    assert found[1] == np.inf
    assert found[2] == pytest.approx(0.2 * 111.3195, abs=0.01)


def test_geoscore_by_hand():
    assert geoscore(np.array([0.0, 1492.7, np.inf])) == pytest.approx([5000.0, 5000.0 / np.e, 0.0])


def test_figures_by_hand():
    found = score(np.array([0.5, 24.0, 26.0, 800.0]), rng()).metrics
    assert tuple(found) == METRICS
    assert [found[f"within_{km}_km"].value for km in (1, 25, 200, 750, 2500)] == [0.25, 0.5, 0.75, 0.75, 1.0]
    assert found["median_km"].value == 25.0
    assert found["mean_km"].value == 212.625
    expected = 5000 * np.mean(np.exp(-np.array([0.5, 24, 26, 800]) / 1492.7))
    assert found["geoscore"].value == pytest.approx(expected)


def test_missing_answers_are_misses():
    found = score(np.array([10.0, np.inf, np.inf]), rng()).metrics
    assert found["within_2500_km"].value == pytest.approx(1 / 3)
    assert found["median_km"].value == np.inf
    assert found["mean_km"].value == np.inf
    assert not any(np.isnan(item.low) for item in found.values())


@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=40), st.integers(0, 5))
def test_figures_lie_within_their_intervals_mostly_and_medians_are_numpys(errors, seed):
    held = np.asarray(errors)
    found = score(held, rng(seed), draws=50).metrics
    assert found["median_km"].value == pytest.approx(np.median(held))
    assert found["mean_km"].value == pytest.approx(held.mean())
    if held.size > 1:
        assert all(item.low <= item.high for item in found.values())


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = 0
    for seed in range(200):
        errors = rng(seed).exponential(1000.0, 80)
        interval = score(errors, rng(seed + 1000), draws=200).metrics["within_750_km"]
        held += interval.low <= 1 - np.exp(-0.75) <= interval.high
    assert 0.89 <= held / 200 <= 0.99


def test_groups_widen_the_interval_and_seeds_repeat_it():
    draw = rng(1)
    groups = [f"g{i // 20}" for i in range(400)]
    errors = np.repeat(draw.exponential(1000.0, 20), 20)
    alone, together = score(errors, rng()), score(errors, rng(), groups=groups)
    width = {key: item.high - item.low for key, item in alone.metrics.items()}
    wide = {key: item.high - item.low for key, item in together.metrics.items()}
    assert wide["geoscore"] > 2.5 * width["geoscore"]
    assert score(errors, rng(), groups=groups) == together


def test_one_group_gives_no_interval():
    found = score(np.array([1.0, 2.0]), rng(), groups=["a", "a"]).metrics["geoscore"]
    assert found.value > 0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_a_paired_difference_is_sharper_than_two_intervals():
    easy = rng(2).exponential(1000.0, 300)
    better = easy * 0.9
    apart = difference(better, easy, rng())
    assert apart["median_km"].value == pytest.approx(-0.1 * np.median(easy))
    assert apart["geoscore"].low > 0
    alone = score(easy, rng()).metrics["geoscore"]
    assert apart["geoscore"].high - apart["geoscore"].low < 0.3 * (alone.high - alone.low)
    same = difference(easy, easy, rng())
    assert {(item.value, item.low, item.high) for item in same.values()} == {(0.0, 0.0, 0.0)}


def test_what_is_refused():
    with pytest.raises(InputError, match="nothing to score"):
        score(np.empty(0), rng())
    with pytest.raises(InputError, match="received 1 for 2"):
        score(np.ones(2), rng(), groups=["a"])
    with pytest.raises(InputError, match="same pictures"):
        difference(np.ones(2), np.ones(3), rng())


def test_area_to_the_truth():
    assert area_to_truth_km2(Field.uniform(2), 10.0, 20.0) == pytest.approx(EARTH_AREA_KM2)
    sharp = Field.from_points([10.0], [20.0], sigma_km=50.0, floor=0.1)
    near, far = area_to_truth_km2(sharp, 10.0, 20.0), area_to_truth_km2(sharp, 11.0, 20.0)
    assert near < 500
    assert far == pytest.approx(np.pi * 111**2, rel=0.1)
    assert area_to_truth_km2(sharp, -40.0, -100.0) > 0.9 * EARTH_AREA_KM2
    assert recall_by_area(np.array([1.0, 10.0, 100.0]), np.array([0.5, 10.0, 1e9])).tolist() == [0.0, 2 / 3, 1.0]
