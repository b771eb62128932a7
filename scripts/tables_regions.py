"""The map of countries, divisions and time zones as runs of order-10 cells."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from tables_gazetteer import division_code, division_names, places
from whence.earth import grid
from whence.earth.atlas import TABLE_ORDER
from whence.earth.countries import countries
from whence.earth.outlines import Outlines, outlines, unwrap_ring
from whence.earth.timezones import nautical_zone

LAND_SHARE_ORDER = 7
_SAMPLES = 2  # orders below the table's at which coastal cells are sampled for the share of land


def build_regions() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the arrays of ``regions.npz``, and the share of land in each order-7 cell in 255ths."""
    shapes = outlines()
    edge = _edge_cells(shapes)
    country = _classify(shapes, edge)
    _keep_small(shapes, country)
    share = _land_share(shapes, country, edge)
    shore = _give_shore(country, edge)
    division, zone, tables = _by_nearest_place(shapes.codes, country)
    marked = shore.copy()
    marked[edge] = True
    runs = _runs(country, division, zone, marked, shore)
    return runs | tables, share


def _give_shore(country: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Give each sea cell next to land to the country that most of its neighbours are in; returns which they are.

    Piers, beaches and harbours belong to the country, and outlines and cells are only so exact.
    """
    beside = np.unique(np.concatenate([edge, grid.neighbours(edge, TABLE_ORDER).ravel()]))
    beside = beside[beside >= 0]
    beside = beside[country[beside] < 0]
    around = grid.neighbours(beside, TABLE_ORDER)
    found = np.where(around >= 0, country[np.maximum(around, 0)], -1)
    votes = np.where(found >= 0, (found[:, :, None] == found[:, None, :]).sum(axis=2), -1)
    chosen = found[np.arange(len(found)), votes.argmax(axis=1)]
    shore = np.zeros(country.size, bool)
    shore[beside[chosen >= 0]] = True
    country[beside] = chosen
    return shore


def _edge_cells(shapes: Outlines) -> np.ndarray:
    """Cells that a border or coast passes through, found by points at most 1.2 km apart along it."""
    step = 1.2 / 111.2
    found = []
    for part in range(len(shapes)):
        for ring in shapes.rings(part):
            line = unwrap_ring(ring)
            gap = np.hypot(*(np.diff(line, axis=0) * [1.0, 1.0]).T)
            counts = np.maximum(np.ceil(gap / step).astype(int), 1)
            first = np.repeat(line[:-1], counts, axis=0)
            move = np.repeat(np.diff(line, axis=0), counts, axis=0)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            points = first + move * (within / np.repeat(counts, counts))[:, None]
            found.append(np.unique(grid.cells_at(points[:, 1], points[:, 0], TABLE_ORDER)))
    return np.unique(np.concatenate(found))


def _classify(shapes: Outlines, edge: np.ndarray) -> np.ndarray:
    """Country of every cell of the table's order; cells without a border are filled whole."""
    country = np.full(grid.cell_count(TABLE_ORDER), -1, np.int16)
    cells = np.arange(12, dtype=np.int64)
    for order in range(TABLE_ORDER + 1):
        if order:
            cells = grid.children(cells, order - 1, order).ravel()
        cut = np.isin(cells, np.unique(grid.parents(edge, TABLE_ORDER, order))) & (order < TABLE_ORDER)
        whole = cells[~cut]
        if whole.size:
            value = shapes.indices_at(*grid.centres(whole, order))
            country[grid.children(whole, order, TABLE_ORDER)] = value[:, None]
        cells = cells[cut]
    return country


def _keep_small(shapes: Outlines, country: np.ndarray) -> None:
    """Give every islet that no cell's centre falls into the cell in its middle, and every country some cell."""
    import shapely

    for index, code in enumerate(shapes.codes):
        parts = sorted(shapes.polygon(code).geoms, key=lambda part: -part.area)
        present = bool((country == index).any())
        for part in parts:
            middle = shapely.point_on_surface(part)
            cell = int(grid.cells_at(middle.y, middle.x, TABLE_ORDER))
            if country[cell] < 0 or not present:
                country[cell], present = index, True


def _by_nearest_place(
    codes: tuple[str, ...], country: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Division and zone of every land cell, by the nearest place of its country; and the lists of regions."""
    rows = places()
    names = division_names(rows)
    vectors = grid.unit_vectors([r["latitude"] for r in rows], [r["longitude"] for r in rows])
    of_place = np.asarray([r["countrycode"] for r in rows])
    place_division = np.asarray([division_code(r) for r in rows], object)
    place_zone = np.asarray([r["timezone"] for r in rows], object)
    cell_division = np.full(country.size, -1, np.int16)
    cell_zone = np.full(country.size, -1, np.int16)
    divisions: dict[str, int] = {}
    zones: dict[str, int] = {}
    for index, code in enumerate(codes):
        cells = np.flatnonzero(country == index)
        lat, lon = grid.centres(cells, TABLE_ORDER)
        mine = np.flatnonzero(of_place == code)
        with_division = mine[[("." in place_division[i]) for i in mine]] if mine.size else mine
        if mine.size:
            points = grid.unit_vectors(lat, lon)
            trusted = with_division if with_division.size else mine
            near = place_division[trusted[cKDTree(vectors[trusted]).query(points, workers=2)[1]]]
            near_zone = place_zone[mine[cKDTree(vectors[mine]).query(points, workers=2)[1]]]
        else:
            near = np.full(cells.size, code, object)
            near_zone = _zones_without_places(code, lat, lon)
        cell_division[cells] = [divisions.setdefault(d, len(divisions)) for d in near]
        cell_zone[cells] = [zones.setdefault(z, len(zones)) for z in near_zone]
    known = countries()
    extra = [code for code in dict.fromkeys(place_division) if code not in divisions]
    for code in extra:
        divisions[code] = len(divisions)
    zone_country = _main_country(place_zone, of_place)
    division_list, division_rank = _sorted(divisions)
    zone_list, zone_rank = _sorted(zones)
    cell_division = np.append(division_rank, -1)[cell_division].astype(np.int16)
    cell_zone = np.append(zone_rank, -1)[cell_zone].astype(np.int16)
    tables = {
        "country_codes": _blob(list(codes)),
        "country_names": _blob([known[code].name for code in codes]),
        "country_countries": _blob(list(codes)),
        "region_codes": _blob(division_list),
        "region_names": _blob([names.get(c) or known[c[:2]].name for c in division_list]),
        "region_countries": _blob([code[:2] for code in division_list]),
        "timezone_codes": _blob(zone_list),
        "timezone_names": _blob(zone_list),
        "timezone_countries": _blob(
            [zone_country.get(zone, "AQ" if "Antarctica" in zone else "") for zone in zone_list]
        ),
    }
    return cell_division, cell_zone, tables


def _sorted(index: dict[str, int]) -> tuple[list[str], np.ndarray]:
    names = sorted(index)
    rank = np.empty(len(names), np.int64)
    for position, name in enumerate(names):
        rank[index[name]] = position
    return names, rank


def _main_country(zones: np.ndarray, of_place: np.ndarray) -> dict[str, str]:
    pairs, counts = np.unique(np.stack([zones.astype(str), of_place.astype(str)]), axis=1, return_counts=True)
    best: dict[str, str] = {}
    for i in np.argsort(counts, kind="stable"):
        best[str(pairs[0, i])] = str(pairs[1, i])
    return best


def _blob(lines: list[str]) -> np.ndarray:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _zones_without_places(code: str, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Zones of a country without places: that of the nearest reference point in zone.tab, else the nautical one."""
    listed: list[tuple[float, float, str]] = []
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        fields = line.split("\t")
        if fields[0] == code:
            listed.append((*_iso6709(fields[1]), fields[2]))
    if not listed:
        return np.asarray([nautical_zone(float(x)) for x in lon], object)
    points = grid.unit_vectors([row[0] for row in listed], [row[1] for row in listed])
    nearest = np.argmax(grid.unit_vectors(lat, lon) @ points.T, axis=1)
    return np.asarray([row[2] for row in listed], object)[nearest]


def _iso6709(text: str) -> tuple[float, float]:
    """Decimal degrees of ``±DDMM±DDDMM`` or ``±DDMMSS±DDDMMSS``."""
    split = max(text.rfind("+"), text.rfind("-"))
    values = []
    for part, width in ((text[:split], 2), (text[split:], 3)):
        digits = part[1:]
        degrees = int(digits[:width]) + int(digits[width : width + 2]) / 60 + int(digits[width + 2 :] or 0) / 3600
        values.append(-degrees if part[0] == "-" else degrees)
    return values[0], values[1]


def _runs(
    country: np.ndarray, division: np.ndarray, zone: np.ndarray, marked: np.ndarray, shore: np.ndarray
) -> dict[str, Any]:
    key = (
        ((country.astype(np.int64) + 1) << 40) | ((division.astype(np.int64) + 1) << 20)
        | ((zone.astype(np.int64) + 1) << 2) | (shore.astype(np.int64) << 1) | marked
    )  # fmt: skip
    first = np.flatnonzero(np.diff(key, prepend=-1))
    atoms, run_atom = np.unique(key[first], return_inverse=True)
    return {
        "run_length": np.diff(first, append=key.size).astype(np.uint32),
        "run_atom": run_atom.astype(np.uint16),
        "atom_country": ((atoms >> 40) - 1).astype(np.int16),
        "atom_division": (((atoms >> 20) & 0xFFFFF) - 1).astype(np.int16),
        "atom_timezone": (((atoms >> 2) & 0x3FFFF) - 1).astype(np.int16),
        "atom_shore": ((atoms >> 1) & 1).astype(bool),
        "atom_edge": (atoms & 1).astype(bool),
    }


def _land_share(shapes: Outlines, country: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Share of land in each order-7 cell: whole cells by their country, coastal ones by 16 points in each."""
    land = (country >= 0).astype(np.float32)
    around = grid.neighbours(edge, TABLE_ORDER)
    coastal = edge[(country[around] < 0).any(axis=1) | (country[edge] < 0)]
    fine = grid.children(coastal, TABLE_ORDER, TABLE_ORDER + _SAMPLES)
    hit = shapes.indices_at(*grid.centres(fine.ravel(), TABLE_ORDER + _SAMPLES)).reshape(fine.shape) >= 0
    land[coastal] = hit.mean(axis=1)
    share = land.reshape(grid.cell_count(LAND_SHARE_ORDER), -1).mean(axis=1, dtype=np.float64)
    some = (share > 0) & (share < 0.5 / 255)
    return np.where(some, 1, np.round(share * 255)).astype(np.uint8)
