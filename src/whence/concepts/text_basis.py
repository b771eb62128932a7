"""Where concepts begin: one direction a concept, from what its prompts say."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import ConceptBank
from whence.core.errors import OptionError
from whence.encode.text.types import TextEncoder


def text_basis(bank: ConceptBank, encoder: TextEncoder, *, centred: bool = False) -> Float[np.ndarray, "k d"]:
    """Mean of the embeddings of a concept's prompts, for each concept of the bank.

    Averaging the prompts of a class is the ensembling of Radford et al. 2021 (section 3.1.4).

    Args:
        bank: the concepts; rows are in its order.
        encoder: embeds the prompts.
        centred: take away the mean of all concepts first, which all prompts of one encoder share and which tells
            none from another.

    Returns:
        float32, unit length.

    Raises:
        OptionError: centring leaves nothing of a concept, as with a bank of one.
    """
    prompts = [prompt for concept in bank for prompt in concept.prompts]
    owner = np.repeat(np.arange(len(bank)), [len(concept.prompts) for concept in bank])
    basis = np.zeros((len(bank), encoder.dim), np.float64)
    np.add.at(basis, owner, encoder.encode(prompts))
    basis /= np.bincount(owner)[:, None]
    if centred:
        basis -= basis.mean(axis=0)
    lengths = np.linalg.norm(basis, axis=1, keepdims=True)
    if (lengths < 1e-6).any():
        ids = [concept.id for concept, length in zip(bank, lengths[:, 0], strict=True) if length < 1e-6]
        raise OptionError(f"Nothing is left of {', '.join(ids)}. Give more concepts, or do not centre.")
    return (basis / lengths).astype(np.float32)
