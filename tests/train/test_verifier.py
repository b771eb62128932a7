from __future__ import annotations

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.train.verifier import Config, Examples, fit_curves, group_weights, log_odds


def made(n=4000, seed=0):
    """Measures whose log-odds are known: two Gaussians, a standard deviation apart by 2 and by 1."""
    draw = np.random.default_rng(seed)
    true = draw.random(n) < 0.3
    values = np.column_stack([draw.normal(2.0 * true, 1.0), draw.normal(-1.0 * true, 1.0), draw.normal(size=n)])
    return Examples(values, ("excess", "residual", "overlap"), true, ["a"] * n)


def test_curves_find_the_log_odds():
    examples = made()
    curves = fit_curves(examples, Config(measures="excess,residual,overlap", penalty=1e-4))
    x = examples.values
    exact = (2.0 * x[:, 0] - 2.0) + (-1.0 * x[:, 1] - 0.5)  # at even prior
    middle = (np.abs(x[:, 0] - 1.0) < 1.5) & (np.abs(x[:, 1]) < 1.5)
    assert np.sqrt(np.mean((log_odds(curves, examples) - exact)[middle] ** 2)) < 0.4
    span = {curve.measure: np.ptp(curve.log_odds) for curve in curves}
    assert span["excess"] > 1.5 * span["residual"] > 6 * span.get("overlap", 0.0)


def test_curves_go_one_way():
    curves = {curve.measure: curve for curve in fit_curves(made(300), Config(measures="excess,residual"))}
    assert (np.diff(curves["excess"].log_odds) >= 0).all()
    assert (np.diff(curves["residual"].log_odds) <= 0).all()


def test_groups_weigh_alike():
    examples = Examples(
        np.zeros((6, 1)), ("excess",), np.array([1, 1, 1, 0, 0, 0], bool), ["a", "a", "b", "b", "b", "b"]
    )
    weight = group_weights(examples)
    assert weight.sum() == pytest.approx(2.0)
    assert weight[3:].sum() == pytest.approx(1.0)
    assert weight[0] < weight[2]


def test_what_cannot_be_fitted():
    examples = made(50)
    with pytest.raises(InputError, match="among excess"):
        fit_curves(examples, Config(measures="excess,colour"))
    values = np.where(examples.values > 1.0, np.nan, examples.values)
    gaps = Examples(values, examples.measures, examples.true, examples.group)
    with pytest.raises(InputError, match="lack excess, residual"):
        fit_curves(gaps, Config(measures="excess,residual"))
    alike = Examples(examples.values, examples.measures, np.ones(50, bool), examples.group)
    with pytest.raises(InputError, match="all 50 are alike"):
        fit_curves(alike, Config(measures="excess"))


def test_curves_go_on_where_nothing_false_was_seen():
    draw = np.random.default_rng(8)
    true = draw.random(3000) < 0.4
    edges = np.where(true, draw.normal(15.0, 6.0, 3000), draw.normal(1.0, 0.8, 3000))
    excess = np.log2(1.0 + np.where(true, draw.exponential(20.0, 3000), np.abs(draw.normal(size=3000))))
    examples = Examples(np.column_stack([excess, edges]), ("excess", "edges"), true, ["a"] * 3000)
    plain = {c.measure: c for c in fit_curves(examples, Config(measures="excess,edges", tail_share=0.0))}
    tailed = {c.measure: c for c in fit_curves(examples, Config(measures="excess,edges"))}
    largest = float(edges[~true].max())
    for value in (-1.0, 1.0, largest - 0.01):
        assert tailed["edges"](value) == pytest.approx(plain["edges"](value))
    assert tailed["edges"](30.0) > plain["edges"](30.0) + 5.0
    assert tailed["edges"](1e9) == max(tailed["edges"].log_odds)
    # points alone never outweigh edges that agree no better than chance
    most = max(max(plain["excess"].log_odds), -min(tailed["edges"].log_odds))
    assert plain["excess"](9.0) <= tailed["excess"](9.0) <= most + 1e-9
    for curve in tailed.values():
        assert (np.diff(curve.log_odds) >= 0.0).all()
