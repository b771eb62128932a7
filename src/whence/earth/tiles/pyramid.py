"""Web tiles as rasters: `TileSource` gives tiles, `TileLevel` is one zoom level of it as one picture."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import final

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from whence.core.arrays import Numbers
from whence.core.errors import CoordinateError, ImageError, InputError
from whence.earth.tiles.cache import ByteCache
from whence.earth.tiles.georeference import WEB_MERCATOR, GeoReference
from whence.earth.tiles.pictures import decode, without_edges
from whence.earth.tiles.resample import Block, cut_window, reduced
from whence.earth.tiles.types import Patch, Provenance, Raster

_log = logging.getLogger(__name__)

USUAL_SIDE_PX = 256
"""Side of a web tile, if nothing tells."""

_KEPT_BYTES = 128_000_000
_TRIED = 50
_MAX_BLOCK_PX = 1 << 28
_EDGE_DEG = 85.05112877980659
_GZIP = b"\x1f\x8b"

_numbers = count()
_tiles: ByteCache[tuple[np.ndarray, np.ndarray]] = ByteCache(_KEPT_BYTES)


@dataclass(frozen=True, slots=True)
class TileRange:
    """Columns and rows of a zoom level that may hold tiles; both ends belong to it, rows grow to the south."""

    x_min: int
    x_max: int
    y_min: int
    y_max: int


class TileSource(ABC):
    """Where the bytes of tiles come from."""

    name: str
    """How results call it."""
    provenance: Provenance
    """Where it comes from."""
    nodata: str
    """What pixels without data look like (`whence.earth.tiles.pictures.NODATA`)."""

    @property
    @abstractmethod
    def levels(self) -> Mapping[int, TileRange]:
        """Zoom levels that hold tiles, with the range of their columns and rows."""

    @abstractmethod
    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Content of a tile, rows counted from the north; ``None`` where there is none.

        Raises:
            InputError: it is there and cannot be read.
        """

    @abstractmethod
    def addresses(self, zoom: int) -> Int[np.ndarray, "n 2"] | None:
        """Column and row of every tile of a level; ``None`` where that is not known."""

    @abstractmethod
    def stamp(self) -> str:
        """Changes when tiles were added, taken away or changed."""


@final
class TileLevel(Raster):
    """A zoom level of a source as one raster; missing tiles hold no data, unreadable ones are told and hold none.

    Args:
        source: gives the tiles.
        zoom: the level.
        side_px: side of a tile; read from the first one found if not given.

    Attributes:
        unreadable: tiles that were there and could not be read, as ``zoom/x/y``, with the reason.
    """

    def __init__(self, source: TileSource, zoom: int, side_px: int | None = None) -> None:
        self.source, self.zoom = source, zoom
        self._range = source.levels[zoom]
        self.side_px = side_px or _side_of(source, zoom)
        self.unreadable: dict[str, str] = {}
        self._number = next(_numbers)
        columns = self._range.x_max - self._range.x_min + 1
        rows = self._range.y_max - self._range.y_min + 1
        first = GeoReference.of_tile(zoom, self._range.x_min, self._range.y_min, self.side_px)
        self.georeference = GeoReference(WEB_MERCATOR, first.affine, columns * self.side_px, rows * self.side_px)
        self.name, self.provenance = f"{source.name} z{zoom}", source.provenance

    def read(
        self, x_px: float, y_px: float, width_px: float, height_px: float, out_width_px: int, out_height_px: int
    ) -> Patch:
        """Read a window; see `Raster.read`."""
        size = (self.georeference.width_px, self.georeference.height_px)
        window, out = (x_px, y_px, width_px, height_px), (out_width_px, out_height_px)
        pixels, valid = cut_window(self._block, size, window, out)
        where = self.georeference.window(*window, *out)
        return Patch(pixels, valid, where, self.name, self.provenance)

    @cached_property
    def _known(self) -> Int[np.ndarray, " n"] | None:
        """Numbers of the tiles that are there, ascending."""
        addresses = self.source.addresses(self.zoom)
        return None if addresses is None else np.sort(addresses[:, 0].astype(np.int64) << 32 | addresses[:, 1])

    def holds(self, lat_deg: Numbers, lon_deg: Numbers) -> Bool[np.ndarray, ...]:
        """Tell for each point whether there is a tile; true where that is not known."""
        x, y = (np.asarray(value) / self.side_px for value in self.georeference.to_pixels(lat_deg, lon_deg))
        if self._known is None:
            return np.ones(x.shape, bool)
        inside = np.isfinite(x) & np.isfinite(y)
        column = np.floor(np.where(inside, x, -1)).astype(np.int64) + self._range.x_min
        row = np.floor(np.where(inside, y, -1)).astype(np.int64) + self._range.y_min
        key = (column % 2**self.zoom) << 32 | np.maximum(row, 0)
        at = np.minimum(np.searchsorted(self._known, key), len(self._known) - 1)
        return np.asarray(inside & (row >= 0) & (self._known[at] == key))

    def _block(self, left: int, top: int, right: int, bottom: int, reduce: int) -> Block:
        side, by = self.side_px, min(reduce, _largest_power(self.side_px))
        columns, rows = range(left // side, (right - 1) // side + 1), range(top // side, (bottom - 1) // side + 1)
        small = side // by
        if len(columns) * len(rows) * small * small > _MAX_BLOCK_PX:
            raise InputError(
                f"{self.name}: a window of {right - left:,} × {bottom - top:,} pixels is too large to be read at once. "
                "Ask for a smaller one, or give coarser zoom levels."
            )
        pixels = np.zeros((len(rows) * small, len(columns) * small, 3), np.uint8)
        valid = np.zeros(pixels.shape[:2], bool)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                found = self._tile(column + self._range.x_min, row + self._range.y_min)
                if found is not None:
                    part = (slice(i * small, (i + 1) * small), slice(j * small, (j + 1) * small))
                    pixels[part], valid[part] = reduced(*found, by)
        return Block(pixels, valid, columns[0] * side, rows[0] * side, by)

    def _tile(self, x: int, y: int) -> tuple[UInt8[np.ndarray, "s s 3"], Bool[np.ndarray, "s s"]] | None:
        key = f"{self.zoom}/{x}/{y}"
        if key in self.unreadable:
            return None

        def make() -> tuple[tuple[np.ndarray, np.ndarray], int]:
            data = self.source.tile(self.zoom, x, y)
            if data is None:
                return (np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), bool)), 64
            found = _fitted(*decode_tile(data, f"{self.source.name} {key}"), self.side_px)
            found = found[0], without_edges(*found, self.source.nodata)
            return found, found[0].nbytes + found[1].nbytes

        try:
            found = _tiles.get((self._number, x, y), make)
        except InputError as error:
            self.unreadable[key] = str(error)
            _log.warning("left out: %s", error)
            return None
        return found if found[1].size else None


