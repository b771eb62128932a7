"""Picking points: what is valid, what is the greatest around, and what lies between the pixels of a map."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

_EPSILON = 1e-8


def filled(
    pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with its mean colour where it is not valid, so that the edge of the data weighs less."""
    if valid is None or valid.all() or not valid.any():
        return pixels
    found = pixels.copy()
    found[~valid] = pixels[valid].mean(axis=0).round().astype(np.uint8)
    return found


def within(
    valid: Bool[np.ndarray, "height width"] | None, xy_px: Float[np.ndarray, "n 2"], reach_px: int
) -> Bool[np.ndarray, " n"]:
    """Which points have nothing invalid within a distance; the edge of the picture itself does not count."""
    if valid is None or valid.all():
        return np.ones(len(xy_px), bool)
    import cv2

    side = 2 * reach_px + 1
    kept = cv2.erode(valid.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1).astype(bool)
    x = np.clip(xy_px[:, 0].astype(int), 0, valid.shape[1] - 1)
    y = np.clip(xy_px[:, 1].astype(int), 0, valid.shape[0] - 1)
    return kept[y, x]


def peaks(
    heat: Float[np.ndarray, "height width"], radius_px: int, least: float, border_px: int
) -> Int[np.ndarray, "n 2"]:
    """Pixels x, y that are the greatest within a square, greatest first."""
    import cv2

    side = 2 * radius_px + 1
    greatest = cv2.dilate(heat, np.ones((side, side), np.uint8))
    kept = (heat == greatest) & (heat > least)
    if border_px:
        inside = np.zeros_like(kept)
        inside[border_px:-border_px, border_px:-border_px] = True
        kept &= inside
    y, x = np.nonzero(kept)
    order = np.argsort(-heat[y, x], kind="stable")
    return np.stack([x[order], y[order]], axis=1)


def refined(
    heat: Float[np.ndarray, "height width"], xy: Int[np.ndarray, "n 2"], radius_px: int
) -> Float[np.ndarray, "n 2"]:
    """Continuous positions: the centre of mass of the heat in a square around each pixel."""
    padded = np.pad(heat, radius_px)
    steps = np.arange(-radius_px, radius_px + 1)
    dx, dy = (grid.ravel() for grid in np.meshgrid(steps, steps))
    around = padded[xy[:, 1, None] + radius_px + dy, xy[:, 0, None] + radius_px + dx]
    mass = around.sum(axis=1) + _EPSILON
    return xy + 0.5 + np.stack([around @ dx, around @ dy], axis=1) / mass[:, None]


def sampled(
    planes: Float[np.ndarray, "d height width"], xy_px: Float[np.ndarray, "n 2"], cell_px: float
) -> Float[np.ndarray, "n d"]:
    """Values of a coarse map at positions of the picture, interpolated bilinearly between the cells' middles."""
    _, height, width = planes.shape
    x = np.clip(xy_px[:, 0] / cell_px - 0.5, 0.0, width - 1.0)
    y = np.clip(xy_px[:, 1] / cell_px - 0.5, 0.0, height - 1.0)
    x0, y0 = np.minimum(x.astype(int), max(width - 2, 0)), np.minimum(y.astype(int), max(height - 2, 0))
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0).astype(planes.dtype), (y - y0).astype(planes.dtype)
    upper = planes[:, y0, x0] * (1 - fx) + planes[:, y0, x1] * fx
    lower = planes[:, y1, x0] * (1 - fx) + planes[:, y1, x1] * fx
    found: np.ndarray = (upper * (1 - fy) + lower * fy).T
    return found


def windows(length: int, side: int, overlap: int) -> list[tuple[int, tuple[float, float]]]:
    """First pixels of windows that cover one side of a picture, each with the interval of points that are its own.

    Args:
        length: of the picture's side.
        side: of a window.
        overlap: of two windows at least; each keeps its points as far as the middle of it.
    """
    if length <= side:
        return [(0, (-np.inf, np.inf))]
    count = -(-(length - overlap) // (side - overlap))
    starts = np.linspace(0, length - side, count).round().astype(int)
    cuts = [-np.inf, *((starts[1:] + starts[:-1] + side) / 2), np.inf]
    return [(int(start), (float(a), float(b))) for start, a, b in zip(starts, cuts[:-1], cuts[1:], strict=True)]


def unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Vectors of length one, float32."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, _EPSILON)).astype(np.float32)


def rooted(histograms: UInt8[np.ndarray, "n d"] | Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Square roots of the shares of histograms, of length one (RootSIFT: Arandjelović and Zisserman, CVPR 2012)."""
    raw = histograms.astype(np.float32, copy=False)
    return unit(np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-8)))
