"""GeoCLIP's location encoder: a map projection, random waves of three scales, one network a scale, summed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.errors import MissingExtraError
from whence.encode.card import ModelCard
from whence.encode.location.checkpoints import load_strictly, read_torch_file
from whence.encode.location.layers import at_least, full_precision, listed_numbers, perceptron, radians
from whence.encode.location.types import LocationEncoder

A1, A2, A3, A4 = 1.340264, -0.081106, 0.000893, 0.003796
"""Coefficients of the Equal Earth projection (Šavrič, Patterson and Jenny 2018, equation 10)."""
SCALE = 66.50336
"""GeoCLIP's factor; divided by 180, it brings the projection to about −1..1."""


@dataclass(frozen=True)
class Config:
    """Settings of the encoder; the defaults are the paper's."""

    scales: str = "1,16,256"
    "Standard deviations of the wave numbers, one capsule each, in cycles for each unit of the projection (5,760 km)."
    waves: int = 256
    "Random waves of each capsule."
    width: int = 1024
    "Width of the hidden layers."
    layers: int = 3
    "Number of hidden layers."
    dim: int = 512
    "Length of the embedding."


@final
class GeoClip(LocationEncoder):
    """Equal Earth projection and hierarchical random Fourier features, each scale with its own network, summed.

    Names of the weights are those of the published package, so that its files load as they are.

    Args:
        config: settings.
        generator: draws the waves and the weights.

    Raises:
        OptionError: scales that are no list of numbers, or a count below 1.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="GeoCLIP's location encoder: Equal Earth projection, random Fourier features of three scales",
        paper="Vivanco Cepeda, Nayak and Shah, GeoCLIP: Clip-Inspired Alignment between Locations and Images for "
        "Effective Worldwide Geo-localization, NeurIPS 2023, arXiv:2309.16020",
        licence="MIT (the published weights)",
        weights="the package geoclip of PyPI, installed with: pip install --no-deps geoclip",
    )
    CONTINUITY: ClassVar[str] = (
        "Seam at the antimeridian, where the projection is cut, and a pole is drawn as a line: "
        "the same place has different embeddings on either side."
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        at_least(1, waves=config.waves, layers=config.layers)
        self.config = config
        scales = listed_numbers(config.scales, "scales")
        self.dim, self.feature_dim = config.dim, 2 * config.waves * len(scales)
        self.scale_count = len(scales)
        for i, scale in enumerate(scales):
            self.add_module(f"LocEnc{i}", _Capsule(scale, config, generator))

    def _capsules(self) -> list[_Capsule]:
        found = [self.get_submodule(f"LocEnc{i}") for i in range(self.scale_count)]
        return [item for item in found if isinstance(item, _Capsule)]

    def features(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Cosines and sines of the waves of every capsule, one capsule after the other."""
        with full_precision(lat_lon_deg):
            place = equal_earth(lat_lon_deg)
            return torch.cat([capsule.waves(place) for capsule in self._capsules()], dim=1)

    def from_features(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Sum of the capsules' networks."""
        parts = features.chunk(self.scale_count, dim=1)
        out = [capsule(part) for capsule, part in zip(self._capsules(), parts, strict=True)]
        return torch.stack(out).sum(dim=0)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Eight waves a scale, 16 wide."""
        return cls(Config(waves=8, width=16, layers=1, dim=8), torch.Generator().manual_seed(seed))


@final
class _Capsule(nn.Module):
    """One scale: its waves and its network, with the published names (``capsule.0.b``, ``capsule.1.weight``, …)."""

    def __init__(self, scale: float, config: Config, generator: torch.Generator | None) -> None:
        super().__init__()
        trunk = perceptron((2 * config.waves, *[config.width] * config.layers), generator)
        self.capsule = nn.Sequential(_Waves(scale, config.waves, generator), *trunk, nn.ReLU())
        self.head = nn.Sequential(*perceptron((config.width, config.dim), generator))

    def waves(self, place: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Features of projected places."""
        found: Tensor = self.capsule[0](place)
        return found

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Embed places whose features are at hand."""
        x = features
        for layer in list(self.capsule)[1:]:
            x = layer(x)
        found: Tensor = self.head(x)
        return found


@final
class _Waves(nn.Module):
    """Fixed random waves; phases are multiplied in the published order, as high wave numbers show every rounding."""

    def __init__(self, scale: float, waves: int, generator: torch.Generator | None) -> None:
        super().__init__()
        self.b = nn.Parameter(scale * torch.randn(waves, 2, generator=generator), requires_grad=False)

    def forward(self, place: Float[Tensor, "n 2"]) -> Float[Tensor, "n f"]:
        """Cosines, then sines."""
        phase = (2 * math.pi * place) @ self.b.T
        return torch.cat([phase.cos(), phase.sin()], dim=1)


def equal_earth(lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
    """Project places as GeoCLIP does: x and y of the Equal Earth projection, times 66.50336 / 180, float32.

    The order of operations is the published one: another differs by 3e-5 in the embedding of the published weights.
    """
    lat, lon = radians(lat_lon_deg)
    root = torch.sqrt(torch.tensor(3.0, device=lat.device))
    theta = torch.asin((root / 2) * lat.sin())
    slope = 3 * (9 * A4 * theta**8 + 7 * A3 * theta**6 + 3 * A2 * theta**2 + A1)
    x = 2 * root * lon * theta.cos() / slope
    y = A4 * theta**9 + A3 * theta**7 + A2 * theta**3 + A1 * theta
    return torch.stack([x, y], dim=1) * SCALE / 180


def published_weights() -> Path:
    """Find the weights in the installed ``geoclip`` package, which is not imported (that would need torchvision).

    Raises:
        MissingExtraError: the package is not installed, or of a version without this file.
    """
    spec = find_spec("geoclip")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "model" / "weights" / "location_encoder_weights.pth"
        if path.is_file():
            return path
    raise MissingExtraError(
        "GeoCLIP's published weights come with the package 'geoclip', which is not installed or holds none. Only its "
        "files are read, so install it without the packages that it names: pip install --no-deps geoclip"
    )


def load_published(path: Path | None = None) -> GeoClip:
    """Return the encoder with GeoCLIP's published weights.

    Args:
        path: the file ``location_encoder_weights.pth``; that of the installed ``geoclip`` package if ``None``.

    Raises:
        MissingExtraError: the package is not installed.
        ArtifactError: the file is damaged or of another layout.
    """
    path = path or published_weights()
    encoder = GeoClip(Config(), torch.Generator().manual_seed(0))
    load_strictly(encoder, read_torch_file(path), path)
    return encoder.eval()
