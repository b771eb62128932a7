"""A belief shaded on a sheet: which samples of the sheet lie in which region, and the lines around them.

The sheet is sampled every `STEP_PX`, so the time depends on its size and not on the number of cells, and neither
antimeridian nor poles need care. The belief is coarsened first to cells that are at least as large as a sample:
what a map of the world shows is the belief at the resolution of that map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.earth import grid
from whence.earth.field import CellRegion, Field
from whence.earth.partition import Partition
from whence.earth.projection import Window

STEP_PX = 1.5
"""Distance of the samples on the sheet."""

FINEST_PX = 2.4
"""Cells smaller than this on the sheet are merged before anything is drawn."""

_PLATEAU = 0.03  # share of the Earth from which cells of equal density count as a plateau
_TIE = 1e-9
_SMALLEST_PX2 = 1.5  # of a ring
_LINED_PX2 = 100.0  # of a ring that gets a line
_TOLERANCE_PX = 0.3


def coarsened(belief: Field, order: int) -> Field:
    """The belief on cells of at most an order: finer ones become their ancestor, with the mean density.

    Args:
        belief: any field.
        order: of the finest cells left.
    """
    partition = belief.partition
    if partition.orders.max() <= order:
        return belief
    shift = 2 * (grid.MAX_ORDER - order)
    keep = np.where(partition.orders > order, partition.starts >> shift << shift, partition.starts)
    first = np.flatnonzero(np.concatenate([[True], np.diff(keep) != 0]))
    merged = Partition(keep[first], np.minimum(partition.orders[first], order).astype(np.uint8))
    peak = float(belief.values.max())
    if not np.isfinite(peak):
        return Field(merged, belief.values[first])
    mass = np.add.reduceat(np.exp(belief.values - peak) * partition.fractions, first)
    with np.errstate(divide="ignore"):
        values = np.log(mass / merged.fractions) + peak
    alone = partition.orders[first] <= order
    return Field(merged, np.where(alone, belief.values[first], values))


def untied(belief: Field, level: float) -> CellRegion:
    """Credible region that cuts no large plateau in two.

    Where many cells share one density (the uniform part of a mixture), which of them belong to the smallest
    region is arbitrary: such a plateau is left out, a small one is taken whole.

    Args:
        belief: normalised.
        level: within (0, 1].
    """
    region = belief.credible_region(level)
    lowest = float(belief.values[region.index].min())
    tied = np.abs(belief.values - lowest) <= _TIE
    if np.count_nonzero(tied[region.index]) == np.count_nonzero(tied):
        return region
    whole = float(belief.partition.fractions[tied].sum()) <= _PLATEAU
    index = np.flatnonzero(belief.values >= lowest - _TIE if whole else belief.values > lowest + _TIE)
    area = float(belief.partition.areas_km2[index].sum())
    return CellRegion(belief.partition, index, float(belief.mass[index].sum()), area)


def drawn_order(window: Window) -> int:
    """Order of the finest cells that a map shows."""
    finest = grid.order_for_size_km(FINEST_PX * window.km_per_px)
    return max(finest - 1 if grid.cell_size_km(finest) < FINEST_PX * window.km_per_px else finest, 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """A region on a sheet, as path data; holes are rings of the other direction.

    Attributes:
        fill: all of it.
        line: its larger rings: a line around each of a thousand hamlets would hide what it surrounds.
    """

    fill: str
    line: str


def region_shapes(regions: Sequence[CellRegion], window: Window) -> list[Shape]:
    """Outlines of regions of one partition on a sheet.

    Args:
        regions: what to outline.
        window: the sheet to draw them on.
    """
    if not regions:
        return []
    partition, deep = regions[0].partition, _samples(window)
    under = (np.searchsorted(partition.starts, deep.ravel(), side="right") - 1).reshape(deep.shape)
    shapes = []
    for region in regions:
        member = np.zeros(len(partition), dtype=bool)
        member[region.index] = True
        shapes.append(_shape(rings_around(member[under]), -STEP_PX))
    return shapes


@lru_cache(maxsize=8)
def _samples(window: Window) -> Int[np.ndarray, "rows columns"]:
    """The deepest cell under each sample of a sheet, from one sample outside it on.

    Samples beyond the Earth's edge take the cell of the nearest sample in their row or column, so that no outline
    runs along the edge.
    """
    columns, rows = (int(np.ceil(side / STEP_PX)) + 3 for side in (window.width_px, window.height_px))
    x, y = np.meshgrid((np.arange(columns) - 1) * STEP_PX, (np.arange(rows) - 1) * STEP_PX)
    lat, lon = window.unproject(x, y)
    on_earth = np.isfinite(lat) & np.isfinite(lon)
    deep = np.full(x.shape, -1, dtype=np.int64)
    deep[on_earth] = grid.cells_at(lat[on_earth], lon[on_earth], grid.MAX_ORDER)
    for axis, way in ((1, 1), (1, -1), (0, 1), (0, -1)):
        for _ in range(2):
            deep = np.where(deep < 0, np.roll(deep, way, axis), deep)
    deep.setflags(write=False)
    return deep


def rings_around(mask: Bool[np.ndarray, "rows columns"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Closed outlines of the true samples, half way to the false ones (marching squares).

    Samples on the border count as false. Two true samples that touch at a corner alone stay apart.

    Returns:
        For each ring its points ``x, y`` in samples, ``y`` downwards, the true ones on its left as the sheet is seen.
    """
    inside = mask.copy()
    inside[[0, -1], :] = inside[:, [0, -1]] = False
    start, end = _segments(inside)
    if start.size == 0:
        return []
    follows = np.empty(2 * mask.size, dtype=np.int64)
    follows[start] = end
    columns = mask.shape[1]
    rings = []
    for edges in _cycles(start, follows):
        sample, down = edges >> 1, edges & 1
        row, column = sample // columns, sample % columns
        rings.append(np.stack([column + 0.5 * (1 - down), row + 0.5 * down], axis=1).astype(float))
    return rings


