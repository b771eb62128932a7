"""What lies under a belief on a map: land with borders, the graticule, towns; all as SVG path data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from whence.earth import grid
from whence.earth.coordinates import bounds_of_disc, wrap_lon_deg
from whence.earth.formats import joined, wrap_geometry
from whence.earth.projection import Window

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

DETAIL_KM_PER_PX = 3.0
"""Maps at a finer scale than this take the full outlines, others the simplified ones."""

INSET_PX = 170
"""Width of the small map of the world in the upper right corner of a map of a part of it."""

_SNAP_PX = 0.02
_GRATICULE_STEPS_DEG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Town:
    """A place to be labelled, with its position on the sheet."""

    name: str
    x: float
    y: float
    population: int


@dataclass(frozen=True, slots=True)
class GraticuleLine:
    """One meridian or parallel on the sheet: path data, label, and where it leaves the sheet."""

    path: str
    label: str
    x: float
    y: float
    meridian: bool


def path_data(geometry: BaseGeometry, tolerance_px: float = 0.3) -> str:
    """SVG path data of polygons or lines on the sheet, to a tenth of a pixel."""
    import shapely

    parts = shapely.get_parts(geometry)
    if tolerance_px:
        parts = shapely.simplify(parts, tolerance_px)  # one by one: quick
    out: list[str] = []
    for part in parts.tolist():
        if part.geom_type == "Polygon":
            out += [_ring(ring, closed=True) for ring in (part.exterior, *part.interiors)]
        elif part.geom_type == "LineString":
            out.append(_ring(part, closed=False))
        elif part.geom_type.startswith(("Multi", "Geometry")):
            out.append(path_data(part, 0.0))
    return "".join(out)


def _ring(ring: Any, *, closed: bool) -> str:
    import shapely

    tenths = np.rint(shapely.get_coordinates(ring) * 10.0).astype(np.int64)
    if len(tenths) < 2:
        return ""
    moved = np.concatenate([[True], (np.diff(tenths, axis=0) != 0).any(axis=1)])
    tenths = tenths[moved]
    if closed and len(tenths) > 1 and (tenths[0] == tenths[-1]).all():
        tenths = tenths[:-1]
    if len(tenths) < (3 if closed else 2):
        return ""
    steps = np.diff(tenths, axis=0)
    moves = "".join([_pair(dx, dy) for dx, dy in steps.tolist()])
    return f"M{_tenth(int(tenths[0, 0]))} {_tenth(int(tenths[0, 1]))}l{moves.lstrip()}{'Z' if closed else ''}"


def _pair(dx: int, dy: int) -> str:
    first, second = _tenth(dx), _tenth(dy)
    return f"{'' if first[0] == '-' else ' '}{first}{'' if second[0] == '-' else ' '}{second}"


def _tenth(value: int | np.integer) -> str:
    whole, rest = divmod(abs(int(value)), 10)
    digits = f"{whole if whole or not rest else ''}{f'.{rest}' if rest else ''}"
    return f"-{digits}" if value < 0 else digits


def to_sheet(geometry: BaseGeometry, window: Window) -> BaseGeometry:
    """Project a geometry in longitude, latitude degrees onto the sheet, cut at its edges.

    Parts that only the antimeridian separates are joined.
    """
    import shapely

    moved = shapely.transform(geometry, lambda xy: xy - [window.lon_deg, 0.0])
    parts = shapely.get_parts(moved)
    parts = np.where(shapely.is_valid(parts), parts, shapely.make_valid(parts))
    near = shapely.GeometryCollection([wrap_geometry(part) for part in parts.tolist()])
    longest = 2.0
    if not window.world:
        near = shapely.intersection(near, _clip_box(window))
        longest = float(np.clip(window.reach_km / 400.0, 0.02, 2.0))
    if near.is_empty:
        return near

    def project(xy: np.ndarray) -> np.ndarray:
        return np.stack(window.project(xy[:, 1], xy[:, 0] + window.lon_deg), axis=-1)

    flat = shapely.transform(shapely.get_parts(shapely.segmentize(near, longest)), project)
    flat = np.where(shapely.is_valid(flat), flat, shapely.make_valid(flat))
    sheet = shapely.box(-3.0, -3.0, window.width_px + 3.0, window.height_px + 3.0)
    parts = shapely.get_parts(shapely.intersection(flat, sheet))
    parts = shapely.get_parts(parts)
    areas = parts[shapely.area(parts) > 0.0]
    return shapely.GeometryCollection(joined(areas, _SNAP_PX).tolist() if areas.size else [])


def _clip_box(window: Window) -> BaseGeometry:
    """Longitudes and latitudes that a window may show, longitudes from its middle."""
    import shapely

    box = bounds_of_disc(window.lat_deg, window.lon_deg, min(window.reach_km * 1.05, 15000.0))
    if box.east - box.west >= 360.0:
        return shapely.box(-180.0, box.south, 180.0, box.north)
    half = float(wrap_lon_deg(box.east - window.lon_deg))
    return shapely.box(-half, box.south, half, box.north)


@lru_cache(maxsize=16)
def land_paths(window: Window) -> tuple[str, ...]:
    """Path data of every country in sight (kept for the last windows)."""
    from shapely.geometry import MultiPolygon, Polygon

    from whence.earth.outlines import outlines, simple_outlines

    full = not window.world and window.km_per_px < DETAIL_KM_PER_PX
    tolerance = 0.6 if window.width_px < 300 else 0.45 if window.world else 0.3
    paths = []
    for code, polygons in sorted(simple_outlines().items()):
        if not window.world and not _in_sight(polygons, window):
            continue
        if full and code in outlines().codes:
            shape = outlines().polygon(code)
        else:
            shape = MultiPolygon([Polygon(rings[0], rings[1:]) for rings in polygons])
        paths.append(path_data(to_sheet(shape, window), tolerance))
    return tuple(path for path in paths if path)


def _in_sight(polygons: Any, window: Window) -> bool:
    """Tell whether a country may reach into the window; errs on the side of yes."""
    import shapely

    box = _clip_box(window)
    west, south, east, north = box.bounds
    margin = 2.0
    for rings in polygons:
        lon, lat = rings[0][:, 0], rings[0][:, 1]
        if lat.max() < south - margin or lat.min() > north + margin:
            continue
        for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
            shifted = lon - window.lon_deg + turn
            if shifted.max() >= west - margin and shifted.min() <= east + margin:
                return True
    return bool(shapely.is_empty(box))


def sphere_path(window: Window) -> str:
    """Path data of the Earth's edge: an oval for the world, the whole sheet else."""
    if not window.world:
        return f"M0 0h{window.width_px}v{window.height_px}H0Z"
    lat = np.linspace(-90.0, 90.0, 91)
    x, y = window.project(np.r_[lat, lat[::-1]], window.lon_deg + np.r_[np.full(91, 180.0), np.full(91, -180.0)])
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "Z"


