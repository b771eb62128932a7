"""LighterGlue: a small network that pairs the points of XFeat, from an ONNX file that the user brings."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from whence.core.errors import OptionError
from whence.crossview.register.points import Pairs
from whence.encode.card import ModelCard
from whence.encode.local.types import LocalFeatures
from whence.encode.onnx_session import open_graph
from whence.encode.user_files import Asset, check_hash, user_file

FILE = Asset("lighterglue_L3.onnx", "a721f366f54b20328fa98c799cc31478edb1c31f0c941528df3d363c3753760d")
"""The graph of noahzhy/xfeat_lightglue_onnx, three layers."""

CARD = ModelCard(
    title="LighterGlue of three layers, for XFeat",
    paper="Lindenberger et al., LightGlue: Local Feature Matching at Light Speed, ICCV 2023, arXiv:2306.13643",
    licence="Apache-2.0 (verlab/accelerated_features, noahzhy/xfeat_lightglue_onnx)",
    weights="lighterglue_L3.onnx of noahzhy/xfeat_lightglue_onnx",
)

_DIM = 64
_INPUTS = {"kpts0": 3, "kpts1": 3, "desc0": 3, "desc1": 3}


@final
class LighterGlue:
    """Pairs features of two pictures."""

    def __init__(self, weights: str = "", *, points: int = 2048, threads: int = 1, sha256: str = FILE.sha256) -> None:
        """Load the graph.

        Args:
            weights: the file or its folder; ``$WHENCE_ASSETS`` if empty.
            points: at most so many of a picture, those of the highest score.
            threads: that the network may use.
            sha256: what the file must hash to; empty for any.

        Raises:
            OptionError: the file is not named or not there.
            ArtifactError: it is another file.
        """
        path = user_file(weights, FILE, "lighterglue")
        self._points = points
        self._session: Any = open_graph(check_hash(path, sha256), _INPUTS, str(path), threads)

    def match(self, a: LocalFeatures, b: LocalFeatures) -> Pairs:
        """Pair the features of two pictures.

        Raises:
            OptionError: they are not those of XFeat.
        """
        if a.descriptors.shape[1] != _DIM or b.descriptors.shape[1] != _DIM:
            raise OptionError("lighterglue pairs the points of xfeat: set features=xfeat, or matching=mutual.")
        first, second = (np.argsort(-f.score, kind="stable")[: self._points] for f in (a, b))
        if min(len(first), len(second)) < 2:
            nothing = np.zeros(0, np.int64)
            return Pairs(nothing, nothing, np.zeros(0))
        given = {"kpts0": _relative(a, first), "kpts1": _relative(b, second)}
        given |= {"desc0": a.descriptors[first][None], "desc1": b.descriptors[second][None]}
        pairs, score = self._session.run(None, given)
        return Pairs(first[pairs[:, 0]], second[pairs[:, 1]], score.astype(np.float64))


def _relative(features: LocalFeatures, which: np.ndarray) -> np.ndarray:
    size = np.array(features.size_px, np.float64)
    found: np.ndarray = ((features.xy_px[which] - size / 2) / (size.max() / 2))[None].astype(np.float32)
    return found
