"""Land cover by simple rules on colour and brightness, made the same way on both pictures of a match.

A class is an index of each pixel and a threshold. The threshold is chosen for each picture by itself (Otsu 1979), as
sensors and seasons differ, but never below a floor that the name of the class asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

Index = Callable[[Float[np.ndarray, "height width 3"]], Float[np.ndarray, "height width"]]

_GREY_SPREAD = 5.0
_SMOOTH_PX = 1.0
_BINS = 128


def _sum(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    return rgb.sum(axis=2) + 0.02


def excess_green(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """2 g − r − b of the chromatic coordinates (Woebbecke et al. 1995), which is above 0 on leaves."""
    return (3.0 * rgb[..., 1] + 0.02) / _sum(rgb) - 1.0


def warmth(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Red − blue of the chromatic coordinates, high on soil, sand and dry grass."""
    return (rgb[..., 0] - rgb[..., 2]) / _sum(rgb)


def blueness(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """2 b − r − g of the chromatic coordinates, high on water under a clear sky."""
    return (3.0 * rgb[..., 2] + 0.02) / _sum(rgb) - 1.0


def brightness(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Mean of the channels, 0..1."""
    return rgb.mean(axis=2)


def darkness(rgb: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """One less the mean of the channels."""
    return 1.0 - rgb.mean(axis=2)


@dataclass(frozen=True, slots=True)
class Cover:
    """A class of land cover.

    Attributes:
        name: as claims give it.
        index: number of each pixel, high where the class is.
        floor: least threshold.
        coloured: whether it needs colour.
        tail: the threshold is sought among the values above the first one, so that only the extreme is left.
        rule: how it is told, in words.
    """

    name: str
    index: Index
    floor: float
    coloured: bool
    tail: bool
    rule: str


COVERS = (
    Cover("green ground", excess_green, 0.02, True, False, "excess green 2g − r − b"),
    Cover("bare or dry ground", warmth, 0.06, True, False, "r − b over the sum of the channels"),
    Cover("blue ground or water", blueness, 0.04, True, False, "excess blue 2b − r − g"),
    Cover("light surfaces", brightness, 0.0, False, False, "brightness"),
    Cover("brightest spots", brightness, 0.0, False, True, "brightness among the light surfaces"),
    Cover("darkest spots", darkness, 0.0, False, True, "darkness among the dark surfaces"),
)
"""Every class, in the order of claims."""


def is_coloured(pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"]) -> bool:
    """Tell whether a picture has colours, or is grey as that of a single band is."""
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool(valid.any()) and float(spread[valid].mean()) >= _GREY_SPREAD


def smoothed(pixels: UInt8[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width 3"]:
    """The picture as shares of full light, a little blurred."""
    import cv2

    return np.asarray(cv2.GaussianBlur(pixels.astype(np.float32) / 255.0, (0, 0), _SMOOTH_PX), np.float64)


def otsu(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Threshold that best parts values in two, and the share of the variance that lies between the parts."""
    low, high = np.percentile(values, [0.5, 99.5])
    if not high > low:
        return float(high), 0.0
    count, edges = np.histogram(np.clip(values, low, high), _BINS, (low, high))
    middle = (edges[:-1] + edges[1:]) / 2.0
    weight = np.cumsum(count) / count.sum()
    mean = np.cumsum(count * middle) / count.sum()
    between = (mean[-1] * weight - mean) ** 2 / np.maximum(weight * (1.0 - weight), 1e-12)
    best = int(np.argmax(between[:-1]))
    variance = float(np.average((middle - mean[-1]) ** 2, weights=count))
    return float(edges[best + 1]), float(between[best] / variance)


def cover_mask(
    cover: Cover, rgb: Float[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"]
) -> tuple[Bool[np.ndarray, "height width"], float]:
    """Where a class is, and the threshold used.

    Args:
        cover: the class.
        rgb: from `smoothed`.
        valid: pixels that count.
    """
    index = cover.index(rgb)
    inside = index[valid]
    threshold = otsu(inside)[0]
    upper = inside[inside > threshold]
    if cover.tail and upper.size:
        threshold = otsu(upper)[0]
    threshold = max(threshold, cover.floor)
    return (index > threshold) & valid, threshold
