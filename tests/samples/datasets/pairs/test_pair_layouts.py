"""What is peculiar to single pair sets, by hand."""

import json

import numpy as np
import pytest

from whence.core.errors import InputError
from whence.samples.datasets.pairs.cvact import Cvact
from whence.samples.datasets.pairs.denseuav import DenseUav
from whence.samples.datasets.pairs.gta_uav import GtaUav
from whence.samples.datasets.pairs.pairs_csv import PairsCsv
from whence.samples.datasets.pairs.sues200 import Sues200
from whence.samples.datasets.pairs.uav_visloc import UavVisLoc
from whence.samples.datasets.pairs.university1652 import University1652
from whence.samples.datasets.pairs.vigor import Vigor
from whence.samples.view import ViewKind


def test_gta_uav_by_the_published_example(tmp_path):
    example = {
        "drone_img_dir": "drone/images", "drone_img_name": "500_0001_0000024847.png",
        "drone_loc_x_y": [3633.472345321685, 7140.565493165591], "sate_img_dir": "satellite",
        "pair_pos_sate_img_list": ["5_10_20.png"], "pair_pos_sate_weight_list": [0.5786491782179856],
        "pair_pos_semipos_sate_img_list": ["4_5_10.png", "5_10_20.png", "6_20_41.png"],
        "pair_pos_semipos_sate_weight_list": [0.25622919559581886, 0.5786491782179856, 0.2188736257558427],
        "drone_metadata": {"height": 501.8125, "cam_yaw": 40.999996185302734},
    }  # fmt: skip
    (tmp_path / "cross-area-drone2sate-train.json").write_text(json.dumps([example]))
    (pair,) = GtaUav(tmp_path).listed()
    assert [item.path.name for item in pair.references] == ["5_10_20.png", "4_5_10.png", "6_20_41.png"]
    assert [item.positive for item in pair.references] == [True, False, False]
    assert pair.altitude_m == 501.8125
    assert pair.lat_deg is None
    # The published centre of the tile is (3628.8, 7084.8) and its side 345.6.
    at = pair.references[0].at_px
    assert at == pytest.approx((128 + 256 * (3633.4723 - 3628.8) / 345.6, 128 + 256 * (7140.5655 - 7084.8) / 345.6))
    example["pair_pos_sate_img_list"] = ["tile.png"]
    (tmp_path / "cross-area-drone2sate-train.json").write_text(json.dumps([example]))
    with pytest.raises(InputError, match=r"entry 1: the tile 'tile.png' is not named"):
        list(GtaUav(tmp_path).listed())
    (tmp_path / "cross-area-drone2sate-train.json").write_text("{}")
    with pytest.raises(InputError, match="a list of objects is expected"):
        list(GtaUav(tmp_path).listed())


def test_vigor_offsets_cities_and_labels(tmp_path):
    root = Vigor.make_miniature(tmp_path)
    line = (root / "splits__corrected" / "Chicago" / "same_area_balanced_test.txt").read_text().split()
    (pair,) = (item for item in Vigor(root, "same_area_test") if "Chicago" in item.place)
    assert pair.references[0].at_px == (320 - float(line[3]), 320 + float(line[2]))
    assert [item.positive for item in pair.references] == [True, False, False, False]
    assert pair.attributes["labels"] == "splits__corrected"
    assert pair.split == "test"
    cities = {item.attributes["city"] for item in Vigor(root, "cross_area_test")}
    assert cities == {"Chicago", "SanFrancisco"}
    assert len(list(Vigor(root, "cross_area_test").gallery())) == 10  # all tiles of the two cities
    (root / "splits__corrected").rename(root / "splits")
    assert next(iter(Vigor(root))).attributes["labels"] == "splits"
    (root / "splits" / "Chicago" / "same_area_balanced_train.txt").write_text("p,1,2,.jpg tile.png 1\n")
    with pytest.raises(InputError, match=r"line 1: 3 cells, at least 13"):
        list(Vigor(root))


def test_denseuav_tells_longitude_by_its_letter(tmp_path):
    root = DenseUav.make_miniature(tmp_path)
    before = list(DenseUav(root))
    assert [item.path.name for item in before[0].references] == ["H100.tif", "H100_old.tif"]
    assert before[0].altitude_m == 105.5
    index = root / "Dense_GPS_train.txt"
    rows = [line.split() for line in index.read_text().splitlines()]
    index.write_text("\n".join(f"{path} {north} {east} {height}" for path, east, north, height in rows))
    assert list(DenseUav(root)) == before
    index.write_text("\n".join(f"{path} {east[1:]} {north} 1" for path, east, north, _ in rows))
    with pytest.raises(InputError, match=r"line 1: a longitude after E"):
        list(DenseUav(root))
    index.unlink()
    assert list(DenseUav(root)) == before  # by the list of all spots


