"""Chips show what lies at their place, north up, across the antimeridian and at the poles."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from made_world import made_world
from whence.core.errors import InputError, OptionError
from whence.earth.layers import layers
from whence.samples.chips import SOUTHERNMOST_DEG, ChipCutter, land_places


def _colour(lat_deg: float, lon_deg: float) -> np.ndarray:
    """What `made_world` shows at a point."""
    lon = np.radians(lon_deg)
    return np.array([(lat_deg + 90) / 180, 0.5 + 0.5 * np.cos(lon), 0.5 + 0.5 * np.sin(lon)]) * 255


@pytest.fixture(scope="module")
def cutter() -> ChipCutter:
    return ChipCutter(made_world(), side_px=33, side_deg=12.0)


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (48.0, 11.0), (-33.0, 151.0), (10.0, 179.99), (10.0, -179.99)])
def test_the_middle_of_a_chip_is_its_place(cutter: ChipCutter, lat: float, lon: float) -> None:
    chip = cutter.cut(np.array([lat]), np.array([lon]))[0]
    assert chip.shape == (33, 33, 3)
    assert np.abs(chip[16, 16] - _colour(lat, lon)).max() <= 2


def test_north_is_up_and_east_is_right(cutter: ChipCutter) -> None:
    chip = cutter.cut(np.array([20.0]), np.array([45.0]))[0].astype(float)
    assert chip[0, 16, 0] > chip[16, 16, 0] > chip[-1, 16, 0]  # red grows to the north
    assert chip[16, 0, 2] < chip[16, 16, 2] < chip[16, -1, 2]  # blue grows to the east of 45° E


def test_a_turned_chip_has_another_way_up(cutter: ChipCutter) -> None:
    place = np.array([20.0]), np.array([45.0])
    upright, turned = cutter.cut(*place)[0], cutter.cut(*place, turn_deg=np.array([90.0]))[0]
    assert np.abs(np.rot90(upright, 1).astype(float) - turned).max() <= 2


def test_distances_in_a_chip_are_gnomonic(cutter: ChipCutter) -> None:
    """A point d degrees north of the middle lies tan(d) / tan(half the side) of the way to the edge."""
    chip = cutter.cut(np.array([0.0]), np.array([90.0]))[0]
    row = 4
    fraction = 1 - (row + 0.5) / 33 * 2
    lat = np.degrees(np.arctan(fraction * np.tan(np.radians(6.0))))
    assert chip[row, 16, 0] == pytest.approx(_colour(lat, 90.0)[0], abs=1.5)


def test_the_pole_is_a_place_like_any_other(cutter: ChipCutter) -> None:
    chip = cutter.cut(np.array([90.0]), np.array([0.0]))[0]
    assert chip[16, 16, 0] >= 253
    # At the pole up is towards longitude 180: greens are darkest there.
    assert chip[0, 16, 1] < 10 < 245 < chip[-1, 16, 1]


def test_many_chips_equal_single_ones(cutter: ChipCutter) -> None:
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-80, 80, 700), rng.uniform(-180, 180, 700)
    many = cutter.cut(lat, lon)
    for i in (0, 511, 512, 699):
        assert np.array_equal(many[i], cutter.cut(lat[i : i + 1], lon[i : i + 1])[0])


def test_broken_rasters_and_sizes_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="twice as wide as high"):
        ChipCutter(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(OptionError, match="side_deg"):
        ChipCutter(made_world(), side_deg=120.0)
    (tmp_path / "no.jpg").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no\.jpg cannot be read"):
        ChipCutter.open(tmp_path / "no.jpg")
    Image.fromarray(made_world()).save(tmp_path / "world.png")
    assert ChipCutter.open(tmp_path / "world.png").side_px == 48


def test_land_places_lie_on_land_and_are_spread_by_area() -> None:
    lat, lon = land_places(4_000, np.random.default_rng(1))
    assert len(lat) == len(lon) == 4_000
    assert lat.min() > SOUTHERNMOST_DEG
    assert (layers().values("land_share", lat, lon) >= 0.5).all()
    again = land_places(4_000, np.random.default_rng(1))
    assert np.array_equal(lat, again[0])
    assert np.array_equal(lon, again[1])
    # 67 % of land north of 60° S lies north of the equator, give or take.
    assert 0.6 < (lat > 0).mean() < 0.8
