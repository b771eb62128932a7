"""The page turns pixels into degrees as Python does: its script is run in node, where there is one."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from whence.earth.coordinates import distance_km
from whence.earth.projection import Window
from whence.explain.report.page import asset

NODE = shutil.which("node")
WINDOWS = {
    "world": Window.of_world(150.0),
    "surroundings": Window.around(43.4686, 11.8769, 40.0),
    "antimeridian": Window.around(-17.5, 179.9, 1500.0),
    "pole": Window.around(89.8, 40.0, 800.0, 680, 462),
}
PROGRAM = """
const { windows, points } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = windows.map((view, i) => points[i].map(([x, y]) => unproject(view, x, y)));
process.stdout.write(JSON.stringify(found));
"""


@pytest.mark.skipif(NODE is None, reason="node is not on the path")
def test_the_page_unprojects_as_python_does():
    rng = np.random.default_rng(5)
    sheets = [rng.uniform(-5.0, [w.width_px + 5.0, w.height_px + 5.0], (200, 2)) for w in WINDOWS.values()]
    views = [
        {
            "width": w.width_px,
            "height": w.height_px,
            "lat": w.lat_deg,
            "lon": w.lon_deg,
            "kmPerPx": w.km_per_px,
            "world": w.world,
        }
        for w in WINDOWS.values()
    ]
    given = json.dumps({"windows": views, "points": [sheet.tolist() for sheet in sheets]})
    done = subprocess.run(
        [NODE, "-e", asset("projection.js") + PROGRAM],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for (name, window), sheet, found in zip(WINDOWS.items(), sheets, json.loads(done.stdout), strict=True):
        lat, lon = window.unproject(sheet[:, 0], sheet[:, 1])
        assert [f is None for f in found] == np.isnan(lat).tolist(), name
        on_earth = np.flatnonzero(~np.isnan(lat))
        assert on_earth.size > 100
        their_lat = np.array([found[i]["lat"] for i in on_earth])
        their_lon = np.array([found[i]["lon"] for i in on_earth])
        off_px = distance_km(lat[on_earth], lon[on_earth], their_lat, their_lon) / window.km_per_px
        assert float(off_px.max()) < 0.001, name
        assert ((their_lon >= -180.0) & (their_lon < 180.0)).all()
