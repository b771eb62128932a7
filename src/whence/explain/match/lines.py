"""Straight lines of roads, field edges and roofs, by the bearing that they run along on the ground."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8

from whence.explain.match.frame import CommonFrame, project

BEARINGS = ("N–S", "NE–SW", "E–W", "SE–NW")
"""Directions that lines are sorted by, each 45 degrees wide."""

LINES_LONGEST_PX = 256
"""Longest side of the grid that lines are sought on."""

_LEAST_LENGTH = 0.07
_WIDTH_PX = 3
_TURN_DEG = 8.0
_APART = 0.015
_LEAST_COMMON = 0.5


def segments(pixels: UInt8[np.ndarray, "height width 3"]) -> Float[np.ndarray, "n 4"]:
    """Line segments x1, y1, x2, y2 of at least 7 % of the longer side (LSD, Grompone von Gioi et al. 2010)."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, [1, 99])
    grey = np.clip((grey.astype(np.float32) - low) * (255.0 / max(float(high - low), 1.0)), 0, 255).astype(np.uint8)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    if found is None:
        return np.empty((0, 4))
    lines = found.reshape(-1, 4).astype(np.float64) + 0.5
    length = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    return lines[length >= _LEAST_LENGTH * max(grey.shape)]


def bearings_deg(lines: Float[np.ndarray, "n 4"], frame: CommonFrame, up_deg: float) -> Float[np.ndarray, " n"]:
    """Bearings of segments of the grid on the ground, 0..180 degrees clockwise from north.

    Args:
        lines: on the grid.
        frame: that holds the grid.
        up_deg: bearing of the reference's upward direction.
    """
    if not len(lines):
        return np.empty(0)
    start, end = project(frame.to_reference, lines[:, :2]), project(frame.to_reference, lines[:, 2:])
    dx, dy = (end - start).T
    return np.mod(np.degrees(np.arctan2(dx, -dy)) + up_deg, 180.0)


def of_bearing(
    lines: Float[np.ndarray, "n 4"], bearing_deg: Float[np.ndarray, " n"], index: int
) -> Float[np.ndarray, "m 4"]:
    """The segments that run along one of `BEARINGS`."""
    away = np.abs(np.mod(bearing_deg - 45.0 * index + 90.0, 180.0) - 90.0)
    return lines[away <= 22.5]


def drawn(lines: Float[np.ndarray, "n 4"], shape: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    """Segments as a mask of lines a few pixels wide."""
    import cv2

    mask = np.zeros(shape, np.uint8)
    for x1, y1, x2, y2 in np.round(lines - 0.5).astype(int):
        cv2.line(mask, (int(x1), int(y1)), (int(x2), int(y2)), 1, _WIDTH_PX)
    return mask.astype(np.float64)


def matched(
    a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"], shape: tuple[int, int]
) -> list[tuple[Float[np.ndarray, " 4"], Float[np.ndarray, " 4"]]]:
    """Pairs of segments that lie on one another, the longest first; each is used once."""
    apart = _APART * max(shape)
    pairs: list[tuple[float, int, int]] = []
    for i, one in enumerate(a):
        along = one[2:] - one[:2]
        length = math.hypot(*along)
        unit = along / length
        for j, other in enumerate(b):
            ends = other.reshape(2, 2) - one[:2]
            across = np.abs(ends @ np.array([-unit[1], unit[0]]))
            run = np.sort(ends @ unit)
            common = min(length, run[1]) - max(0.0, run[0])
            turn = math.degrees(math.asin(min(1.0, abs(float(np.diff(across)[0])) / max(run[1] - run[0], 1e-9))))
            if across.mean() <= apart and turn <= _TURN_DEG and common >= _LEAST_COMMON * length:
                pairs.append((float(common), i, j))
    out, used_a, used_b = [], set[int](), set[int]()
    for _, i, j in sorted(pairs, reverse=True):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            out.append((a[i], b[j]))
    return out
