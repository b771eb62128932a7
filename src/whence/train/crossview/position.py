"""The head that finds where in a satellite picture a view was taken, on the features that retrieval has anyway.

After UnifyGeo (2025): one network serves retrieval and the position inside the tile. Feature maps of several
resolutions of the satellite tower are added up to one vector a cell, a view's features become one vector, and their
products are a map of positions. Served, a map costs one product of a vector with a small array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from whence.core.errors import OptionError
from whence.train.crossview.data.types import SATELLITE

if TYPE_CHECKING:
    from whence.train.crossview.data.types import Part
    from whence.train.crossview.model import CrossViewNet
    from whence.train.crossview.recipe import CrossViewRecipe, Position

_HIDDEN = 32
_START_SCALE, _MOST_SCALE = 10.0, 100.0
_HALF_CELL = 0.5


@final
class PositionHead(nn.Module):
    """Vectors of views and of the cells of satellite pictures, and what a pair of them says of a position.

    Args:
        channels: of the satellite tower's feature maps by their side, as `channels_by_side` finds them.
        width: of the flat features that views come as.
        cells: side of the map of positions; the tower must have a feature map of this side.
        dim: length of the vectors.
        generator: draws the weights.

    Raises:
        OptionError: the tower has no feature map of this side.
    """

    def __init__(
        self, channels: Mapping[int, int], width: int, cells: int, dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        if cells not in channels:
            raise OptionError(
                f"The tower has feature maps of sides {', '.join(str(side) for side in sorted(channels, reverse=True))}"
                f", received position.cells = {cells}."
            )
        self.cells, self.dim = cells, dim
        sides = sorted((side for side in channels if 1 < side <= cells), reverse=True)
        self.levels = nn.ModuleDict({str(side): nn.Conv2d(channels[side], dim, 1) for side in sides})
        self.smooth = nn.Conv2d(dim, dim, 3, padding=1)
        self.view = nn.Linear(width, dim)
        self.inner = nn.Conv2d(dim, _HIDDEN, 1)
        self.offset = nn.Conv2d(_HIDDEN, 2, 1)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_START_SCALE)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = (3 / module.weight[0].numel()) ** 0.5
                with torch.no_grad():
                    module.weight.uniform_(-bound, bound, generator=generator)
                    assert module.bias is not None
                    module.bias.zero_()

    @property
    def scale(self) -> Tensor:
        """Factor on the cosines, at most 100."""
        return self.log_scale.exp().clamp(max=_MOST_SCALE)

    def of_tiles(self, maps: Mapping[int, Float[Tensor, "n _ _ _"]]) -> Float[Tensor, "n dim cells cells"]:
        """Unit vectors of the cells from feature maps by side, rows from the north."""
        summed: Tensor | None = None
        for side, layer in self.levels.items():
            level = layer(maps[int(side)])
            if int(side) != self.cells:
                level = interpolate(level, size=(self.cells, self.cells), mode="bilinear", align_corners=False)
            summed = level if summed is None else summed + level
        assert summed is not None
        return normalize(self.smooth(torch.relu(summed)).float(), dim=1)

    def of_views(self, features: Float[Tensor, "n width"]) -> Float[Tensor, "n dim"]:
        """Unit vectors of views from their flat features."""
        return normalize(self.view(features).float(), dim=1)

    def heat(self, points: Float[Tensor, "n dim"], cells: Float[Tensor, "m dim s s"]) -> Float[Tensor, "n m s s"]:
        """Logits of all cells of all tiles for each view."""
        return self.scale * torch.einsum("nd,mdyx->nmyx", points, cells)

    def forward(
        self, point: Float[Tensor, "n dim"], cells: Float[Tensor, "n dim s s"]
    ) -> tuple[Float[Tensor, "n s s"], Float[Tensor, "n 2 s s"]]:
        """Logits of the cells, and offsets right and down from each cell's middle in sides of a cell, pair by pair."""
        product = point[:, :, None, None] * cells
        offsets = self.offset(torch.relu(self.inner(product * product.shape[1] ** 0.5)))
        return self.scale * product.sum(1), _HALF_CELL * torch.tanh(offsets.float())


@dataclass(frozen=True, eq=False)
class WithPositions:
    """What a batch gives: embeddings, and what the position head takes.

    Attributes:
        embedded: unit vectors by variant.
        points: unit vectors of the views by variant; satellite is not in it.
        cells: unit vectors of the cells of the satellite pictures.
    """

    embedded: Mapping[str, Float[Tensor, "_ dim"]]
    points: Mapping[str, Float[Tensor, "_ d"]]
    cells: Float[Tensor, "m d s s"]


