from dataclasses import replace

import numpy as np
import pytest

from made_matches import made_match, made_transform
from whence.explain.match.frame import common_frame, corners, is_possible_view, jacobian, project


def test_a_homography_maps_positions():
    assert project(made_transform(100.0, 90.0), np.array([[80.0, 70.0]])) == pytest.approx(np.array([[100.0, 90.0]]))
    behind = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.01, 0.0, 1.0]])
    assert np.isnan(project(behind, np.array([[200.0, 0.0]]))).all()


def test_the_jacobian_is_the_derivative():
    transform = np.array([[1.1, 0.2, 5.0], [-0.1, 0.9, 7.0], [0.001, 0.0005, 1.0]])
    at, step = np.array([[30.0, 40.0]]), 1e-5
    here = project(transform, at)[0]
    for axis in (0, 1):
        moved = at.copy()
        moved[0, axis] += step
        assert jacobian(transform, 30.0, 40.0)[:, axis] == pytest.approx(
            (project(transform, moved)[0] - here) / step, abs=1e-4
        )


@pytest.mark.parametrize(
    "transform",
    [
        None,
        np.diag([-1.0, 1.0, 1.0]),
        np.diag([0.01, 0.01, 1.0]),
        np.diag([5.0, 1.0, 1.0]),
        np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.01, 0.0, 1.0]]),
        np.full((3, 3), np.nan),
    ],
)
def test_what_no_camera_sees_is_refused(transform):
    assert not is_possible_view(transform, 160, 140)


def test_both_pictures_show_the_same_ground_on_the_grid():
    frame = common_frame(made_match())
    inside = frame.valid
    gap = np.abs(frame.query.astype(float) - 0.85 * frame.reference)[inside].mean()
    assert gap < 6.0
    assert frame.share > 0.9
    assert project(frame.to_query, corners(*frame.query.shape[1::-1])) == pytest.approx(corners(160, 140))


def test_the_grid_is_as_coarse_as_the_coarser_picture():
    fine = common_frame(made_match(transform=made_transform(scale=0.25)))
    assert max(fine.query.shape[:2]) == 40
    assert common_frame(made_match(transform=made_transform(scale=0.12))) is None


def test_black_edges_and_missing_pixels_do_not_count():
    match = made_match()
    pixels = match.query.pixels.copy()
    pixels[:, :80] = 0
    half = common_frame(replace(match, query=replace(match.query, pixels=pixels)))
    assert not half.valid[:, :70].any()
    assert half.valid[40:100, 84:].all()
    nothing = replace(match.reference, valid=np.zeros_like(match.reference.valid))
    assert common_frame(replace(match, reference=nothing)) is None
