"""Partitions and fields: conservation, hand-computed values, files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.core.errors import ArtifactError, ConstraintError, CoordinateError
from whence.earth import fieldfile, grid
from whence.earth.coordinates import distance_km
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.earth.shapes import contains, disc_field, polygon_field


def random_partition(seed: int) -> Partition:
    rng = np.random.default_rng(seed)
    out = Partition.uniform(2)
    for _ in range(4):
        out = out.split(rng.random(len(out)) < 0.1)
    return out


def random_field(seed: int) -> Field:
    partition = random_partition(seed)
    return Field(partition, np.random.default_rng(seed + 1).normal(0, 3, len(partition)))


@pytest.mark.parametrize("seed", range(3))
def test_a_partition_tiles_the_earth(seed):
    p = random_partition(seed)
    assert p.fractions.sum() == pytest.approx(1.0)
    sizes = np.int64(1) << (2 * (29 - p.orders.astype(np.int64)))
    assert (p.starts[1:] == p.starts[:-1] + sizes[:-1]).all()
    lat, lon = np.array([50.0, -89.0, 0.0]), np.array([8.0, 70.0, 179.99])
    i = p.index_at(lat, lon)
    for k in range(3):
        assert grid.cells_at(lat[k], lon[k], int(p.orders[i[k]])) == p.cells[i[k]]


def test_union_is_the_coarsest_common_refinement():
    a, b = random_partition(1), random_partition(2)
    u = a.union(b)
    assert set(u.starts.tolist()) == set(a.starts.tolist()) | set(b.starts.tolist())
    assert u.fractions.sum() == pytest.approx(1.0)
    assert (a.starts[u.index_in(a)] <= u.starts).all()
    assert (u.orders >= a.orders[u.index_in(a)]).all()
    assert (u.orders == np.maximum(a.orders[u.index_in(a)], b.orders[u.index_in(b)])).all()
    assert a.union(a) is a
    assert a.union(Partition.uniform(2)) is a


def test_broken_partitions_are_refused():
    with pytest.raises(ArtifactError, match="tile"):
        Partition.from_orders(np.zeros(11, np.uint8))
    with pytest.raises(ArtifactError, match="tile"):
        Partition.from_orders(np.array([0] * 3 + [1] + [0] * 8 + [1] * 3, np.uint8))
    with pytest.raises(ArtifactError, match="orders"):
        Partition.from_orders(np.zeros(0, np.uint8))


def test_vectors_from_tables_equal_those_computed():
    p = random_partition(4).split(np.arange(5), times=6)  # orders beyond the tabled ones as well
    lat = np.concatenate([grid.centres(p.cells[i : i + 1], int(p.orders[i]))[0] for i in range(0, len(p), 7)])
    assert p.lat_deg[::7] == pytest.approx(lat, abs=1e-12)
    assert np.linalg.norm(p.vectors, axis=1) == pytest.approx(1.0)


def test_sum_is_pointwise():
    a, b = random_field(1), random_field(5)
    total = a.add(b)
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-90, 90, 200), rng.uniform(-180, 180, 200)
    assert total.at(lat, lon) == pytest.approx(a.at(lat, lon) + b.at(lat, lon))


def test_normalise_entropy_and_gain_by_hand():
    """Half of the belief in one of the twelve base cells, the rest even over the other eleven."""
    mass = np.full(12, 0.5 / 11)
    mass[3] = 0.5
    belief = Field(Partition.uniform(0), np.log(mass * 12) + 7.0).normalise()
    assert belief.mass == pytest.approx(mass)
    gain = 0.5 * np.log2(0.5 * 12) + 0.5 * np.log2(0.5 / 11 * 12)
    assert belief.information_gain_bits(Field.uniform(0)) == pytest.approx(gain)
    assert belief.information_gain_bits(Field.uniform(3)) == pytest.approx(gain)
    assert belief.entropy_bits() == pytest.approx(np.log2(grid.EARTH_AREA_KM2) - gain)
    region = belief.credible_region(0.5)
    assert region.index.tolist() == [3]
    assert region.area_km2 == pytest.approx(grid.EARTH_AREA_KM2 / 12)
    assert len(belief.credible_region(0.51).index) == 2
    assert belief.credible_region(1.0).mass == pytest.approx(1.0)
    mode = belief.mode()
    assert region.contains([mode.lat_deg], [mode.lon_deg]).all()
    with pytest.raises(ValueError, match="credible level"):
        belief.credible_region(0.0)


def test_nothing_left_is_an_error_that_says_so():
    with pytest.raises(ConstraintError, match="every place"):
        Field(Partition.uniform(0), np.full(12, -np.inf)).normalise()
    with pytest.raises(ConstraintError, match="no numbers"):
        Field(Partition.uniform(0), np.full(12, np.nan)).normalise()


def test_scaling_keeps_what_is_ruled_out():
    f = Field(Partition.uniform(0), np.array([-np.inf] + [2.0] * 11))
    assert f.scale(0.0).values[0] == -np.inf
    assert f.scale(0.0).values[1] == 0.0
    assert f.scale(0.5).values[1] == 1.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 5))
def test_resampling_keeps_the_mass_of_every_coarse_cell(seed, order):
    f = random_field(seed).normalise()
    g = f.resample(order)
    assert g.mass.sum() == pytest.approx(1.0)
    shift = 2 * (29 - min(order, 2))
    before = np.bincount(f.partition.starts >> shift, f.mass)
    after = np.bincount(g.partition.starts >> shift, g.mass)
    assert after == pytest.approx(before)


def test_refine_changes_no_density():
    f = random_field(3).normalise()
    g = f.refine(0.001, 9)
    assert g.mass.sum() == pytest.approx(1.0)
    assert ((g.mass <= 0.001) | (g.partition.orders == 9)).all()
    assert g.information_gain_bits(f) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("sigma_km", [0.005, 1.0, 40.0, 700.0])
@pytest.mark.parametrize(("lat", "lon"), [(48.8, 2.3), (89.99, 0.0), (-17.0, 180.0)])
def test_a_kernel_has_its_mass_where_it_should(sigma_km, lat, lon):
    f = Field.from_points(lat, lon, sigma_km=sigma_km)
    assert f.mass.sum() == pytest.approx(1.0)
    far = grid.chord_km(f.partition.vectors, grid.unit_vectors(lat, lon))
    # within σ: 1 − exp(−1/2); within 2σ: 1 − exp(−2), on the plane
    assert f.mass[far <= sigma_km].sum() == pytest.approx(0.3935, abs=0.06)
    assert f.mass[far <= 2 * sigma_km].sum() == pytest.approx(0.8647, abs=0.04)
    mode = f.mode()
    assert distance_km(mode.lat_deg, mode.lon_deg, lat, lon) < 0.5 * sigma_km + 1e-3


def test_mixtures_keep_their_weights_and_floor():
    f = Field.from_points([10, -30], [10, 140], [3, 1], sigma_km=[5.0, 50.0], floor=0.2)
    assert f.mass.sum() == pytest.approx(1.0)
    near = grid.chord_km(f.partition.vectors, grid.unit_vectors(10, 10)) < 100
    assert f.mass[near].sum() == pytest.approx(0.8 * 0.75, abs=1e-3)
    assert f.at(60.0, -100.0) == pytest.approx(np.log(0.2))
    assert np.isneginf(Field.from_points(0, 0, sigma_km=1.0).at(60.0, -100.0))


def test_bad_kernels_are_refused():
    with pytest.raises(ValueError, match="spreads"):
        Field.from_points(0, 0, sigma_km=0.0)
    with pytest.raises(ValueError, match="match"):
        Field.from_points([0, 1], [0, 1], [1.0], sigma_km=1.0)
    with pytest.raises(CoordinateError):
        Field.from_points(99.0, 0.0, sigma_km=1.0)


def test_smoothing_spreads_and_keeps_the_mass():
    f = Field.from_points(40.0, 179.5, sigma_km=100.0).normalise()
    g = f.smooth(400.0)
    assert g.mass.sum() == pytest.approx(1.0)
    far = grid.chord_km(g.partition.vectors, grid.unit_vectors(40.0, 179.5))
    spread = np.sqrt((g.mass @ far**2) / 2)  # per axis
    assert spread == pytest.approx(np.hypot(400.0, 100.0), rel=0.06)
    flat = Field.uniform(4).smooth(1000.0)
    assert flat.values == pytest.approx(0.0, abs=0.02)
    with pytest.raises(ValueError, match="64 km"):
        f.smooth(10.0)


def test_drawn_points_follow_the_belief():
    f = Field.from_points([10, -30], [10, 140], [3, 1], sigma_km=20.0)
    lat, lon = f.draw(2000, np.random.default_rng(1))
    assert (distance_km(lat, lon, 10, 10) < 150).mean() == pytest.approx(0.75, abs=0.04)
    again, _ = f.draw(2000, np.random.default_rng(1))
    assert (again == lat).all()


def test_mean_over_a_belief_by_hand():
    belief = Field(Partition.uniform(0), np.log(np.array([6.0, 6.0] + [0.0] * 10) + 1e-300)).normalise()
    likelihood = Field(Partition.uniform(0), np.log(np.array([1.0, 3.0] + [100.0] * 10)))
    assert belief.expected(likelihood) == pytest.approx(np.log(2.0))
    assert pytest.approx(0.693147, abs=1e-6) == LN2


def test_file_round_trip_and_damage(tmp_path):
    f = random_field(8).normalise()
    path = tmp_path / "belief.field"
    f.save(path)
    g = Field.load(path)
    assert (g.partition.starts == f.partition.starts).all()
    assert g.values == pytest.approx(f.values, abs=1e-5)
    assert (fieldfile.from_bytes(fieldfile.to_bytes(f, exact=True)).values == f.values).all()
    assert not path.with_name("belief.field.part").exists()
    data = path.read_bytes()
    for broken in (b"", b"PNG", data[:40], data[:-9], data[:200] + bytes([data[200] ^ 1]) + data[201:]):
        path.write_bytes(broken)
        with pytest.raises(ArtifactError):
            Field.load(path)
    with pytest.raises(ArtifactError, match="cannot be read"):
        Field.load(tmp_path / "absent.field")


@pytest.mark.parametrize(("lat", "lon", "km"), [(52, 13, 3.0), (-17, 179.9, 250.0), (88, 0, 900.0), (0, 0, 12000.0)])
def test_disc_has_the_area_of_a_disc(lat, lon, km):
    f = disc_field(lat, lon, km, inside=0.0, outside=-np.inf)
    area = f.partition.areas_km2[np.isfinite(f.values)].sum()
    radius = grid.EARTH_RADIUS_KM
    assert area == pytest.approx(2 * np.pi * radius**2 * (1 - np.cos(km / radius)), rel=0.02)
    inside = f.at(*(np.array(v) for v in zip((lat, lon), strict=True)))
    assert np.isfinite(inside).all()
    with pytest.raises(CoordinateError, match="radius"):
        disc_field(0, 0, -1.0, inside=0.0, outside=-1.0)


def test_polygons_become_cells():
    from shapely.geometry import Polygon, box

    f = polygon_field(box(10, 40, 20, 50), inside=1.0, outside=0.0)
    assert f.at(np.array([45.0, 41.0, 39.0]), np.array([15.0, 19.5, 15.0])).tolist() == [1.0, 1.0, 0.0]
    area = f.partition.areas_km2[f.values == 1.0].sum()
    from pyproj import Geod

    ring = Polygon([(x, 40) for x in np.linspace(10, 20, 50)] + [(x, 50) for x in np.linspace(20, 10, 50)])
    truth = abs(Geod(ellps="WGS84").geometry_area_perimeter(ring)[0]) / 1e6
    assert area == pytest.approx(truth, rel=0.003)
    across = polygon_field(box(175, -20, 185, -10), inside=1.0, outside=0.0)
    assert across.at(np.array([-15.0, -15.0, -15.0]), np.array([179.0, -176.0, 170.0])).tolist() == [
        1.0,
        1.0,
        0.0,
    ]
    assert contains(box(175, -20, 185, -10), np.array([-15.0]), np.array([-179.0])).all()
