"""Real reference pictures lie where their makers say, and on one another."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.opening import Config, open_rasters
from whence.earth.tiles.pictures import PictureRaster
from whence.earth.tiles.types import Provenance


def test_tiles_of_a_town(shared):
    folder = shared / "data/crossview/coeffic"
    (raster,) = open_rasters(folder / "tiles")
    where = raster.georeference
    assert (where.width_px, where.height_px) == (11 * 256, 12 * 256)
    with (folder / "tiles.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[::13]:
        x, y = where.to_pixels(float(row["north"]), float(row["west"]))
        assert (float(x) / 256, float(y) / 256) == pytest.approx(
            (round(float(x) / 256), round(float(y) / 256)), abs=0.01
        )
    assert where.gsd_m_per_px == pytest.approx(float(rows[0]["gsd_m"]), rel=0.005)
    patch = Mosaic([raster]).patch_at(*where.centre, 300.0, 64)
    assert patch.valid.all()
    assert patch.pixels.std() > 10


def test_an_orthophoto_without_its_white_edge(shared):
    path = shared / "data/crossview/brighton/ortho_north_up.jpg"
    b = json.loads((path.parent / "ortho.json").read_text())["bounds"]
    text = f"{b['north']},{b['south']},{b['west']},{b['east']}"
    (raster,) = open_rasters(path, Config(bounds=text, nodata="white"))
    assert raster.georeference.gsd_m_per_px == pytest.approx(0.1, rel=0.01)
    patch = raster.read(0, 0, raster.georeference.width_px, raster.georeference.height_px, 200, 176)
    assert 0.4 < patch.valid.mean() < 0.9
    assert patch.pixels[patch.valid].min(axis=1).mean() < 150


def test_aerial_pictures_lie_on_the_satellite_picture(shared):
    folder = shared / "data/crossview/homonim"
    told = json.loads((folder / "georef.json").read_text())

    def opened(name, nodata):
        own = told["files"][name]
        where = GeoReference(told["crs"], tuple(own["affine_a_b_c_d_e_f"]), own["width"], own["height"])
        return PictureRaster(folder / name, where, Provenance(name), nodata)

    aerial = opened("ngi_1.jpg", "black")
    satellite = opened("sentinel2_b432.png", "")
    at = aerial.georeference.centre
    one, other = (Mosaic([raster]).patch_at(*at, 2400.0, 240) for raster in (aerial, satellite))
    assert one.valid.all()
    assert other.valid.all()
    a, b = (np.asarray(patch.pixels, float).mean(axis=2) for patch in (one, other))
    scores = {}
    for dx in range(-4, 5):
        for dy in range(-4, 5):
            part = b[10 + dy : 230 + dy, 10 + dx : 230 + dx]
            scores[dx, dy] = float(np.corrcoef(a[10:230, 10:230].ravel(), part.ravel())[0, 1])
    best = max(scores, key=scores.get)
    assert max(map(abs, best)) <= 1
    assert scores[best] > 0.6
