"""Countries, first-level divisions and time zones as maps of the Earth on the nested grid.

The table cuts the Earth into runs of order-10 cells (about 6.4 km across) that lie in one country, division and
time zone. A cell belongs to the country whose outline holds its centre, and to the division and the zone of the
nearest GeoNames place of that country: borders of divisions and zones are right to within some kilometres where
people live, worse in empty land. Cells cut by a border or coast are marked, and points in them are looked up in
the outlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import IntArray, Numbers
from whence.core.errors import InputError, unknown_name
from whence.earth import grid
from whence.earth.atlas import SHIFT, TABLE_ORDER, Region, RegionLevel, atlas, mass_by_atom
from whence.earth.countries import countries
from whence.earth.field import Field
from whence.earth.outlines import outlines
from whence.earth.partition import Partition

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon

__all__ = ["COAST_KM", "TABLE_ORDER", "Region", "RegionLevel", "RegionTable", "country_at", "regions"]

COAST_KM = 5.0
"""A point at sea takes the country of a coast within this distance: the outlines are about that coarse, and
photographs are taken on piers."""

LOOKED_UP_MASS = 1e-4
"""Cells finer than the table and with more than this mass are looked up in the outlines."""

_FALLBACK_ORDER = 12  # points at sea share one search for the nearest coast within such a cell (1.6 km)


@dataclass(frozen=True, eq=False)
class _Shares:
    """What the cells of one order consist of, for one level.

    ``whole`` is the region of each cell, or −1 sea, or −2 for a mixture; ``cell``, ``region`` and ``share`` list
    the mixtures, cell after cell, sea as region −1.
    """

    whole: Int[np.ndarray, " n"]
    cell: Int[np.ndarray, " m"]
    region: Int[np.ndarray, " m"]
    share: Float[np.ndarray, " m"]


@final
class RegionTable:
    """The regions of one level. Load with `regions`."""

    def __init__(self, level: RegionLevel) -> None:
        self.level = level
        self._atlas = atlas()
        self._regions = self._atlas.regions[level]
        self._run_region = self._atlas.of(level)[self._atlas.atoms]
        self._shares_by_order: dict[int, _Shares] = {}

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Codes of all regions, sorted."""
        return tuple(region.code for region in self._regions)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {code: i for i, code in enumerate(self.codes)}

    def __len__(self) -> int:
        return len(self._regions)

    def __contains__(self, code: object) -> bool:
        return code in self._position

    def _index(self, code: str) -> int:
        if code not in self._position:
            raise unknown_name(f"{self.level.value} code", code, self.codes)
        return self._position[code]

    def region(self, code: str) -> Region:
        """Return a region by its code.

        Raises:
            OptionError: there is no such code.
        """
        return self._regions[self._index(code)]

    def indices_at(self, lat_deg: Numbers, lon_deg: Numbers) -> IntArray:
        """Index into `codes` of the region at each point, −1 at sea.

        Points near a border or coast are looked up in the outlines; at sea they take the country of a coast
        within `COAST_KM`.
        """
        lat, lon = np.broadcast_arrays(np.asarray(lat_deg, float), np.asarray(lon_deg, float))
        shape = lat.shape
        lat, lon = lat.ravel(), lon.ravel()
        runs = self._atlas.runs_at(lat, lon)
        found = self._run_region[runs]
        atoms = self._atlas.atoms[runs]
        near = np.flatnonzero(self._atlas.edge[atoms])
        if near.size:
            found[near] = self._looked_up(lat[near], lon[near], atoms[near])
        return found.reshape(shape)

    def cell_indices_at(self, lat_deg: Numbers, lon_deg: Numbers) -> IntArray:
        """Index into `codes` of the region of the table's cell at each point, −1 at sea; no outline is read."""
        return np.asarray(self._run_region[self._atlas.runs_at(lat_deg, lon_deg)])

    def of_cells(self, cells: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Index into `codes` of each cell of `TABLE_ORDER` by the table alone, −1 at sea."""
        return np.asarray(self._run_region[np.searchsorted(self._atlas.starts, cells, side="right") - 1])

    def at(self, lat_deg: Numbers, lon_deg: Numbers) -> np.ndarray:
        """Code of the region at each point (array of strings), empty at sea; see `indices_at`."""
        codes = np.asarray([*self.codes, ""])
        return np.asarray(codes[self.indices_at(lat_deg, lon_deg)])

    def _looked_up(
        self, lat: Float[np.ndarray, " n"], lon: Float[np.ndarray, " n"], atoms: Int[np.ndarray, " n"]
    ) -> Int[np.ndarray, " n"]:
        """Regions at points in marked cells, by the outlines."""
        exact = _countries_by_outline(lat, lon)
        if self.level is RegionLevel.COUNTRY:
            return exact
        found = np.where(exact < 0, -1, self._atlas.of(self.level)[atoms])
        other = np.flatnonzero((exact >= 0) & (exact != self._atlas.country[atoms]))
        if other.size:
            found[other] = [
                self._by_place(*row)
                for row in zip(lat[other].tolist(), lon[other].tolist(), exact[other].tolist(), strict=True)
            ]
        return found

    def _by_place(self, lat: float, lon: float, country: int) -> int:
        """Region of the place nearest to a point in a country, else the country's first region."""
        from whence.earth.places import gazetteer

        code = self._atlas.regions[RegionLevel.COUNTRY][country].code
        near = gazetteer().nearest(float(lat), float(lon), country=code)
        if near:
            name = near[0].place.division if self.level is RegionLevel.REGION else near[0].place.timezone
            if name in self._position:
                return self._position[name]
        of_country = self._atlas.of(self.level)[self._atlas.country == country]
        return int(of_country[0]) if of_country.size else -1

    def _shares(self, order: int) -> _Shares:
        """Shares of regions in the cells of an order (kept)."""
        if order not in self._shares_by_order:
            if not 0 <= order <= TABLE_ORDER:
                raise InputError(f"Regions are known in cells of order 0..{TABLE_ORDER}, received {order}.")
            self._shares_by_order[order] = self._mix(order)
        return self._shares_by_order[order]

    def _mix(self, order: int) -> _Shares:
        count, size = grid.cell_count(order), 1 << (2 * (TABLE_ORDER - order))
        ends = np.append(self._atlas.starts[1:], grid.cell_count(TABLE_ORDER))
        rows = np.repeat(self._run_region.astype(np.int16), ends - self._atlas.starts).reshape(count, size)
        whole = rows[:, 0].astype(np.int32)
        mixed = np.flatnonzero(rows.min(axis=1) != rows.max(axis=1))
        whole[mixed] = -2
        ordered = np.sort(rows[mixed], axis=1).ravel()
        key = ordered.astype(np.int64) + np.repeat(mixed, size) * 2**16
        first = np.flatnonzero(np.diff(key, prepend=-(2**17)))
        share = np.diff(first, append=key.size) / size
        return _Shares(whole, np.repeat(mixed, size)[first], ordered[first].astype(np.int64), share)

    def log_field(self, values: Mapping[str, float], default: float, sea: float | None = None, order: int = 7) -> Field:
        """Return a field that takes a value in each region; cells on borders take the mean by area.

        The mean is of the likelihoods: ``log Σ share · exp(value)``.

        Args:
            values: log-value of regions by code, nats, ``-inf`` allowed.
            default: log-value of all others, and of cells without any land unless ``sea`` is given.
            sea: log-value of the sea. If not given, the sea in a coastal cell does not count: a cell that is
                2 % Germany and else sea counts as Germany.
            order: order of the cells, at most `TABLE_ORDER`.

        Raises:
            OptionError: a code is none of this level.
        """
        shares = self._shares(order)
        by_region = np.full(len(self) + 1, float(default))
        for code, value in values.items():
            by_region[self._index(code)] = value
        by_region[-1] = default if sea is None else sea  # region −1 is the last
        out = by_region[shares.whole]
        if shares.cell.size:
            weight = shares.share if sea is not None else np.where(shares.region < 0, 0.0, shares.share)
            cells, mixed = _log_mean(shares.cell, by_region[shares.region], weight)
            out[cells] = mixed
        return Field(Partition.uniform(order), out)

    def marginalise(self, field: Field) -> dict[str, float]:
        """Return the probability of each region with any, and under ``""`` that of the sea.

        Exact down to the table's cells; cells that are finer, lie near a border or coast and hold more than
        `LOOKED_UP_MASS` are looked up in the outlines.

        Args:
            field: a normalised log-density.
        """
        mass, orders = field.mass, field.partition.orders
        by_atom = mass_by_atom(field)
        sums = np.bincount(self._atlas.of(self.level) + 1, weights=by_atom, minlength=len(self) + 1)
        fine = np.flatnonzero((orders > TABLE_ORDER) & (mass > LOOKED_UP_MASS))
        if fine.size:
            self._move(sums, field, fine, mass)
        codes = ("", *self.codes)
        return {codes[i]: float(sums[i]) for i in np.flatnonzero(sums > 1e-15)}

    def _move(self, sums: Float[np.ndarray, " n"], field: Field, fine: Int[np.ndarray, " m"], mass: np.ndarray) -> None:
        """Give the mass of fine cells to the regions that the outlines say (changes ``sums``)."""
        runs = np.searchsorted(self._atlas.starts, field.partition.starts[fine] >> SHIFT, side="right") - 1
        edge = self._atlas.edge[self._atlas.atoms[runs]]
        fine, runs = fine[edge], runs[edge]
        if fine.size == 0:
            return
        sub = [grid.centres(field.partition.cells[[i]], int(field.partition.orders[i])) for i in fine]
        lat, lon = (np.concatenate([pair[axis] for pair in sub]) for axis in (0, 1))
        found = self._looked_up(lat, lon, self._atlas.atoms[runs])
        np.subtract.at(sums, self._run_region[runs] + 1, mass[fine])
        np.add.at(sums, found + 1, mass[fine])

    def cells(self, code: str, order: int) -> Int[np.ndarray, " n"]:
        """Cells of an order that hold any part of a region, the sea along its shore included, ascending.

        Orders finer than the table give the descendants of the table's cells.

        Raises:
            OptionError: there is no such code.
        """
        mine = np.flatnonzero(self._run_region == self._index(code))
        ends = np.append(self._atlas.starts[1:], grid.cell_count(TABLE_ORDER))
        cells = np.concatenate(
            [np.arange(self._atlas.starts[run], ends[run], dtype=np.int64) for run in mine] or [np.empty(0, np.int64)]
        )
        if order > TABLE_ORDER:
            return grid.children(cells, TABLE_ORDER, order).ravel()
        return np.unique(grid.parents(cells, TABLE_ORDER, order))

    def polygon(self, code: str) -> MultiPolygon | None:
        """Return the outline of a country (longitude, latitude); ``None`` for divisions and zones."""
        self._index(code)
        return outlines().polygon(code) if self.level is RegionLevel.COUNTRY else None

    def areas_km2(self) -> dict[str, float]:
        """Area of each region's cells without the sea along its shore, km²."""
        ends = np.append(self._atlas.starts[1:], grid.cell_count(TABLE_ORDER))
        lengths = np.where(self._atlas.shore[self._atlas.atoms], 0.0, (ends - self._atlas.starts).astype(float))
        cells = np.bincount(self._run_region + 1, weights=lengths, minlength=len(self) + 1)[1:]
        area = float(grid.cell_area_km2(TABLE_ORDER))
        return {code: float(n) * area for code, n in zip(self.codes, cells, strict=True)}


def _log_mean(
    cell: Int[np.ndarray, " m"], value: Float[np.ndarray, " m"], weight: Float[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Logarithm of the weighted mean of ``exp(value)`` within each cell; entries of a cell follow each other."""
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    counts = np.diff(first, append=cell.size)
    counted = np.where(weight > 0.0, value, -np.inf)
    peak = np.maximum.reduceat(counted, first)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    scaled = weight * np.exp(counted - np.repeat(peak, counts))
    with np.errstate(divide="ignore"):
        mean = np.log(np.add.reduceat(scaled, first) / np.add.reduceat(weight, first))
    return cell[first], mean + peak


def _countries_by_outline(lat: Float[np.ndarray, " n"], lon: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Country index of points by the outlines, or that of a coast within `COAST_KM`, −1 at sea."""
    table = regions(RegionLevel.COUNTRY)
    shapes = outlines()
    to_table = np.asarray([*(table._position.get(code, -1) for code in shapes.codes), -1])
    found = to_table[shapes.indices_at(lat, lon)]
    wet = np.flatnonzero(found < 0)
    if wet.size:
        spots, which = np.unique(grid.cells_at(lat[wet], lon[wet], _FALLBACK_ORDER), return_inverse=True)
        near = [table._position.get(_coast_country(int(spot)), -1) for spot in spots]
        found[wet] = np.asarray(near)[which]
    return found


@lru_cache(maxsize=4096)
def _coast_country(cell: int) -> str:
    lat, lon = grid.centres(np.asarray([cell]), _FALLBACK_ORDER)
    return outlines().nearest(float(lat[0]), float(lon[0]), COAST_KM)[0]


@lru_cache(maxsize=3)
def regions(level: RegionLevel | str) -> RegionTable:
    """Return the regions of a level: ``country``, ``region`` (first-level division) or ``timezone``."""
    return RegionTable(RegionLevel(level))


def country_at(lat_deg: float, lon_deg: float) -> str:
    """Code of the country at a point, or of a coast within `COAST_KM`; empty at sea."""
    code, _ = outlines().nearest(lat_deg, lon_deg, COAST_KM)
    return code if code in countries() else ""