def _segments(inside: Bool[np.ndarray, "rows columns"]) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Pieces of the outline in each square of four samples: the edges between samples where each starts and ends.

    An edge to the right of a sample has twice its number, the one below it that plus one.
    """
    rows, columns = inside.shape
    number = 2 * np.arange(inside.size, dtype=np.int64).reshape(rows, columns)
    edges = {
        "top": number[:-1, :-1].ravel(),
        "left": number[:-1, :-1].ravel() + 1,
        "right": number[:-1, 1:].ravel() + 1,
        "bottom": number[1:, :-1].ravel(),
    }
    corners = inside[:-1, :-1] * 8 + inside[:-1, 1:] * 4 + inside[1:, 1:] * 2 + inside[1:, :-1] * 1
    kind = corners.ravel()
    starts, ends = [], []
    for code, first, last in _PIECES:
        here = np.flatnonzero(kind == code)
        starts.append(edges[first][here])
        ends.append(edges[last][here])
    return np.concatenate(starts), np.concatenate(ends)


_PIECES = (
    (8, "left", "top"),
    (4, "top", "right"),
    (2, "right", "bottom"),
    (1, "bottom", "left"),
    (12, "left", "right"),
    (6, "top", "bottom"),
    (3, "right", "left"),
    (9, "bottom", "top"),
    (7, "top", "left"),
    (11, "right", "top"),
    (13, "bottom", "right"),
    (14, "left", "bottom"),
    (10, "left", "top"),
    (10, "right", "bottom"),
    (5, "top", "right"),
    (5, "bottom", "left"),
)
"""Which samples are inside (upper left 8, upper right 4, lower right 2, lower left 1), and the pieces of outline."""


def _cycles(starts: Int[np.ndarray, " n"], follows: Int[np.ndarray, " m"]) -> list[Int[np.ndarray, " _"]]:
    """Closed walks that use every start once."""
    rank = np.empty(follows.size, dtype=np.int64)
    rank[starts] = np.arange(starts.size)
    after = rank[follows[starts]].tolist()
    seen = bytearray(starts.size)
    walks = []
    for first in range(starts.size):
        if seen[first]:
            continue
        walk, at = [], first
        while not seen[at]:
            seen[at] = 1
            walk.append(at)
            at = after[at]
        walks.append(starts[walk])
    return walks


def _shape(rings: list[Float[np.ndarray, "_ 2"]], shift: float) -> Shape:
    """Rings in samples as path data in pixels: corners rounded a little, points on straight lines left out."""
    import shapely

    from whence.earth.basemap import path_data

    if not rings:
        return Shape("", "")
    sizes = np.array([len(ring) for ring in rings])
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    points = np.concatenate(rings)
    before, after = np.arange(len(points)) - 1, np.arange(len(points)) + 1
    before[first], after[last] = last, first
    smooth = (0.25 * points[before] + 0.5 * points + 0.25 * points[after]) * STEP_PX + shift
    owner = np.repeat(np.arange(len(rings)), sizes)
    lines = shapely.linearrings(smooth, indices=owner)
    filled = shapely.polygons(lines)
    areas = shapely.area(filled)
    fine, large = filled[(areas >= _SMALLEST_PX2) & (areas < _LINED_PX2)], filled[areas >= _LINED_PX2]
    line = path_data(large, _TOLERANCE_PX) if large.size else ""
    return Shape(line + (path_data(fine, _TOLERANCE_PX) if fine.size else ""), line)
