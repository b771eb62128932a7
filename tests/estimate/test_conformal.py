"""Levels of conformal regions: by hand, against the regions that they stand for, and over many draws."""

import numpy as np
import pytest

from whence.core.errors import OptionError
from whence.earth.field import Field
from whence.earth.grid import EARTH_AREA_KM2
from whence.earth.partition import Partition
from whence.estimate.conformal import WHOLE, code_before, codes_of, conformal_level, rank, region_of, share_before


def belief_by_hand() -> Field:
    """Twelve cells with masses .4, .3, .2 and nine of which one is ruled out and eight share the rest."""
    masses = np.array([0.2, 0.4, 0.3] + [0.1 / 8] * 8 + [0.0])
    with np.errstate(divide="ignore"):
        return Field(Partition.uniform(0), np.log(masses * 12))


def test_the_share_before_a_place_by_hand():
    belief = belief_by_hand()
    before = [
        share_before(belief, *place) for place in zip(belief.partition.lat_deg, belief.partition.lon_deg, strict=True)
    ]
    assert before[:3] == pytest.approx([0.7, 0.0, 0.4])
    assert before[3:11] == pytest.approx(0.9 + 0.1 / 8 * np.arange(8))
    assert before[11] == WHOLE


def test_a_region_holds_exactly_the_places_with_no_more_before_them():
    rng = np.random.default_rng(0)
    partition = Partition.uniform(2)
    belief = Field(partition, np.round(rng.normal(size=len(partition)), 1)).normalise()  # many ties
    places = list(zip(partition.lat_deg, partition.lon_deg, strict=True))
    before = np.array([share_before(belief, *place) for place in places])
    for level in (0.0, 0.31, *before[[5, 77]]):
        held = region_of(belief, float(level)).contains(partition.lat_deg, partition.lon_deg)
        assert (held == (before <= level + 1e-9)).all()


def test_the_whole_earth_holds_also_what_is_ruled_out():
    region = region_of(belief_by_hand(), WHOLE)
    assert region.area_km2 == pytest.approx(EARTH_AREA_KM2)
    assert region.contains(belief_by_hand().partition.lat_deg, belief_by_hand().partition.lon_deg).all()


def test_sets_of_codes_by_hand():
    masses = {"FR": 0.5, "ES": 0.3, "IT": 0.15, "": 0.05}
    assert [code for code, _ in rank(masses)] == ["FR", "ES", "IT", ""]
    assert code_before(masses, "IT") == pytest.approx(0.8)
    assert code_before(masses, "JP") == WHOLE
    assert codes_of(masses, 0.0) == ("FR",)
    assert codes_of(masses, 0.8) == ("FR", "ES", "IT")
    assert codes_of(masses, WHOLE) is None


def test_levels_by_hand():
    scores = np.arange(1, 10) / 10.0
    assert conformal_level(scores, 0.5) == pytest.approx(0.5)  # ⌈10 · 0.5⌉ = the fifth
    assert conformal_level(scores, 0.9) == pytest.approx(0.9)  # ⌈10 · 0.9⌉ = the ninth
    assert conformal_level(scores[:8], 0.9) == WHOLE  # the ninth of eight
    groups = ["a"] * 7 + ["b", "c"]  # votes 7 × 1/7, 1, 1 of 3 + 1: two are needed
    assert conformal_level(scores, 0.5, groups) == pytest.approx(0.8)
    assert conformal_level(scores, 0.9, groups) == WHOLE
    assert conformal_level(scores, 0.5, [None] * 9) == conformal_level(scores, 0.5)
    with pytest.raises(OptionError, match="within"):
        conformal_level(scores, 1.0)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_a_new_picture_is_covered_as_often_as_was_promised(coverage):
    """Coverage over draws of calibration set and new picture is within [c, c + 1/(n + 1)]; 4,000 draws of it."""
    rng = np.random.default_rng(1)
    draws, n = 4000, 30
    scores = rng.beta(0.5, 0.3, size=(draws, n + 1))
    held = [row[-1] <= conformal_level(row[:-1], coverage) for row in scores]
    error = 3.5 * np.sqrt(coverage * (1 - coverage) / draws)
    assert coverage - error <= np.mean(held) <= coverage + 1 / (n + 1) + error


def test_a_picture_of_a_new_group_is_covered_as_often_as_was_promised():
    """Groups differ and have many pictures or few: by pictures the promise would be broken, by groups it holds."""
    rng = np.random.default_rng(2)
    held, naive = [], []
    for _ in range(2000):
        middles = rng.beta(0.4, 0.4, size=20)
        sizes = np.where(middles[:-1] < 0.5, 30, 2)  # the easy groups have most pictures
        scores = np.concatenate([m * rng.random(k) for m, k in zip(middles[:-1], sizes, strict=True)])
        groups = [f"g{i}" for i, k in enumerate(sizes) for _ in range(k)]
        new = middles[-1] * rng.random()
        held.append(new <= conformal_level(scores, 0.9, groups))
        naive.append(new <= conformal_level(scores, 0.9))
    assert np.mean(held) >= 0.9 - 3.5 * np.sqrt(0.09 / 2000)
    assert np.mean(naive) < 0.85
