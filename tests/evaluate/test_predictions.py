"""Files of predictions and truths: both layouts, names that are longer paths, and every mistake named."""

import json

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.evaluate.predictions import matched, read_predictions, read_truths


def answer(name, lat, lon, abstained=False):
    point = {"lat_deg": lat, "lon_deg": lon}
    return json.dumps({"schema": "whence.estimate/1", "query": {"name": name}, "point": point, "abstained": abstained})


def failure(name):
    return json.dumps({"schema": "whence.failure/1", "query": {"name": name}, "error": {}})


def test_json_lines(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join([answer("a.jpg", 1, 2), "", failure("b.jpg"), answer("c.jpg", 3, 4, True)]) + "\n")
    found = read_predictions(file)
    assert found.names == ("a.jpg", "b.jpg", "c.jpg")
    assert found.lat_deg.tolist()[::2] == [1.0, 3.0]
    assert np.isnan(found.lon_deg[1])
    assert found.abstained.tolist() == [False, False, True]
    file.write_text(answer("a.jpg", 1, 2) + "\n" + answer("a.jpg", 5, 6))
    assert read_predictions(file).lat_deg.tolist() == [5.0]


@pytest.mark.parametrize("head", ["name,lat_deg,lon_deg", "IMG_ID,LAT,LON", "image,latitude,longitude", "file,lat,lng"])
def test_tables(tmp_path, head):
    file = tmp_path / "p.csv"
    file.write_text(f"{head}\na.jpg,1,2\nb.jpg,,\n", encoding="utf-8-sig")
    found = read_predictions(file)
    assert found.names == ("a.jpg", "b.jpg")
    assert found.lat_deg[0] == 1.0
    assert np.isnan(found.lat_deg[1])


def test_truths_beside_predictions_and_alone(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("name,lat_deg,lon_deg,truth_lat_deg,truth_lon_deg,who\na,1,2,3,4,x\n")
    assert read_truths(file).lat_deg.tolist() == [1.0]
    beside = read_truths(file, beside_predictions=True)
    assert (beside.lat_deg.tolist(), beside.lon_deg.tolist()) == ([3.0], [4.0])
    assert beside.columns["who"] == ("x",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no prediction"),
        ("name,lat_deg,lon_deg\n", "no prediction"),
        ("name,lat_deg\na,1\n", "no column lon_deg"),
        ("who,lat_deg,lon_deg\na,1,2\n", "no column name"),
        ("name,lat_deg,lon_deg\na,1,\n", "must both hold"),
        ("name,lat_deg,lon_deg\na,95,1\n", "line 2.*95"),
        ("name,lat_deg,lon_deg\n,5,1\n", "name of the picture is empty"),
        ("{oops", "line 1: this is no JSON"),
        ('{"schema": "whence.evaluation/1"}', r"received schema 'whence.evaluation/1'"),
    ],
)
def test_bad_predictions(tmp_path, content, said):
    (tmp_path / "p").write_text(content)
    with pytest.raises(InputError, match=said):
        read_predictions(tmp_path / "p")


def test_bad_truths(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(tmp_path / "none")
    with pytest.raises(InputError, match="There is no"):
        read_truths(tmp_path / "none")
    (tmp_path / "t").write_text("name,lat_deg,lon_deg\na,1,2\na,3,4\n")
    with pytest.raises(InputError, match="stands in the table twice"):
        read_truths(tmp_path / "t")
    (tmp_path / "t").write_text("name,lat_deg,lon_deg\n")
    with pytest.raises(InputError, match="no truth in it"):
        read_truths(tmp_path / "t")


def test_names_match_exactly_or_by_their_ends():
    assert matched(["a.jpg", "b.jpg"], ["b.jpg", "a.jpg"]) == [1, 0]
    assert matched(["train/a.jpg", "b.jpg", "c.jpg"], ["/data/train/a.jpg", "x/b.jpg"]) == [0, 1, None]
    assert matched(["/mnt/x/a.jpg"], ["x/a.jpg", "y/a.jpg"]) == [0]
    assert matched(["a.jpg"], ["x/a.jpg", "a.jpg"]) == [1]
    with pytest.raises(InputError, match="Several predictions fit"):
        matched(["a.jpg"], ["x/a.jpg", "y/a.jpg"])
    with pytest.raises(InputError, match="No prediction has the name"):
        matched(["a.jpg"], ["b.jpg"])
