"""XFeat: points and descriptors by a small network, from an ONNX file that the user brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.config import fingerprint
from whence.core.errors import ArtifactError, OptionError
from whence.encode.card import ModelCard
from whence.encode.local.picking import filled, peaks, refined, sampled, unit, windows, within
from whence.encode.local.types import LocalEncoder, LocalFeatures
from whence.encode.onnx_session import open_graph
from whence.encode.user_files import Asset, check_hash, user_file

FILE = Asset("xfeat.onnx", "54041f61f0d9b1968451a65fe0fd79e96692b1d8266c54a6939a73e847df5988")
"""The graph of verlab/accelerated_features, pull request 38."""

_SIDE, _CELL, _DIM = 640, 8, 64
_OVERLAP = 64
_GREY = 127

Maps = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Descriptors 64 × 80 × 80, logits of points 65 × 80 × 80, reliability 1 × 80 × 80."""


@dataclass(frozen=True)
class Config:
    """Which file, and how many points."""

    weights: str = ""
    "The file xfeat.onnx or its folder; $WHENCE_ASSETS if empty."
    sha256: str = FILE.sha256
    "What the file must hash to; empty for any file of the same layout."
    points: int = 3000
    "At most so many points a window of 640 pixels, those of the highest score."
    least_score: float = 0.02
    "Least probability that a pixel is a point, 0..1."
    apart_px: int = 2
    "Points are the greatest within so many pixels."
    threads: int = 1
    "Threads that the network may use."

    def __post_init__(self) -> None:
        if self.points < 1 or self.apart_px < 1 or self.threads < 1 or not 0.0 <= self.least_score < 1.0:
            raise OptionError(f"xfeat takes points, apart_px and threads ≥ 1 and 0 ≤ least_score < 1, received {self}.")


@final
class Xfeat(LocalEncoder):
    """The network in windows of 640 pixels that overlap; smaller pictures are padded."""

    NAME: ClassVar[str] = "xfeat"
    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="XFeat, 64 numbers a point",
        paper="Potje et al., XFeat: Accelerated Features for Lightweight Image Matching, CVPR 2024, arXiv:2404.19174",
        licence="Apache-2.0 (verlab/accelerated_features)",
        weights="xfeat.onnx of pull request 38 of verlab/accelerated_features",
        differences="points are placed between pixels by the centre of mass of their score; descriptors are sampled "
        "bilinearly",
    )
    TURNS_WITH_PICTURE: ClassVar[bool] = False
    REACH_PX: ClassVar[int] = 8

    def __init__(self, config: Config | None = None, run: Callable[[np.ndarray], Maps] | None = None) -> None:
        """Load the graph.

        Args:
            config: settings.
            run: used instead of the graph: from ``1 × 3 × 640 × 640`` numbers in 0..1 to its three maps.

        Raises:
            OptionError: the file is not named or not there.
            ArtifactError: it is another file.
        """
        self.config = config or Config()
        self.dim = _DIM
        self._run = run or _graph(self.config)
        if run is None and self.config.sha256:
            made = replace(self.config, weights="", threads=1)
            self.version = fingerprint(self.NAME, made, version("onnxruntime"))

    def extract(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None = None
    ) -> LocalFeatures:
        """Find and describe points, window by window."""
        height, width = pixels.shape[:2]
        picture = filled(pixels, valid)
        parts = [
            self._window(picture, x, y, across, down)
            for y, down in windows(height, _SIDE, _OVERLAP)
            for x, across in windows(width, _SIDE, _OVERLAP)
            if valid is None or valid[y : y + _SIDE, x : x + _SIDE].any()
        ]
        empty = (np.zeros((0, 2)), np.zeros((0, _DIM), np.float32), np.zeros(0))
        xy, descriptors, score = (np.concatenate(list(column)) for column in zip(empty, *parts, strict=True))
        found = LocalFeatures(xy, descriptors, score, (width, height))
        return found.chosen(within(valid, xy, self.REACH_PX))

    def _window(
        self, picture: np.ndarray, x: int, y: int, across: tuple[float, float], down: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points of the window at x, y that lie in its own part of the picture."""
        piece = picture[y : y + _SIDE, x : x + _SIDE]
        canvas = np.empty((_SIDE, _SIDE, 3), np.uint8)
        canvas[:] = piece.mean(axis=(0, 1)).round() if piece.size else _GREY
        canvas[: piece.shape[0], : piece.shape[1]] = piece
        planes, logits, reliability = self._run(canvas.transpose(2, 0, 1)[None].astype(np.float32) / 255.0)
        heat = _heat(logits)
        xy = peaks(heat, self.config.apart_px, self.config.least_score, border_px=4)
        at = refined(heat, xy, radius_px=1)
        inside = (at[:, 0] < piece.shape[1]) & (at[:, 1] < piece.shape[0])
        at, xy = at[inside], xy[inside]
        score = heat[xy[:, 1], xy[:, 0]] * sampled(reliability, at, _CELL)[:, 0]
        best = np.argsort(-score, kind="stable")[: self.config.points]
        own = (at[best] + [x, y] >= [across[0], down[0]]) & (at[best] + [x, y] < [across[1], down[1]])
        best = best[own.all(axis=1)]
        return at[best] + [x, y], unit(sampled(planes, at[best], _CELL)), score[best].astype(np.float64)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Gradients through a random matrix stand for the network."""
        mix = np.random.default_rng(seed).normal(size=(_DIM, 3 * _CELL * _CELL)).astype(np.float32)

        def run(pixels: np.ndarray) -> Maps:
            cells = pixels[0].reshape(3, 80, _CELL, 80, _CELL).transpose(0, 2, 4, 1, 3)
            planes = np.einsum("dk,khw->dhw", mix, cells.reshape(-1, 80, 80))
            grey = pixels[0].mean(axis=0)
            edges = np.abs(np.gradient(grey)[0]) + np.abs(np.gradient(grey)[1])
            logits = 40 * edges.reshape(80, _CELL, 80, _CELL).transpose(1, 3, 0, 2).reshape(-1, 80, 80)
            return planes, np.concatenate([logits, np.ones((1, 80, 80))]), np.ones((1, 80, 80))

        return cls(Config(), run)


def _graph(config: Config) -> Callable[[np.ndarray], Maps]:
    path = user_file(config.weights, FILE, "xfeat")
    session: Any = open_graph(check_hash(path, config.sha256), {"input": 4}, str(path), config.threads)
    cells = _SIDE // _CELL
    shapes = [tuple(item.shape) for item in session.get_outputs()]
    wanted = [(1, channels, cells, cells) for channels in (_DIM, _CELL * _CELL + 1, 1)]
    if shapes != wanted:
        raise ArtifactError(f"The graph {path} gives {shapes}; expected are {wanted}. Give the published file.")

    def run(pixels: np.ndarray) -> Maps:
        planes, logits, reliability = session.run(None, {"input": pixels})
        return planes[0], logits[0], reliability[0]

    return run


def _heat(logits: Float[np.ndarray, "65 h w"]) -> Float[np.ndarray, "height width"]:
    """Probability that a pixel is a point: softmax over the 64 pixels of a cell and "none"."""
    raised = np.exp(logits - logits.max(axis=0, keepdims=True))
    share = (raised / raised.sum(axis=0, keepdims=True))[:-1]
    _, h, w = share.shape
    found = share.reshape(_CELL, _CELL, h, w).transpose(2, 0, 3, 1).reshape(h * _CELL, w * _CELL)
    return np.ascontiguousarray(found, np.float32)
