import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.earth.basemap import graticule, path_data, towns
from whence.earth.coordinates import distance_km
from whence.earth.drawing import (
    Marker,
    choose_window,
    close_window,
    draw_map,
    radius_holding,
    shaded_share,
    window_masses,
)
from whence.earth.field import Field
from whence.earth.projection import Window

SVG = "{http://www.w3.org/2000/svg}"


def blob(lat, lon, sigma_km, floor=0.0):
    return Field.from_points([lat], [lon], sigma_km=sigma_km, floor=floor).normalise()


BELIEFS = {
    "gps": (blob(43.4686, 11.8769, 0.01, 0.001), (43.4686, 11.8769)),
    "fiji": (blob(-17.5, 179.9, 80.0), (-17.5, 179.9)),
    "north pole": (blob(89.8, 40.0, 80.0), (89.8, 40.0)),
    "south pole": (blob(-89.8, 40.0, 80.0), (-89.8, 40.0)),
    "wide": (
        Field.from_points([40.0, 19.0, -35.0], [-4.0, -99.0, 149.0], sigma_km=600.0, floor=0.05).normalise(),
        (40.0, -4.0),
    ),
    "uniform": (Field.uniform(6).normalise(), (0.0, 0.0)),
}


@pytest.mark.parametrize("kind", BELIEFS)
def test_a_map_is_one_well_formed_small_picture_that_loads_nothing(kind):
    belief, here = BELIEFS[kind]
    text = draw_map(belief, markers=[Marker(*here, "1", 'the <answer> & "more"')])
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert len(text) < 400_000
    assert "<answer>" not in text
    assert set(re.findall(r'https?://[^"]*', text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(script|image|foreignObject)|\son\w+=|nan|inf", text)
    markers = [g for g in root.iter(f"{SVG}g") if "wm-marker" in g.get("class", "")]
    assert len(markers) == 1
    assert text == draw_map(belief, markers=[Marker(*here, "1", 'the <answer> & "more"')])


def test_shades_are_nested_and_lie_around_the_answer():
    belief, here = BELIEFS["fiji"]
    window = close_window(*here, 400.0)
    root = ET.fromstring(draw_map(belief, window=window))
    areas = []
    for path in (p for g in root.iter(f"{SVG}g") if g.get("class") == "wm-belief" for p in g):
        areas.append(path_area(path.get("d")) * window.km_per_px**2)
    expected = [belief.credible_region(level).area_km2 for level in (0.99, 0.9, 0.75, 0.5, 0.25)]
    assert areas == pytest.approx(expected, rel=0.02)


def path_area(data):
    """Signed area inside the rings of relative path data, px²."""
    total = 0.0
    for ring in re.findall(r"M([^Z]*)Z", data):
        start, steps = ring.split("l")
        numbers = [float(v) for v in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", start + " " + steps)]
        points = np.cumsum(np.asarray(numbers).reshape(-1, 2), axis=0)
        x, y = points[:, 0], points[:, 1]
        total += 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return abs(total)


def test_path_data_is_relative_with_a_tenth_of_a_pixel():
    import shapely

    square = shapely.Polygon([(1.02, 1.0), (11.0, 1.0), (11.0, 5.54), (1.0, 5.5)])
    assert path_data(square, 0.0) == "M1 1l10 0 0 4.5-10 0Z"
    assert path_area(path_data(square, 0.0)) == pytest.approx(45.0)
    assert path_data(shapely.Point(3, 3).buffer(0.01), 0.0) == ""


def test_a_wide_belief_gets_the_world_and_a_sharp_one_its_surroundings():
    assert choose_window(BELIEFS["wide"][0], *BELIEFS["wide"][1]).world
    near = choose_window(BELIEFS["gps"][0], *BELIEFS["gps"][1])
    assert not near.world
    assert near.height_px * near.km_per_px == pytest.approx(80.0)
    across = choose_window(blob(0.0, 178.0, 1500.0), 0.0, 178.0)
    assert across.world
    assert abs(across.lon_deg) == 180.0


def test_places_on_both_sides_of_the_antimeridian_are_drawn_side_by_side():
    window = close_window(-17.0, 179.5, 200.0)
    x, _ = window.project([-17.0, -17.0], [179.0, -179.0])
    assert 0.0 < x[1] - x[0] < 400.0
    assert (x[1] - x[0]) * window.km_per_px == pytest.approx(float(distance_km(-17.0, 179.0, -17.0, -179.0)), rel=0.01)


def test_equal_earth_has_its_published_extent():
    window = Window.of_world()
    x, y = window.project([0.0, 0.0, 90.0, -90.0], [-180.0, 180.0, 0.0, 0.0])
    assert x[1] - x[0] == pytest.approx(952.0)
    assert (y[3] - y[2]) / (x[1] - x[0]) == pytest.approx(2.63473 / 5.41326, rel=1e-4)  # Šavrič et al. 2018


@given(lat=st.floats(-89.5, 89.5), lon=st.floats(-180, 179.999), middle=st.floats(-90, 90), turn=st.floats(-180, 179.9))
@settings(max_examples=150, deadline=None)
def test_projections_come_back(lat, lon, middle, turn):
    for window in (Window.of_world(turn), Window.around(middle, turn, 3000.0)):
        back_lat, back_lon = window.unproject(*window.project(lat, lon))
        assert (
            float(distance_km(lat, lon, back_lat, back_lon)) < 0.01 or distance_km(lat, lon, -middle, turn + 180) < 50
        )


@given(lat=st.floats(-89, 89), lon=st.floats(-179, 179))
@settings(max_examples=60, deadline=None)
def test_projections_keep_areas(lat, lon):
    size = 0.01
    corners_lat = np.array([lat, lat, lat + size, lat + size])
    corners_lon = np.array([lon, lon + size, lon + size, lon])
    height = 111.2 * size
    expected = height * float(distance_km(lat + size / 2, lon, lat + size / 2, lon + size))
    for window in (Window.of_world(), Window.around(lat - 5.0 if lat > 0 else lat + 5.0, lon + 3.0, 2000.0)):
        x, y = window.project(corners_lat, corners_lon)
        area = 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) * window.km_per_px**2
        assert area == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize("kind", ["wide", "gps", "uniform", "fiji"])
def test_squares_of_a_map_of_the_world_add_up_to_one(kind):
    masses = window_masses(BELIEFS[kind][0], Window.of_world(), 8)
    assert float(np.nansum(masses)) == pytest.approx(1.0, abs=0.02)
    assert np.isnan(masses[0, 0])


def test_squares_hold_a_sharp_belief_in_its_place():
    belief, here = BELIEFS["gps"]
    window = close_window(*here, 1.0)
    masses = window_masses(belief, window, 7)
    assert np.unravel_index(int(np.nanargmax(masses)), masses.shape) == (window.height_px // 2 // 7, 480 // 7)
    assert float(np.nanmax(masses)) > 0.99


def test_a_plateau_is_not_cut_in_two():
    assert shaded_share(BELIEFS["uniform"][0]) == 0.0
    assert 0.85 < shaded_share(BELIEFS["wide"][0]) < 0.97
    assert shaded_share(BELIEFS["fiji"][0]) >= 0.99


def test_the_radius_that_holds_a_share_is_that_of_the_kernel():
    belief = blob(10.0, 20.0, 100.0)
    assert radius_holding(belief, 10.0, 20.0, 0.3935) == pytest.approx(100.0, rel=0.1)
    assert radius_holding(belief, 10.0, 20.0, 0.8647) == pytest.approx(200.0, rel=0.1)


def test_towns_are_labelled_apart_from_each_other():
    found = towns(close_window(43.4686, 11.8769, 40.0))
    assert {"Arezzo", "Siena"} <= {town.name for town in found}
    for i, a in enumerate(found):
        for b in found[:i]:
            assert abs(a.y - b.y) > 17.0 or abs(a.x - b.x) > 50.0


def test_graticule_lines_carry_their_degrees():
    labels = {line.label for line in graticule(close_window(-17.5, 179.9, 200.0))}
    assert {"180°", "18°S"} <= labels
    assert {label for label in labels if label.endswith("W")}
    world = {line.label for line in graticule(Window.of_world())}
    assert {"0°", "30°N", "60°S", "90°E", "150°W"} <= world


def test_names_of_towns_meet_neither_each_other_nor_the_markers():
    belief, here = BELIEFS["gps"]
    markers = [Marker(*here, "1", "a"), Marker(43.32, 11.33, "2", "b"), Marker(43.52, 11.57, "3", "c")]
    window = close_window(*here, 40.0)
    root = ET.fromstring(draw_map(belief, markers=markers, window=window))
    boxes = []
    for group in next(g for g in root.iter(f"{SVG}g") if g.get("class") == "wm-towns"):
        x, y = map(float, re.findall(r"-?[\d.]+", group.get("transform")))
        text = group.find(f"{SVG}text")
        width, at = 6.0 * len(text.text), x + float(text.get("x"))
        boxes.append((at - width if text.get("text-anchor") == "end" else at, y - 6.0, width, 12.0))
    assert len(boxes) >= 5
    for i, (x, y, width, height) in enumerate(boxes):
        for a, b, c, d in boxes[:i]:
            assert x + width <= a or a + c <= x or y + height <= b or b + d <= y
        for marker in markers:
            px, py = (float(v) for v in window.project(marker.lat_deg, marker.lon_deg))
            assert not (x < px < x + width and y < py < y + height)
