"""Folders of tiles, MBTiles, PMTiles, GeoTIFF, world files and sidecars: each puts pixels where they belong."""

from __future__ import annotations

import gzip
import json
import sqlite3
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from made_rasters import expected, save, wave_pixels
from whence.core.errors import CoordinateError, ImageError, InputError
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.opening import Config, open_all, open_raster, open_rasters
from whence.earth.tiles.pictures import PictureRaster
from whence.earth.tiles.pmtiles import tile_addresses, tile_number
from whence.earth.tiles.pyramid import TileLevel, tile_at, tile_range_of
from whence.earth.tiles.tiffkeys import tiff_reference
from whence.earth.tiles.types import Provenance

Z, X, Y = 17, 70000, 45000
SIDE = 64  # small tiles keep the tests quick


def tile_bytes(tmp_path, i: int, j: int, side: int = SIDE) -> bytes:
    path = save(wave_pixels(side, side, i * side, j * side), tmp_path / f"made{i}_{j}_{side}.png")
    return path.read_bytes()


def grid_reference(columns: int = 4, rows: int = 3) -> GeoReference:
    first = GeoReference.of_tile(Z, X, Y, SIDE)
    return GeoReference(first.crs, first.affine, columns * SIDE, rows * SIDE)


def close(rasters, where: GeoReference, missing: int = 0) -> None:
    lat, lon = where.centre
    patch = Mosaic(rasters).patch_at(lat, lon, 90 * where.gsd_m_per_px, 90)
    told, _ = expected(where, patch.georeference)
    assert (~patch.valid).sum() >= missing
    assert missing or patch.valid.all()
    away = np.abs(patch.pixels[..., :2] - told[..., :2])[patch.valid]
    assert np.percentile(away, 99) < 2.0


def fill(folder, tmp_path, name, flip=False):
    for i in range(4):
        for j in range(3):
            y = Y + j
            path = folder / name.format(z=Z, x=X + i, y=2**Z - 1 - y if flip else y)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tile_bytes(tmp_path, i, j))


@pytest.mark.parametrize("name", ["{z}/{x}/{y}.png", "{z}_{x}_{y}.png"])
def test_tile_folders(tmp_path, name):
    fill(tmp_path / "t", tmp_path, name)
    (tmp_path / "t" / "tiles.csv").write_text("not a tile")
    (raster,) = open_rasters(tmp_path / "t")
    assert raster.georeference == grid_reference()
    close([raster], grid_reference())
    assert isinstance(raster, TileLevel)
    lat, lon = raster.georeference.to_lat_lon([10.0, -10.0], [10.0, 10.0])
    assert raster.holds(lat, lon).tolist() == [True, False]


def test_rows_from_the_south(tmp_path):
    fill(tmp_path / "t", tmp_path, "{z}/{x}/{y}.png", flip=True)
    close(open_rasters(tmp_path / "t", Config(tms=True)), grid_reference())


def test_missing_and_damaged_tiles_hold_no_data(tmp_path, caplog):
    fill(tmp_path / "t", tmp_path, "{z}/{x}/{y}.png")
    (tmp_path / "t" / str(Z) / str(X + 1) / f"{Y + 1}.png").unlink()
    (tmp_path / "t" / str(Z) / str(X + 2) / f"{Y + 1}.png").write_bytes(b"\x89PNG no")
    (raster,) = open_rasters(tmp_path / "t")
    close([raster], grid_reference(), missing=500)
    assert list(raster.unreadable) == [f"{Z}/{X + 2}/{Y + 1}"]
    assert "not a picture" in caplog.text


def test_vector_tiles_are_refused(tmp_path):
    path = tmp_path / "t" / "3" / "1" / "1.pbf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x1a\x00")
    with pytest.raises(InputError, match="vector tiles"):
        open_rasters(tmp_path / "t")


def mbtiles(path, tmp_path, fmt="png"):
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE metadata (name text, value text)")
    base.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
    base.executemany("INSERT INTO metadata VALUES (?, ?)", [("format", fmt), ("attribution", "those who made it")])
    rows = [(Z, X + i, 2**Z - 1 - Y - j, tile_bytes(tmp_path, i, j)) for i in range(4) for j in range(3)]
    base.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    base.commit()
    base.close()
    return path


