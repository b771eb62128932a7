import cv2
import numpy as np
import pytest

from made_matches import made_match, made_transform
from whence.explain.match.frame import common_frame
from whence.explain.match.lines import BEARINGS, bearings_deg, common_stretches, drawn, of_bearing, segments


def test_a_road_is_found_with_its_bearing_on_the_ground():
    match = made_match(transform=made_transform(turn_deg=90.0, scale=1.0))
    frame = common_frame(match)
    picture = np.full((140, 160, 3), 90, np.uint8)
    cv2.line(picture, (20, 70), (140, 70), (220, 220, 220), 4)
    lines = segments(picture)
    assert len(lines) >= 2
    assert (
        bearings_deg(lines, frame, 0.0) == pytest.approx(np.zeros(len(lines)), abs=2.0)
        or (np.minimum(bearings_deg(lines, frame, 0.0), 180 - bearings_deg(lines, frame, 0.0)) < 2.0).all()
    )
    assert len(of_bearing(lines, bearings_deg(lines, frame, 0.0), BEARINGS.index("N–S"))) == len(lines)
    assert len(of_bearing(lines, bearings_deg(lines, frame, 45.0), BEARINGS.index("NE–SW"))) == len(lines)


def test_short_segments_and_flat_pictures_give_no_lines():
    assert segments(np.full((50, 50, 3), 80, np.uint8)).shape == (0, 4)


def test_each_segment_lies_on_one_other():
    a = np.array([[0.0, 10.0, 100.0, 10.0], [0.0, 60.0, 40.0, 60.0]])
    b = np.array([[100.0, 11.0, 5.0, 11.0], [2.0, 10.5, 80.0, 10.5], [0.0, 90.0, 40.0, 90.0], [20.0, 40.0, 20.0, 80.0]])
    (stretch,) = common_stretches(a, b, (100, 100))
    assert stretch.tolist() == [5.0, 10.0, 100.0, 10.0]


def test_crossing_and_distant_segments_have_nothing_in_common():
    a = np.array([[0.0, 50.0, 100.0, 50.0]])
    assert common_stretches(a, np.array([[0.0, 40.0, 100.0, 60.0], [0.0, 54.0, 100.0, 54.0]]), (100, 100)) == []
    assert common_stretches(np.empty((0, 4)), a, (100, 100)) == []


def test_lines_are_drawn_a_few_pixels_wide():
    mask = drawn(np.array([[2.5, 5.5, 17.5, 5.5]]), (12, 20))
    assert 3 <= mask.sum(axis=0).max() <= 5
    assert mask[5, 3:17].all()
