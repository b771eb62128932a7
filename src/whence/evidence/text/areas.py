"""Likelihoods that are constant in countries or divisions, sharp where people live at a border.

A cell of the working order is 51 km across: Copenhagen shares one with Malmö, and a mean over it would say nearly
nothing of either. So cells with land of several countries and a town are split into cells of 13 km.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from whence.earth import grid
from whence.earth.field import WORKING_ORDER, Field
from whence.earth.partition import Partition
from whence.earth.places import gazetteer
from whence.earth.regions import TABLE_ORDER, RegionLevel, regions

_SPLIT_ORDER = 9
_TOWN = 5_000


@dataclass(frozen=True, eq=False)
class _Split:
    """The partition, where its cells come from, and what the split ones consist of.

    Attributes:
        partition: the working order with border cells split.
        coarse: cell of the working order of each cell.
        fine: which cells of the partition are split ones.
        parts: for each split cell the cells of the regions' table that it takes its value from (land ones).
    """

    partition: Partition
    coarse: Int[np.ndarray, " n"]
    fine: Int[np.ndarray, " m"]
    parts: Int[np.ndarray, "m 4"]


@lru_cache(maxsize=1)
def _split() -> _Split:
    places = gazetteer()
    towns = np.flatnonzero(places.populations >= _TOWN)
    lived_in = np.unique(grid.cells_at(places.lat_deg[towns], places.lon_deg[towns], WORKING_ORDER))
    inside = grid.children(lived_in, WORKING_ORDER, TABLE_ORDER)
    country = regions(RegionLevel.COUNTRY).of_cells(inside.ravel()).reshape(inside.shape)
    highest = country.max(axis=1)
    lowest = np.where(country < 0, np.iinfo(country.dtype).max, country).min(axis=1)
    border = (highest >= 0) & (lowest < highest)
    cells, inside, country = lived_in[border], inside[border], country[border]
    base = Partition.uniform(WORKING_ORDER)
    partition = base.split(cells, times=_SPLIT_ORDER - WORKING_ORDER)
    fine = np.flatnonzero(partition.orders == _SPLIT_ORDER)
    parts = _nearest_land(inside, country < 0).reshape(-1, 4 ** (TABLE_ORDER - _SPLIT_ORDER))
    return _Split(partition, partition.index_in(base), fine, parts)


def _nearest_land(cells: Int[np.ndarray, "n k"], sea: np.ndarray) -> Int[np.ndarray, "n k"]:
    """Replace cells at sea by the nearest cell with land of the same group."""
    lat, lon = grid.centres(cells, TABLE_ORDER)
    vectors = grid.unit_vectors(lat, lon)
    closeness = np.einsum("nic,njc->nij", vectors, vectors)
    closeness[np.broadcast_to(sea[:, None, :], closeness.shape)] = -2.0
    nearest = np.take_along_axis(cells, closeness.argmax(axis=2), axis=1)
    return np.where(sea, nearest, cells)


@lru_cache(maxsize=3)
def _regions_of_parts(level: RegionLevel) -> Int[np.ndarray, "m 4"]:
    parts = _split().parts
    return regions(level).of_cells(parts.ravel()).reshape(parts.shape)


def log_field(level: RegionLevel, values: Mapping[str, float], default: float) -> Field:
    """A field that takes a value in each region.

    Args:
        level: countries or divisions.
        values: log-value by code; every code must be one of that level.
        default: log-value of all other regions, and of cells without land.
    """
    table, split = regions(level), _split()
    coarse = table.log_field(values, default, order=WORKING_ORDER)
    out: Float[np.ndarray, " n"] = coarse.values[split.coarse]
    by_region = np.array([values.get(code, default) for code in table.codes] + [default])
    peak = float(by_region.max())
    rates = np.exp(by_region - peak)[_regions_of_parts(level)]
    with np.errstate(divide="ignore"):
        out[split.fine] = np.log(rates.mean(axis=1)) + peak
    return Field(split.partition, out)
