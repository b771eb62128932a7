"""Ground that is drawn, as reference pictures and as views of it, with the truth known."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from whence.earth.tiles.mosaic import local_reference
from whence.samples.view import View, ViewKind

LAT, LON = 46.5, 7.5


def ground(seed: int, side_px: int = 640) -> np.ndarray:
    """A picture from above: fields, and roofs among them."""
    generator = np.random.default_rng(seed)
    picture = cv2.resize(generator.uniform(60, 160, (9, 9, 3)).astype(np.uint8), (side_px, side_px))
    for _ in range(round(160 * (side_px / 640) ** 2)):
        x, y = (int(v) for v in generator.integers(0, side_px, 2))
        size = tuple(float(v) for v in generator.uniform(6, 40, 2))
        box = cv2.boxPoints(((float(x), float(y)), size, float(generator.uniform(0, 90))))
        cv2.fillPoly(picture, [box.astype(np.int32)], tuple(float(v) for v in generator.integers(20, 255, 3)))
    return picture


def write_ground(folder: Path, seed: int = 0, side_px: int = 640, gsd_m: float = 0.5) -> Path:
    """A reference picture around (LAT, LON) with a sidecar that tells where it lies."""
    import json

    path = folder / f"ground{seed}.png"
    cv2.imwrite(str(path), cv2.cvtColor(ground(seed, side_px), cv2.COLOR_RGB2BGR))
    where = local_reference(LAT, LON, side_px * gsd_m, side_px)
    path.with_suffix(".georef.json").write_text(json.dumps({"crs": where.crs, "affine": list(where.affine)}))
    return path


def view_of(
    picture: np.ndarray,
    x_px: float,
    y_px: float,
    *,
    turn_deg: float = 0.0,
    zoom: float = 1.0,
    size_px: tuple[int, int] = (320, 240),
    noise: float = 4.0,
    seed: int = 0,
    kind: ViewKind = ViewKind.DRONE,
) -> View:
    """What a camera straight above a position of a picture sees.

    Args:
        picture: of the ground, north up.
        x_px: position of the view's middle.
        y_px: position of the view's middle.
        turn_deg: bearing of the view's upward direction.
        zoom: pixels of the view for one of the picture.
        size_px: width and height of the view.
        noise: deviation of the noise.
        seed: of the noise.
        kind: of the view.
    """
    c, s = math.cos(math.radians(turn_deg)) / zoom, math.sin(math.radians(turn_deg)) / zoom
    back = np.array([[c, -s, x_px], [s, c, y_px]])
    back[:, 2] += back[:, :2] @ (-np.array(size_px) / 2.0 + 0.5) - 0.5
    seen = cv2.warpAffine(picture, back, size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    seen = seen + np.random.default_rng(seed).normal(0.0, noise, seen.shape)
    pixels = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return View(pixels, size_px, f"view{seed}.png", f"{seed:064x}", "PNG", kind)
