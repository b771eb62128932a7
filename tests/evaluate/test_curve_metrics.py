"""Curves and their sums against values worked out by hand, and against scikit-learn where it has them."""

import math

import numpy as np
import pytest

from whence.earth.grid import EARTH_AREA_KM2
from whence.evaluate.curve_metrics import area_score, aurc, calibration_error, level_error, risk_coverage
from whence.evaluate.metrics import recall_by_area


def test_area_score_is_the_area_under_recall_by_area():
    areas = np.array([1.0, 100.0, 1e5, EARTH_AREA_KM2, 0.2])
    assert area_score(areas)[[0, 3, 4]].tolist() == [1.0, 0.0, 1.0]
    middle = math.sqrt(EARTH_AREA_KM2)
    assert area_score(np.array([middle]))[0] == pytest.approx(0.5)
    assert area_score(np.array([np.nan]))[0] == 0.0
    at = np.geomspace(1.0, EARTH_AREA_KM2, 200_001)
    curve = recall_by_area(areas, at)
    assert area_score(areas).mean() == pytest.approx(0.5 * (curve[1:] + curve[:-1]).mean(), abs=1e-4)


def test_risk_coverage_by_hand():
    """Four answers, the surest right, then wrong, right, wrong: risks 0, 1/2, 1/3, 1/2."""
    risk, sure = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.7, 0.3])
    kept, risks = risk_coverage(risk, sure)
    assert kept.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risks.tolist() == pytest.approx([0.0, 0.5, 1 / 3, 0.5])
    assert aurc(risk, sure) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidence_is_a_random_order():
    risk = np.array([1.0, 0.0, 0.0, 1.0])
    assert aurc(risk, np.zeros(4)) == pytest.approx(0.5)
    assert aurc(risk, np.array([-np.inf, 1.0, 1.0, -np.inf])) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


def test_weights_are_repetitions():
    generator = np.random.default_rng(1)
    risk, sure = generator.integers(0, 2, 12).astype(float), generator.normal(size=12)
    times = generator.integers(0, 4, 12)
    shown = np.repeat(np.arange(12), times)
    weights = times.astype(float)
    probability = generator.uniform(size=12)
    assert calibration_error(probability, risk, weights) == pytest.approx(
        calibration_error(probability[shown], risk[shown])
    )
    assert level_error(probability, weights) == pytest.approx(level_error(probability[shown]))
    _, risks = risk_coverage(risk, sure, weights)
    assert risks[-1] == pytest.approx(risk[shown].mean())
    assert aurc(risk, sure, weights) == pytest.approx(aurc(risk[shown], sure[shown]), abs=0.12)


def test_calibration_error_by_hand():
    """Two bins of ten: 0.95 and 0.92 with one right, 0.15 right."""
    probability, right = np.array([0.95, 0.92, 0.15, np.nan]), np.array([1.0, 0.0, 1.0, 1.0])
    expected = (2 * abs(0.5 - 0.935) + 1 * abs(1 - 0.15)) / 3
    assert calibration_error(probability, right, bins=10) == pytest.approx(expected)
    assert calibration_error(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.0
    assert math.isnan(calibration_error(np.array([np.nan]), np.array([1.0])))


def test_calibration_error_against_the_curve_of_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")
    generator = np.random.default_rng(2)
    probability = generator.uniform(0.001, 0.999, 500)
    right = (generator.uniform(size=500) < probability**2).astype(float)
    true, said = calibration.calibration_curve(right, probability, n_bins=15)
    held = np.histogram(probability, np.linspace(0, 1, 16))[0]
    assert calibration_error(probability, right) == pytest.approx((held[held > 0] * np.abs(true - said)).sum() / 500)


def test_level_error_by_hand():
    """One truth at level 0.5: the distribution is 0, then 1; |F − x| has the area 1/8 + 1/8."""
    assert level_error(np.array([0.5])) == pytest.approx(0.25)
    assert level_error(np.array([0.0, 0.0])) == pytest.approx(0.5)
    assert level_error((np.arange(1000) + 0.5) / 1000) < 0.001
    assert math.isnan(level_error(np.array([np.nan])))
