"""Figures over a test set, their intervals, and sign tests, against values worked out by hand."""

import math

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.evaluate.belief_scores import (
    EXACT_UP_TO,
    FIGURES,
    FigureTable,
    check_same,
    compared_columns,
    scored_figures,
    sign_test,
    weighted_median,
)
from whence.evaluate.metrics import draw_weights, score


def test_sign_test_by_hand():
    """Differences 3, 1, 1: of the eight signs ±5 (2), ±3 (4), ±1 (2) ways; as large as 5: 2 of 8."""
    rng = np.random.default_rng(0)
    assert sign_test(np.array([3.0, 1.0, 1.0]), rng) == pytest.approx(2 / 8)
    assert sign_test(np.array([3.0, -1.0, 1.0]), rng) == pytest.approx(6 / 8)
    assert sign_test(np.array([2.0, np.nan, 0.0]), rng) == 1.0
    assert sign_test(np.zeros(4), rng) == 1.0
    assert math.isnan(sign_test(np.array([np.nan]), rng))
    assert math.isnan(sign_test(np.array([1.0, -np.inf]), rng))


def test_groups_change_sign_together():
    apart = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    rng = np.random.default_rng(0)
    assert sign_test(apart, rng) == pytest.approx(2 / 64)
    assert sign_test(apart, rng, ["a", "a", "a", "b", "b", "c"]) == pytest.approx(2 / 8)


def test_random_signs_agree_with_exact_ones():
    from scipy.stats import permutation_test

    apart = np.random.default_rng(3).normal(0.5, 1.0, EXACT_UP_TO)
    exact = sign_test(apart, np.random.default_rng(0))
    theirs = permutation_test((apart,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert exact == pytest.approx(theirs)
    more = np.append(apart, 1e-9)
    assert sign_test(more, np.random.default_rng(0)) == pytest.approx(exact, abs=0.02)
    assert sign_test(np.ones(100), np.random.default_rng(0)) == pytest.approx(1 / 10_001)


def test_the_pigeonhole_draws_products():
    groups, places = ["a", "a", "b", "b"], ["x", "y", "x", "y"]
    rows = np.concatenate(list(draw_weights(4, groups, 4000, np.random.default_rng(0), places)))
    assert rows.shape == (4000, 4)
    assert (rows[:, 0] * rows[:, 3] == rows[:, 1] * rows[:, 2]).all()
    assert set(np.unique(rows)) == {0.0, 1.0, 2.0, 4.0}
    assert rows.mean() == pytest.approx(1.0, abs=0.05)
    assert (rows.sum(axis=1) > 0).all()
    assert not list(draw_weights(2, ["a", "b"], 10, np.random.default_rng(0), ["x", "x"]))
    with pytest.raises(InputError, match="needs a group"):
        list(draw_weights(2, ["a", "b"], 10, np.random.default_rng(0), ["x"]))


def test_both_units_are_drawn_again_when_nothing_is_left():
    rows = np.concatenate(list(draw_weights(2, ["a", "b"], 500, np.random.default_rng(0), ["x", "y"])))
    assert (rows.sum(axis=1) > 0).all()


def test_intervals_by_two_units_are_wider():
    errors = np.where(np.arange(64) % 8 < 4, 10.0, 500.0)
    places = [str(i % 8) for i in range(64)]
    groups = [str(i // 8) for i in range(64)]
    widths = []
    for units in ({}, {"groups": groups}, {"groups": groups, "places": places}):
        found = score(errors, np.random.default_rng(0), **units).metrics["within_25_km"]
        widths.append(found.high - found.low)
    assert widths[1] == 0.0
    assert widths[2] > widths[0] > 0.0


def test_means_leave_out_what_is_not_known():
    table = FigureTable({"bits": np.array([1.0, np.nan, 3.0]), "named_city": np.array([0.0, 1.0, -np.inf])}, None)
    assert table.names == ("bits", "named_city")
    assert table(np.ones((1, 3)))[0].tolist() == [2.0, -np.inf]
    assert table(np.array([[3.0, 1.0, 0.0]]))[0].tolist() == [1.0, 0.25]
    assert math.isnan(table(np.array([[0.0, 1.0, 0.0]]))[0, 0])
    found = scored_figures(table, np.random.default_rng(0), draws=200, level=0.9)["bits"]
    assert (found.low, found.value, found.high) == (1.0, 2.0, 3.0)


def test_differences_are_paired():
    first = FigureTable({"bits": np.array([1.0, 5.0, 9.0])}, None)
    second = FigureTable({"bits": np.array([0.0, 4.0, 8.0]), "named_city": np.ones(3)}, None)
    apart = scored_figures(first, np.random.default_rng(0), other=second, draws=100, level=0.9)
    assert list(apart) == ["bits"]
    assert (apart["bits"].low, apart["bits"].value, apart["bits"].high) == pytest.approx((1.0, 1.0, 1.0))


def test_weighted_medians():
    values = np.array([5.0, 1.0, np.nan, 3.0])
    assert weighted_median(values, np.ones(4)) == 3.0
    assert weighted_median(values, np.array([1.0, 1.0, 1.0, 0.0])) == 3.0
    assert weighted_median(values, np.array([1.0, 5.0, 1.0, 0.0])) == 1.0
    assert math.isnan(weighted_median(values, np.array([0.0, 0.0, 1.0, 0.0])))


def test_columns_and_counts():
    columns = compared_columns(np.array([0.5, np.inf]), (1, 25))
    assert columns["within_1_km"].tolist() == [1.0, 0.0]
    assert columns["geoscore"].tolist() == pytest.approx([5000 * math.exp(-0.5 / 1492.7), 0.0])
    assert all(item.label for item in FIGURES.values())
    check_same(3, None)
