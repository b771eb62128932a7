"""A small residual network for tiles and chips seen from above: a million weights, trained on a CPU in minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.encode.card import ModelCard
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing


@dataclass(frozen=True)
class Config:
    """Settings of the network."""

    side_px: int = 48
    "Side of the pictures, a multiple of 4."
    width: int = 48
    "Channels of the first stage; each of the two further stages doubles them."
    blocks: int = 2
    "Residual blocks of each stage."
    dim: int = 256
    "Length of the embedding."
    dropout: float = 0.0
    "Share of the pooled features dropped while training."


class _Block(nn.Module):
    """Two 3 × 3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(x + self.second_norm(self.second(y)))


@final
class WithContrast(nn.Module):
    """Sets beside a picture the picture less its mean over its deviation: six channels."""

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 6 height width"]:
        """Join both."""
        contrast = pixels - pixels.mean(dim=(2, 3), keepdim=True)
        contrast = contrast * (contrast.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-3).rsqrt()
        return torch.cat([pixels, contrast], dim=1)


@final
class ChipNet(ImageEncoder):
    """Patches of 4 × 4 pixels, three stages of residual blocks, all positions of the last joined by one linear layer.

    Colour and contrast go in side by side: the picture itself, and the picture less its mean over its deviation, in
    which dark forest shows as much structure as bright desert.

    Args:
        config: settings.
        generator: draws the weights.
    """

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="Small residual network for tiles",
        paper="none; residual blocks after He et al., Deep Residual Learning, CVPR 2016, arXiv:1512.03385",
        licence="Apache-2.0 (weights are trained by whence)",
        weights="none published",
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config
        self.dim = config.dim
        self.preprocessing = Preprocessing(
            crop_px=config.side_px, resize_px=config.side_px, resize="squash", filter="bilinear",
            mean_r=0.3, mean_g=0.3, mean_b=0.25, deviation_r=0.25, deviation_g=0.25, deviation_b=0.25,
        )  # fmt: skip
        self.with_contrast = WithContrast()
        width = config.width
        stages: list[nn.Module] = [nn.Conv2d(6, width, 4, stride=4, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        for stage in range(3):
            channels = width * 2**stage
            if stage:
                stages += [
                    nn.Conv2d(channels // 2, channels, 3, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                ]
            stages += [_Block(channels) for _ in range(config.blocks)]
        self.stages = nn.Sequential(*stages)
        side = config.side_px // 4
        side = ((side + 1) // 2 + 1) // 2
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(width * 4 * side * side, config.dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = (6 / (module.weight[0].numel())) ** 0.5
                with torch.no_grad():
                    module.weight.uniform_(-bound, bound, generator=generator)
                    if module.bias is not None:
                        module.bias.zero_()

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures."""
        x = self.stages(self.with_contrast(pixels))
        return self.head(self.dropout(x.flatten(1)))

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Eight channels, pictures of 16 pixels."""
        return cls(Config(side_px=16, width=8, blocks=1, dim=8), torch.Generator().manual_seed(seed))
