"""Fourier transforms of real pictures by OpenCV, for correlation at all shifts at once.

They take a tenth of the time of NumPy's. Arrays are written over, as fresh ones cost as much again.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Spectrum = Float[np.ndarray, "height width"]
"""Spectrum of real numbers as OpenCV packs it: as many numbers as went in."""


def good_size(height: int, width: int) -> tuple[int, int]:
    """The least size from this on that is transformed quickly."""
    import cv2

    return cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)


def spectrum(values: np.ndarray, shape: tuple[int, int]) -> Spectrum:
    """Of real numbers padded by 0."""
    import cv2

    padded = np.zeros(shape, np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return np.asarray(cv2.dft(padded, padded))


def correlated(there: Spectrum, here: Spectrum) -> Spectrum:
    """Spectrum of the correlation of two, written over the second."""
    import cv2

    return np.asarray(cv2.mulSpectrums(there, here, 0, here, True))


def back(spectrum: Spectrum) -> Float[np.ndarray, "height width"]:
    """The real numbers of a spectrum, written over it."""
    import cv2

    return np.asarray(cv2.dft(spectrum, spectrum, cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))
