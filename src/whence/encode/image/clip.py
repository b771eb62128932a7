"""CLIP's picture half: a vision transformer trained to match captions; the tower of GeoCLIP and StreetCLIP."""

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
    """Which weights; the sizes are used with random weights only, and are those of ViT-L/14."""

    weights: str = "openai/clip-vit-large-patch14"
    "Name on the hub, a folder with safetensors, or random."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    image_px: int = 224
    "Side of the picture."
    patch_px: int = 14
    "Side of a patch."
    width: int = 1024
    "Length of a token."
    layers: int = 24
    "Transformer layers."
    heads: int = 16
    "Attention heads."
    dim: int = 768
    "Length of the embedding."


def clip_preprocessing(side_px: int) -> Preprocessing:
    """CLIP's own: shorter side, centre, bicubic, means and deviations of its training pictures."""
    return Preprocessing(
        crop_px=side_px,
        resize_px=side_px,
        resize="shortest",
        filter="bicubic",
        mean_r=0.48145466,
        mean_g=0.4578275,
        mean_b=0.40821073,
        deviation_r=0.26862954,
        deviation_g=0.26130258,
        deviation_b=0.27577711,
    )


@final
class Clip(ImageEncoder):
    """Vision transformer and linear projection into the space that pictures share with texts."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="CLIP vision transformer with projection",
        paper="Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021, "
        "arXiv:2103.00020",
        licence="MIT (OpenAI's weights); see the card of others",
        weights="hub: openai/clip-vit-large-patch14, geolocal/StreetCLIP, and every other CLIP",
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        package = transformers()
        self.tower, self.preprocessing = vision_tower(
            package.CLIPVisionModelWithProjection,
            package.CLIPVisionConfig,
            config,
            generator,
            clip_preprocessing,
            intermediate_size=4 * config.width,
            projection_dim=config.dim,
        )
        self.dim = int(self.tower.config.projection_dim)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures; not normalised."""
        embedding: Tensor = self.tower(pixel_values=pixels).image_embeds
        return embedding

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32 on pictures of 32 pixels."""
        config = Config(weights=RANDOM, image_px=32, patch_px=8, width=32, layers=2, heads=2, dim=16)
        return cls(config, torch.Generator().manual_seed(seed))
