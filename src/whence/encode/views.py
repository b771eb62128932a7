"""Several looks at one picture: ten crops of a photograph, perspective views of a panorama."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.errors import OptionError


def ten_crop(pixels: UInt8[np.ndarray, "h w 3"], side_px: int) -> UInt8[np.ndarray, "10 side side 3"]:
    """Four corners, the centre, and the mirror images of these five, in this order.

    Embeddings of the ten are averaged by Krizhevsky et al. 2012 (section 4.1), and by GeoCLIP (Vivanco Cepeda et al.
    2023) when it is evaluated, there on pictures whose shorter side was brought to 256 pixels, with crops of 224.

    Args:
        pixels: the picture, no side shorter than the crops.
        side_px: side of a crop.

    Raises:
        OptionError: the picture is smaller than a crop.
    """
    height, width = pixels.shape[:2]
    if not 1 <= side_px <= min(height, width):
        raise OptionError(
            f"Crops of {side_px} pixels cannot be cut from a picture of {width} × {height}. Enlarge it first."
        )
    down, right = height - side_px, width - side_px
    corners = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    crops = np.stack([pixels[top : top + side_px, left : left + side_px] for top, left in corners])
    return np.concatenate([crops, crops[:, :, ::-1]])


def panorama_views(
    pixels: UInt8[np.ndarray, "h w 3"],
    n: int = 4,
    fov_deg: float = 90.0,
    side_px: int = 224,
    *,
    pitch_deg: float = 0.0,
) -> UInt8[np.ndarray, "n side side 3"]:
    """Square perspective views of an equirectangular panorama, level headings at equal distances.

    View 0 looks at the centre column, the next ones to the right of it (clockwise seen from above). A panorama
    that is lower than half its width is taken to be cut off alike above and below; what is beyond is filled with
    its edge. Where the panorama is finer than the view, several rays a pixel are averaged.

    Args:
        pixels: the panorama, all 360 degrees wide.
        n: how many views.
        fov_deg: angle from the left edge of a view to its right, below 180.
        side_px: side of a view.
        pitch_deg: how far above the horizon the views look.

    Raises:
        OptionError: a picture higher than half its width, or a number out of range.
    """
    height, width = pixels.shape[:2]
    if 2 * height > width + 1:
        raise OptionError(
            f"A panorama is at least twice as wide as high, received {width} × {height}. Give an equirectangular one."
        )
    if n < 1 or side_px < 1 or not 0 < fov_deg < 180 or not -90 <= pitch_deg <= 90:
        raise OptionError(
            "n ≥ 1, side_px ≥ 1, 0 < fov_deg < 180 and -90 ≤ pitch_deg ≤ 90 are needed, received "
            f"{n}, {side_px}, {fov_deg}, {pitch_deg}."
        )
    rays_a_pixel = max(1, math.ceil(width / 360 * fov_deg / side_px))
    fine = side_px * rays_a_pixel
    azimuth, elevation = _angles(fine, math.radians(fov_deg), math.radians(pitch_deg))
    views = []
    for i in range(n):
        column = ((azimuth / (2 * math.pi) + i / n + 0.5) * width - 0.5) % width
        row = height / 2 - 0.5 - elevation / (2 * math.pi) * width
        rendered = _bilinear(pixels, row, column)
        pooled = rendered.reshape(side_px, rays_a_pixel, side_px, rays_a_pixel, 3).mean(axis=(1, 3))
        views.append(np.clip(np.rint(pooled), 0, 255).astype(np.uint8))
    return np.stack(views)


def _angles(
    side: int, fov: float, pitch: float
) -> tuple[Float[np.ndarray, "side side"], Float[np.ndarray, "side side"]]:
    """Azimuth and elevation, radians, of the rays through the pixels of a pinhole camera at azimuth 0."""
    at = ((np.arange(side) + 0.5) / side * 2 - 1) * math.tan(fov / 2)
    right, up = np.meshgrid(at, -at)
    forward = math.cos(pitch) - up * math.sin(pitch)
    up = math.sin(pitch) + up * math.cos(pitch)
    return np.arctan2(right, forward), np.arctan2(up, np.hypot(right, forward))


def _bilinear(
    pixels: UInt8[np.ndarray, "h w 3"], row: Float[np.ndarray, "a b"], column: Float[np.ndarray, "a b"]
) -> Float[np.ndarray, "a b 3"]:
    """Sample between pixel centres; columns go round, rows go over the poles of a whole sphere."""
    width = pixels.shape[1]
    top, left = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    down, right = (row - top)[..., None], (column - left)[..., None]
    upper = (1 - right) * _at(pixels, top, left % width) + right * _at(pixels, top, (left + 1) % width)
    lower = (1 - right) * _at(pixels, top + 1, left % width) + right * _at(pixels, top + 1, (left + 1) % width)
    return (1 - down) * upper + down * lower


def _at(pixels: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    over = (row < 0) | (row >= height)
    if abs(2 * height - width) <= 1:  # the whole sphere: half a turn on, on the other side of the pole
        column = np.where(over, (column + width // 2) % width, column)
    return pixels[np.clip(row, 0, height - 1), column].astype(np.float64)
