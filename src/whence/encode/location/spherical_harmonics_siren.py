"""Spherical harmonics and a sine network: smooth everywhere, the encoder of SatCLIP."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.errors import ArtifactError
from whence.encode.card import ModelCard
from whence.encode.location.checkpoints import load_strictly, read_torch_file
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

    Raises:
        OptionError: a count or width below 1.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Spherical harmonics and a sine network",
        paper="Rußwurm et al., Geographic Location Encoding with Spherical Harmonics and Sinusoidal Representation "
        "Networks, ICLR 2024, arXiv:2310.06743; Klemmer et al., SatCLIP, AAAI 2025, arXiv:2311.17179",
        licence="Apache-2.0 (weights are trained by whence); SatCLIP's published weights: MIT",
        weights="https://github.com/microsoft/satclip",
        differences="Harmonics by a stable recurrence instead of closed forms, so of any degree; optional linear path "
        "beside the network; no dropout, which SatCLIP trained with.",
    )
    CONTINUITY: ClassVar[str] = "Smooth everywhere, the antimeridian and both poles included."

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
        found: Tensor = self.harmonics(lat_lon_deg)
        return found

    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the network, and the linear path beside it."""
        out: Tensor = self.network(features)
        return out if self.linear is None else out + self.linear(features)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Five degrees, 16 wide."""
        return cls(Config(degrees=5, width=16, dim=8), torch.Generator().manual_seed(seed))


SATCLIP_PREFIX = "model.location.nnet."
"""Before the names of the location network's weights in a SatCLIP checkpoint."""


def load_satclip(path: Path) -> SphericalHarmonicsSiren:
    """Return the encoder with the weights of a SatCLIP checkpoint (``.ckpt``), such as those its authors publish.

    SatCLIP's harmonics are ours up to a factor for each (see `satclip_factors`), which goes into the first layer.

    Raises:
        ArtifactError: the file is damaged, or holds another encoder than harmonics with a sine network.
    """
    checkpoint = read_torch_file(path)
    settings, weights = checkpoint.get("hyper_parameters"), checkpoint.get("state_dict")
    if not isinstance(settings, Mapping) or not isinstance(weights, Mapping):
        raise ArtifactError(f"{path} is no SatCLIP checkpoint: it needs the tables hyper_parameters and state_dict.")
    config, factors = _satclip_layout(settings, path)
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name.startswith(SATCLIP_PREFIX):
            ours = name.removeprefix(SATCLIP_PREFIX).replace("layers.", "hidden.").replace("last_layer.", "last.")
            found[f"network.{ours}"] = value
    first = found.get("network.hidden.0.weight")
    if first is None or first.ndim != 2 or first.shape[1] != factors.numel():
        raise ArtifactError(
            f"{path} holds no first layer for {factors.numel()} harmonics ({SATCLIP_PREFIX}layers.0.weight)."
        )
    found["network.hidden.0.weight"] = first.double() * factors
    encoder = SphericalHarmonicsSiren(config, torch.Generator().manual_seed(0))
    load_strictly(encoder, found, path)
    return encoder.eval()


def _satclip_layout(settings: Mapping[str, Any], path: Path) -> tuple[Config, Float[Tensor, " h"]]:
    """Read a checkpoint's settings, which carry SatCLIP's own names."""
    kind, network = settings.get("le_type"), settings.get("pe_type")
    if (kind, network) != ("sphericalharmonics", "siren"):
        raise ArtifactError(f"{path} holds {kind!r} with {network!r}; only 'sphericalharmonics' with 'siren' is read.")
    try:
        config = Config(
            degrees=int(settings["legendre_polys"]),
            width=int(settings["capacity"]),
            layers=int(settings["num_hidden_layers"]),
            dim=int(settings["embed_dim"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} lacks settings of a SatCLIP checkpoint, or holds wrong ones: {error}.") from error
    return config, satclip_factors(config.degrees, str(settings.get("harmonics_calculation", "analytic")))


def satclip_factors(degrees: int, calculation: str) -> Float[Tensor, " h"]:
    """What our harmonics are multiplied by to be SatCLIP's, in the same order; float64.

    SatCLIP evaluates harmonics at the polar angle *latitude* + 90° and the azimuth *longitude* + 180°, the opposite
    point of the sphere, which gives the sign (−1)ˡ. Its ``closed-form`` keeps the Condon–Shortley sign (−1)ᵐ. Its
    ``analytic`` expressions have none, and those of order 0 are too large by π: they were made with √((2l+1)/4·π) for
    √((2l+1)/(4π)) (microsoft/satclip, issue 33). The published weights were trained with these.

    Raises:
        ArtifactError: another way of calculation.
    """
    if calculation not in {"analytic", "closed-form"}:
        raise ArtifactError(f"SatCLIP's harmonics are read if 'analytic' or 'closed-form', received {calculation!r}.")
    degree = torch.cat([torch.full((2 * i + 1,), i) for i in range(degrees)])
    order = torch.cat([torch.arange(-i, i + 1) for i in range(degrees)])
    signs = (-1.0) ** (degree if calculation == "analytic" else degree + order.abs()).double()
    return torch.where(order == 0, math.pi * signs, signs) if calculation == "analytic" else signs
