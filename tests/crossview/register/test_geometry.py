"""Transforms are recovered from exact pairs, among false pairs, and only where they are allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.crossview.register.geometry import (
    Allowed,
    distinct,
    fitted,
    is_sane,
    jacobian_of,
    linear_part,
    mapped,
    residuals,
    robust_similarities,
    similarity,
)
from whence.crossview.register.refine import covariance_at, fit_models

SQUARE = np.array([[0.0, 0.0], [400.0, 0.0], [400.0, 400.0], [0.0, 400.0]])
TRANSFORMS = {
    "similarity": similarity(0.7, 25.0, (40.0, -12.0)),
    "affine": np.array([[0.9, 0.1, 5.0], [-0.2, 1.1, 7.0], [0.0, 0.0, 1.0]]),
    "homography": np.array([[0.9, 0.1, 5.0], [-0.2, 1.1, 7.0], [2e-4, -1e-4, 1.0]]),
}


def spots(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 400, (count, 2))


@pytest.mark.parametrize("model", list(TRANSFORMS))
def test_exact_pairs_give_the_transform(model):
    query = spots(12)
    found = fitted(model, query, mapped(TRANSFORMS[model], query))
    assert found == pytest.approx(TRANSFORMS[model], abs=1e-8)


@given(scale=st.floats(0.3, 3.0), turn=st.floats(-180.0, 180.0), x=st.floats(-500, 500), y=st.floats(-500, 500))
@settings(max_examples=30, deadline=None)
def test_any_similarity_is_recovered(scale, turn, x, y):
    query = spots(6)
    truth = similarity(scale, turn, (x, y))
    found = fitted("similarity", query, mapped(truth, query))
    assert residuals(found, query, mapped(truth, query)).max() < 1e-6


def test_a_similarity_turns_clockwise_as_pictures_show_it():
    assert mapped(similarity(2.0, 90.0, (1.0, 0.0)), np.array([[0.0, -3.0]])) == pytest.approx(np.array([[7.0, 0.0]]))


def test_too_few_or_equal_points_determine_nothing():
    assert fitted("homography", spots(3), spots(3)) is None
    same = np.ones((6, 2))
    assert fitted("similarity", same, spots(6)) is None
    line = np.column_stack([np.arange(6.0), np.arange(6.0)])
    assert fitted("affine", line, line) is None


def test_a_similarity_is_found_among_nine_false_pairs_in_ten():
    draw = np.random.default_rng(3)
    truth = similarity(0.8, -30.0, (60.0, 50.0))
    query, reference = spots(300, 1), draw.uniform(0, 400, (300, 2))
    reference[:30] = mapped(truth, query[:30]) + draw.normal(0, 1, (30, 2))
    allowed = Allowed((0.5, 1.3), 0.0, 60.0)
    found = robust_similarities(
        query, reference, np.ones(300), allowed, 6.0, np.random.default_rng(0), samples=2000, keep=2
    )
    assert np.abs(mapped(found[0][1], SQUARE) - mapped(truth, SQUARE)).max() < 5
    assert found[0][0] > 1.5 * found[1][0]


def test_what_is_not_allowed_is_not_found():
    query = spots(60)
    reference = mapped(similarity(0.8, 120.0, (300.0, 50.0)), query)
    allowed = Allowed((0.5, 1.3), 0.0, 45.0)
    found = robust_similarities(
        query, reference, np.ones(60), allowed, 4.0, np.random.default_rng(0), samples=500, keep=1
    )
    assert not found or found[0][0] < 20
    assert not is_sane(similarity(0.8, 120.0, (0.0, 0.0)), SQUARE, allowed)


def test_mirrors_horizons_and_squeezes_are_not_sane():
    anything = Allowed()
    assert is_sane(TRANSFORMS["homography"], SQUARE, anything)
    assert not is_sane(np.diag([1.0, -1.0, 1.0]), SQUARE, anything)
    assert not is_sane(np.diag([3.0, 1.0, 1.0]), SQUARE, anything)
    assert not is_sane(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, -0.0025, 1.0]]), SQUARE, anything)


def test_derivatives_are_those_of_small_differences():
    transform, at = TRANSFORMS["homography"], np.array([[120.0, 300.0]])
    jacobian, moved = jacobian_of(transform, at)
    for entry in range(8):
        step = np.zeros(9)
        step[entry] = 1e-6
        nudged = transform + step.reshape(3, 3)
        assert (mapped(nudged, at) - moved)[0] / 1e-6 == pytest.approx(jacobian[:, entry], rel=1e-2, abs=1e-3)
    linear = linear_part(transform, at[0])
    assert (mapped(transform, at + np.array([[1e-4, 0.0]])) - moved)[0] / 1e-4 == pytest.approx(linear[:, 0], rel=1e-4)


def test_repeated_pairs_count_once():
    query = np.array([[10.2, 10.2], [10.3, 10.4], [50.0, 50.0]])
    assert distinct(query, query, np.array([0.1, 0.9, 0.5]), 1.0).tolist() == [1, 2]


@pytest.mark.parametrize("model", list(TRANSFORMS))
def test_the_simplest_model_that_explains_is_chosen(model):
    query = spots(200)
    reference = mapped(TRANSFORMS[model], query) + np.random.default_rng(1).normal(0, 0.7, (200, 2))
    reference[:60] += 50
    fits = fit_models(
        TRANSFORMS[model],
        query,
        reference,
        SQUARE,
        models=("similarity", "affine", "homography"),
        allowed=Allowed(),
        inlier_px=4.0,
        penalty=4.0,
    )
    assert fits[0].model == model
    assert 120 < fits[0].inlier.sum() <= 145


def test_the_covariance_covers_the_truth_nine_times_in_ten():
    """Over draws of the noise, the 90 % ellipse of a similarity holds the true place about as often as it says."""
    truth, at, held = TRANSFORMS["similarity"], np.array([200.0, 200.0]), 0
    for seed in range(100):
        query = spots(60, seed)
        reference = mapped(truth, query) + np.random.default_rng(seed).normal(0, 1.5, (60, 2))
        fits = fit_models(
            truth,
            query,
            reference,
            SQUARE,
            models=("similarity",),
            allowed=Allowed(),
            inlier_px=6.0,
            penalty=4.0,
        )
        xx, xy, yy = covariance_at(fits, query, reference, at, floor_px=0.0, misfit=0.0)
        off = (mapped(fits[0].transform, at[None]) - mapped(truth, at[None]))[0]
        held += off @ np.linalg.inv([[xx, xy], [xy, yy]]) @ off < 4.605
    assert 85 <= held <= 100


def test_outside_of_the_points_less_is_known():
    query = spots(80)
    reference = mapped(TRANSFORMS["affine"], query) + np.random.default_rng(1).normal(0, 1, (80, 2))
    fits = fit_models(
        TRANSFORMS["affine"],
        query,
        reference,
        SQUARE,
        models=("affine",),
        allowed=Allowed(),
        inlier_px=4.0,
        penalty=4.0,
    )
    inside, outside = (
        covariance_at(fits, query, reference, np.array(at), floor_px=0.0, misfit=0.0)[0]
        for at in ([200.0, 200], [900.0, 200])
    )
    assert outside > 2 * inside
