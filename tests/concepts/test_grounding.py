from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.concepts.grounding import MAX_DEPTH, Every, OneOf, Opposite, Some, Threshold, parse_grounding
from whence.core.errors import CoordinateError, OptionError
from whence.earth.layers import layers

NAN = float("nan")


def evaluate(grounding, **values):
    return grounding.evaluate(lambda name: np.asarray(values[name]))


def test_a_class_is_one_of_some():
    koppen = layers().info("koppen").codes_of(("Af", "Am", "Cfb"))
    grounding = parse_grounding({"layer": "koppen", "in": ["Af", "Am"]})
    assert grounding == OneOf("koppen", ("Af", "Am"))
    np.testing.assert_array_equal(evaluate(grounding, koppen=np.array([*koppen, -1])), [1.0, 1.0, 0.0, NAN])


@pytest.mark.parametrize(
    ("table", "truth"),
    [
        ({"above": 100}, [0.0, 0.0, 1.0, 1.0, 1.0, NAN]),
        ({"below": 100}, [1.0, 1.0, 0.0, 0.0, 0.0, NAN]),
        ({"above": 100, "soft": 50}, [0.0, 0.25, 0.5, 0.75, 1.0, NAN]),
        ({"below": 100, "soft": 50}, [1.0, 0.75, 0.5, 0.25, 0.0, NAN]),
        ({"above": 100, "soft": 0}, [0.0, 0.0, 1.0, 1.0, 1.0, NAN]),
    ],
)
def test_thresholds_by_hand(table, truth):
    grounding = parse_grounding({"layer": "elevation_m", **table})
    found = evaluate(grounding, elevation_m=[50.0, 75.0, 100.0, 125.0, 150.0, NAN])
    np.testing.assert_allclose(found, truth)


def test_what_is_not_known_stays_so_unless_the_rest_decides():
    high = {"layer": "elevation_m", "above": 100, "soft": 50}
    dry = {"layer": "aridity", "in": ["desert"]}
    desert, other, none = 0, 1, -1
    elevation = np.array([150.0, 150.0, 50.0, NAN, NAN, NAN, 75.0, 75.0])
    aridity = np.array([desert, none, none, desert, other, none, desert, other])
    both = evaluate(parse_grounding({"all": [high, dry]}), elevation_m=elevation, aridity=aridity)
    np.testing.assert_array_equal(both, [1.0, NAN, 0.0, NAN, 0.0, NAN, 0.25, 0.0])
    either = evaluate(parse_grounding({"any": [high, dry]}), elevation_m=elevation, aridity=aridity)
    np.testing.assert_array_equal(either, [1.0, 1.0, NAN, 1.0, NAN, NAN, 1.0, 0.25])
    neither = evaluate(parse_grounding({"not": {"any": [high, dry]}}), elevation_m=elevation, aridity=aridity)
    np.testing.assert_array_equal(neither, 1.0 - either)


@given(st.lists(st.one_of(st.floats(-1e4, 1e4), st.just(NAN)), min_size=1, max_size=8), st.floats(-5e3, 5e3))
def test_de_morgan_and_bounds(values, threshold):
    high = Threshold("elevation_m", True, threshold, 100.0)
    flat = Threshold("elevation_m", False, threshold + 50.0, 0.0)
    of = {"elevation_m": values}
    every = evaluate(Every((high, flat)), **of)
    some = evaluate(Opposite(Some((Opposite(high), Opposite(flat)))), **of)
    np.testing.assert_allclose(every, some)
    assert ((every >= 0) & (every <= 1))[np.isfinite(values)].all()
    assert np.isnan(every[np.isnan(values)]).all()


def test_points_cells_and_words():
    table = {
        "all": [
            {"layer": "koppen", "in": ["ET", "EF"]},
            {"any": [{"layer": "elevation_m", "above": 3000, "soft": 500}, {"not": {"layer": "relief_m", "below": 9}}]},
        ]
    }
    grounding = parse_grounding(table)
    assert grounding.layer_names == {"koppen", "elevation_m", "relief_m"}
    assert grounding.describe() == "koppen ET or EF and (elevation_m above 3000 (±500); or not (relief_m below 9))"
    truth = grounding.truth([27.988, 0.0, 48.85], [86.925, -140.0, 2.35])
    np.testing.assert_array_equal(truth, [1.0, NAN, 0.0])
    cells = grounding.on_cells(5)
    assert cells.shape == (12 * 4**5,)
    assert 0.05 < np.nanmean(cells) < 0.4
    with pytest.raises(CoordinateError):
        grounding.truth(91.0, 0.0)


DEEP: dict = {"layer": "koppen", "in": ["Af"]}
for _ in range(MAX_DEPTH):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layer": "elevation", "above": 1}, "Did you mean 'elevation_m'"),
        ({"layer": "koppen", "in": ["Afx"]}, "Did you mean 'Af'"),
        ({"layer": "elevation_m", "abov": 1}, "Did you mean 'above'"),
        ({"layer": "koppen", "in": ["Af"], "all": []}, "no key of"),
        ({"layer": "koppen"}, "exactly one of in, above, below"),
        ({"layer": "elevation_m", "above": 1, "below": 2}, "exactly one of in, above, below"),
        ({"layer": "koppen", "above": 1}, "holds classes"),
        ({"layer": "elevation_m", "in": ["1"]}, "holds numbers"),
        ({"layer": "koppen", "in": []}, "list of different classes"),
        ({"layer": "koppen", "in": ["Af", "Af"]}, "list of different classes"),
        ({"layer": "koppen", "in": "Af"}, "list of different classes"),
        ({"layer": "koppen", "in": ["Af"], "soft": 1}, "no soft"),
        ({"layer": "elevation_m", "above": "high"}, "expected a finite number"),
        ({"layer": "elevation_m", "above": True}, "expected a finite number"),
        ({"layer": "elevation_m", "above": float("inf")}, "expected a finite number"),
        ({"layer": "elevation_m", "above": 1, "soft": -1}, "expected 0 or more"),
        ({"layer": "elevation_m", "above": 1, "soft": "wide"}, "expected a finite number"),
        ({"all": [{"layer": "koppen", "in": ["Af"]}]}, "two groundings or more"),
        ({"any": {"layer": "koppen", "in": ["Af"]}}, "two groundings or more"),
        ({"all": [1, 2]}, r"grounding\.all\[0\]: expected a table"),
        ({"not": []}, r"grounding\.not: expected a table"),
        ({"nott": {}}, "Did you mean 'not'"),
        ({}, "exactly one of layer, all, any, not"),
        ("koppen", "expected a table"),
        (DEEP, "nested 8 deep"),
    ],
    ids=str,
)
def test_anything_else_is_refused(content, message):
    with pytest.raises(OptionError, match=message):
        parse_grounding(content)
