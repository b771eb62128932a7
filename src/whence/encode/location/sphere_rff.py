"""Random waves through the sphere at several length scales, and a small network: no place is special."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.core.errors import OptionError
from whence.earth.grid import EARTH_RADIUS_KM
from whence.encode.card import ModelCard
from whence.encode.location.layers import (
    RandomWaves,
    at_least,
    full_precision,
    listed_numbers,
    perceptron,
    unit_vectors,
)
from whence.encode.location.types import LocationEncoder


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    scales_km: str = "6000,1500,400"
    "Length scales of the features' kernels, km."
    waves: int = 256
    "Random waves of each scale."
    smoothness: float = 1.5
    "Matérn smoothness of the kernels, a multiple of 0.5: lower has more fine detail; 0 for Gaussian kernels."
    width: int = 256
    "Width of the hidden layers."
    layers: int = 1
    "Number of hidden layers; 0 for a linear map of the features."
    dim: int = 256
    "Length of the embedding."


@final
class SphereRff(LocationEncoder):
    """Random Fourier features of unit vectors: waves through space, seen on the sphere.

    Args:
        config: settings.
        generator: draws the waves and the weights.

    Raises:
        OptionError: scales that are no list of numbers, a negative smoothness, or a count too small.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Random Fourier features on the sphere",
        paper="Rahimi and Recht, Random Features for Large-Scale Kernel Machines, NeurIPS 2007; Tancik et al., "
        "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains, NeurIPS 2020, "
        "arXiv:2006.10739",
        licence="Apache-2.0 (weights are trained by whence)",
        weights="none published",
        differences="Waves through three-dimensional space instead of over a map; scales in km; Matérn spectrum.",
    )
    CONTINUITY: ClassVar[str] = "Smooth everywhere, the antimeridian and both poles included."

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        at_least(1, waves=config.waves, dim=config.dim)
        at_least(0, layers=config.layers)
        if config.smoothness < 0:
            raise OptionError(f"smoothness must be 0 or a multiple of 0.5, received {config.smoothness}.")
        self.config = config
        rates = tuple(EARTH_RADIUS_KM / scale for scale in listed_numbers(config.scales_km, "scales_km"))
        self.waves = RandomWaves(3, config.waves, rates, config.smoothness, generator)
        self.dim, self.feature_dim = config.dim, 2 * config.waves * len(rates)
        self.network = perceptron((self.feature_dim, *[config.width] * config.layers, config.dim), generator)

    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Cosines, then sines, of all waves; mean square 1/2."""
        with full_precision(lat_lon_deg):
            found: Tensor = self.waves(unit_vectors(lat_lon_deg))
        return found

    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the network to features of unit mean square."""
        found: Tensor = self.network(math.sqrt(2.0) * features)
        return found

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Eight waves a scale, 16 wide."""
        return cls(Config(waves=8, width=16, dim=8), torch.Generator().manual_seed(seed))