def test_mbtiles(tmp_path):
    rasters = open_rasters(mbtiles(tmp_path / "a.mbtiles", tmp_path))
    close(rasters, grid_reference())
    assert rasters[0].provenance.source == "those who made it"
    assert open_raster(tmp_path / "a.mbtiles", Config(source="me")).provenance.source == "me"
    with pytest.raises(InputError, match="vector tiles"):
        open_rasters(mbtiles(tmp_path / "v.mbtiles", tmp_path, "pbf"))
    (tmp_path / "x.mbtiles").write_bytes(b"no database at all")
    with pytest.raises(InputError, match="not an MBTiles file"):
        open_rasters(tmp_path / "x.mbtiles")


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def directory(entries) -> bytes:
    columns = [[], [], [], []]
    last, end = 0, None
    for number, offset, length, run in entries:
        for column, value in zip(
            columns, (number - last, run, length, 0 if offset == end else offset + 1), strict=True
        ):
            column.append(value)
        last, end = number, offset + length
    return gzip.compress(varint(len(entries)) + b"".join(varint(v) for column in columns for v in column))


def pmtiles(path, tmp_path, kind=2, leaves=False):
    data, entries = b"", []
    for i in range(4):
        for j in range(3):
            tile = tile_bytes(tmp_path, i, j)
            entries.append((tile_number(Z, X + i, Y + j), len(data), len(tile), 1))
            data += tile
    entries.sort()
    leaf = b""
    if leaves:
        parts = [directory(entries[:5]), directory(entries[5:])]
        leaf = b"".join(parts)
        entries = [(entries[0][0], 0, len(parts[0]), 0), (entries[5][0], len(parts[0]), len(parts[1]), 0)]
    root, meta = directory(entries), gzip.compress(json.dumps({"attribution": "those who made it"}).encode())
    at = [127, 127 + len(root), 127 + len(root) + len(meta), 127 + len(root) + len(meta) + len(leaf)]
    sections = [v for pair in zip(at, map(len, (root, meta, leaf, data)), strict=True) for v in pair]
    head = (
        b"PMTiles\x03" + struct.pack("<8Q", *sections) + struct.pack("<3Q", 12, 12, 12) + bytes([0, 2, 1, kind, Z, Z])
    )
    path.write_bytes(head.ljust(127, b"\0") + root + meta + leaf + data)
    return path


@pytest.mark.parametrize("leaves", [False, True])
def test_pmtiles(tmp_path, leaves):
    rasters = open_rasters(pmtiles(tmp_path / "a.pmtiles", tmp_path, leaves=leaves))
    assert rasters[0].georeference == grid_reference()
    close(rasters, grid_reference())
    assert rasters[0].provenance.source == "those who made it"


def test_pmtiles_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="vector tiles"):
        open_rasters(pmtiles(tmp_path / "v.pmtiles", tmp_path, kind=1))
    whole = pmtiles(tmp_path / "a.pmtiles", tmp_path).read_bytes()
    (tmp_path / "b.pmtiles").write_bytes(whole[:140])
    (tmp_path / "c.pmtiles").write_bytes(b"PMTiles\x02" + whole[8:])
    for name in "bc":
        with pytest.raises(InputError, match=r"cut short|version 3"):
            open_rasters(tmp_path / f"{name}.pmtiles")


def test_tile_numbers_follow_the_curve():
    # Values of the public specification's own tests.
    assert [tile_number(*at) for at in ((0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0), (2, 0, 0))] == list(
        range(6)
    )
    assert tile_number(12, 3423, 1763) == 19078479
    for zoom in range(6):
        places = np.arange(4**zoom)
        first = (4**zoom - 1) // 3
        assert [tile_number(zoom, int(x), int(y)) - first for x, y in tile_addresses(zoom, places)] == places.tolist()


PLACES = {
    "utm": GeoReference("EPSG:32633", (2.0, 0.0, 500300.0, 0.0, -2.0, 5200300.0), 201, 161),
    "turned": GeoReference("EPSG:3035", (8.0, 6.0, 2860513.0, 6.0, -8.0, 2310852.0), 201, 161),
    "degrees": GeoReference("EPSG:4326", (1e-4, 0.0, 10.0, 0.0, -1e-4, 20.0), 201, 161),
}


def geotiff(path, where, pixels, **more):
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "width": where.width_px, "height": where.height_px, "count": pixels.shape[2]}
    profile |= {"dtype": pixels.dtype.name, "crs": where.crs, "transform": rasterio.Affine(*where.affine), **more}
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.moveaxis(pixels, 2, 0))
    return path


@pytest.mark.parametrize("name", PLACES)
def test_geotiff_by_rasterio_and_by_its_tags(tmp_path, name):
    where = PLACES[name]
    path = geotiff(tmp_path / "a.tif", where, wave_pixels(201, 161), tiled=True, blockxsize=64, blockysize=64)
    raster = open_raster(path)
    assert raster.georeference.crs == where.crs
    assert raster.georeference.affine == pytest.approx(where.affine)
    close([raster], where)
    own = tiff_reference(path)
    assert own is not None
    assert own.crs == where.crs
    assert own.affine == pytest.approx(where.affine, rel=1e-12)
    close([PictureRaster(path, own, Provenance("made"))], where)


