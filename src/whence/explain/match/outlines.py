"""Masks and segments of the common grid as polygons in both pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from whence.crossview.types import Region
from whence.explain.match.frame import CommonFrame, project

MOST_PARTS = 3
"""No claim outlines more parts of a picture."""

_LEAST_SHARE = 0.004
_STRAIGHTEN_PX = 1.0
_CORNERS = 60


def part_outlines(mask: Bool[np.ndarray, "height width"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Outlines of the largest connected parts of a mask, as corners on the grid."""
    import cv2

    found = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    parts = sorted(found, key=cv2.contourArea, reverse=True)[:MOST_PARTS]
    out = []
    for part in parts:
        if cv2.contourArea(part) < _LEAST_SHARE * mask.size:
            continue
        tolerance, line = _STRAIGHTEN_PX, part
        while len(line := cv2.approxPolyDP(part, tolerance, True)) > _CORNERS:
            tolerance *= 1.5
        if len(line) >= 3:
            out.append(line.reshape(-1, 2).astype(np.float64) + 0.5)
    return out


def both_sides(frame: CommonFrame, outlines: list[Float[np.ndarray, "_ 2"]]) -> tuple[Region, ...]:
    """Outlines of the grid as regions of the query, then of the reference, in the same order."""
    return (
        *(region("query", project(frame.to_query, line)) for line in outlines),
        *(region("reference", project(frame.to_reference, line)) for line in outlines),
    )


def region(side: str, points: Float[np.ndarray, "n 2"]) -> Region:
    """Corners of a picture as a region, to a tenth of a pixel."""
    return Region(side, tuple((round(float(x), 1), round(float(y), 1)) for x, y in points))


def strip(segment: Float[np.ndarray, " 4"], half_width: float) -> Float[np.ndarray, "4 2"]:
    """The rectangle around a segment."""
    start, end = segment[:2], segment[2:]
    along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
    across = half_width * np.array([-along[1], along[0]])
    return np.array([start + across, end + across, end - across, start - across])


def whole(frame: CommonFrame) -> tuple[Region, ...]:
    """The ground that both pictures show, as regions of both."""
    return both_sides(frame, part_outlines(frame.valid))
