from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.concepts.decompose import Config, decompose, decompose_many
from whence.core.errors import OptionError


def units(rng, count, dim, common=0.0):
    rows = rng.normal(size=(count, dim)) + common * rng.normal(size=dim)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pictures(rng, basis, count):
    """Pictures made of a few concepts and something else, unit length."""
    mixed = (rng.random((count, len(basis))) * (rng.random((count, len(basis))) < 0.08)) @ basis
    mixed += 0.05 * rng.normal(size=mixed.shape)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


@given(
    seed=st.integers(0, 2**32 - 1),
    concepts=st.integers(1, 40),
    dim=st.integers(1, 24),
    common=st.sampled_from([0.0, 1.0, 5.0]),
    sparsity=st.sampled_from([0.0, 0.01, 0.25, 0.9, 1.0]),
)
def test_it_adds_up_and_is_the_optimum(seed, concepts, dim, common, sparsity):
    rng = np.random.default_rng(seed)
    basis, x = units(rng, concepts, dim, common), units(rng, 3, dim)
    found = decompose_many(x, basis, Config(sparsity=sparsity))
    np.testing.assert_allclose(found.strengths @ basis + found.residuals, x, atol=1e-9)
    assert (found.strengths >= 0).all()
    correlation = x @ basis.T
    penalty = sparsity * np.maximum(correlation.max(axis=1), 0.0)
    slope = found.residuals @ basis.T - penalty[:, None]
    assert slope.max() < 1e-6, "no concept left out would help"
    assert np.abs(slope[found.strengths > 1e-6]).max(initial=0.0) < 1e-6, "those taken are taken as far as they help"


def test_orthogonal_concepts_by_hand():
    found = decompose(np.array([0.8, 0.0, -0.6]), np.eye(3), Config(sparsity=0.25))
    np.testing.assert_allclose(found.strengths, [0.6, 0.0, 0.0], atol=1e-15)  # 0.8 less a quarter of 0.8
    np.testing.assert_allclose(found.residual, [0.2, 0.0, -0.6], atol=1e-15)
    np.testing.assert_allclose(
        decompose(np.array([0.8, 0.0, -0.6]), np.eye(3), Config(sparsity=0.0)).strengths, [0.8, 0, 0]
    )


def test_scores_are_sums_over_concepts_and_the_remainder():
    rng = np.random.default_rng(1)
    basis, places = units(rng, 115, 256), units(rng, 40, 256)
    x = pictures(rng, basis, 1)[0].astype(np.float32)
    found = decompose(x, basis.astype(np.float32))
    parts = found.contributions(places)
    assert parts.shape == (40, 115)
    total = parts.sum(axis=1) + found.residual_scores(places)
    np.testing.assert_allclose(total, places @ x.astype(np.float64), rtol=0, atol=1e-12)


def test_sparsity_takes_concepts_away_one_after_another():
    rng = np.random.default_rng(2)
    basis = units(rng, 115, 256)
    x = pictures(rng, basis, 20)
    counts = [(decompose_many(x, basis, Config(sparsity=s)).strengths > 0).sum(axis=1).mean() for s in (0, 0.1, 0.5, 1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 30 > counts[2] > counts[3] == 0.0


def test_the_concepts_that_were_put_in_are_found():
    rng = np.random.default_rng(3)
    basis = units(rng, 60, 256)
    found = decompose(0.8 * basis[7] + 0.5 * basis[31] + 0.02 * rng.normal(size=256), basis)
    assert found.active[:2].tolist() == [7, 31]
    assert found.strengths[7] == pytest.approx(0.8 - 0.2, abs=0.1)  # the penalty takes its share


def test_twins_and_more_concepts_than_dimensions():
    rng = np.random.default_rng(4)
    basis = units(rng, 10, 6)
    basis = np.concatenate([basis, basis, -basis])
    for x in units(rng, 20, 6):
        found = decompose(x, basis, Config(sparsity=0.0))
        np.testing.assert_allclose(found.residual, 0.0, atol=1e-7)
        assert len(found.active) <= 6


def test_no_concepts_and_no_pictures():
    x = np.array([0.6, 0.8])
    found = decompose(x, np.zeros((0, 2)))
    assert found.strengths.shape == (0,)
    assert found.active.size == 0
    np.testing.assert_array_equal(found.residual, x)
    np.testing.assert_array_equal(found.contributions(np.eye(2)), np.zeros((2, 0)))
    assert len(decompose_many(np.zeros((0, 2)), np.eye(2))) == 0


def test_interventions():
    rng = np.random.default_rng(5)
    basis, place = units(rng, 20, 32), units(rng, 1, 32)
    found = decompose(pictures(rng, basis, 1)[0], basis)
    first = int(found.active[0])
    before = float(found.strengths[first])
    more = found.with_strength(first, 1.5)
    moved = (more.embedding - found.embedding) @ place[0]
    assert moved == pytest.approx((1.5 - before) * basis[first] @ place[0])
    np.testing.assert_array_equal(more.residual, found.residual)
    assert found.strengths[first] == before, "the original stays as it was"
    gone = found.without(found.active)
    np.testing.assert_allclose(gone.embedding, found.residual)
    np.testing.assert_array_equal(found.without([]).strengths, found.strengths)
    for row in (-1, 20):
        with pytest.raises(OptionError, match="There is no concept"):
            found.with_strength(row, 0.5)
        with pytest.raises(OptionError, match="There is no concept"):
            found.without([row])
    for value in (-0.1, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="A strength is"):
            found.with_strength(0, value)


def test_stopping_early_is_still_exact():
    rng = np.random.default_rng(6)
    basis = units(rng, 50, 64)
    x = pictures(rng, basis, 4)
    found = decompose_many(x, basis, Config(max_iterations=2))
    assert (found.strengths > 0).sum(axis=1).max() <= 2
    np.testing.assert_allclose(found.strengths @ basis + found.residuals, x, atol=1e-12)
    assert [len(item.active) for item in found] == (found.strengths > 0).sum(axis=1).tolist()


@pytest.mark.parametrize(
    ("x", "basis", "message"),
    [
        (np.array([np.nan, 1.0]), np.eye(2), "must be finite"),
        (np.array([0.0, 1.0]), np.array([[np.inf, 0.0]]), "must be finite"),
        (np.array([0.0, 1.0]), 2.0 * np.eye(2), "unit length; row 0 has length 2"),
    ],
)
def test_broken_input_is_refused(x, basis, message):
    with pytest.raises(OptionError, match=message):
        decompose(x, basis)


@pytest.mark.parametrize(
    "values", [{"sparsity": -0.1}, {"sparsity": 1.1}, {"sparsity": float("nan")}, {"max_iterations": -1}]
)
def test_settings_are_checked(values):
    with pytest.raises(OptionError):
        Config(**values)


def test_two_thousand_pictures_in_seconds():
    rng = np.random.default_rng(7)
    basis = units(rng, 115, 256)
    x = pictures(rng, basis, 2000)
    started = time.perf_counter()
    decompose_many(x, basis)
    assert time.perf_counter() - started < 10.0
