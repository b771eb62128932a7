from __future__ import annotations

import math

import pytest

from whence.core.errors import InputError
from whence.train.verifier_outcomes import (
    NOTHING,
    OTHER,
    WRONG,
    Searched,
    counts,
    fit_outcomes,
    held_out,
    stated_and_seen,
)


def pairs_of(site, belongs, **ends):
    return [Searched(site, belongs, end) for end, count in ends.items() for _ in range(count)]


TOWN = [*pairs_of("town", True, nothing=9, wrong=19, other=71), *pairs_of("town", False, nothing=49, wrong=50)]
FIELD = [*pairs_of("field", True, nothing=29, wrong=9, other=61), *pairs_of("field", False, nothing=79, wrong=20)]


def test_rates_of_one_site_by_hand():
    found = fit_outcomes(TOWN)
    assert found.nothing == pytest.approx(math.log((9.5 / 100) / (49.5 / 100)))
    assert found.wrong == pytest.approx(math.log((19.5 / 100) / (50.5 / 100)))


def test_sites_weigh_the_same_however_many_pairs_they_gave():
    many = FIELD * 40
    apart = (9.5 / 100 + (40 * 29 + 0.5) / (40 * 99 + 1)) / (49.5 / 100 + (40 * 79 + 0.5) / (40 * 99 + 1))
    assert fit_outcomes([*TOWN, *many]).nothing == pytest.approx(math.log(apart))


def test_each_site_is_told_by_the_others():
    told = held_out([*TOWN, *FIELD])
    assert told["town"] == fit_outcomes(FIELD)
    assert told["field"] == fit_outcomes(TOWN)
    shares = stated_and_seen([*TOWN, *FIELD], NOTHING)["town"]
    assert shares["seen"] == pytest.approx((9 / 99) / (9 / 99 + 49 / 99), abs=1e-3)
    assert shares["stated"] == pytest.approx(1 / (1 + math.exp(-fit_outcomes(FIELD).nothing)), abs=1e-3)
    assert shares["pairs"] == 58
    assert stated_and_seen(TOWN, WRONG) == {}


def test_sites_with_one_answer_are_left_out():
    lonely = pairs_of("sea", False, nothing=500)
    assert fit_outcomes([*TOWN, *lonely]) == fit_outcomes(TOWN)
    with pytest.raises(InputError, match="no site has pairs of both: sea"):
        fit_outcomes(lonely)


def test_counts():
    found = counts(TOWN)["town"]
    assert found["belongs"] == {NOTHING: 9, WRONG: 19, OTHER: 71, "pairs": 99}
    assert found["does not"] == {NOTHING: 49, WRONG: 50, OTHER: 0, "pairs": 99}
