"""Files of predictions scored: beliefs and truths brought together, with other truths and another system."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow", reason="the extra 'scale' is not installed")

from whence.cli.main import program
from whence.earth.field import Field
from whence.evaluate.evaluation import Config
from whence.evaluate.prediction_file import write_run
from whence.evaluate.records import Record, Run, Truth
from whence.evaluate.run_scores import Answers, score_files

PRIOR = Field.from_points([48.0, -30.0], [5.0, 140.0], sigma_km=1500.0, floor=0.3, base_order=5).normalise()
RUN = Run("made up", PRIOR, {}, {}, "a machine", "2026-01-01T00:00:00Z")
PLACES = {"paris": (48.86, 2.35), "lyon": (45.76, 4.84), "sydney": (-33.87, 151.21), "rome": (41.9, 12.5)}


def records(sigma_km, off_deg=0.0):
    """Four pictures of two photographers; the last failed, the one before abstained."""
    out = []
    for i, (name, (lat, lon)) in enumerate(PLACES.items()):
        said = Field.from_points([lat + off_deg], [lon], sigma_km=sigma_km, floor=0.02)
        truth = Truth(lat, lon, 2.0 if i else None, f"who{i % 2}", {"kind": "city"})
        belief = PRIOR.add(said).normalise()
        out.append(Record(f"{name}.jpg", "", truth, lat + off_deg, lon, sigma_km, 3 * sigma_km, i == 2, belief))
    nan = math.nan
    out[3] = replace(out[3], lat_deg=nan, lon_deg=nan, p50_km=nan, p90_km=nan, belief=None, failure="ImageError: torn")
    return out


@pytest.fixture
def ours(tmp_path):
    write_run(tmp_path / "ours.parquet", RUN, records(100.0))
    return tmp_path / "ours.parquet"


@pytest.fixture
def theirs(tmp_path):
    write_run(tmp_path / "theirs.parquet", RUN, reversed(records(300.0, off_deg=2.0)))
    return tmp_path / "theirs.parquet"


def test_truths_and_beliefs_are_in_the_file(ours):
    found = score_files(Answers(ours))
    assert (found.scores.count, found.missing, found.abstained) == (4, 1, 1)
    assert found.config.group == "group"
    assert found.scores.metrics["within_1_km"].value == 0.75
    bits = found.pictures.beliefs.bits
    expected = [
        r.belief.at(*PLACES[n]) - PRIOR.at(*PLACES[n]) for n, r in zip(PLACES, records(100.0)[:3], strict=False)
    ]
    assert bits[0] * math.log(2) == pytest.approx(expected[0], abs=0.007)
    assert bits[1:3] * math.log(2) == pytest.approx(np.array(expected[1:]), abs=0.05)
    assert bits[3] == 0.0
    assert found.figures["bits"].value == pytest.approx(bits.mean())
    assert found.figures["coverage_90"].value >= 0.75
    assert found.figures["answered"].value == 0.5
    assert found.figures["area_score"].value > found.figures["prior_area_score"].value
    assert (found.kept.count, found.set_aside.count) == (2, 2)


def test_slices_forgiveness_and_places(ours):
    found = score_files(Answers(ours), Config(by="continent", forgive=True, place="50", draws=50))
    assert [(name, scores.count) for name, scores in found.slices.items()] == [("EU", 3), ("OC", 1)]
    assert found.slice_figures["OC"]["bits"].value > 3.0
    assert "aurc_200_km" not in found.slice_figures["OC"]
    kinds = score_files(Answers(ours), Config(by="kind", place="kind"))
    assert list(kinds.slices) == ["city"]
    assert set(score_files(Answers(ours), Config(by="settlement")).slices) <= {"rural", "town", "city"}


def test_a_worse_system_is_worse(ours, theirs):
    found = score_files(Answers(ours, against=theirs))
    assert found.comparison.figures_apart["bits"].value > 0.5
    assert found.comparison.difference["geoscore"].value > 100.0
    assert found.comparison.p_values["bits"] == pytest.approx(0.5)  # two photographers, both better
    again = score_files(Answers(ours, against=ours))
    assert again.comparison.figures_apart["bits"].value == 0.0
    assert again.comparison.p_values["bits"] == 1.0


def test_other_truths_may_be_given(ours, tmp_path):
    table = tmp_path / "truth.csv"
    table.write_text("file,lat_deg,lon_deg,accuracy_km\nparis.jpg,-33.87,151.21,\nnew.jpg,0,0,5\n")
    found = score_files(Answers(ours, truth=table))
    assert (found.scores.count, found.missing, found.unknown) == (2, 1, 3)
    assert found.pictures.beliefs.bits[0] < -3.0
    assert found.pictures.beliefs.bits[1] == 0.0
    assert found.config.group == ""


def test_points_alone_have_no_figures_of_beliefs(tmp_path):
    alone = [replace(item, belief=None) for item in records(100.0)]
    write_run(tmp_path / "p.parquet", RUN, alone)
    found = score_files(Answers(tmp_path / "p.parquet"))
    assert found.pictures.beliefs is None
    assert set(found.figures) == {"named_country", "named_region", "named_city"}


def test_the_command(ours, theirs):
    def call(*args):
        return CliRunner().invoke(program, ["evaluate", *map(str, args)], prog_name="whence")

    text = call(ours, "--against", theirs, "--by", "country", "--place", "100")
    assert text.exit_code == 0, text.output
    for said in (
        "bits over the prior",
        "By country",
        "groups of the column group",
        "count as if the prior",
        "sign test",
    ):
        assert said in text.output, said
    told = json.loads(call(ours, "--against", theirs, "--json").stdout)
    assert told["figures"]["bits"]["value"] > 1.0
    assert told["against"]["figures_difference"]["bits"]["value"] > 0.0
    assert told["kept"]["pictures"] == 2
    table = call(ours, "--markdown")
    assert "| area under Recall vs Area, % |" in table.stdout
