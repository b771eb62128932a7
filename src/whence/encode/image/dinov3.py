"""DINOv3: DINOv2's successor, with rotary positions and register tokens; also trained on satellite pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.core.errors import unknown_name
from whence.encode.card import ModelCard
from whence.encode.hub import RANDOM, transformers
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing
from whence.encode.vision import POOLINGS, imagenet_preprocessing, pooled, vision_tower


@dataclass(frozen=True)
class Config:
    """Which weights; the sizes are used with random weights only, and are those of ViT-B/16."""

    weights: str = "facebook/dinov3-vitb16-pretrain-lvd1689m"
    "Name on the hub (its licence has to be accepted there), a folder with safetensors, or random."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    pooling: str = "class"
    "The embedding: class (the class token), or class_and_mean (followed by the mean of the patches)."
    image_px: int = 224
    "Side of the picture."
    patch_px: int = 16
    "Side of a patch."
    width: int = 768
    "Length of a token."
    layers: int = 12
    "Transformer layers."
    heads: int = 12
    "Attention heads."
    registers: int = 4
    "Tokens that stand for no patch."

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise unknown_name("pooling", self.pooling, POOLINGS)


@final
class Dinov3(ImageEncoder):
    """Vision transformer; the embedding is its class token, with the mean of its patches if wanted."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="DINOv3 vision transformer",
        paper="Siméoni et al., DINOv3, 2025, arXiv:2508.10104",
        licence="DINOv3 licence of Meta, to be accepted on the hub",
        weights="hub: facebook/dinov3-vitb16-pretrain-lvd1689m and its kin; -sat493m are trained on satellite pictures",
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config
        package = transformers()
        self.tower, self.preprocessing = vision_tower(
            package.DINOv3ViTModel,
            package.DINOv3ViTConfig,
            config,
            generator,
            _preprocessing,
            intermediate_size=4 * config.width,
            num_register_tokens=config.registers,
        )
        self.dim = int(self.tower.config.hidden_size) * (2 if config.pooling == "class_and_mean" else 1)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures; not normalised."""
        tokens: Tensor = self.tower(pixel_values=pixels).last_hidden_state
        return pooled(tokens, self.config.pooling, 1 + int(self.tower.config.num_register_tokens))

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32 on pictures of 32 pixels."""
        config = Config(weights=RANDOM, image_px=32, patch_px=8, width=32, layers=2, heads=2)
        return cls(config, torch.Generator().manual_seed(seed))


def _preprocessing(side_px: int) -> Preprocessing:
    """DINOv3's own: both sides squashed, bilinear."""
    return imagenet_preprocessing(side_px, side_px, "squash", "bilinear")
