from __future__ import annotations

import math

import numpy as np
import pytest

from whence.train.verifier_tails import dependence, pareto, surprise, tail_of


def fitted(false, true, **changes):
    given = {"share": 0.1, "confidence": 0.95, "most": 30.0} | changes
    return tail_of(false, true, generator=np.random.default_rng(1), **given)


def test_pareto_finds_scale_and_shape():
    draw = np.random.default_rng(0)
    uniform = draw.random(40_000)
    scale, shape = pareto(2.0 * (uniform**-0.3 - 1.0) / 0.3)
    assert scale == pytest.approx(2.0, rel=0.05)
    assert shape == pytest.approx(0.3, abs=0.03)
    assert pareto(draw.random(500))[1] == 0.0  # bounded: taken as exponential, which goes further
    over = np.array([0.0, 1.0, 5.0])
    assert surprise(over, 2.0, 0.0) == pytest.approx(over / 2.0)
    assert surprise(over, 2.0, 0.3) == pytest.approx(-np.log((1.0 + 0.3 * over / 2.0) ** (-1.0 / 0.3)))


@pytest.mark.parametrize("count", [400, 20_000])
def test_a_tail_never_says_more_than_chance_allows(count):
    """Gaussian chance falls faster than any tail that is fitted to it."""
    draw = np.random.default_rng(count)
    tail = fitted(draw.normal(size=count), draw.normal(12.0, 3.0, 500))
    assert tail.gain[0] == 0.0
    assert (np.diff(tail.gain) >= 0.0).all()
    assert (np.diff(tail.at) > 0.0).all()
    start = tail.at[0]
    exact = [math.log(math.erfc(start / math.sqrt(2)) / max(math.erfc(x / math.sqrt(2)), 1e-300)) for x in tail.at]
    assert all(gain <= most + 1e-9 for gain, most in zip(tail.gain, exact, strict=True))
    assert tail.gain[-1] > 5.0


def test_heavier_chance_says_less():
    draw = np.random.default_rng(4)
    true = draw.normal(40.0, 10.0, 300)
    light, heavy = draw.exponential(size=3000), draw.standard_t(3, size=3000)
    at = 30.0
    said = [np.interp(at, tail.at, tail.gain) for tail in (fitted(light, true), fitted(heavy, true))]
    assert said[0] > 2.0 * said[1]


def test_more_examples_say_more():
    draw = np.random.default_rng(5)
    false, true = draw.exponential(size=10_000), draw.normal(30.0, 8.0, 300)
    few, many = fitted(false[:200], true), fitted(false, true)
    over = 8.0  # standard deviations beyond the largest of each
    assert np.interp(few.at[0] + over, few.at, few.gain) < np.interp(many.at[0] + over, many.at, many.gain)


def test_no_tail_from_next_to_nothing():
    draw = np.random.default_rng(6)
    assert fitted(draw.normal(size=50), draw.normal(9.0, 1.0, 50)) is None
    assert fitted(draw.normal(size=500), draw.normal(-9.0, 1.0, 50)) is None


def test_dependence():
    draw = np.random.default_rng(7)
    a, b = draw.normal(size=(2, 5000))
    assert 0.1 < dependence(a, b, share=0.1, confidence=0.95) < 0.15
    assert dependence(a, a, share=0.1, confidence=0.95) > 0.99
