"""SigLIP's picture half: a vision transformer trained to tell right captions from wrong ones, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor

from whence.encode.card import ModelCard
from whence.encode.hub import RANDOM, transformers
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing
from whence.encode.vision import vision_tower


@dataclass(frozen=True)
class Config:
    """Which weights; the sizes are used with random weights only, and are those of the base model."""

    weights: str = "google/siglip-base-patch16-224"
    "Name on the hub, a folder with safetensors, or random."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    image_px: int = 224
    "Side of the picture."
    patch_px: int = 16
    "Side of a patch."
    width: int = 768
    "Length of a token and of the embedding."
    layers: int = 12
    "Transformer layers."
    heads: int = 12
    "Attention heads."


@final
class Siglip(ImageEncoder):
    """Vision transformer whose patches are pooled by attention, in the space that pictures share with texts."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="SigLIP vision transformer with attention pooling",
        paper="Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023, arXiv:2303.15343",
        licence="Apache-2.0 (Google's weights)",
        weights="hub: google/siglip-base-patch16-224 and its larger kin; SigLIP 2 of fixed resolution",
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        package = transformers()
        self.tower, self.preprocessing = vision_tower(
            package.SiglipVisionModel,
            package.SiglipVisionConfig,
            config,
            generator,
            _preprocessing,
            intermediate_size=4 * config.width,
        )
        self.dim = int(self.tower.config.hidden_size)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures; not normalised."""
        embedding: Tensor = self.tower(pixel_values=pixels).pooler_output
        return embedding

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32 on pictures of 32 pixels."""
        config = Config(weights=RANDOM, image_px=32, patch_px=8, width=32, layers=2, heads=2)
        return cls(config, torch.Generator().manual_seed(seed))


def _preprocessing(side_px: int) -> Preprocessing:
    """SigLIP's own: both sides squashed, bicubic, −1..1."""
    return Preprocessing(crop_px=side_px, resize_px=side_px, resize="squash", filter="bicubic")
