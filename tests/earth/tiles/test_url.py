"""Tiles of a server: only if asked for, named, kept, spaced; a loopback server stands for it."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise

import numpy as np
import pytest

from made_rasters import save, wave_pixels
from whence.core.errors import OptionError
from whence.core.version import __version__
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.pyramid import tile_levels
from whence.earth.tiles.types import Provenance
from whence.earth.tiles.url import Config, TileUrl

AT = GeoReference.of_tile(16, 40000, 22000)
BOUNDS = ",".join(
    str(v) for v in (AT.bounds.north - 1e-6, AT.bounds.south + 1e-6, AT.bounds.west + 1e-6, AT.bounds.east - 1e-6)
)


@pytest.fixture
def server(tmp_path):
    tile = save(wave_pixels(256, 256), tmp_path / "tile.png").read_bytes()
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["User-Agent"], time.monotonic()))
            status = 200 if self.path.startswith("/16/40000/22000") else 500 if "/15/" in self.path else 404
            self.send_response(status)
            self.end_headers()
            if status == 200:
                self.wfile.write(tile)

        def log_message(self, *given):
            pass

    machine = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=machine.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{machine.server_port}/{{z}}/{{x}}/{{y}}.png", asked
    machine.shutdown()
    thread.join()
    machine.server_close()


def source(url, tmp_path, **more):
    config = Config(
        url=url, cache=str(tmp_path / "kept"), per_second=1000.0, **{"bounds": BOUNDS, "zooms": "16", **more}
    )
    return TileUrl(config, Provenance("a server", "its terms"))


def test_tiles_are_asked_for_once(server, tmp_path):
    url, asked = server
    for _ in range(2):
        rasters = tile_levels(source(url, tmp_path))
        patch = Mosaic(rasters).patch_at(*AT.centre, 60.0, 64)
        assert patch.valid.all()
    assert [a[:2] for a in asked] == [("/16/40000/22000.png", f"whence/{__version__}")]
    assert np.ptp(patch.pixels) > 50


def test_missing_tiles_are_remembered_and_errors_are_not(server, tmp_path):
    url, asked = server
    made = source(url, tmp_path, zooms="14,15")
    assert made.tile(14, 3, 3) is None
    assert made.tile(14, 3, 3) is None
    assert len(asked) == 1
    level = tile_levels(made)[0]
    assert not level.read(0, 0, 10, 10, 10, 10).valid.any()
    assert "answers 500" in next(iter(level.unreadable.values()))


def test_requests_are_spaced(server, tmp_path):
    url, asked = server
    made = TileUrl(Config(url=url, cache=str(tmp_path), bounds=BOUNDS, zooms="16", per_second=10.0), Provenance(""))
    for x in range(3):
        made.tile(14, x, 0)
    assert min(b[2] - a[2] for a, b in pairwise(asked)) > 0.08


@pytest.mark.parametrize(
    "given",
    [
        {"url": ""},
        {"url": "file:///etc/{z}/{x}/{y}"},
        {"url": "http://a/{z}/{x}"},
        {"bounds": ""},
        {"zooms": ""},
        {"zooms": "40"},
        {"bounds": "60,50,0,20", "zooms": "16"},
        {"per_second": 0.0},
    ],
)
def test_nothing_is_asked_for_by_itself(given):
    config = {"url": "http://127.0.0.1:9/{z}/{x}/{y}.png", "bounds": BOUNDS, "zooms": "16", **given}
    with pytest.raises(OptionError):
        TileUrl(Config(**config), Provenance(""))
