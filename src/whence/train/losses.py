"""What alignment is trained for. Every loss is a function of tensors; the recipe weighs them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, log_softmax

from whence.encode.location.layers import unit_vectors

EARTH_RADIUS_KM = 6371.0088
"""Mean radius; the targets need no better."""


def place_targets(
    query_deg: Float[Tensor, "n 2"], candidates_deg: Float[Tensor, "m 2"], sigma_km: float
) -> Float[Tensor, "n m"]:
    """Distance-aware soft targets: for each query a distribution over the candidate places.

    Weights are a von Mises–Fisher kernel, ``exp(κ (cos d − 1))`` with ``κ = (R / σ)²``: a Gaussian of deviation σ on
    the plane, and defined all around the sphere.

    Args:
        query_deg: true places of the pictures.
        candidates_deg: places that they are contrasted with, the true ones among them.
        sigma_km: deviation in kilometres.
    """
    a, b = unit_vectors(query_deg.float()), unit_vectors(candidates_deg.float())
    # Half the squared chord is 1 − cos d without its cancellation, given that the vectors are close in float32.
    half_square = (torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2
    return torch.softmax(-half_square * (EARTH_RADIUS_KM / sigma_km) ** 2, dim=1)


def image_to_place(
    images: Float[Tensor, "n dim"],
    places: Float[Tensor, "m dim"],
    scale: Tensor,
    targets: Float[Tensor, "n m"] | None = None,
    smoothing: float = 0.0,
    log_weights: Float[Tensor, "n m"] | None = None,
) -> Tensor:
    """InfoNCE from pictures to places (van den Oord et al. 2018, arXiv:1807.03748).

    Args:
        images: unit vectors.
        places: unit vectors; place ``i`` belongs to picture ``i``, those after ``n`` are negatives.
        scale: factor on the cosines.
        targets: distribution over the places; the true one alone if not given.
        smoothing: share of the target spread over all places, without ``targets``.
        log_weights: how much more each place counts among the negatives (Robinson et al. 2021, arXiv:2010.04592).
    """
    logits = scale * images @ places.T
    if targets is None and log_weights is None:
        return cross_entropy(logits, torch.arange(len(images), device=logits.device), label_smoothing=smoothing)
    if targets is None:
        targets = torch.full_like(logits, smoothing / logits.shape[1])
        targets.diagonal().add_(1 - smoothing)
    if log_weights is None:
        return -(targets * log_softmax(logits, dim=1)).sum(1).mean()
    return (torch.logsumexp(logits + log_weights, dim=1) - (targets * logits).sum(1)).mean()


def alike_weights(concepts: Float[Tensor, "m k"], n: int, strength: float) -> Float[Tensor, "n m"]:
    """Log-weights of negatives by how alike their concepts are to those of each picture's own place.

    The weight is ``exp(strength · r)`` with the correlation ``r`` of the two places' concept probabilities over the
    concepts, and a mean of 1 over the negatives of each picture, its own place left at 1.

    Args:
        concepts: logits of the concepts at all places, those of the pictures first.
        n: number of pictures.
        strength: 0 weighs all alike.
    """
    with torch.no_grad():
        chances = torch.sigmoid(concepts)
        centred = torch.nn.functional.normalize(chances - chances.mean(0), dim=1)
        weights = strength * centred[:n] @ centred.T
        own = torch.eye(n, len(concepts), dtype=torch.bool, device=concepts.device)
        weights = weights - torch.logsumexp(weights.masked_fill(own, -math.inf), dim=1, keepdim=True)
        return (weights + math.log(len(concepts) - 1)).masked_fill(own, 0.0)


def place_to_image(
    images: Float[Tensor, "n dim"],
    places: Float[Tensor, "n dim"],
    scale: Tensor,
    targets: Float[Tensor, "n n"] | None = None,
) -> Tensor:
    """The same from places to the pictures of the batch, for symmetric training (SatCLIP)."""
    return image_to_place(places, images, scale, targets)


def concept_divergence(
    images: Float[Tensor, "n k"], places: Float[Tensor, "n k"], bandwidth: float, form: str = "cauchy_schwarz"
) -> Tensor:
    """How far apart the concept activations of a batch's pictures and of its places are, as distributions.

    Cauchy–Schwarz divergence with Gaussian kernels (Principe 2010):
    ``−2 log E k(p, q) + log E k(p, p) + log E k(q, q)``, nil for equal distributions.

    Args:
        images: activations of the pictures.
        places: activations of the places.
        bandwidth: deviation of the kernel.
        form: ``cauchy_schwarz`` takes the log of the mean kernel, as the divergence is defined; ``mean_log`` takes the
            mean of the log kernel, as the paper prints it. The latter equals ``|mean p − mean q|² / bandwidth²``: it
            matches the means of the batch and nothing else.
    """

    def potential(a: Tensor, b: Tensor) -> Tensor:
        squares = a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * a @ b.T
        exponents = -squares.clamp(min=0.0) / (2 * bandwidth**2)
        if form == "mean_log":
            return exponents.mean()
        return torch.logsumexp(exponents.flatten(), 0) - math.log(exponents.numel())

    return potential(images, images) + potential(places, places) - 2 * potential(images, places)


def grounded_concepts(logits: Float[Tensor, "n k"], truths: Float[Tensor, "n k"]) -> Tensor:
    """Binary cross-entropy against what is known to be true at the places; unknown truths (NaN) count for nothing."""
    known = ~truths.isnan()
    losses = binary_cross_entropy_with_logits(logits, torch.nan_to_num(truths), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
