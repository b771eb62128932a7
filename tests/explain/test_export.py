import json
import xml.etree.ElementTree as ET

import pytest
from shapely.geometry import shape

from whence.explain.export import estimate_to_geojson, estimate_to_geotiff, estimate_to_kml

KINDS = ("sharp", "wide", "nothing", "fiji", "pole")


@pytest.mark.parametrize("kind", KINDS)
def test_geojson_holds_regions_candidates_and_answer(made_estimates, kind):
    estimate = made_estimates[kind]
    found = json.loads(json.dumps(estimate_to_geojson(estimate), allow_nan=False))
    roles = [feature["properties"]["role"] for feature in found["features"]]
    assert roles == ["credible", "credible", *["candidate"] * len(estimate.candidates), "answer"]
    wide, narrow = (shape(feature["geometry"]) for feature in found["features"][:2])
    assert wide.is_valid
    assert narrow.is_valid
    assert [f["properties"]["level"] for f in found["features"][:2]] == [0.9, 0.5]
    lon, lat = found["features"][-1]["geometry"]["coordinates"]
    assert (lat, lon) == pytest.approx((estimate.point.lat_deg, estimate.point.lon_deg), abs=1e-6)
    assert found["whence"]["query"] == estimate.query.name
    assert found["features"][-1]["properties"]["abstained"] is estimate.abstained


@pytest.mark.parametrize("kind", KINDS)
def test_kml_is_well_formed(made_estimates, kind):
    root = ET.fromstring(estimate_to_kml(made_estimates[kind]).encode())
    names = [mark.findtext("{*}name") for mark in root.iter("{http://www.opengis.net/kml/2.2}Placemark")]
    assert names[:2] == ["90% credible region", "50% credible region"]
    assert len(names) == 3 + len(made_estimates[kind].candidates)


@pytest.mark.parametrize("kind", ["sharp", "pole"])
def test_geotiff_shows_the_answer(made_estimates, kind, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "belief.tif"
    estimate_to_geotiff(made_estimates[kind], path)
    with rasterio.open(path) as file:
        pixels = file.read(1)
        assert 900 <= max(file.width, file.height) <= 1001
        assert pixels.max() > 0
        assert file.bounds.bottom < made_estimates[kind].point.lat_deg < file.bounds.top
