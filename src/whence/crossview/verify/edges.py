"""`edge_agreement`: do edges run alike where a transform says that two pictures show the same ground?

The query is warped onto the reference and the directions of gradients are compared, without their sign, so that a
meadow may be dark in one and bright in the other (infrared, another season). Chance is measured on the same pictures:
the warped query is shifted about, and the agreement in place is set against that of all shifts that are too far to be
right. Keypoints take no part in it. It is the orientation correlation of Fitch et al. (2002), with doubled angles as in
the structure tensor, and computed for all shifts at once by Fourier transforms under masks (Padfield 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, UInt8

from whence.core.errors import InputError
from whence.crossview.pose import jacobian_at, map_points
from whence.crossview.spectra import back, correlated, good_size, spectrum

SIDE_PX = 192
"""The overlap is compared at this size or below: enough for roads and shores, and quick."""

NEAR_PX = 2.5
"""Shifts up to this many compared pixels count as in place: registrations are not exact."""

FAR_PX = 6.0
"""Shifts from this many compared pixels on count as chance."""

REACH = 0.3
"""Largest shift, as a share of the size of the compared window."""

FEWEST_PX = 400
"""Compared pixels below which nothing can be said."""


@dataclass(frozen=True, slots=True)
class EdgeAgreement:
    """How well edges agree in place, and how well when shifted.

    Attributes:
        correlation: best correlation of doubled edge directions in place, −1..1; 0 if nothing could be compared.
        chance: mean over shifts.
        significance: by how many standard deviations of the shifts ``correlation`` lies above ``chance``.
        rival: how many standard deviations the best of the shifts lies above ``chance``.
        compared_px: how many pixels were compared, at the size of comparison; 0 if there was nothing to compare.
        step_px: reference pixels that one compared pixel spans.
    """

    correlation: float
    chance: float
    significance: float
    rival: float
    compared_px: int
    step_px: float


NOTHING = EdgeAgreement(0.0, 0.0, 0.0, 0.0, 0, 1.0)
"""What is returned where the pictures do not overlap."""


def edge_agreement(
    query: UInt8[np.ndarray, "h w 3"],
    reference: UInt8[np.ndarray, "height width 3"],
    valid: Bool[np.ndarray, "height width"],
    transform: Float[np.ndarray, "3 3"],
    query_valid: Bool[np.ndarray, "h w"] | None = None,
) -> EdgeAgreement:
    """Compare edge directions in the overlap, in place and shifted.

    Args:
        query: RGB.
        reference: RGB.
        valid: which pixels of the reference hold data.
        transform: from query positions to reference positions.
        query_valid: which pixels of the query hold data; all if not given.

    Raises:
        InputError: masks of another size than their pictures.
    """
    if valid.shape != reference.shape[:2] or (query_valid is not None and query_valid.shape != query.shape[:2]):
        raise InputError("A mask must have the size of its picture: give one value for each pixel.")
    window = _window(query.shape, reference.shape, transform)
    if window is None:
        return NOTHING
    left, top, right, bottom, step = window
    size = (max(1, math.ceil((right - left) / step)), max(1, math.ceil((bottom - top) / step)))
    to_window = np.array([[1 / step, 0.0, -left / step], [0.0, 1 / step, -top / step], [0.0, 0.0, 1.0]])
    there, there_mask = _resample(reference, valid, to_window, size)
    known = np.ones(query.shape[:2], bool) if query_valid is None else query_valid
    here, here_mask = _resample(query, known, to_window @ transform, size)
    if np.count_nonzero(here_mask & there_mask) < FEWEST_PX:
        return NOTHING
    return _against_shifts(_directions(here, here_mask), here_mask, _directions(there, there_mask), there_mask, step)


def _window(
    query_shape: tuple[int, ...], reference_shape: tuple[int, ...], transform: Float[np.ndarray, "3 3"]
) -> tuple[float, float, float, float, float] | None:
    """Left, top, right, bottom of the part of the reference that is compared, and its step in reference pixels."""
    h, w = query_shape[:2]
    corners = np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h], [w / 2, h / 2]])
    depth = np.column_stack([corners, np.ones(5)]) @ transform[2]
    if not np.isfinite(transform).all() or depth.min() * depth.max() <= 0.0:
        return None
    mapped = map_points(transform, corners)
    local = abs(float(np.linalg.det(jacobian_at(transform, w / 2, h / 2))))
    low = np.maximum(mapped.min(axis=0), 0.0)
    high = np.minimum(mapped.max(axis=0), [reference_shape[1], reference_shape[0]])
    if not np.isfinite(mapped).all() or local <= 0.0 or (high - low).min() < 8.0:
        return None
    step = max(1.0, math.sqrt(local), float((high - low).max()) / SIDE_PX)
    low, high = low - REACH * (high - low), high + REACH * (high - low)
    low, high = np.maximum(low, 0.0), np.minimum(high, [reference_shape[1], reference_shape[0]])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1]), step


def _resample(
    picture: UInt8[np.ndarray, "h w 3"],
    mask: Bool[np.ndarray, "h w"],
    transform: Float[np.ndarray, "3 3"],
    size_px: tuple[int, int],
) -> tuple[Float[np.ndarray, "b a"], Bool[np.ndarray, "b a"]]:
    """A grey picture in the compared window, smoothed to its step first, and where it has data around it."""
    import cv2

    grey: np.ndarray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    middle = (picture.shape[1] / 2.0, picture.shape[0] / 2.0)
    shrink = 1.0 / math.sqrt(max(1e-12, abs(float(np.linalg.det(jacobian_at(transform, *middle))))))
    if shrink > 1.0:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.5 * shrink)
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])  # OpenCV's origin is the first pixel's middle
    moved = np.linalg.inv(half) @ transform @ half
    warped = cv2.warpPerspective(grey, moved, size_px, flags=cv2.INTER_LINEAR)
    inside = cv2.warpPerspective(mask.astype(np.uint8), moved, size_px, flags=cv2.INTER_NEAREST)
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=0)
    return warped, inside.astype(bool)


def _directions(grey: Float[np.ndarray, "b a"], mask: Bool[np.ndarray, "b a"]) -> Complex[np.ndarray, "b a"]:
    """Doubled gradient directions, length up to 1 where the gradient is strong; without their mean, 0 off the mask."""
    import cv2

    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    across, down = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    gradient = across + 1j * down
    strength = across * across + down * down
    usual = float(np.median(strength[mask])) if mask.any() else 0.0
    doubled = gradient**2 / (strength + max(usual, 1e-3))
    return np.asarray(np.where(mask, doubled - doubled[mask].mean(), 0.0) if mask.any() else np.zeros_like(doubled))


def _squared(field: Complex[np.ndarray, "b a"]) -> Float[np.ndarray, "b a"]:
    return np.asarray(field.real**2 + field.imag**2)


def _against_shifts(
    here: Complex[np.ndarray, "b a"],
    here_mask: Bool[np.ndarray, "b a"],
    there: Complex[np.ndarray, "b a"],
    there_mask: Bool[np.ndarray, "b a"],
    step: float,
) -> EdgeAgreement:
    """Correlation for every shift, and where that of none stands among them."""
    h, w = here.shape
    rows, columns = int(REACH * h), int(REACH * w)
    shape = good_size(h + rows, w + columns)

    def correlate(*pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        parts = [correlated(spectrum(b, shape), spectrum(a, shape)) for a, b in pairs]
        whole = back(sum(parts[1:], start=parts[0]))
        return np.roll(whole, (rows, columns), (0, 1))[: 2 * rows + 1, : 2 * columns + 1]

    common = correlate((here_mask, there_mask))
    top = correlate((here.real, there.real), (here.imag, there.imag))
    energy = correlate((_squared(here), there_mask)) * correlate((here_mask, _squared(there)))
    correlation = top / np.sqrt(np.maximum(energy, 1e-6))
    dy, dx = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    away = np.hypot(dy, dx)
    usable = common >= 0.5 * np.count_nonzero(here_mask & there_mask)
    near, far = usable & (away <= NEAR_PX), usable & (away >= FAR_PX)
    if np.count_nonzero(far) < 50 or not near.any():
        return NOTHING
    best, chance, spread = float(correlation[near].max()), float(correlation[far].mean()), float(correlation[far].std())
    spread = max(spread, 1e-3)
    return EdgeAgreement(
        best,
        chance,
        (best - chance) / spread,
        (float(correlation[far].max()) - chance) / spread,
        round(float(common[rows, columns])),
        step,
    )