def decode_tile(data: bytes, name: str) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Decode a tile.

    Raises:
        ImageError: no picture; a vector tile is told as what it is.
    """
    if data[:2] == _GZIP or data[:1] == b"\x1a":
        raise ImageError(
            f"{name}: a vector tile, which holds shapes and no picture. Give raster tiles (PNG, JPEG or WebP)."
        )
    return decode(data, name)


def tile_levels(source: TileSource) -> tuple[TileLevel, ...]:
    """Every level of a source as a raster, the finest first.

    Raises:
        InputError: no level holds a tile that can be read.
    """
    levels = []
    problems: list[str] = []
    for zoom in sorted(source.levels, reverse=True):
        try:
            levels.append(TileLevel(source, zoom))
        except (ImageError, CoordinateError) as error:
            problems.append(str(error))
    if not levels:
        raise InputError(f"{source.name}: no tiles that can be read. {' '.join(problems[:1])}".rstrip())
    return tuple(levels)


def tile_at(zoom: int, lat_deg: float, lon_deg: float) -> tuple[int, int]:
    """Column and row of the tile that holds a point, rows counted from the north.

    Raises:
        CoordinateError: beyond the edge of web maps, 85.05°.
    """
    x, y = GeoReference.of_tile(0, 0, 0, 1).to_pixels(lat_deg, lon_deg)
    column, row = int(np.floor(float(x) * 2**zoom)), int(np.floor(float(y) * 2**zoom))
    if not 0 <= row < 2**zoom:
        raise CoordinateError(f"Web tiles end at ±85.05° of latitude, received {lat_deg}.")
    return column % 2**zoom, row


def tile_range_of(zoom: int, north: float, south: float, west: float, east: float) -> TileRange:
    """Columns and rows that touch a rectangle of degrees; its whole width if it crosses the antimeridian."""
    x = np.array([(west + 180.0) / 360.0, (east + 180.0) / 360.0])
    sine = np.sin(np.radians(np.clip([north, south], -_EDGE_DEG, _EDGE_DEG)))
    y = 0.5 - np.arctanh(sine) / (2.0 * np.pi)
    last = 2**zoom - 1
    # An edge that lies on a border of tiles belongs to the tile inside.
    x0, y0 = (int(np.clip(np.floor(v * 2**zoom + 1e-9), 0, last)) for v in (x[0], y[0]))
    x1, y1 = (int(np.clip(np.ceil(v * 2**zoom - 1e-9) - 1, 0, last)) for v in (x[1], y[1]))
    return TileRange(0, last, y0, y1) if west > east else TileRange(x0, x1, y0, y1)


def _side_of(source: TileSource, zoom: int) -> int:
    """Side of the first tile that can be read; 256 where it is not known which tiles there are."""
    problem = ""
    addresses = source.addresses(zoom)
    if addresses is None:
        return USUAL_SIDE_PX
    for x, y in addresses[:_TRIED]:
        try:
            data = source.tile(zoom, int(x), int(y))
            if data is not None:
                return int(decode_tile(data, f"{source.name} {zoom}/{x}/{y}")[1].shape[1])
        except ImageError as error:
            problem = problem or str(error)
    raise ImageError(problem or f"{source.name}: level {zoom} holds no tiles.")


def _fitted(
    pixels: UInt8[np.ndarray, "h w 3"], valid: Bool[np.ndarray, "h w"], side: int
) -> tuple[UInt8[np.ndarray, "s s 3"], Bool[np.ndarray, "s s"]]:
    """A tile at the side of its level: some services mix 256 and 512."""
    if valid.shape == (side, side):
        return pixels, valid
    resized = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
    mask = np.asarray(Image.fromarray(valid.astype(np.uint8) * np.uint8(255)).resize((side, side)))
    return resized, mask >= 128


def _largest_power(side: int) -> int:
    """Largest power of two that divides a side."""
    return side & -side
