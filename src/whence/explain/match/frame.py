"""`CommonFrame`: both pictures of a match on one grid, laid together by the transform that geometry found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.arrays import FloatArray
from whence.crossview.types import Match

LONGEST_PX = 160
"""Longest side of the grid: land cover is compared, not texture."""

_SMALLEST_PX = 24
_LEAST_VALID = 0.1
_LEAST_AREA_PX = 300.0
_MOST_STRETCH = 4.0
_BLACK = 2
_BLACK_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class CommonFrame:
    """The query, made smaller, and the reference as the query sees it.

    Attributes:
        query: RGB, 8 bits.
        reference: RGB, warped onto the query's grid; black where there is none.
        valid: where both pictures hold data.
        to_query: homography from positions of the grid to the query's pixels.
        to_reference: homography from positions of the grid to the reference's pixels.
    """

    query: UInt8[np.ndarray, "height width 3"]
    reference: UInt8[np.ndarray, "height width 3"]
    valid: Bool[np.ndarray, "height width"]
    to_query: Float[np.ndarray, "3 3"]
    to_reference: Float[np.ndarray, "3 3"]

    @property
    def share(self) -> float:
        """Share of the query that the reference covers with data."""
        return float(self.valid.mean())


def project(transform: Float[np.ndarray, "3 3"], points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Positions through a homography; not a number where it sends them to infinity or behind the picture."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ transform.T
    front = mapped[:, 2] > 1e-9
    return np.where(front[:, None], mapped[:, :2] / np.where(front, mapped[:, 2], 1.0)[:, None], np.nan)


def corners(width: float, height: float) -> Float[np.ndarray, "4 2"]:
    """Outer corners of a picture, clockwise from the upper left."""
    return np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])


def jacobian(transform: Float[np.ndarray, "3 3"], x_px: float, y_px: float) -> Float[np.ndarray, "2 2"]:
    """Derivative of a homography at a position."""
    u, v, w = transform @ np.array([x_px, y_px, 1.0])
    return (transform[:2, :2] - np.outer([u / w, v / w], transform[2, :2])) / w


def is_possible_view(transform: Float[np.ndarray, "3 3"] | None, width: float, height: float) -> bool:
    """Tell whether a transform shows the whole query from above: unmirrored, not folded, not a sliver."""
    if transform is None or not np.isfinite(transform).all():
        return False
    mapped = project(transform, corners(width, height))
    if not np.isfinite(mapped).all():
        return False
    sides = np.roll(mapped, -1, axis=0) - mapped
    turns = sides[:, 0] * np.roll(sides, -1, axis=0)[:, 1] - sides[:, 1] * np.roll(sides, -1, axis=0)[:, 0]
    if not (turns > 0.0).all():
        return False
    stretch = np.linalg.svd(jacobian(transform, width / 2, height / 2), compute_uv=False)
    x, y = mapped.T
    area = 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    return area >= _LEAST_AREA_PX and float(stretch[0]) <= _MOST_STRETCH * float(stretch[1])


def common_frame(match: Match, longest_px: int = LONGEST_PX) -> CommonFrame | None:
    """Lay the reference of a match onto its query, at the coarser of the two resolutions.

    Args:
        match: with a transform or without.
        longest_px: longest side of the grid, at most.

    Returns:
        ``None`` where the transform is missing or is none that a camera could give, or where too little is shared.
    """
    import cv2

    transform, pixels = match.registration.transform, match.query.pixels
    height, width = pixels.shape[:2]
    if transform is None or not is_possible_view(transform, width, height):
        return None
    scale = math.sqrt(abs(float(np.linalg.det(jacobian(transform, width / 2, height / 2)))))
    step = max(max(height, width) / longest_px, 1.0, 1.0 / scale)
    out_w, out_h = round(width / step), round(height / step)
    if min(out_w, out_h) < _SMALLEST_PX:
        return None
    to_query = np.diag([width / out_w, height / out_h, 1.0])
    query = cv2.resize(pixels, (out_w, out_h), interpolation=cv2.INTER_AREA)
    shown = cv2.resize(_has_data(pixels).astype(np.float32), (out_w, out_h), interpolation=cv2.INTER_AREA) > 0.99
    to_reference = transform @ to_query
    reference, covered = _warped(match, to_reference, scale * step, (out_w, out_h))
    frame = CommonFrame(query, reference, shown & covered, to_query, to_reference)
    return frame if frame.share >= _LEAST_VALID else None


def _has_data(pixels: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    """Black edges of a warped picture are no ground; a dark pixel here and there is."""
    black = pixels.max(axis=2) <= _BLACK
    return ~black if black.mean() > _BLACK_SHARE else np.ones_like(black)


def _warped(
    match: Match, to_reference: Float[np.ndarray, "3 3"], shrink: float, size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "height width 3"], Bool[np.ndarray, "height width"]]:
    """The reference on the grid, averaged first where the grid is coarser, and where it holds data."""
    import cv2

    pixels = match.reference.pixels
    valid: FloatArray = match.reference.valid.astype(np.float32)
    height, width = pixels.shape[:2]
    factor = min(1.0, 1.0 / shrink)
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    if small != (width, height):
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        valid = np.asarray(cv2.resize(valid, small, interpolation=cv2.INTER_AREA), np.float32)
    fit = np.diag([small[0] / width, small[1] / height, 1.0])
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])  # OpenCV counts from pixel middles
    matrix = np.linalg.inv(half) @ fit @ to_reference @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(pixels, matrix, size, flags=flags)
    covered = cv2.warpPerspective(valid, matrix, size, flags=flags) > 0.99
    return seen, covered
