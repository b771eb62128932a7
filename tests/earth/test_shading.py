import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.earth import grid
from whence.earth.drawing import close_window
from whence.earth.field import Field
from whence.earth.projection import Window
from whence.earth.shading import FINEST_PX, coarsened, drawn_order, region_shapes, rings_around, untied


def area(ring):
    x, y = ring.T
    return 0.5 * float(np.sum(y * np.roll(x, -1) - x * np.roll(y, -1)))  # y runs downwards


def test_one_sample_has_a_diamond_around_it():
    mask = np.zeros((5, 5), bool)
    mask[2, 3] = True
    (ring,) = rings_around(mask)
    assert {tuple(p) for p in ring.tolist()} == {(2.5, 2.0), (3.0, 1.5), (3.5, 2.0), (3.0, 2.5)}
    assert area(ring) == pytest.approx(0.5)


def test_a_hole_runs_the_other_way():
    mask = np.zeros((9, 9), bool)
    mask[1:8, 1:8] = True
    mask[4, 4] = False
    outer, inner = sorted(rings_around(mask), key=lambda ring: -abs(area(ring)))
    assert area(outer) == pytest.approx(7 * 7 - 0.5)
    assert area(inner) == pytest.approx(-0.5)


def test_samples_that_touch_at_a_corner_stay_apart():
    mask = np.zeros((6, 6), bool)
    mask[2, 2] = mask[3, 3] = True
    assert [area(ring) for ring in rings_around(mask)] == pytest.approx([0.5, 0.5])


def test_nothing_and_everything():
    assert rings_around(np.zeros((4, 4), bool)) == []
    (ring,) = rings_around(np.ones((6, 8), bool))
    assert area(ring) == pytest.approx(4 * 6 - 0.5)  # the border counts as outside


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_rings_part_the_samples_inside_from_those_outside(seed, share):
    import shapely

    mask = np.zeros((14, 17), bool)
    mask[1:-1, 1:-1] = np.random.default_rng(seed).random((12, 15)) < share
    winding = np.zeros(mask.shape, int)
    y, x = np.indices(mask.shape)
    for ring in rings_around(mask):
        inside = shapely.contains_xy(shapely.Polygon(ring), x, y)
        winding += np.where(inside, 1 if area(ring) > 0 else -1, 0)
    assert np.array_equal(winding, mask.astype(int))


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 179.9), order=st.integers(0, 12))
@settings(max_examples=10, deadline=None)
def test_coarser_beliefs_keep_the_mass_of_every_cell(lat, lon, order):
    belief = Field.from_points([lat], [lon], sigma_km=3.0, floor=0.1).normalise()
    coarse = coarsened(belief, order)
    assert coarse.partition.orders.max() <= order
    assert float(coarse.mass.sum()) == pytest.approx(1.0)
    inside = np.bincount(belief.partition.index_in(coarse.partition), belief.mass, minlength=len(coarse.partition))
    assert coarse.mass == pytest.approx(inside, abs=1e-12)


def test_a_belief_that_is_coarse_enough_stays_as_it_is():
    belief = Field.uniform(4).normalise()
    assert coarsened(belief, 4) is belief


def test_what_is_ruled_out_stays_so_when_coarsened():
    values = np.zeros(grid.cell_count(3))
    values[:8] = -np.inf
    coarse = coarsened(Field(Field.uniform(3).partition, values), 2)
    assert np.isneginf(coarse.values[:2]).all()
    assert coarse.values[2:] == pytest.approx(0.0)


@pytest.mark.parametrize("window", [Window.of_world(), Window.around(40.0, 10.0, 300.0), Window.around(0, 0, 0.5)])
def test_cells_that_are_drawn_are_just_large_enough(window):
    order = drawn_order(window)
    smallest = FINEST_PX * window.km_per_px
    assert float(grid.cell_size_km(order)) >= smallest
    assert float(grid.cell_size_km(order + 1)) < smallest


def test_a_plateau_is_left_out_if_wide_and_whole_if_small():
    wide = np.zeros(grid.cell_count(3))
    wide[5] = 3.0
    belief = Field(Field.uniform(3).partition, wide).normalise()
    assert untied(belief, 0.9).index.tolist() == [5]
    small = np.full(grid.cell_count(3), -9.0)
    small[100:104] = 6.0
    belief = Field(Field.uniform(3).partition, small).normalise()
    assert untied(belief, 0.3).index.tolist() == [100, 101, 102, 103]


def test_a_region_over_the_edge_of_the_world_has_no_line_along_it():
    belief = Field.from_points([0.0], [180.0], sigma_km=800.0).normalise()
    window = Window.of_world()
    (shape,) = region_shapes([belief.credible_region(0.9)], window)
    path = shape.line
    assert shape.fill == shape.line
    assert path.count("M") == 2
    starts = [float(part.split("l")[0].split()[0]) for part in path.split("M")[1:]]
    assert min(starts) < 80
    assert max(starts) > window.width_px - 80


def test_no_regions_have_no_paths():
    assert region_shapes([], close_window(0.0, 0.0, 100.0)) == []


def test_hamlets_are_shaded_without_a_line():
    field = Field.from_points([10.0, 12.0], [20.0, 24.0], [0.9, 0.1], sigma_km=[120.0, 2.0]).normalise()
    (shape,) = region_shapes([coarsened(field, 10).credible_region(0.97)], close_window(10.0, 20.0, 500.0))
    assert shape.fill.startswith(shape.line)
    assert (shape.line.count("M"), shape.fill.count("M")) == (1, 2)
