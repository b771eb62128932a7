"""How well a head of positions places views in their tiles, and what its re-ranking adds to retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from whence.core.errors import InputError
from whence.crossview.inside import spread_of
from whence.crossview.spread import radius_holding
from whence.train.crossview.data.types import SATELLITE, CrossViewParts, Part
from whence.train.crossview.feed import KindFeed
from whence.train.crossview.losses import inside_position, inside_score
from whence.train.crossview.model import CrossViewNet
from whence.train.crossview.position import TileWithCells, ViewWithPoint
from whence.train.recipe import Augment

CANDIDATES = 10
"""Tiles that retrieval gives and the position re-ranks."""

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Weights of the score of the position that are tried on validation; 0 leaves retrieval as it is."""

_EMBED, _PAIRS = 256, 512
_MIDDLE = 0.5
_RADIUS_90 = radius_holding(0.9)


@dataclass(frozen=True, eq=False)
class Placed:
    """Views of a part, their likest tiles, and what the head says of each.

    Attributes:
        rows: of the variant's pictures, those that state where they lie.
        tiles: rows of the likest satellite pictures, likest first.
        own: whether a tile is the view's own.
        cosine: likeness of the embeddings, times the learned factor.
        score: how much the map of positions speaks for the tile.
        xy: likeliest position in each tile.
        truth: where the view lies in its own tile.
        own_xy: likeliest position in its own tile, found or not.
        own_sigma: standard deviation of that, share of a tile.
    """

    rows: Int[np.ndarray, " n"]
    tiles: Int[np.ndarray, "n k"]
    own: Bool[np.ndarray, "n k"]
    cosine: Float[np.ndarray, "n k"]
    score: Float[np.ndarray, "n k"]
    xy: Float[np.ndarray, "n k 2"]
    truth: Float[np.ndarray, "n 2"]
    own_xy: Float[np.ndarray, "n 2"]
    own_sigma: Float[np.ndarray, " n"]

    def first(self, weight: float) -> Int[np.ndarray, " n"]:
        """Which of a view's tiles comes first if the position's score has a weight."""
        return np.asarray(np.argmax(self.cosine + weight * self.score, axis=1))

    def hits(self, weight: float) -> Bool[np.ndarray, " n"]:
        """Whether that is its own."""
        return np.asarray(np.take_along_axis(self.own, self.first(weight)[:, None], axis=1)[:, 0])


@torch.no_grad()
def placed(net: CrossViewNet, part: Part, variant: str, candidates: int = CANDIDATES) -> Placed:
    """Find the likest tiles of all views of a variant, and a position in each.

    Args:
        net: with a head of positions.
        part: whose pictures say where they lie.
        variant: of the views.
        candidates: tiles for each.

    Raises:
        InputError: no picture says where it lies.
    """
    pictures = part.variant(variant)
    if pictures.inside is None or not np.isfinite(pictures.inside).any():
        raise InputError(f"No picture of the variant {variant} says where in its satellite picture it lies.")
    was = net.training
    net.eval()
    rows = np.flatnonzero(np.isfinite(pictures.inside).all(axis=1))
    feed = KindFeed(part, net.preprocessing, Augment(), registered=False)
    tile, cells = _all(net, feed, SATELLITE, np.arange(len(part.variant(SATELLITE))))
    view, point = _all(net, feed, variant, rows)
    likeness = net.scale.cpu() * view @ tile.T
    cosine, found = likeness.topk(min(candidates, len(tile)), dim=1)
    score, xy, _ = _maps(net, point, cells, found)
    tile_of = np.full(len(part), -1, np.int64)
    tile_of[part.variant(SATELLITE).place] = np.arange(len(tile))
    own = tile_of[pictures.place[rows]]
    _, own_xy, own_sigma = _maps(net, point, cells, torch.from_numpy(own)[:, None])
    net.train(was)
    return Placed(
        rows,
        found.numpy(),
        found.numpy() == own[:, None],
        cosine.numpy(),
        score.numpy(),
        xy.numpy(),
        pictures.inside[rows],
        own_xy[:, 0].numpy(),
        own_sigma[:, 0].numpy(),
    )


