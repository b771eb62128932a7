"""Names for arrays in signatures.

Shapes are written by jaxtyping and checked while testing. The two names here stand for functions that take one
number or many and return as many; the checker at run time must be told that NumPy returns scalars as scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    Numbers: TypeAlias = ArrayLike
    FloatArray: TypeAlias = Float[np.ndarray, "..."]
    IntArray: TypeAlias = Int[np.ndarray, "..."]
else:
    Numbers = int | float | np.number | Sequence | np.ndarray
    FloatArray = Float[np.ndarray, "..."] | np.floating
    IntArray = Int[np.ndarray, "..."] | np.integer


def ranges(first: IntArray, count: IntArray) -> IntArray:
    """The whole numbers of ranges that begin at ``first`` and hold ``count``, one range after another."""
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(np.sum(count))
