"""Sines along the axes at wavelengths in a geometric row: the "grid" of Space2Vec, on the sphere or as published."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.core.errors import OptionError, unknown_name
from whence.encode.card import ModelCard
from whence.encode.location.layers import at_least, full_precision, perceptron, radians, unit_vectors
from whence.encode.location.types import LocationEncoder

AXES = ("sphere", "plate")


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    axes: str = "sphere"
    "What is put into sines: sphere (the three coordinates of the unit vector) or plate (latitude and longitude)."
    scales: int = 16
    "Number of wavelengths."
    coarsest_deg: float = 360.0
    "Longest wavelength, degrees of arc."
    finest_deg: float = 10.0
    "Shortest wavelength, degrees of arc."
    width: int = 256
    "Width of the hidden layers."
    layers: int = 2
    "Number of hidden layers."
    dim: int = 256
    "Length of the embedding."


@final
class Grid(LocationEncoder):
    """Sines and cosines of each coordinate at every wavelength, and a perceptron.

    Args:
        config: settings.
        generator: draws the weights.

    Raises:
        OptionError: unknown axes, wavelengths in the wrong order, or a count below 1.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Grid of sines along the axes",
        paper="Mai et al., Multi-Scale Representation Learning for Spatial Feature Distributions using Grid Cells, "
        "ICLR 2020, arXiv:2003.00824; baseline of Mai et al., Sphere2Vec, ISPRS Journal 2023, arXiv:2306.17624",
        licence="Apache-2.0 (weights are trained by whence)",
        weights="none published",
        differences="By default along the axes of space, where the papers take latitude and longitude (axes=plate); "
        "scales are wavelengths instead of wavelengths divided by 2π; layers as in a plain perceptron.",
    )
    CONTINUITY: ClassVar[str] = (
        "Smooth everywhere with axes=sphere; with axes=plate, as published, there is a seam at the antimeridian and "
        "each pole has as many embeddings as longitudes."
    )

    wave: Tensor

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        if config.axes not in AXES:
            raise unknown_name("kind of axes", config.axes, AXES)
        if not 0 < config.finest_deg <= config.coarsest_deg:
            raise OptionError(
                f"0 < finest_deg ≤ coarsest_deg is needed, received {config.finest_deg} and {config.coarsest_deg}."
            )
        at_least(1, scales=config.scales, width=config.width, layers=config.layers)
        self.config = config
        lengths = torch.logspace(math.log10(config.coarsest_deg), math.log10(config.finest_deg), config.scales)
        self.register_buffer("wave", 360.0 / lengths, persistent=False)
        self.dim = config.dim
        self.feature_dim = 2 * config.scales * (3 if config.axes == "sphere" else 2)
        self.network = perceptron((self.feature_dim, *[config.width] * config.layers, config.dim), generator)

    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Sines, then cosines, of every coordinate at every wavelength."""
        with full_precision(lat_lon_deg):
            sphere = self.config.axes == "sphere"
            place = unit_vectors(lat_lon_deg) if sphere else torch.stack(radians(lat_lon_deg), dim=1)
            phase = (place[:, :, None] * self.wave).flatten(1)
            return torch.cat([phase.sin(), phase.cos()], dim=1)

    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the network."""
        found: Tensor = self.network(features)
        return found

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Four wavelengths, 16 wide."""
        return cls(Config(scales=4, width=16, layers=1, dim=8), torch.Generator().manual_seed(seed))
