"""The one class that a location encoder implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.encode.card import ModelCard


class LocationEncoder(nn.Module, ABC):
    """A function from places to vectors.

    A location encoder is one module with a frozen ``Config`` and one final class. It first computes fixed *features*
    (harmonics, random Fourier features, …), then a trained network on them. Features are computed in float32 whatever
    the autocast: half precision destroys high frequencies. Where the same places come again and again, compute their
    features once and train on `from_features`.

    Class attributes:
        CONFIG: its configuration class.
        CARD: whose idea it is.
        CONTINUITY: one sentence that begins with ``Smooth everywhere`` if neither the antimeridian nor a pole is
            special to the encoder with its default settings, otherwise with ``Seam`` and where it is.
    """

    CONFIG: ClassVar[type]
    CARD: ClassVar[ModelCard]
    CONTINUITY: ClassVar[str]

    dim: int
    """Length of the embedding."""
    feature_dim: int
    """Length of the fixed features."""

    @abstractmethod
    def __init__(self, config: Any, generator: torch.Generator | None = None) -> None:
        """Build with weights drawn from ``generator`` (torch's own if ``None``)."""
        super().__init__()

    @abstractmethod
    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Fixed features of places, float32, before anything is trained.

        Args:
            lat_lon_deg: latitude and longitude, WGS84 degrees; longitudes of any turn.
        """

    @abstractmethod
    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Embed places whose features are at hand; the result is not normalised."""

    def forward(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n dim"]:
        """Embed places; the result is not normalised."""
        return self.from_features(self.features(lat_lon_deg))

    @classmethod
    @abstractmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Return a small instance with random weights, built and run on a CPU in far less than a second."""
