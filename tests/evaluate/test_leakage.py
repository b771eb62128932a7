"""Leakage guards: each finds what it is for, and says when it cannot look."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whence.core.errors import InputError
from whence.evaluate.leakage import GUARDS, Config, check
from whence.evaluate.seen import Seen, read_seen, seen_gallery, seen_samples
from whence.gallery.gallery import Gallery
from whence.samples.datasets.mp16 import Mp16
from whence.samples.datasets.osv5m import Osv5m
from whence.samples.datasets.photos_csv import PhotosCsv
from whence.samples.datasets.types import Sample


class Places:
    """Embeds places as points on the sphere."""

    def embed_places(self, lat_deg, lon_deg):
        lat, lon = np.radians(lat_deg), np.radians(lon_deg)
        rows = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        return np.stack(rows, axis=1).astype(np.float32)


@pytest.fixture
def sets(tmp_path):
    """Test and training pictures that share nothing: other places, names and pixels."""
    test = list(PhotosCsv(PhotosCsv.make_miniature(tmp_path / "test", seed=1)))
    train = list(PhotosCsv(PhotosCsv.make_miniature(tmp_path / "train", seed=90)))
    train = [replace(s, lat_deg=-s.lat_deg, group=f"another {s.group}") for s in train]
    return test, train


def found_by(test, train, **given):
    return check(test, seen_samples(train, "training"), Config(**given))


def test_sets_that_share_nothing(sets):
    found = found_by(*sets)
    assert (found.tested, found.seen) == (12, 12)
    assert found.findings == ()
    assert dict(found.unchecked) == {}
    assert dict(found.counts) == dict.fromkeys(GUARDS, 0)
    assert found.leaking == frozenset()


def test_the_same_file_under_another_name(sets):
    test, train = sets
    for item in train[3:5]:
        shutil.copy(test[0].path, item.path)
    found = found_by(test, train)
    assert [(item.guard, item.test, item.others) for item in found.findings] == [
        ("file", test[0].path, 1),
        ("picture", test[0].path, 1),
    ]
    assert found.findings[0].seen == str(train[3].path)
    assert found.findings[1].detail == "0 + 0 bits differ"
    assert found.leaking == {test[0].path}


def test_the_same_picture_made_smaller(sets):
    test, train = sets
    with Image.open(test[5].path) as picture:
        picture.resize((48, 48)).save(train[7].path, "JPEG", quality=60)
    found = found_by(test, train)
    assert dict(found.counts) == {"file": 0, "picture": 1, "photographer": 0, "place": 0}
    assert found.findings[0].seen == str(train[7].path)
    assert found_by(test, train, difference_bits=0, frequency_bits=0).findings == ()


def test_the_same_photographer(sets):
    test, train = sets
    train[8:] = [replace(item, group=test[0].group) for item in train[8:]]
    found = found_by(test, train)
    assert dict(found.counts) == {"file": 0, "picture": 0, "photographer": 3, "place": 0}
    assert {item.detail for item in found.findings} == {"someone 0"}
    assert {item.others for item in found.findings} == {3}


def test_the_same_place_across_the_antimeridian(sets):
    test, train = sets
    test[0] = replace(test[0], lat_deg=-17.0, lon_deg=179.999)
    train[2] = replace(train[2], lat_deg=-17.0, lon_deg=-179.999)  # 213 m apart
    found = found_by(test, train)
    assert [(item.guard, item.seen, item.detail) for item in found.findings] == [
        ("place", str(train[2].path), "0.213 km")
    ]
    assert found_by(test, train, place_km=0.2).findings == ()
    assert found_by(test, train, place_km=0.0).unchecked == {"place": "not asked for"}


def test_what_cannot_be_looked_at_is_said(sets):
    test, train = sets
    nobody = [replace(item, group=None) for item in train]
    assert found_by(test, nobody).unchecked == {"photographer": "training names no photographers"}
    assert "the test set names" in found_by([replace(s, group=None) for s in test], train).unchecked["photographer"]
    some = [replace(test[0], group=None), *test[1:]]
    assert found_by(some, train).unchecked == {"photographer": "1 test pictures name no photographer"}
    assert found_by(test, train, pictures=False).unchecked == dict.fromkeys(("file", "picture"), "not asked for")
    test[0].path.write_bytes(b"no picture")
    train[0].path.unlink()
    found = found_by(test, train)
    assert found.unchecked["file"] == "0 test and 1 seen pictures are not there"
    assert found.unchecked["picture"].endswith("are not there; 1 pictures cannot be read")
    for item in train[1:]:
        item.path.unlink()
    assert found_by(test, train).unchecked["file"] == "the pictures of training are not there"
    with pytest.raises(InputError, match="received 0 and 12"):
        found_by([], train)
    for wrong in ({"place_km": -1.0}, {"place_km": float("nan")}, {"difference_bits": 12}):
        with pytest.raises(InputError):
            Config(**wrong)


def test_a_gallery_shares_places_only(sets, tmp_path):
    test, _ = sets
    lat, lon = np.array([test[4].lat_deg, 5.0]), np.array([test[4].lon_deg + 0.001, 5.0])
    Gallery.build(Places(), lat, lon, tmp_path / "gallery")
    seen = read_seen(tmp_path / "gallery")
    assert seen.lat_deg.tolist() == seen_gallery(Gallery.open(tmp_path / "gallery")).lat_deg.tolist()
    found = check(test, seen)
    assert [(item.guard, item.test) for item in found.findings] == [("place", test[4].path)]
    assert found.findings[0].seen.startswith(f"{test[4].lat_deg:.5f}, ")
    assert set(found.unchecked) == {"file", "picture", "photographer"}
    assert "places, not pictures" in found.unchecked["file"]


def test_reading_what_was_seen(tmp_path):
    root = PhotosCsv.make_miniature(tmp_path / "own", seed=2)
    by_folder, by_table = read_seen(root), read_seen(root / "photos.csv")
    assert by_folder.paths == by_table.paths
    assert by_folder.groups == by_table.groups
    assert read_seen(Osv5m.make_miniature(tmp_path / "osv"), "osv5m").lat_deg.size == 8  # the training part
    mp16 = Mp16.make_miniature(tmp_path / "mp16")
    table = read_seen(mp16 / "metadata" / "MP16_Pro_filtered.csv")
    assert table.groups == read_seen(mp16, "mp16").groups
    with pytest.raises(InputError, match="Did you mean"):
        read_seen(root / "photo.csv")
    with pytest.raises(InputError, match="read from a folder"):
        read_seen(root / "photos.csv", "mp16")
    (tmp_path / "odd.csv").write_text("file,x\na,1\n")
    with pytest.raises(InputError, match="no column lat_deg"):
        read_seen(tmp_path / "odd.csv")


def test_photographs_that_are_free_of_leaks_between_photographers(shared):
    samples = list(PhotosCsv(shared / "data" / "photos"))
    test, train = ([s for s in samples if (s.group == "smkun/scottkunian.com-v3") == held] for held in (True, False))
    found = check(test, seen_samples(train, "the others"), Config(pictures=False, place_km=5.0))
    assert found.tested == 110
    assert found.counts["photographer"] == 0
    assert 0 < found.counts["place"] < 110  # landmarks in the towns of that journey


def test_many_places_are_compared_quickly():
    draw = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(draw.uniform(-1, 1, 200_000))), draw.uniform(-180, 180, 200_000)
    test = [Sample(Path(f"{i}.jpg"), float(lat[i]), float(lon[i])) for i in range(0, 2000, 2)]
    found = check(test, Seen("many", lat, lon), Config(place_km=0.001))
    assert found.counts["place"] == 1000