def test_a_geotiff_of_points(tmp_path):
    where = PLACES["utm"]
    path = geotiff(tmp_path / "a.tif", where, wave_pixels(201, 161))
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.update_tags(AREA_OR_POINT="Point")
    own = tiff_reference(path)
    assert own.affine == pytest.approx(where.affine)


def test_windows_of_a_geotiff_are_those_of_the_picture(tmp_path):
    where, pixels = PLACES["utm"], wave_pixels(201, 161)
    by_rasterio = open_raster(geotiff(tmp_path / "a.tif", where, pixels))
    plain = PictureRaster(save(pixels, tmp_path / "a.png"), where, Provenance("made"))
    for window in (
        (0, 0, 201, 161, 20, 16),
        (-30, 20, 120, 200, 24, 40),
        (13, 7, 50, 40, 50, 40),
        (5, 5, 10, 10, 40, 40),
    ):
        one, other = by_rasterio.read(*window), plain.read(*window)
        assert (one.valid == other.valid).all()
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 3
        assert one.georeference == other.georeference


def test_geotiff_of_sixteen_bits_and_without_data(tmp_path):
    where = PLACES["utm"]
    pixels = wave_pixels(201, 161).astype(np.uint16) * 40
    pixels[:, :50] = 0
    raster = open_raster(geotiff(tmp_path / "a.tif", where, pixels, nodata=0), Config(bands="3,2,1"))
    patch = raster.read(0, 0, 201, 161, 201, 161)
    assert not patch.valid[:, :50].any()
    assert patch.valid[:, 50:].all()
    assert patch.pixels[..., 1][patch.valid].max() == 255
    assert np.unique(patch.pixels[..., 0][patch.valid]).size == 1  # the third band, which is flat
    grey = open_raster(geotiff(tmp_path / "g.tif", where, pixels[..., :1], nodata=0))
    shown = grey.read(0, 0, 201, 161, 201, 161).pixels
    assert (shown[..., 0] == shown[..., 2]).all()
    own = PictureRaster(tmp_path / "g.tif", where, Provenance("made")).read(0, 0, 201, 161, 201, 161)
    assert not own.valid[:, :50].any()
    assert np.abs(own.pixels.astype(int) - shown).max() <= 3


