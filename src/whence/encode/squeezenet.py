"""SqueezeNet 1.1 for scene classes, in NumPy: small enough to need no runtime (Iandola et al. 2016, arXiv:1602.07360).

The weights are those of a file in the safetensors format with names ``conv1.weight``, ``fire2.squeeze.weight``, … and
``conv10.weight``, batch normalisation folded in. Training used randomised leaky units, whose mean slope stands here.
"""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from whence.core.errors import ArtifactError
from whence.encode.tensor_file import read_tensors

RESIZE_PX, CROP_PX = 256, 224

_BGR_MEAN = np.array([104.05, 112.51, 116.68], np.float32)
_SLOPE = np.float32(0.55)
_FIRES = (("fire2", "fire3"), ("fire4", "fire5"), ("fire6", "fire7", "fire8", "fire9"))

Maps = Float[np.ndarray, "c h w"]
Made = Float[np.ndarray, "made_c made_h made_w"]


@final
class SqueezeNet:
    """Classifies pictures by their scene."""

    def __init__(self, path: Path) -> None:
        """Read the weights.

        Raises:
            ArtifactError: the file is damaged, or holds another network.
        """
        self._weights = {name: np.asarray(value, np.float32) for name, value in read_tensors(path).items()}
        layers = ["conv1", "conv10"]
        for fire in (name for group in _FIRES for name in group):
            layers += [f"{fire}.squeeze", f"{fire}.expand1x1", f"{fire}.expand3x3"]
        for layer in layers:
            weight, bias = self._weights.get(f"{layer}.weight"), self._weights.get(f"{layer}.bias")
            if weight is None or bias is None or weight.ndim != 4 or bias.shape != weight.shape[:1]:
                raise ArtifactError(f"The file {path} lacks the layer {layer} of SqueezeNet 1.1. Give another file.")

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self._weights["conv10.bias"].size)

    def probabilities(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, " n"]:
        """Probability of each class for one picture, 0..1."""
        maps = self._conv("conv1", _prepared(pixels), stride=2, pad=1)
        for group in _FIRES:
            maps = _pooled(maps)
            for fire in group:
                narrow = self._conv(f"{fire}.squeeze", maps)
                sides = self._conv(f"{fire}.expand1x1", narrow), self._conv(f"{fire}.expand3x3", narrow, pad=1)
                maps = np.concatenate(sides)
        score = self._conv("conv10", maps).mean(axis=(1, 2), dtype=np.float64)
        share = np.exp(score - score.max())
        return share / share.sum()

    def _conv(self, layer: str, maps: Maps, stride: int = 1, pad: int = 0) -> Made:
        """Convolution as one product of matrices, then the leaky unit."""
        weight, bias = self._weights[f"{layer}.weight"], self._weights[f"{layer}.bias"]
        side = weight.shape[2]
        if side == 1:
            columns, size = maps.reshape(len(maps), -1), maps.shape[1:]
        else:
            padded = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
            size = windows.shape[1:3]
            columns = windows.transpose(0, 3, 4, 1, 2).reshape(len(maps) * side * side, -1)
        out = weight.reshape(len(weight), -1) @ columns
        out += bias[:, None]
        return np.maximum(out, _SLOPE * out).reshape(-1, *size)


def _pooled(maps: Maps) -> Made:
    """The largest of each 3 × 3, every second one; what does not fit is left out."""
    height, width = ((size - 3) // 2 * 2 + 1 for size in maps.shape[1:])
    parts = [maps[:, i : i + height : 2, j : j + width : 2] for i in range(3) for j in range(3)]
    return np.maximum.reduce(parts)


def _prepared(pixels: UInt8[np.ndarray, "h w 3"]) -> Made:
    """The middle of the picture in blue, green and red, as the network was trained on."""
    picture = Image.fromarray(pixels)
    shorter = min(picture.size)
    width, height = (RESIZE_PX * side // shorter for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - CROP_PX) // 2, (height - CROP_PX) // 2
    values = np.asarray(picture.crop((left, top, left + CROP_PX, top + CROP_PX)), np.float32)[..., ::-1]
    return np.ascontiguousarray(((values - _BGR_MEAN) / np.float32(255.0)).transpose(2, 0, 1))
