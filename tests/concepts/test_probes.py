"""Probes against scikit-learn, hand-computed areas, and simulation for the intervals."""

from __future__ import annotations

import jaxtyping
import numpy as np
import pytest

from whence.concepts.bank import bank
from whence.concepts.probes import (
    concept_auc,
    fit_ridge,
    linear_probe_classes,
    mean_auc,
    r2,
    ridge_probe,
)
from whence.core.errors import OptionError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_area_by_hand():
    # Pairs (positive, negative): (3,1) (3,2) (2,1) in order, (2,2) a tie, so 3.5 of 4.
    found = concept_auc(column(3, 2, 1, 2), column(1, 1, 0, 0), least=2)
    assert found.value[0] == 3.5 / 4
    assert (found.positives[0], found.negatives[0]) == (2, 2)
    # DeLong: shares over positives (1, .75), over negatives (1, .75): variance .03125 / 2 + .03125 / 2.
    error = np.sqrt(0.03125)
    odds = np.log(7) + np.array([-1, 1]) * 1.959964 * error / (0.875 * 0.125)
    assert np.allclose([found.low[0], found.high[0]], 1 / (1 + np.exp(-odds)), atol=1e-6)


def test_areas_are_those_of_scikit_learn(generator):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the extra dev")
    truths = (generator.random((300, 5)) < 0.3).astype(float)
    scores = np.round(truths + generator.normal(size=(300, 5)), 1)  # with ties
    truths[generator.random((300, 5)) < 0.1] = np.nan
    found = concept_auc(scores, truths)
    for j in range(5):
        known = ~np.isnan(truths[:, j])
        assert found.value[j] == pytest.approx(metrics.roc_auc_score(truths[known, j], scores[known, j]), abs=1e-12)
    assert mean_auc(scores, truths, generator, rounds=20).value == pytest.approx(found.mean, abs=1e-12)


def test_rare_concepts_are_not_reported(generator):
    truths = np.zeros((100, 3))
    truths[:19, 0] = truths[:20, 1] = 1
    truths[:, 2] = np.nan
    found = concept_auc(generator.normal(size=(100, 3)), truths)
    assert found.reported.tolist() == [False, True, False]
    assert found.mean == found.value[1]
    assert np.isnan(concept_auc(np.zeros((3, 1)), np.zeros((3, 1))).mean)


def test_perfect_order_has_an_open_interval():
    truths = column(*[1] * 30, *[0] * 50)
    found = concept_auc(truths.copy(), truths)
    assert found.value[0] == found.high[0] == 1
    assert found.low[0] == pytest.approx(0.025 ** (1 / 30))
    worst = concept_auc(-truths, truths)
    assert (worst.low[0], worst.high[0]) == (0, pytest.approx(1 - 0.025 ** (1 / 30)))


def test_intervals_hold_the_truth_as_often_as_they_say(generator):
    # Unit normals one deviation apart: the area is Φ(1/√2) = .7602.
    truths = np.zeros((120, 1000))
    truths[:50] = 1
    first = generator.normal(size=truths.shape) + truths
    found = concept_auc(first, truths)
    assert 0.93 < np.mean((found.low < 0.7602) & (found.high > 0.7602)) < 0.975
    second = 0.7 * first + 0.7 * (generator.normal(size=truths.shape) + truths)  # its area is larger, but not by design
    third = generator.normal(size=truths.shape) + truths
    assert concept_auc(second, truths, against=first).mean > 0.05
    paired = concept_auc(first, truths, against=third)
    assert 0.93 < np.mean((paired.low < 0) & (paired.high > 0)) < 0.97


