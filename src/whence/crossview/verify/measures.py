"""`Measures`: the numbers that tell a true registration from a false one, taken from the registration itself.

They are read off the transform and the pairs, whatever matcher made them, so that one set of curves serves matchers
that name their own statistics differently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.crossview.pose import jacobian_at, map_points
from whence.crossview.types import Correspondences, Registration
from whence.crossview.verify.edges import EdgeAgreement

FREE = {"similarity": 2, "affine": 3, "homography": 4}
"""How many pairs fix a model: those would fit by themselves."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured on a registration that has a transform.

    Attributes:
        pairs: how many pairs were proposed.
        inliers: how many the transform explains.
        chance: how many would be explained where the query does not belong: as the matcher counted by moving the query
            about (``expected_random``), else as random pairs give; see `chance_inliers`.
        excess: how many more than that are explained, in standard deviations.
        hull_share: share of the query's visible part that the hull of the inliers covers.
        residual_px: median distance of the inliers from where the transform sends them, reference pixels.
        reach_px: the largest of those distances.
        stretch: ratio of the largest to the smallest scale in the query's middle, from 1.
        perspective: ratio of the largest to the smallest scale among the query's corners, from 1.
        scale: reference pixels a query pixel, in the middle.
        flipped: whether the transform mirrors the query or folds it.
        footprint_px: shorter way across the query on the reference, reference pixels.
        overlap: share of the query that falls on the reference.
        edges: agreement of edge directions.
        screening: how far pairs of the first search exceeded chance around the place that was followed up, in standard
            deviations; not a number if the matcher does not say.
        lead: how many more pairs of the first search fit than at the next best place, in standard deviations; not a
            number if the matcher does not say.
    """

    pairs: int
    inliers: int
    chance: float
    excess: float
    hull_share: float
    residual_px: float
    reach_px: float
    stretch: float
    perspective: float
    scale: float
    flipped: bool
    footprint_px: float
    overlap: float
    edges: EdgeAgreement
    screening: float = math.nan
    lead: float = math.nan

    def values(self) -> Mapping[str, float]:
        """What the curves read, by name of measure; without those that the matcher does not state."""
        read = {
            "excess": math.log2(1.0 + max(self.excess, 0.0)),
            "spread": self.hull_share,
            "residual": math.log2(0.1 + self.residual_px / max(1.0, self.scale)),
            "shape": math.log2(self.stretch) + 0.5 * math.log2(self.perspective),
            "overlap": self.overlap,
            "edges": self.edges.significance,
            "screening": math.log2(1.0 + max(self.screening, 0.0)),
            "lead": self.lead,
        }
        return {name: value for name, value in read.items() if not math.isnan(value)}


def measure(
    registration: Registration, query_size_px: tuple[int, int], reference_size_px: tuple[int, int], edges: EdgeAgreement
) -> Measures:
    """Measure a registration.

    Args:
        registration: with a transform.
        query_size_px: width and height of the query.
        reference_size_px: width and height of the reference.
        edges: agreement of edge directions under the same transform.
    """
    assert registration.transform is not None
    transform = np.asarray(registration.transform, np.float64)
    w, h = query_size_px
    pairs = registration.correspondences
    sources, targets = pairs.query_px[pairs.inlier].astype(float), pairs.reference_px[pairs.inlier].astype(float)
    residuals = np.linalg.norm(map_points(transform, sources) - targets, axis=1) if len(sources) else np.zeros(0)
    middle = jacobian_at(transform, w / 2.0, h / 2.0)
    singular = np.linalg.svd(middle, compute_uv=False)
    scales, flipped = _over_corners(transform, w, h)
    visible = visible_part(transform, query_size_px, reference_size_px)
    reach = float(residuals.max()) if len(residuals) else 0.0
    inliers, chance = int(np.count_nonzero(pairs.inlier)), registration.statistics.get("expected_random", math.nan)
    if not math.isfinite(chance):
        chance = chance_inliers(len(pairs), registration.model, reach, reference_size_px)
    excess = registration.statistics.get("excess", (inliers - chance) / math.sqrt(chance + 1.0))
    # The registrar knows which pixels hold data; without it the whole frame of the reference counts.
    geometric = float(hull_area(visible) / (w * h)) if len(visible) >= 3 else 0.0
    overlap = min(geometric, registration.statistics.get("overlap", geometric))
    return Measures(
        len(pairs),
        inliers,
        chance,
        excess,
        min(1.0, hull_area(sources) / max(1e-9, hull_area(visible))) if len(visible) >= 3 else 0.0,
        float(np.median(residuals)) if len(residuals) else 0.0,
        reach,
        float(singular[0] / max(singular[1], 1e-12)),
        float(scales.max() / max(float(scales.min()), 1e-12)),
        float(np.sqrt(singular[0] * singular[1])),
        flipped,
        float(singular[1] * min(w, h)),
        overlap,
        edges,
        float(registration.statistics.get("screening", math.nan)),
        float(registration.statistics.get("lead", math.nan)),
    )


def _over_corners(transform: Float[np.ndarray, "3 3"], w: int, h: int) -> tuple[Float[np.ndarray, 5], bool]:
    """Scales in corners and middle, and whether the query is mirrored or folded there."""
    places = [(0.0, 0.0), (float(w), 0.0), (float(w), float(h)), (0.0, float(h)), (w / 2.0, h / 2.0)]
    depth = np.array([transform[2] @ (x, y, 1.0) for x, y in places])
    if depth.min() * depth.max() <= 0.0:
        return np.array([1.0, 1.0, 1.0, 1.0, 1e6]), True
    areas = np.array([np.linalg.det(jacobian_at(transform, x, y)) for x, y in places])
    return np.sqrt(np.abs(areas)), bool(areas.min() <= 0.0)


def chance_inliers(pairs: int, model: str, reach_px: float, reference_size_px: tuple[int, int]) -> float:
    """How many of random pairs the best transform explains, about.

    The number at which the expected count of transforms that explain as many, over all samples of pairs that fix one,
    falls below 1 (the number of false alarms of Moisan and Stival 2004), when a random target lies within ``reach_px``
    of where a transform sends its source with the chance that the reference's area gives.
    """
    fixed = FREE.get(model, 4)
    if pairs <= fixed:
        return float(pairs)
    share = min(1.0, math.pi * max(reach_px, 0.5) ** 2 / (reference_size_px[0] * reference_size_px[1]))
    if share >= 1.0:
        return float(pairs)
    log_share = math.log(share)
    for count in range(fixed + 1, pairs + 1):
        log_alarms = math.log(pairs - fixed) + _log_choose(pairs, count) + _log_choose(count, fixed)
        if log_alarms + (count - fixed) * log_share < 0.0:
            return float(count - 1)
    return float(pairs)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def visible_part(
    transform: Float[np.ndarray, "3 3"], query_size_px: tuple[int, int], reference_size_px: tuple[int, int]
) -> Float[np.ndarray, "n 2"]:
    """Corners, in the query, of the part of it that falls on the reference; none if nothing does or it folds."""
    import cv2

    w, h = query_size_px
    corners = np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])
    depth = np.column_stack([corners, np.ones(4)]) @ transform[2]
    if depth.min() * depth.max() <= 0.0 or abs(float(np.linalg.det(transform))) < 1e-15:
        return np.zeros((0, 2))
    outline = map_points(transform, corners)
    if not np.isfinite(outline).all() or np.abs(outline).max() > 1e6:
        return np.zeros((0, 2))
    rw, rh = reference_size_px
    frame = np.array([[0, 0], [rw, 0], [rw, rh], [0, rh]], np.float32)
    area, common = cv2.intersectConvexConvex(outline.astype(np.float32), frame)
    if common is None or area <= 0.0:
        return np.zeros((0, 2))
    return map_points(np.linalg.inv(transform), common.reshape(-1, 2).astype(np.float64))


def hull_of(points_px: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Convex hull, corners in order."""
    import cv2

    if len(points_px) < 3:
        return points_px
    return np.asarray(cv2.convexHull(points_px.astype(np.float32)).reshape(-1, 2).astype(np.float64))


def hull_area(points_px: Float[np.ndarray, "n 2"]) -> float:
    """Area of the convex hull, square pixels."""
    hull = hull_of(points_px)
    if len(hull) < 3:
        return 0.0
    x, y = hull.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def inliers_of(pairs: Correspondences) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Positions of the inliers in the query and in the reference."""
    return pairs.query_px[pairs.inlier].astype(np.float64), pairs.reference_px[pairs.inlier].astype(np.float64)
