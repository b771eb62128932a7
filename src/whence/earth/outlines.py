"""Outlines of countries: Natural Earth 1:10m, kept as shared arcs so that neighbours have one border.

Two sets are shipped: the full one for exact lookups, and a much simplified one for drawing small maps.
Polygons are planar in (longitude, latitude) as Natural Earth draws them: cut at the antimeridian, Antarctica
closed along the South Pole.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import Numbers
from whence.core.errors import unknown_name
from whence.earth.coordinates import bounds_of_disc, distance_km, wrap_lon_deg
from whence.earth.tables import read_arrays, read_json

if TYPE_CHECKING:
    from shapely import STRtree
    from shapely.geometry import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

Ring = Float[np.ndarray, "_ 2"]


def unwrap_ring(ring: Ring) -> Ring:
    """Make the longitudes of a ring continuous, so that it may leave [−180, 180]."""
    step = np.diff(ring[:, 0])
    turns = np.concatenate([[0.0], np.cumsum(np.where(step > 180.0, -360.0, np.where(step < -180.0, 360.0, 0.0)))])
    return np.stack([ring[:, 0] + turns, ring[:, 1]], axis=1)


def close_over_pole(ring: Ring) -> Ring:
    """Close a ring that winds once around the Earth by way of the nearer pole."""
    pole = -90.0 if ring[:, 1].mean() < 0 else 90.0
    last, first = ring[-1, 0], ring[0, 0]
    return np.concatenate([ring, [[last, pole], [first, pole], ring[0]]])


def assemble(rings: list[Ring]) -> list[Polygon]:
    """Polygons of one outer ring and its holes (longitude, latitude), cut at the antimeridian.

    Args:
        rings: outer ring first; consecutive points less than 180° apart, across the antimeridian or not.
    """
    import shapely

    rings = [ring for i, ring in enumerate(rings) if i == 0 or len(ring) >= 4]
    if len(rings[0]) < 4:
        return []
    outer = unwrap_ring(rings[0])
    winds = abs(outer[-1, 0] - outer[0, 0]) > 180.0
    if not winds and outer[:, 0].min() >= -180.0 and outer[:, 0].max() <= 180.0:
        return [shapely.Polygon(rings[0], rings[1:])]
    if winds:
        outer = close_over_pole(outer)
    holes = [_beside(unwrap_ring(hole), outer) for hole in rings[1:]]
    whole = shapely.make_valid(shapely.Polygon(outer, holes))
    parts: list[Polygon] = []
    for turn in (-360.0, 0.0, 360.0):
        cut = shapely.intersection(whole, shapely.box(-180.0 + turn, -90.0, 180.0 + turn, 90.0))
        moved = shapely.transform(cut, lambda xy, turn=turn: xy - [turn, 0.0])
        parts += polygons_of(moved)
    return parts


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """Polygons of a geometry made valid; points and lines that this leaves are dropped."""
    import shapely

    valid = geometry if geometry.is_valid else shapely.make_valid(geometry)
    flat = shapely.get_parts(shapely.get_parts(valid)).tolist()  # twice: a collection may hold a multipolygon
    return [part for part in flat if part.geom_type == "Polygon" and part.area > 0.0]


def _beside(hole: Ring, outer: Ring) -> Ring:
    """Shift a hole by whole turns to where its outer ring is."""
    turn = 360.0 * round(float(outer[:, 0].mean() - hole[:, 0].mean()) / 360.0)
    return hole + np.asarray([turn, 0.0])


@final
class Outlines:
    """Country polygons with fast lookup of points. Load with `outlines`.

    Polygons are put together from their arcs when first needed.
    """

    def __init__(self, table: Mapping[str, np.ndarray]) -> None:
        self._codes = tuple(str(code) for code in table["codes"])
        self._country = np.asarray(table["part_country"], np.int64)
        self._arcs = _Arcs(table)
        self._bounds = np.asarray(table["part_bounds"], np.float64)
        self._pieces: dict[int, np.ndarray] = {}

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the countries that have an outline, sorted."""
        return self._codes

    def __len__(self) -> int:
        return int(self._country.size)

    def rings(self, part: int) -> list[Ring]:
        """Rings of a polygon as stored, outer one first; they may jump across the antimeridian."""
        return self._arcs.rings(part)

    def polygon(self, code: str) -> MultiPolygon:
        """Return one country's polygons (longitude, latitude).

        Raises:
            OptionError: no country of this code has an outline.
        """
        import shapely

        if code not in self._codes:
            raise unknown_name("country outline", code, self._codes)
        mine = np.flatnonzero(self._country == self._codes.index(code)).tolist()
        return shapely.MultiPolygon([piece for part in mine for piece in self._prepared(part)])

    def _prepared(self, part: int) -> np.ndarray:
        """Pieces of a part, prepared for lookups and kept."""
        import shapely

        if part not in self._pieces:
            flat = [piece for polygon in assemble(self.rings(part)) for piece in polygons_of(polygon)]
            pieces = np.asarray(flat, object)
            shapely.prepare(pieces)
            self._pieces[part] = pieces
        return self._pieces[part]

    @cached_property
    def _tree(self) -> STRtree:
        import shapely

        return shapely.STRtree(shapely.box(*self._bounds.T))

    def indices_at(self, lat_deg: Numbers, lon_deg: Numbers) -> Int[np.ndarray, " n"]:
        """Index into `codes` of the country that holds each point, −1 for none (sea)."""
        import shapely

        lat = np.atleast_1d(np.asarray(lat_deg, float)).ravel()
        lon = wrap_lon_deg(np.atleast_1d(np.asarray(lon_deg, float)).ravel())
        found = np.full(lat.size, -1, np.int64)
        which, part = self._tree.query(shapely.points(lon, lat))
        if which.size == 0:
            return found
        size = (self._bounds[:, 2] - self._bounds[:, 0]) * (self._bounds[:, 3] - self._bounds[:, 1])
        ranked = np.lexsort((part, -size[part]))  # a small country within another (Vatican City) comes last
        which, part = which[ranked], part[ranked]
        first = np.flatnonzero(np.diff(part, prepend=-1))
        for start, stop in zip(first, np.append(first[1:], part.size), strict=True):
            mine = which[start:stop]
            inside = np.zeros(mine.size, bool)
            for piece in self._prepared(int(part[start])):
                inside |= shapely.intersects_xy(piece, lon[mine], lat[mine])
            found[mine[inside]] = self._country[part[start]]
        return found

    def code_at(self, lat_deg: float, lon_deg: float) -> str:
        """Code of the country that holds a point, empty for none (sea)."""
        index = int(self.indices_at(lat_deg, lon_deg)[0])
        return self._codes[index] if index >= 0 else ""

    def nearest(self, lat_deg: float, lon_deg: float, within_km: float) -> tuple[str, float]:
        """Country nearest to a point and its distance in km; ``("", inf)`` if none is within ``within_km``.

        Distances are to the outline; 0 for points inside.
        """
        import shapely

        if code := self.code_at(lat_deg, lon_deg):
            return code, 0.0
        box = bounds_of_disc(lat_deg, lon_deg, within_km)
        east = box.east + (360.0 if box.east < box.west else 0.0)
        best, best_km = "", np.inf
        for turn in (-360.0, 0.0, 360.0):
            window = (box.west + turn, box.south, east + turn, box.north)
            for part in self._tree.query(shapely.box(*window)).tolist():
                for piece in self._prepared(part):
                    km = _distance_km(shapely.clip_by_rect(piece, *window), lat_deg, lon_deg, turn)
                    if km < best_km:
                        best, best_km = self._codes[self._country[part]], km
        return (best, best_km) if best_km <= within_km else ("", np.inf)


