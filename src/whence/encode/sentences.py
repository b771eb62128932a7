"""Texts through a model in batches of like length, and the tokenizer of random models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError
from whence.core.optional import optional_import
from whence.encode.hub import RANDOM, Origin, TowerConfig, drawn_from, load_tokenizer, load_tower

_BATCH = 64


@runtime_checkable
class TextConfig(TowerConfig, Protocol):
    """Settings that every text transformer of the hub has."""

    @property
    def seed(self) -> int:
        """Of random weights."""


def embed_texts(
    texts: Sequence[str], dim: int, step: Callable[[list[str]], Float[np.ndarray, "b dim"]]
) -> Float[np.ndarray, "n dim"]:
    """Embed texts, batches holding texts of like length, so that little is padded.

    Args:
        texts: in any order.
        dim: length of the embedding.
        step: embeds one batch.

    Returns:
        float32, unit length, in the order of the texts.

    Raises:
        OptionError: a text is empty.
    """
    for i, text in enumerate(texts):
        if not text.strip():
            raise OptionError(f"Text {i} of {len(texts)} is empty. Leave it out.")
    out = np.empty((len(texts), dim), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for first in range(0, len(order), _BATCH):
        rows = order[first : first + _BATCH]
        out[rows] = step([texts[i] for i in rows])
    lengths = np.linalg.norm(out, axis=1, keepdims=True)
    return out / np.maximum(lengths, np.finfo(np.float32).tiny)


def text_tower(model: Any, shape: Any, config: TextConfig, max_tokens: int, **sizes: object) -> tuple[Any, Any]:
    """Draw or load a text transformer with its tokenizer.

    Args:
        model: its class in ``transformers``.
        shape: the class of its configuration.
        config: which weights; random ones are tiny, on bytes.
        max_tokens: that random weights read of each text.
        sizes: further settings of ``shape`` for random weights.

    Raises:
        ArtifactError: see `whence.encode.hub.load_tower`.
    """
    if config.weights != RANDOM:
        origin = Origin(config.weights, config.download, config.revision)
        return load_tower(model, origin), load_tokenizer(origin)
    torch = optional_import("torch", extra="towers", purpose="embed texts")
    tokenizer = byte_tokenizer(max_tokens)
    drawn = shape(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    with drawn_from(torch.Generator().manual_seed(config.seed)):
        return model(drawn).eval(), tokenizer


def byte_tokenizer(max_tokens: int) -> Any:
    """A tokenizer whose tokens are bytes, for models of random weights.

    Ids: 0 padding, 1 start, 2 unknown, 3 to 258 the bytes, 259 end: the end has the highest, as CLIP has it.
    """
    tokenizers = optional_import("tokenizers", extra="towers", purpose="build a tokenizer")
    transformers = optional_import("transformers", extra="towers", purpose="build a tokenizer")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    names = ["<pad>", "<start>", "<unknown>", *letters, "<end>"]
    vocabulary = {name: i for i, name in enumerate(names)}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unknown>"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", len(names) - 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",  # noqa: S106
        bos_token="<start>",  # noqa: S106
        unk_token="<unknown>",  # noqa: S106
        eos_token="<end>",  # noqa: S106
        model_max_length=max_tokens,
    )
