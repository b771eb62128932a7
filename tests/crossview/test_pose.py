from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import CoordinateError
from whence.crossview.pose import ground_axes, jacobian_at, map_points, pose_of
from whence.crossview.types import Correspondences, Registration
from whence.earth.coordinates import bearing_deg, distance_km
from whence.earth.tiles.georeference import GeoReference

NORTH_UP = GeoReference("EPSG:32636", (0.5, 0.0, 700000.0, 0.0, -0.5, 3550000.0), 1000, 800)


def registered(
    transform, points=60, noise=0.0, seed=0, size=(400, 300), model="similarity", covariance=(0.25, 0, 0.25)
):
    rng = np.random.default_rng(seed)
    query = rng.uniform((0, 0), size, (points, 2))
    there = map_points(np.asarray(transform, float), query) + noise * rng.standard_normal((points, 2))
    pairs = Correspondences(query, there, np.ones(points), np.ones(points, bool))
    return Registration(np.asarray(transform, float), model, pairs, "made", {}, covariance)


def turned(heading_deg, scale, x, y, size=(400, 300)):
    """Query's middle at (x, y) of a north-up reference, its upward direction looking along the heading."""
    a = math.radians(heading_deg)
    linear = scale * np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    shift = np.array([x, y]) - linear @ (np.array(size) / 2)
    return np.vstack([np.column_stack([linear, shift]), [0, 0, 1]])


@given(st.floats(0, 359.9), st.floats(0.2, 4.0), st.floats(50, 950), st.floats(50, 750))
def test_pose_of_a_similarity(heading, scale, x, y):
    pose = pose_of(registered(turned(heading, scale, x, y)), (400, 300), NORTH_UP)
    lat, lon = NORTH_UP.to_lat_lon(x, y)
    assert distance_km(pose.lat_deg, pose.lon_deg, lat, lon) * 1e3 < 1e-3
    convergence = NORTH_UP.up_bearing_deg
    assert abs((pose.heading_deg - heading - convergence + 180) % 360 - 180) < 0.05
    assert pose.gsd_m_per_px == pytest.approx(0.5 * scale, rel=2e-3)  # UTM stretches by some parts in 10,000
    assert pose.sigma_m == pytest.approx(0.25, rel=2e-3)


def test_heading_is_the_bearing_of_the_way_up():
    reference = GeoReference("EPSG:32636", (0.3, 0.4, 700000.0, 0.4, -0.3, 3550000.0), 500, 500)  # a turned map
    transform = np.array([[0.8, -0.3, 120.0], [0.25, 0.9, 90.0], [1e-4, -2e-4, 1.0]])
    pose = pose_of(registered(transform, model="homography"), (400, 300), reference)
    here, up = map_points(transform, np.array([[200.0, 150.0], [200.0, 149.0]]))
    lat, lon = reference.to_lat_lon([here[0], up[0]], [here[1], up[1]])
    assert pose.heading_deg == pytest.approx(float(bearing_deg(lat[0], lon[0], lat[1], lon[1])), abs=0.1)
    assert pose.lat_deg == pytest.approx(lat[0], abs=1e-9)


def test_covariance_turns_with_the_reference():
    east_up = GeoReference("EPSG:32636", (0.0, -0.5, 700000.0, -0.5, 0.0, 3550000.0), 500, 500)
    pose = pose_of(registered(np.eye(3), covariance=(4.0, 0.0, 1.0)), (400, 300), east_up)
    assert pose.covariance_m2[0] == pytest.approx(0.25, rel=0.01)  # the reference's x runs to the south
    assert pose.covariance_m2[2] == pytest.approx(1.0, rel=0.01)


def test_jacobian_equals_differences():
    transform = np.array([[0.8, -0.3, 120.0], [0.25, 0.9, 90.0], [3e-4, -2e-4, 1.0]])
    points = np.array([[100.0, 50.0], [100.001, 50.0], [100.0, 50.001]])
    here, right, down = map_points(transform, points)
    expected = np.stack([right - here, down - here], axis=1) / 1e-3
    np.testing.assert_allclose(jacobian_at(transform, 100.0, 50.0), expected, rtol=1e-4)


def test_ground_axes_across_the_antimeridian():
    reference = GeoReference("EPSG:4326", (0.001, 0.0, 179.99, 0.0, -0.001, 1.0), 20, 20)
    axes = ground_axes(reference, 10.0, 10.0)
    np.testing.assert_allclose(np.diag(axes), [111.3, -110.6], rtol=2e-3)


@pytest.mark.parametrize("model", ["similarity", "affine", "homography"])
def test_sigmas_cover_what_noise_does(model):
    """Headings and scales fitted to noisy points scatter as the stated sigma says."""
    import cv2

    true = turned(30.0, 1.2, 500.0, 400.0)
    misses, growth, sigmas, scale_sigmas = [], [], [], []
    for seed in range(40):
        noisy = registered(true, noise=1.5, seed=seed, model=model)
        pairs = noisy.correspondences
        if model == "similarity":
            fitted = np.vstack(
                [cv2.estimateAffinePartial2D(pairs.query_px, pairs.reference_px, method=cv2.LMEDS)[0], [0, 0, 1]]
            )
        elif model == "affine":
            design = np.column_stack([pairs.query_px, np.ones(len(pairs))])
            fitted = np.vstack([np.linalg.lstsq(design, pairs.reference_px, rcond=None)[0].T, [0, 0, 1]])
        else:
            fitted = cv2.findHomography(pairs.query_px, pairs.reference_px, 0)[0]
        again = Registration(fitted, model, pairs, "made", {}, (0.02, 0.0, 0.02))
        pose = pose_of(again, (400, 300), NORTH_UP)
        misses.append((pose.heading_deg - 30.0 - NORTH_UP.up_bearing_deg + 180) % 360 - 180)
        growth.append(pose.gsd_m_per_px / 0.6 - 1)
        sigmas.append(pose.heading_sigma_deg)
        scale_sigmas.append(pose.scale_sigma)
    assert 0.6 < np.std(misses) / np.mean(sigmas) < 1.8
    assert 0.5 < np.std(growth) / np.mean(scale_sigmas) < 1.8


def test_without_points_the_position_speaks_for_the_turn():
    pose = pose_of(registered(np.eye(3), points=0, covariance=(1.0, 0.0, 1.0)), (400, 300), NORTH_UP)
    assert pose.heading_sigma_deg == pytest.approx(math.degrees(1 / 250.0))
    unknown = pose_of(registered(np.eye(3), points=0, covariance=(math.inf, 0.0, math.inf)), (400, 300), NORTH_UP)
    assert unknown.heading_sigma_deg == 180.0
    assert unknown.sigma_m == math.inf


def test_no_transform_no_pose():
    none = Registration(None, "similarity", registered(np.eye(3)).correspondences, "made")
    with pytest.raises(CoordinateError, match="without a transform"):
        pose_of(none, (400, 300), NORTH_UP)
    horizon = np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 200.0, 0, 1]])
    with pytest.raises(CoordinateError, match="infinity"):
        pose_of(registered(horizon, points=0), (400, 300), NORTH_UP)
