from __future__ import annotations

import json

import pytest

from whence.core.errors import ArtifactError
from whence.crossview.verify.outcomes import SEARCHES, Outcome, Outcomes, search_of, shipped_outcomes


def test_the_shipped_table_speaks_against_a_place_and_never_decides():
    shipped = shipped_outcomes()
    assert set(shipped.by_search) == {*SEARCHES, "sift", "sift+xfeat"}
    for outcome in shipped.by_search.values():
        assert -2.5 < outcome.nothing < -0.4
        assert -2.5 < outcome.wrong < -0.4
    counted = shipped.card["counted"]
    assert shipped.card["pairs"] == sum(
        side["pairs"] for name in SEARCHES for site in counted[name].values() for side in site.values()
    )
    assert Outcomes.from_json(shipped.to_json()) == shipped


@pytest.mark.parametrize(
    ("matcher", "search"),
    [
        ("sift", "points"),
        ("sift+xfeat", "points"),
        ("sift+xfeat+lighterglue", "points"),
        ("sift+dense", "dense"),
        ("correlation", "correlation"),
        ("a matcher of somebody", "points"),
    ],
)
def test_matchers_by_how_they_search(matcher, search):
    assert search_of(matcher) == search


def test_a_matcher_that_was_counted_speaks_for_itself():
    table = Outcomes("made", {"points": Outcome(-1.0, -0.5), "sift": Outcome(-2.0, -0.7)}, {})
    assert table.of("sift") == Outcome(-2.0, -0.7)
    assert table.counted_as("xfeat") == "points"


def test_points_stand_in_for_what_was_not_counted():
    table = Outcomes("made", {"points": Outcome(-1.0, -0.5)}, {})
    assert table.of("correlation") == Outcome(-1.0, -0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"log_odds": {}},
        {"log_odds": {"points": {"nothing": -1.0}}},
        {"log_odds": {"points": {"nothing": float("nan"), "wrong": -1.0}}},
        {"log_odds": 3},
    ],
)
def test_damaged_tables_are_refused(change):
    raw = json.loads(Outcomes("made", {"points": Outcome(-1.0, -0.5)}, {}).to_json())
    with pytest.raises(ArtifactError, match=r"again|finite"):
        Outcomes.from_json(json.dumps(raw | change))
    with pytest.raises(ArtifactError):
        Outcomes.from_json("[")
