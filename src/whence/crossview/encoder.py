"""`CrossViewEncoder`: views of any kind and tiles as vectors of one space, for retrieval."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from whence.crossview.inside import InsideReader
from whence.samples.view import ViewKind


class CrossViewEncoder(ABC):
    """Embeds pictures so that a view and the tile that shows the same ground are close.

    Tiles are embedded as kind `ViewKind.SATELLITE`; every other kind is aligned with them alone (GLEAM-C).
    """

    name: str
    """Of the model, for headers and messages."""
    version: str
    """What tells its vectors from those of any other model, such as the hash of a bundle."""
    dim: int
    """Length of a vector."""
    kinds: frozenset[ViewKind]
    """Kinds of views that it reads, satellite among them."""
    logit_scale: float
    """Factor that makes products of vectors log-likelihoods, up to a constant; 0 if the model does not know it."""
    turns: int
    """In how many directions a query that may be turned is to be asked: 1 if the vectors do not depend on it."""
    inside: InsideReader | None = None
    """What finds where in a tile a view was taken, for models that learned that too."""

    @abstractmethod
    def embed(self, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], kind: ViewKind) -> Float[np.ndarray, "n dim"]:
        """Embed pictures of one kind, north up if they are tiles.

        Args:
            pictures: RGB, 8 bits, any size.
            kind: of all of them.

        Returns:
            Unit vectors, float32.

        Raises:
            OptionError: a kind that the model does not read.
        """
