"""Lines between truths and answers."""

import math

import numpy as np
import pytest

from whence.earth.coordinates import distance_km
from whence.earth.projection import Window
from whence.evaluate.records import Truth
from whence.evaluate.report.errors_map import (
    MOST_LINES,
    class_name,
    class_of,
    close_map,
    errors_map,
    great_circle,
    thinned,
)
from whence.evaluate.report.pictures import Pictured


def item(lat, lon, to_lat, to_lon, name="a.jpg"):
    error = float(distance_km(lat, lon, to_lat, to_lon)) if math.isfinite(to_lat) else math.inf
    nan = math.nan
    return Pictured(
        name, "", Truth(lat, lon), to_lat, to_lon, error, nan, nan, False, None, nan, nan, nan, nan, None
    )  # fmt: skip


def test_classes_of_errors():
    assert [class_of(km) for km in (0.0, 25.0, 25.1, 200.0, 749.0, 2500.0, 2501.0)] == [0, 0, 1, 1, 2, 3, 4]
    assert [class_name(i) for i in (0, 3, 4)] == ["within 25 km", "within 2,500 km", "over 2,500 km"]


@pytest.mark.parametrize(
    "ends", [(0, 0, 0, 90), (48.9, 2.4, -33.9, 151.2), (10, 20, 10, 20), (90, 0, -90, 0), (5, 7, -5, -173)]
)
def test_a_great_circle_leads_from_end_to_end_by_the_shorter_way(ends):
    lat, lon = great_circle(*ends)
    assert np.allclose([lat[0], lat[-1]], [ends[0], ends[2]], atol=1e-6)
    assert float(distance_km(lat[-1], lon[-1], ends[2], ends[3])) < 0.01
    steps = distance_km(lat[:-1], lon[:-1], lat[1:], lon[1:])
    assert float(np.sum(steps)) == pytest.approx(float(distance_km(*ends)), rel=0.005, abs=0.01)
    assert float(np.max(steps)) < 270.0


def test_the_equator_s_quarter_has_its_middle_at_45_degrees():
    lat, lon = great_circle(0.0, 0.0, 0.0, 90.0)
    assert np.allclose(lat, 0.0, atol=1e-9)
    assert lon[lon.size // 2] == pytest.approx(45.0, abs=1.5)


def test_a_line_over_the_antimeridian_is_cut_in_two():
    html = errors_map([item(-18.0, 178.0, -17.0, -178.0)])
    assert html.split('class="em-line" d="')[1].split('"')[0].count("M") == 2
    assert html.split('class="em-line" d="')[1].split('"')[0].count("L") >= 1
    plain = errors_map([item(48.9, 2.4, 45.8, 4.8)])
    assert plain.split('class="em-line" d="')[1].split('"')[0].count("M") == 1


def test_pictures_without_an_answer_have_no_line():
    assert errors_map([item(1.0, 2.0, math.nan, math.nan)]) == ""
    assert close_map(item(1.0, 2.0, math.nan, math.nan)) == ""
    assert errors_map([item(1.0, 2.0, 3.0, 4.0), item(1.0, 2.0, math.nan, math.nan)]).count("em-line") == 1


def test_ends_stand_where_they_are_projected():
    html = errors_map([item(0.0, 0.0, 0.0, 10.0)])
    x, y = Window.of_world(0.0, 1160).project(0.0, 0.0)
    assert f'class="em-truth" cx="{float(x):.1f}" cy="{float(y):.1f}"' in html


def test_names_never_become_markup():
    html = errors_map([item(0.0, 0.0, 1.0, 1.0, "<script>alert(1)</script>")])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_many_pictures_are_thinned_evenly_and_keep_the_extremes():
    many = [item(0.0, 0.0, 0.0, i / 100.0) for i in range(MOST_LINES + 500)]
    few = thinned(many)
    assert len(few) == MOST_LINES
    assert few[0] is many[0]
    assert few[-1] is many[-1]
    assert thinned(many[:10]) == many[:10]