def _distance_km(near: BaseGeometry, lat_deg: float, lon_deg: float, turn: float) -> float:
    """Distance in km from a point to a geometry at most some degrees away; infinite if that is empty."""
    import shapely

    if near.is_empty:
        return float("inf")
    stretch = max(float(np.cos(np.radians(lat_deg))), 1e-6)
    here = shapely.Point((wrap_lon_deg(lon_deg) + turn) * stretch, lat_deg)
    local = shapely.transform(near, lambda xy: xy * [stretch, 1.0])
    x, y = shapely.get_coordinates(shapely.shortest_line(here, local))[1]
    return float(distance_km(lat_deg, lon_deg, y, x / stretch - turn))


class _Arcs:
    """Lines of integer steps that neighbours share, and the rings made of them (as in TopoJSON)."""

    def __init__(self, table: Mapping[str, np.ndarray]) -> None:
        steps = np.stack([table["arc_dx"], table["arc_dy"]], axis=1).astype(np.int64)
        self._positions = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(steps, axis=0)])
        self._arc_stops = np.concatenate([[0], np.cumsum(table["arc_length"])])
        self._ring_stops = np.concatenate([[0], np.cumsum(table["ring_length"])])
        self._part_stops = np.concatenate([[0], np.cumsum(table["part_rings"])])
        self._ring_arcs = table["ring_arcs"]
        self._scale, self._offset = table["scale"], table["offset"]

    def _arc(self, index: int) -> Ring:
        number = index if index >= 0 else ~index
        start, stop = self._arc_stops[number], self._arc_stops[number + 1]
        points = (self._positions[start + 1 : stop + 1] - self._positions[start]) * self._scale + self._offset
        return points if index >= 0 else points[::-1]

    def rings(self, part: int) -> list[Ring]:
        """Rings of a part (longitude, latitude), outer one first."""
        found = []
        for ring in range(self._part_stops[part], self._part_stops[part + 1]):
            pieces = [self._arc(int(i)) for i in self._ring_arcs[self._ring_stops[ring] : self._ring_stops[ring + 1]]]
            found.append(np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])]))
        return found


@lru_cache(maxsize=1)
def outlines() -> Outlines:
    """Return the full outlines (loaded once)."""
    return Outlines(read_arrays("outlines.npz"))


@lru_cache(maxsize=1)
def simple_outlines() -> Mapping[str, tuple[tuple[Ring, ...], ...]]:
    """Return much simplified outlines for small maps: code → polygons → rings of (longitude, latitude).

    The first ring of a polygon is its outside, the others are holes. Cut at the antimeridian.
    """
    table = read_json("outlines_simple.json")
    return MappingProxyType(
        {
            code: tuple(
                tuple(np.cumsum(np.asarray(ring, float).reshape(-1, 2), axis=0) / table["scale"] for ring in polygon)
                for polygon in polygons
            )
            for code, polygons in table["countries"].items()
        }
    )
