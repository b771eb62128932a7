"""`pose_of`: where the middle of a registered query lies, which way it looks, and how sure that is.

The transform takes query pixels to reference pixels, the georeference takes those to the ground. Near the middle of the
query both are linear, and their product ``G`` holds metres east and north for a step of a pixel to the right and down:
the heading is the bearing of ``G (0, −1)``, the ground sample distance ``√|det G|``. The uncertainty of the position is
that of the registration, carried through; those of heading and scale follow from the scatter of the inliers by the
linearised least squares of the registration's model (Hartley and Zisserman 2004, section 5.2).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from whence.core.errors import CoordinateError
from whence.crossview.types import Pose, Registration
from whence.earth.coordinates import bearing_deg, distance_km
from whence.earth.tiles.georeference import GeoReference

FEWEST_POINTS = 6
"""Inliers from which the scatter says something about heading and scale; below, only the position's covariance does."""

_PARAMETERS = {"similarity": 4, "affine": 6, "homography": 8}


def map_points(transform: Float[np.ndarray, "3 3"], points_px: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Positions after a homography; not finite where it sends them to infinity."""
    mapped = np.column_stack([points_px, np.ones(len(points_px))]) @ transform.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mapped[:, :2] / mapped[:, 2:])


def jacobian_at(transform: Float[np.ndarray, "3 3"], x_px: float, y_px: float) -> Float[np.ndarray, "2 2"]:
    """Derivatives of the mapped position by the position: rows x and y of the reference, columns those of the query."""
    u, v, w = transform @ np.array([x_px, y_px, 1.0])
    top, bottom = transform[:2, :2], transform[2, :2]
    return np.asarray((top * w - np.outer([u, v], bottom)) / (w * w))


def ground_axes(georeference: GeoReference, x_px: float, y_px: float) -> Float[np.ndarray, "2 2"]:
    """Metres east (first row) and north for a step of a pixel to the right (first column) and down, at a position."""
    lat, lon = georeference.to_lat_lon([x_px - 0.5, x_px + 0.5, x_px, x_px], [y_px, y_px, y_px - 0.5, y_px + 0.5])
    starts, ends = np.array([0, 2]), np.array([1, 3])
    metres = distance_km(lat[starts], lon[starts], lat[ends], lon[ends]) * 1e3
    angle = np.radians(bearing_deg(lat[starts], lon[starts], lat[ends], lon[ends]))
    return np.stack([metres * np.sin(angle), metres * np.cos(angle)])


def pose_of(registration: Registration, query_size_px: tuple[int, int], reference: GeoReference) -> Pose:
    """Where the middle of the query lies on the ground, how it is turned and scaled, with uncertainties.

    Args:
        registration: with a transform.
        query_size_px: width and height of the query in the pixels of the registration.
        reference: georeference of the patch in the pixels of the registration.

    Raises:
        CoordinateError: there is no transform, or it sends the query's middle to infinity or off the projection.
    """
    if registration.transform is None:
        raise CoordinateError("A registration without a transform has no pose; ask only those that have one.")
    x, y = query_size_px[0] / 2.0, query_size_px[1] / 2.0
    transform = np.asarray(registration.transform, np.float64)
    middle = map_points(transform, np.array([[x, y]]))[0]
    if not np.isfinite(middle).all():
        raise CoordinateError("The transform sends the middle of the query to infinity: it shows no place.")
    lat, lon = (float(value) for value in reference.to_lat_lon(float(middle[0]), float(middle[1])))
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise CoordinateError(f"The middle of the query falls at {middle} of the reference, off its projection.")
    axes = ground_axes(reference, float(middle[0]), float(middle[1]))
    ground = axes @ jacobian_at(transform, x, y)
    xx, xy, yy = registration.covariance_px2
    covariance = axes @ np.array([[xx, xy], [xy, yy]]) @ axes.T if math.isfinite(xx + xy + yy) else None
    heading_sigma_deg, scale_sigma = _turn_and_scale_sigmas(registration, query_size_px)
    return Pose(
        lat,
        lon,
        float(np.mod(np.degrees(np.arctan2(-ground[0, 1], -ground[1, 1])), 360.0)),
        float(np.sqrt(abs(np.linalg.det(ground)))),
        (math.inf, 0.0, math.inf)
        if covariance is None
        else (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        heading_sigma_deg,
        scale_sigma,
    )


def _turn_and_scale_sigmas(registration: Registration, query_size_px: tuple[int, int]) -> tuple[float, float]:
    """Standard deviations of the heading in degrees and of the scale as a share.

    What the covariance of the middle holds beyond the scatter of the inliers (relief, a model too simple) is taken to
    bend the query by as much at its edge.
    """
    assert registration.transform is not None
    transform = np.asarray(registration.transform, np.float64)
    x, y = query_size_px[0] / 2.0, query_size_px[1] / 2.0
    scale = math.sqrt(abs(float(np.linalg.det(jacobian_at(transform, x, y)))))
    radius = scale * math.hypot(x, y)
    position = (registration.covariance_px2[0] + registration.covariance_px2[2]) / 2.0
    if not math.isfinite(position):
        return 180.0, 1.0
    inlier = registration.correspondences.inlier
    points = np.asarray(registration.correspondences.query_px[inlier], np.float64)
    count = _PARAMETERS.get(registration.model, 8)
    if len(points) < max(FEWEST_POINTS, count):
        share = math.sqrt(position) / radius
        return min(180.0, math.degrees(share)), min(1.0, share)
    parameters = _covariance_of_parameters(registration, points, count)
    steps = _derivatives(transform, count, (x, y))
    turn, size, *shift = np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", steps, parameters, steps), 0.0))
    beyond = max(0.0, position - (shift[0] ** 2 + shift[1] ** 2) / 2.0) / radius**2
    return (
        min(180.0, math.degrees(math.sqrt(turn**2 + beyond))),
        min(1.0, math.sqrt(size**2 + beyond)),
    )


def _moved(transform: Float[np.ndarray, "3 3"], count: int, step: Float[np.ndarray, " k"]) -> Float[np.ndarray, "3 3"]:
    """The transform with the parameters of its model moved by small steps."""
    change = np.zeros((3, 3))
    if count == 4:
        change[:2] = [[step[0], -step[1], step[2]], [step[1], step[0], step[3]]]
    else:
        change.flat[:count] = step
    return np.asarray(transform + change)


def _steps(count: int) -> list[Float[np.ndarray, " k"]]:
    """A small step along each parameter of the model."""
    sizes = {4: [1e-6, 1e-6, 1e-3, 1e-3]}.get(count, [1e-6, 1e-6, 1e-3, 1e-6, 1e-6, 1e-3, 1e-9, 1e-9][:count])
    return [np.eye(count)[i] * size for i, size in enumerate(sizes)]


def _covariance_of_parameters(
    registration: Registration, points: Float[np.ndarray, "n 2"], count: int
) -> Float[np.ndarray, "k k"]:
    """Covariance of the model's parameters from the residuals of the inliers."""
    assert registration.transform is not None
    transform = np.asarray(registration.transform, np.float64)
    here = map_points(transform, points)
    columns = [
        (map_points(_moved(transform, count, step), points) - here).ravel() / step.max() for step in _steps(count)
    ]
    design = np.stack(columns, axis=1)
    target = np.asarray(registration.correspondences.reference_px[registration.correspondences.inlier], np.float64)
    freedom = max(1, 2 * len(points) - count)
    variance = float(np.sum((target - here) ** 2)) / freedom
    norms = np.linalg.norm(design, axis=0)
    inverse = np.linalg.pinv((design / norms).T @ (design / norms))
    return np.asarray(variance * inverse / np.outer(norms, norms))


def _derivatives(
    transform: Float[np.ndarray, "3 3"], count: int, middle: tuple[float, float]
) -> Float[np.ndarray, "4 k"]:
    """How heading (radians), log scale, and the middle's x and y change with each parameter."""

    def of(matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, 4]:
        local = jacobian_at(matrix, *middle)
        place = map_points(matrix, np.array([middle]))[0]
        up = -local[:, 1]
        return np.array([np.arctan2(up[0], up[1]), 0.5 * np.log(abs(np.linalg.det(local))), *place])

    here = of(transform)
    columns = []
    for step in _steps(count):
        change = of(_moved(transform, count, step)) - here
        change[0] = np.mod(change[0] + np.pi, 2 * np.pi) - np.pi
        columns.append(change / step.max())
    return np.stack(columns, axis=1)
