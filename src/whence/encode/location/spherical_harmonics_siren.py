"""Spherical harmonics and a sine network: smooth everywhere, the encoder of SatCLIP."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.encode.card import ModelCard
from whence.encode.location.layers import Siren, SphericalHarmonics
from whence.encode.location.types import LocationEncoder


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    degrees: int = 20
    "Degrees of harmonics; detail is about 20,000 km divided by it."
    width: int = 256
    "Width of the hidden layers."
    layers: int = 2
    "Number of hidden layers."
    dim: int = 256
    "Length of the embedding."
    first_frequency: float = 30.0
    "Factor in the first sine (w0)."
    residual: bool = False
    "Add a linear map of the harmonics to the network's output, which keeps them readable."


@final
class SphericalHarmonicsSiren(LocationEncoder):
    """Harmonics of many degrees into a sine network.

    Args:
        config: settings.
        generator: draws the weights.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Spherical harmonics and a sine network",
        paper="Rußwurm et al., Geographic Location Encoding with Spherical Harmonics and Sinusoidal Representation "
        "Networks, ICLR 2024, arXiv:2310.06743; Klemmer et al., SatCLIP, AAAI 2025, arXiv:2311.17179",
        licence="Apache-2.0 (weights are trained by whence); SatCLIP's published weights: MIT",
        weights="https://github.com/microsoft/satclip",
        differences="Harmonics by recurrence instead of closed forms; optional linear path beside the network.",
    )
    CONTINUITY: ClassVar[str] = "Infinitely smooth everywhere, the antimeridian and both poles included."

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config
        self.dim, self.feature_dim = config.dim, config.degrees**2
        self.harmonics = SphericalHarmonics(config.degrees)
        self.network = Siren(
            self.feature_dim, config.width, config.layers, config.dim, config.first_frequency, generator
        )
        self.linear: nn.Linear | None = None
        if config.residual:
            self.linear = nn.Linear(self.feature_dim, config.dim, bias=False)
            with torch.no_grad():
                self.linear.weight.normal_(0.0, 1 / math.sqrt(self.feature_dim), generator=generator)

    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Harmonics of the places."""
        return self.harmonics(lat_lon_deg)

    def forward(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n dim"]:
        """Embed places."""
        harmonics = self.features(lat_lon_deg)
        out = self.network(harmonics)
        return out if self.linear is None else out + self.linear(harmonics)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Five degrees, 16 wide."""
        return cls(Config(degrees=5, width=16, dim=8), torch.Generator().manual_seed(seed))
