"""A sine network on unit vectors: the plainest encoder without seams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.encode.card import ModelCard
from whence.encode.location.layers import Siren, full_precision, unit_vectors
from whence.encode.location.types import LocationEncoder


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    width: int = 256
    "Width of the hidden layers."
    layers: int = 2
    "Number of hidden layers."
    dim: int = 256
    "Length of the embedding."
    first_frequency: float = 30.0
    "Factor in the first sine (w0)."


@final
class XyzSiren(LocationEncoder):
    """Unit vectors into a sine network.

    Args:
        config: settings.
        generator: draws the weights.

    Raises:
        OptionError: a count or width below 1.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Sine network on unit vectors",
        paper="Sitzmann et al., Implicit Neural Representations with Periodic Activation Functions, NeurIPS 2020, "
        "arXiv:2006.09661; compared as Cartesian3D with SirenNet in Rußwurm et al., ICLR 2024, arXiv:2310.06743",
        licence="Apache-2.0 (weights are trained by whence)",
        weights="none published",
    )
    CONTINUITY: ClassVar[str] = "Smooth everywhere, the antimeridian and both poles included."

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config
        self.dim, self.feature_dim = config.dim, 3
        self.network = Siren(3, config.width, config.layers, config.dim, config.first_frequency, generator)

    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Unit vectors of the places."""
        with full_precision(lat_lon_deg):
            return unit_vectors(lat_lon_deg)

    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the network."""
        found: Tensor = self.network(features)
        return found

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """16 wide."""
        return cls(Config(width=16, dim=8), torch.Generator().manual_seed(seed))
