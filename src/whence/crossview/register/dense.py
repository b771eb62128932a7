"""Dense correlation of gradient directions: finds a place where points fail, and checks one that points found.

Each pixel becomes a vector of twice the direction of its gradient, so that bright on dark and dark on bright are the
same, with contrast evened out locally. Correlating two such pictures is orientation correlation (Fitch et al.,
Orientation Correlation, BMVC 2002), here with doubled angles and divided by the energy under the mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Complex, Float

from whence.crossview.register.geometry import Allowed, mapped
from whence.crossview.register.picture import Picture, Transform, frame_of, turned
from whence.crossview.spectra import Spectrum, back, correlated, good_size, spectrum

_BLUR_PX = 1.2
_EVEN_PX = 12.0
_APART_SHARE = 0.12
_EVERY = 4

_Found = tuple[float, float, Transform]
"""Score, z and transform."""


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

    structure: tuple[Spectrum, Spectrum]
    energy: Spectrum
    shape: tuple[int, int]
    size: tuple[int, int]

    @staticmethod
    def of(picture: Picture, room_px: int) -> Target:
        """Ready for templates of at most ``room_px`` a side."""
        field = structure(picture)
        height, width = field.shape
        shape = good_size(height + room_px, width + room_px)
        parts = (spectrum(field.real, shape), spectrum(field.imag, shape))
        return Target(parts, spectrum(_squared(field), shape), shape, (height, width))


def correlation(template: Picture, target: Target) -> Float[np.ndarray, "down across"]:
    """Correlation at every shift of the template over the target.

    Entry (y, x) is for the template's corner at (x, y), indices from the back are shifts to the left and up. Where
    little of the template lies on the reference the score is drawn to 0: the energy counts as half its median at least.
    """
    field = structure(template)
    own = _squared(field)
    energy = back(correlated(target.energy, spectrum((own > 0.0).astype(np.float32), target.shape)))
    some = energy[::_EVERY, ::_EVERY]
    some = some[some > 1.0]
    np.maximum(energy, 0.5 * float(np.median(some)) if len(some) else 1.0, out=energy)
    energy *= max(float(own.sum()), 1e-3)
    found = correlated(target.structure[0], spectrum(field.real, target.shape))
    found += correlated(target.structure[1], spectrum(field.imag, target.shape))
    found = back(found)
    found /= np.sqrt(energy, out=energy)
    return found


def _squared(field: Complex[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    found: np.ndarray = field.real**2 + field.imag**2
    return found


@dataclass(frozen=True, eq=False)
class Search:
    """Where a query lies on a reference, over turns, scales and shifts.

    Attributes:
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

    query: Picture
    reference: Picture
    middle: float
    allowed: Allowed
    side_px: float
    keep: int
    turn_step_deg: float = 7.5
    scale_step: float = 1.12
    over: float = 1.0

    def over_all(self) -> list[Peak]:
        """The best places over all turns and scales."""
        return self._peaks_of([self._tried(view) for view in self._views])

    def over_promising(self, share: float) -> list[Peak]:
        """The same over a share of turns and scales: those that lie best where both pictures are half as large."""
        count = math.ceil(share * len(self._views))
        half = replace(self, side_px=self.side_px / 2.0, keep=1)
        if count == len(self._views) or half._reduction == 1.0:
            return self.over_all()
        scores = [half._tried(view)[0][0] for view in half._views]
        best = sorted(np.argsort(np.negative(scores), kind="stable")[:count])
        return self._peaks_of([self._tried(self._views[i]) for i in best])

    def uphill(self) -> list[Peak]:
        """The same over every second turn and scale, and from the best of these uphill: for one hill that is known."""
        turns, scales = (sorted({view[axis] for view in self._views}) for axis in (0, 1))
        tried = dict[tuple[int, int], list[_Found]]()
        every_second = [range(len(axis) // 2 % 2, len(axis), 2) for axis in (turns, scales)]  # with the middle
        asked = [(i, j) for i in every_second[0] for j in every_second[1]]
        while asked:
            for at in asked:
                tried[at] = self._tried((turns[at[0]], scales[at[1]]))
            i, j = max(tried, key=lambda at: tried[at][0][0])
            around = [(i + down, j + across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
            asked = [at for at in around if at not in tried and 0 <= at[0] < len(turns) and 0 <= at[1] < len(scales)]
        return self._peaks_of(list(tried.values()))

    @cached_property
    def _views(self) -> list[tuple[float, float]]:
        scales = _scales(self.allowed, self.middle, self.scale_step)
        return [(turn, scale) for scale in scales for turn in _turns(self.allowed, self.turn_step_deg)]

    @cached_property
    def _reduction(self) -> float:
        """Factor by which the reference is made smaller."""
        return min(1.0, self.side_px / (math.sqrt(float(self.query.valid.sum())) * self.middle))

    @cached_property
    def _target(self) -> tuple[Target, Transform]:
        """The reference made smaller, and the transform back to its own pixels."""
        small, to_small = turned(self.reference, 0.0, self._reduction)
        frames = [frame_of(self.query, turn, scale * self._reduction) for turn, scale in self._views]
        longest = max(max(width, height) for _, width, height in frames)
        room = max(math.ceil(self.over * longest), longest - min(small.size_px))
        return Target.of(small, room), np.linalg.inv(to_small)

    def _tried(self, view: tuple[float, float]) -> list[_Found]:
        """The best shifts at a turn and a scale; at least one."""
        target, whole = self._target
        picture, to_trial = turned(self.query, view[0], view[1] * self._reduction)
        shifts = _peaks(correlation(picture, target), target.size, self.keep + 1, self.side_px * _APART_SHARE)
        found = [(score, z, whole @ _shift(x, y) @ to_trial) for score, z, x, y in shifts]
        return found or [(-1.0, 0.0, np.eye(3))]

    def _peaks_of(self, tried: Sequence[list[_Found]]) -> list[Peak]:
        found = [item for items in tried for item in items if item[0] > 0.0]
        apart = self.side_px / self._reduction * _APART_SHARE
        return _distinct(found, self.query.outline_px.mean(axis=0), apart, self.keep)


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
