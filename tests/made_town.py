"""A town from above, drawn: roads, roofs and trees; the same for the same seed."""

from __future__ import annotations

import cv2
import numpy as np


def town(side_px: int = 400, seed: int = 0) -> np.ndarray:
    """RGB pixels of a square town."""
    draw = np.random.default_rng(seed)
    canvas = np.full((side_px, side_px, 3), (110, 125, 90), np.uint8)
    for _ in range(side_px // 40):
        a, b = (tuple(int(v) for v in draw.integers(-20, side_px + 20, 2)) for _ in range(2))
        cv2.line(canvas, a, b, (150, 150, 150), int(draw.integers(5, 10)), cv2.LINE_AA)
    for _ in range(side_px**2 // 900):
        middle = tuple(float(v) for v in draw.uniform(0, side_px, 2))
        size = tuple(float(v) for v in draw.uniform(8, 26, 2))
        box = cv2.boxPoints((middle, size, float(draw.uniform(0, 90))))
        colour = tuple(int(v) for v in draw.integers(40, 255, 3))
        cv2.fillPoly(canvas, [np.round(box * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
    for _ in range(side_px**2 // 1500):
        middle = tuple(int(v) for v in draw.integers(0, side_px, 2))
        cv2.circle(canvas, middle, int(draw.integers(3, 7)), (40, 70 + int(draw.integers(0, 40)), 40), -1, cv2.LINE_AA)
    noise = draw.normal(0, 4, canvas.shape)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


def seen(pixels: np.ndarray, transform: np.ndarray, width_px: int, height_px: int, seed: int = 1) -> np.ndarray:
    """What a camera sees, in other light; ``transform`` takes its continuous positions to those of ``pixels``."""
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    of_middles = np.linalg.inv(half) @ np.linalg.inv(transform) @ half
    found = cv2.warpPerspective(pixels, of_middles, (width_px, height_px), flags=cv2.INTER_LINEAR)
    noise = np.random.default_rng(seed).normal(0, 6, found.shape)
    return np.clip(0.8 * found.astype(float) + 25 + noise, 0, 255).astype(np.uint8)
