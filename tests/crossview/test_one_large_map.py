"""Search in one large map, as UAV-VisLoc publishes it: frames of a flight are found in the flight's map."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_ground import ground, view_of
from program import run
from whence.core.errors import OptionError
from whence.crossview.candidates import Config, find_places
from whence.crossview.ground import Ground
from whence.crossview.known import Known
from whence.crossview.match import Matcher
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.earth.coordinates import Bounds, distance_km
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.opening import Config as OpeningConfig
from whence.evaluate.retrieval_metrics import recall_at
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs import Pair, pair_sets
from whence.samples.reader import read_view
from whence.samples.view import ViewKind

SIDE_PX, GSD_M, LAT, LON = 1400, 0.5, 29.78, 121.33
FRAMES = ((420.0, 980.0, 195.0, 1.2), (900.0, 450.0, -38.0, 1.0), (1040.0, 880.0, 71.0, 0.9))
"""Where in the map, bearing of the upper edge, pixels for one of the map."""


def bounds() -> Bounds:
    half = SIDE_PX * GSD_M / 2 / 111_320
    wide = half / math.cos(math.radians(LAT))
    return Bounds(south=LAT - half, north=LAT + half, west=LON - wide, east=LON + wide)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One flight in the published layout: a map with its corners in a table, and frames with their places."""
    folder, edges = tmp_path_factory.mktemp("visloc"), bounds()
    (folder / "01/drone").mkdir(parents=True)
    Image.fromarray(ground(3, SIDE_PX)).save(folder / "01/satellite01.tif")
    where, rows = GeoReference.of_bounds(edges, SIDE_PX, SIDE_PX), []
    for i, (x, y, heading, zoom) in enumerate(FRAMES, 1):
        view = view_of(ground(3, SIDE_PX), x, y, turn_deg=heading, zoom=zoom, seed=i, size_px=(400, 300))
        Image.fromarray(view.pixels).save(folder / f"01/drone/01_{i:04d}.JPG", quality=90)
        lat, lon = where.to_lat_lon(x, y)
        rows.append((i, f"01_{i:04d}.JPG", "2018-09-28", float(lat), float(lon), 466.0, 0.1, -0.2, heading, 90.0))
    header = ("num", "filename", "date", "lat", "lon", "height", "Omega", "Kappa", "Phi1", "Phi2")
    miniature.write_table(folder / "01/01.csv", header, rows)
    corners = ("mapname", "LT_lat_map", "LT_lon_map", "RB_lat_map", "RB_lon_map", "region")
    row = ("satellite01.tif", edges.north, edges.west, edges.south, edges.east, "made")
    miniature.write_table(folder / "satellite_ coordinates_range.csv", corners, [row])
    return folder


@pytest.fixture(scope="module")
def pairs(root: Path) -> list[Pair]:
    return list(pair_sets().load("uav_visloc")(root, "all"))


@pytest.fixture(scope="module")
def found(root: Path) -> Ground:
    """The map as a reference set, made by the program."""
    b = bounds()
    ended = run(
        "tiles", "add", root / "set", root / "01/satellite01.tif", "--licence", "made", "--scales", "1,2",
        "--bounds", f"{b.north},{b.south},{b.west},{b.east}",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return Ground.open(root / "set")


def test_frames_are_found_in_the_map_to_the_metre(root: Path, found: Ground, pairs: list[Pair]) -> None:
    elsewhere = root / "elsewhere.jpg"
    Image.fromarray(view_of(ground(11, 700), 350.0, 350.0, size_px=(400, 300)).pixels).save(elsewhere)
    ended = run("match", root / "01/drone", elsewhere, "--tiles", root / "set", "--kind", "drone", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    lines = {Path(line["query"]["name"]).name: line for line in map(json.loads, ended.stdout.splitlines())}
    assert len(lines) == len(pairs) + 1
    for pair in pairs:
        assert lines[pair.query.name]["accepted"], pair.query.name
        pose = lines[pair.query.name]["matches"][0]["pose"]
        away_m = float(distance_km(pose["lat_deg"], pose["lon_deg"], pair.lat_deg, pair.lon_deg)) * 1e3
        assert away_m < 1.0
        assert math.cos(math.radians(pose["heading_deg"] - pair.heading_deg)) > math.cos(math.radians(1.0))
    assert lines["elsewhere.jpg"]["accepted"] is False


def test_windows_of_the_map_are_retrieved(found: Ground, pairs: list[Pair]) -> None:
    config, relevant = Config(count=5), []
    for pair in pairs:
        view = replace(read_view(pair.query), kind=ViewKind.DRONE)
        places = find_places(view, found, Known(heading_deg=pair.heading_deg), None, config)
        away = [float(distance_km(p.lat_deg, p.lon_deg, pair.lat_deg, pair.lon_deg)) * 1e3 for p in places]
        relevant.append([metres < place.side_m / 2 for metres, place in zip(away, places, strict=True)])
    assert recall_at(np.array(relevant), 5) == 1.0


def test_without_vectors_and_scale_a_small_map_is_asked_at_two_scales(root: Path, pairs: list[Pair]) -> None:
    b = bounds()
    told = OpeningConfig(bounds=f"{b.north},{b.south},{b.west},{b.east}")
    ground_ = Ground.open(root / "01/satellite01.tif", told)
    view = replace(read_view(pairs[0].query), kind=ViewKind.DRONE)
    whole, smaller = find_places(view, ground_, Known(), None, Config())
    assert whole.shown_m == whole.side_m == smaller.side_m == 4 * smaller.shown_m
    assert len(find_places(view, ground_, Known(gsd_m_per_px=0.5), None, Config(whole_px=4096))) == 1
    match = Matcher(ground_).match(view, use_file=False)[0]
    assert match.accepted


def test_a_set_of_several_maps_has_each_where_it_lies(root: Path, pairs: list[Pair]) -> None:
    """The way that the documentation shows: bounds of every map from the pair set."""
    for item in {pair.references[0].path: pair.references[0] for pair in pairs}.values():
        assert item.bounds is not None
        edges = f"{item.bounds.north},{item.bounds.south},{item.bounds.west},{item.bounds.east}"
        laying = windows.Config(scales="2")
        add_references(root / "by_pairs", [item.path], reading=OpeningConfig(bounds=edges), laying=laying)
    opened = Ground.open(root / "by_pairs")
    lat, lon, _ = opened.extent() or (0.0, 0.0, 0.0)
    assert float(distance_km(lat, lon, LAT, LON)) * 1e3 < 1.0
    with pytest.raises(OptionError, match="embedded"):
        opened.encoder()


def test_a_benchmark_of_matches_can_be_made_of_it(root: Path) -> None:
    ended = run("xbench", "build", root, "--dataset", "uav_visloc", "--part", "all", "-o", root / "bench", "--json")
    assert ended.returncode == 0, ended.stderr
    counts = json.loads(ended.stdout)["counts"]
    assert sum(count for name, count in counts.items() if name.endswith("matched")) == len(FRAMES)
