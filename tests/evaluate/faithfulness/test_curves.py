from __future__ import annotations

import numpy as np
import pytest

from whence.earth.coordinates import Point
from whence.earth.field import LN2, Field
from whence.evaluate.faithfulness.curves import Curve, order_curves, unit_curves
from whence.evaluate.faithfulness.units import Level, Unit, units_of

HERE = Point(10.0, 20.0)


def _fields(count, seed=0):
    rng = np.random.default_rng(seed)
    base = Field.uniform(3)
    return base, [Unit(str(i), Field(base.partition, rng.normal(size=768))) for i in range(count)]


def test_ends_of_all_curves_are_the_same():
    rest, units = _fields(5)
    found = unit_curves(rest, units, HERE, Level.CLAIM, np.random.default_rng(0), orders=7)
    assert found.orders == 7
    full = Field.sum([rest, *(unit.field for unit in units)]).normalise()
    fall = float(full.at(10.0, 20.0) - rest.normalise().at(10.0, 20.0)) / LN2
    variation = 0.5 * np.abs(full.mass - rest.normalise().mass).sum()
    for curve in (found.ledger, found.reverse, found.random):
        assert curve.bits[0] == curve.variation[0] == 0.0
        assert curve.bits[-1] == pytest.approx(fall)
        assert curve.variation[-1] == pytest.approx(variation)
    assert found.ledger.area_bits >= found.reverse.area_bits
    assert len(found.units) == 5


def test_few_units_are_taken_in_all_orders():
    rest, units = _fields(3)
    found = unit_curves(rest, units, HERE, Level.CLAIM, np.random.default_rng(0), orders=20)
    again = unit_curves(rest, units, HERE, Level.CLAIM, np.random.default_rng(1), orders=20)
    assert found.orders == 6
    np.testing.assert_array_equal(found.random.bits, again.random.bits)


def test_the_first_step_by_hand():
    """A unit that is e² at the answer's cell and 1 elsewhere, and one that says nothing much."""
    rest = Field.uniform(0)
    at = int(rest.partition.index_at(10.0, 20.0))
    one, two = np.zeros(12), np.zeros(12)
    one[at], two[at] = 2.0, 0.1
    units = [Unit("small", Field(rest.partition, two)), Unit("large", Field(rest.partition, one))]
    found = unit_curves(rest, units, HERE, Level.SOURCE, np.random.default_rng(0))
    assert found.units == ("large", "small")
    full = 2.1 - np.log((11 + np.exp(2.1)) / 12)
    small = 0.1 - np.log((11 + np.exp(0.1)) / 12)
    assert found.ledger.bits[1] == pytest.approx((full - small) / LN2)
    assert found.deletion_bits > 0.0
    assert found.insertion_bits > 0.0
    assert found.sooner == pytest.approx(0.75)  # one of the two orders is worse, the other the same


def test_order_is_that_of_the_contributions_and_each_set_is_asked_once():
    asked = []

    def step(gone):
        asked.append(tuple(gone))
        weights = [1.0, 4.0, 2.0]
        return sum(weights[i] for i in gone), 0.1 * len(gone)

    found = order_curves(step, [1.0, 4.0, 2.0], ["a", "b", "c"], Level.REGION, np.random.default_rng(0), 6)
    assert found.units == ("b", "c", "a")
    assert found.ledger.bits.tolist() == [0.0, 4.0, 6.0, 7.0]
    assert found.reverse.bits.tolist() == [0.0, 1.0, 3.0, 7.0]
    assert found.random.area_bits == pytest.approx(3.5)
    assert len(asked) == len(set(asked)) == 7
    assert found.deletion_variation == pytest.approx(0.0)


def test_nothing_to_order():
    rest, units = _fields(2)
    assert unit_curves(rest, units[:1], HERE, Level.CLAIM, np.random.default_rng(0)) is None
    assert unit_curves(rest, [units[0], units[0]], HERE, Level.CLAIM, np.random.default_rng(0)) is None
    mean = Curve.mean([Curve(np.zeros(3), np.zeros(3)), Curve(np.ones(3), np.ones(3))])
    assert mean.area_bits == 0.5


def test_units_and_rest_add_up_to_the_belief(made_estimates):
    for made in made_estimates.values():
        for level in (Level.SOURCE, Level.CLAIM, Level.CONCEPT):
            units, rest = units_of(made, level)
            total = Field.sum([rest, *(unit.field for unit in units)]).normalise()
            np.testing.assert_allclose(total.on(made.belief.partition).mass, made.belief.mass, atol=1e-12)
    assert [unit.name for unit in units_of(made_estimates["sharp"], Level.SOURCE)[0]] == ["exif", "clock"]
    assert len(units_of(made_estimates["wide"], Level.CLAIM)[0]) == 2
    assert units_of(made_estimates["wide"], Level.CONCEPT)[0] == ()
