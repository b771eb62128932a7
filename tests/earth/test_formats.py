import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from whence.core.errors import CoordinateError
from whence.earth import grid
from whence.earth.coordinates import Bounds
from whence.earth.field import CellRegion, Field
from whence.earth.formats import (
    Feature,
    compact,
    features_to_geojson,
    generalised,
    merged_outline,
    region_geometry,
    region_to_geojson,
)
from whence.earth.geotiff import field_to_geotiff, field_to_raster
from whence.earth.kml import features_to_kml
from whence.earth.partition import Partition

KML = "{http://www.opengis.net/kml/2.2}"


def area_km2(geometry):
    """Area on the ellipsoid of polygons whose edges are straight in longitude, latitude."""
    total = 0.0
    for polygon in geometry.geoms:
        for ring in (polygon.exterior, *polygon.interiors):
            lon, lat = np.asarray(shapely.segmentize(ring, 0.05).coords).T
            height = np.sin(np.radians(grid.authalic_lat_deg(lat)))
            total -= float(np.sum(np.diff(np.radians(lon)) * (height[1:] + height[:-1]) / 2.0))
    return total * grid.EARTH_RADIUS_KM**2


def around(lat, lon, sigma_km, level=0.9):
    return Field.from_points([lat], [lon], sigma_km=sigma_km).normalise().credible_region(level)


def test_compact_replaces_four_siblings_by_their_parent():
    cells, orders = compact(np.array([16, 17, 18, 19, 20, 21]), np.full(6, 3))
    assert list(zip(cells, orders, strict=True)) == [(20, 3), (21, 3), (4, 2)]


def test_compact_of_the_whole_earth_is_the_twelve_base_cells():
    cells, orders = compact(np.arange(grid.cell_count(4)), np.full(grid.cell_count(4), 4))
    assert sorted(cells.tolist()) == list(range(12))
    assert not orders.any()


def test_compact_of_nothing_is_nothing():
    cells, orders = compact(np.empty(0, np.int64), np.empty(0, np.int64))
    assert cells.size == orders.size == 0
    assert merged_outline(cells, orders).is_empty


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 179.99),
    sigma=st.sampled_from([0.005, 0.3, 20.0, 300.0, 1500.0]),
    level=st.sampled_from([0.5, 0.9]),
)
@example(lat=-90.0, lon=0.0, sigma=0.005, level=0.9)
@settings(max_examples=60, deadline=None)
def test_outlines_keep_the_area_and_are_valid_everywhere(lat, lon, sigma, level):
    region = around(lat, lon, sigma, level)
    geometry = region_geometry(region)
    assert geometry.is_valid
    west, south, east, north = geometry.bounds
    assert -180.0 <= west <= east <= 180.0
    assert -90.0 <= south <= north <= 90.0
    assert all(polygon.exterior.is_ccw for polygon in geometry.geoms)
    near_pole = sigma < 1.0 and abs(lat) > 89.0
    assert area_km2(geometry) == pytest.approx(region.area_km2, rel=0.05 if near_pole else 0.01)


@given(lat=st.floats(-85, 85), lon=st.floats(-180, 179.99), sigma=st.sampled_from([5.0, 200.0]))
@settings(max_examples=30, deadline=None)
def test_outlines_hold_the_centres_of_their_cells_and_no_others(lat, lon, sigma):
    region = around(lat, lon, sigma, 0.8)
    partition = region.partition
    near = np.flatnonzero(partition.orders == partition.orders[region.index].max())
    inside = shapely.intersects_xy(region_geometry(region), partition.lon_deg[near], partition.lat_deg[near])
    assert np.array_equal(inside, np.isin(near, region.index))


@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([60, 300]))
@settings(max_examples=20, deadline=None)
def test_generalised_regions_keep_their_area_with_few_cells(seed, most):
    rng = np.random.default_rng(seed)
    index = np.sort(rng.choice(grid.cell_count(5), 3000, replace=False))
    cells, orders = generalised(index, np.full(3000, 5), most)
    assert cells.size <= most
    finest = float(grid.cell_area_km2(int(orders.max())))
    assert float(grid.cell_area_km2(orders).sum()) == pytest.approx(3000 * float(grid.cell_area_km2(5)), abs=2 * finest)


def test_generalised_regions_keep_the_densest_part():
    full = np.arange(64) + 256  # one cell of order 2, at order 5
    cells, orders = generalised(np.concatenate([full, [4000, 6000, 8000]]), np.full(67, 5), 2)
    assert (4, 2) in zip(cells.tolist(), orders.tolist(), strict=True)


