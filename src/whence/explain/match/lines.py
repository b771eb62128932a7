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


def common_stretches(
    a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"], shape: tuple[int, int]
) -> list[Float[np.ndarray, " 4"]]:
    """Stretches where a segment of ``a`` lies on one of ``b``, the longest first; each segment is used once."""
    apart = _APART * max(shape)
    found: list[tuple[float, int, int, Float[np.ndarray, " 4"]]] = []
    for i, one in enumerate(a):
        length = math.hypot(*(one[2:] - one[:2]))
        unit = (one[2:] - one[:2]) / length
        for j, other in enumerate(b):
            ends = other.reshape(2, 2) - one[:2]
            across = ends @ np.array([-unit[1], unit[0]])
            run = np.sort(ends @ unit)
            first, last = max(0.0, float(run[0])), min(length, float(run[1]))
            turn = math.degrees(math.atan2(abs(float(across[1] - across[0])), max(float(run[1] - run[0]), 1e-9)))
            if np.abs(across).mean() <= apart and turn <= _TURN_DEG and last - first >= _LEAST_COMMON * length:
                stretch = np.concatenate([one[:2] + first * unit, one[:2] + last * unit])
                found.append((last - first, i, j, stretch))
    out, used_a, used_b = [], set[int](), set[int]()
    for _, i, j, stretch in sorted(found, key=lambda item: (-item[0], item[1], item[2])):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            out.append(stretch)
    return out
