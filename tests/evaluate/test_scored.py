"""Points as records: matched, grouped, and without what points do not have."""

import math
from pathlib import Path

import numpy as np
import pytest

from made_runs import made_run
from whence.evaluate.predictions import Predictions, Truths
from whence.evaluate.run_scores import Answers, score_files
from whence.evaluate.scored import point_records, point_run, scored_run


def test_each_truth_has_a_record():
    answers = Predictions(
        ("root/a.jpg", "x.jpg", "c.jpg"),
        np.array([1.0, 5.0, np.nan]),
        np.array([2.0, 5.0, np.nan]),
        np.array([True, False, False]),
    )
    truths = Truths(
        ("a.jpg", "b.jpg", "c.jpg"),
        np.array([1.5, 2.5, 3.5]),
        np.array([10.0, 20.0, 30.0]),
        {"who": ("ann", "bob", ""), "accuracy_km": ("2.5", "", "near")},
    )
    first, second, third = point_records(answers, truths, "who")
    assert (first.name, first.lat_deg, first.lon_deg, first.abstained) == ("a.jpg", 1.0, 2.0, True)
    assert (first.truth.lat_deg, first.truth.accuracy_km, first.truth.group) == (1.5, 2.5, "ann")
    assert math.isnan(second.lat_deg)
    assert second.truth.accuracy_km is None
    assert math.isnan(third.lat_deg)
    assert third.truth.attributes["accuracy_km"] == "near"
    assert all(item.belief is None and math.isnan(item.p90_km) for item in (first, second, third))


def test_a_run_is_named_after_its_files():
    run = point_run(Path("out/geoclip.csv"), Path("data/im2gps3k.csv"))
    assert (run.system, run.dataset) == ("geoclip", "im2gps3k.csv")


def test_files_of_any_kind_are_opened(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    from whence.evaluate.prediction_file import write_run

    run, records = made_run(4)
    write_run(tmp_path / "run.parquet", run, records)
    own, rows = scored_run(Answers(tmp_path / "run.parquet"))
    assert own.system == "made"
    assert [item.name for item in rows] == [item.name for item in records]

    truth = tmp_path / "truth.csv"
    truth.write_text("file,lat_deg,lon_deg,who,accuracy_km\nx/001.jpg,10,20,ann,3\nnew.jpg,5,6,bob,\n")
    files = Answers(tmp_path / "run.parquet", truth)
    found = {item.name: item for item in scored_run(files, "who")[1]}
    assert set(found) == set(score_files(files).pictures.names) == {"x/001.jpg", "new.jpg"}
    first = found["x/001.jpg"]
    assert (first.truth.lat_deg, first.truth.group, first.truth.accuracy_km) == (10.0, "ann", 3.0)
    assert first.lat_deg == pytest.approx(records[1].lat_deg)
    assert first.estimate is not None
    assert math.isnan(found["new.jpg"].lat_deg)

    points = tmp_path / "points.csv"
    points.write_text("name,lat_deg,lon_deg\n001.jpg,1,2\n")
    run, rows = scored_run(Answers(points, truth))
    assert (run.system, run.dataset) == ("points", "truth.csv")
    assert next(rows).lat_deg == 1.0
