from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from whence.earth.coordinates import Point
from whence.earth.field import LN2, Field
from whence.estimate.calibration import SourceCalibration
from whence.estimate.estimate import estimate
from whence.estimate.fuse import fuse
from whence.estimate.types import QueryInfo
from whence.evaluate.faithfulness.curves import Curve, order_curves, unit_curves
from whence.evaluate.faithfulness.units import Account, Level
from whence.evidence.types import ALLOWANCE, Claim, Evidence

HERE = Point(10.0, 20.0)


def _account(count, seed=0, wrong_share=0.0):
    rng = np.random.default_rng(seed)
    base = Field.uniform(3)
    claims = [Claim("made", str(i), "", likelihood=Field(base.partition, rng.normal(size=768))) for i in range(count)]
    evidence = [Evidence("one", tuple(claims[: count // 2])), Evidence("two", tuple(claims[count // 2 :]))]
    if wrong_share:
        evidence = [SourceCalibration(1.3, wrong_share).apply(item, base) for item in evidence]
    made = estimate(QueryInfo("made"), base, evidence)
    return made, Account(made)


@pytest.mark.parametrize("wrong_share", [0.0, 0.2])
def test_ends_of_all_curves_are_the_same(wrong_share):
    made, account = _account(5, wrong_share=wrong_share)
    found = unit_curves(account, made.point, Level.CLAIM, np.random.default_rng(0), orders=7)
    assert found.orders == 7
    fall = float(made.belief.at(made.point.lat_deg, made.point.lon_deg)) / LN2
    variation = 0.5 * np.abs(made.belief.mass - made.prior.mass).sum()
    for curve in (found.ledger, found.reverse, found.random):
        assert curve.bits[0] == curve.variation[0] == 0.0
        assert curve.bits[-1] == pytest.approx(fall)
        assert curve.variation[-1] == pytest.approx(variation)
    assert found.ledger.area_bits >= found.reverse.area_bits
    assert len(found.units) == 5


def test_few_units_are_taken_in_all_orders():
    made, account = _account(3)
    found = unit_curves(account, made.point, Level.CLAIM, np.random.default_rng(0), orders=20)
    again = unit_curves(account, made.point, Level.CLAIM, np.random.default_rng(1), orders=20)
    assert found.orders == 6
    np.testing.assert_array_equal(found.random.bits, again.random.bits)


@pytest.mark.parametrize("wrong_share", [0.0, 0.2])
def test_what_is_left_is_what_the_others_say(wrong_share):
    made, account = _account(4, wrong_share=wrong_share)
    np.testing.assert_allclose(account.mass(), made.belief.mass, atol=1e-12)
    for unit in account.units(Level.SOURCE):
        rest = fuse(made.prior, [item for item in made.evidence if item.source != unit.name])
        np.testing.assert_allclose(account.mass(unit.members), rest.mass, atol=1e-12)
    plain = [replace(i, claims=tuple(c for c in i.claims if c.kind != ALLOWANCE)) for i in made.evidence]
    kept = replace(plain[0], claims=plain[0].claims[1:], wrong_share=0.0)
    if wrong_share:
        kept = SourceCalibration(1.3, wrong_share).apply(kept, made.prior)
    (first, *_) = account.units(Level.CLAIM)
    rest = fuse(made.prior, [kept, made.evidence[1]])
    np.testing.assert_allclose(account.mass(first.members), rest.mass, atol=1e-12)


def test_the_first_step_by_hand():
    """A claim that is e² at the answer's cell and 1 elsewhere, and one that says nothing much."""
    base = Field.uniform(3)
    at = int(base.partition.index_at(10.0, 20.0))
    one, two = np.zeros(768), np.zeros(768)
    one[at], two[at] = 2.0, 0.1
    claims = (
        Claim("made", "small", "", likelihood=Field(base.partition, two)),
        Claim("made", "large", "", likelihood=Field(base.partition, one)),
    )
    made = estimate(QueryInfo("made"), base, [Evidence("made", claims)])
    found = unit_curves(Account(made), HERE, Level.CLAIM, np.random.default_rng(0))
    assert found.units == ("made: made: large", "made: made: small")
    full = 2.1 - np.log((767 + np.exp(2.1)) / 768)
    small = 0.1 - np.log((767 + np.exp(0.1)) / 768)
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


def test_nothing_to_order(made_estimates):
    made = made_estimates["fiji"]
    assert unit_curves(Account(made), made.point, Level.CLAIM, np.random.default_rng(0)) is None
    mean = Curve.mean([Curve(np.zeros(3), np.zeros(3)), Curve(np.ones(3), np.ones(3))])
    assert mean.area_bits == 0.5
    alike = order_curves(
        lambda gone: (len(gone), 0.0), [1.0, 2.0], ["a", "b"], Level.CLAIM, np.random.default_rng(0), 2
    )
    assert alike is None


def test_units_of_real_accounts(made_estimates):
    for made in made_estimates.values():
        account = Account(made)
        np.testing.assert_allclose(account.mass(), made.belief.on(account.partition).mass, atol=1e-12)
    sharp, wide = Account(made_estimates["sharp"]), Account(made_estimates["wide"])
    assert [unit.name for unit in sharp.units(Level.SOURCE)] == ["exif", "clock"]
    assert len(wide.units(Level.CLAIM)) == 2
    assert wide.units(Level.CONCEPT) == ()
