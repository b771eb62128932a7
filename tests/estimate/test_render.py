import copy
import json
import math
import re
from dataclasses import replace
from importlib.resources import files

import pytest

from whence.estimate import wording
from whence.estimate.render import SCHEMA, map_markers, to_dict, to_notebook_html, to_text

KINDS = ("sharp", "wide", "nothing", "fiji", "pole")
SCHEMA_TEXT = (files("whence.estimate") / "estimate.schema.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_keeps_to_the_schema(made_estimates, kind):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_TEXT))
    validator.check_schema(validator.schema)
    found = json.loads(json.dumps(to_dict(made_estimates[kind]), allow_nan=False))
    validator.validate(found)
    broken = copy.deepcopy(found)
    broken["point"]["lat_deg"] = 91.0
    assert not validator.is_valid(broken)
    broken = {**found, "surprise": 1}
    assert not validator.is_valid(broken)


def test_the_schema_names_the_layout():
    schema = json.loads(SCHEMA_TEXT)
    assert schema["$id"] == schema["properties"]["schema"]["const"] == SCHEMA
    assert set(schema["required"]) == set(schema["properties"])


def test_the_numbers_of_a_sharp_answer(made_estimates):
    found = to_dict(made_estimates["sharp"])
    assert found["point"]["lat_deg"] == pytest.approx(43.46861, abs=1e-4)
    assert found["point"]["lon_deg"] == pytest.approx(11.87694, abs=1e-4)
    assert found["abstained"] is False
    assert [entry["source"] for entry in found["ledger"]][:2] == ["exif", "clock"]
    assert found["ledger"][0]["without"]["shift_km"] > 10_000
    total = found["bits"]["prior"] + found["bits"]["agreement"] + sum(e["bits"] for e in found["ledger"])
    assert total == pytest.approx(found["bits"]["total"], abs=0.01)
    assert [e["failure"] for e in found["ledger"] if e["source"] == "text"] == [
        "the reader of text ran out of its 30 s"
    ]
    assert found["regions"][0]["code"] == "IT"


def test_numbers_are_rounded_and_repeat(made_estimates):
    text = json.dumps(to_dict(made_estimates["wide"]))
    assert text == json.dumps(to_dict(made_estimates["wide"]))
    assert not re.search(r"\d\.\d{7,}(?!\d*e)", text)
    assert "-0.0," not in text


def test_what_is_ruled_out_becomes_null(made_estimates):
    estimate = made_estimates["sharp"]
    first = replace(estimate.ledger.entries[0], bits_runner_up=-math.inf)
    ledger = replace(estimate.ledger, entries=(first, *estimate.ledger.entries[1:]))
    found = to_dict(replace(estimate, ledger=ledger))
    assert found["ledger"][0]["bits_runner_up"] is None
    json.dumps(found, allow_nan=False)


def test_a_longitude_never_rounds_to_180(made_estimates):
    point = replace(made_estimates["fiji"].point, lon_deg=179.99999999)
    assert to_dict(replace(made_estimates["fiji"], point=point))["point"]["lon_deg"] == -180.0


@pytest.mark.parametrize("kind", KINDS)
def test_text_fits_a_terminal_and_holds_no_control_characters(made_estimates, kind):
    lines = to_text(made_estimates[kind]).split("\n")
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


def test_text_says_where_how_sure_and_why(made_estimates):
    text = to_text(made_estimates["sharp"])
    assert "Where      Arezzo, Tuscany, Italy" in text
    assert re.search(r"How sure   Half of the belief lies within \d+ m of the answer, 90 % within \d+ m\.", text)
    assert re.search(r"exif +\+39\.\d █+", text)
    assert "Without it the answer moves 16," in text
    assert "Text: the reader of text ran out of its 30 s." in text
    assert "names had nothing to go by" in text


def test_text_of_an_abstention_begins_with_it(made_estimates):
    text = to_text(made_estimates["nothing"])
    assert text.index("No answer") < text.index("Best guess")
    assert "Where  " not in text


def test_notebook_shows_a_map_and_escapes_what_was_read(made_estimates):
    html = to_notebook_html(made_estimates["wide"])
    assert html.count("<svg") == 1
    assert "<script" not in html
    assert "No answer" in html
    other = to_notebook_html(made_estimates["fiji"])
    ids = [set(re.findall(r' id="([^"]+)"', page)) for page in (html, other)]
    assert not ids[0] & ids[1]


def test_markers_are_numbered_from_the_answer(made_estimates):
    markers = map_markers(made_estimates["fiji"])
    assert [marker.label for marker in markers] == [str(i + 1) for i in range(len(markers))]
    assert markers[0].title.startswith("1. ")


@pytest.mark.parametrize(
    ("km", "said"),
    [
        (0.0, "0 m"),
        (0.0004, "under 1 m"),
        (0.012, "12 m"),
        (0.0034, "3.4 m"),
        (0.9999, "1 km"),
        (3.44, "3.4 km"),
        (9.96, "10 km"),
        (12.4, "12 km"),
        (1236.0, "1,240 km"),
        (19_987.0, "20,000 km"),
    ],
)
def test_distances_are_said_with_a_sensible_unit(km, said):
    assert wording.distance(km) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (1e-5, "< 1 %"), (0.007, "1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.9999, "> 99 %"), (1.0, "100 %")],
)
def test_shares_never_round_to_certainty(share, said):
    assert wording.percent(share) == said


@pytest.mark.parametrize(
    ("bits", "said", "factor"),
    [(0.0, "0.0", "1 times"), (-0.04, "0.0", "1 times"), (3.0, "+3.0", "8 times"), (-20.0, "−20.0", "1 million times")],
)
def test_bits_and_the_factors_they_stand_for(bits, said, factor):
    assert wording.bits(bits) == said
    assert wording.times(bits) == factor


def test_bits_that_are_infinite_are_ruled_out():
    assert wording.bits(-math.inf) == "ruled out"


@pytest.mark.parametrize(
    ("error_km", "said"),
    [(0.01, "43.46861° N, 11.87694° W"), (5.0, "43.47° N, 11.88° W"), (3000.0, "43.5° N, 11.9° W")],
)
def test_coordinates_are_as_precise_as_they_are_known(error_km, said):
    assert wording.coordinates(43.46861, -11.87694, error_km) == said


@pytest.mark.parametrize(
    ("km2", "said"), [(4.2e-4, "420 m²"), (0.354, "0.35 km²"), (12.0, "12 km²"), (2.1e6, "2.1 million km²")]
)
def test_areas_are_said_with_a_sensible_unit(km2, said):
    assert wording.area(km2) == said


def test_distances_in_json_are_metres_and_areas_never_vanish(made_estimates):
    estimate = made_estimates["sharp"]
    entry = estimate.ledger.entries[0]
    entry = replace(entry, without=replace(entry.without, shift_km=7.2e-07), bits=-0.0)
    tiny = replace(estimate.credible[0], area_km2=2.0e-9)
    found = to_dict(
        replace(
            estimate,
            error_km={"p50": 0.0044231, "p90": 12.34567},
            credible=(tiny, replace(tiny, area_km2=7.490083e-05), replace(tiny, area_km2=105453000.4)),
            ledger=replace(estimate.ledger, entries=(entry,)),
        )
    )
    assert found["error_km"] == {"p50": 0.004, "p90": 12.346}
    assert [c["area_km2"] for c in found["credible"]] == [1e-06, 7.5e-05, 105453000.0]
    assert str(found["ledger"][0]["without"]["shift_km"]) == "0.0"
    assert str(found["ledger"][0]["bits"]) == "0.0"


def test_evidence_that_says_nothing_is_said_without_a_negative_zero(made_estimates):
    assert made_estimates["nothing"].abstention_reason == (
        "nothing was found that says where this is: the evidence leaves the prior as it was"
    )
    assert "-0.0" not in to_text(made_estimates["nothing"])
