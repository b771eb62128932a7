"""From a recipe to a model, and the loss that trains it."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.concepts.alignment import Alignment, ConceptBasis, prototypes
from whence.concepts.bank import ConceptBank, bank
from whence.core.config import build
from whence.core.errors import OptionError
from whence.encode.image import image_encoders
from whence.encode.image.types import ImageEncoder
from whence.encode.location import location_encoders
from whence.train.data.types import Part
from whence.train.heads import Config as HeadConfig
from whence.train.heads import MlpHead
from whence.train.losses import (
    alike_weights,
    concept_divergence,
    grounded_concepts,
    image_to_place,
    place_targets,
    place_to_image,
)
from whence.train.recipe import Component, Recipe

_PROTOTYPE_PLACES = 20_000
_OTHER = "take an image encoder that reads pictures, such as chipnet."


def trained_bank(recipe: Recipe) -> ConceptBank | None:
    """Concepts of a recipe: all for a basis of texts, otherwise those with a grounding; ``None`` without concepts."""
    if recipe.concepts.basis == "none":
        return None
    if recipe.concepts.basis == "text":
        return bank()
    return bank().subset(concept.id for concept in bank().grounded)


def build_alignment(recipe: Recipe, train: Part) -> Alignment:
    """Build the model with weights drawn by the recipe's seed.

    Args:
        recipe: the experiment.
        train: the training part, at whose places prototypes and base rates are taken.

    Raises:
        OptionError: an unknown encoder or setting, or lengths that do not fit.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    image = _build_image(recipe.image, generator)
    _check_inputs(image, train, recipe)
    location = _build(location_encoders().load(recipe.location.name), recipe.location, generator)
    basis = None
    concepts = trained_bank(recipe)
    if concepts is not None:
        places = train.take(np.arange(min(len(train), _PROTOTYPE_PLACES)))
        truths = torch.from_numpy(concepts.truths(places.lat_deg, places.lon_deg)).float()
        start = _basis_start(
            recipe, concepts, location, torch.from_numpy(places.lat_lon_deg).float(), truths, generator
        )
        basis = ConceptBasis(start, torch.nanmean(truths, dim=0))
        basis.delta.requires_grad_(recipe.concepts.learned)
    return Alignment(image, location, basis, recipe.loss.temperature)


def _build(kind: Any, component: Component, generator: torch.Generator) -> Any:
    config = build(kind.CONFIG, component.settings, owner=component.name)
    return kind(config, generator)


def _build_image(component: Component, generator: torch.Generator) -> nn.Module:
    if component.name == "mlp_head":
        return MlpHead(build(HeadConfig, component.settings, owner="mlp_head"), generator)
    module: nn.Module = _build(image_encoders().load(component.name), component, generator)
    return module


def _check_inputs(image: nn.Module, train: Part, recipe: Recipe) -> None:
    name, shape = recipe.image.name, train.inputs.shape[1:]
    if isinstance(image, MlpHead):
        if shape != (image.first.in_features,):
            raise OptionError(
                f"mlp_head takes features of length {image.first.in_features}, the data {recipe.data.name} gives "
                f"inputs of shape {shape}: " + (f"set image.inputs = {shape[0]}." if len(shape) == 1 else _OTHER)
            )
        return
    if len(shape) == 1:
        raise OptionError(
            f"The data {recipe.data.name} gives features of length {shape[0]}, {name} takes pictures: "
            'set image.encoder = "mlp_head".'
        )
    assert isinstance(image, ImageEncoder)
    side = image.preprocessing.crop_px
    if shape != (side, side, 3):
        raise OptionError(
            f"{name} takes pictures of {side} × {side} pixels, the data {recipe.data.name} gives {shape[1]} × "
            f"{shape[0]}: set the same side in [data] and [image]."
        )


