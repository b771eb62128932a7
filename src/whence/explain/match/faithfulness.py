"""The masking test: without the pixels that an explanation cites, the match must weaken more than without others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.errors import OptionError
from whence.crossview.types import Match
from whence.explain.match.frame import corners, is_possible_view, project
from whence.explain.match.types import MatchExplanation, MatchFaithfulness

_RADIUS, _LEAST_RADIUS_PX = 0.02, 4.0
_BROAD = 0.25
_LEAST_PX = 16
_BLACK = 2


def measure_faithfulness(
    explanation: MatchExplanation,
    score: Callable[[UInt8[np.ndarray, "height width 3"]], float],
    *,
    most_share: float = 0.25,
    trials: int = 4,
    seed: int = 0,
) -> MatchFaithfulness | None:
    """Mask the cited pixels of the query, and as many others, and score both.

    Others are taken from the ground that the reference covers too, in discs of the same size, so that they are as fit
    to be matched as the cited ones. Masked pixels are filled with the local mean of what is left.

    Args:
        explanation: whose agreeing claims are tested.
        score: log-odds of the match for a picture of the query's size, by matching and verifying it anew.
        most_share: share of that ground to mask at most; the strongest evidence comes first.
        trials: how many sets of other pixels are tried.
        seed: of their choice.

    Returns:
        ``None`` where nothing is cited or nothing else is left to mask: the test cannot be made.

    Raises:
        OptionError: a share outside 0..0.5, or no trial.
    """
    if not (0.0 < most_share <= 0.5 and trials >= 1):
        raise OptionError(
            f"The masking test takes most_share above 0 and up to 0.5, and 1 trial or more; received {most_share} and "
            f"{trials}."
        )
    match = explanation.match
    pixels = match.query.pixels
    ground = shared_ground(match)
    cited = cited_pixels(explanation, most_share)
    area = int(cited.sum())
    if area < _LEAST_PX or int((ground & ~cited).sum()) < area:
        return None
    generator = np.random.default_rng(seed)
    controls = [
        float(score(masked(pixels, _others(ground & ~cited, area, _radius(pixels), generator)))) for _ in range(trials)
    ]
    return MatchFaithfulness(
        whole=float(score(pixels)),
        masked=float(score(masked(pixels, cited))),
        controls=tuple(controls),
        masked_share=area / cited.size,
    )


def shared_ground(match: Match) -> Bool[np.ndarray, "height width"]:
    """The query's pixels that hold data and fall on the reference by the transform; all with data without one."""
    import cv2

    height, width = match.query.pixels.shape[:2]
    shown = match.query.pixels.max(axis=2) > _BLACK
    if not is_possible_view(match.registration.transform, width, height):
        return np.asarray(shown)
    assert match.registration.transform is not None
    tall, wide = match.reference.pixels.shape[:2]
    line = project(np.linalg.inv(match.registration.transform), corners(wide, tall))
    if not np.isfinite(line).all():
        return np.asarray(shown)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.clip(np.round(line), -30000, 30000).astype(np.int32)], 1)
    return shown & (inside > 0)


def cited_pixels(explanation: MatchExplanation, most_share: float = 0.25) -> Bool[np.ndarray, "height width"]:
    """The pixels of the query that agreeing claims rest on, the strongest first, up to a share of the shared ground.

    A claim on points, whose region is the hull around them, rests on discs around the fitting points; a claim on a
    narrow region rests on the region.

    Args:
        explanation: of a match.
        most_share: where to stop.
    """
    import cv2

    match = explanation.match
    height, width = match.query.pixels.shape[:2]
    ground = shared_ground(match)
    limit = most_share * float(ground.sum())
    agreeing = [claim for claim in explanation.claims if claim.verdict == "agrees"]
    polygons = [np.array(r.polygon_px) for claim in agreeing for r in claim.regions if r.side == "query"]
    areas = [abs(float(cv2.contourArea(line.astype(np.float32)))) for line in polygons]
    broad = _filled([p for p, a in zip(polygons, areas, strict=True) if a > _BROAD * height * width], (height, width))
    pairs = match.registration.correspondences
    fitting = np.flatnonzero(pairs.inlier)
    order = fitting[np.argsort(-pairs.score[fitting], kind="stable")]
    cited = np.zeros((height, width), bool)
    for x, y in pairs.query_px[order]:
        if 0 <= y < height and 0 <= x < width and broad[int(y), int(x)]:
            cited |= _disc((height, width), float(x), float(y), _radius(match.query.pixels)) & ground
        if cited.sum() >= limit:
            return cited
    for line, area in zip(polygons, areas, strict=True):
        more = cited | (_filled([line], (height, width)) & ground)
        if area <= _BROAD * height * width and more.sum() <= limit:
            cited = more
    return cited


def masked(
    pixels: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture with some pixels replaced by the mean of those left around them."""
    import cv2

    known = (~mask).astype(np.float32)
    light = pixels.astype(np.float32) * known[..., None]
    out = pixels.copy()
    open_px = mask.copy()
    width = _radius(pixels)
    while open_px.any() and width < 2 * max(pixels.shape[:2]):
        weight = cv2.GaussianBlur(known, (0, 0), width)
        mean = cv2.GaussianBlur(light, (0, 0), width) / np.maximum(weight, 1e-6)[..., None]
        now = open_px & (weight > 0.02)
        out[now] = np.clip(np.round(mean[now]), 0, 255).astype(np.uint8)
        open_px &= ~now
        width *= 2.0
    return out


def _radius(pixels: UInt8[np.ndarray, "height width 3"]) -> float:
    return max(_LEAST_RADIUS_PX, _RADIUS * max(pixels.shape[:2]))


def _filled(polygons: list[Float[np.ndarray, "_ 2"]], shape: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    import cv2

    mask = np.zeros(shape, np.uint8)
    for line in polygons:
        cv2.fillPoly(mask, [np.clip(np.round(line), -30000, 30000).astype(np.int32)], 1)
    return mask > 0


def _disc(shape: tuple[int, int], x: float, y: float, radius: float) -> Bool[np.ndarray, "height width"]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2)


def _others(
    free: Bool[np.ndarray, "height width"], area: int, radius: float, generator: np.random.Generator
) -> Bool[np.ndarray, "height width"]:
    """Discs on free pixels until they hold the area, the last one cut."""
    mask = np.zeros_like(free)
    places = np.argwhere(free)
    for row, column in generator.permutation(places):
        if mask[row, column]:
            continue
        disc = _disc(free.shape, column + 0.5, row + 0.5, radius) & free & ~mask
        lacking = area - int(mask.sum())
        if disc.sum() >= lacking:
            mask[tuple(np.argwhere(disc)[:lacking].T)] = True
            break
        mask |= disc
    return mask
