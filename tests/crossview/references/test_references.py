"""Reference sets: windows where they belong, found by what they show and where they lie; added to, resumed, checked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from made_rasters import save
from made_references import GridEncoder, town, town_reference, town_tiles
from whence.core.errors import ArtifactError, CoordinateError, InputError, OptionError
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.crossview.references.places import allowed_rows
from whence.crossview.references.reference_set import ReferenceSet
from whence.earth.coordinates import Bounds, destination, distance_km
from whence.earth.field import Field
from whence.earth.tiles import opening
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.pictures import PictureRaster
from whence.earth.tiles.types import Provenance
from whence.samples.view import ViewKind

LAYING = windows.Config(scales="1,2", side_px=64)
READING = opening.Config(licence="CC0", source="made")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return town_tiles(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def made(tiles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "a"
    told = add_references(folder, [tiles], GridEncoder(), reading=READING, laying=LAYING)
    assert told.finished
    return ReferenceSet.open(folder, encoder=GridEncoder())


def test_windows_cover_the_picture_evenly(made):
    where = town_reference()
    gsd = where.gsd_m_per_px
    sides = np.unique(made.windows.side_m)
    np.testing.assert_allclose(sides, [64 * gsd, 128 * gsd])
    small = np.isclose(made.windows.side_m, sides[0])
    assert small.sum() == 9 * 7
    assert (~small).sum() == 4 * 3
    assert (made.windows.valid > 0.98).all()
    x, y = where.to_pixels(made.windows.lat_deg[small], made.windows.lon_deg[small])
    np.testing.assert_allclose(np.unique(np.round(x)), np.arange(9) * 32 + 32, atol=1)
    np.testing.assert_allclose(np.unique(np.round(y)), np.arange(7) * 32 + 32, atol=1)


def test_a_picture_finds_its_window(made):
    encoder = GridEncoder()
    rows = np.arange(0, len(made), 7)
    patches = [made.patch_of(int(row), 64).pixels for row in rows]
    hits = made.search(encoder.embed(patches, ViewKind.DRONE), 3)
    np.testing.assert_array_equal(hits.rows[:, 0], rows)
    np.testing.assert_allclose(hits.scores[:, 0], 1.0, atol=1e-5)
    np.testing.assert_array_equal(hits.lat_deg, made.windows.lat_deg[hits.rows])
    assert made.vectors.shape == (len(made), encoder.dim)


def test_a_search_near_a_place(made):
    lat, lon = float(made.windows.lat_deg[0]), float(made.windows.lon_deg[0])
    rows = made.rows(near=(lat, lon, 10.0))
    away = distance_km(made.windows.lat_deg, made.windows.lon_deg, lat, lon) * 1e3
    np.testing.assert_array_equal(rows, np.flatnonzero(away <= 10.0 + made.windows.side_m / 2))
    assert 0 < len(rows) < len(made)
    hits = made.search(made.vectors[-2:], 1000, near=(lat, lon, 10.0))
    assert sorted(hits.rows[0]) == rows.tolist()
    none = made.search(made.vectors[:2], 5, near=(-lat, lon, 10.0))
    assert none.rows.shape == (2, 0)
    with pytest.raises(CoordinateError, match="radius"):
        made.rows(near=(lat, lon, 0.0))


def test_a_search_in_a_region(made):
    lat, lon = float(made.windows.lat_deg[0]), float(made.windows.lon_deg[0])
    belief = Field.from_points([lat], [lon], sigma_km=5.0).normalise()
    region = belief.credible_region(0.9)
    np.testing.assert_array_equal(made.rows(within=region), made.rows(within=belief))
    assert len(made.rows(within=region)) == len(made)
    elsewhere = Field.from_points([-lat], [lon], sigma_km=5.0).normalise()
    assert made.search(made.vectors[:1], 5, within=elsewhere).rows.shape == (1, 0)
    assert len(made.rows(within=region, near=(lat, lon, 1.0))) == len(made.rows(near=(lat, lon, 1.0)))


def test_windows_that_reach_into_a_region():
    region = Field.from_points([10.0], [20.0], sigma_km=0.3).normalise().credible_region(0.9)
    radius = float(np.sqrt(region.area_km2 / np.pi))
    bearing = np.arange(0.0, 360.0, 30.0)
    lat, lon = destination(10.0, 20.0, bearing, 20.0 + radius)
    far, near = np.full(12, 30_000.0), np.full(12, 50_000.0)
    assert not allowed_rows(lat, lon, far, region, None).any()
    assert allowed_rows(lat, lon, near, region, None).all()
    # A large window whose middle, and the eight points around it, miss a small region inside.
    off_lat, off_lon = destination(10.0, 20.0, np.array([77.0]), np.array([60.0]))
    assert allowed_rows(off_lat, off_lon, np.array([200_000.0]), region, None).all()


def test_adding_again_does_only_what_is_new(tiles, tmp_path):
    encoder = GridEncoder()
    first = add_references(tmp_path / "s", [tiles], encoder, reading=READING, laying=LAYING)
    before = encoder.pictures
    again = add_references(tmp_path / "s", [tiles], encoder, reading=READING, laying=LAYING)
    assert (again.added, again.unchanged, encoder.pictures) == ((), (str(tiles),), before)
    where = GeoReference.of_bounds(Bounds(north=5.0, south=4.99, west=7.0, east=7.01), 192, 192)
    other = save(town(3, 3, seed=5), tmp_path / "other.png")
    reading = opening.Config(bounds="5,4.99,7,7.01")
    more = add_references(tmp_path / "s", [other], encoder, reading=reading, laying=LAYING)
    opened = ReferenceSet.open(tmp_path / "s")
    assert more.windows == len(opened) > first.windows
    assert "no licence" in more.warnings[0]
    assert not first.warnings
    row = int(np.flatnonzero(opened.windows.source == 1)[0])
    assert opened.patch_of(row, 64).valid.all()
    assert opened.patch_at(*where.centre, 200.0, 32).valid.all()
    hit = opened.search(encoder.embed([opened.patch_of(row, 64).pixels], ViewKind.DRONE), 1)
    assert hit.rows[0, 0] == row
    assert not list((tmp_path / "s").glob("work*"))
    assert len(list((tmp_path / "s").glob("index-*"))) == 1


def test_a_changed_source_takes_the_place_of_the_old_one(tmp_path):
    source = town_tiles(tmp_path / "t", 3, 3)
    encoder = GridEncoder()
    add_references(tmp_path / "s", [source], encoder, laying=LAYING)
    old = np.array(ReferenceSet.open(tmp_path / "s").vectors)
    town_tiles(source, 3, 3, seed=9)
    assert "changed since" in ReferenceSet.open(tmp_path / "s").verify()[0]
    told = add_references(tmp_path / "s", [source], encoder, laying=LAYING)
    opened = ReferenceSet.open(tmp_path / "s")
    assert told.added == (str(source),)
    assert len(opened.header.sources) == 1
    assert opened.vectors.shape == old.shape
    assert np.abs(opened.vectors - old).max() > 0.1
    assert opened.verify() == []


def test_what_was_embedded_before_a_stop_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("whence.crossview.references.adding.SHARD_WINDOWS", 16)
    source = town_tiles(tmp_path / "t")
    whole = GridEncoder()
    add_references(tmp_path / "whole", [source], whole, laying=LAYING)
    encoder, calls = GridEncoder(), iter(range(10_000))
    stopped = add_references(tmp_path / "s", [source], encoder, laying=LAYING, stopped=lambda: next(calls) > 40)
    assert not stopped.finished
    assert encoder.pictures == 32
    with pytest.raises(ArtifactError, match="tiles add"):
        ReferenceSet.open(tmp_path / "s")

    class KilledError(Exception):
        pass

    def kill(done, total, text):
        if done >= 48:
            raise KilledError

    with pytest.raises(KilledError):
        add_references(tmp_path / "s", [source], encoder, laying=LAYING, report=kill)
    assert 48 <= encoder.pictures < 70
    add_references(tmp_path / "s", [source], encoder, laying=LAYING)
    assert encoder.pictures <= whole.pictures + 16
    one, other = ReferenceSet.open(tmp_path / "s"), ReferenceSet.open(tmp_path / "whole")
    np.testing.assert_array_equal(one.vectors, other.vectors)
    np.testing.assert_array_equal(one.windows.lat_deg, other.windows.lat_deg)


def test_another_encoder_is_refused(made, tiles):
    other = GridEncoder("grid-2")
    with pytest.raises(OptionError, match="grid-2"):
        add_references(made.folder, [tiles], other)
    with pytest.raises(OptionError, match="no encoder"):
        add_references(made.folder, [tiles])
    with pytest.raises(ArtifactError, match="cannot be compared"):
        ReferenceSet.open(made.folder, encoder=other)


def test_a_set_without_an_encoder_is_searched_by_place(tiles, tmp_path):
    add_references(tmp_path / "s", [tiles], laying=LAYING, reading=READING)
    opened = ReferenceSet.open(tmp_path / "s")
    lat, lon = float(opened.windows.lat_deg[3]), float(opened.windows.lon_deg[3])
    assert 3 in opened.rows(near=(lat, lon, 1.0))
    with pytest.raises(OptionError, match="no vectors"):
        opened.search(np.zeros((1, 8), np.float32), 1)
    with pytest.raises(ArtifactError, match="no vectors"):
        ReferenceSet.open(tmp_path / "s", encoder=GridEncoder())


def test_blank_windows_are_left_out(tmp_path):
    pixels = town(4, 4).copy()
    pixels[:, :128] = (10, 30, 60)
    path = save(pixels, tmp_path / "a.png")
    told = add_references(tmp_path / "s", [path], reading=opening.Config(bounds="5.01,5,7,7.01"), laying=LAYING)
    opened = ReferenceSet.open(tmp_path / "s")
    assert told.blank == opened.header.sources[0].blank > 0
    half_deg = opened.windows.side_m / 2 / 110_900
    assert (opened.windows.lon_deg + half_deg > 7.0049).all()
    sea = save(np.full((64, 64, 3), 30, np.uint8), tmp_path / "sea.png")
    with pytest.raises(InputError, match="blank"):
        add_references(tmp_path / "s", [sea], reading=opening.Config(bounds="5.01,5,7,7.01"), laying=LAYING)


def test_unreadable_pictures_are_named_and_do_not_stop(tmp_path):
    source = town_tiles(tmp_path / "t")
    next(source.glob("17/70001/*.png")).write_bytes(b"\x89PNG broken")
    told = add_references(tmp_path / "s", [source, tmp_path / "none"], GridEncoder(), laying=LAYING)
    assert list(told.failed) == [str(tmp_path / "none")]
    assert len(told.unreadable) == 1
    assert "not a picture" in next(iter(told.unreadable.values()))
    assert told.windows > 20


def test_damage_is_named(made, tiles, tmp_path):
    folder = tmp_path / "s"
    add_references(folder, [tiles], GridEncoder(), laying=LAYING)
    index = next(folder.glob("index-*"))
    rows = bytearray((index / "rows.npy").read_bytes())
    rows[-5] ^= 1
    (index / "rows.npy").write_bytes(rows)
    with pytest.raises(ArtifactError, match=r"rows\.npy is damaged"):
        ReferenceSet.open(folder).verify()
    (index / "codes.npy").unlink()
    with pytest.raises(ArtifactError, match=r"codes\.npy is missing"):
        ReferenceSet.open(folder)
    header = json.loads((folder / "references.json").read_text())
    for key, value in (("schema", "whence.references/9"), ("encoder", {"nam": 1})):
        (folder / "references.json").write_text(json.dumps({**header, key: value}))
        with pytest.raises(ArtifactError, match=r"layout|damaged"):
            ReferenceSet.open(folder)
    with pytest.raises(OptionError, match="rows 0"):
        made.patch_of(len(made), 64)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds no reference set"):
        add_references(tmp_path / "x", [tiles])


def test_windows_of_a_small_picture_and_of_the_world(tmp_path):
    path = save(town(2, 2), tmp_path / "a.png")
    small = PictureRaster(path, GeoReference("EPSG:3035", (10.0, 0, 3e6, 0, -10.0, 2.5e6), 128, 128), Provenance(""))
    places = list(windows.lay_windows([small], windows.Config(side_px=256)))
    assert [len(part.lat_deg) for part in places] == [1]
    assert (places[0].lat_deg[0], places[0].lon_deg[0]) == pytest.approx(small.georeference.centre)
    where = GeoReference.of_bounds(Bounds(north=90, south=-90, west=-180, east=180), 128, 128)
    world = PictureRaster(path, where, Provenance(""))
    (part,) = windows.lay_windows([world], windows.Config(window_m="2000000", overlap=0.0))
    rows, counts = np.unique(np.round(part.lat_deg, 3), return_counts=True)
    assert len(rows) == 10  # 20,004 km from pole to pole
    assert counts[5] == 20
    assert counts[0] < counts[3] < counts[5]


@pytest.mark.parametrize(
    "given", [{"overlap": 1.0}, {"scales": "a"}, {"window_m": "-3"}, {"side_px": 2}, {"min_valid": 2.0}]
)
def test_impossible_windows_are_refused(given):
    with pytest.raises(OptionError, match="received"):
        windows.Config(**given)


def test_the_quick_look_leaves_no_window_out():
    rng = np.random.default_rng(3)
    at = np.degrees(np.arcsin(rng.uniform(-1, 1, 6))), rng.uniform(-180, 180, 6)
    region = Field.from_points(*at, sigma_km=120.0).normalise().credible_region(0.9)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))), rng.uniform(-180, 180, 20_000)
    reach = np.full(20_000, 60_000.0)
    found = allowed_rows(lat, lon, 2 * reach, region, None)
    inside = np.asarray(region.contains(lat, lon))
    around = destination(lat[:, None], lon[:, None], np.arange(8) * 45.0, 60.0)
    touches = inside | np.asarray(region.contains(around[0].ravel(), around[1].ravel())).reshape(-1, 8).any(axis=1)
    assert inside.any()
    assert (found >= touches).all()
    assert (found & ~touches).sum() <= 0.02 * found.sum()  # cells whose middle lies between the eight points