def test_a_region_across_the_antimeridian_is_cut_there():
    parts = shape(region_to_geojson(around(-17.0, 179.9, 60.0))).geoms
    assert {round(part.bounds[0]) == -180 for part in parts} == {True, False}
    assert all(part.bounds[2] - part.bounds[0] < 5.0 for part in parts)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_region_that_holds_a_pole_reaches_it_at_every_longitude(sign):
    geometry = region_geometry(around(sign * 90.0, 0.0, 300.0))
    lon = np.linspace(-179.0, 179.0, 50)
    assert shapely.contains_xy(geometry, lon, np.full(50, sign * 89.999)).all()
    assert not shapely.contains_xy(geometry, lon, np.full(50, sign * 70.0)).any()


def test_a_hole_stays_a_hole():
    partition = Partition.uniform(5)
    far = grid.chord_km(partition.vectors, grid.unit_vectors(10.0, 20.0))
    index = np.flatnonzero((far < 1500.0) & (far > 700.0))
    geometry = region_geometry(CellRegion(partition, index, 1.0, float(partition.areas_km2[index].sum())))
    assert [len(polygon.interiors) for polygon in geometry.geoms] == [1]
    assert not geometry.contains(shapely.Point(20.0, 10.0))


def test_cells_of_several_orders_merge_without_slivers():
    field = Field.from_points([47.0], [8.0], sigma_km=2.0, floor=0.5).normalise()
    partition = field.partition
    index = np.flatnonzero(grid.chord_km(partition.vectors, grid.unit_vectors(47.0, 8.0)) < 600.0)
    assert len(np.unique(partition.orders[index])) > 3
    geometry = region_geometry(CellRegion(partition, index, 1.0, 0.0))
    assert len(geometry.geoms) == 1
    assert not geometry.geoms[0].interiors


def test_geojson_is_a_collection_with_longitude_first():
    feature = Feature("Arezzo", shapely.Point(11.8769, 43.4686), {"rank": 1})
    found = json.loads(json.dumps(features_to_geojson([feature], {"about": "x"})))
    assert found["type"] == "FeatureCollection"
    assert found["about"] == "x"
    assert found["features"][0] == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [11.8769, 43.4686]},
        "properties": {"name": "Arezzo", "rank": 1},
    }


def test_kml_is_well_formed_whatever_the_names_hold():
    name = "a <b> & \x00\x0b\ud800 \uffff café"
    features = [
        Feature(name, shapely.Point(11.8769, 43.4686), {"probability": 0.5}, "answer"),
        Feature("region", region_geometry(around(-17.0, 179.9, 60.0)), {}, "credible90"),
    ]
    text = features_to_kml(features, name, name)
    root = ET.fromstring(text.encode())
    marks = root.findall(f".//{KML}Placemark")
    assert [mark.findtext(f"{KML}name") for mark in marks] == ["a <b> &   café", "region"]
    assert marks[0].findtext(f".//{KML}coordinates") == "11.8769000,43.4686000"
    styles = {style.get("id") for style in root.iter(f"{KML}Style")}
    assert {mark.findtext(f"{KML}styleUrl")[1:] for mark in marks} <= styles
    for line in marks[1].iter(f"{KML}LinearRing"):
        pairs = [tuple(map(float, pair.split(","))) for pair in line.findtext(f"{KML}coordinates").split()]
        assert pairs[0] == pairs[-1]
        assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in pairs)


def test_a_raster_of_the_uniform_field_has_one_over_the_area():
    raster = field_to_raster(Field.uniform(3).normalise(), Bounds(-90.0, -180.0, 90.0, 180.0), 10.0)
    assert raster.shape == (18, 36)
    assert raster == pytest.approx(1.0 / 510_065_621.724)


def test_a_raster_across_the_antimeridian_has_north_up_and_the_peak_where_it_is():
    field = Field.from_points([-17.0], [-179.9], sigma_km=30.0).normalise()
    raster = field_to_raster(field, Bounds(-20.0, 178.0, -15.0, -178.0), 0.1)
    assert raster.shape == (50, 40)
    row, column = np.unravel_index(int(raster.argmax()), raster.shape)
    assert abs(-15.0 - 0.1 * (row + 0.5) + 17.0) < 0.4
    assert abs(178.0 + 0.1 * (column + 0.5) - 180.1) < 0.4


@pytest.mark.parametrize("resolution", [0.0, -1.0, float("nan"), 400.0, 1e-9])
def test_rasters_that_cannot_be_are_refused(resolution):
    with pytest.raises(CoordinateError):
        field_to_raster(Field.uniform(3), Bounds(0.0, 0.0, 1.0, 1.0), resolution)


def test_geotiff_comes_back_with_its_place(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    field = Field.from_points([47.0], [8.0], sigma_km=30.0).normalise()
    path = tmp_path / "belief.tif"
    field_to_geotiff(field, path, Bounds(46.0, 7.0, 48.0, 9.0), 0.05)
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 4326
        assert file.index(8.0, 47.0) == pytest.approx((20, 20), abs=1)
        assert file.read(1)[20, 20] == pytest.approx(
            float(np.exp(field.at(46.975, 8.025))) / grid.EARTH_AREA_KM2, rel=1e-6
        )
