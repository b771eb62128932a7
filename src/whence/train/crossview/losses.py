"""What cross-view towers are trained for: views pulled to the satellite pictures of their places.

Every loss is a function of tensors; a recipe weighs them. Queries and references are unit vectors; ``own`` names the
reference that belongs to each query, so that one batch of references may serve several kinds of views.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, smooth_l1_loss

from whence.train.losses import place_targets


def symmetric_contrast(
    queries: Float[Tensor, "n dim"],
    references: Float[Tensor, "m dim"],
    own: Int[Tensor, " n"],
    scale: Tensor,
    smoothing: float | Float[Tensor, " n"] = 0.0,
) -> Tensor:
    """Symmetric InfoNCE with label smoothing (Sample4Geo: Deuser et al. 2023, arXiv:2303.11851).

    The mean of both directions: each query finds its reference among all, each reference its query.

    Args:
        queries: embedded views, one a place.
        references: embedded satellite pictures.
        own: row of the reference of each query; no two alike.
        scale: factor on the cosines, the inverse of the temperature.
        smoothing: share of the target spread over all candidates, one number or one a query.
    """
    logits = scale * queries @ references.T
    back = logits[:, own].T
    return 0.5 * (
        _smoothed(logits, own, smoothing) + _smoothed(back, torch.arange(len(own), device=own.device), smoothing)
    )


def _smoothed(logits: Float[Tensor, "n m"], own: Int[Tensor, " n"], smoothing: float | Tensor) -> Tensor:
    if not isinstance(smoothing, Tensor):
        return cross_entropy(logits, own, label_smoothing=smoothing)
    chances = log_softmax(logits, dim=1)
    truth = chances.gather(1, own[:, None])[:, 0]
    return -((1 - smoothing) * truth + smoothing * chances.mean(1)).mean()


def overlap_contrast(
    queries: Float[Tensor, "n dim"],
    references: Float[Tensor, "m dim"],
    own: Int[Tensor, " n"],
    scale: Tensor,
    overlap: Float[Tensor, " n"],
    steepness: float = 5.0,
) -> Tensor:
    """Weighted InfoNCE (Game4Loc: Ji et al. 2024, arXiv:2409.16925): pairs that overlap little are believed less.

    The target of a pair is smoothed by ``ε = 1 − sigmoid(k · IoU)``: 0.5 without overlap, 0.007 for the same ground.

    Args:
        queries: embedded views.
        references: embedded satellite pictures.
        own: row of the reference of each query.
        scale: factor on the cosines.
        overlap: ground that the two show both, over the ground that either shows, 0..1.
        steepness: ``k``.
    """
    return symmetric_contrast(queries, references, own, scale, 1 - torch.sigmoid(steepness * overlap))


def distance_contrast(
    queries: Float[Tensor, "n dim"],
    references: Float[Tensor, "m dim"],
    scale: Tensor,
    query_deg: Float[Tensor, "n 2"],
    reference_deg: Float[Tensor, "m 2"],
    sigma_m: float,
) -> Tensor:
    """InfoNCE both ways against soft targets by ground distance: near satellite pictures are no full negatives.

    Args:
        queries: embedded views.
        references: embedded satellite pictures.
        scale: factor on the cosines.
        query_deg: latitudes and longitudes of the views.
        reference_deg: of the satellite pictures.
        sigma_m: deviation of the targets in metres; float32 positions allow about 2 m at least.
    """
    logits = scale * queries @ references.T
    there = place_targets(query_deg, reference_deg, sigma_m / 1000)
    back = place_targets(reference_deg, query_deg, sigma_m / 1000)
    return -0.5 * (
        (there * log_softmax(logits, dim=1)).sum(1).mean() + (back * log_softmax(logits.T, dim=1)).sum(1).mean()
    )


def instance_loss(
    logits_by_kind: dict[str, Float[Tensor, "_ places"]], places_by_kind: dict[str, Int[Tensor, " _"]]
) -> Tensor:
    """Instance loss (Zheng et al. 2020, arXiv:1711.05535; University-1652): a place is a class, for every kind alike.

    Args:
        logits_by_kind: of one classifier that all kinds share, satellite among them.
        places_by_kind: numbers of the places.
    """
    losses = [cross_entropy(logits, places_by_kind[kind]) for kind, logits in logits_by_kind.items()]
    return torch.stack(losses).mean()


def inside_loss(
    cells: Float[Tensor, "n side side"],
    offsets: Float[Tensor, "n 2 side side"],
    xy: Float[Tensor, "n 2"],
    offset_weight: float = 1.0,
) -> Tensor:
    """Where in its tile a view was taken: cross-entropy over cells, and the offset within the true cell.

    The position half of one network that both retrieves and localises (after UnifyGeo 2025).

    Args:
        cells: logits of the cells, rows from the north.
        offsets: right and down from each cell's middle, in sides of a cell.
        xy: true position, share of the tile from the left and from the top, 0..1.
        offset_weight: of the offset beside the cell.
    """
    side = cells.shape[-1]
    at = (xy * side).floor().clamp(0, side - 1).long()
    index = at[:, 1] * side + at[:, 0]
    truth = xy * side - at - 0.5
    rows = torch.arange(len(xy), device=xy.device)
    found = offsets.flatten(2)[rows, :, index]
    return cross_entropy(cells.flatten(1), index) + offset_weight * smooth_l1_loss(found, truth)


def inside_position(
    cells: Float[Tensor, "n side side"], offsets: Float[Tensor, "n 2 side side"]
) -> Float[Tensor, "n 2"]:
    """Likeliest position in the tile, share from the left and from the top."""
    side = cells.shape[-1]
    index = cells.flatten(1).argmax(1)
    rows = torch.arange(len(cells), device=cells.device)
    middle = torch.stack([index % side, index // side], dim=1) + 0.5
    return (middle + offsets.flatten(2)[rows, :, index].clamp(-0.5, 0.5)) / side


def inside_score(cells: Float[Tensor, "*n side side"]) -> Float[Tensor, " *n"]:
    """How much a map of positions speaks for its tile: the log of the mean of ``exp`` of its cells, in nats.

    That is the evidence for a view that was taken anywhere in the tile alike; it re-ranks candidates of retrieval.
    """
    flat = cells.flatten(-2)
    return flat.logsumexp(-1) - math.log(flat.shape[-1])


def candidates_of(likeness: Float[Tensor, "n m"], own: Int[Tensor, " n"], count: int) -> Int[Tensor, "n k"]:
    """What retrieval takes for each view's tile: its own first, then the likest others.

    Args:
        likeness: products of the embeddings of views and tiles.
        own: row of each view's tile.
        count: tiles for each; as many as there are if those are fewer.
    """
    marked = likeness.detach().scatter(1, own[:, None], torch.inf)
    return marked.topk(min(count, likeness.shape[1]), dim=1).indices


def rerank_loss(scores: Float[Tensor, "n k"]) -> Tensor:
    """Re-ranking: among the tiles that retrieval takes for a view's, its own speaks loudest (after UnifyGeo 2025).

    Args:
        scores: of the tiles of `candidates_of`, as `inside_score`; those of the own tiles come first.
    """
    return cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))
