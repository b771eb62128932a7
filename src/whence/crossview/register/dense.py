"""Dense correlation of gradient directions: finds a place where points fail, and checks one that points found.

Each pixel becomes a vector of twice the direction of its gradient, so that bright on dark and dark on bright are the
same, with contrast evened out locally. Correlating two such pictures is orientation correlation (Fitch et al.,
Orientation Correlation, BMVC 2002), here with doubled angles and divided by the energy under the mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from whence.crossview.register.geometry import Allowed, mapped
from whence.crossview.register.picture import Picture, Transform, turned

_BLUR_PX = 1.2
_EVEN_PX = 12.0
_APART_SHARE = 0.12


@dataclass(frozen=True, eq=False)
class Peak:
    """A place that a search found.

    Attributes:
        transform: from positions in the query to those in the reference.
        score: correlation, −1..1.
        ratio: the best score elsewhere as a share of this one's.
        z: by how many standard deviations the score exceeds those of other shifts.
    """

    transform: Transform
    score: float
    ratio: float
    z: float


def structure(picture: Picture) -> Complex[np.ndarray, "height width"]:
    """Doubled directions of gradients, as complex numbers of length up to about 1; 0 near what is not valid."""
    import cv2

    grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), _BLUR_PX)
    gradient = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    inside = cv2.erode(picture.valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0).astype(np.float32)
    size = np.abs(gradient) * inside
    level = cv2.GaussianBlur(size, (0, 0), _EVEN_PX) / np.maximum(cv2.GaussianBlur(inside, (0, 0), _EVEN_PX), 1e-3)
    strength = size / (size + level + 2.0)
    direction = gradient / np.maximum(np.abs(gradient), 1e-6)
    return (strength * direction**2).astype(np.complex64)


@dataclass(frozen=True, eq=False)
class Target:
    """A reference ready to be searched: spectra of its structure and of its energy, padded to ``shape``."""

    structure: Complex[np.ndarray, "h w"]
    energy: Complex[np.ndarray, "h half"]
    shape: tuple[int, int]
    size: tuple[int, int]

    @staticmethod
    def of(picture: Picture, room_px: int) -> Target:
        """Ready for templates of at most ``room_px`` a side."""
        field = structure(picture)
        shape = (_good(field.shape[0] + room_px), _good(field.shape[1] + room_px))
        return Target(
            np.fft.fft2(field, shape),
            np.fft.rfft2((np.abs(field) ** 2).astype(np.float32), shape),
            shape,
            (field.shape[0], field.shape[1]),
        )


def correlation(template: Picture, target: Target) -> Float[np.ndarray, "down across"]:
    """Correlation at every shift of the template over the target.

    Entry (y, x) is for the template's corner at (x, y), indices from the back are shifts to the left and up. Where
    little of the template lies on the reference the score is drawn to 0: the energy counts as half its median at least.
    """
    field = structure(template)
    mask = (np.abs(field) > 0).astype(np.float32)
    own = float((np.abs(field) ** 2).sum())
    product = np.fft.ifft2(target.structure * np.conj(np.fft.fft2(field, target.shape))).real
    energy = np.fft.irfft2(target.energy * np.conj(np.fft.rfft2(mask, target.shape)), target.shape)
    least = 0.5 * float(np.median(energy[energy > 1.0])) if (energy > 1.0).any() else 1.0
    found: np.ndarray = (product / np.sqrt(np.maximum(energy, least) * max(own, 1e-3))).astype(np.float32)
    return found


def search(
    query: Picture,
    reference: Picture,
    *,
    middle: float,
    allowed: Allowed,
    side_px: int,
    keep: int,
    turn_step_deg: float = 7.5,
    scale_step: float = 1.12,
) -> list[Peak]:
    """Places where the query lies best, over turns, scales and shifts.

    Args:
        query: what is looked for.
        reference: where.
        middle: expected factor from query to reference pixels.
        allowed: scales and turns.
        side_px: both are reduced until the query is about this long, by the root of its valid area.
        keep: at most so many places.
        turn_step_deg: between the turns tried.
        scale_step: ratio of the scales tried.
    """
    coarse = min(1.0, side_px / (math.sqrt(float(query.valid.sum())) * middle))
    small, to_small = turned(reference, 0.0, coarse)
    trials = [
        turned(query, turn, scale * coarse)
        for turn in _turns(allowed, turn_step_deg)
        for scale in _scales(allowed, middle, scale_step)
    ]
    target = Target.of(small, max(max(picture.size_px) for picture, _ in trials))
    found = list[tuple[float, float, Transform]]()
    for picture, to_trial in trials:
        found += [
            (score, z, np.linalg.inv(to_small) @ _shift(x, y) @ to_trial)
            for score, z, x, y in _peaks(correlation(picture, target), target.size, keep + 1, side_px * _APART_SHARE)
        ]
    return _distinct(found, query.outline_px.mean(axis=0), side_px / coarse * _APART_SHARE, keep)


def agreement(query: Picture, reference: Picture, radius_px: int) -> dict[str, float]:
    """How well directions of gradients agree where both pictures lie on each other, against shifted by a little.

    Args:
        query: warped onto the reference's frame.
        reference: of the same size.
        radius_px: largest shift.

    Returns:
        ``agreement`` (correlation in place), ``agreement_z`` (in standard deviations of those of other shifts),
        ``agreement_ratio`` (the best other as a share of it), ``agreement_off_px`` (distance of the best shift).
    """
    scores = correlation(query, Target.of(reference, radius_px))
    around = np.roll(scores, (radius_px, radius_px), (0, 1))[: 2 * radius_px + 1, : 2 * radius_px + 1]
    y, x = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    away = np.hypot(x, y)
    here, there = around[away <= 2.5], around[away > max(6.0, 0.3 * radius_px)]
    best = float(here.max())
    spread = max(float(there.std()), 1e-4)
    return {
        "agreement": best,
        "agreement_z": (best - float(there.mean())) / spread,
        "agreement_ratio": max(float(there.max()), 0.0) / max(best, 1e-3),
        "agreement_off_px": float(away.ravel()[int(around.argmax())]),
    }


def _turns(allowed: Allowed, step: float) -> Sequence[float]:
    if allowed.turn_range_deg >= 180.0:
        return [allowed.turn_deg + i * step for i in range(round(360.0 / step))]
    count = math.floor(allowed.turn_range_deg / step)
    return [allowed.turn_deg + i * step for i in range(-count, count + 1)]


def _scales(allowed: Allowed, middle: float, step: float) -> Sequence[float]:
    below = math.floor(math.log(middle / max(allowed.scale[0], middle / 2.0)) / math.log(step) + 1e-9)
    above = math.floor(math.log(min(allowed.scale[1], middle * 2.0) / middle) / math.log(step) + 1e-9)
    return [middle * step**i for i in range(-below, above + 1)]


def _peaks(
    scores: np.ndarray, size: tuple[int, int], count: int, apart_px: float
) -> list[tuple[float, float, float, float]]:
    """Score, z and shift of the greatest entries that lie apart."""
    height, width = scores.shape
    mean, spread = float(scores.mean()), max(float(scores.std()), 1e-4)
    left, found = scores.copy(), []
    reach = math.ceil(apart_px)
    for _ in range(count):
        y, x = divmod(int(left.argmax()), width)
        score = float(left[y, x])
        if score <= 0.0:
            break
        shift = (float(x if x < size[1] else x - width), float(y if y < size[0] else y - height))
        found.append((score, (score - mean) / spread, *shift))
        rows, columns = np.arange(y - reach, y + reach + 1) % height, np.arange(x - reach, x + reach + 1) % width
        left[np.ix_(rows, columns)] = -1.0
    return found


def _distinct(
    found: list[tuple[float, float, Transform]], middle: np.ndarray, apart_px: float, keep: int
) -> list[Peak]:
    ordered = sorted(found, key=lambda item: -item[0])
    taken = list[tuple[float, float, Transform, np.ndarray]]()
    for score, z, transform in ordered:
        place = mapped(transform, middle[None])[0]
        if all(np.linalg.norm(place - other) > apart_px for *_, other in taken):
            taken.append((score, z, transform, place))
        if len(taken) == keep + 1:
            break
    best, second = (taken[0][0], taken[1][0]) if len(taken) > 1 else (1.0, 0.0)
    return [
        Peak(transform, score, (second if i == 0 else best) / max(score, 1e-3), z)
        for i, (score, z, transform, _) in enumerate(taken[:keep])
    ]


def _shift(x: float, y: float) -> Transform:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _good(length: int) -> int:
    """The next length that the transform is fast at."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
