"""``whence benchmarks``: the list, one card, a folder, leaks."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from whence.cli.main import program
from whence.evaluate.benchmarks import benchmarks
from whence.samples.datasets.photos_csv import PhotosCsv


def call(*args):
    return CliRunner().invoke(program, ["benchmarks", *map(str, args)], prog_name="whence")


@pytest.fixture
def sets(tmp_path):
    return tuple(PhotosCsv.make_miniature(tmp_path / name, seed) for name, seed in (("test", 1), ("train", 90)))


def test_the_list():
    found = call()
    assert found.exit_code == 0
    assert all(name in found.output for name in benchmarks())
    listed = json.loads(call("--json").output)["benchmarks"]
    assert [item["name"] for item in listed] == [*benchmarks()]
    assert listed[0]["protocol"]["thresholds_km"] == [1, 25, 200, 750, 2500]
    assert listed[0]["card"]["licence"]


@pytest.mark.parametrize("name", [*benchmarks()])
def test_the_card_of_one(name):
    found = call(name)
    assert found.exit_code == 0
    known = benchmarks()[name]
    for text in (known.card.paper, known.protocol.split, *known.leaks, *known.card.flaws, *known.not_verified):
        assert text in found.output
    assert json.loads(call(name, "--json").output)["part"] == known.part


def test_a_folder_as_published(tmp_path):
    root = benchmarks()["geochain"].reader.make_miniature(tmp_path)
    found = call("geochain", "--root", root)
    assert found.exit_code == 0
    assert "6 pictures of 2,088 published" in found.output
    shutil.rmtree(root / "paris")
    found = call("geochain", "--root", root)
    assert found.exit_code == 1
    assert "missing: " in found.output
    told = json.loads(call("geochain", "--root", root, "--json").output)
    assert (told["folder"]["missing"], told["folder"]["whole"], told["leakage"]) == (1, False, None)


def test_a_folder_of_another_layout_is_refused(tmp_path):
    found = call("im2gps3k", "--root", tmp_path)
    assert found.exit_code == 2
    assert "im2gps3k_places365.csv" in found.output
    assert "Did you mean 'im2gps3k'" in call("im2gps3").output


def test_leaks_end_with_one(sets):
    test, train = sets
    shutil.copy(test / "train" / "photo_00.jpg", train / "train" / "photo_05.jpg")
    found = call("photos_csv", "--root", test, "--against", train / "photos.csv", "--place-km", 0)
    assert found.exit_code == 1
    assert "same photographer" in found.output
    assert "12 of 12 test pictures" in found.output  # miniatures name the same photographers
    told = json.loads(call("photos_csv", "--root", test, "--against", train, "--json").output)["leakage"]
    assert told["counts"]["file"] == told["counts"]["picture"] == 1
    assert told["findings"][0]["seen"].endswith("photo_05.jpg")
    assert {item["guard"] for item in told["findings"]} >= {"file", "picture", "photographer"}


def test_without_leaks_it_ends_with_nought_and_says_what_was_not_looked_at(sets, tmp_path):
    test, _ = sets
    (tmp_path / "far.csv").write_text("file,lat_deg,lon_deg\nfar.jpg,0,-150\n")
    found = call("photos_csv", "--root", test, "--against", tmp_path / "far.csv", "--no-pictures")
    assert found.exit_code == 0
    assert "not asked for" in found.output
    assert "names no photographers" in " ".join(found.output.split())
    assert "0 of 12 test pictures" in found.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--root", "."], "needs the NAME"),
        (["im2gps", "--against", "x.csv"], "need --root"),
        (["im2gps", "--root", ".", "--against-dataset", "mp16"], "needs --against"),
    ],
)
def test_options_that_do_not_go_together(args, said):
    found = call(*args)
    assert found.exit_code == 2
    assert said in found.output