def test_what_has_no_place_is_told(tmp_path):
    path = save(wave_pixels(40, 30), tmp_path / "a.png")
    with pytest.raises(InputError, match="not told where"):
        open_rasters(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.open(path).save(tmp_path / "a.tif")
        with pytest.raises(InputError, match="not told where"):
            open_rasters(tmp_path / "a.tif")
    with pytest.raises(InputError, match="no such file"):
        open_rasters(tmp_path / "none")
    with pytest.raises(InputError, match="2 problems"):
        open_rasters(tmp_path)


def test_bounds_world_files_and_sidecars(tmp_path):
    where = GeoReference("EPSG:3857", (0.6, 0.0, 3918467.8, 0.0, -0.6, 3777976.6), 200, 150)
    path = save(wave_pixels(200, 150), tmp_path / "a.jpg")
    path.unlink()
    path = save(wave_pixels(200, 150), tmp_path / "a.png")
    world = tmp_path / "a.pgw"
    world.write_text("0.6\n0\n0\n-0.6\n3918468.1\n3777976.3\n")
    with pytest.raises(InputError, match="coordinate system"):
        open_rasters(path)
    (raster,) = open_rasters(path, Config(crs="EPSG:3857"))
    assert raster.georeference.affine == pytest.approx(where.affine)
    close([raster], where)
    sidecar = tmp_path / "a.georef.json"
    sidecar.write_text(json.dumps({"crs": where.crs, "affine": where.affine, "licence": "CC0", "date": "2026"}))
    (raster,) = open_rasters(path)
    assert raster.georeference == where
    assert (raster.provenance.licence, raster.provenance.date) == ("CC0", "2026")
    sidecar.write_text(json.dumps({"bounds": {"north": 2.0, "south": 1.0, "west": 179.5, "east": -179.5}}))
    assert open_raster(path).georeference.centre == pytest.approx((1.5, -180.0))
    by_hand = open_raster(path, Config(bounds="2,1,179.5,-179.5"))
    assert by_hand.georeference == open_raster(path).georeference
    sidecar.write_text(json.dumps({"crs": "EPSG:3857", "afine": [1, 2]}))
    with pytest.raises(InputError, match="afine"):
        open_rasters(path)


@pytest.mark.parametrize("bounds", ["1,2,3,4", "91,2,3,4", "5,4,200,201", "a,b,c,d", "1,0,3"])
def test_wrong_bounds(bounds):
    with pytest.raises(CoordinateError, match="received"):
        Config(bounds=bounds)


def test_black_edges_hold_no_data_but_black_inside_does(tmp_path):
    pixels = wave_pixels(120, 100) // 2 + 60
    pixels[:, :30] = 3  # as compression leaves it
    pixels[50:60, 60:70] = 0
    path = save(pixels, tmp_path / "a.png")
    raster = open_raster(path, Config(bounds="1.01,1,2,2.01", nodata="black"))
    valid = raster.read(0, 0, 120, 100, 120, 100).valid
    assert not valid[:, :30].any()
    assert valid[:, 33:].all()


def test_a_transparent_picture(tmp_path):
    pixels = np.dstack([wave_pixels(64, 64), np.where(np.arange(64) < 20, 0, 255)[None].repeat(64, 0)]).astype(np.uint8)
    raster = open_raster(save(pixels, tmp_path / "a.png"), Config(bounds="1.01,1,2,2.01"))
    patch = raster.read(0, 0, 64, 64, 32, 32)
    assert patch.valid[:, 10:].all()
    assert not patch.valid[:, :10].any()
    assert (patch.pixels[:, 10] > 20).any()  # not darkened by what is transparent


def test_a_picture_that_changed_its_size(tmp_path):
    path = save(wave_pixels(64, 64), tmp_path / "a.png")
    with pytest.raises(ImageError, match="Was it resized"):
        PictureRaster(path, PLACES["utm"], Provenance(""))


def test_tiles_of_a_rectangle():
    assert tile_at(1, 10.0, 10.0) == (1, 0)
    assert tile_range_of(1, 85.0, -85.0, -180.0, 180.0).x_max == 1
    where = GeoReference.of_tile(5, 17, 11)
    b = where.bounds
    found = tile_range_of(5, b.north, b.south, b.west, b.east)
    assert (found.x_min, found.x_max, found.y_min, found.y_max) == (17, 17, 11, 11)
    with pytest.raises(CoordinateError, match=r"85\.05"):
        tile_at(3, 89.0, 0.0)


def test_a_folder_opens_what_it_can_and_names_the_rest(tmp_path):
    save(wave_pixels(20, 20), tmp_path / "a.png")
    save(wave_pixels(20, 20), tmp_path / "b.png")
    (tmp_path / "b.georef.json").write_text(json.dumps({"north": 2.0, "south": 1.0, "west": 3.0, "east": 4.0}))
    rasters, problems = open_all(tmp_path)
    assert [raster.name for raster in rasters] == [str(tmp_path / "b.png")]
    assert list(problems) == ["a.png"]


def test_a_geotiff_without_rasterio(tmp_path, monkeypatch):
    where = PLACES["utm"]
    path = geotiff(tmp_path / "a.tif", where, wave_pixels(201, 161))
    own = geotiff(
        tmp_path / "b.tif", GeoReference("+proj=tmerc +lon_0=25", where.affine, 201, 161), wave_pixels(201, 161)
    )
    monkeypatch.setattr("whence.earth.tiles.opening.is_installed", lambda name: False)
    raster = open_raster(path)
    assert isinstance(raster, PictureRaster)
    assert raster.georeference == where
    with pytest.raises(InputError, match=r"no EPSG code.*whence\[scale\]"):
        open_raster(own)
    assert open_raster(own, Config(crs="EPSG:32633")).georeference.crs == "EPSG:32633"
    Image.fromarray(wave_pixels(30, 30)).save(tmp_path / "c.tif")
    with pytest.raises(InputError, match="not told where"):
        open_raster(tmp_path / "c.tif")


def test_a_picture_of_one_band_with_colours(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    where = PLACES["utm"]
    values = np.repeat((np.arange(201) // 67).astype(np.uint8)[None], 161, axis=0)
    path = geotiff(tmp_path / "p.tif", where, values[..., None], photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (255, 0, 0, 255), 1: (0, 255, 0, 255), 2: (0, 0, 255, 255)})
    shown = open_raster(path).read(0, 0, 201, 161, 201, 161).pixels
    assert shown[5, 5].tolist() == [255, 0, 0]
    assert shown[5, 190].tolist() == [0, 0, 255]