def test_university_has_buildings_that_nobody_asks_for(tmp_path):
    root = University1652.make_miniature(tmp_path)
    test = University1652(root, "test")
    assert len({pair.place for pair in test}) == 3
    assert len(list(test.gallery())) == 4
    assert {pair.query_kind for pair in University1652(root, "test_street")} == {ViewKind.GROUND}
    next(iter(test)).references[0].path.unlink()
    with pytest.raises(InputError, match="has no satellite picture"):
        list(test)


def test_sues200_heights(tmp_path):
    root = Sues200.make_miniature(tmp_path)
    assert {pair.altitude_m for pair in Sues200(root)} == {150.0, 200.0, 250.0, 300.0}
    assert {pair.altitude_m for pair in Sues200(root, "250")} == {250.0}


def test_uav_visloc_edges_and_headings(tmp_path):
    root = UavVisLoc.make_miniature(tmp_path)
    pair = next(iter(UavVisLoc(root)))
    assert pair.heading_deg == 271.0
    bounds = pair.references[0].bounds
    assert bounds.contains(pair.lat_deg, pair.lon_deg)
    (root / "satellite_ coordinates_range.csv").rename(root / "satellite_coordinates_range.csv")
    assert next(iter(UavVisLoc(root))) == pair
    (root / "satellite_coordinates_range.csv").write_text(
        "mapname,LT_lat_map,LT_lon_map,RB_lat_map,RB_lon_map\nother.tif,1,1,0,2\n"
    )
    with pytest.raises(InputError, match=r"has no satellite01\.tif"):
        list(UavVisLoc(root))


def test_cvact_lies_in_canberra(tmp_path):
    matlab = pytest.importorskip("scipy.io", reason="the extra scale is not installed")
    root = Cvact.make_miniature(tmp_path)
    before = [(pair.lat_deg, pair.lon_deg) for pair in Cvact(root)]
    assert all(abs(lat + 35.28) < 0.1 and abs(lon - 149.13) < 0.1 for lat, lon in before)
    held = matlab.loadmat(root / "ACT_data.mat")
    kept = {key: value for key, value in held.items() if not key.startswith("__")}
    matlab.savemat(root / "ACT_data.mat", {**kept, "utm": held["utm"][:, ::-1]})
    assert np.allclose([(pair.lat_deg, pair.lon_deg) for pair in Cvact(root)], before)
    matlab.savemat(root / "ACT_data.mat", {key: value for key, value in kept.items() if key != "valSet"})
    with pytest.raises(InputError, match="lacks the columns valSet"):
        list(Cvact(root, "val"))


def test_tables_of_pairs(tmp_path):
    header = "query_file,query_kind,reference_file,lat_deg,lon_deg,q_x,q_y,q_w,q_h,ref_x,ref_y,split_hint,licence\n"
    (tmp_path / "pairs.csv").write_text(
        header + "a.jpg,aerial,b.jpg,1,2,10,20,30,40,5.5,6.5,train,CC0\nc.jpg,drone,b.jpg,,,,,,,,,skip,\n"
    )
    first, second = PairsCsv(tmp_path).listed()
    assert first.query_kind is ViewKind.SATELLITE
    assert first.window == (10, 20, 30, 40)
    assert first.references[0].at_px == (5.5, 6.5)
    assert first.place == "a.jpg 10 20"
    assert first.attributes["licence"] == "CC0"
    assert second.window is None
    assert [pair.query.name for pair in PairsCsv(tmp_path, "train").listed()] == ["a.jpg"]
    (tmp_path / "pairs.csv").write_text(header + "a.jpg,balloon,b.jpg" + "," * 10 + "\n")
    with pytest.raises(InputError, match=r"line 2: the column 'query_kind' holds 'balloon'"):
        list(PairsCsv(tmp_path).listed())
    (tmp_path / "pairs.csv").write_text(header + "a.jpg,drone,b.jpg,1,2,3" + "," * 7 + "\n")
    with pytest.raises(InputError, match="must all be given"):
        list(PairsCsv(tmp_path).listed())


def test_the_real_pairs(shared):
    pairs = list(PairsCsv(shared / "data" / "crossview"))
    assert len(pairs) > 150
    frames = [pair for pair in pairs if "brighton" in str(pair.query)]
    assert len(frames) == 18
    assert all(pair.references[0].bounds is not None and pair.heading_deg is not None for pair in frames)
    assert all(pair.split != "skip" for pair in PairsCsv(shared / "data" / "crossview", "measure"))
