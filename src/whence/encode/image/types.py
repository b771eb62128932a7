"""The one class that an image encoder implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.encode.card import ModelCard
from whence.encode.preprocessing import Preprocessing


class ImageEncoder(nn.Module, ABC):
    """A function from preprocessed pictures to vectors.

    An image encoder is one module with a frozen ``Config`` and one final class.

    Class attributes:
        CONFIG: its configuration class.
        CARD: whose idea it is.
    """

    CONFIG: ClassVar[type]
    CARD: ClassVar[ModelCard]

    dim: int
    """Length of the embedding."""
    preprocessing: Preprocessing
    """How pictures are made into its input; the bundle keeps it."""

    @abstractmethod
    def __init__(self, config: Any, generator: torch.Generator | None = None) -> None:
        """Build with weights drawn from ``generator`` (torch's own if ``None``), or loaded as the config says."""
        super().__init__()

    @abstractmethod
    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures; the result is not normalised."""

    @classmethod
    @abstractmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Return a small instance with random weights, built and run on a CPU in about a second at most."""
