"""Evaluations: over all, by slice, against another; as table and as JSON."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from whence.core.config import settings
from whence.core.errors import InputError, OptionError
from whence.evaluate.evaluation import Config, evaluate, labels
from whence.evaluate.metrics import METRICS
from whence.evaluate.predictions import Predictions, Truths
from whence.evaluate.table import COLUMNS, figure_columns, figure_rows, markdown, remarks, slice_rows, to_json

PLACES = {"paris": (48.86, 2.35), "lyon": (45.76, 4.84), "sydney": (-33.87, 151.21), "atlantic": (30.0, -40.0)}


@pytest.fixture
def truths():
    lat, lon = np.array(list(PLACES.values())).T
    return Truths(tuple(PLACES), lat, lon, {"who": ("a", "a", "b", ""), "accuracy_km": ("5", "200", "", "1")})


def answers(**places):
    lat, lon = np.array(list(places.values()), float).T
    return Predictions(tuple(places), lat, lon, np.array([name == "lyon" for name in places]))


@pytest.fixture
def found():
    """Paris right, Lyon in Paris, Sydney missing, a picture too many."""
    return answers(paris=(48.87, 2.36), lyon=(48.86, 2.35), nowhere=(0, 0), atlantic=(30.0, -41.0))


def test_missing_unknown_and_abstained_are_counted(truths, found):
    result = evaluate(found, truths)
    assert (result.scores.count, result.missing, result.unknown, result.abstained) == (4, 1, 1, 1)
    assert result.scores.metrics["within_200_km"].value == 0.5
    only = evaluate(found, truths, Config(answered_only=True))
    assert only.scores.count == 3
    assert math.isfinite(only.scores.metrics["mean_km"].value)
    text = " ".join(remarks(result))
    for said in ("1 pictures have no prediction and count as wrong", "1 answers were abstentions", "1 predictions"):
        assert said in text


def test_forgiving_by_the_accuracy_of_the_truth(truths, found):
    plain, kind = evaluate(found, truths), evaluate(found, truths, Config(forgive=True))
    assert plain.scores.metrics["within_1_km"].value == 0.0
    assert kind.scores.metrics["within_1_km"].value == 0.25  # Paris is 1.3 km off and known to 5 km
    broad = Truths(truths.names, truths.lat_deg, truths.lon_deg, {"accuracy_km": ("5", "500", "", "1")})
    assert evaluate(found, broad, Config(forgive=True)).scores.metrics["within_1_km"].value == 0.5
    words = Truths(truths.names, truths.lat_deg, truths.lon_deg, {"accuracy_km": ("near", "", "", "")})
    with pytest.raises(InputError, match="must hold numbers"):
        evaluate(found, words, Config(forgive=True))


def test_slices_by_country_layer_and_column(truths, found):
    assert labels(truths, "country") == ["FR", "FR", "AU", "(none)"]
    assert labels(truths, "continent") == ["EU", "EU", "OC", "(none)"]
    assert labels(truths, "who") == ["a", "a", "b", "(none)"]
    slices = evaluate(found, truths, Config(by="country")).slices
    assert list(slices) == ["FR", "(none)", "AU"]
    assert [item.count for item in slices.values()] == [2, 1, 1]
    assert slices["FR"].metrics["within_25_km"].value == 0.5
    with pytest.raises(OptionError, match="continent"):
        labels(truths, "contnent")
    with pytest.raises(OptionError, match="elevation_m"):
        labels(truths, "elevation_m")


def test_groups_of_the_bootstrap(truths, found):
    assert evaluate(found, truths, Config(group="who")) == evaluate(found, truths, Config(group="who"))
    with pytest.raises(OptionError, match="column of the truths"):
        evaluate(found, truths, Config(group="whom"))
    with pytest.raises(InputError, match="level"):
        Config(level=1.0)


def test_against_another_system(truths, found):
    worse = answers(paris=(48.87, 2.36), lyon=(10, 10), sydney=(0, 0), atlantic=(-30.0, 41.0))
    result = evaluate(found, truths, against=worse)
    assert result.comparison.difference["geoscore"].value > 0
    assert result.comparison.difference["within_750_km"].value == 0.5
    both = evaluate(found, truths, Config(answered_only=True), against=worse)
    assert both.scores.count == both.comparison.other.count == 3
    assert figure_columns(both) == ("", "3 pictures", "the other", "difference", "p")


def test_the_tables(truths, found):
    result = evaluate(found, truths, Config(by="country"), against=found)
    rows = figure_rows(result)
    assert len(rows) == 8 + 3
    assert [row[4] for row in rows[:2]] == ["1.000", "1.000"]
    assert rows[2][0] == "within 200 km, %"
    assert rows[2][1].startswith("50.0 (")
    assert rows[6][1].startswith("∞")
    assert rows[6][3] == "not defined"
    assert all(len(row) == len(COLUMNS) for row in slice_rows(result))
    lines = markdown(result).splitlines()
    wide, more = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert len(wide) == 2 + 3 + 3
    assert len({line.count("|") for line in wide}) == 1
    assert len(more) == 2 + 3


def test_json_is_json(truths, found):
    told = to_json(evaluate(found, truths, Config(by="continent"), against=found))
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again["schema"] == "whence.evaluation/1"
    assert again["scores"]["mean_km"]["value"] is None
    assert again["scores"]["within_200_km"]["value"] == 0.5
    assert [item["name"] for item in again["slices"]] == ["EU", "(none)", "OC"]
    assert again["against"]["difference"]["geoscore"]["value"] == 0.0
    assert again["config"]["by"] == "continent"
    assert again["figures"]["named_country"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert again["against"]["p_values"]["geoscore"] == 1.0
    assert again["kept"]["pictures"] + again["set_aside"]["pictures"] == 4


def test_every_setting_has_its_help():
    assert all(item.help for item in settings(Config))


def test_every_setting_and_figure_is_documented():
    page = (Path(__file__).resolve().parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
    for item in settings(Config):
        assert f"| `{item.name}` |" in page
        assert item.help in page
    assert all(f"`{name}`" in page for name in METRICS)
