"""The geometry of panoramas, against positions worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import OptionError
from whence.samples.panorama import (
    PanoramaField,
    aerial_from_polar,
    birds_eye,
    field_of_view,
    ground_positions,
    polar_positions,
    polar_transform,
)

NORTH, EAST, SOUTH, WEST = (200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)


def compass(side: int) -> np.ndarray:
    """A picture from above whose four triangles around the middle have the colours of the directions."""
    steps = np.arange(side) + 0.5 - side / 2
    x, y = np.meshgrid(steps, steps)
    picture = np.zeros((side, side, 3), np.uint8)
    picture[(-y > abs(x))] = NORTH
    picture[(x > abs(y))] = EAST
    picture[(y > abs(x))] = SOUTH
    picture[(-x > abs(y))] = WEST
    return picture


def test_polar_positions_by_hand():
    # Four columns face 225°, 315°, 45° and 135° at their middles; two rows are circles of 3/4 and 1/4 of the radius.
    x, y = polar_positions(8, 4, 2)
    half = math.sqrt(0.5)
    assert np.allclose(x[0], 4 + 3 * half * np.array([-1, -1, 1, 1]))
    assert np.allclose(y[0], 4 + 3 * half * np.array([1, -1, -1, 1]))
    assert np.allclose(np.hypot(x[1] - 4, y[1] - 4), 1)


def test_the_middle_column_faces_the_heading():
    tile = compass(64)
    polar = polar_transform(tile, 128, 32)
    assert tuple(polar[8, 64]) == NORTH
    assert tuple(polar[8, 96]) == EAST
    assert tuple(polar[8, 32]) == WEST
    assert tuple(polar[8, 0]) == SOUTH
    turned = polar_transform(tile, 128, 32, PanoramaField(heading_deg=90.0))
    assert tuple(turned[8, 64]) == EAST
    assert tuple(turned[8, 96]) == SOUTH


@pytest.mark.parametrize("heading", [0.0, 37.0, 270.0])
def test_the_polar_transform_can_be_undone(heading):
    field = PanoramaField(heading_deg=heading)
    tile = compass(64)
    again, inside = aerial_from_polar(polar_transform(tile, 512, 128, field), 64, field)
    assert inside[32, 0]
    assert not inside[0, 0]
    assert inside.mean() == pytest.approx(math.pi / 4, abs=0.02)
    same = np.abs(again.astype(int) - tile).max(-1) < 40  # but for the seams between the triangles
    assert same[inside].mean() > 0.9


def test_ground_positions_by_hand():
    # A camera 2 m up sees ground 2 m away 45° below the horizon: three quarters down a full panorama.
    u, v, seen = ground_positions(360, 180, 2.0, 1.0, 5)
    assert seen.all()
    assert (u[0, 2], v[0, 2]) == pytest.approx((180.0, 135.0))  # 2 m to the north, in the middle column
    assert (u[2, 4], v[2, 4]) == pytest.approx((270.0, 135.0))  # to the east
    assert (u[4, 2], v[4, 2]) == pytest.approx((0.0, 135.0))  # to the south, at the seam
    assert v[2, 2] == pytest.approx(180.0)  # straight down
    assert v[0, 0] == pytest.approx(90 + math.degrees(math.atan(2 / math.sqrt(8))))


def test_a_panorama_that_is_cut_does_not_show_its_feet():
    field = PanoramaField(top_deg=30.0, bottom_deg=-45.0)
    _, v, seen = ground_positions(360, 75, 2.0, 1.0, 9, field)
    assert v[2, 4] == pytest.approx(75.0)  # 2 m away is the lower edge
    assert seen[1, 4]
    assert not seen[3, 4]
    ground, valid = birds_eye(np.full((75, 360, 3), 9, np.uint8), 2.0, 1.0, 9, field)
    assert np.array_equal(valid, seen)
    assert (ground[valid] == 9).all()
    assert (ground[~valid] == 0).all()


def test_birds_eye_keeps_directions():
    panorama = np.zeros((64, 128, 3), np.uint8)
    panorama[:, 56:72] = NORTH
    panorama[:, 88:104] = EAST
    ground, _ = birds_eye(panorama, 1.7, 0.1, 65)
    assert tuple(ground[10, 32]) == NORTH
    assert tuple(ground[32, 54]) == EAST
    turned, _ = birds_eye(panorama, 1.7, 0.1, 65, PanoramaField(heading_deg=180.0))
    assert tuple(turned[54, 32]) == NORTH  # the middle column faces south


@given(st.floats(1.0, 360.0), st.integers(0, 359), st.integers(0, 2**16))
def test_a_field_of_view_is_a_shift_and_a_crop(degrees, turn, seed):
    draw = np.random.default_rng(seed)
    panorama = draw.integers(0, 256, (2, 360, 3), dtype=np.uint8)
    view = field_of_view(panorama, degrees, draw, turn_deg=float(turn))
    assert view.turn_deg == turn
    assert view.pixels.shape[1] == max(1, round(degrees))
    middle = view.pixels.shape[1] // 2
    first = (360 - view.pixels.shape[1]) // 2 + turn
    assert np.array_equal(view.pixels[:, middle], panorama[:, (first + middle) % 360])
    drawn = field_of_view(panorama, degrees, np.random.default_rng(seed))
    again = field_of_view(panorama, degrees, np.random.default_rng(seed))
    assert drawn.turn_deg == again.turn_deg


def test_sizes_that_are_none_are_refused():
    with pytest.raises(OptionError, match="square"):
        polar_transform(np.zeros((4, 6, 3), np.uint8), 8, 2)
    with pytest.raises(OptionError, match="camera_height_m must be positive"):
        birds_eye(np.zeros((4, 8, 3), np.uint8), camera_height_m=0.0)
    with pytest.raises(OptionError, match="at most 360"):
        field_of_view(np.zeros((4, 8, 3), np.uint8), 361.0, np.random.default_rng(0))
    with pytest.raises(OptionError, match="bottom below top"):
        PanoramaField(top_deg=-10.0, bottom_deg=10.0)
