from __future__ import annotations

import math

import numpy as np
import pytest

from whence.earth.coordinates import Point
from whence.earth.field import Field
from whence.estimate.estimate import estimate
from whence.estimate.types import QueryInfo
from whence.evaluate.faithfulness.claim_truth import Verdict, auc, brier, check_claims
from whence.evidence.types import Claim, Evidence

LONDON, PARIS, CAIRO = Point(51.5, -0.12), Point(48.86, 2.35), Point(30.04, 31.24)


def _concept(read):
    field = Field.from_points([51.5], [-0.12], sigma_km=800.0, floor=0.2, base_order=5)
    return Claim("concept", read, "likelier in the United Kingdom", likelihood=field)


def _verdicts(claims, place):
    made = estimate(QueryInfo("made"), Field.uniform(5), [Evidence("alignment", tuple(claims))])
    return check_claims(made, place)


def test_driving_side_and_climate_against_the_layers():
    left = _concept("traffic keeps left: strength 0.40, 80% likely")
    dry = _concept("dry climate: strength 0.20, 60% likely")
    london, cairo = _verdicts([left, dry], LONDON), _verdicts([left, dry], CAIRO)
    assert [check.verdict for check in london] == [Verdict.TRUE, Verdict.FALSE]
    assert [check.verdict for check in cairo] == [Verdict.FALSE, Verdict.TRUE]
    assert [check.by for check in london] == ["layers", "layers"]
    assert (london[0].probability, london[0].truth) == (0.8, 1.0)
    assert london[0].bits_at_truth > 0.0 > cairo[0].bits_at_truth


def test_what_is_not_claimed_and_what_nobody_knows():
    checks = _verdicts(
        [
            _concept("traffic keeps left: strength 0.10, 20% likely"),
            _concept("palm trees: strength 0.40, 90% likely"),
            _concept("traffic keeps left: strength 0.40"),
        ],
        PARIS,
    )
    assert [check.verdict for check in checks] == [Verdict.NOT_CLAIMED, Verdict.UNKNOWABLE, Verdict.FALSE]
    assert math.isnan(checks[1].truth)
    assert math.isnan(checks[2].probability)


def test_other_claims_are_held_against_their_likelihood():
    spot = Field.from_points([48.86], [2.35], sigma_km=50.0, floor=0.01, base_order=5)
    flat = Field.uniform(5)
    claims = [
        Claim("phone number", "+33", "France", likelihood=spot),
        Claim("remark", "nothing", "nothing"),
        Claim("clock", "?", "anywhere", likelihood=flat),
    ]
    paris, cairo = _verdicts(claims, PARIS), _verdicts(claims, CAIRO)
    assert [check.verdict for check in paris] == [Verdict.TRUE, Verdict.UNKNOWABLE]
    assert [check.verdict for check in cairo] == [Verdict.FALSE, Verdict.UNKNOWABLE]
    assert {check.by for check in paris} == {"likelihood"}


def test_brier_and_auc_by_hand():
    given, truths = np.array([0.9, 0.6, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    assert brier(given, truths) == pytest.approx((0.01 + 0.16 + 0.36 + 0.01) / 4)
    assert auc(given, truths >= 0.5) == pytest.approx(3.5 / 4)
    assert math.isnan(auc(given, np.ones(4, bool)))
    assert math.isnan(brier(np.array([]), np.array([])))
