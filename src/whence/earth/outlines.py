"""Outlines of countries: Natural Earth 1:10m, kept as shared arcs so that neighbours have one border.

Two sets are shipped: the full one for exact lookups, and a much simplified one for drawing small maps.
Polygons are planar in (longitude, latitude) as Natural Earth draws them: cut at the antimeridian, Antarctica
closed along the South Pole.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from whence.core.errors import unknown_name
from whence.earth.tables import read_arrays, read_json

if TYPE_CHECKING:
    from shapely import STRtree
    from shapely.geometry import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

Ring = Float[np.ndarray, "n 2"]


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
        moved = shapely.transform(cut, lambda xy, turn=turn: xy - [turn, 0.0])  # type: ignore[misc]
        parts += [p for p in shapely.get_parts(moved).tolist() if p.geom_type == "Polygon" and p.area > 0.0]
    return parts


def _beside(hole: Ring, outer: Ring) -> Ring:
    """Shift a hole by whole turns to where its outer ring is."""
    turn = 360.0 * round(float(outer[:, 0].mean() - hole[:, 0].mean()) / 360.0)
    return hole + [turn, 0.0]


class Outlines:
    """Country polygons with fast lookup of points. Load with `outlines`."""

    def __init__(self, table: Mapping[str, np.ndarray]) -> None:
        self._codes = tuple(str(code) for code in table["codes"])
        self._part_country = np.asarray(table["part_country"], np.int64)
        self._parts = _decode(table)
        self._tree: STRtree | None = None
        self._owner = np.empty(0, np.int64)
        self._area = np.empty(0)
        self._pieces: np.ndarray = np.empty(0, object)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the countries that have an outline."""
        return self._codes

    @property
    def parts(self) -> list[list[Ring]]:
        """Rings of every polygon as stored, outer one first; they may jump across the antimeridian."""
        return self._parts

    def polygon(self, code: str) -> MultiPolygon:
        """Return one country's polygons (longitude, latitude).

        Raises:
            OptionError: no country of this code has an outline.
        """
        import shapely

        if code not in self._codes:
            raise unknown_name("country outline", code, self._codes)
        mine = np.flatnonzero(self._part_country == self._codes.index(code))
        return shapely.MultiPolygon([piece for part in mine for piece in assemble(self._parts[part])])

    def indices_at(self, lat_deg: ArrayLike, lon_deg: ArrayLike) -> Int[np.ndarray, " n"]:
        """Index into `codes` of the country that holds each point, −1 for none (sea)."""
        import shapely

        lat, lon = np.atleast_1d(np.asarray(lat_deg, float)), np.atleast_1d(np.asarray(lon_deg, float))
        found = np.full(lat.size, -1, np.int64)
        points = shapely.points(np.mod(lon.ravel() + 180.0, 360.0) - 180.0, lat.ravel())
        which, piece = self._lookup().query(points)
        hit = shapely.intersects_xy(self._pieces[piece], shapely.get_x(points[which]), shapely.get_y(points[which]))
        which, piece = which[hit], piece[hit]
        smallest_last = np.argsort(-self._area[piece], kind="stable")
        found[which[smallest_last]] = self._owner[piece[smallest_last]]
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

        from whence.earth.coordinates import bounds_of_disc, distance_km

        if code := self.code_at(lat_deg, lon_deg):
            return code, 0.0
        box = bounds_of_disc(lat_deg, lon_deg, within_km)
        best, best_km = "", np.inf
        for turn in (-360.0, 0.0, 360.0):
            east = box.east + (360.0 if box.east < box.west else 0.0)
            window = shapely.box(box.west + turn, box.south, east + turn, box.north)
            for piece in self._lookup().query(window):
                km = _distance_to(self._pieces[piece], window, lat_deg, lon_deg, turn, distance_km)
                if km < best_km:
                    best, best_km = self._codes[self._owner[piece]], km
        return (best, best_km) if best_km <= within_km else ("", np.inf)

    def _lookup(self) -> STRtree:
        """Tree over the prepared pieces, made at the first lookup."""
        import shapely

        if self._tree is None:
            pieces, owner = [], []
            for part, rings in enumerate(self._parts):
                for polygon in assemble(rings):
                    pieces.append(polygon)
                    owner.append(self._part_country[part])
            self._pieces, self._owner = np.asarray(pieces, object), np.asarray(owner, np.int64)
            self._area = shapely.area(self._pieces)
            shapely.prepare(self._pieces)
            self._tree = shapely.STRtree(self._pieces)
        return self._tree


def _distance_to(
    piece: BaseGeometry, window: BaseGeometry, lat_deg: float, lon_deg: float, turn: float, distance_km: object
) -> float:
    """Distance in km from a point to the outline of a piece inside a window; scaled to local degrees."""
    import shapely

    near = shapely.intersection(shapely.make_valid(piece), window)
    if near.is_empty:
        return float("inf")
    stretch = max(float(np.cos(np.radians(lat_deg))), 1e-6)
    here = shapely.Point((lon_deg + turn) * stretch, lat_deg)
    local = shapely.transform(near, lambda xy: xy * [stretch, 1.0])
    x, y = shapely.get_coordinates(shapely.shortest_line(here, local))[1]
    return float(distance_km(lat_deg, lon_deg, y, x / stretch - turn))  # type: ignore[operator]


def _decode(table: Mapping[str, np.ndarray]) -> list[list[Ring]]:
    """Rings of every part, out of arcs of integer steps that neighbours share (as in TopoJSON)."""
    ends = np.cumsum(table["arc_length"])
    steps = np.stack([table["arc_dx"], table["arc_dy"]], axis=1).astype(np.int64)
    positions = np.cumsum(steps, axis=0)
    scale, offset = table["scale"], table["offset"]
    arcs = []
    for start, end in zip(ends - table["arc_length"], ends, strict=True):
        before = positions[start - 1] if start else np.zeros(2, np.int64)
        arcs.append((positions[start:end] - before) * scale + offset)
    rings = []
    at = 0
    for count in table["ring_length"]:
        pieces = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in table["ring_arcs"][at : at + count]]
        rings.append(np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])]))
        at += count
    stops = np.cumsum(table["part_rings"])
    return [rings[stop - n : stop] for n, stop in zip(table["part_rings"], stops, strict=True)]


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
