"""Whether two masks lie at the same place, against every way of shifting one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_LEAST_SHARED = 0.4
_FAR = 0.1
"""A control is shifted by at least this share of the longer side."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How two masks lie on each other.

    Attributes:
        iou: intersection over union as laid.
        chance_iou: mean of the same over the controls, which are shifted by a tenth of the longer side or more.
        phi: correlation of the masks as laid, −1..1.
        z: how many standard deviations of the controls that is above their mean.
        beaten: share of the controls that correlate less.
        best_shift: length of the shift that correlates most, over the longer side.
        controls: how many shifts were tried.
    """

    iou: float
    chance_iou: float
    phi: float
    z: float
    beaten: float
    best_shift: float
    controls: int


def placement(
    a: Float[np.ndarray, "height width"] | Bool[np.ndarray, "height width"],
    b: Float[np.ndarray, "height width"] | Bool[np.ndarray, "height width"],
    valid: Bool[np.ndarray, "height width"],
) -> Placement:
    """Compare two masks as laid with all shifts that keep two fifths of the shared ground.

    The correlation at every shift comes from five products of Fourier transforms (masked normalised correlation,
    Padfield 2012), so that "no shift fits better" is tried rather than assumed.

    Args:
        a: mask of the first picture on the common grid.
        b: mask of the second.
        valid: where both pictures hold data.
    """
    height, width = valid.shape
    shape = (_fast(2 * height), _fast(2 * width))
    v = valid.astype(np.float64)
    transforms = [np.fft.rfft2(x, shape) for x in (v, v * a, v * b)]
    fv, fa, fb = transforms
    n = np.rint(_correlate(fv, fv, shape))
    sum_a, sum_b = _correlate(fa, fv, shape), _correlate(fv, fb, shape)
    both = _correlate(fa, fb, shape)
    count = np.maximum(n, 1.0)
    covariance = both / count - sum_a * sum_b / count**2
    spread = (sum_a / count) * (1 - sum_a / count) * (sum_b / count) * (1 - sum_b / count)
    phi = np.where(spread > 1e-6, covariance / np.sqrt(np.maximum(spread, 1e-6)), 0.0)
    iou = both / np.maximum(sum_a + sum_b - both, 1.0)
    dy, dx = (np.fft.fftfreq(size, 1.0 / size) for size in shape)
    length = np.hypot(dy[:, None], dx[None, :]) / max(height, width)
    allowed = n >= _LEAST_SHARED * n[0, 0]
    far = allowed & (length >= _FAR)
    best = np.unravel_index(np.argmax(np.where(allowed, phi, -2.0)), shape)
    controls = phi[far]
    mean, deviation = float(controls.mean()), float(controls.std())
    return Placement(
        iou=min(1.0, float(iou[0, 0])),
        chance_iou=float(iou[far].mean()),
        phi=float(phi[0, 0]),
        z=(float(phi[0, 0]) - mean) / max(deviation, 1e-3),
        beaten=float((controls < phi[0, 0]).mean()),
        best_shift=float(length[best]),
        controls=int(far.sum()),
    )


def _correlate(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> Float[np.ndarray, "rows columns"]:
    """Sum of products at every shift, without the noise of rounding."""
    return np.maximum(np.fft.irfft2(a * np.conj(b), shape), 0.0)


def _fast(size: int) -> int:
    """The next size of factors 2, 3 and 5, whose transform is fast."""
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1
