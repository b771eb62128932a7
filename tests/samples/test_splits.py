"""Splits: parts are disjoint, groups stay whole, no neighbour leaks across the buffer, the same seed draws the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import InputError
from whence.earth.coordinates import distance_km
from whence.samples.splits import (
    Split,
    block_split,
    blocks_at,
    cells_at,
    country_split,
    group_split,
    random_split,
    with_buffer,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def places(count, seed=0):
    """Half of them all over the Earth, half in clusters, some at the antimeridian and the poles."""
    draw = rng(seed)
    lat = np.degrees(np.arcsin(draw.uniform(-1, 1, count)))
    lon = draw.uniform(-180, 180, count)
    half = count // 2
    lat[:half] = np.clip(draw.choice([48.0, 0.0, 89.9, -89.9], half) + draw.normal(0, 0.5, half), -90, 90)
    lon[:half] = draw.choice([11.0, 179.9, -179.9], half) + draw.normal(0, 0.5, half)
    return lat, lon


def assert_whole(split, keys):
    held = [set(keys[part].tolist()) for part in split.parts]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]


@given(seed=st.integers(0, 1000), count=st.integers(3, 300), train=st.floats(0.1, 0.8))
def test_every_split_deals_each_sample_once(seed, count, train):
    lat, lon = places(count, seed)
    shares = (train, (1 - train) / 2, (1 - train) / 2)
    split = random_split(lat, lon, generator=rng(seed), shares=shares)
    assert np.array_equal(np.sort(np.concatenate(split.parts)), np.arange(count))
    assert split.dropped.size == 0
    assert min(part.size for part in split.parts) >= 1
    for part, share in zip(split.parts, shares, strict=True):
        assert abs(part.size - share * count) <= 2


@given(seed=st.integers(0, 1000), block=st.sampled_from([3.0, 7.0, 10.0, 45.0]), buffer=st.sampled_from([0.0, 300.0]))
def test_blocks_stay_whole_and_nothing_near_is_left(seed, block, buffer):
    lat, lon = places(200, seed)
    split = block_split(lat, lon, generator=rng(seed), block_deg=block, buffer_km=buffer)
    assert_whole(split, blocks_at(lat, lon, block))
    assert split.validation.size
    assert split.test.size
    if buffer and split.train.size:
        held = split.held_out
        gaps = distance_km(lat[split.train][:, None], lon[split.train][:, None], lat[held], lon[held])
        assert gaps.min() >= buffer


def test_the_buffer_drops_exactly_what_is_too_near():
    lat, lon = places(600, 4)
    plain = block_split(lat, lon, generator=rng(1))
    buffered = with_buffer(plain, lat, lon, 200.0)
    gaps = distance_km(lat[:, None], lon[:, None], lat[plain.held_out], lon[plain.held_out]).min(axis=1)
    assert set(buffered.dropped) <= set(plain.train[gaps[plain.train] < 200.0 * 1.013])
    assert set(buffered.dropped) >= set(plain.train[gaps[plain.train] < 200.0])
    assert np.array_equal(buffered.test, plain.test)


def test_shares_are_met_on_even_data_and_the_seed_decides():
    lat, lon = np.degrees(np.arcsin(rng(2).uniform(-1, 1, 20_000))), rng(3).uniform(-180, 180, 20_000)
    split = block_split(lat, lon, generator=rng(5))
    assert [round(part.size / 20_000, 2) for part in split.parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    again = block_split(lat, lon, generator=rng(5))
    other = block_split(lat, lon, generator=rng(6))
    assert np.array_equal(split.test, again.test)
    assert not np.array_equal(split.test, other.test)


def test_blocks_of_equal_area():
    lat, lon = places(500, 1)
    split = block_split(lat, lon, generator=rng(), order=3)
    assert_whole(split, cells_at(lat, lon, 3))


def test_block_numbers():
    lat = np.array([-90.0, -80.0, 0.0, 89.99, 90.0, 0.0])
    lon = np.array([-180.0, -170.0, 0.0, 179.99, 180.0, 540.0 - 360.0])
    assert blocks_at(lat, lon, 10.0).tolist() == [0, 37, 9 * 36 + 18, 17 * 36 + 35, 17 * 36, 9 * 36]


def test_photographers_stay_whole_and_the_unknown_stay_together():
    names = [f"p{i}" for i in rng(1).integers(0, 12, 300)]
    names[::10] = [None if i % 2 else "" for i in range(30)]
    lat, lon = places(300)
    split = group_split(names, lat, lon, generator=rng(3))
    assert_whole(split, np.asarray([name or "" for name in names]))


def test_three_photographers_of_whom_one_took_nearly_all_fill_three_parts():
    lat, lon = places(100)
    for seed in range(10):
        split = group_split(["a"] * 98 + ["b", "c"], lat, lon, generator=rng(seed))
        assert sorted(part.size for part in split.parts) == [1, 1, 98]


def test_countries_stay_whole():
    from whence.earth.regions import regions

    lat, lon = places(400, 7)
    split = country_split(lat, lon, generator=rng())
    assert_whole(split, regions("country").at(lat, lon))


def test_a_share_of_nothing_gives_an_empty_part():
    lat, lon = places(50)
    split = block_split(lat, lon, generator=rng(), shares=(0.5, 0.0, 0.5))
    assert split.validation.size == 0
    assert split.test.size > 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shares": (0.8, 0.1, 0.2)}, "sum 1"),
        ({"shares": (1.2, -0.1, -0.1)}, "sum 1"),
        ({"block_deg": 0.0}, "more than 0"),
        ({"block_deg": 200.0}, "at most 180"),
        ({"order": 30}, r"0\.\.29"),
        ({"buffer_km": -1.0}, "0 km or more"),
        ({"buffer_km": float("nan")}, "0 km or more"),
        ({"block_deg": 180.0}, "as many block groups"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    lat, lon = places(30)
    with pytest.raises(InputError, match=said):
        block_split(lat, lon, generator=rng(), **options)


def test_bad_coordinates_and_groups_are_refused():
    with pytest.raises(InputError, match="Sample 1 is at"):
        random_split(np.array([0.0, 91.0, 1.0]), np.zeros(3), generator=rng())
    with pytest.raises(InputError, match="Sample 0 is at"):
        random_split(np.array([np.nan, 9.0, 1.0]), np.zeros(3), generator=rng())
    with pytest.raises(InputError, match="received 2 for 3"):
        group_split(["a", "b"], np.zeros(3), np.zeros(3), generator=rng())


def test_a_split_checks_itself():
    with pytest.raises(InputError, match="two parts"):
        Split(np.array([0, 1]), np.array([1]), np.array([2]), 3)
    with pytest.raises(InputError, match="test part"):
        Split(np.array([0]), np.array([1]), np.array([3]), 3)
    with pytest.raises(InputError, match="ascending"):
        Split(np.array([1, 0]), np.array([2]), np.array([3]), 4)
