"""The grid: known values, tiling, neighbours, areas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.earth import grid
from whence.earth.coordinates import distance_km

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180, exclude_max=True)


def test_authalic_latitude_matches_snyder():
    # Snyder 1987, p. 16, example: Clarke 1866 gives 39.8722878 for 40; on WGS84 the same formula gives 39.8722...
    assert grid.authalic_lat_deg(0.0) == 0.0
    assert grid.authalic_lat_deg(90.0) == pytest.approx(90.0, abs=1e-6)
    # first-order: beta = phi - (e2/3 + 31 e4/180) sin 2 phi, computed by hand for 45 degrees
    assert grid.authalic_lat_deg(45.0) == pytest.approx(44.8717, abs=2e-4)


@given(latitudes)
def test_authalic_latitude_inverts(lat):
    assert grid.geodetic_lat_deg(grid.authalic_lat_deg(lat)) == pytest.approx(
        lat, abs=1e-6 if abs(lat) > 89.9 else 1e-9
    )


@pytest.mark.parametrize(("lat", "lon", "base"), [(80, 45, 0), (80, 135, 1), (0, 0, 4), (0, 90, 5), (-80, 45, 8)])
def test_base_cells_are_where_gorski_puts_them(lat, lon, base):
    assert grid.cells_at(lat, lon, 0) == base


@given(latitudes, longitudes, st.integers(0, 28))
def test_a_point_lies_in_the_parent_of_its_cell(lat, lon, order):
    assert grid.cells_at(lat, lon, order) == grid.parents(grid.cells_at(lat, lon, order + 1), order + 1, order)


@given(st.integers(0, 24), st.data())
def test_the_centre_of_a_cell_lies_in_it(order, data):
    cell = data.draw(st.integers(0, grid.cell_count(order) - 1))
    assert grid.cells_at(*grid.centres(np.array([cell]), order), order)[0] == cell


def test_cells_of_an_order_are_equal_in_area_on_the_ellipsoid():
    """Polygon areas of all order-3 cells, by PROJ's geodesic polygons, agree with one twelfth of 4⁻³."""
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    cells = np.arange(grid.cell_count(3))
    lat, lon = grid.boundaries(cells, 3, step=64)
    areas = np.array([abs(geod.polygon_area_perimeter(x, y)[0]) / 1e6 for x, y in zip(lon, lat, strict=True)])
    assert areas.sum() == pytest.approx(grid.EARTH_AREA_KM2, rel=1e-5)
    assert areas == pytest.approx(grid.cell_area_km2(3), rel=1e-3)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_neighbours_are_mutual_and_eight_but_for_24_cells(order):
    table = grid.neighbours(np.arange(grid.cell_count(order)), order)
    assert ((table < 0).sum(axis=1) == 1).sum() == 24
    assert (table < 0).sum() == 24
    sets = [set(row[row >= 0].tolist()) for row in table]
    assert all(cell in sets[other] for cell, row in enumerate(sets) for other in row)
    assert all(len(row) in (7, 8) and cell not in row for cell, row in enumerate(sets))


def test_neighbours_at_depth_touch():
    cell = grid.cells_at(np.array([52.5, -89.99, 0.0]), np.array([13.4, 10.0, 179.999]), 20)
    around = grid.neighbours(cell, 20)
    lat, lon = grid.centres(around, 20)
    own = grid.centres(cell, 20)
    far = distance_km(own[0][:, None], own[1][:, None], lat, lon)
    assert far.max() < 2.2 * grid.cell_size_km(20)
    with pytest.raises(ValueError, match="order 1"):
        grid.neighbours(np.array([0]), 0)


def test_sizes():
    assert grid.cell_size_km(7) == pytest.approx(50.9, abs=0.1)
    assert grid.cell_size_km(16) == pytest.approx(0.0995, abs=0.001)
    assert grid.order_for_size_km(51.0) == 7
    assert grid.order_for_size_km(50.0) == 8
    assert grid.order_for_size_km(1e9) == 0
    lat, lon = grid.boundaries(np.arange(grid.cell_count(4)), 4)
    centre = grid.unit_vectors(*grid.centres(np.arange(grid.cell_count(4)), 4))
    corner = grid.chord_km(grid.unit_vectors(lat, lon), centre[:, None])
    assert corner.max() <= grid.radius_km(4)


@pytest.mark.parametrize(("lat", "lon", "km", "order"), [(0, 0, 500, 5), (89.9, 20, 800, 5), (-17, 179.9, 300, 6)])
def test_disc_equals_brute_force(lat, lon, km, order):
    cells = np.arange(grid.cell_count(order))
    inside = cells[distance_km(lat, lon, *grid.centres(cells, order)) <= km]
    assert set(grid.disc(lat, lon, km, order)) == set(inside) | {int(grid.cells_at(lat, lon, order))}


def test_disc_smaller_than_a_cell_is_that_cell():
    assert grid.disc(48.0, 2.0, 0.001, 5).tolist() == [int(grid.cells_at(48.0, 2.0, 5))]
