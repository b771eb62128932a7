"""Frozen image encoders: pictures are embedded once and kept, and heads are trained on what came out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.config import build, fingerprint
from whence.core.errors import OptionError
from whence.encode.image import image_encoders
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing
from whence.samples.view import View

_RANDOM = "random"
_log = logging.getLogger(__name__)


def build_tower(name: str, settings: str) -> ImageEncoder:
    """Build a frozen image encoder.

    Args:
        name: of the encoder, a file of ``whence/encode/image``.
        settings: its settings as ``key=value``, separated by semicolons.

    Raises:
        OptionError: an unknown encoder or setting.
    """
    kind = image_encoders().load(name)
    pairs = [part.partition("=") for part in settings.split(";") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise OptionError(f"Settings of the tower are key=value, separated by semicolons; received {settings!r}.")
    config: object = build(kind.CONFIG, {key.strip(): value.strip() for key, _, value in pairs}, owner=name)
    if vars(config).get("weights") == _RANDOM:
        _log.warning("The tower %s has random weights: its settings name trained ones by weights=…", name)
    tower = kind(config, torch.Generator().manual_seed(0)).eval()
    return tower.requires_grad_(False)


@final
class TowerModel:
    """A frozen encoder as a picture model of `whence.encode.embedding`, with a hash of its weights.

    Args:
        tower: the encoder.
    """

    def __init__(self, tower: ImageEncoder) -> None:
        self.tower = tower

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.tower.dim

    @property
    def hash(self) -> str:
        """Hash of the weights and the preprocessing."""
        digest = hashlib.sha256()
        for name, tensor in self.tower.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return fingerprint(digest.hexdigest(), self.tower.preprocessing)

    def embed_views(self, views: Sequence[View]) -> Float[np.ndarray, "n d"]:
        """Embed pictures; not normalised."""
        return self.embed_pixels(np.stack([self.tower.preprocessing.apply(view.pixels) for view in views]))

    @torch.no_grad()
    def embed_pixels(self, pixels: Float[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, "n d"]:
        """Embed preprocessed pictures; not normalised."""
        return self.tower(torch.from_numpy(pixels)).numpy()


@final
class TowerWithHead(nn.Module):
    """A frozen encoder and the head trained on it, as one image encoder for export.

    Args:
        tower: pictures to features.
        head: features to embeddings.
    """

    def __init__(self, tower: ImageEncoder, head: nn.Module) -> None:
        super().__init__()
        self.tower, self.head = tower, head
        self.preprocessing: Preprocessing = tower.preprocessing

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures."""
        return self.head(self.tower(pixels))
