"""What is particular to one data set: other published layouts, exchanged headers, empty patches."""

import csv
import json
import shutil
from io import BytesIO

import pytest
from PIL import TiffImagePlugin

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.earthwhere import EarthWhere
from whence.samples.datasets.geochain import GeoChain
from whence.samples.datasets.geocomp import GeoComp
from whence.samples.datasets.im2gps import Im2Gps
from whence.samples.datasets.im2gps3k import Im2Gps3k
from whence.samples.datasets.mp16 import Mp16
from whence.samples.datasets.osv5m import Osv5m
from whence.samples.datasets.photos_csv import PhotosCsv
from whence.samples.datasets.s2_100k import S2100k
from whence.samples.datasets.types import positions
from whence.samples.datasets.yfcc4k import Yfcc4k
from whence.samples.datasets.yfcc26k import Yfcc26k


def rewrite(path, change):
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(change(rows))


def test_im2gps3k_with_the_headers_put_right_reads_the_same(tmp_path):
    root = Im2Gps3k.make_miniature(tmp_path)
    exchanged = positions(Im2Gps3k(root))
    index = root / "im2gps3k_places365.csv"
    assert index.read_text().startswith("IMG_ID,AUTHOR,LON,LAT")
    index.write_text(index.read_text().replace("LON,LAT", "LAT,LON", 1))
    right = positions(Im2Gps3k(root))
    assert [axis.tolist() for axis in right] == [axis.tolist() for axis in exchanged]
    assert right[1].max() > 150  # Sydney
    assert {sample.group for sample in Im2Gps3k(root)} == {f"{i:08d}@N00" for i in range(4)}


def test_mp16_as_first_published_with_pictures_beside_each_other(tmp_path):
    root = Mp16.make_miniature(tmp_path)
    pro = list(Mp16(root))
    assert pro[0].attributes["city"] == "city 0"
    (root / "metadata" / "MP16_Pro_filtered.csv").rename(root / "mp16_places365.csv")
    rewrite(root / "mp16_places365.csv", lambda rows: [row[:10] for row in rows])
    flat = root / "mp16"
    flat.mkdir()
    for sample in pro:
        shutil.move(sample.path, flat / str(sample.path.relative_to(root / "images")).replace("/", "_"))
    shutil.rmtree(root / "images")
    first = list(Mp16(root))
    assert [item.path.parent for item in first] == [flat] * len(pro)
    assert positions(first)[0].tolist() == positions(pro)[0].tolist()
    assert "city" not in first[0].attributes


def test_yfcc4k_by_rows_of_yfcc100m(tmp_path):
    cells = ["1", "42", "h", "7@N00", "A+B", "2010-01-01", "1", "Canon", "A%20title", "", "sea%2Csun", "",
             "151.2", "-33.9", "16", "page", "url", "CC", "l", "s", "f", "x", "y", "jpg", "0"]  # fmt: skip
    (tmp_path / "yfcc4k.txt").write_text("\t".join(cells) + "\n")
    miniature.write_jpeg(tmp_path / "yfcc4k" / "42.jpg", 0)
    (sample,) = Yfcc4k(tmp_path)
    assert (sample.lat_deg, sample.lon_deg, sample.group) == (-33.9, 151.2, "7@N00")
    assert sample.attributes["title"] == "A title"
    assert sample.attributes["accuracy_level"] == "16"
    (tmp_path / "yfcc4k.txt").write_text("\t".join(cells[:-1]) + "\n")
    with pytest.raises(InputError, match=r"line 1: 24 cells, a row of YFCC100M has 25"):
        list(Yfcc4k(tmp_path))


def test_yfcc26k_names_with_folders(tmp_path):
    root = Yfcc26k.make_miniature(tmp_path)
    rewrite(root / "yfcc25600_places365.csv", lambda rows: [[row[0].replace("_", "/"), *row[1:]] for row in rows[:]])
    index = root / "yfcc25600_places365.csv"
    index.write_text(index.read_text().replace("IMG/ID", "IMG_ID", 1))
    assert len(list(Yfcc26k(root))) == 6


def test_osv5m_finds_each_picture_in_its_folder(tmp_path):
    root = Osv5m.make_miniature(tmp_path)
    train, test = list(Osv5m(root)), list(Osv5m(root, "test"))
    assert {item.path.parent.name for item in train} == {"00", "01"}
    assert {item.path for item in train}.isdisjoint(item.path for item in test)
    assert train[0].group == "500"
    assert train[0].attributes["country"] == "FR"
    shutil.rmtree(root / "images" / "train" / "01")
    assert len(list(Osv5m(root, skip_missing=True))) == 4
    assert all("/NN/" in str(path) for path in Osv5m(root).missing())
    rewrite(root / "train.csv", lambda rows: [rows[0], ["x7", *rows[1][1:]]])
    with pytest.raises(InputError, match="no whole number"):
        list(Osv5m(root))


def test_s2_100k_leaves_out_patches_without_data(tmp_path):
    root = S2100k.make_miniature(tmp_path)
    assert (root / "images" / "patch_5.tif").stat().st_size < 10_000
    assert [item.path.stem for item in S2100k(root)] == [f"patch_{i}" for i in range(5)]
    content = (root / "images" / "patch_0.tif").read_bytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    file = BytesIO(content)
    file.seek(tags.next)
    tags.load(file)
    assert (tags[256], tags[257], tags[277], set(tags[258])) == (32, 32, 12, {16})


