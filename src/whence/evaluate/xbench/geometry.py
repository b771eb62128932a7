"""Geometry of pairs worked out anew, by other means than the matcher's, so that its claims can be held against it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from shapely import MultiPoint, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from whence.earth.coordinates import bearing_deg, distance_km
from whence.earth.tiles.georeference import GeoReference

Matrix = Float[np.ndarray, "3 3"]
Points = Float[np.ndarray, "n 2"]

_STEP_PX = 0.25


def moved(transform: Matrix, points: Points) -> Float[np.ndarray, "n 2"]:
    """Positions after a homography; not finite where it sends them to infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, depth = transform @ np.vstack([points.T, np.ones(len(points))])
        return np.column_stack([x / depth, y / depth])


def corner_error_px(found: Matrix, true: Matrix, size_px: tuple[int, int]) -> float:
    """Mean distance of the nine points of a 3 × 3 grid over the query, in pixels of the reference."""
    width, height = size_px
    grid = np.array([(x * width, y * height) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0)])
    error = np.linalg.norm(moved(found, grid) - moved(true, grid), axis=1)
    return float(error.mean()) if np.isfinite(error).all() else math.inf


def outline(size_px: tuple[int, int]) -> Float[np.ndarray, "4 2"]:
    """Corners of a picture, in order."""
    width, height = size_px
    return np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])


def shared_part(transform: Matrix, query_px: tuple[int, int], reference_px: tuple[int, int]) -> BaseGeometry | None:
    """The part of the reference that the query covers by a transform; ``None`` where it folds."""
    corners = moved(transform, outline(query_px))
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
        return None
    footprint = Polygon(corners)
    return footprint.intersection(Polygon(outline(reference_px))) if footprint.is_valid else None


def overlap_share(transform: Matrix, query_px: tuple[int, int], reference_px: tuple[int, int]) -> float:
    """Share of the query's area, in the query, that a transform sends onto the reference."""
    common = shared_part(transform, query_px, reference_px)
    if common is None or common.is_empty:
        return 0.0
    back = moved(np.linalg.inv(transform), np.asarray(common.convex_hull.exterior.coords))
    return float(Polygon(back).area / (query_px[0] * query_px[1]))


def data_share(
    transform: Matrix, query_data: Bool[np.ndarray, "qh qw"], reference_data: Bool[np.ndarray, "rh rw"]
) -> float:
    """Share of the query's pixels with data that a transform sends onto pixels with data."""
    y, x = np.nonzero(query_data)
    if not len(x):
        return 0.0
    there = np.floor(moved(transform, np.column_stack([x, y]) + 0.5))
    height, width = reference_data.shape
    inside = (there >= 0.0).all(axis=1) & (there < (width, height)).all(axis=1)
    columns, rows = there[inside].astype(int).T
    return float(reference_data[rows, columns].sum() / len(x))


def hull_share(points: Points, transform: Matrix, query_px: tuple[int, int], reference_px: tuple[int, int]) -> float:
    """Area of the hull of points of the query over the part of the query that falls on the reference."""
    visible = overlap_share(transform, query_px, reference_px) * query_px[0] * query_px[1]
    return min(1.0, float(MultiPoint(points).convex_hull.area) / max(visible, 1e-9))


def local_scales(transform: Matrix, x: float, y: float) -> tuple[float, float]:
    """Largest and smallest stretch of a step at a position of the query, by finite differences."""
    steps = np.array([(x + dx, y + dy) for dx, dy in ((_STEP_PX, 0), (-_STEP_PX, 0), (0, _STEP_PX), (0, -_STEP_PX))])
    ends = moved(transform, steps)
    across, down = (ends[0] - ends[1]) / (2 * _STEP_PX), (ends[2] - ends[3]) / (2 * _STEP_PX)
    squared = np.linalg.eigvalsh(np.array([[across @ across, across @ down], [across @ down, down @ down]]))
    return math.sqrt(max(squared[1], 0.0)), math.sqrt(max(squared[0], 0.0))


def pose(transform: Matrix, place: GeoReference, query_px: tuple[int, int]) -> tuple[float, float]:
    """Bearing of the query's upward direction, and metres a pixel of it, from distances on the ground."""
    x, y = query_px[0] / 2.0, query_px[1] / 2.0
    ends = moved(transform, np.array([(x, y + 1.0), (x, y - 1.0), (x - 1.0, y), (x + 1.0, y)]))
    lat, lon = place.to_lat_lon(ends[:, 0], ends[:, 1])
    one, other = np.array([0, 2]), np.array([1, 3])
    metres = distance_km(lat[one], lon[one], lat[other], lon[other]) * 500.0
    bearing = bearing_deg(lat[one], lon[one], lat[other], lon[other])
    area = float(metres[0] * metres[1]) * abs(math.sin(math.radians(float(bearing[1] - bearing[0]))))
    return float(bearing[0]) % 360.0, math.sqrt(area)


def turn_between(first_deg: float, second_deg: float) -> float:
    """Smaller angle between two bearings, 0..180."""
    return abs((first_deg - second_deg + 180.0) % 360.0 - 180.0)


def regions_meet(
    query: Sequence[Sequence[tuple[float, float]]],
    reference: Sequence[Sequence[tuple[float, float]]],
    true: Matrix,
    tolerance_px: float,
) -> bool:
    """Tell whether regions cited in the query truly lie where those cited in the reference do.

    The regions of the query are moved by the true transform. They meet those of the reference if at least half of the
    smaller of the two areas is common, both being grown by the tolerance of the truth.
    """
    here = unary_union([_grown(moved(true, np.asarray(part)), tolerance_px) for part in query])
    there = unary_union([_grown(np.asarray(part), tolerance_px) for part in reference])
    least = min(here.area, there.area)
    return bool(least > 0.0 and here.intersection(there).area >= 0.5 * least)


def _grown(points: Points, reach: float) -> BaseGeometry:
    if len(points) < 3 or not np.isfinite(points).all():
        return Polygon()
    return Polygon(points).buffer(0).buffer(reach)
