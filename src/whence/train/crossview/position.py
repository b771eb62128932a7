"""The head that finds where in a satellite picture a view was taken, on the features that retrieval has anyway.

After UnifyGeo (2025): one network serves retrieval and the position in the tile. Feature maps of several resolutions of
the satellite tower are added up to one vector a cell. A view becomes one vector too, or, where views look down, north
is up and all show as much ground, a small map that is laid onto every place of the tile's.
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
        view_cells: side of a view's map in cells; 1 for one vector.
        generator: draws the weights.

    Raises:
        OptionError: the tower has no feature map of this side, or a view would cover more than its tile.
    """

    def __init__(
        self,
        channels: Mapping[int, int],
        width: int,
        cells: int,
        dim: int,
        view_cells: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not 1 <= view_cells < cells:
            raise OptionError(f"1 ≤ position.view_cells < position.cells = {cells} is needed, received {view_cells}.")
        if cells not in channels:
            raise OptionError(
                f"The tower has feature maps of sides {', '.join(str(side) for side in sorted(channels, reverse=True))}"
                f", received position.cells = {cells}."
            )
        self.cells, self.dim, self.view_cells = cells, dim, view_cells
        sides = sorted((side for side in channels if 1 < side <= cells), reverse=True)
        self.levels = nn.ModuleDict({str(side): nn.Conv2d(channels[side], dim, 1) for side in sides})
        self.smooth = nn.Conv2d(dim, dim, 3, padding=1)
        if view_cells == 1:
            self.view: nn.Module = nn.Linear(width, dim)
        else:
            self.view = nn.ModuleDict({str(side): nn.Conv2d(channels[side], dim, 1) for side in sides})
        self.view_smooth = nn.Conv2d(dim, dim, 3, padding=1) if view_cells > 1 else nn.Identity()
        self.inner = nn.Conv2d(dim, _HIDDEN, 1)
        self.offset = nn.Conv2d(_HIDDEN, 2, 1)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_START_SCALE / view_cells)))
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

    @property
    def places(self) -> int:
        """Side of the map of positions: as many cells as a view's middle can lie in."""
        return self.cells - self.view_cells + 1

    def of_tiles(self, maps: Mapping[int, Float[Tensor, "n _ _ _"]]) -> Float[Tensor, "n dim cells cells"]:
        """Unit vectors of the cells from feature maps by side, rows from the north."""
        return normalize(self.smooth(torch.relu(_summed(self.levels, maps, self.cells))).float(), dim=1)

    def of_views(
        self, features: Float[Tensor, "n width"], maps: Mapping[int, Float[Tensor, "n _ _ _"]]
    ) -> Float[Tensor, "n dim v v"]:
        """Maps of views, of unit length as a whole, from their flat features and feature maps by side."""
        if self.view_cells == 1:
            return normalize(self.view(features).float(), dim=1)[:, :, None, None]
        assert isinstance(self.view, nn.ModuleDict)
        found = self.view_smooth(torch.relu(_summed(self.view, maps, self.view_cells))).float()
        return normalize(found.flatten(1), dim=1).view(found.shape)

    def products(
        self, view: Float[Tensor, "n dim v v"], cells: Float[Tensor, "n dim s s"]
    ) -> Float[Tensor, "n dim p p"]:
        """Products by channel of each view with its tile, where the view is laid onto every place of it."""
        total: Tensor | None = None
        for row in range(self.view_cells):
            for column in range(self.view_cells):
                under = cells[:, :, row : row + self.places, column : column + self.places]
                part = view[:, :, row, column, None, None] * under
                total = part if total is None else total + part
        assert total is not None
        return total

    def heat(self, view: Float[Tensor, "n dim v v"], cells: Float[Tensor, "m dim s s"]) -> Float[Tensor, "n m p p"]:
        """Logits of all places of all tiles for each view, in one product of matrices."""
        under = cells.unfold(2, self.view_cells, 1).unfold(3, self.view_cells, 1)
        windows = under.permute(0, 2, 3, 1, 4, 5).reshape(len(cells) * self.places**2, -1)
        return self.scale * (view.flatten(1) @ windows.T).view(len(view), len(cells), self.places, self.places)

    def forward(
        self, point: Float[Tensor, "n dim v v"], cells: Float[Tensor, "n dim s s"]
    ) -> tuple[Float[Tensor, "n p p"], Float[Tensor, "n 2 p p"]]:
        """Logits of the places, and offsets right and down from each one's middle in cells, pair by pair."""
        product = self.products(point, cells)
        offsets = self.offset(torch.relu(self.inner(product * self.dim**0.5)))
        return self.scale * product.sum(1), _HALF_CELL * torch.tanh(offsets.float())

    def on_map(self, xy: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        """Positions in the tile as positions in the map of places; both are shares."""
        return (xy * self.cells - (self.cells - self.places) / 2) / self.places

    def in_tile(self, xy: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        """The other way round."""
        return (xy * self.places + (self.cells - self.places) / 2) / self.cells


def _summed(levels: nn.ModuleDict, maps: Mapping[int, Tensor], side: int) -> Tensor:
    """Feature maps as vectors of one length and side, added up; larger ones are averaged."""
    total: Tensor | None = None
    for name, layer in levels.items():
        level = layer(maps[int(name)])
        if int(name) > side:
            level = nn.functional.adaptive_avg_pool2d(level, side)
        elif int(name) < side:
            level = interpolate(level, size=(side, side), mode="bilinear", align_corners=False)
        total = level if total is None else total + level
    assert total is not None
    return total


@dataclass(frozen=True, eq=False)
class WithPositions:
    """What a batch gives: embeddings, and what the position head takes.

    Attributes:
        embedded: unit vectors by variant.
        points: maps of the views by variant; satellite is not in it.
        cells: unit vectors of the cells of the satellite pictures.
    """

    embedded: Mapping[str, Float[Tensor, "_ dim"]]
    points: Mapping[str, Float[Tensor, "_ d v v"]]
    cells: Float[Tensor, "m d s s"]


def with_positions(net: CrossViewNet, pixels: Mapping[str, Float[Tensor, "_ 3 h w"]]) -> WithPositions:
    """Embed pictures by variant as the network does, and keep what the head of positions needs.

    Args:
        net: with a head of positions.
        pixels: by variant, satellite among them.
    """
    assert net.position is not None
    head, counts = net.position, [len(batch) for batch in pixels.values()]
    maps: dict[str, dict[int, Tensor]] = {name: {} for name in pixels}
    starts = [_walked(net.stems[name], batch, maps[name]) for name, batch in pixels.items()]
    shared: dict[int, Tensor] = {}
    features = dict(zip(pixels, torch.split(_walked(net.trunk, torch.cat(starts), shared), counts), strict=True))
    for side, held in shared.items():
        for name, part in zip(pixels, torch.split(held, counts), strict=True):
            maps[name][side] = part
    embedded = {name: normalize(net.head(name)(part).float(), dim=1) for name, part in features.items()}
    points = {name: head.of_views(part, maps[name]) for name, part in features.items() if name != SATELLITE}
    return WithPositions(embedded, points, head.of_tiles(maps[SATELLITE]))


def _walked(layers: nn.Module, x: Tensor, maps: dict[int, Tensor]) -> Tensor:
    """Run layers one by one; the last feature map of each side is kept."""
    assert isinstance(layers, nn.Sequential)
    for layer in layers:
        x = layer(x)
        if x.ndim == 4:
            maps[x.shape[-1]] = x
    return x


@torch.no_grad()
def channels_by_side(stem: nn.Module, trunk: nn.Module, side_px: int) -> dict[int, int]:
    """Channels of the last feature map of each side, from pictures of a side."""
    modes = [part.training for part in (stem, trunk)]
    stem.eval(), trunk.eval()
    maps: dict[int, Tensor] = {}
    _walked(trunk, _walked(stem, torch.zeros(1, 3, side_px, side_px), maps), maps)
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
        features = _walked(self.trunk, _walked(self.stem, pixels, maps), maps)
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

    def forward(self, pixels: Float[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n d v v"]]:
        """Embed preprocessed pictures: unit vectors, and maps for the position."""
        maps: dict[int, Tensor] = {}
        features = _walked(self.trunk, _walked(self.stem, pixels, maps), maps)
        return normalize(self.head(features).float(), dim=1), self.position.of_views(features, maps)


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
    s = settings
    return PositionHead(channels_by_side(stem, trunk, side_px), width, s.cells, s.dim, s.view_cells, generator)


def example_of(head: PositionHead) -> list[Tensor]:
    """Inputs of a head to export it with: two views and two tiles."""
    generator = torch.Generator().manual_seed(0)
    v = head.view_cells
    point = normalize(torch.randn(2, head.dim * v * v, generator=generator), dim=1).view(2, head.dim, v, v)
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
