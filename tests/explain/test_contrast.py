import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import Point
from whence.earth.field import LN2, Field
from whence.estimate.estimate import estimate
from whence.estimate.types import QueryInfo
from whence.evidence.types import Claim, Evidence
from whence.explain.contrast import contrast

places = st.builds(Point, st.floats(-90, 90), st.floats(-180, 179.9))


@given(a=places, b=places, kind=st.sampled_from(["sharp", "wide", "fiji", "pole"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_parts_add_up_to_the_odds_of_the_belief(made_estimates, a, b, kind):
    found = contrast(made_estimates[kind], a, b)
    belief = made_estimates[kind].belief
    odds = float(belief.at(a.lat_deg, a.lon_deg) - belief.at(b.lat_deg, b.lon_deg)) / LN2
    assert found.total_bits == pytest.approx(odds, abs=1e-6)
    assert found.prior_bits + sum(item.bits for item in found.items) == pytest.approx(odds, abs=1e-6)
    assert sum(bits for _, bits in found.by_source) + found.prior_bits == pytest.approx(odds, abs=1e-6)
    back = contrast(made_estimates[kind], b, a)
    assert back.total_bits == pytest.approx(-odds, abs=1e-6)


def two_cells(low, high):
    """A field that is ``high`` in the north and ``low`` in the south."""
    field = Field.uniform(3)
    return Field(field.partition, np.where(field.partition.lat_deg > 0, high, low))


def answer_from(*claims, temperature=1.0):
    return estimate(QueryInfo("x"), Field.uniform(3), [Evidence("made", tuple(claims), temperature=temperature)])


NORTH, SOUTH = Point(45.0, 10.0), Point(-45.0, 10.0)


def test_hand_computed_bits_with_a_temperature():
    found = contrast(
        answer_from(Claim("k", "r", "i", likelihood=two_cells(0.0, 6.0 * LN2)), temperature=2.0), NORTH, SOUTH
    )
    assert [item.bits for item in found.items] == pytest.approx([3.0])
    assert found.prior_bits == 0.0
    assert found.total_bits == pytest.approx(3.0)
    assert "8 times as likely" in found.verdict()


def test_the_most_telling_claim_comes_first_whichever_way():
    found = contrast(
        answer_from(
            Claim("weak", "r", "i", likelihood=two_cells(0.0, LN2)),
            Claim("against", "r", "i", likelihood=two_cells(2.0 * LN2, 0.0)),
            Claim("remark", "r", "i"),
        ),
        NORTH,
        SOUTH,
    )
    assert [(item.kind, round(item.bits, 6)) for item in found.items] == [("against", -2.0), ("weak", 1.0)]
    assert found.verdict().startswith("A spot at 45° S, 10° E is 2 times as likely")
    assert "against: r → i" in found.to_text()


def test_a_place_that_is_ruled_out_is_said_to_be():
    found = contrast(answer_from(Claim("k", "r", "i", likelihood=two_cells(-math.inf, 0.0))), NORTH, SOUTH)
    assert found.total_bits == math.inf
    assert "is ruled out" in found.verdict()
    assert "ruled out" in found.to_text()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["total_bits"] is None


def test_two_places_that_are_ruled_out_have_no_odds():
    partition = Field.uniform(3).partition
    only_equator = Field(partition, np.where(np.abs(partition.lat_deg) < 20, 0.0, -math.inf))
    found = contrast(answer_from(Claim("k", "r", "i", likelihood=only_equator)), NORTH, SOUTH)
    assert math.isnan(found.total_bits)
    assert found.verdict() == "Both places are ruled out."
    assert "undecided" in found.to_text()


def test_without_places_the_answer_is_held_against_the_runner_up(made_estimates):
    answer = made_estimates["fiji"]
    found = contrast(answer)
    assert found.label_a == answer.candidates[0].label
    assert found.label_b == answer.ledger.runner_up.label


def test_no_runner_up_is_said(made_estimates):
    with pytest.raises(InputError, match="no runner-up"):
        contrast(replace(made_estimates["sharp"], ledger=replace(made_estimates["sharp"].ledger, runner_up=None)))


def test_a_resolution_floor_withholds_the_contrast(made_estimates):
    with pytest.raises(InputError, match="resolution floor"):
        contrast(replace(made_estimates["fiji"], coarsest="city"), NORTH, SOUTH)


def test_a_place_that_is_none_is_refused(made_estimates):
    with pytest.raises(CoordinateError):
        contrast(made_estimates["fiji"], Point(95.0, 0.0), NORTH)


def test_plain_numbers_are_places_too_and_print_as_text(made_estimates):
    found = contrast(made_estimates["wide"], (19.43, -99.13), (40.42, -3.7))
    assert found == contrast(made_estimates["wide"], Point(19.43, -99.13), Point(40.42, -3.7))
    assert str(found) == found.to_text()
    assert str(found).startswith("Why 19.43° N, 99.13° W and not 40.42° N, 3.7° W\n")


@pytest.mark.parametrize("place", [(1.0,), (1.0, 2.0, 3.0), ("north", 2.0), 5.0, (91.0, 0.0)])
def test_what_is_no_place_is_refused(made_estimates, place):
    with pytest.raises(CoordinateError):
        contrast(made_estimates["wide"], place)
