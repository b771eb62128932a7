"""ALIKED: points with descriptors gathered where the picture says; from a safetensors file that the user brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self, final

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from whence.core.config import fingerprint
from whence.core.errors import ArtifactError, OptionError
from whence.encode.card import ModelCard
from whence.encode.local.picking import filled, peaks, refined, unit, windows, within
from whence.encode.local.types import LocalEncoder, LocalFeatures
from whence.encode.tensor_file import read_tensors
from whence.encode.user_files import Asset, check_hash, user_file

FILE = Asset("aliked-t16.safetensors", "5d5113d8ac305330baab9004a9828824e331fb7bf88f7b65caf82e7c7bb5ce55")
"""The state of aliked-t16.pth of Shiaoming/ALIKED."""

_CHANNELS = (8, 16, 32, 64)
_DIM, _PLACES, _KERNEL = 64, 16, 3
_MULTIPLE = 32
_SIDE, _OVERLAP = 640, 64
_FURTHEST = 4.0


@dataclass(frozen=True)
class Config:
    """Which file, and how many points."""

    weights: str = ""
    "The file aliked-t16.safetensors or its folder; $WHENCE_ASSETS if empty."
    sha256: str = FILE.sha256
    "What the file must hash to; empty for any file of the same layout."
    points: int = 2000
    "At most so many points a window of 640 pixels, those of the highest score."
    least_score: float = 0.05
    "Least score of a point, 0..1; the authors use 0.2."
    apart_px: int = 2
    "Points are the greatest within so many pixels."

    def __post_init__(self) -> None:
        if self.points < 1 or self.apart_px < 1 or not 0.0 <= self.least_score < 1.0:
            raise OptionError(f"aliked takes points and apart_px ≥ 1 and 0 ≤ least_score < 1, received {self}.")


@final
class Aliked(LocalEncoder):
    """The tiny network, in windows of 640 pixels that overlap."""

    NAME: ClassVar[str] = "aliked"
    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="ALIKED-T(16), 64 numbers a point",
        paper=(
            "Zhao et al., ALIKED: A Lighter Keypoint and Descriptor Extraction Network via Deformable Transformation, "
            "IEEE TIM 2023, arXiv:2304.03608"
        ),
        licence="BSD-3-Clause (Shiaoming/ALIKED)",
        weights="aliked-t16.pth of Shiaoming/ALIKED, as safetensors",
        differences="deformable convolution is written with grid_sample; points lie at the centre of mass of the score",
    )
    TURNS_WITH_PICTURE: ClassVar[bool] = False
    REACH_PX: ClassVar[int] = 8

    def __init__(self, config: Config | None = None, network: nn.Module | None = None) -> None:
        """Load the weights.

        Args:
            config: settings.
            network: used instead of the weights of the file.

        Raises:
            OptionError: the file is not named or not there.
            ArtifactError: it is another file.
        """
        self.config = config or Config()
        self.dim = _DIM
        self._network = _loaded(self.config) if network is None else network
        if network is None and self.config.sha256:
            self.version = fingerprint(self.NAME, replace(self.config, weights=""), torch.__version__)
        self._network.eval()

    def extract(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None = None
    ) -> LocalFeatures:
        """Find and describe points, window by window."""
        height, width = pixels.shape[:2]
        picture = filled(pixels, valid)
        parts = [(np.zeros((0, 2)), np.zeros((0, _DIM), np.float32), np.zeros(0))]
        for y, down in windows(height, _SIDE, _OVERLAP):
            for x, across in windows(width, _SIDE, _OVERLAP):
                if valid is not None and not valid[y : y + _SIDE, x : x + _SIDE].any():
                    continue
                at, descriptors, score = self._window(picture[y : y + _SIDE, x : x + _SIDE])
                at = at + np.array([x, y])
                own = ((at >= [across[0], down[0]]) & (at < [across[1], down[1]])).all(axis=1)
                parts.append((at[own], descriptors[own], score[own]))
        xy, descriptors, score = (np.concatenate(list(column)) for column in zip(*parts, strict=True))
        found = LocalFeatures(xy, descriptors, score, (width, height))
        return found.chosen(within(valid, xy, self.REACH_PX))

    def _window(self, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(piece.transpose(2, 0, 1), np.float32) / 255.0)[None]
            planes, score_map = self._network(given)
            heat = np.ascontiguousarray(score_map[0, 0].numpy())
            xy = peaks(heat, self.config.apart_px, self.config.least_score, border_px=3)[: self.config.points]
            at = refined(heat, xy, radius_px=2)
            descriptors = self._network.describe(planes[0], torch.from_numpy(at - 0.5).float())  # type: ignore[operator]
        return at, unit(descriptors.numpy()), heat[xy[:, 1], xy[:, 0]].astype(np.float64)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """The network with random weights."""
        network = AlikedNetwork()
        generator = torch.Generator().manual_seed(seed)
        for parameter in network.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5, generator=generator)
        return cls(Config(least_score=0.0), network)


@final
class AlikedNetwork(nn.Module):
    """Four blocks at 1, 1/2, 1/8 and 1/32 of the size, joined to one map; a head for scores and one for descriptors."""

    def __init__(self) -> None:
        super().__init__()
        c1, c2, c3, c4 = _CHANNELS
        self.block1 = _Plain(3, c1)
        self.block2 = _Residual(c1, c2, deformable=False)
        self.block3 = _Residual(c2, c3, deformable=True)
        self.block4 = _Residual(c3, c4, deformable=True)
        quarter = _DIM // 4
        self.conv1, self.conv2, self.conv3, self.conv4 = (nn.Conv2d(c, quarter, 1, bias=False) for c in _CHANNELS)
        self.score_head = nn.Sequential(
            nn.Conv2d(_DIM, 8, 1, bias=False),
            nn.SELU(),
            nn.Conv2d(8, 4, 3, padding=1, bias=False),
            nn.SELU(),
            nn.Conv2d(4, 4, 3, padding=1, bias=False),
            nn.SELU(),
            nn.Conv2d(4, 1, 3, padding=1, bias=False),
        )
        self.desc_head = _DescriptorHead()

    def forward(
        self, pixels: Float[Tensor, "n 3 height width"]
    ) -> tuple[Float[Tensor, "n 64 height width"], Float[Tensor, "n 1 height width"]]:
        """Unit feature map and score map, 0..1, of RGB pixels in 0..1 of any size."""
        height, width = pixels.shape[2:]
        right, below = -width % _MULTIPLE, -height % _MULTIPLE
        left, above = right // 2, below // 2
        x = functional.pad(pixels, (left, right - left, above, below - above), mode="replicate")
        x1 = self.block1(x)
        x2 = self.block2(functional.avg_pool2d(x1, 2))
        x3 = self.block3(functional.avg_pool2d(x2, 4))
        x4 = self.block4(functional.avg_pool2d(x3, 4))
        size = x.shape[2:]
        joined = [functional.selu(self.conv1(x1))]
        for conv, part in ((self.conv2, x2), (self.conv3, x3), (self.conv4, x4)):
            own = functional.selu(conv(part))
            joined.append(functional.interpolate(own, size=size, mode="bilinear", align_corners=True))
        planes = torch.cat(joined, dim=1)
        own_part = (..., slice(above, above + height), slice(left, left + width))
        score = torch.sigmoid(self.score_head(planes))[own_part]
        return functional.normalize(planes, dim=1)[own_part], score

    def describe(self, planes: Float[Tensor, "64 height width"], xy: Float[Tensor, "n 2"]) -> Float[Tensor, "n 64"]:
        """Descriptors at positions counted from the middle of the first pixel."""
        found: Tensor = self.desc_head(planes, xy)
        return found


class _Plain(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.selu(self.bn1(self.conv1(x)))
        return functional.selu(self.bn2(self.conv2(x)))


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int, *, deformable: bool) -> None:
        super().__init__()

        def conv(before: int) -> nn.Module:
            return _Deformable(before, out) if deformable else nn.Conv2d(before, out, 3, padding=1, bias=False)

        self.conv1, self.bn1 = conv(channels), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = conv(out), nn.BatchNorm2d(out)
        self.downsample = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.selu(self.bn1(self.conv1(x)))))
        return functional.selu(y + self.downsample(x))


class _Deformable(nn.Module):
    """A 3 × 3 convolution that reads where offsets say (Dai et al., Deformable Convolutional Networks, ICCV 2017)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(channels, 2 * _KERNEL * _KERNEL, _KERNEL, padding=1)
        self.regular_conv = nn.Conv2d(channels, out, _KERNEL, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        furthest = max(height, width) / _FURTHEST
        offset = self.offset_conv(x).clamp(-furthest, furthest).view(n, -1, 2, height, width)
        down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        weight = self.regular_conv.weight
        total = x.new_zeros(n, weight.shape[0], height, width)
        for k in range(_KERNEL * _KERNEL):
            y = down + (k // _KERNEL - 1) + offset[:, k, 0]
            z = across + (k % _KERNEL - 1) + offset[:, k, 1]
            total = total + functional.conv2d(_read(x, z, y), weight[:, :, k // _KERNEL, k % _KERNEL, None, None])
        return total


class _DescriptorHead(nn.Module):
    """Gathers features at positions that the surroundings of a point name, and mixes them."""

    def __init__(self) -> None:
        super().__init__()
        self.agg_weights = nn.Parameter(torch.zeros(_PLACES, _DIM, _DIM))
        self.offset_conv = nn.Sequential(
            nn.Conv2d(_DIM, 2 * _PLACES, _KERNEL), nn.SELU(), nn.Conv2d(2 * _PLACES, 2 * _PLACES, 1)
        )
        self.sf_conv = nn.Conv2d(_DIM, _DIM, 1, bias=False)

    def forward(self, planes: Tensor, xy: Tensor) -> Tensor:
        channels, height, width = planes.shape
        if not len(xy):
            return planes.new_zeros(0, channels)
        padded = functional.pad(planes, (1, 1, 1, 1))
        whole = xy.long()
        steps = torch.arange(_KERNEL)
        rows = whole[:, 1, None, None] + steps[:, None]
        columns = whole[:, 0, None, None] + steps[None, :]
        around = padded[:, rows, columns].permute(1, 0, 2, 3)
        furthest = max(height, width) / _FURTHEST
        offset = self.offset_conv(around).clamp(-furthest, furthest)[:, :, 0, 0].view(-1, _PLACES, 2)
        at = xy[:, None] + offset
        read = _read(planes[None], at[None, :, :, 0], at[None, :, :, 1])
        gathered = functional.selu(self.sf_conv(read))[0]
        return functional.normalize(torch.einsum("cnp,pcd->nd", gathered, self.agg_weights), dim=1)


def _read(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Values at positions counted from the middle of the first pixel, bilinear, 0 outside."""
    height, width = x.shape[2:]
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _loaded(config: Config) -> AlikedNetwork:
    path = user_file(config.weights, FILE, "aliked")
    check_hash(path, config.sha256)
    network = AlikedNetwork()
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in _numbers(path).items()}, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ArtifactError(f"The weights {path} do not fit the network: {reason}") from error
    return network


def _numbers(path: Path) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in read_tensors(path).items()}