def test_im2gps_takes_the_author_from_the_end_of_the_name(tmp_path):
    root = Im2Gps.make_miniature(tmp_path)
    assert {sample.group for sample in Im2Gps(root)} == {f"{i:08d}@N00" for i in range(3)}
    rewrite(  # as published: in the names that begin with a place AUTHOR holds hash, server and author
        root / "im2gps_places365.csv",
        lambda rows: [rows[0], *([row[0], f"9f05b2251e_1292_{row[1]}", *row[2:]] for row in rows[1:])],
    )
    assert {sample.group for sample in Im2Gps(root)} == {f"{i:08d}@N00" for i in range(3)}


def test_geocomp_by_the_records_of_games(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    root = GeoComp.make_miniature(tmp_path)
    listed = list(GeoComp(root, "all"))
    assert len(listed) == 6
    assert len(list(GeoComp(root))) == 5
    (root / "panoids_with_coords.csv").unlink()
    rounds = [
        {"panoId": item.path.stem, "lat": item.lat_deg, "lng": item.lon_deg, "nation": item.attributes["nation"]}
        for item in listed
    ]
    games = [json.dumps({"rounds": rounds[:4]}), json.dumps({"rounds": [*rounds[3:], {"panoId": None}]}), None]
    (root / "data").mkdir()
    parquet.write_table(arrow.table({"data": games}), root / "data" / "data-00000.parquet")
    assert list(GeoComp(root, "all")) == listed
    assert len(list(GeoComp(root))) == 5
    (root / "selected_panoids").write_text("nation,panoID\n法国," + listed[2].path.stem + "\n", encoding="utf-8")
    assert list(GeoComp(root)) == [listed[2]]
    (root / "images" / f"{listed[2].path.stem}.jpg").rename(root / "images" / f"{listed[2].path.stem}_panoramic.jpg")
    assert [item.path.name for item in GeoComp(root)] == [f"{listed[2].path.stem}_panoramic.jpg"]
    parquet.write_table(arrow.table({"data": ["{no json"]}), root / "data" / "data-00000.parquet")
    with pytest.raises(InputError, match=r"record 1: the column 'data' is no JSON"):
        list(GeoComp(root))
    parquet.write_table(arrow.table({"rounds": ["x"]}), root / "data" / "data-00000.parquet")
    with pytest.raises(InputError, match="no column 'data'; it has rounds"):
        list(GeoComp(root))


def test_earthwhere_asks_for_points_names_and_countries(tmp_path):
    root = EarthWhere.make_miniature(tmp_path / "WhereBench").parent
    data = EarthWhere(root)
    samples = list(data)
    assert len(samples) == 5
    assert len({sample.group for sample in samples}) == 3
    assert samples[0].attributes["hint"] == '["A hint."]'
    street, country = list(data.questions("street")), list(data.questions("country"))
    assert list(data.questions()) == street + country
    assert all(question.path.is_file() for question in street + country)
    assert [question.answer_type for question in street[-2:]] == ["city", "country"]
    assert (street[0].hints, street[0].clues) == (("A hint.",), ("clue 0",))
    assert country[0].options == ("Portugal", "Spain", "Côte d'Ivoire", "France")
    with pytest.raises(InputError, match="street and country"):
        list(data.questions("town"))
    rewrite(root / "WhereBench" / "wherestreet" / "all.csv", lambda rows: [rows[0], [*rows[1][:2], "7", *rows[1][3:]]])
    with pytest.raises(InputError, match=r"line 2: the answer '7' must be a latitude and a longitude"):
        list(data)


def test_geochain_with_its_pictures_in_the_folder_of_mapillary(tmp_path):
    root = GeoChain.make_miniature(tmp_path)
    before = list(GeoChain(root))
    (root / "train_val").mkdir()
    for town in {sample.attributes["city"] for sample in before}:
        shutil.move(root / town, root / "train_val" / town)
    after = list(GeoChain(root))
    assert [item.path.parts[-5] for item in after] == ["train_val"] * 6
    assert [item.group for item in after] == ["sequence0"] * 2 + ["sequence1"] * 2 + ["sequence2"] * 2
    assert after[0].attributes["locatability_score"] == "0.45"


def test_photos_csv_accuracy_and_groups(tmp_path):
    root = PhotosCsv.make_miniature(tmp_path)
    samples = list(PhotosCsv(root))
    assert [item.accuracy_km for item in samples[:3]] == [1.0, 2.0, 3.0]
    assert len({item.group for item in samples}) == 4
    rewrite(root / "photos.csv", lambda rows: [[*row[:6], "", *row[7:]] for row in rows])
    assert {item.group for item in PhotosCsv(root)} == {f"walk_{i}" for i in range(6)}
    rewrite(root / "photos.csv", lambda rows: [rows[0], [*rows[1][:3], "-2", *rows[1][4:]]])
    with pytest.raises(InputError, match="accuracy_km must be 0 or more"):
        list(PhotosCsv(root))


def test_the_real_photographs(shared):
    samples = list(PhotosCsv(shared / "data" / "photos"))
    assert len(samples) == 1403
    assert len({item.group for item in samples}) == 7
    assert all(item.accuracy_km and item.attributes["place"] for item in samples)
