"""`Picture`: pixels and which of them hold data, turned, resized and warped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.errors import ImageError

Transform = Float[np.ndarray, "3 3"]
"""A homography of continuous pixel positions."""

_DARKEST = 12
_LEAST_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture to register.

    Attributes:
        pixels: RGB, 8 bits.
        valid: which pixels hold data.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    valid: Bool[np.ndarray, "height width"]

    @staticmethod
    def of(pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None) -> Picture:
        """With the mask that is given, else with black areas that touch the edge left out.

        Raises:
            ImageError: nothing in it is valid.
        """
        if valid is None:
            valid = ~black_edges(pixels)
        if not valid.any():
            raise ImageError("No pixel of the picture is valid: give one that is not black throughout.")
        return Picture(pixels, valid)

    @cached_property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def centre_px(self) -> Float[np.ndarray, " 2"]:
        """The middle."""
        return np.array(self.size_px, np.float64) / 2.0

    @cached_property
    def outline_px(self) -> Float[np.ndarray, "n 2"]:
        """Corners of the convex hull of what is valid."""
        import cv2

        y = np.flatnonzero(self.valid.any(axis=1))
        left = self.valid[y].argmax(axis=1)
        right = self.valid.shape[1] - self.valid[y, ::-1].argmax(axis=1)
        ends = np.concatenate([np.stack([x, y + dy], axis=1) for x in (left, right) for dy in (0, 1)])
        return np.asarray(cv2.convexHull(ends.astype(np.int32))[:, 0], np.float64)

    def warped(self, transform: Transform, width_px: int, height_px: int) -> Picture:
        """What it looks like in another frame.

        Args:
            transform: from its positions to those of the other frame.
            width_px: width of the other frame.
            height_px: its height.
        """
        import cv2

        shrink = local_scale(transform, self.outline_px.mean(axis=0))
        pixels, inner = self.pixels, transform
        if shrink < 0.7:  # averaged first, as interpolation looks at four pixels only
            size = (max(1, round(self.size_px[0] * shrink)), max(1, round(self.size_px[1] * shrink)))
            pixels = self._reduced(size)
            inner = transform @ np.diag([self.size_px[0] / size[0], self.size_px[1] / size[1], 1.0])
        found = cv2.warpPerspective(pixels, _of_middles(inner), (width_px, height_px), flags=cv2.INTER_LINEAR)
        mask = cv2.warpPerspective(
            self.valid.astype(np.uint8), _of_middles(transform), (width_px, height_px), flags=cv2.INTER_NEAREST
        )
        return Picture(np.asarray(found, np.uint8), mask.astype(bool))

    def _reduced(self, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
        """The pixels averaged to a size; those of the last size are kept, as one is turned many times."""
        import cv2

        kept = self._last.get(size)
        if kept is None:
            kept = np.asarray(cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA))
            self._last.clear()
            self._last[size] = kept
        return kept

    @cached_property
    def _last(self) -> dict[tuple[int, int], UInt8[np.ndarray, "height width 3"]]:
        return {}

    def cut(self, x_px: int, y_px: int, width_px: int, height_px: int) -> Picture:
        """A window inside of it."""
        part = np.s_[y_px : y_px + height_px, x_px : x_px + width_px]
        return Picture(self.pixels[part], self.valid[part])


def black_edges(pixels: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    """Black areas that touch the edge and are larger than a fiftieth of the picture."""
    import cv2

    dark = (pixels.max(axis=2) <= _DARKEST).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > _LEAST_SHARE * dark.size)
    chosen = [label for label in np.unique(edge) if label > 0 and label in large]
    return np.isin(labels, chosen) & (dark > 0) if count > 1 else np.zeros(dark.shape, bool)


def turned(picture: Picture, angle_deg: float, scale: float) -> tuple[Picture, Transform]:
    """The picture turned clockwise and resized, in a frame that holds it, and the transform into that frame."""
    transform, width, height = frame_of(picture, angle_deg, scale)
    return picture.warped(transform, width, height), transform


def frame_of(picture: Picture, angle_deg: float, scale: float) -> tuple[Transform, int, int]:
    """The transform into the frame that `turned` makes, its width and its height."""
    angle = math.radians(angle_deg)
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = picture.outline_px @ linear.T
    least = np.floor(corners.min(axis=0))
    width, height = (max(1, int(side)) for side in np.ceil(corners.max(axis=0) - least))
    transform = np.eye(3)
    transform[:2, :2], transform[:2, 2] = linear, -least
    return transform, width, height


def local_scale(transform: Transform, at_px: Float[np.ndarray, " 2"]) -> float:
    """Root of the factor by which areas grow at a position."""
    x, y = at_px
    depth = transform[2] @ np.array([x, y, 1.0])
    size = abs(np.linalg.det(transform)) / max(abs(depth) ** 3, 1e-12)
    return float(np.sqrt(size))


def _of_middles(transform: Transform) -> Transform:
    """The same transform for OpenCV, which counts from the middle of the first pixel."""
    shift = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    found: np.ndarray = np.linalg.inv(shift) @ transform @ shift
    return found
