"""MobileNetV2, plainly: small enough for any computer, with ImageNet's classes as a first guess at what is seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from whence.core.errors import ArtifactError, OptionError
from whence.core.optional import optional_import
from whence.encode.card import ModelCard
from whence.encode.hub import RANDOM
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block: table 2 of the paper."""

_STEM, _HEAD = 32, 1280


@dataclass(frozen=True)
class Config:
    """Which weights, and how wide the network is."""

    weights: str = RANDOM
    "A safetensors file with batch norm folded in, or random."
    sha256: str = "1428b7bcac6f678d6fc64736874beabdbd7866ccf6516fe1459a5d413b0217e0"
    "What the file must hash to; empty for any file of the right layout."
    image_px: int = 224
    "Side of the picture."
    width: float = 1.0
    "Factor on the number of channels."
    classes: int = 1001
    "Classes of the head; the first of ImageNet's 1001 is the background."

    def __post_init__(self) -> None:
        if self.image_px < 32 or self.width <= 0 or self.classes < 1:
            raise OptionError(f"image_px ≥ 32, width > 0 and classes ≥ 1 are needed, received {self}.")


@final
class MobilenetV2(ImageEncoder):
    """Inverted residual blocks with the padding of TensorFlow; batch norm folded into the convolutions."""

    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="MobileNetV2 at width 1.0",
        paper="Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, arXiv:1801.04381",
        licence="Apache-2.0 (google-coral/test_data)",
        weights="dequantised from tf2_mobilenet_v2_1.0_224_ptq.tflite of google-coral/test_data",
        differences="batch norm is folded in, as in the published 8-bit file; embeddings are the pooled head",
    )

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        side = config.image_px
        self.preprocessing = Preprocessing(crop_px=side, resize_px=side, resize="squash", filter="bilinear")
        stem = _channels(_STEM, config.width)
        self.stem = SameConv(3, stem, 3, stride=2)
        self.blocks = nn.Sequential()
        channels = stem
        for expansion, base, count, stride in _STAGES:
            out = _channels(base, config.width)
            for i in range(count):
                self.blocks.append(InvertedResidual(channels, out, expansion, stride if i == 0 else 1))
                channels = out
        self.dim = max(_HEAD, _channels(_HEAD, config.width))
        self.head = SameConv(channels, self.dim, 1)
        self.classifier = nn.Linear(self.dim, config.classes)
        if config.weights == RANDOM:
            _draw(self, generator)
        else:
            _load(self, Path(config.weights), config.sha256)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Embed preprocessed pictures: the head's mean over the picture, 0..6; not normalised."""
        return functional.relu6(self.head(self.blocks(functional.relu6(self.stem(pixels))))).mean(dim=(2, 3))

    def classify(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        """Logits of the classes; softmax gives probabilities."""
        logits: Tensor = self.classifier(self(pixels))
        return logits

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """A quarter of the channels, on pictures of 64 pixels."""
        return cls(Config(image_px=64, width=0.25, classes=10), torch.Generator().manual_seed(seed))


@final
class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: what is odd goes right and below.

    Padding is worked out from the size of the input, so at stride 2 an even side is padded by one pixel at its end
    only, where PyTorch's ``padding=1`` would shift the result by half a pixel.
    """

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, kernel, stride=stride, groups=groups)

    def forward(self, x: Float[Tensor, "n c height width"]) -> Float[Tensor, "n out newheight newwidth"]:
        """Pad and convolve."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        top, bottom = _same(x.shape[2], kernel, stride)
        left, right = _same(x.shape[3], kernel, stride)
        if top == bottom == left == right:
            return functional.conv2d(x, self.weight, self.bias, self.stride, top, groups=self.groups)
        x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


@final
class InvertedResidual(nn.Module):
    """Expand by 1 × 1, filter each channel by 3 × 3, project by 1 × 1 without activation."""

    def __init__(self, channels: int, out: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = SameConv(channels, wide, 1) if expansion > 1 else None
        self.depthwise = SameConv(wide, wide, 3, stride=stride, groups=wide)
        self.project = SameConv(wide, out, 1)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Float[Tensor, "n c height width"]) -> Float[Tensor, "n out newheight newwidth"]:
        """Run the block; the input is added where shapes allow."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        return x + y if self.residual else y


def _channels(base: int, width: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below, as in the authors' code."""
    scaled = base * width
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2


def _draw(model: nn.Module, generator: torch.Generator | None) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=(2 / fan_in) ** 0.5, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _load(model: nn.Module, path: Path, sha256: str) -> None:
    """Load every tensor, in float32; the file must have the hash and exactly the tensors of the network."""
    safetensors: Any = optional_import("safetensors.torch", extra="train", purpose="read weights")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"The weights {path} cannot be read ({error.strerror}). Give a file or 'random'."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if sha256 and digest != sha256:
        raise ArtifactError(
            f"The weights {path} hash to {digest}, expected {sha256}. Copy them again from their source."
        )
    try:
        found = {name: value.float() for name, value in safetensors.load(content).items()}
        model.load_state_dict(found, strict=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ArtifactError(f"The weights {path} do not fit the network: {reason}") from error
