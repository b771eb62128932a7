"""The command `calibrate`: from predictions to a file that `locate` takes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from made_records import made_prior, made_records, made_run
from whence.cli.main import program
from whence.estimate.calibration import FITTED, Calibration, SourceCalibration
from whence.pipeline import Locator, Options

pytest.importorskip("pyarrow", reason="the extra scale is not installed")


def call(*args):
    return CliRunner().invoke(program, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    from whence.evaluate.prediction_file import write_run

    path = tmp_path_factory.mktemp("calibrate") / "p.parquet"
    prior = made_prior(3)
    records = made_records(prior, 60, np.random.default_rng(0), sharpened=3.0, groups=4)
    write_run(path, made_run(prior, {"whence": "0.1.0", "evidence": "e1"}), records)
    return path


def test_predictions_become_a_calibration_that_locate_takes(predictions, tmp_path):
    made = tmp_path / "c.json"
    done = call("calibrate", predictions, "-o", made)
    assert done.exit_code == 0, done.output
    for said in (
        "Calibrated on 60 pictures of 4 photographers",
        "On photographers left out",
        "eye",
        "g3",
        "Written to",
    ):
        assert said in done.output
    found = Calibration.load(made)
    assert found.sources["eye"].temperature > 1.8
    assert found.configuration == "e1"
    located = call("locate", "--text", "Rue de la Paix, Paris", "--calibration", made, "--json", "-")
    assert located.exit_code == 0, located.output
    line = json.loads(located.stdout)
    (told,) = line["calibration"]
    assert (told["pictures"], told["groups"], told["fits"], told["unit"]) == (60, 4, False, "picture")
    assert line["versions"]["calibration"]
    assert all(item["calibrated"] for item in line["credible"])


def test_json_is_the_file(predictions, tmp_path):
    made = tmp_path / "c.json"
    done = call("calibrate", predictions, "-o", made, "--abstain-by", "none", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads(made.read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["abstention"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--unit", "album"], "unit is one of"),
        (["--abstain-by", "p50"], "Did you mean 'p50_km'"),
        (["--source-pictures", "100"], "No source said something of 100"),
    ],
)
def test_bad_usage_writes_nothing(predictions, tmp_path, args, said):
    done = call("calibrate", predictions, "-o", tmp_path / "c.json", *args)
    assert done.exit_code == 2
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_a_calibration_that_is_none_is_said_at_once(tmp_path):
    done = call("locate", "--text", "Paris", "--calibration", tmp_path / "none.json")
    assert done.exit_code == 4
    assert "cannot be read" in done.output


def test_what_a_bundle_brings_is_used_unless_something_else_is_given(tmp_path, monkeypatch):
    from whence.evidence.text.source import Text

    carried = Calibration(sources={"text": SourceCalibration(2.0, 0.1, 50, 3)}, pictures=50)
    monkeypatch.setattr(Text, "calibration", property(lambda self: {FITTED: carried.to_dict()}))
    assert dict(Locator().calibrations[0].sources) == dict(carried.sources)
    assert Locator(Options(calibration="none")).calibrations == ()
    assert Locator(Options(sources=("-text",))).calibrations == ()
    other = replace(carried, pictures=7)
    other.save(tmp_path / "c.json")
    locator = Locator(Options(calibration=str(tmp_path / "c.json")))
    assert [item.pictures for item in locator.calibrations] == [7]
    plain, bound = Locator(Options(calibration="none")).versions, locator.versions
    assert plain["evidence"] == bound["evidence"]
    assert plain["configuration"] == bound["configuration"]
    assert "calibration" not in plain
    assert locator.fingerprint != Locator().fingerprint
