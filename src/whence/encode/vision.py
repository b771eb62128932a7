"""What the vision transformers of ``transformers`` have in common: drawn or loaded, pooled, prepared for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from whence.encode.hub import RANDOM, Origin, TowerConfig, drawn_from, load_tower, processor_values
from whence.encode.preprocessing import Preprocessing
from whence.encode.processors import preprocessing_of

POOLINGS = ("class", "class_and_mean")
"""Embeddings of a transformer: its class token, or that followed by the mean of its patches."""


@runtime_checkable
class VisionConfig(TowerConfig, Protocol):
    """Settings that every vision transformer has."""

    @property
    def image_px(self) -> int:
        """Side of the picture, for random weights."""

    @property
    def patch_px(self) -> int:
        """Side of a patch, for random weights."""

    @property
    def width(self) -> int:
        """Length of a token, for random weights."""

    @property
    def layers(self) -> int:
        """Transformer layers, for random weights."""

    @property
    def heads(self) -> int:
        """Attention heads, for random weights."""


def vision_tower(
    model: Any,
    shape: Any,
    config: VisionConfig,
    generator: torch.Generator | None,
    usual: Callable[[int], Preprocessing],
    *,
    usual_px: int | None = None,
    **sizes: object,
) -> tuple[Any, Preprocessing]:
    """Draw or load a vision transformer.

    Args:
        model: its class in ``transformers``.
        shape: the class of its configuration.
        config: which weights; the sizes count for random ones.
        generator: draws random weights.
        usual: preprocessing for a side in pixels, where the model's own leaves something open.
        usual_px: the side for it when weights are loaded; that of the loaded model if not given.
        sizes: further settings of ``shape``.

    Returns:
        The model, ready to embed, and how pictures become its input.

    Raises:
        ArtifactError: see `whence.encode.hub.load_tower`.
    """
    if config.weights == RANDOM:
        drawn = shape(
            image_size=config.image_px,
            patch_size=config.patch_px,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            **sizes,
        )
        with drawn_from(generator):
            return model(drawn).eval(), usual(config.image_px)
    origin = Origin(config.weights, config.download, config.revision)
    tower = load_tower(model, origin)
    default = usual(usual_px or int(tower.config.image_size))
    return tower, preprocessing_of(processor_values(origin), default=default)


def pooled(tokens: Float[Tensor, "n t width"], pooling: str, first_patch: int = 1) -> Float[Tensor, "n dim"]:
    """Pool tokens, the class token first.

    Args:
        tokens: of the last layer.
        pooling: one of `POOLINGS`.
        first_patch: number of the first token that stands for a patch.
    """
    if pooling == "class":
        return tokens[:, 0]
    return torch.cat([tokens[:, 0], tokens[:, first_patch:].mean(dim=1)], dim=1)


def imagenet_preprocessing(crop_px: int, resize_px: int, resize: str, filter: str) -> Preprocessing:  # noqa: A002
    """Means and deviations of ImageNet."""
    return Preprocessing(
        crop_px=crop_px,
        resize_px=resize_px,
        resize=resize,
        filter=filter,
        mean_r=0.485,
        mean_g=0.456,
        mean_b=0.406,
        deviation_r=0.229,
        deviation_g=0.224,
        deviation_b=0.225,
    )