def _all(net: CrossViewNet, feed: KindFeed, variant: str, rows: Int[np.ndarray, " n"]) -> tuple[Tensor, Tensor]:
    """Embeddings of some pictures and, of satellite's, the vectors of their cells, else those of their positions."""
    way = TileWithCells(net) if variant == SATELLITE else ViewWithPoint(net, variant)
    device = net.log_scale.device
    found = [
        way(feed.pictures({variant: rows[start : start + _EMBED]})[variant].to(device))
        for start in range(0, len(rows), _EMBED)
    ]
    vectors, others = ([part.cpu() for part in parts] for parts in zip(*found, strict=True))
    return torch.cat(vectors), torch.cat(others)


def _maps(net: CrossViewNet, points: Tensor, cells: Tensor, tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Score, position and spread of each view in each of its tiles."""
    assert net.position is not None
    device = net.log_scale.device
    views = torch.arange(len(points)).repeat_interleave(tiles.shape[1])
    scores, places, sigmas = [], [], []
    for start in range(0, len(views), _PAIRS):
        some = slice(start, start + _PAIRS)
        heat, offsets = net.position(points[views[some]].to(device), cells[tiles.flatten()[some]].to(device))
        scores.append(inside_score(heat).cpu())
        found = inside_position(heat, offsets)
        spread = spread_of(heat.cpu().numpy(), found.cpu().numpy())
        places.append(net.position.in_tile(found).cpu())
        sigmas.append(torch.from_numpy(spread * net.position.places / net.position.cells))
    shape = tuple(tiles.shape)
    return torch.cat(scores).view(shape), torch.cat(places).view(*shape, 2), torch.cat(sigmas).view(shape)


@dataclass(frozen=True)
class Chosen:
    """What is chosen on validation.

    Attributes:
        weight: of the score of the position beside the likeness.
        widening: factor on the spread of a map of positions, so that a 90 % circle holds nine in ten.
    """

    weight: float
    widening: float


def chosen_on(found: Sequence[Placed]) -> Chosen:
    """Choose the weight with the most views at their own tile, the smallest of equals, and how far maps are widened."""
    hits = [sum(int(item.hits(weight).sum()) for item in found) for weight in WEIGHTS]
    away = np.concatenate([_away(item.own_xy, item.truth) for item in found])
    sigma = np.concatenate([item.own_sigma for item in found])
    return Chosen(WEIGHTS[int(np.argmax(hits))], float(np.quantile(away / sigma, 0.9)) / _RADIUS_90)


def position_scores(found: Mapping[str, Placed], chosen: Chosen) -> dict[str, Any]:
    """Scores of the variants, plain values; shares in per cent, distances in shares of a tile's side."""
    out: dict[str, Any] = {}
    for name, item in found.items():
        away = _away(item.own_xy, item.truth)
        out[name] = {
            "views": len(item.rows),
            "r1": _percent(item.hits(0.0)),
            "r1_reranked": _percent(item.hits(chosen.weight)),
            "r1_by_position_alone": _percent(item.hits(1e6)),
            f"among_{item.tiles.shape[1]}": _percent(item.own.any(axis=1)),
            "error": round(float(np.median(away)), 4),
            "error_of_the_middle": round(float(np.median(_away(np.full_like(item.truth, _MIDDLE), item.truth))), 4),
            "held_by_90": _percent(away <= _RADIUS_90 * chosen.widening * item.own_sigma),
        }
    return out


def _away(found: Float[np.ndarray, "n 2"], truth: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    return np.asarray(np.hypot(*(found - truth).T))


def _percent(share: Any) -> float:
    return round(100 * float(np.mean(share)), 2)


def inside_scores(net: CrossViewNet, data: CrossViewParts, variants: Sequence[str]) -> dict[str, Any]:
    """What the head of positions gives on validation and test, with what is chosen on validation.

    Empty for parts, and without choices where validation has none, of which no picture says where it lies.

    Args:
        net: with a head of positions.
        data: its parts.
        variants: that were trained so far.
    """
    found = {part: _of_part(net, getattr(data, part), variants) for part in ("validation", "test")}
    if not found["validation"]:
        return {"validation": {}, "test": {}}
    chosen = chosen_on(list(found["validation"].values()))
    scored: dict[str, Any] = {part: position_scores(items, chosen) for part, items in found.items()}
    return {"chosen": {"weight": chosen.weight, "widening": round(chosen.widening, 4)}, **scored}


def _of_part(net: CrossViewNet, part: Part, variants: Sequence[str]) -> dict[str, Placed]:
    out = {}
    for name in variants:
        inside = part.pictures[name].inside if name in part.pictures else None
        if inside is not None and np.isfinite(inside).all(axis=1).any():
            out[name] = placed(net, part, name)
    return out
