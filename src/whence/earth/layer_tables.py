"""The shipped layers as arrays on the nested grid: reading, lookup of points, other orders."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import FloatArray, IntArray, Numbers
from whence.core.errors import CoordinateError
from whence.earth import grid
from whence.earth.atlas import TABLE_ORDER, atlas
from whence.earth.tables import read_arrays

LAYER_ORDER = 8
"""Order of the shipped layers: cells of 25 km."""

COAST_ORDER = 9
"""Order of the distances to the coast: cells of 13 km."""

_FALLBACK_KM = (8.0, 16.0, 24.0, 36.0, 48.0)
_BEARINGS = 12
_COARSE_ORDER = 5


@final
class LayerTables:
    """Values of ``layers.npz``; arrays of cells are made when first asked for."""

    def __init__(self) -> None:
        self._table = read_arrays("layers.npz")
        cells = grid.cell_count(LAYER_ORDER)
        self.land: Bool[np.ndarray, " n"] = np.unpackbits(self._table["land"])[:cells].astype(bool)
        self._row = np.cumsum(self.land) - 1

    @cached_property
    def landlocked(self) -> frozenset[str]:
        """Codes of countries without a sea coast."""
        return frozenset(str(code) for code in self._table["landlocked"])

    def numbers(self, name: str) -> Float[np.ndarray, " n"]:
        """Values of a numeric layer on all cells of its order, NaN without land."""
        values = self._table[f"{name}_levels"][self._table[name]]
        land = np.repeat(self.land, values.size // int(self.land.sum()))
        found = np.full(land.size, np.nan, np.float32)
        found[land] = values
        return found

    @cached_property
    def koppen(self) -> Int[np.ndarray, " n"]:
        """Class of climate on all cells of `LAYER_ORDER`, from 0, −1 for none."""
        found = np.full(self.land.size, -1, np.int8)
        found[self.land] = self._table["koppen"].astype(np.int8) - 1
        return found

    @cached_property
    def landmass_km2(self) -> Float[np.ndarray, " n"]:
        """Area of the land mass on all cells of `LAYER_ORDER`, NaN without land."""
        found = np.full(self.land.size, np.nan, np.float32)
        found[self.land] = self._table["landmass_km2"][self._table["landmass"]]
        return found

    @cached_property
    def country(self) -> Int[np.ndarray, " n"]:
        """Index of the country that has most of the land of each cell of `LAYER_ORDER`, −1 for the sea."""
        table = atlas()
        inner = np.where(table.shore, -1, table.country)[table.atoms].astype(np.int16)
        lengths = np.diff(table.starts, append=grid.cell_count(TABLE_ORDER))
        parts = np.repeat(inner, lengths).reshape(self.land.size, -1)
        return coarser_classes(parts)

    @cached_property
    def _near_land(self) -> Bool[np.ndarray, " n"]:
        """Whether a coarse cell or one beside it holds land: far from all land nothing needs to be searched."""
        some = np.asarray(self.land.reshape(grid.cell_count(_COARSE_ORDER), -1).any(axis=1))
        around = grid.neighbour_table(_COARSE_ORDER)
        return some | (some[np.maximum(around, 0)] & (around >= 0)).any(axis=1)

    def land_cells_at(self, lat_deg: Numbers, lon_deg: Numbers) -> IntArray:
        """Cell of `COAST_ORDER` whose values hold at each point, −1 far from land.

        That is the point's own cell if its cell of `LAYER_ORDER` has land, else one near the point that has:
        the first found on circles of up to 48 km (two cells).

        Raises:
            CoordinateError: a latitude or longitude that is none.
        """
        lat, lon = checked(lat_deg, lon_deg)
        cells = grid.cells_at(lat, lon, COAST_ORDER).ravel()
        wet = np.flatnonzero(~self.land[cells >> 2])
        far = ~self._near_land[cells[wet] >> (2 * (COAST_ORDER - _COARSE_ORDER))]
        cells[wet[far]] = -1
        wet = wet[~far]
        if wet.size:
            cells[wet] = self._beside(grid.unit_vectors(lat.ravel()[wet], lon.ravel()[wet]))
        return cells.reshape(lat.shape)

    def _beside(self, points: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
        """A cell with land near each point, −1 for none."""
        pole = np.where(np.abs(points[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
        east = np.cross(pole, points)
        east /= np.linalg.norm(east, axis=1, keepdims=True)
        north = np.cross(points, east)
        found = np.full(len(points), -1, np.int64)
        for reach in _FALLBACK_KM:
            for angle in np.arange(_BEARINGS) * 2.0 * np.pi / _BEARINGS:
                left = np.flatnonzero(found < 0)
                step = (np.cos(angle) * east[left] + np.sin(angle) * north[left]) * np.tan(reach / grid.EARTH_RADIUS_KM)
                cells = grid.cells_at(*grid.lat_lon(points[left] + step), COAST_ORDER)
                found[left] = np.where(self.land[cells >> 2], cells, -1)
        return found


def checked(lat_deg: Numbers, lon_deg: Numbers) -> tuple[FloatArray, FloatArray]:
    """Return latitudes and longitudes as arrays of one shape.

    Raises:
        CoordinateError: a latitude outside −90..90, or a number that is not finite.
    """
    lat, lon = np.broadcast_arrays(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
    wrong = ~(np.isfinite(lon) & (np.abs(lat) <= 90.0))
    if wrong.any():
        first = np.flatnonzero(wrong.ravel())[0]
        raise CoordinateError(
            f"Layers are looked up at latitudes from -90 to 90 and finite longitudes, received "
            f"({lat.ravel()[first]}, {lon.ravel()[first]}) at position {first}."
        )
    return lat, lon


def coarser_numbers(parts: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """Mean of the known values of each row, NaN where none is."""
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    total = np.where(known, parts, 0.0).sum(axis=1, dtype=np.float64)
    return np.divide(total, count, out=np.full(len(parts), np.nan), where=count > 0)


def coarser_classes(parts: Int[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
    """Most frequent class of each row, the lower of two alike; −1 only where no other is."""
    found = parts[:, 0].astype(np.int64)
    mixed = np.flatnonzero(parts.min(axis=1) != parts.max(axis=1))
    if mixed.size == 0:
        return found
    ordered = np.sort(parts[mixed], axis=1).astype(np.int64)
    width = int(ordered.max()) + 2
    key = (np.arange(mixed.size)[:, None] * width + ordered + 1).ravel()
    first = np.flatnonzero(np.diff(key, prepend=-1))
    row, value = np.divmod(key[first], width)
    count = np.where(value == 0, 0, np.diff(first, append=key.size))
    best = np.lexsort((value, -count, row))
    found[mixed] = value[best[np.flatnonzero(np.diff(row[best], prepend=-1))]] - 1
    return found


@lru_cache(maxsize=1)
def layer_tables() -> LayerTables:
    """Return the shipped layers (loaded once)."""
    return LayerTables()
