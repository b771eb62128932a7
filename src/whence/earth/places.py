"""Places: 234,908 towns and villages of GeoNames, by position and by name.

A name stays ambiguous: every Springfield is returned, the largest first. Positions are those of a place's
centre, so the nearest place may lie across a border; `reverse` looks within the country.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import IntArray, Numbers
from whence.core.errors import InputError
from whence.earth import grid
from whence.earth.coordinates import distance_km, point
from whence.earth.countries import Country, countries
from whence.earth.nameindex import NameIndex
from whence.earth.names import normalise_name
from whence.earth.nearest import NearestPoints
from whence.earth.outlines import outlines
from whence.earth.regions import COAST_KM, Region, RegionLevel, regions
from whence.earth.tables import read_arrays
from whence.earth.timezones import zone_at


@dataclass(frozen=True, slots=True)
class Place:
    """One populated place of GeoNames.

    Attributes:
        id: GeoNames identifier.
        name: main name.
        lat_deg: latitude of its centre.
        lon_deg: longitude.
        country: ISO 3166-1 alpha-2 code.
        division: code of the first-level division (``US.NV``), the country's code where there is none.
        division_name: its name, empty where there is none.
        population: people, 0 where unknown.
        timezone: IANA name.
    """

    id: int
    name: str
    lat_deg: float
    lon_deg: float
    country: str
    division: str
    division_name: str
    population: int
    timezone: str


@dataclass(frozen=True, slots=True)
class NearPlace:
    """A place and its geodesic distance from where one asked, km."""

    place: Place
    distance_km: float


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A place that a name may stand for.

    Attributes:
        place: the place.
        matched: the normalised name of it that matched.
        score: 1 for an exact match, else 1 − edits / length.
    """

    place: Place
    matched: str
    score: float


@dataclass(frozen=True, slots=True)
class PointPlace:
    """What is at a point.

    Attributes:
        lat_deg: latitude asked for.
        lon_deg: longitude asked for.
        country: country there, or of a coast within `COAST_KM`; ``None`` at sea.
        division: first-level division of the nearest place of that country, or ``None``.
        place: nearest place, of that country where there is one.
        timezone: IANA zone; at sea a nautical one (``Etc/GMT+3``).
        sea: whether the point itself is outside all outlines.
    """

    lat_deg: float
    lon_deg: float
    country: Country | None
    division: Region | None
    place: NearPlace | None
    timezone: str
    sea: bool


