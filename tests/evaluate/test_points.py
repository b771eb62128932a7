"""Points as records: matched, grouped, and without what points do not have."""

import math
from pathlib import Path

import numpy as np

from whence.evaluate.points import point_records, point_run
from whence.evaluate.predictions import Predictions, Truths


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
