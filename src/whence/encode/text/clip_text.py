"""CLIP's text half, in the space of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Float

from whence.core.optional import optional_import
from whence.encode.card import ModelCard
from whence.encode.hub import RANDOM, transformers
from whence.encode.sentences import embed_texts, text_tower
from whence.encode.text.types import TextEncoder


@dataclass(frozen=True)
class Config:
    """Which weights; take those of the picture half."""

    weights: str = "openai/clip-vit-large-patch14"
    "Name on the hub, a folder with safetensors, or random (tiny)."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    seed: int = 0
    "Of random weights."


@final
class ClipText(TextEncoder):
    """Causal transformer; the embedding is the projection of the last token."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="CLIP text transformer with projection",
        paper="Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021, "
        "arXiv:2103.00020",
        licence="MIT (OpenAI's weights); see the card of others",
        weights="hub: openai/clip-vit-large-patch14, geolocal/StreetCLIP, and every other CLIP",
    )

    def __init__(self, config: Config) -> None:
        package = transformers()
        self._model, self._tokenizer = text_tower(
            package.CLIPTextModelWithProjection, package.CLIPTextConfig, config, 77, projection_dim=16
        )
        self.dim = int(self._model.config.projection_dim)

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "n dim"]:
        """Embed texts, float32, unit length; 77 tokens are read of each.

        Raises:
            OptionError: a text is empty.
        """
        return embed_texts(texts, self.dim, self._step)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32, on bytes."""
        return cls(Config(weights=RANDOM, seed=seed))

    def _step(self, texts: list[str]) -> Float[np.ndarray, "b dim"]:
        torch: Any = optional_import("torch", extra="towers", purpose="embed texts")
        limit = int(self._model.config.max_position_embeddings)
        words = self._tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
        with torch.inference_mode():
            found: np.ndarray = self._model(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"]
            ).text_embeds.numpy()
        return found