def with_positions(net: CrossViewNet, pixels: Mapping[str, Float[Tensor, "_ 3 h w"]]) -> WithPositions:
    """Embed pictures by variant as the network does, and keep what the head of positions needs.

    Args:
        net: with a head of positions.
        pixels: by variant, satellite among them.
    """
    assert net.position is not None
    maps: dict[int, Tensor] = {}
    starts, counts, before = [], [len(batch) for batch in pixels.values()], 0
    for name, batch in pixels.items():
        starts.append(_walked(net.stems[name], batch, maps, slice(None) if name == SATELLITE else slice(0, 0)))
    rows = slice(0, 0)
    for name, count in zip(pixels, counts, strict=True):
        rows = slice(before, before + count) if name == SATELLITE else rows
        before += count
    features = torch.split(_walked(net.trunk, torch.cat(starts), maps, rows), counts)
    parts = dict(zip(pixels, features, strict=True))
    embedded = {name: normalize(net.head(name)(part).float(), dim=1) for name, part in parts.items()}
    points = {name: net.position.of_views(part) for name, part in parts.items() if name != SATELLITE}
    return WithPositions(embedded, points, net.position.of_tiles(maps))


def _walked(layers: nn.Module, x: Tensor, maps: dict[int, Tensor], rows: slice) -> Tensor:
    """Run layers one by one; the last feature map of each side is kept, of some rows."""
    assert isinstance(layers, nn.Sequential)
    for layer in layers:
        x = layer(x)
        if x.ndim == 4 and rows != slice(0, 0):
            maps[x.shape[-1]] = x[rows]
    return x


@torch.no_grad()
def channels_by_side(stem: nn.Module, trunk: nn.Module, side_px: int) -> dict[int, int]:
    """Channels of the last feature map of each side, from pictures of a side."""
    modes = [part.training for part in (stem, trunk)]
    stem.eval(), trunk.eval()
    maps: dict[int, Tensor] = {}
    _walked(trunk, _walked(stem, torch.zeros(1, 3, side_px, side_px), maps, slice(None)), maps, slice(None))
    for part, mode in zip((stem, trunk), modes, strict=True):
        part.train(mode)
    return {side: held.shape[1] for side, held in maps.items()}


@final
class TileWithCells(nn.Module):
    """The way of satellite pictures through the network, for export: an embedding and the vectors of the cells.

    Args:
        net: with a head of positions.
    """

    def __init__(self, net: CrossViewNet) -> None:
        super().__init__()
        assert net.position is not None
        self.stem, self.trunk, self.head = net.used_by(SATELLITE)
        self.position = net.position

    def forward(self, pixels: Float[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n d s s"]]:
        """Embed preprocessed pictures: unit vectors of them and of their cells."""
        maps: dict[int, Tensor] = {}
        features = _walked(self.trunk, _walked(self.stem, pixels, maps, slice(None)), maps, slice(None))
        return normalize(self.head(features).float(), dim=1), self.position.of_tiles(maps)


@final
class ViewWithPoint(nn.Module):
    """The way of another variant through the network, for export: an embedding and the vector of its position.

    Args:
        net: with a head of positions.
        variant: of `CrossViewNet`.
    """

    def __init__(self, net: CrossViewNet, variant: str) -> None:
        super().__init__()
        assert net.position is not None
        self.stem, self.trunk, self.head = net.used_by(variant)
        self.position = net.position

    def forward(self, pixels: Float[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n d"]]:
        """Embed preprocessed pictures: unit vectors for retrieval and for the position."""
        features = self.trunk(self.stem(pixels))
        return normalize(self.head(features).float(), dim=1), self.position.of_views(features)


def head_for(
    stem: nn.Module, trunk: nn.Module, side_px: int, width: int, settings: Position, generator: torch.Generator
) -> PositionHead:
    """The head of positions on a tower.

    Args:
        stem: of satellite.
        trunk: shared.
        side_px: of the pictures.
        width: of the flat features.
        settings: of the recipe.
        generator: draws the weights.

    Raises:
        OptionError: the tower has no feature map of this side.
    """
    return PositionHead(channels_by_side(stem, trunk, side_px), width, settings.cells, settings.dim, generator)


def example_of(head: PositionHead) -> list[Tensor]:
    """Inputs of a head to export it with: two views and two tiles."""
    generator = torch.Generator().manual_seed(0)
    point = normalize(torch.randn(2, head.dim, generator=generator), dim=1)
    cells = normalize(torch.randn(2, head.dim, head.cells, head.cells, generator=generator), dim=1)
    return [point, cells]


def check_still(part: Part, recipe: CrossViewRecipe) -> None:
    """Refuse augmentation that moves a view in its satellite picture.

    Raises:
        OptionError: pictures are shifted, turned, or larger than the network takes.
    """
    moved = recipe.augment.shift_px > 0 or recipe.augment.turn
    sides = {side for pictures in part.pictures.values() for side in pictures.pixels.shape[1:3]}
    if moved or len(sides) > 1:
        raise OptionError(
            "A head of positions learns where a view was taken, so pictures keep their place: set augment.shift_px = 0 "
            f"and augment.turn = false, and give pictures of one size; received sides {sorted(sides)} px, "
            f"shift_px = {recipe.augment.shift_px} and turn = {recipe.augment.turn}."
        )