def test_bootstrap_of_the_mean(generator):
    truths = (generator.random((400, 20)) < 0.4).astype(float)
    scores = truths + generator.normal(size=truths.shape)
    worse = truths + 1.5 * generator.normal(size=truths.shape)
    alone = mean_auc(scores, truths, generator, rounds=200)
    assert alone.low < alone.value < alone.high
    assert alone.low < 0.7602 < alone.high
    assert mean_auc(scores, truths, generator, against=worse, rounds=200).low > 0
    same = mean_auc(scores, truths, generator, against=scores, rounds=50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    again = [mean_auc(scores, truths, np.random.default_rng(1), rounds=50) for _ in range(2)]
    assert again[0] == again[1]


def test_groups_widen_the_interval(generator):
    groups = np.repeat(np.arange(20), 30)
    shift = generator.normal(size=20)[groups]
    truths = (shift[:, None] + 0.3 * generator.normal(size=(600, 3)) > 0).astype(float)
    scores = np.repeat((shift + generator.normal(size=20)[groups])[:, None], 3, axis=1)
    alone = mean_auc(scores, truths, generator)
    grouped = mean_auc(scores, truths, generator, groups=groups)
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_ridge_is_that_of_scikit_learn(generator):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn comes with the extra dev")
    x = generator.normal(size=(200, 10)) * np.arange(1, 11) + 3
    x[:, 4] = 5.0  # a feature that does not vary
    y = x @ generator.normal(size=(10, 2)) + generator.normal(size=(200, 2))
    y[::7, 1] = np.nan
    for alpha in (1e-4, 0.1, 10.0):
        found = fit_ridge(x, y, x[:50], y[:50], alphas=(alpha,))
        for j in range(2):
            rows = ~np.isnan(y[:, j])
            mean, deviation = x[rows].mean(0), np.where(np.arange(10) == 4, 1, x[rows].std(0))
            theirs = linear.Ridge(alpha=alpha * rows.sum()).fit((x[rows] - mean) / deviation, y[rows, j])
            assert np.allclose(found.predict(x)[:, j], theirs.predict((x - mean) / deviation), atol=1e-8)


def test_each_target_gets_its_own_strength(generator):
    x = generator.normal(size=(80, 40))
    weights = generator.normal(size=40)
    y = np.stack([x @ weights, 0.1 * x[:, 0] + generator.normal(size=80)], axis=1)
    other = generator.normal(size=(400, 40))
    checks = np.stack([other @ weights, 0.1 * other[:, 0] + generator.normal(size=400)], axis=1)
    found = fit_ridge(x, y, other, checks)
    assert found.alphas[0] < 1e-3 < 0.1 < found.alphas[1]
    assert found.validation[0] > 0.999
    rare = checks.copy()
    rare[:, 0] = 3.0
    assert np.array_equal(fit_ridge(x, y, other, rare).alphas, found.alphas[[1, 1]])
    told = ridge_probe(x, y, other, checks, other)
    assert np.array_equal(told, found.predict(other))
    assert np.allclose(r2(checks, told), found.validation)


def test_r2_is_that_of_scikit_learn(generator):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the extra dev")
    truth, guess = generator.normal(size=(50, 2)), generator.normal(size=(50, 2))
    assert np.allclose(r2(truth, guess), metrics.r2_score(truth, guess, multioutput="raw_values"))
    assert r2(column(1, np.nan, 3), column(1, 99, 3))[0] == 1
    assert np.isneginf(r2(column(2, 2), column(2, 2))[0])


def test_classes(generator):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn comes with the extra dev")
    names = np.array(["Af", "BWh", "Cfb", "ET"])
    label = generator.integers(4, size=600)
    x = generator.normal(size=(4, 8))[label] * 2 + generator.normal(size=(600, 8))
    train, valid, test = np.split(np.arange(600), [300, 400])
    told = linear_probe_classes(x[train], names[label[train]], x[valid], names[label[valid]], x[test])
    assert told.dtype == names.dtype
    right = np.mean(told == names[label[test]])
    theirs = linear.LogisticRegression().fit(x[train], label[train]).score(x[test], label[test])
    assert right > theirs - 0.05
    deviation = x[train].std(0)
    same = linear.RidgeClassifier(alpha=0.1 * 300).fit((x[train] - x[train].mean(0)) / deviation, label[train])
    ours = linear_probe_classes(x[train], label[train], x[valid], label[valid], x[test], alphas=(0.1,))
    assert np.array_equal(ours, same.predict((x[test] - x[train].mean(0)) / deviation))


def test_the_shipped_bank_can_be_probed(generator):
    lat = np.degrees(np.arcsin(generator.uniform(-1, 1, 2000)))
    lon = generator.uniform(-180, 180, 2000)
    truths = bank().truths(lat, lon)
    told = [j for j, concept in enumerate(bank()) if concept.id.startswith("climate/") and concept.grounding]
    found = concept_auc(np.repeat(-np.abs(lat)[:, None], len(told), axis=1), truths[:, told], least=10)
    areas = {bank().ids[j]: area for j, area in zip(told, found.value, strict=True)}
    assert max(areas.values()) > 0.9
    assert min(area for area in areas.values() if not np.isnan(area)) < 0.3


def test_what_cannot_be_probed_is_refused(generator, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # what users get, who run no shape checks
    x, y = generator.normal(size=(10, 3)), generator.normal(size=(10, 2))
    with pytest.raises(OptionError, match=r"received \(10, 3\) and \(10, 2\)"):
        concept_auc(x, y)
    with pytest.raises(OptionError, match="level"):
        concept_auc(x, x, level=95)
    with pytest.raises(OptionError, match="No concept"):
        mean_auc(x, np.ones((10, 3)), generator)
    with pytest.raises(OptionError, match="NaN in every row"):
        fit_ridge(x, np.full((10, 1), np.nan), x, np.ones((10, 1)))
    with pytest.raises(OptionError, match="No target varies on the validation part"):
        fit_ridge(x, y, x, np.ones((10, 2)))
    with pytest.raises(OptionError, match="as many targets"):
        fit_ridge(x, y[:5], x, y)
    with pytest.raises(OptionError, match="differ in width"):
        fit_ridge(x, y, x[:, :2], y)
    with pytest.raises(OptionError, match="differ in shape"):
        r2(y, x)
