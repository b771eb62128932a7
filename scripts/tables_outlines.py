"""Outlines of countries, out of Natural Earth 1:10m as world-atlas packs it (TopoJSON)."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from tables_countries import geonames_data
from whence.earth.outlines import Outlines, assemble, polygons_of

WORLD_ATLAS = "world-atlas@2.0.2"

WITHOUT_NUMBER = {
    "Kosovo": "XK", "N. Cyprus": "CY", "Cyprus U.N. Buffer Zone": "CY", "Dhekelia": "CY", "Akrotiri": "CY",
    "Somaliland": "SO", "Siachen Glacier": "IN", "Baikonur": "KZ", "USNB Guantanamo Bay": "CU",
    "Coral Sea Is.": "AU", "Spratly Is.": "VN", "Clipperton I.": "PF", "Bajo Nuevo Bank": "CO",
    "Serranilla Bank": "CO", "Scarborough Reef": "PH", "Indian Ocean Ter.": "AU",
}  # fmt: skip
"""Features without an ISO number and the GeoNames country they go to. Administration on the ground or GeoNames'
own choice; no statement on sovereignty."""

INSIDE = {
    "FR": ["GP", "MQ", "RE", "GF", "YT"], "NO": ["SJ", "BV"], "NL": ["BQ"], "NZ": ["TK"], "AU": ["CX", "CC"],
    "RU": ["UA"],
}  # fmt: skip
"""Countries of GeoNames that Natural Earth draws inside another: their parts go to whichever's place is nearest.
(``RU``: Crimea, whose places are under ``UA`` in GeoNames.)"""

TOO_SMALL = {"VA": (12.4457, 41.9003, 12.4584, 41.9073)}
"""Countries that vanish at the scale of the data, as boxes: west, south, east, north."""

NO_PLACES = {"BV": [(-54.42, 3.36)]}
"""Uninhabited countries of `INSIDE` and where they are."""


def fetch_world_atlas(cache: Path) -> Path:
    """Return the path of ``countries-10m.json``, fetched from the npm registry when the cache lacks it."""
    target = cache / "package" / "countries-10m.json"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", WORLD_ATLAS, "--silent"], cwd=cache, check=True, capture_output=True)
        with tarfile.open(next(cache.glob("world-atlas-*.tgz"))) as archive:
            archive.extractall(cache, filter="data")
    return target


def build_outlines(source: Path) -> dict[str, np.ndarray]:
    """Return the arrays of ``outlines.npz``."""
    topology = json.loads(source.read_text("utf-8"))
    arcs = [np.asarray(arc, np.int64) for arc in topology["arcs"]]
    parts = [
        (_owner(feature), [[int(i) for i in ring] for ring in rings])
        for feature in topology["objects"]["countries"]["geometries"]
        for rings in (feature["arcs"] if feature["type"] == "MultiPolygon" else [feature["arcs"]])
    ]
    scale, offset = (np.asarray(topology["transform"][key], float) for key in ("scale", "translate"))
    parts = [(code, [ring for ring in part if _points(arcs, ring) >= 4]) for code, part in parts]
    parts = _split_inside([(code, part) for code, part in parts if part], arcs, scale, offset)
    for code, bounds in TOO_SMALL.items():
        box = np.round((_corners(*bounds) - offset) / scale).astype(np.int64)
        arcs.append(np.diff(box, axis=0, prepend=np.zeros((1, 2), np.int64)))
        parts.append((code, [[len(arcs) - 1]]))
    codes = sorted({code for code, _ in parts})
    parts.sort(key=lambda part: part[0])
    rings = [ring for _, part in parts for ring in part]
    steps = np.concatenate(arcs)
    table = {
        "codes": np.asarray(codes),
        "scale": scale,
        "offset": offset,
        "arc_length": np.asarray([len(arc) for arc in arcs], np.int32),
        "arc_dx": _smallest(steps[:, 0]),
        "arc_dy": _smallest(steps[:, 1]),
        "ring_length": np.asarray([len(ring) for ring in rings], np.int32),
        "ring_arcs": np.asarray([i for ring in rings for i in ring], np.int32),
        "part_rings": np.asarray([len(part) for _, part in parts], np.int32),
        "part_country": np.asarray([codes.index(code) for code, _ in parts], np.int16),
        "part_bounds": np.zeros((len(parts), 4), np.float32),
    }
    shapes = Outlines(table)
    bounds = np.asarray([_bounds(shapes.rings(part)[0]) for part in range(len(shapes))])
    return table | {"part_bounds": (bounds + np.asarray([-1e-4, -1e-4, 1e-4, 1e-4])).astype(np.float32)}


def _bounds(ring: np.ndarray) -> np.ndarray:
    """West, south, east, north of the polygons that a ring becomes."""
    return shapely.total_bounds(assemble([ring]))


def _corners(west: float, south: float, east: float, north: float) -> np.ndarray:
    return np.asarray([[west, south], [west, north], [east, north], [east, south], [west, south]])


def _points(arcs: list[np.ndarray], ring: list[int]) -> int:
    """Number of points of a ring; a rounded-away islet has fewer than four."""
    return sum(len(arcs[i if i >= 0 else ~i]) - 1 for i in ring) + 1


def _smallest(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int16 if np.abs(values).max() < 2**15 else np.int32)


def _owner(feature: dict[str, Any]) -> str:
    import pycountry

    name = feature["properties"]["name"]
    if name in WITHOUT_NUMBER:
        return WITHOUT_NUMBER[name]
    return str(pycountry.countries.get(numeric=feature["id"]).alpha_2)


def _split_inside(parts: list, arcs: list[np.ndarray], scale: np.ndarray, offset: np.ndarray) -> list:
    """Give the parts of sovereigns that GeoNames lists apart to the country of the nearest place."""
    places: dict[str, list[tuple[float, float]]] = {code: list(points) for code, points in NO_PLACES.items()}
    for row in json.loads((geonames_data() / "cities500.json").read_text("utf-8")).values():
        places.setdefault(row["countrycode"], []).append((row["latitude"], row["longitude"]))
    done = []
    for code, rings in parts:
        if code in INSIDE:
            outer = np.concatenate([_arc(arcs, i, scale, offset) for i in rings[0]])
            code = min([code, *INSIDE[code]], key=lambda c: _gap(np.asarray(places[c]), outer))
        done.append((code, rings))
    return done


def _arc(arcs: list[np.ndarray], index: int, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    points = np.cumsum(arcs[index if index >= 0 else ~index], axis=0) * scale + offset
    return points if index >= 0 else points[::-1]


def _gap(places: np.ndarray, ring: np.ndarray) -> float:
    """Smallest distance between places (lat, lon) and the middle of a ring (lon, lat), degrees of arc."""
    lon, lat = np.radians(ring.mean(axis=0))
    p_lat, p_lon = np.radians(places).T
    cos = np.sin(lat) * np.sin(p_lat) + np.cos(lat) * np.cos(p_lat) * np.cos(p_lon - lon)
    return float(np.degrees(np.arccos(np.clip(cos.max(), -1.0, 1.0))))


def build_simple(table: dict[str, np.ndarray], tolerance_deg: float = 0.15) -> dict[str, Any]:
    """Return the content of ``outlines_simple.json``: integers in 1/``scale`` degree, steps from point to point.

    Arcs are simplified, not polygons, so that neighbours keep a common border. Islets are left out, except the
    largest piece of each country.
    """
    exact, drawn = Outlines(table), Outlines(_simpler(table, tolerance_deg))
    scale = 20
    keep: dict[str, list] = {}
    for code in exact.codes:
        largest = max(part.area for part in exact.polygon(code).geoms)
        parts = polygons_of(drawn.polygon(code))
        parts = [part for part in parts if part.area >= 0.35 or part.area >= 0.8 * largest]
        if not parts:
            parts = [shapely.box(*_at_least(max(exact.polygon(code).geoms, key=lambda p: p.area).bounds, 0.15))]
        keep[code] = []
        for part in parts:
            rings = [part.exterior, *(hole for hole in part.interiors if shapely.Polygon(hole).area > 0.02)]
            keep[code].append([_steps(np.asarray(ring.coords), scale) for ring in rings])
    return {"scale": scale, "countries": keep}


def _simpler(table: dict[str, np.ndarray], tolerance_deg: float) -> dict[str, np.ndarray]:
    """The same table with Douglas–Peucker simplified arcs; closed ones keep at least a triangle."""
    stops = np.cumsum(table["arc_length"])
    steps = np.stack([table["arc_dx"], table["arc_dy"]], axis=1).astype(np.int64)
    scale, arcs = table["scale"], []
    for start, stop in zip(stops - table["arc_length"], stops, strict=True):
        points = np.cumsum(steps[start:stop], axis=0)
        closed = len(points) > 3 and (points[0] == points[-1]).all()
        line = (shapely.LinearRing if closed else shapely.LineString)(points * scale)
        simple = shapely.simplify(line, tolerance_deg, preserve_topology=closed)
        arcs.append(np.round(shapely.get_coordinates(simple) / scale).astype(np.int64))
    moves = np.concatenate([np.diff(arc, axis=0, prepend=np.zeros((1, 2), np.int64)) for arc in arcs])
    lengths = np.asarray([len(arc) for arc in arcs])
    return {**table, "arc_length": lengths, "arc_dx": moves[:, 0], "arc_dy": moves[:, 1]}


def _at_least(bounds: tuple[float, ...], size: float) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    x, y = (west + east) / 2, (south + north) / 2
    half_x, half_y = max(east - west, size) / 2, max(north - south, size) / 2
    return x - half_x, y - half_y, x + half_x, y + half_y


def _steps(ring: np.ndarray, scale: int) -> list[int]:
    """First point and integer steps of a ring, those of no length left out."""
    points = np.round(ring * scale).astype(int)
    steps = np.diff(points, axis=0, prepend=np.zeros((1, 2), int))
    moved = np.any(steps != 0, axis=1)
    moved[0] = True
    return [int(v) for v in steps[moved].ravel()]
