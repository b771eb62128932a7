"""Figures of beliefs, against values worked out by hand on a coarse grid."""

import math

import numpy as np
import pytest

from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.evaluate.belief_metrics import PriorReader, mean_density, rank_of, read_beliefs
from whence.evaluate.records import Record, Truth

EVEN = Field.uniform(1)
CELL_KM2 = grid.EARTH_AREA_KM2 / 48


def stepped(**densities):
    """A density on 48 cells: the given ones are so many times as dense as the others."""
    values = np.ones(48)
    for name, density in densities.items():
        values[int(name[1:])] = density
    return Field(Partition.uniform(1), np.log(values)).normalise()


def centre(cell):
    lat, lon = grid.centres(np.array([cell]), 1)
    return Truth(float(lat[0]), float(lon[0]))


def test_bits_areas_and_regions_by_hand():
    """One cell 16 times as dense as the other 47, of a mass of 16/63."""
    belief = stepped(_5=16.0)
    reader = PriorReader.of(EVEN)
    there, elsewhere = reader.figures(belief, centre(5)), reader.figures(belief, centre(20))
    assert there.bits == there.bits_at_point == pytest.approx(math.log2(16 * 48 / 63))
    assert elsewhere.bits == pytest.approx(math.log2(48 / 63))
    assert there.log_score_bits == pytest.approx(math.log2(16 / 63 / CELL_KM2))
    assert there.area_km2 == pytest.approx(CELL_KM2)
    assert elsewhere.area_km2 == there.prior_area_km2 == pytest.approx(48 * CELL_KM2)
    assert (there.level, elsewhere.level) == (0.0, pytest.approx(16 / 63))
    assert there.area_50_km2 == pytest.approx(CELL_KM2 * (1 + math.ceil(0.5 * 63 - 16)))
    assert there.held_50
    assert there.held_90
    share = 16 / 63
    gain = share * math.log2(16 * 48 / 63) + (1 - share) * math.log2(48 / 63)
    assert there.gain_bits == pytest.approx(gain)


def test_the_density_is_averaged_over_the_disc():
    """A disc over the whole Earth: the mean density is 1 whatever the belief."""
    belief = stepped(_5=16.0)
    spot = centre(5)
    assert mean_density(belief, spot) == pytest.approx(math.log(16 * 48 / 63))
    assert mean_density(belief, Truth(spot.lat_deg, spot.lon_deg, 25_000.0)) == pytest.approx(0.0, abs=0.1)
    small = Truth(spot.lat_deg, spot.lon_deg, 5.0)
    assert mean_density(belief, small) == pytest.approx(mean_density(belief, spot))
    ruled_out = Field(Partition.uniform(1), np.where(np.arange(48) == 5, -np.inf, 0.0)).normalise()
    assert np.isneginf(mean_density(ruled_out, small))
    figures = PriorReader.of(EVEN).figures(ruled_out, small)
    assert np.isneginf(figures.bits)
    assert math.isnan(PriorReader.of(ruled_out).figures(EVEN, small).bits)


def test_countries_are_named_and_ranked():
    belief = Field.from_points([48.86], [2.35], sigma_km=30.0, floor=0.02).normalise()
    reader = PriorReader.of(EVEN)
    paris, madrid = (reader.figures(belief, truth) for truth in (Truth(48.86, 2.35), Truth(40.4, -3.7)))
    assert (paris.country.best, paris.country.right, paris.country.rank) == ("FR", True, 1)
    assert paris.country.probability == pytest.approx(0.98, abs=0.02)
    assert not madrid.country.right
    assert madrid.country.rank > 1
    assert paris.region.best.startswith("FR.")
    assert paris.country.prior_rank > 20


def test_ranks_by_hand():
    masses = {"A": 0.5, "B": 0.2, "C": 0.2, "": 0.1}
    assert [rank_of(code, masses) for code in ("A", "B", "C", "", "D")] == [1, 3, 3, 4, 5]


def test_a_failure_counts_as_the_prior():
    nan = math.nan
    told = Record("a.jpg", "", centre(5), 1.0, 2.0, 10.0, 20.0, False, stepped(_5=16.0))
    failed = Record("b.jpg", "", centre(5), nan, nan, nan, nan, False, failure="torn")
    point = Record("c.jpg", "", centre(5), 1.0, 2.0, nan, nan, True)
    table = read_beliefs([told, failed, point], EVEN)
    assert table.bits[:2].tolist() == pytest.approx([math.log2(16 * 48 / 63), 0.0])
    assert math.isnan(table.bits[2])
    assert table.believed.tolist() == [True, False, False]
    assert table.abstained.tolist() == [False, False, True]
    assert np.isinf(table.errors_km[1])
    assert np.isinf(table.p50_km[1:]).all()
    assert len(table.of(np.array([2, 0]))) == 2
    assert table.of(np.array([2, 0])).bits[1] == table.bits[0]
