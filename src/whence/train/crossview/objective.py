"""The loss of a batch: every variant against satellite, as one module for data-parallel training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from whence.core.errors import InputError
from whence.train.crossview.data.types import SATELLITE
from whence.train.crossview.gather import gathered, gathered_numbers, rank
from whence.train.crossview.losses import (
    candidates_of,
    distance_contrast,
    inside_loss,
    inside_score,
    instance_loss,
    overlap_contrast,
    rerank_loss,
    symmetric_contrast,
)
from whence.train.crossview.model import CrossViewNet
from whence.train.crossview.position import WithPositions, with_positions
from whence.train.crossview.recipe import Loss, Position


@dataclass(frozen=True, eq=False)
class Sample:
    """A batch as the network takes it.

    Attributes:
        pixels: by variant, satellite in the order of the places.
        own: which place of the batch each picture shows, by variant.
        places: numbers of the places in the data.
        lat_lon_deg: where they are.
        overlap: of each picture with its satellite picture, by variant, where the data states it.
        inside: where in its satellite picture each was taken, by variant, for nets with a head of positions.
    """

    pixels: Mapping[str, Float[Tensor, "_ 3 h w"]]
    own: Mapping[str, Int[Tensor, " _"]]
    places: Int[Tensor, " p"]
    lat_lon_deg: Float[Tensor, "p 2"]
    overlap: Mapping[str, Float[Tensor, " _"]] = field(default_factory=dict)
    inside: Mapping[str, Float[Tensor, "_ 2"]] = field(default_factory=dict)


@final
class CrossViewLoss(nn.Module):
    """All losses of a recipe.

    Args:
        net: what is trained.
        loss: weighs them.
        position: weighs those of the head of positions, if the net has one.
        places: number of places in the training data, the classes of the instance loss.
    """

    def __init__(self, net: CrossViewNet, loss: Loss, places: int, position: Position | None = None) -> None:
        super().__init__()
        self.net, self.loss, self.position = net, loss, position or Position()
        self.places = nn.Parameter(torch.zeros(places if loss.instance_weight else 0, net.dim))

    def forward(self, sample: Sample) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the total and its parts by name.

        Raises:
            InputError: the overlap contrast, without overlaps in the data.
        """
        whole = with_positions(self.net, sample.pixels) if self.net.position is not None else None
        embedded = self.net(sample.pixels) if whole is None else whole.embedded
        references = gathered(embedded[SATELLITE])
        where = gathered_numbers(sample.lat_lon_deg)
        before = rank() * len(sample.places)
        parts = {}
        for name, own in sample.own.items():
            queries, rows = gathered(embedded[name]), gathered_numbers(own + before)
            if self.loss.contrast == "distance":
                parts[name] = distance_contrast(
                    queries, references, self.net.scale, where[rows], where, self.loss.sigma_m
                )
            elif self.loss.contrast == "overlap":
                if name not in sample.overlap:
                    raise InputError(
                        f"The pictures of the variant {name} state no overlap: take another loss.contrast."
                    )
                shares = gathered_numbers(sample.overlap[name])
                parts[name] = overlap_contrast(queries, references, rows, self.net.scale, shares, self.loss.steepness)
            else:
                parts[name] = symmetric_contrast(queries, references, rows, self.net.scale, self.loss.smoothing)
        if self.loss.instance_weight:
            logits = {name: self.net.scale * vectors @ self.places.T for name, vectors in embedded.items()}
            numbers = {SATELLITE: sample.places} | {name: sample.places[own] for name, own in sample.own.items()}
            parts["instance"] = self.loss.instance_weight * instance_loss(logits, numbers)
        if whole is not None:
            parts |= self._positions(whole, sample)
        return torch.stack(list(parts.values())).sum(), parts

    def _positions(self, whole: WithPositions, sample: Sample) -> dict[str, Tensor]:
        """The losses of the position and of re-ranking, within each process alone."""
        head, weights = self.net.position, self.position
        assert head is not None
        inside, rerank = [], []
        for name, own in sample.own.items():
            points, tiles = whole.points[name], whole.embedded[SATELLITE]
            rows = candidates_of(whole.embedded[name] @ tiles.T, own, weights.candidates)
            scores = inside_score(head.heat(points, whole.cells).float())
            rerank.append(rerank_loss(scores.gather(1, rows)))
            known = (
                torch.isfinite(sample.inside[name]).all(1) if name in sample.inside else own.new_zeros(len(own)).bool()
            )
            if known.any():
                cells, offsets = head(points[known], whole.cells[own[known]])
                truth = head.on_map(sample.inside[name][known])
                inside.append(inside_loss(cells, offsets, truth, weights.offset_weight))
        if not inside:
            raise InputError(
                "No picture of the batch says where in its satellite picture it was taken: a head of positions needs "
                "data that does (VIGOR, GTA-UAV, pairs_csv with ref_x and ref_y, chips_inside), or position.weight = 0."
            )
        return {
            "inside": weights.weight * torch.stack(inside).mean(),
            "rerank": weights.weight * weights.rerank_weight * torch.stack(rerank).mean(),
        }
