"""Patches are where they say, to a small part of a pixel, in every projection."""

from __future__ import annotations

import math

import numpy as np
import pytest

from made_rasters import PERIOD, colours_at, expected, save, wave_pixels
from whence.core.errors import CoordinateError
from whence.earth.coordinates import Bounds
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic, local_reference
from whence.earth.tiles.pictures import PictureRaster
from whence.earth.tiles.types import Provenance

SIZE = (400, 320)
STEEPEST = 100 * 2 * math.pi / PERIOD
"""Levels of colour a pixel, at most."""


def rotated(crs: str, x: float, y: float, step: float, turn_deg: float) -> GeoReference:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return GeoReference(crs, (step * c, step * s, x, step * s, -step * c, y), *SIZE)


SOURCES = {
    "web mercator": GeoReference("EPSG:3857", (0.6, 0.0, 3918467.8, 0.0, -0.6, 3777976.6), *SIZE),
    "degrees": GeoReference.of_bounds(Bounds(north=46.8430, south=46.8415, west=-91.9950, east=-91.9925), *SIZE),
    "transverse mercator": GeoReference(
        "+proj=tmerc +lon_0=25 +datum=WGS84", (5, 0, -57129.4, 0, -5, -3723906.8), *SIZE
    ),
    "turned UTM": rotated("EPSG:32633", 500300.0, 5200300.0, 2.0, 33.0),
    "europe, equal areas": GeoReference("EPSG:3035", (10, 0, 2860513.0, 0, -10, 2310852.0), *SIZE),
    "degrees over the antimeridian": GeoReference.of_bounds(
        Bounds(north=1.0, south=0.2, west=179.5, east=-179.5), *SIZE
    ),
    "web mercator over the antimeridian": GeoReference("EPSG:3857", (5.0, 0, 20036508.0, 0, -5.0, 800.0), *SIZE),
}


def raster(tmp_path, where: GeoReference, name: str = "a.png", pixels=None, path: str = "") -> PictureRaster:
    picture = wave_pixels(where.width_px, where.height_px) if pixels is None else pixels
    return PictureRaster(save(picture, tmp_path / name), where, Provenance("made", path=path))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("bearing", [0.0, 37.0])
def test_a_patch_shows_what_lies_there(tmp_path, name, bearing):
    where = SOURCES[name]
    lat, lon = where.centre
    gsd = where.gsd_m_per_px
    patch = Mosaic([raster(tmp_path, where)]).patch_at(lat, lon, 110 * gsd, 110, bearing)
    told, inside = expected(where, patch.georeference)
    assert inside.all()
    assert patch.valid.all()
    away = np.abs(patch.pixels - told)
    assert away[..., :2].max() <= 0.08 * STEEPEST + 1.0  # a twelfth of a pixel, and rounding twice
    shift = (patch.pixels[..., :2] - told[..., :2]).mean(axis=(0, 1))
    assert np.abs(shift).max() < 0.1
    assert patch.georeference.up_bearing_deg == pytest.approx(bearing, abs=1e-3)
    assert patch.georeference.gsd_m_per_px == pytest.approx(gsd, rel=1e-6)


@pytest.mark.parametrize("name", ["web mercator", "turned UTM", "degrees"])
def test_shrinking_averages_and_stays_in_place(tmp_path, name):
    where = SOURCES[name]
    gsd = where.gsd_m_per_px
    patch = Mosaic([raster(tmp_path, where)]).patch_at(*where.centre, 200 * gsd, 40)
    told, _ = expected(where, patch.georeference)
    away = patch.pixels[..., :2] - told[..., :2]
    # Averages over five pixels flatten the waves by a few levels, but move nothing.
    assert np.abs(away).max() < 9.0
    assert np.abs(away.mean(axis=(0, 1))).max() < 0.7


