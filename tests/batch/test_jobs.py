import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from small_pictures import CITIES, write_broken, write_photo, write_photos
from whence.batch.jobs import Job, Task, list_jobs, process, run_fingerprint
from whence.batch.products import Products
from whence.core.errors import OptionError
from whence.pipeline import Locator, Options

OPTIONS = Options(sources=("exif", "clock"))


@pytest.fixture(scope="module")
def locator():
    return Locator(OPTIONS)


def test_folders_patterns_and_files_are_listed_once_each_in_order(tmp_path, monkeypatch):
    write_photos(tmp_path / "a", 2)
    write_photos(tmp_path / "a" / "deep", 1)
    write_photos(tmp_path / "b", 1)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    names = [job.name for job in list_jobs(["b/*.jpg", "a", "a/001_sydney.jpg"])]
    assert names == ["b/000_florence.jpg", "a/000_florence.jpg", "a/001_sydney.jpg", "a/deep/000_florence.jpg"]
    assert [job.index for job in list_jobs(["a"], recursive=False)] == [0, 1]


def test_paths_that_lead_nowhere_become_problems_and_the_rest_goes_on(tmp_path):
    (tmp_path / "empty").mkdir()
    photo = write_photos(tmp_path / "a", 1)[0]
    paths = [str(tmp_path / "gone.jpg"), str(tmp_path / "empty"), str(tmp_path / "*.png"), str(photo)]
    jobs = list_jobs(paths)
    assert [job.problem is None for job in jobs] == [False, False, False, True]
    assert "There is no file" in jobs[0].problem.message
    assert "no picture in" in jobs[1].problem.message


def test_slugs_are_readable_stay_and_differ_for_equal_file_names():
    one, other = Job(0, "a/photo 1.jpg", "x"), Job(1, "b/photo 1.jpg", "y")
    assert one.slug.startswith("photo_1-")
    assert one.slug != other.slug
    assert one.slug == Job(7, "a/photo 1.jpg", "z").slug
    assert "/" not in Job(0, "../../etc/…/<script>.jpg", "x").slug
    assert Job(0, "...", None).slug.startswith("picture-")


def test_a_picture_is_answered_and_its_line_says_what_shaped_it(tmp_path, locator):
    photo = write_photo(tmp_path / "p.jpg", *CITIES["osaka"])
    outcome = process(locator, Task(OPTIONS, Products(), wants_text=True), Job(0, "my name", str(photo)))
    record = outcome.record()
    assert outcome.failure is None
    assert record["query"]["name"] == "my name"
    assert record["point"]["lat_deg"] == pytest.approx(34.69, abs=0.001)
    assert record["versions"]["run"] == run_fingerprint(locator, None)
    schema = json.loads((files("whence.estimate") / "estimate.schema.json").read_text())
    jsonschema.validate(record, schema)
    assert "Japan" in outcome.text


def test_the_fingerprint_changes_with_the_text_and_the_options(locator):
    runs = {
        run_fingerprint(locator, None),
        run_fingerprint(locator, "Rome"),
        run_fingerprint(Locator(Options(sources=("exif",))), None),
        run_fingerprint(Locator(Options(sources=("exif", "clock"), ignore_gps=True)), None),
        run_fingerprint(Locator(Options(sources=("exif", "clock"), settings={"exif.wrong_share": "0.2"})), None),
    }
    assert len(runs) == 5
    assert run_fingerprint(Locator(OPTIONS), None) in runs


@pytest.mark.parametrize("make", [write_broken, Path.touch, Path.mkdir, lambda path: None])
def test_whatever_is_wrong_with_a_picture_is_its_named_failure(tmp_path, locator, make):
    path = tmp_path / "bad.jpg"
    make(path)
    outcome = process(locator, Task(OPTIONS, Products()), Job(0, str(path), str(path)))
    record = json.loads(outcome.line)
    assert outcome.failure.type == record["error"]["type"] == "ImageError"
    assert str(path) in record["error"]["message"]
    schema = json.loads((files("whence.batch") / "failure.schema.json").read_text())
    jsonschema.validate(record, schema)
    assert len(record["query"]["sha256"]) == path.is_file()


def test_products_are_written_whole_under_names_of_their_own(tmp_path, locator):
    photo = write_photo(tmp_path / "p.jpg", *CITIES["lima"])
    products = Products(geojson=tmp_path / "shapes", kml=tmp_path / "one.kml")
    products.check(1)
    job = Job(0, str(photo), str(photo))
    assert not products.complete(job)
    assert process(locator, Task(OPTIONS, products), job).failure is None
    assert products.complete(job)
    shapes = json.loads((tmp_path / "shapes" / f"{job.slug}.geojson").read_text())
    assert shapes["type"] == "FeatureCollection"
    assert "<kml" in (tmp_path / "one.kml").read_text()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["one.kml", "p.jpg", "shapes"]


def test_one_file_for_several_pictures_and_files_in_the_way_are_refused(tmp_path):
    with pytest.raises(OptionError, match="2 pictures"):
        Products(report=tmp_path / "r.html").check(2)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="is a file already"):
        Products(report=tmp_path / "notes.txt").check(1)
    with pytest.raises(OptionError, match="cannot be made"):
        Products(kml=tmp_path / "notes.txt" / "deep").check(3)
    assert (tmp_path / "notes.txt").read_text() == "mine"