def _basis_start(
    recipe: Recipe,
    concepts: ConceptBank,
    location: Any,
    lat_lon_deg: Tensor,
    truths: Tensor,
    generator: torch.Generator,
) -> Tensor:
    kind = recipe.concepts.basis
    if kind == "prototypes":
        with torch.no_grad():
            embedded = torch.cat(
                [location(part) for part in torch.tensor_split(lat_lon_deg, 1 + len(lat_lon_deg) // 4_096)]
            )
            return prototypes(embedded - embedded.mean(0), truths, generator)
    if kind == "text":
        from whence.concepts.text_basis import text_basis
        from whence.encode.text import text_encoders

        encoder = text_encoders().load(recipe.concepts.text_encoder)
        texts = torch.from_numpy(text_basis(concepts, encoder(encoder.CONFIG())))
        if texts.shape[1] == location.dim:
            return texts
        # A random orthogonal map keeps the angles between concepts (exactly when it leads to more dimensions).
        mixed = torch.randn(max(texts.shape[1], location.dim), max(texts.shape[1], location.dim), generator=generator)
        turn = torch.linalg.qr(mixed)[0][: texts.shape[1], : location.dim]
        return texts @ turn
    return torch.randn(len(concepts), location.dim, generator=generator)


@final
class AlignmentLoss(nn.Module):
    """All losses of a recipe as one module, so that data-parallel training sees one forward pass.

    Args:
        model: what is trained.
        recipe: weighs the losses.
    """

    def __init__(self, model: Alignment, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(
        self,
        inputs: Tensor,
        lat_lon_deg: Float[Tensor, "n 2"],
        queue_deg: Float[Tensor, "q 2"],
        truths: Float[Tensor, "m k"] | None = None,
        further_deg: Float[Tensor, "f 2"] | None = None,
        memory: Float[Tensor, "q dim"] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Compute the loss of a batch.

        Args:
            inputs: pictures or features.
            lat_lon_deg: their places.
            queue_deg: negative places.
            truths: of the concepts at the places of the batch, then at the further ones: ``m = n + f``.
            further_deg: places without pictures, for grounded supervision alone.
            memory: embeddings of the negative places, if they are not to be computed.

        Returns:
            The total, its parts by name, and the embeddings of the batch's places.
        """
        model, loss, concepts = self.model, self.recipe.loss, self.recipe.concepts
        n = len(inputs)
        asked = (
            [lat_lon_deg] + ([queue_deg] if memory is None else []) + ([further_deg] if further_deg is not None else [])
        )
        images, embedded = model(inputs, torch.cat(asked))
        further = embedded[len(embedded) - len(further_deg) :] if further_deg is not None else embedded[:0]
        places = embedded[: len(embedded) - len(further)]
        if memory is not None:
            places = torch.cat([places, memory])
        targets = None
        if loss.sigma_km > 0:
            targets = place_targets(lat_lon_deg, torch.cat([lat_lon_deg, queue_deg]), loss.sigma_km)
        weights = None
        if model.basis is not None and concepts.hard_negatives:
            weights = alike_weights(model.basis.logits(places @ model.basis().T), n, concepts.hard_negatives)
        parts = {"contrast": image_to_place(images, places, model.logit_scale, targets, loss.smoothing, weights)}
        if loss.symmetric:
            back = None if targets is None else place_targets(lat_lon_deg, lat_lon_deg, loss.sigma_km)
            parts["back"] = place_to_image(images, places[:n], model.logit_scale, back)
        if model.basis is not None:
            rows = model.basis()
            at_images, at_places = images @ rows.T, torch.cat([places[:n], further]) @ rows.T
            if concepts.divergence != "none":
                apart = concept_divergence(at_images, at_places[:n], concepts.bandwidth, concepts.divergence)
                parts["divergence"] = concepts.divergence_weight * apart
            if concepts.supervised_weight and truths is not None:
                told = grounded_concepts(model.basis.logits(at_images), truths[:n])
                told = told + grounded_concepts(model.basis.logits(at_places), truths)
                parts["grounded"] = concepts.supervised_weight * told
        return torch.stack(list(parts.values())).sum(), parts, places[:n].detach()
