"""Concept-aware image–GPS alignment: pictures and places meet in one space that a bank of concepts spans.

GeoCLIP (Vivanco Cepeda et al., NeurIPS 2023, arXiv:2309.16020) aligns an image encoder and a location encoder by
contrast. Concept-aware global image–GPS alignment (2025) adds a basis of concepts ``B = E + Δ``: ``E`` is what is known
of them beforehand, ``Δ`` is learned. Here the rows of ``B`` have unit length, and what a picture or a place has of a
concept is the cosine ``⟨b_k, x⟩`` on both sides, so that scores decompose (`whence.concepts.decompose`).
"""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from whence.core.errors import OptionError
from whence.encode.image.types import ImageEncoder
from whence.encode.location.types import LocationEncoder

MAX_LOGIT_SCALE = 100.0
"""Bound of the factor on cosines, as in CLIP."""


@final
class ConceptBasis(nn.Module):
    """Concepts as directions: ``B = E + Δ``, rows of unit length, with a readout that says how likely each is true.

    Args:
        start: ``E``, one row a concept; kept as it is.
        base_rates: share of places where each concept is true, NaN where unknown: where the readout starts.
    """

    start: Tensor

    def __init__(self, start: Float[Tensor, "k dim"], base_rates: Float[Tensor, " k"]) -> None:
        super().__init__()
        self.register_buffer("start", normalize(start.float(), dim=1))
        self.delta = nn.Parameter(torch.zeros_like(start, dtype=torch.float32))
        offset = torch.logit(torch.nan_to_num(base_rates.float(), nan=0.5).clamp(1e-3, 1 - 1e-3))
        self.log_scale = nn.Parameter(torch.full_like(offset, math.log(8.0)))
        self.offset = nn.Parameter(offset)

    def forward(self) -> Float[Tensor, "k dim"]:
        """Rows of ``B``."""
        return normalize(self.start + self.delta, dim=1)

    def logits(self, activations: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Log-odds that each concept is true, from cosines."""
        return activations * self.log_scale.exp() + self.offset


@final
class Alignment(nn.Module):
    """An image encoder, a location encoder and, if wanted, the concepts between them.

    Args:
        image: embeds pictures, or features of pictures.
        location: embeds places.
        basis: the concepts; ``None`` for plain image–GPS alignment.
        temperature: at which training starts; cosines are divided by it.

    Raises:
        OptionError: the parts have embeddings of different lengths.
    """

    def __init__(
        self,
        image: ImageEncoder | nn.Module,
        location: LocationEncoder,
        basis: ConceptBasis | None = None,
        temperature: float = 0.07,
    ) -> None:
        super().__init__()
        widths = {location.dim, int(image.dim)} | ({int(basis.start.shape[1])} if basis is not None else set())  # type: ignore[arg-type]
        if len(widths) > 1:
            raise OptionError(
                f"Image, location and concepts must share one length of embedding; received {sorted(widths)}. "
                "Set the same dim in the sections of the recipe."
            )
        self.image, self.location, self.basis = image, location, basis
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))

    @property
    def logit_scale(self) -> Tensor:
        """Factor on cosines."""
        return self.log_logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    def embed_images(self, inputs: Tensor) -> Float[Tensor, "n dim"]:
        """Unit vectors of pictures, float32."""
        return normalize(self.image(inputs).float(), dim=1)

    def embed_places(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n dim"]:
        """Unit vectors of places, float32."""
        return normalize(self.location(lat_lon_deg).float(), dim=1)

    def forward(
        self, inputs: Tensor, lat_lon_deg: Float[Tensor, "m 2"]
    ) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "m dim"]]:
        """Embed pictures and places at once, as data-parallel wrappers want it."""
        return self.embed_images(inputs), self.embed_places(lat_lon_deg)


def prototypes(
    embeddings: Float[Tensor, "n dim"], truths: Float[Tensor, "n k"], generator: torch.Generator | None = None
) -> Float[Tensor, "k dim"]:
    """A start for concepts without texts: where a concept is true against where it is not.

    Args:
        embeddings: of places, before training.
        truths: 0..1, NaN unknown.
        generator: draws a direction for concepts that are true nowhere, everywhere or unknown.

    Returns:
        The weighted mean over true places less that over the others; unit rows.
    """
    known = ~truths.isnan()
    true = torch.where(known, truths, 0.0)
    false = torch.where(known, 1 - truths, 0.0)
    some = (true.sum(0) > 0) & (false.sum(0) > 0)
    rows = (true / true.sum(0).clamp(min=1e-9)).T @ embeddings - (false / false.sum(0).clamp(min=1e-9)).T @ embeddings
    drawn = torch.randn(rows.shape, generator=generator)
    return normalize(torch.where(some[:, None], rows, drawn), dim=1)
