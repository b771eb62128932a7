"""The one class that a text encoder implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float

from whence.encode.card import ModelCard


class TextEncoder(ABC):
    """A function from texts to vectors; frozen here, its vectors are where concepts begin.

    A text encoder is one module with a frozen ``Config`` and one final class.

    Class attributes:
        CONFIG: its configuration class.
        CARD: whose idea it is.
    """

    CONFIG: ClassVar[type]
    CARD: ClassVar[ModelCard]

    dim: int
    """Length of the embedding."""

    @abstractmethod
    def __init__(self, config: Any) -> None:
        """Load as the config says."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "n dim"]:
        """Embed texts, float32, unit length; the longest part that the model takes of each."""

    @classmethod
    @abstractmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Return a small instance with random weights, built and run on a CPU in about a second at most."""