@lru_cache(maxsize=16)
def graticule(window: Window) -> tuple[GraticuleLine, ...]:
    """Meridians and parallels at a step that gives about six of them."""
    box = _clip_box(window)
    west, south, east, north = (-180.0, -90.0, 180.0, 90.0) if window.world else box.bounds
    span = window.height_px * window.km_per_px / 111.2
    step_lat = 30.0 if window.world else next((s for s in _GRATICULE_STEPS_DEG if span / s <= 5.0), 30.0)
    shrink = max(float(np.cos(np.radians(window.lat_deg))), 0.02)
    wide = window.width_px * window.km_per_px / 111.2 / shrink
    step_lon = 30.0 if window.world else next((s for s in _GRATICULE_STEPS_DEG if wide / s <= 7.0), 30.0)
    lines = []
    first = np.ceil((window.lon_deg + west) / step_lon)
    for k in np.arange(first, np.floor((window.lon_deg + east) / step_lon) + 1.0):
        polar = 90.0 - min(step_lat, 10.0)  # meridians end before they crowd
        lat = np.linspace(max(south, -polar), min(north, polar), 181)
        lines.append(_line(window, lat, np.full(181, k * step_lon), True, float(wrap_lon_deg(k * step_lon))))
    for k in np.arange(np.ceil(south / step_lat), np.floor(north / step_lat) + 1.0):
        if abs(k * step_lat) < 90.0:
            lon = window.lon_deg + np.linspace(west, east, 361)
            lines.append(_line(window, np.full(361, k * step_lat), lon, False, k * step_lat))
    return tuple(line for line in lines if line.path)


def _line(window: Window, lat: np.ndarray, lon: np.ndarray, meridian: bool, value: float) -> GraticuleLine:
    import shapely

    x, y = window.project(lat, lon)
    sheet = shapely.box(0, 0, window.width_px, window.height_px)
    cut = shapely.intersection(shapely.LineString(np.stack([x, y], axis=1)), sheet)
    ends = shapely.get_coordinates(cut)
    if len(ends) < 2:
        return GraticuleLine("", "", 0.0, 0.0, meridian)
    letter = ("E" if value > 0 else "W") if meridian else ("N" if value > 0 else "S")
    label = f"{abs(value):g}°{letter if value % 180.0 else ''}"
    at = ends[np.argmax(ends[:, 1])] if meridian else ends[np.argmin(ends[:, 0])]
    return GraticuleLine(path_data(cut), label, float(at[0]), float(at[1]), meridian)


def towns(window: Window, most: int = 12) -> tuple[Town, ...]:
    """The places to label: those near the middle and the largest, so that no two labels collide."""
    from whence.earth.places import gazetteer

    known = gazetteer()
    middle = grid.unit_vectors(window.lat_deg, window.lon_deg)
    south_north = window.reach_km / 110.0
    candidates = np.flatnonzero(np.abs(known.lat_deg - window.lat_deg) <= south_north)
    vectors = grid.unit_vectors(known.lat_deg[candidates], known.lon_deg[candidates])
    candidates = candidates[grid.chord_km(vectors, middle) <= window.reach_km]
    x, y = window.project(known.lat_deg[candidates], known.lon_deg[candidates])
    inside = (x > 8) & (x < window.width_px - 60) & (y > 12) & (y < window.height_px - 40)
    inside &= (x < window.width_px - INSET_PX - 100) | (y > INSET_PX * 0.5 + 30)
    candidates, x, y = candidates[inside], x[inside], y[inside]
    order = np.argsort(-known.populations[candidates], kind="stable")[:400]
    off_middle = np.hypot(x - window.width_px / 2, y - window.height_px / 2)
    nearest = np.argsort(off_middle, kind="stable")[:3]
    chosen: list[Town] = []
    for i in [*order[:3].tolist(), *nearest.tolist(), *order[3:].tolist()]:
        town = _town(int(candidates[i]), float(x[i]), float(y[i]))
        if len(chosen) < most and all(_apart(town, other) for other in chosen):
            chosen.append(town)
    return tuple(chosen)


def _town(index: Int[np.ndarray, ""] | int, x: float, y: float) -> Town:
    from whence.earth.places import gazetteer

    place = gazetteer().place(int(index))
    return Town(place.name, x, y, place.population)


def _apart(a: Town, b: Town) -> bool:
    width = 6.6 * max(len(a.name), len(b.name)) + 18.0
    return abs(a.y - b.y) > 17.0 or abs(a.x - b.x) > width
