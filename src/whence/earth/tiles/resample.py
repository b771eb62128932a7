"""Cut a window out of a picture and bring it to a size, where part of the picture may hold no data.

Pixels without data never colour those beside them: colours are averaged with weight 0 where there is none. Positions
are continuous (`whence.earth.tiles.georeference`), so a window may begin between pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

_SUPPORT = 2.0
"""Reach of the cubic kernel, in pixels of the coarser of the two pictures."""


@dataclass(frozen=True, eq=False)
class Block:
    """Pixels of a part of a picture, perhaps averaged down.

    Attributes:
        pixels: RGB.
        valid: which hold data.
        x_px: left edge, in pixels of the whole picture.
        y_px: upper edge.
        reduce: pixels of the whole picture a pixel of the block, across and down.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    valid: Bool[np.ndarray, "height width"]
    x_px: int
    y_px: int
    reduce: int = 1


Fetch = Callable[[int, int, int, int, int], Block]
"""Gives at least the pixels from left, top to right, bottom (exclusive), averaged down at most by the last number."""


def cut_window(
    fetch: Fetch,
    size_px: tuple[int, int],
    window_px: tuple[float, float, float, float],
    out_px: tuple[int, int],
) -> tuple[UInt8[np.ndarray, "height width 3"], Bool[np.ndarray, "height width"]]:
    """Read a window and bring it to a size; black and not valid outside of the picture.

    Args:
        fetch: reads blocks of whole pixels.
        size_px: width and height of the picture.
        window_px: left and upper edge, width and height; need not lie inside.
        out_px: width and height of the result.
    """
    (left, top, wide, high), (width, height) = window_px, out_px
    pixels, valid = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
    across, down = wide / width, high / height
    columns, rows = _inside(left, across, width, size_px[0]), _inside(top, down, height, size_px[1])
    if columns is None or rows is None:
        return pixels, valid
    x0, x1 = left + columns[0] * across, left + columns[1] * across
    y0, y1 = top + rows[0] * down, top + rows[1] * down
    reduce = 2 ** max(0, math.floor(math.log2(max(1.0, min(across, down) / 2.0))))
    mx, my = (math.ceil(_SUPPORT * max(scale, 1.0)) + reduce for scale in (across, down))
    block = fetch(
        max(0, math.floor(x0) - mx),
        max(0, math.floor(y0) - my),
        min(size_px[0], math.ceil(x1) + mx),
        min(size_px[1], math.ceil(y1) + my),
        reduce,
    )
    box = tuple(
        (edge - origin) / block.reduce
        for edge, origin in ((x0, block.x_px), (y0, block.y_px), (x1, block.x_px), (y1, block.y_px))
    )
    part = (slice(*rows), slice(*columns))
    pixels[part], valid[part] = _resized(block, box, (columns[1] - columns[0], rows[1] - rows[0]))
    return pixels, valid


def reduced(
    pixels: UInt8[np.ndarray, "h w 3"], valid: Bool[np.ndarray, "h w"], by: int
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], Bool[np.ndarray, "h2 w2"]]:
    """Average squares of ``by`` × ``by`` pixels; those that hold data in half of their area are valid."""
    if by == 1:
        return pixels, valid
    if valid.all():
        out = np.asarray(Image.fromarray(pixels).reduce(by))
        return out, np.ones(out.shape[:2], bool)
    share = np.asarray(Image.fromarray(valid.astype(np.uint8) * np.uint8(255)).reduce(by), np.float32) / 255.0
    summed = np.asarray(Image.fromarray(pixels * valid[..., None]).reduce(by), np.float32)
    return _normalised(summed, share), share >= 0.5


def _inside(start: float, step: float, count: int, size: int) -> tuple[int, int] | None:
    """Which of the pixels of the result touch the picture, along one side."""
    first, last = max(0, math.floor(-start / step)), min(count, math.ceil((size - start) / step))
    return (first, last) if first < last else None


def _resized(
    block: Block, box: tuple[float, ...], out_px: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    pixels, valid, box = _padded(block.pixels, block.valid, box)
    left, top = round(box[0]), round(box[1])
    same = (float(left), float(top), float(left + out_px[0]), float(top + out_px[1]))
    if box == same:  # nothing to interpolate
        part = (slice(top, top + out_px[1]), slice(left, left + out_px[0]))
        return pixels[part] * valid[part][..., None], valid[part]
    if valid.all():
        out = Image.fromarray(pixels).resize(out_px, Image.Resampling.BICUBIC, box=box)
        return np.asarray(out), np.ones(out_px[::-1], bool)
    mask = Image.fromarray(valid.astype(np.uint8) * np.uint8(255))
    summed = Image.fromarray(pixels * valid[..., None]).resize(out_px, Image.Resampling.BILINEAR, box=box)
    share = np.asarray(mask.resize(out_px, Image.Resampling.BILINEAR, box=box), np.float32) / 255.0
    kept = np.asarray(mask.resize(out_px, Image.Resampling.BOX, box=box)) >= 128
    return _normalised(np.asarray(summed, np.float32), share) * kept[..., None], kept


def _padded(
    pixels: np.ndarray, valid: np.ndarray, box: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float, float]]:
    """Add pixels without data where the box leaves the block."""
    height, width = valid.shape
    left, top = max(0, math.ceil(-box[0])), max(0, math.ceil(-box[1]))
    right, bottom = max(0, math.ceil(box[2] - width)), max(0, math.ceil(box[3] - height))
    if left or top or right or bottom:
        # The rounding of a position must not cost the last row of a picture: colours go on, but hold no data.
        sides = ((top, bottom), (left, right))
        pixels, valid = np.pad(pixels, (*sides, (0, 0)), mode="edge"), np.pad(valid, sides)
    return pixels, valid, (box[0] + left, box[1] + top, box[2] + left, box[3] + top)


def _normalised(summed: np.ndarray, share: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    colours = summed / np.maximum(share, 1.0 / 255.0)[..., None]
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)
