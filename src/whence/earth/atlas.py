"""The shipped map of regions: runs of nested cells that lie in one country, division and time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import IntArray, Numbers, ranges
from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.earth.tables import read_arrays

TABLE_ORDER = 10
"""Order of the table's cells."""

SHIFT = 2 * (grid.MAX_ORDER - TABLE_ORDER)
"""Bits by which an index at the grid's finest order is longer than one at the table's."""


class RegionLevel(StrEnum):
    """Kinds of regions."""

    COUNTRY = "country"
    REGION = "region"
    TIMEZONE = "timezone"


@dataclass(frozen=True, slots=True)
class Region:
    """One region.

    Attributes:
        level: its kind.
        code: ``US``, ``US.NV`` or ``Europe/Berlin``.
        name: English name of a country, GeoNames' name of a division, the code of a zone.
        country: ISO 3166-1 alpha-2 code; of a zone, the country that most of its places are in.
    """

    level: RegionLevel
    code: str
    name: str
    country: str


@dataclass(frozen=True, eq=False)
class Atlas:
    """The shipped table: runs of cells, each of one atom (country, division, zone, marks); −1 means sea.

    Sea cells next to land (about 6 km wide) are the country's, marked as ``shore``; ``edge`` marks cells that a border
    or coast passes through or beside.
    """

    starts: Int[np.ndarray, " r"]
    atoms: Int[np.ndarray, " r"]
    country: Int[np.ndarray, " a"]
    division: Int[np.ndarray, " a"]
    timezone: Int[np.ndarray, " a"]
    edge: Bool[np.ndarray, " a"]
    shore: Bool[np.ndarray, " a"]
    regions: Mapping[RegionLevel, tuple[Region, ...]]

    @staticmethod
    def load() -> Atlas:
        """Read the shipped table."""
        table = read_arrays("regions.npz")
        lengths = table["run_length"].astype(np.int64)
        listed = {
            level: tuple(
                Region(level, code, name, country)
                for code, name, country in zip(
                    *(_lines(table[f"{level.value}_{part}"]) for part in ("codes", "names", "countries")),
                    strict=True,
                )
            )
            for level in RegionLevel
        }
        return Atlas(
            np.cumsum(lengths) - lengths,
            table["run_atom"].astype(np.int64),
            table["atom_country"].astype(np.int64),
            table["atom_division"].astype(np.int64),
            table["atom_timezone"].astype(np.int64),
            table["atom_edge"].astype(bool),
            table["atom_shore"].astype(bool),
            listed,
        )

    def of(self, level: RegionLevel) -> Int[np.ndarray, " a"]:
        """Region index of each atom."""
        if level is RegionLevel.COUNTRY:
            return self.country
        return self.division if level is RegionLevel.REGION else self.timezone

    def runs_at(self, lat_deg: Numbers, lon_deg: Numbers) -> IntArray:
        """Index of the run that holds each point."""
        cells = grid.cells_at(lat_deg, lon_deg, TABLE_ORDER)
        return np.asarray(np.searchsorted(self.starts, cells, side="right") - 1)


def _lines(blob: np.ndarray) -> list[str]:
    return blob.tobytes().decode().split("\n")


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """Return the shipped table (loaded once)."""
    return Atlas.load()


_FEW = 20_000
_FAINT = 1e-6

_PLACED: WeakKeyDictionary[Partition, tuple[np.ndarray, np.ndarray]] = WeakKeyDictionary()
_BY_ATOM: WeakKeyDictionary[Field, np.ndarray] = WeakKeyDictionary()


def mass_by_atom(field: Field) -> Float[np.ndarray, " a"]:
    """Mass of a field in each atom of the table (kept as long as the field: three levels ask for it).

    The mass below the start of each run is interpolated within the field's cells, along the nested order. Of a
    belief that few cells hold, the faint rest (less than a millionth in all) counts as sea.
    """
    known = _BY_ATOM.get(field)
    if known is not None:
        return known
    table, partition = atlas(), field.partition
    held = np.flatnonzero(field.mass > _FAINT / len(partition))
    if held.size < _FEW:
        return _BY_ATOM.setdefault(field, _of_few(field, held))
    if partition not in _PLACED:
        at = table.starts << SHIFT
        inside = np.searchsorted(partition.starts, at, side="right") - 1
        orders = partition.orders[inside].astype(np.int64)
        _PLACED[partition] = (
            inside,
            np.ldexp((at - partition.starts[inside]).astype(float), 2 * (orders - grid.MAX_ORDER)),
        )
    inside, portion = _PLACED[partition]
    total = np.concatenate([[0.0], np.cumsum(field.mass)])
    below = total[inside] + field.mass[inside] * portion
    by_atom = np.bincount(table.atoms, weights=np.diff(below, append=total[-1]), minlength=table.country.size)
    _BY_ATOM[field] = by_atom
    return by_atom


def _of_few(field: Field, held: Int[np.ndarray, " m"]) -> Float[np.ndarray, " a"]:
    """Mass in each atom of a few cells, by the runs that each of them overlaps."""
    table, partition = atlas(), field.partition
    start = partition.starts[held]
    end = start + (np.int64(1) << (2 * (grid.MAX_ORDER - partition.orders[held].astype(np.int64))))
    runs = table.starts << SHIFT
    first = np.searchsorted(runs, start, side="right") - 1
    count = np.searchsorted(runs, end) - first
    owner = np.repeat(np.arange(held.size), count)
    run = ranges(first, count)
    stop = np.append(runs[1:], np.int64(grid.cell_count(grid.MAX_ORDER)))[run]
    shared = np.minimum(stop, end[owner]) - np.maximum(runs[run], start[owner])
    mass = field.mass[held][owner] * (shared / (end - start)[owner])
    by_atom = np.bincount(table.atoms[run], weights=mass, minlength=table.country.size)
    by_atom[np.flatnonzero(table.country < 0)[0]] += max(1.0 - float(mass.sum()), 0.0)
    return by_atom
