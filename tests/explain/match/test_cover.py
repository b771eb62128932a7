import numpy as np
import pytest

from whence.explain.match.cover import COVERS, cover_mask, is_coloured, otsu, smoothed

BY_NAME = {cover.name: cover for cover in COVERS}
COLOURS = {"green ground": (60, 140, 50), "bare or dry ground": (180, 140, 90), "blue ground or water": (50, 70, 130)}


def test_a_threshold_lies_between_two_groups():
    values = np.concatenate([np.full(300, 0.2), np.full(100, 0.8)]) + np.linspace(-0.01, 0.01, 400)
    threshold, parted = otsu(values)
    assert 0.2 < threshold < 0.8
    assert parted > 0.99
    assert otsu(np.full(50, 0.3)) == (0.3, 0.0)


@pytest.mark.parametrize("name", COLOURS)
def test_a_class_is_found_by_its_colour(name):
    pixels = np.full((40, 60, 3), 110, np.uint8)
    pixels[10:30, 10:30] = COLOURS[name]
    mask, _ = cover_mask(BY_NAME[name], smoothed(pixels), np.ones((40, 60), bool))
    truth = np.zeros((40, 60), bool)
    truth[10:30, 10:30] = True
    assert (mask == truth).mean() > 0.95


def test_a_class_is_absent_where_nothing_reaches_its_floor():
    pixels = np.full((40, 60, 3), 110, np.uint8)
    pixels[:, 30:] = 150
    mask, threshold = cover_mask(BY_NAME["green ground"], smoothed(pixels), np.ones((40, 60), bool))
    assert not mask.any()
    assert threshold == BY_NAME["green ground"].floor


def test_the_brightest_are_the_brightest_of_the_light():
    pixels = np.full((60, 60, 3), 60, np.uint8)
    pixels[:, 20:] = 140
    pixels[20:30, 40:50] = 250
    valid = np.ones((60, 60), bool)
    light, _ = cover_mask(BY_NAME["light surfaces"], smoothed(pixels), valid)
    bright, _ = cover_mask(BY_NAME["brightest spots"], smoothed(pixels), valid)
    assert bright.sum() < 200 < light.sum() or light.sum() == bright.sum()
    assert (bright <= light).all()


def test_a_picture_of_one_band_has_no_colours():
    grey = np.repeat(np.arange(100, dtype=np.uint8).reshape(10, 10, 1), 3, axis=2)
    assert not is_coloured(grey, np.ones((10, 10), bool))
    assert is_coloured(np.full((10, 10, 3), (10, 60, 10), np.uint8), np.ones((10, 10), bool))
    assert not is_coloured(grey, np.zeros((10, 10), bool))
