"""One tower for satellite, layers of its own at the start of each variant, everything behind them shared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize, relu6

from whence.core.config import build
from whence.core.errors import OptionError
from whence.encode.image import image_encoders
from whence.encode.image.chipnet import ChipNet, WithContrast
from whence.encode.image.mobilenet_v2 import MobilenetV2
from whence.encode.image.types import ImageEncoder
from whence.encode.preprocessing import Preprocessing
from whence.train.crossview.data.types import SATELLITE
from whence.train.crossview.position import PositionHead, head_for
from whence.train.crossview.recipe import CrossViewRecipe, Family
from whence.train.feed import turned

_MOST_SCALE = 100.0
_SHARED = "shared"


@final
class CrossViewNet(nn.Module):
    """Pictures of several variants as unit vectors of one space.

    Args:
        stems: layers of each variant for itself, from preprocessed pictures.
        trunk: layers that all share, to flat features.
        heads: last linear layers, ``shared`` or one a variant.
        preprocessing: of every variant.
        temperature: at which the contrast starts.
        position: the head of positions inside the satellite picture; ``None`` without one.
        ways: turns and mirrorings in which pictures are embedded once trained (`in_ways`).
    """

    def __init__(
        self,
        stems: Mapping[str, nn.Module],
        trunk: nn.Module,
        heads: Mapping[str, nn.Linear],
        preprocessing: Preprocessing,
        temperature: float,
        position: PositionHead | None = None,
        ways: int = 1,
    ) -> None:
        super().__init__()
        self.ways = ways
        self.stems, self.trunk, self.heads = nn.ModuleDict(stems), trunk, nn.ModuleDict(heads)
        self.preprocessing, self.position = preprocessing, position
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        head = next(iter(self.heads.values()))
        assert isinstance(head, nn.Linear)
        return head.out_features

    @property
    def scale(self) -> Tensor:
        """Factor on the cosines, at most 100."""
        return self.log_scale.exp().clamp(max=_MOST_SCALE)

    def head(self, variant: str) -> nn.Module:
        """The last layer of a variant."""
        return self.heads[_SHARED if _SHARED in self.heads else variant]

    def forward(self, pixels: Mapping[str, Float[Tensor, "_ 3 h w"]]) -> dict[str, Float[Tensor, "_ dim"]]:
        """Embed pictures by variant; what is shared runs once over all of them."""
        counts = [len(batch) for batch in pixels.values()]
        features = self.trunk(torch.cat([self.stems[name](batch) for name, batch in pixels.items()]))
        parts = dict(zip(pixels, features.split(counts), strict=True))
        return {name: normalize(self.head(name)(part).float(), dim=1) for name, part in parts.items()}

    def in_ways(self, variant: str, pixels: Float[Tensor, "n 3 side side"], ways: int) -> Float[Tensor, "n long"]:
        """Embed pictures of a variant turned and mirrored in some ways, the vectors side by side, of unit length.

        A product of two such vectors is the mean of the cosines of the ways, as if as many towers were asked.
        """
        return _side_by_side(ways, lambda pictures: self({variant: pictures})[variant], pixels)

    def used_by(self, variant: str) -> list[nn.Module]:
        """The parts that a variant's pictures run through."""
        return [self.stems[variant], self.trunk, self.head(variant)]


@final
class OneVariant(nn.Module):
    """The way of one variant through the network, for export.

    Args:
        net: all of it.
        variant: of `CrossViewNet`.
    """

    def __init__(self, net: CrossViewNet, variant: str) -> None:
        super().__init__()
        self.ways = net.ways
        self.stem, self.trunk, self.head = net.used_by(variant)

    def forward(self, pixels: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n long"]:
        """Embed preprocessed pictures: `CrossViewNet.in_ways`."""
        return _side_by_side(self.ways, self._once, pixels)

    def _once(self, pixels: Tensor) -> Tensor:
        return normalize(self.head(self.trunk(self.stem(pixels))).float(), dim=1)


def _side_by_side(ways: int, embed: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    """Unit vectors of a picture's ways joined to one: 2 are it and its mirror image, 4 are its quarter turns."""
    chosen = (0, 4) if ways == 2 else range(ways)
    return torch.cat([embed(turned(pixels, way, (2, 3))) for way in chosen], dim=1) / math.sqrt(ways)


def build_net(recipe: CrossViewRecipe) -> CrossViewNet:
    """Build the network of a recipe, its weights drawn by the recipe's seed or read as the tower's settings say.

    Raises:
        OptionError: an unknown encoder or setting, more own layers than there are, or no feature map of the side that
            a head of positions asks for.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    names = (SATELLITE, *recipe.variants)
    kind = image_encoders().load(recipe.tower.name)
    config: Any = build(kind.CONFIG, recipe.tower.settings, owner=recipe.tower.name)
    stems: dict[str, nn.Module] = {}
    trunk: nn.Module | None = None
    width = 0
    for name in names:
        encoder = kind(config, generator)
        layers = _layers(encoder)
        own = recipe.family.own_layers
        if own > len(layers):
            raise OptionError(f"{recipe.tower.name} has {len(layers)} layers, received family.own_layers = {own}.")
        stems[name] = nn.Sequential(*layers[:own])
        if trunk is None:
            trunk = nn.Sequential(*layers[own:], nn.Flatten())
            width = _features(encoder, stems[name], trunk)
            preprocessing = encoder.preprocessing
    assert trunk is not None
    heads = _heads(names, width, recipe.family, generator)
    position = None
    if recipe.position.weight:
        side = preprocessing.crop_px
        position = head_for(stems[SATELLITE], trunk, side, width, recipe.position, generator)
    ways = recipe.family.ways
    return CrossViewNet(stems, trunk, heads, preprocessing, recipe.loss.temperature, position, ways)


def _layers(encoder: ImageEncoder) -> list[nn.Module]:
    """The layers of an encoder in order, up to its features.

    Raises:
        OptionError: an encoder that cannot be cut in two.
    """
    if isinstance(encoder, ChipNet):
        first, *others = encoder.stages
        return [nn.Sequential(WithContrast(), first), *others, encoder.dropout]
    if isinstance(encoder, MobilenetV2):
        return [_Relu6(encoder.stem), *encoder.blocks, nn.Sequential(_Relu6(encoder.head), nn.AdaptiveAvgPool2d(1))]
    raise OptionError(
        f"{type(encoder).__name__} is no chain of layers that variants can share in part: take chipnet or mobilenet_v2."
    )


@final
class _Relu6(nn.Module):
    """A layer whose output is kept within 0..6."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return relu6(self.layer(x))


@torch.no_grad()
def _features(encoder: ImageEncoder, stem: nn.Module, trunk: nn.Module) -> int:
    side = encoder.preprocessing.crop_px
    modes = [part.training for part in (stem, trunk)]
    stem.eval(), trunk.eval()
    found = trunk(stem(torch.zeros(1, 3, side, side))).shape[1]
    for part, mode in zip((stem, trunk), modes, strict=True):
        part.train(mode)
    return int(found)


def _heads(names: Sequence[str], width: int, family: Family, generator: torch.Generator) -> dict[str, nn.Linear]:
    heads = {}
    for name in (_SHARED,) if family.heads == "shared" else names:
        head = nn.Linear(width, family.dim)
        with torch.no_grad():
            head.weight.uniform_(-((6 / width) ** 0.5), (6 / width) ** 0.5, generator=generator)
            head.bias.zero_()
        heads[name] = head
    return heads
