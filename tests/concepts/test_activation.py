"""Platt scaling of concepts against scikit-learn, and where there is too little to fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from whence.concepts.activation import fit_activation, probabilities


def _drawn(count: int = 4_000, scale: float = 9.0, offset: float = -2.0, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    cosines = np.clip(rng.normal(0.1, 0.25, (count, 1)), -1, 1)
    truths = (rng.random((count, 1)) < 1 / (1 + np.exp(-(scale * cosines + offset)))).astype(np.float64)
    return cosines, truths


def _by_sklearn(cosines: np.ndarray, truths: np.ndarray, penalty: float, weight: np.ndarray | None = None) -> tuple:
    """Scale and offset of a logistic regression with ``penalty / 2 · w²`` on the standardised cosine."""
    spread, middle = cosines.std(), cosines.mean()
    model = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1_000)
    model.fit((cosines[:, None] - middle) / spread, truths, sample_weight=weight)
    scale = model.coef_[0, 0] / spread
    return scale, model.intercept_[0] - scale * middle


def test_it_is_logistic_regression_with_a_slight_ridge() -> None:
    cosines, truths = _drawn()
    found = fit_activation(cosines, truths)[0]
    same = _by_sklearn(cosines[:, 0], truths[:, 0], penalty=1e-3 * len(cosines))
    assert found == pytest.approx(same, rel=1e-4)
    without = _by_sklearn(cosines[:, 0], truths[:, 0], penalty=1e-9)
    assert found == pytest.approx(without, rel=0.03)


def test_what_the_data_was_drawn_with_comes_back() -> None:
    found = fit_activation(*_drawn(40_000))[0]
    assert found[0] == pytest.approx(9.0, rel=0.05)
    assert found[1] == pytest.approx(-2.0, abs=0.1)


def test_a_truth_between_counts_as_a_share() -> None:
    cosines, _ = _drawn(400)
    shares = np.random.default_rng(1).random((400, 1))
    found = fit_activation(cosines, shares)[0]
    twice = np.repeat(cosines[:, 0], 2)
    weight = np.stack([shares[:, 0], 1 - shares[:, 0]], axis=1).ravel()
    same = _by_sklearn(twice, np.tile([1, 0], 400), penalty=1e-3 * 400, weight=weight)
    assert found == pytest.approx(same, rel=1e-3, abs=1e-3)


def test_unknown_truths_are_left_out() -> None:
    cosines, truths = _drawn(500)
    more = np.vstack([cosines, np.linspace(-1, 1, 200)[:, None]])
    unknown = np.vstack([truths, np.full((200, 1), np.nan)])
    np.testing.assert_allclose(fit_activation(more, unknown), fit_activation(cosines, truths))


def test_too_little_to_fit_is_not_a_number() -> None:
    cosines, _ = _drawn(100)
    few_true, few_false, unknown = (np.zeros((100, 1)), np.ones((100, 1)), np.full((100, 1), np.nan))
    few_true[:9], few_false[:9] = 1.0, 0.0
    enough = np.zeros((100, 1))
    enough[:10] = 1.0
    found = fit_activation(np.tile(cosines, 4), np.hstack([few_true, few_false, unknown, enough]))
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3]).all()
    assert np.isnan(fit_activation(np.full((100, 1), 0.3), enough)).all(), "cosines that are all alike tell nothing"


def test_separable_concepts_stay_finite() -> None:
    cosines = np.linspace(-1, 1, 200)[:, None].astype(np.float32)
    truths = (cosines > 0).astype(np.float64)
    found = fit_activation(cosines, truths)
    assert np.isfinite(found).all()
    told = probabilities(cosines, found)
    assert ((told > 0.5) == (truths > 0.5)).mean() > 0.98
    assert (np.diff(told[:, 0]) >= 0).all()
    assert told.min() > 0
    assert told.max() < 1


def test_probabilities_by_hand() -> None:
    told = probabilities(np.array([[0.5, 0.1], [0.0, 0.1]]), np.array([[4.0, -2.0], [np.nan, np.nan]]))
    np.testing.assert_allclose(told[:, 0], [0.5, 1 / (1 + np.exp(2.0))])
    assert np.isnan(told[:, 1]).all()
