"""SigLIP's text half, in the space of its pictures."""

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

    weights: str = "google/siglip-base-patch16-224"
    "Name on the hub, a folder with safetensors, or random (tiny)."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    seed: int = 0
    "Of random weights."


@final
class SiglipText(TextEncoder):
    """Transformer over a fixed number of tokens, padding among them; the embedding is that of the last."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="SigLIP text transformer",
        paper="Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023, arXiv:2303.15343",
        licence="Apache-2.0 (Google's weights)",
        weights="hub: google/siglip-base-patch16-224 and its larger kin; SigLIP 2 of fixed resolution",
    )

    def __init__(self, config: Config) -> None:
        package = transformers()
        self._model, self._tokenizer = text_tower(
            package.SiglipTextModel, package.SiglipTextConfig, config, 64, projection_size=16
        )
        self.dim = int(self._model.config.projection_size)

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "n dim"]:
        """Embed texts, float32, unit length; 64 tokens are read of each.

        Raises:
            OptionError: a text is empty.
        """
        return embed_texts(texts, self.dim, self._step)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32, on bytes."""
        return cls(Config(weights=RANDOM, seed=seed))

    def _step(self, texts: list[str]) -> Float[np.ndarray, "b dim"]:
        """Pad to the full length and attend to all of it, as the model was trained."""
        torch: Any = optional_import("torch", extra="towers", purpose="embed texts")
        limit = int(self._model.config.max_position_embeddings)
        words = self._tokenizer(texts, padding="max_length", truncation=True, max_length=limit, return_tensors="pt")
        with torch.inference_mode():
            found: np.ndarray = self._model(input_ids=words["input_ids"]).pooler_output.numpy()
        return found
