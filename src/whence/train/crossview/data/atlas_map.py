"""A plain atlas map of the whole Earth as a raster: land, water, borders of countries and of their divisions.

Drawn from the shipped tables, so that a map of any place is at hand without any download. Coasts and borders are
Natural Earth's 1:10m lines; borders of divisions are as coarse as the table of regions (about 6 km).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw

from whence.core.errors import InputError
from whence.earth.atlas import atlas
from whence.earth.outlines import outlines

WATER, LAND, BORDER, DIVISION = (168, 204, 232), (245, 242, 230), (70, 60, 60), (170, 160, 150)
"""Colours of the map, RGB."""

_FINER = 2
_BAND_ROWS = 60
_SIDE_MARGIN = 2


@dataclass(frozen=True, eq=False)
class AtlasMap:
    """The map and where its lines are.

    Attributes:
        pixels: plate carrée, row 0 north, column 0 at 180° W.
        lines: where a coast or a border of a country passes; those of divisions do not count.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    lines: Bool[np.ndarray, "height width"]


def atlas_map(height_px: int, water: Path | str = "", *, divisions: bool = True) -> AtlasMap:
    """Draw the map.

    Args:
        height_px: its width is twice that.
        water: file of inland waters (``.npz`` with ``lake_bits``, packed along rows, and ``shape``); none if empty.
        divisions: draw the borders of first-level divisions too.

    Raises:
        InputError: the file of waters cannot be read.
    """
    size = (2 * height_px * _FINER, height_px * _FINER)
    sheet = Image.new("RGB", size, WATER)
    lines = Image.new("1", (2 * height_px, height_px), 0)
    shapes = [part for code in outlines().codes for part in outlines().polygon(code).geoms]
    draw, trace = ImageDraw.Draw(sheet), ImageDraw.Draw(lines)
    for shape in shapes:  # a country within another is drawn over it, so holes need no care
        draw.polygon(_on_sheet(shape.exterior.coords, size), fill=LAND)
    if water:
        sheet.paste(WATER, mask=_waters(water).resize(size, Image.Resampling.BOX))
    if divisions:
        edges = Image.fromarray(_division_edges(height_px).astype(np.uint8) * 160)
        sheet.paste(DIVISION, mask=edges.resize(size, Image.Resampling.NEAREST))
    for shape in shapes:
        for ring in (shape.exterior, *shape.interiors):
            draw.line(_on_sheet(ring.coords, size), fill=BORDER, width=_FINER)
            trace.line(_on_sheet(ring.coords, (2 * height_px, height_px)), fill=1)
    small = np.asarray(sheet.resize((2 * height_px, height_px), Image.Resampling.BOX))
    found = np.array(lines)
    found[:, :_SIDE_MARGIN] = found[:, -_SIDE_MARGIN:] = False  # where outlines are cut at 180° there is no border
    return AtlasMap(small, found)


def _on_sheet(ring: object, size: tuple[int, int]) -> list[tuple[float, float]]:
    lon_lat = np.asarray(ring, np.float64)
    xy = np.stack([(lon_lat[:, 0] + 180) / 360 * size[0], (90 - lon_lat[:, 1]) / 180 * size[1]], axis=1)
    return [(float(x), float(y)) for x, y in xy]


def _waters(path: Path | str) -> Image.Image:
    try:
        with np.load(path, allow_pickle=False) as table:
            height, width = (int(value) for value in table["shape"])
            bits = np.unpackbits(table["lake_bits"], axis=1)[:height, :width]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"Inland waters cannot be read from {path} ({error}). Give an .npz file with lake_bits (np.packbits along "
            "axis 1) and shape, or leave data.water empty."
        ) from error
    return Image.fromarray(bits * np.uint8(255))


def _division_edges(height_px: int) -> Bool[np.ndarray, "height width"]:
    """Pixels whose division is another than that of the next pixel to the east or south, on land."""
    table = atlas()
    lat = 90 - (np.arange(height_px) + 0.5) * 180 / height_px
    lon = -180 + (np.arange(2 * height_px) + 0.5) * 180 / height_px
    division = np.empty((height_px, 2 * height_px), np.int32)
    for start in range(0, height_px, _BAND_ROWS):
        rows = slice(start, start + _BAND_ROWS)
        band_lat, band_lon = np.meshgrid(lat[rows], lon, indexing="ij")
        atoms = table.atoms[table.runs_at(band_lat.ravel(), band_lon.ravel())]
        division[rows] = table.division[atoms].reshape(band_lat.shape)
    edges = np.zeros(division.shape, bool)
    for here, there, marked in (
        (division[:, :-1], division[:, 1:], edges[:, :-1]),
        (division[:-1], division[1:], edges[:-1]),
    ):
        marked |= (here != there) & (here >= 0) & (there >= 0)
    return edges