def test_shrinking_does_not_alias(tmp_path):
    where = GeoReference("EPSG:3857", (1.0, 0.0, 0.0, 0.0, -1.0, 200.0), 400, 400)
    board = (np.indices((400, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)
    patch = Mosaic([raster(tmp_path, where, pixels=np.repeat(board[..., None], 3, axis=2))]).patch_at(
        *where.centre, 330.0, 47, 10.0
    )
    assert np.abs(patch.pixels.astype(int) - 127).max() < 12


def test_enlarging_interpolates(tmp_path):
    where = SOURCES["web mercator"]
    gsd = where.gsd_m_per_px
    patch = Mosaic([raster(tmp_path, where)]).patch_at(*where.centre, 40 * gsd, 160)
    told, _ = expected(where, patch.georeference)
    assert np.abs(patch.pixels[..., :2] - told[..., :2]).max() < 2.5


def test_the_edge_of_a_raster_is_where_it_says(tmp_path):
    where = SOURCES["turned UTM"]
    patch = Mosaic([raster(tmp_path, where)]).patch_at(*map(float, where.to_lat_lon(40.0, 160.0)), 300.0, 150)
    told, inside = expected(where, patch.georeference)
    assert (patch.valid != inside).mean() < 0.002
    assert not patch.pixels[~patch.valid].any()
    away = np.abs(patch.pixels[..., :2] - told[..., :2])[patch.valid]
    assert away.max() < 6.5  # half a pixel of the edge goes on without a slope


def test_rasters_side_by_side_have_no_seam(tmp_path):
    whole = SOURCES["web mercator"]
    left, right = whole.window(0, 0, 200, 320), whole.window(200, 0, 200, 320)
    pixels = wave_pixels(*SIZE)
    parts = [raster(tmp_path, left, "l.png", pixels[:, :200]), raster(tmp_path, right, "r.png", pixels[:, 200:])]
    patch = Mosaic(parts).patch_at(*whole.centre, 100.0, 200, 20.0)
    told, _ = expected(whole, patch.georeference)
    assert patch.valid.all()
    assert np.abs(patch.pixels[..., :2] - told[..., :2]).max() < 6.5


def test_the_finest_raster_wins_and_coarser_ones_fill(tmp_path):
    coarse = SOURCES["web mercator"]
    fine = coarse.window(150, 110, 100, 100, 400, 400)
    red, blue = (
        np.full((*shape, 3), colour, np.uint8)
        for shape, colour in (((400, 400), (200, 0, 0)), ((320, 400), (0, 0, 200)))
    )
    rasters = [raster(tmp_path, coarse, "c.png", blue), raster(tmp_path, fine, "f.png", red)]
    patch = Mosaic(rasters).patch_at(*coarse.centre, 90.0, 90)
    assert patch.valid.all()
    assert {tuple(c) for c in patch.pixels.reshape(-1, 3)} == {(200, 0, 0), (0, 0, 200)}
    assert tuple(patch.pixels[45, 45]) == (200, 0, 0)
    assert Mosaic(rasters).covering(*coarse.centre, 90.0) == (rasters[1], rasters[0])


def test_levels_of_a_pyramid_stand_for_each_other(tmp_path):
    coarse = GeoReference("EPSG:3857", (4.0, 0.0, 0.0, 0.0, -4.0, 0.0), 100, 100)
    fine = GeoReference("EPSG:3857", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 400, 400)
    red, blue = (np.full((n, n, 3), colour, np.uint8) for n, colour in ((400, (200, 0, 0)), (100, (0, 0, 200))))
    rasters = [raster(tmp_path, coarse, "c.png", blue, "p"), raster(tmp_path, fine, "f.png", red, "p")]
    at = fine.centre
    assert tuple(Mosaic(rasters).patch_at(*at, 100.0, 100).pixels[50, 50]) == (200, 0, 0)
    assert tuple(Mosaic(rasters).patch_at(*at, 100.0, 25).pixels[12, 12]) == (0, 0, 200)


def test_a_world_raster_goes_on_over_the_antimeridian_and_the_pole(tmp_path):
    where = GeoReference.of_bounds(Bounds(north=90, south=-90, west=-180, east=180), 1080, 540)
    lat, lon = np.meshgrid(90 - (np.arange(540) + 0.5) / 3, (np.arange(1080) + 0.5) / 3 - 180, indexing="ij")
    shade = 127 + 100 * np.cos(np.radians(lon)) * np.cos(np.radians(lat))  # smooth over the whole sphere
    pixels = np.repeat(np.rint(shade).astype(np.uint8)[..., None], 3, axis=2)
    mosaic = Mosaic([raster(tmp_path, where, pixels=pixels)])
    for at in ((10.0, 179.9), (-20.0, -179.0), (89.0, 30.0), (-90.0, 0.0)):
        patch = mosaic.patch_at(*at, 1_500_000.0, 60)
        assert patch.valid.all()
        x, y = np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5)
        la, lo = patch.georeference.to_lat_lon(x, y)
        told = 127 + 100 * np.cos(np.radians(lo)) * np.cos(np.radians(la))
        assert np.abs(patch.pixels[..., 0] - told).max() < 2.0


def test_nothing_there_is_black_and_not_valid(tmp_path):
    patch = Mosaic([raster(tmp_path, SOURCES["degrees"])]).patch_at(10.0, 10.0, 100.0, 16)
    assert not patch.valid.any()
    assert not patch.pixels.any()
    assert "no reference picture" in patch.provenance.source
    assert not Mosaic([]).patch_at(0.0, 0.0, 10.0, 8).valid.any()


@pytest.mark.parametrize(
    "given", [(91.0, 0.0, 10.0, 8), (0.0, float("nan"), 10.0, 8), (0.0, 0.0, 0.0, 8), (0.0, 0.0, 5.0, 0)]
)
def test_impossible_patches_are_refused(given):
    with pytest.raises(CoordinateError, match="received"):
        local_reference(*given)


def test_colours_tell_positions():
    assert np.abs(colours_at(16.1, 0.0) - colours_at(16.0, 0.0)).max() < 0.1 * STEEPEST + 1e-9
