"""`InsideReader`: where inside of a tile a view was taken, by models that learned that beside retrieval.

After UnifyGeo (2025): the features that find a tile also give a map of positions over its cells. All that the map holds
says how much speaks for the tile and re-ranks what retrieval found; its peak is where the view is looked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.bundle import Bundle
from whence.core.errors import ArtifactError, unknown_name
from whence.encode.preprocessing import Preprocessing
from whence.samples.view import ViewKind

GRAPH = "position"
"""Graph of a cross-view bundle that takes the outputs ``point`` of a view and ``cells`` of a tile."""


@dataclass(frozen=True, eq=False)
class Inside:
    """Where a view lies in each of some tiles.

    Attributes:
        score: how much the map of positions speaks for the tile, nats up to a constant of all.
        xy: likeliest position of the view's middle, share of the tile from the left and from the top.
        sigma: standard deviation along each axis, share of the tile's side.
    """

    score: Float[np.ndarray, " n"]
    xy: Float[np.ndarray, "n 2"]
    sigma: Float[np.ndarray, " n"]


class InsideReader(ABC):
    """Finds where in tiles a view was taken."""

    weight: float
    """Of the score beside the likeness of retrieval in nats, chosen on unseen places."""
    shown_share: float
    """How much ground a view shows, as a share of a tile's side; 0 if views differ or it is not known."""

    @abstractmethod
    def inside(
        self, view: UInt8[np.ndarray, "_ _ 3"], kind: ViewKind, tiles: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    ) -> Inside:
        """Find a view in tiles.

        Args:
            view: RGB, 8 bits, any size, north up.
            kind: of the view.
            tiles: north up.

        Raises:
            OptionError: a kind that the model does not read.
        """


@final
class BundledInside(InsideReader):
    """Reads positions with the graphs of a cross-view bundle.

    Args:
        bundle: with the graph ``position``.
        preprocessing: of its pictures.
        variants: which variant views of a kind are.
        weight: of the score of the position.
        widening: factor on the spread of a map.
        shown_share: see `InsideReader`.
        threads: of ONNX Runtime; 0 for the usual number.

    Raises:
        ArtifactError: the bundle has no such graph.
    """

    def __init__(
        self,
        bundle: Bundle,
        preprocessing: Preprocessing,
        variants: Mapping[ViewKind, str],
        *,
        weight: float,
        widening: float,
        shown_share: float,
        threads: int = 0,
    ) -> None:
        bundle.path(GRAPH, ".onnx")
        self.bundle, self.preprocessing, self._variants = bundle, preprocessing, variants
        self.weight, self.shown_share, self._widening, self._threads = weight, shown_share, widening, threads

    def inside(
        self, view: UInt8[np.ndarray, "_ _ 3"], kind: ViewKind, tiles: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    ) -> Inside:
        """Find a view in tiles; see `InsideReader`.

        Raises:
            OptionError: a kind that the model does not read.
            ArtifactError: a graph fails.
        """
        if kind not in self._variants or kind is ViewKind.SATELLITE:
            known = [item.value for item in self._variants if item is not ViewKind.SATELLITE]
            raise unknown_name(f"kind of view that {self.bundle.header.name!r} places in tiles", kind.value, known)
        if not tiles:
            return Inside(np.zeros(0), np.zeros((0, 2)), np.zeros(0))
        (point,) = self._run(self._variants[kind], {"pixels": self._pixels([view])}, ("point",))
        (cells,) = self._run(self._variants[ViewKind.SATELLITE], {"pixels": self._pixels(tiles)}, ("cells",))
        points = np.repeat(point, len(tiles), axis=0)
        heat, offsets = self._run(GRAPH, {"point": points, "cells": cells}, ("heat", "offsets"))
        if heat.ndim != 3 or offsets.shape != (len(tiles), 2, *heat.shape[1:]) or not np.isfinite(heat).all():
            raise ArtifactError(
                f"The graph {GRAPH} of the bundle {self.bundle.folder} gave maps of shape {heat.shape} and offsets of "
                f"shape {offsets.shape}, or numbers that are not finite. Export it again."
            )
        xy, places, side = peak_of(heat, offsets), heat.shape[-1], cells.shape[-1]
        # A view that covers several cells has its middle in fewer places than the tile has cells.
        in_tile = (xy * places + (side - places) / 2.0) / side
        return Inside(evidence_of(heat), in_tile, self._widening * spread_of(heat, xy) * places / side)

    def _pixels(self, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Float[np.ndarray, "n 3 h w"]:
        return self.preprocessing.normalise(np.stack([self.preprocessing.fit(picture) for picture in pictures]))

    def _run(self, graph: str, given: Mapping[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
        session = self.bundle.session(graph, self._threads)
        try:
            found: Any = session.run(list(outputs), dict(given))
        except Exception as error:  # the runtime has its own tree of errors, without a common root
            raise ArtifactError(f"The graph {graph} of the bundle {self.bundle.folder} failed: {error}") from error
        return [np.asarray(part) for part in found]


def evidence_of(heat: Float[np.ndarray, "n s s"]) -> Float[np.ndarray, " n"]:
    """How much maps of logits speak for their tiles: the log of the mean of ``exp``, in nats."""
    flat = heat.reshape(len(heat), -1).astype(np.float64)
    top = flat.max(axis=1)
    return np.asarray(top + np.log(np.exp(flat - top[:, None]).mean(axis=1)))


def peak_of(heat: Float[np.ndarray, "n s s"], offsets: Float[np.ndarray, "n 2 s s"]) -> Float[np.ndarray, "n 2"]:
    """Likeliest positions, share of the tile from the left and from the top.

    Args:
        heat: logits of the cells, rows from the north.
        offsets: right and down from each cell's middle, in sides of a cell.
    """
    side = heat.shape[-1]
    at = heat.reshape(len(heat), -1).argmax(axis=1)
    moved = offsets.reshape(len(heat), 2, -1)[np.arange(len(heat)), :, at].clip(-0.5, 0.5)
    return np.asarray((np.stack([at % side, at // side], axis=1) + 0.5 + moved) / side)


def spread_of(heat: Float[np.ndarray, "n s s"], xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """Standard deviation of maps along an axis around given positions, share of the tile's side.

    The mean of both axes' second moments of the softmax, and that of a cell, whose inner the map does not tell.
    """
    side = heat.shape[-1]
    flat = heat.reshape(len(heat), -1).astype(np.float64)
    share = np.exp(flat - flat.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    middles = (np.arange(side) + 0.5) / side
    x, y = np.tile(middles, side), np.repeat(middles, side)
    moment = np.square(x - xy[:, :1]) + np.square(y - xy[:, 1:])
    return np.asarray(np.sqrt((share * moment).sum(axis=1) / 2.0 + 1.0 / (12.0 * side * side)))
