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
_EVERY = 4

_Spectrum = Float[np.ndarray, "height width"]
"""Spectrum of real numbers as OpenCV packs it: as many numbers as went in."""


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
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    inside = cv2.erode(picture.valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0).astype(np.float32)
    length = np.sqrt(across * across + down * down)
    size = length * inside
    level = cv2.GaussianBlur(size, (0, 0), _EVEN_PX) / np.maximum(cv2.GaussianBlur(inside, (0, 0), _EVEN_PX), 1e-3)
    share = size / ((size + level + 2.0) * np.maximum(length, 1e-6) ** 2)
    found = np.empty(grey.shape, np.complex64)
    found.real, found.imag = share * (across * across - down * down), share * (2.0 * across * down)
    return found


@dataclass(frozen=True, eq=False)
class Target:
    """A reference ready to be searched.

    Attributes:
        structure: spectra of the real and of the imaginary part of its structure.
        energy: spectrum of the square of its length.
        shape: height and width to which all are padded.
        size: height and width of the reference.
    """

    structure: tuple[_Spectrum, _Spectrum]
    energy: _Spectrum
    shape: tuple[int, int]
    size: tuple[int, int]

    @staticmethod
    def of(picture: Picture, room_px: int) -> Target:
        """Ready for templates of at most ``room_px`` a side."""
        import cv2

        field = structure(picture)
        height, width = field.shape
        shape = (cv2.getOptimalDFTSize(height + room_px), cv2.getOptimalDFTSize(width + room_px))
        parts = (_spectrum(field.real, shape), _spectrum(field.imag, shape))
        return Target(parts, _spectrum(_squared(field), shape), shape, (height, width))


def correlation(template: Picture, target: Target) -> Float[np.ndarray, "down across"]:
    """Correlation at every shift of the template over the target.

    Entry (y, x) is for the template's corner at (x, y), indices from the back are shifts to the left and up. Where
    little of the template lies on the reference the score is drawn to 0: the energy counts as half its median at least.
    """
    field = structure(template)
    own = _squared(field)
    energy = _correlated(target.energy, _spectrum((own > 0.0).astype(np.float32), target.shape))
    energy = _back(energy)
    some = energy[::_EVERY, ::_EVERY]
    some = some[some > 1.0]
    np.maximum(energy, 0.5 * float(np.median(some)) if len(some) else 1.0, out=energy)
    energy *= max(float(own.sum()), 1e-3)
    found = _correlated(target.structure[0], _spectrum(field.real, target.shape))
    found += _correlated(target.structure[1], _spectrum(field.imag, target.shape))
    found = _back(found)
    found /= np.sqrt(energy, out=energy)
    return found


# OpenCV's transforms take a tenth of the time of NumPy's; arrays are written over, as fresh ones cost as much again.


def _spectrum(values: np.ndarray, shape: tuple[int, int]) -> _Spectrum:
    """Of real numbers padded by 0."""
    import cv2

    padded = np.zeros(shape, np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return np.asarray(cv2.dft(padded, padded))


def _correlated(there: _Spectrum, here: _Spectrum) -> _Spectrum:
    """Spectrum of the correlation of two, written over the second."""
    import cv2

    return np.asarray(cv2.mulSpectrums(there, here, 0, here, True))


def _back(spectrum: _Spectrum) -> Float[np.ndarray, "height width"]:
    """The real numbers of a spectrum, written over it."""
    import cv2

    return np.asarray(cv2.dft(spectrum, spectrum, cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))


def _squared(field: Complex[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    found: np.ndarray = field.real**2 + field.imag**2
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
    over: float = 1.0,
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
        over: share of the query by which it may hang over the edge of the reference; less is quicker.
    """
    coarse = min(1.0, side_px / (math.sqrt(float(query.valid.sum())) * middle))
    small, to_small = turned(reference, 0.0, coarse)
    trials = [
        turned(query, turn, scale * coarse)
        for scale in _scales(allowed, middle, scale_step)
        for turn in _turns(allowed, turn_step_deg)
    ]
    longest = max(max(picture.size_px) for picture, _ in trials)
    target = Target.of(small, max(math.ceil(over * longest), longest - min(small.size_px)))
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
