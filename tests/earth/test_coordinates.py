"""Geodesics, means, bounds and parsing against known values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import CoordinateError
from whence.earth.coordinates import (
    Bounds,
    Point,
    bearing_deg,
    bounds_of,
    bounds_of_disc,
    destination,
    distance_km,
    geodesic_median,
    point,
    spherical_mean,
    wrap_lon_deg,
)
from whence.earth.parsing import parse_point

latitudes = st.floats(-89.9, 89.9)
longitudes = st.floats(-180, 180, exclude_max=True)


def test_distance_known_values():
    assert distance_km(0, 0, 0, 1) == pytest.approx(111.3195, abs=1e-4)  # equatorial degree: 2π·6378.137/360
    assert distance_km(90, 0, -90, 0) == pytest.approx(20003.9315, abs=1e-3)  # half a meridian ellipse
    assert distance_km(-41.32, 174.81, 40.96, -5.50) == pytest.approx(
        19959.679, abs=1e-2
    )  # Karney 2013, PROJ's example
    assert distance_km([0, 0], 0, 0, [0, 1]).shape == (2,)


@given(latitudes, longitudes, st.floats(0, 359.9), st.floats(1, 9000))
def test_destination_is_as_far_and_in_the_direction_asked(lat, lon, bearing, km):
    there = destination(lat, lon, bearing, km)
    assert distance_km(lat, lon, *there) == pytest.approx(km, rel=1e-9)
    turn = (bearing_deg(lat, lon, *there) - bearing + 180) % 360 - 180
    assert abs(turn) < 1e-6
    assert -180 <= there[1] < 180


def test_wrapping_keeps_what_is_in_range_to_the_last_bit():
    assert wrap_lon_deg(2.2945) == 2.2945
    assert wrap_lon_deg([180.0, 190.0, -190.0, 540.0]).tolist() == [-180.0, -170.0, 170.0, -180.0]


@pytest.mark.parametrize(
    ("lat", "lon", "words"),
    [(91, 0, "outside"), (120, 30, "swapped"), (0, 400, "Longitude"), (math.nan, 0, "finite")],
)
def test_bad_points_are_refused(lat, lon, words):
    with pytest.raises(CoordinateError, match=words):
        point(lat, lon)


def test_mean_and_median():
    across = spherical_mean([10, 10], [179, -179])
    assert abs(abs(across.lon_deg) - 180) < 1e-9
    assert across.lat_deg == pytest.approx(10, abs=0.01)
    with pytest.raises(CoordinateError, match="cancel"):
        spherical_mean([0, 0], [0, 180])
    with pytest.raises(CoordinateError, match="at least one"):
        spherical_mean([], [])
    with pytest.raises(CoordinateError, match="Weights"):
        geodesic_median([0, 1], [0, 1], [-1, 2])
    # a point with half of the weight is the median, however far the others are
    assert geodesic_median([50, 0, 0], [10, 0, 90], [2, 1, 1]) == Point(50.0, 10.0)
    # three corners of a small equilateral triangle: the median is the middle
    lat, lon = destination(10.0, 20.0, [0.0, 120.0, 240.0], 50.0)
    middle = geodesic_median(lat, lon)
    assert distance_km(middle.lat_deg, middle.lon_deg, 10.0, 20.0) < 0.1


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-50, 50), st.floats(0.1, 5)), min_size=3, max_size=12))
def test_no_given_point_beats_the_median(rows):
    lat, lon, w = (np.array(column) for column in zip(*rows, strict=True))
    found = geodesic_median(lat, lon, w)

    def cost(a, b):
        return float(distance_km(a, b, lat, lon) @ w)

    best_given = min(cost(a, b) for a, b in zip(lat, lon, strict=True))
    assert cost(found.lat_deg, found.lon_deg) <= best_given * 1.003 + 1e-6  # sphere against ellipsoid


def test_bounds():
    assert bounds_of([1, 2], [179, -179]) == Bounds(1, 179, 2, -179)
    assert bounds_of([1, 2], [-10, 20]) == Bounds(1, -10, 2, 20)
    assert bounds_of_disc(89, 10, 200).west == -180.0
    assert bounds_of_disc(89, 10, 200).north == 90.0
    fiji = bounds_of_disc(-17, 179.9, 100)
    assert fiji.west > fiji.east
    assert fiji.contains([-17, -17, -17], [-179.5, 179.5, 0]).tolist() == [True, True, False]


PARIS = Point(48.8584, 2.2945)


@pytest.mark.parametrize(
    "text",
    [
        "48.8584, 2.2945",
        "48.8584 2.2945",
        "48.8584;2.2945",
        "48,8584 2,2945",
        "48.8584N 2.2945E",
        "2.2945E, 48.8584N",
        "N48.8584 E2.2945",
        "48.8584° N, 2.2945° E",
        "geo:48.8584,2.2945;u=20",
        "geo:48.8584,2.2945,35?z=3",
        "https://www.google.com/maps/@48.8584,2.2945,17z",
        "https://www.google.com/maps/place/X/@48.1,2.1,17z/data=!3d48.8584!4d2.2945",
        "https://maps.google.com/?q=48.8584,2.2945",
        "https://www.openstreetmap.org/#map=17/48.8584/2.2945",
        "https://www.openstreetmap.org/?mlat=48.8584&mlon=2.2945#map=3/1/1",
        "https://www.bing.com/maps?cp=48.8584~2.2945",
        "https://maps.apple.com/?ll=48.8584%2C2.2945",
        "48°51'30.24\"N 2°17'40.2\"E",
        "48°51.504'N 2°17.67'E",
        "48 51 30.24 N, 2 17 40.2 E",
        "48:51:30.24N 2:17:40.2E",
    ],
)
def test_parsing_one_place_in_many_ways(text):
    found = parse_point(text)
    assert found.lat_deg == pytest.approx(PARIS.lat_deg, abs=1e-9)
    assert found.lon_deg == pytest.approx(PARIS.lon_deg, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "not a location"),
        ("", "not a location"),
        ("12.5", "not a location"),
        ("95, 10", "outside"),
        ("10N 20N", "two latitudes"),
        ("-48.8S 2E", "minus sign"),
        ("48 70 30 N, 2 17 40 E", "below 60"),
        ("8FW4V75V+8Q", "plus code"),
        ("https://example.org/", "No coordinates"),
        ("43,28.1 N 3,4 E", "not a location"),
    ],
)
def test_what_is_no_place_is_refused(text, words):
    with pytest.raises(CoordinateError, match=words):
        parse_point(text)


def test_south_and_west():
    found = parse_point("33°54′S 18°25′W")
    assert (found.lat_deg, found.lon_deg) == pytest.approx((-33.9, -18.4166667))
    assert parse_point("-33.9 -18.5") == Point(-33.9, -18.5)


@given(st.floats(-90, 90), longitudes)
def test_what_is_written_is_read(lat, lon):
    assert parse_point(f"{lat:.6f}, {lon:.6f}") == point(round(lat, 6), round(lon, 6))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        found = parse_point(text)
    except CoordinateError:
        return
    assert abs(found.lat_deg) <= 90
