"""Numbers that tell a true registration from a false one.

| name | what it is |
| --- | --- |
| ``matches`` | pairs of the first round, before any transform |
| ``first_inliers`` | of these explained roughly by the transform after the guided round |
| ``second_support`` | support of the best other place as a share of this one's, 0..2 |
| ``lead`` | ``first_inliers`` over those of the best other place, in standard deviations; below 0 if it has more |
| ``screening`` | pairs near a first guess over chance, in standard deviations; the greatest was followed up |
| ``guided_matches`` | pairs found near where the transform expects them |
| ``inliers``, ``inlier_share`` | of these explained by the final transform |
| ``expected_random`` | pairs that would be explained where the query does not belong: mean over displacements |
| ``decoy_most`` | the most at one displacement |
| ``excess`` | explained pairs over those, in standard deviations |
| ``coverage`` | hull of the explained pairs as a share of the query's valid area |
| ``overlap`` | share of the query's valid area that lies on valid reference |
| ``residual_px`` | root of the mean squared distance of explained pairs, in pixels of the reference |
| ``scale``, ``turn_deg`` | of the transform in the query's middle: pixels of the reference a pixel, clockwise |
| ``scale_off``, ``turn_off_deg`` | against what was expected: absolute logarithm, and degrees; 0 if nothing was |
| ``anisotropy`` | ratio of the greater to the smaller stretch in the middle, minus 1 |
| ``perspective`` | logarithm of the ratio of the greatest to the smallest growth of areas over the query |
| ``model_parameters`` | 4, 6 or 8 |
| ``agreement``, ``agreement_z``, ``agreement_ratio``, ``agreement_off_px`` | see `dense.agreement` |
| ``dense_score``, ``dense_ratio``, ``dense_z`` | of the dense search, if the place was found by it; else 0, 1, 0 |
| ``sigma_px`` | standard deviation of the position of the query's middle |
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from whence.crossview.register.dense import Peak, agreement
from whence.crossview.register.geometry import PARAMETERS, Points, linear_part, mapped
from whence.crossview.register.guide import Guided
from whence.crossview.register.picture import Picture, Transform
from whence.crossview.register.refine import Fit

_SHIFT_PX = 32


def of_first(matches: int, inliers: float, second: float) -> dict[str, float]:
    """Of the first round."""
    return {"matches": float(matches), "first_inliers": float(inliers), "second_support": second}


def of_guided(guided: Guided, fit: Fit, query: Picture) -> dict[str, float]:
    """Of the pairs after the guided rounds."""
    inliers = float(fit.inlier.sum())
    return {
        "guided_matches": float(len(guided.score)),
        "inliers": inliers,
        "inlier_share": inliers / max(len(guided.score), 1),
        "expected_random": guided.decoy_mean,
        "decoy_most": guided.decoy_most,
        "excess": guided.excess,
        "coverage": hull_area(guided.query_px[fit.inlier]) / max(float(query.valid.sum()), 1.0),
        "residual_px": fit.residual_px,
    }


def of_transform(
    fit: Fit, query: Picture, *, expected_scale: float | None, expected_turn_deg: float | None
) -> dict[str, float]:
    """Of the transform itself."""
    transform, outline = fit.transform, query.outline_px
    linear = linear_part(transform, query.centre_px)
    stretch = np.linalg.svd(linear, compute_uv=False)
    depth = outline @ transform[2, :2] + transform[2, 2]
    scale, turn = scale_and_turn(transform, query.centre_px)
    off = 0.0 if expected_turn_deg is None else abs((turn - expected_turn_deg + 180.0) % 360.0 - 180.0)
    return {
        "scale": scale,
        "turn_deg": turn,
        "scale_off": 0.0 if expected_scale is None else abs(math.log(scale / expected_scale)),
        "turn_off_deg": off,
        "anisotropy": float(stretch[0] / max(stretch[1], 1e-9)) - 1.0,
        "perspective": 3.0 * float(np.log(depth.max() / depth.min())),
        "model_parameters": float(PARAMETERS[fit.model]),
    }


def of_overlap(
    transform: Transform, query: Picture, reference: Picture, window: tuple[int, int, int, int]
) -> dict[str, float]:
    """Of the query laid onto the reference, pixel by pixel."""
    x, y, width, height = window
    into = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]]) @ transform
    warped, part = query.warped(into, width, height), reference.cut(x, y, width, height)
    area = hull_area(mapped(transform, query.outline_px)) * float(query.valid.sum()) / hull_area(query.outline_px)
    both = float((warped.valid & part.valid).sum())
    radius = min(_SHIFT_PX, min(width, height) // 3)
    return {"overlap": min(1.0, both / max(area, 1.0)), **agreement(warped, part, radius)}


def of_dense(peak: Peak | None) -> dict[str, float]:
    """Of the dense search."""
    if peak is None:
        return {"dense_score": 0.0, "dense_ratio": 1.0, "dense_z": 0.0}
    return {"dense_score": peak.score, "dense_ratio": peak.ratio, "dense_z": peak.z}


def scale_and_turn(transform: Transform, at_px: np.ndarray) -> tuple[float, float]:
    """Factor and clockwise turn in degrees, −180..180, of the nearest similarity at a position."""
    linear = linear_part(transform, at_px)
    factor = complex(linear[0, 0] + linear[1, 1], linear[1, 0] - linear[0, 1]) / 2.0
    return max(abs(factor), 1e-9), math.degrees(math.atan2(factor.imag, factor.real))


def hull_area(points: Points) -> float:
    """Area of the convex hull in square pixels; 0 for less than three points."""
    import cv2

    if len(points) < 3:
        return 0.0
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32))))


def failed(first: Mapping[str, float]) -> dict[str, float]:
    """Statistics where no transform was found."""
    nothing = {
        "guided_matches": 0.0,
        "inliers": 0.0,
        "inlier_share": 0.0,
        "excess": 0.0,
        "coverage": 0.0,
        "overlap": 0.0,
    }
    return {**nothing, **first}