@final
class Gazetteer:
    """All places, in the order of the nested grid. Load with `gazetteer`."""

    def __init__(self) -> None:
        table = read_arrays("gazetteer.npz")
        self.ids: Int[np.ndarray, " n"] = table["id"]
        self.lat_deg: Float[np.ndarray, " n"] = np.cumsum(table["lat_steps"], dtype=np.int64) / 1e5
        self.lon_deg: Float[np.ndarray, " n"] = np.cumsum(table["lon_steps"], dtype=np.int64) / 1e5
        self.populations: Int[np.ndarray, " n"] = table["population"]
        self._division = table["division"]
        self._timezone = table["timezone"]
        self._name_blob = table["names"]
        self._divisions = _lines(table["division_codes"])
        self._division_names = _lines(table["division_names"])
        self._timezones = _lines(table["timezone_codes"])
        for array in (self.ids, self.lat_deg, self.lon_deg, self.populations):
            array.setflags(write=False)

    def __len__(self) -> int:
        return int(self.ids.size)

    @cached_property
    def _vectors(self) -> Float[np.ndarray, "n 3"]:
        return grid.unit_vectors(self.lat_deg, self.lon_deg)

    @cached_property
    def _names(self) -> list[str]:
        return _lines(self._name_blob)

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex.load()

    @cached_property
    def country_codes(self) -> np.ndarray:
        """Country code of every place (array of two-letter strings)."""
        by_division = np.asarray([code[:2] for code in self._divisions])
        return np.asarray(by_division[self._division])

    def in_country(self, code: str) -> Int[np.ndarray, " m"]:
        """Indices of the places of a country (ISO 3166-1 alpha-2)."""
        return np.flatnonzero(self.country_codes == code)

    def in_division(self, code: str) -> Int[np.ndarray, " m"]:
        """Indices of the places of a first-level division, such as ``US.NV``."""
        return (
            np.flatnonzero(self._division == self._divisions.index(code))
            if code in self._divisions
            else np.empty(0, np.int64)
        )

    def division_code(self, index: int) -> str:
        """Code of the division of a place."""
        return self._divisions[self._division[index]]

    def timezone(self, index: int) -> str:
        """Time zone of a place."""
        return self._timezones[self._timezone[index]]

    def place(self, index: int) -> Place:
        """Return the place at an index (0 … len − 1)."""
        division = self._division[index]
        return Place(
            id=int(self.ids[index]),
            name=self._names[index],
            lat_deg=float(self.lat_deg[index]),
            lon_deg=float(self.lon_deg[index]),
            country=self._divisions[division][:2],
            division=self._divisions[division],
            division_name=self._division_names[division],
            population=int(self.populations[index]),
            timezone=self._timezones[self._timezone[index]],
        )

    @lru_cache(maxsize=512)  # noqa: B019 - there is one gazetteer, and it lives as long as the process
    def _subset(self, min_population: int, country: str | None) -> NearestPoints:
        """Search among the places that may be returned."""
        keep: Bool[np.ndarray, " n"] = self.populations >= min_population
        if country is not None:
            keep = keep & (self.country_codes == country)
        rows = np.flatnonzero(keep)
        return NearestPoints(self._vectors[rows], rows)

    def nearest(
        self,
        lat_deg: float,
        lon_deg: float,
        k: int = 1,
        min_population: int = 0,
        country: str | None = None,
    ) -> tuple[NearPlace, ...]:
        """Return the ``k`` places nearest to a point by geodesic distance, nearest first.

        Args:
            lat_deg: latitude.
            lon_deg: longitude.
            k: how many.
            min_population: leave out smaller places.
            country: only places of this country (ISO 3166-1 alpha-2).

        Raises:
            CoordinateError: the point is none.
            InputError: ``k`` is not positive.
        """
        here = point(lat_deg, lon_deg)
        if k < 1:
            raise InputError(f"k must be 1 or more, received {k}.")
        # a few spare ones, since the sphere may order near ties otherwise than the ellipsoid
        best = self._subset(min_population, country).nearest(here.lat_deg, here.lon_deg, k + 4)
        km = distance_km(here.lat_deg, here.lon_deg, self.lat_deg[best], self.lon_deg[best])
        ranked = np.lexsort((best, km))[:k]
        return tuple(NearPlace(self.place(int(best[i])), float(km[i])) for i in ranked)

    def nearest_indices(self, lat_deg: Numbers, lon_deg: Numbers, min_population: int = 0) -> IntArray:
        """Return the index of the place nearest to each point, by the sphere of equal area.

        From 5 µs (many points close together) to 0.1 ms (all over the world) a point.
        """
        lat, lon = np.broadcast_arrays(np.asarray(lat_deg, float), np.asarray(lon_deg, float))
        found = self._subset(min_population, None).nearest_each(lat.ravel(), lon.ravel())
        return found.reshape(lat.shape)

    def named(
        self, name: str, *, fuzzy: bool = False, country: str | None = None, limit: int | None = None
    ) -> tuple[NameMatch, ...]:
        """Return every place that a name may stand for, the best match first, then the largest.

        Main names are known for all places, other names and scripts for those of 5,000 people or more. Case,
        accents of Latin and Greek letters and punctuation do not matter.

        Args:
            name: in any language.
            fuzzy: also return names one edit away (from 5 letters on) or two (from 9 on), with a lower score;
                only when none matches exactly.
            country: only places of this country (ISO 3166-1 alpha-2).
            limit: how many at most.
        """
        wanted = normalise_name(name)
        matches = [(row, wanted, 1.0) for row in self._index.exact(wanted).tolist()]
        if not matches and fuzzy:
            for matched, score, rows in self._index.fuzzy(wanted):
                matches += [(row, matched, score) for row in rows.tolist()]
        best: dict[int, tuple[str, float]] = {}
        for row, matched, score in matches:
            if country is not None and self._divisions[self._division[row]][:2] != country:
                continue
            if row not in best or score > best[row][1]:
                best[row] = (matched, score)
        ranked = sorted(best, key=lambda row: (-best[row][1], -int(self.populations[row]), row))
        return tuple(NameMatch(self.place(row), *best[row]) for row in ranked[:limit])

    def has_name(self, name: str) -> bool:
        """Tell whether a place of this name is known exactly; about 20 µs, without building matches."""
        return self._index.exact(normalise_name(name)).size > 0


def _lines(blob: np.ndarray) -> list[str]:
    return blob.tobytes().decode().split("\n")


@lru_cache(maxsize=1)
def gazetteer() -> Gazetteer:
    """Return the gazetteer (positions load at once, names at the first search)."""
    return Gazetteer()


def reverse(lat_deg: float, lon_deg: float) -> PointPlace:
    """Return country, division, nearest place and time zone at a point.

    The country is that of the Natural Earth outline (1:10m, about 100 m to 1 km coarse), or of the nearest
    coast within `COAST_KM`. Place and division are of the nearest place of that country.

    Raises:
        CoordinateError: the point is none.
    """
    here = point(lat_deg, lon_deg)
    code, km = outlines().nearest(here.lat_deg, here.lon_deg, COAST_KM)
    near = gazetteer().nearest(here.lat_deg, here.lon_deg, country=code or None)
    near = near or gazetteer().nearest(here.lat_deg, here.lon_deg)
    division = None
    if code and near and near[0].place.country == code:
        division = regions(RegionLevel.REGION).region(near[0].place.division)
    return PointPlace(
        lat_deg=here.lat_deg,
        lon_deg=here.lon_deg,
        country=countries().get(code),
        division=division,
        place=near[0] if near else None,
        timezone=zone_at(here.lat_deg, here.lon_deg),
        sea=km > 0.0,
    )
