"""Crops are where they should be; panoramas are seen in perspective, without seams."""

from __future__ import annotations

import numpy as np
import pytest

from whence.core.errors import OptionError
from whence.encode.views import panorama_views, ten_crop


def sphere(height: int) -> np.ndarray:
    """A panorama whose colour is the direction itself: red east, green north, blue up, 0..255 for −1..1.

    East is at a quarter of the width right of the centre, which is north.
    """
    azimuth = ((np.arange(2 * height) + 0.5) / (2 * height) - 0.5) * 2 * np.pi
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    azimuth, elevation = np.meshgrid(azimuth, elevation)
    direction = [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)]
    return np.rint((np.stack(direction, axis=-1) + 1) * 127.5).astype(np.uint8)


def test_ten_crops():
    pixels = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8, 1).repeat(3, axis=2)
    crops = ten_crop(pixels, 4)
    assert crops.shape == (10, 4, 4, 3)
    assert crops[:5, 0, 0, 0].tolist() == [0, 4, 16, 20, 8 + 2]
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])
    with pytest.raises(OptionError, match="7 pixels cannot be cut from a picture of 8 × 6"):
        ten_crop(pixels, 7)


@pytest.mark.parametrize("fov", [60.0, 90.0, 120.0])
@pytest.mark.parametrize("pitch", [0.0, 30.0, 90.0, -90.0])
def test_every_pixel_is_the_direction_it_looks_at(fov, pitch):
    """The pinhole camera, worked out anew with rotation matrices."""
    side = 32
    views = panorama_views(sphere(512), 4, fov, side, pitch_deg=pitch)
    at = ((np.arange(side) + 0.5) / side * 2 - 1) * np.tan(np.radians(fov / 2))
    x, y = np.meshgrid(at, at)
    rays = np.stack([x, np.ones_like(x), -y], axis=-1)  # right, forward, up
    c, s = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    for i, heading in enumerate(np.radians([0, 90, 180, 270])):
        c, s = np.cos(heading), np.sin(heading)
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])  # clockwise from above
        direction = rays @ (turn @ tilt).T
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        assert np.abs(views[i] / 127.5 - 1 - direction).max() < 0.025


def test_a_mark_is_seen_at_its_heading():
    panorama = np.zeros((180, 360, 3), np.uint8)
    panorama[85:95, 180 + 85 : 180 + 95] = 255  # 90° right of the centre, on the horizon
    views = panorama_views(panorama, 4, 90, 91)
    assert [int(view.max()) for view in views] == [0, 255, 0, 0]
    y, x = np.nonzero(views[1][..., 0] > 127)
    assert (y.mean(), x.mean()) == (45, 45)
    assert x.max() - x.min() + 1 == pytest.approx(2 * 45.5 * np.tan(np.radians(5)), abs=1)
    # 45° to the right of the view's middle is its right edge, and the left edge of the next
    panorama = np.zeros((180, 360, 3), np.uint8)
    panorama[:, 180 + 40 : 180 + 50] = 255
    views = panorama_views(panorama, 4, 90, 91)
    assert views[0][45, -1, 0] == views[1][45, 0, 0] == 255


def test_the_seam_is_not_seen():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    rolled = np.roll(pixels, 64, axis=1)
    assert np.array_equal(panorama_views(pixels, 4)[[2, 3, 0, 1]], panorama_views(rolled, 4))


def test_fine_panoramas_are_averaged():
    stripes = np.zeros((512, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    view = panorama_views(stripes, 1, 90, 32)[0]
    assert np.abs(view[8:24, 8:24].astype(int) - 127.5).max() < 40


def test_a_strip_is_filled_with_its_edge():
    strip = np.zeros((30, 360, 3), np.uint8)
    strip[0] = 200
    view = panorama_views(strip, 1, 90, 45)[0]
    assert (view[:5] == 200).all()
    assert (view[21:23] == 0).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match="received 300 × 200"):
        panorama_views(np.zeros((200, 300, 3), np.uint8))
    with pytest.raises(OptionError, match="received 4, 224, 180"):
        panorama_views(np.zeros((100, 200, 3), np.uint8), fov_deg=180)
