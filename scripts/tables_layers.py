"""Layers of the Earth on the nested grid: heights, climate, lights, distance to the coast, land masses.

Reads world rasters (plate carree, north first, pixels are areas) from a folder; coasts and land masses come from
the outlines of countries. One byte for a cell and layer, with a code book.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from whence.earth import grid
from whence.earth.atlas import TABLE_ORDER, atlas
from whence.earth.coordinates import destination
from whence.earth.outlines import assemble, outlines, polygons_of, unwrap_ring
from whence.earth.tables import read_arrays

ORDER = 8
"""Order of the layers: 25 km."""

COAST_ORDER = 9
"""Order of the distances to the coast: 13 km."""

RASTERS = ("elevation8.png", "etopo20.npz", "nightlights.jpg", "koppen_1991_2020.npz")

METRES_PER_STEP = 25.49
"""Height of one grey step of the elevation picture."""

LIGHTS_DRAWN_DEG = (-0.05, 0.07)
"""How far north and east of the truth the picture of lights is drawn: 0.6 pixels south, 0.8 east."""

DARK_RED = 45.0
"""Red values up to here are the tint of land and sea, not light."""

RELIEF_KM = 30.0
KOPPEN_REACH_PX = 4
"""How far from a class land without one still takes it: lines of borders and coasts were drawn over the figure."""

EF, ICE_SOUTH_OF_DEG = 30, -60.0
DEPRESSION_KM = 50.0
"""Heights below the sea are believed at least so far from any shore (coarse cells by the sea hold its depth)."""

DEPRESSIONS_SOUTH_OF_DEG = 55.0
"""Farther north, what lies below the sea are the beds of lakes."""

CASPIAN = (45.0, 36.0, 56.0, 48.0)
"""West, south, east, north of the shore that is no sea coast."""


def missing(folder: Path) -> list[str]:
    """Names of the rasters that are not in the folder."""
    return [name for name in RASTERS if not (folder / name).is_file()]


def build_layers(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of ``layers.npz``.

    ``land`` has one bit for each cell of `ORDER`; a layer has one byte for each land cell, in nested order, and a
    code book ``*_levels``; ``coast_km`` has one for each child of a land cell.
    """
    land10 = _land()
    share = land10.reshape(grid.cell_count(ORDER), -1)
    cells = np.flatnonzero(share.any(axis=1))
    weight = share[cells].astype(float)
    lat, lon = grid.centres(grid.children(cells, ORDER, TABLE_ORDER).ravel(), TABLE_ORDER)
    shore, caspian, coastal = _coast_points()
    fine = grid.unit_vectors(*grid.centres(grid.children(cells, ORDER, COAST_ORDER).ravel(), COAST_ORDER))
    coast_km = _distance(fine, shore)
    coast_km[~land10.reshape(-1, 4 ** (TABLE_ORDER - COAST_ORDER)).any(axis=1)[_children(cells)]] = 0.0
    middle = grid.unit_vectors(*grid.centres(cells, ORDER))
    inland = _distance(middle, np.concatenate([shore, caspian])) > DEPRESSION_KM
    mass, area = _land_masses(cells, share)
    heights = _heights(folder)
    return {
        "land": np.packbits(share.any(axis=1)),
        **_coded("elevation_m", _elevation(folder, heights, lat, lon, weight, inland), _steps(-450, 6350, 25)),
        **_coded("relief_m", _relief(heights, cells), _steps(0, 5000, METRES_PER_STEP)),
        "koppen": _koppen(folder, lat, lon, weight),
        **_coded("night_light", _lights(folder, lat, lon, weight.size // len(cells)), _squares(210, 128)),
        **_coded("coast_km", coast_km, _exponentials(2800, 10, 180)),
        "landmass": mass,
        "landmass_km2": area,
        "landlocked": np.asarray(sorted(set(outlines().codes) - coastal - {"AQ"})),
    }


def _land() -> np.ndarray:
    """Which cells of the atlas are land, the sea along the shore left out, islets kept."""
    table = atlas()
    lengths = np.diff(table.starts, append=grid.cell_count(TABLE_ORDER))
    dry = (table.country >= 0) & ~table.shore
    return np.repeat(dry[table.atoms], lengths)


def _children(cells: np.ndarray) -> np.ndarray:
    return grid.children(cells, ORDER, COAST_ORDER).ravel()


# ------------------------------------------------------------------------------------------------ code books


def _steps(low: float, high: float, step: float) -> np.ndarray:
    return np.arange(low, high, step)[:256] if step * 256 < high - low else np.arange(low, high, step)


def _squares(high: float, count: int) -> np.ndarray:
    return high * (np.arange(count) / (count - 1)) ** 2


def _exponentials(high: float, bend: float, count: int) -> np.ndarray:
    return bend * np.expm1(np.log1p(high / bend) * np.arange(count) / (count - 1))


def _coded(name: str, values: np.ndarray, levels: np.ndarray) -> dict[str, np.ndarray]:
    """Nearest level of each value, and the levels."""
    assert levels.size <= 256
    edges = (levels[1:] + levels[:-1]) / 2.0
    return {name: np.searchsorted(edges, values).astype(np.uint8), f"{name}_levels": levels.astype(np.float32)}


# ------------------------------------------------------------------------------------------------ rasters


def _sample(
    raster: np.ndarray, lat: np.ndarray, lon: np.ndarray, bounds: tuple[float, float, float, float]
) -> np.ndarray:
    """Pixel at each point; points beyond the bounds take the edge."""
    west, south, east, north = bounds
    height, width = raster.shape[:2]
    column = np.clip(np.floor((lon - west) / (east - west) * width), 0, width - 1).astype(np.int64)
    row = np.clip(np.floor((north - lat) / (north - south) * height), 0, height - 1).astype(np.int64)
    return raster[row, column]


_WORLD = (-180.0, -90.0, 180.0, 90.0)


def _mean_on_land(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (values.reshape(weight.shape) * weight).sum(axis=1) / weight.sum(axis=1)


def _heights(folder: Path) -> np.ndarray:
    with Image.open(folder / "elevation8.png") as picture:
        return np.asarray(picture, np.float32) * METRES_PER_STEP


def _elevation(
    folder: Path, heights: np.ndarray, lat: np.ndarray, lon: np.ndarray, weight: np.ndarray, inland: np.ndarray
) -> np.ndarray:
    """Mean height of the land in each cell; depressions, which the finer picture lacks, from the coarser grid."""
    with np.load(folder / "etopo20.npz") as archive:
        coarse = archive["elevation_m"].astype(np.float32)
    fine = _sample(heights, lat, lon, _WORLD)
    deep = np.clip(_sample(coarse, lat, lon, _WORLD), -450.0, 0.0)
    lowland = np.repeat(inland, weight.shape[1]) & (lat < DEPRESSIONS_SOUTH_OF_DEG)
    sunken = (fine == 0.0) & lowland.reshape(fine.shape)
    return _mean_on_land(np.where(sunken, deep, fine), weight)


def _relief(heights: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Highest minus lowest height within `RELIEF_KM` of the middle of each cell; the sea counts as 0."""
    lat, lon = grid.centres(cells, ORDER)
    low, high = np.full(cells.size, np.inf), np.full(cells.size, -np.inf)
    for radius, count in ((0.0, 1), (RELIEF_KM / 3, 6), (RELIEF_KM * 2 / 3, 12), (RELIEF_KM, 18)):
        for bearing in np.arange(count) * 360.0 / count:
            found = _sample(heights, *destination(lat, lon, bearing, radius), _WORLD)
            low, high = np.minimum(low, found), np.maximum(high, found)
    return high - low


def _lights(folder: Path, lat: np.ndarray, lon: np.ndarray, samples: int) -> np.ndarray:
    """Mean brightness above the tint of the picture in each cell."""
    with Image.open(folder / "nightlights.jpg") as picture:
        red = np.asarray(picture.convert("RGB"), np.float32)[..., 0]
    north, east = LIGHTS_DRAWN_DEG
    there = (np.clip(lat + north, -90, 90), (lon + east + 180.0) % 360.0 - 180.0)
    bright = np.maximum(_sample(red, *there, _WORLD) - DARK_RED, 0.0)
    return bright.reshape(-1, samples).mean(axis=1)


def _koppen(folder: Path, lat: np.ndarray, lon: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Most frequent class on the land of each cell, 0 for none; ice south of the raster.

    Pixels that were filled in when the figure was decoded are not taken (another land mask stands behind them): they
    are filled from their neighbours here, as far as the outlines say land.
    """
    with np.load(folder / "koppen_1991_2020.npz") as archive:
        classes, bounds = archive["cls"], tuple(archive["bounds_wsen"].tolist())
        filled_in = np.unpackbits(archive["repaired_bits"], axis=1)[:, : classes.shape[1]].astype(bool)
    classes = np.where(filled_in, 0, classes)
    away, nearest = distance_transform_edt(classes == 0, return_indices=True)
    filled = np.where(away <= KOPPEN_REACH_PX, classes[tuple(nearest)], 0)
    found = np.where((lat >= bounds[1]) & (lat <= bounds[3]), _sample(filled, lat, lon, bounds), 0)
    found = np.where(lat < ICE_SOUTH_OF_DEG, EF, found).reshape(weight.shape)
    votes = np.zeros((len(weight), 31), np.float32)
    for column in range(weight.shape[1]):
        np.add.at(votes, (np.arange(len(weight)), found[:, column]), weight[:, column] + 1e-3)
    votes[:, 0] *= 1e-6  # none only where nothing else was found
    return votes.argmax(axis=1).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ coasts, land masses


def _arc_use() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arc of each step of a ring, the part that it bounds, and how often each arc is used."""
    table = read_arrays("outlines.npz")
    arcs = np.where(table["ring_arcs"] < 0, ~table["ring_arcs"], table["ring_arcs"]).astype(np.int64)
    ring = np.repeat(np.arange(table["ring_length"].size), table["ring_length"])
    part = np.repeat(np.arange(table["part_rings"].size), table["part_rings"])[ring]
    return arcs, part, np.bincount(arcs, minlength=table["arc_length"].size)


def _coast_points() -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Unit vectors at most 1 km apart along sea coasts and along the Caspian Sea; countries that have a sea coast.

    Arcs that bound one country alone are coasts. Vatican City's box lies within Italy and is none.
    """
    table, shapes = read_arrays("outlines.npz"), outlines()
    arcs, part, uses = _arc_use()
    starts = np.concatenate([[0], np.cumsum(table["arc_length"])])
    steps = np.stack([table["arc_dx"], table["arc_dy"]], axis=1).astype(np.int64)
    sea, lake, coastal = [], [], set()
    for arc, owner in zip(arcs.tolist(), part.tolist(), strict=True):
        code = shapes.codes[int(table["part_country"][owner])]
        if uses[arc] != 1 or code == "VA":
            continue
        line = unwrap_ring(np.cumsum(steps[starts[arc] : starts[arc + 1]], axis=0) * table["scale"] + table["offset"])
        points = _densified(line)
        inside = (points >= CASPIAN[:2]).all(axis=1) & (points <= CASPIAN[2:]).all(axis=1)
        lake.append(points[inside])
        sea.append(points[~inside])
        if not inside.all():
            coastal.add(code)
    vectors = [grid.unit_vectors(*np.concatenate(found)[:, ::-1].T) for found in (sea, lake)]
    return vectors[0], vectors[1], coastal


def _densified(line: np.ndarray) -> np.ndarray:
    step = 1.0 / 111.2
    gap = np.hypot(*np.diff(line, axis=0).T)
    counts = np.maximum(np.ceil(gap / step).astype(int), 1)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    share = within / np.repeat(counts, counts)
    return np.repeat(line[:-1], counts, axis=0) + np.repeat(np.diff(line, axis=0), counts, axis=0) * share[:, None]


def _distance(vectors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance in km to the nearest of the points."""
    chord = cKDTree(points).query(vectors, workers=2)[0]
    return 2.0 * grid.EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2.0, 1.0))


def _land_masses(cells: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Land mass of each land cell (the one with most of it), and the area of each land mass in km², largest first.

    Parts of countries that share a stretch of border are one land mass.
    """
    arcs, part, uses = _arc_use()
    count = int(part.max()) + 1
    shared = uses[arcs] == 2
    order = np.argsort(arcs[shared], kind="stable")
    pairs = part[shared][order].reshape(-1, 2)
    joined = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, mass = connected_components(joined, directed=False)
    pieces = [[p for polygon in assemble(outlines().rings(i)) for p in polygons_of(polygon)] for i in range(count)]
    area = np.bincount(mass, weights=[sum(_area_km2(p) for p in found) for found in pieces])
    rank = np.empty(area.size, np.int64)
    rank[np.argsort(-area, kind="stable")] = np.arange(area.size)
    mass, area = rank[mass], np.sort(area)[::-1]
    return _mass_of_cells(cells, share, pieces, mass).astype(np.uint16), area.astype(np.float32)


def _area_km2(polygon: shapely.Polygon) -> float:
    """Area by the cylindrical equal-area projection of the authalic sphere."""
    flat = shapely.transform(
        polygon,
        lambda xy: np.stack([np.radians(xy[:, 0]), np.sin(np.radians(grid.authalic_lat_deg(xy[:, 1])))], axis=1),
    )
    return float(flat.area) * grid.EARTH_RADIUS_KM**2


def _mass_of_cells(cells: np.ndarray, share: np.ndarray, pieces: list, mass: np.ndarray) -> np.ndarray:
    """Land mass of each cell; an islet that no point falls into takes the cell of its middle if that has none."""
    sub = grid.children(cells, ORDER, TABLE_ORDER)[share[cells]]
    owner = np.repeat(np.arange(cells.size), share[cells].sum(axis=1))
    lat, lon = grid.centres(sub, TABLE_ORDER)
    sorted_lon = np.argsort(lon, kind="stable")
    ordered = lon[sorted_lon]
    votes: list[np.ndarray] = []
    spare: list[tuple[int, int]] = []
    for index, found in enumerate(pieces):
        for piece in found:
            west, south, east, north = piece.bounds
            near = sorted_lon[np.searchsorted(ordered, west) : np.searchsorted(ordered, east, side="right")]
            near = near[(lat[near] >= south) & (lat[near] <= north)]
            shapely.prepare(piece)
            hit = owner[near[shapely.intersects_xy(piece, lon[near], lat[near])]]
            cell, number = np.unique(hit, return_counts=True)
            votes.append(np.stack([cell, np.full(cell.size, mass[index]), number], axis=1))
            middle = shapely.point_on_surface(piece)
            spare.append((int(grid.cells_at(middle.y, middle.x, ORDER)), int(mass[index])))
    total = coo_array(
        (np.concatenate(votes)[:, 2].astype(float), tuple(np.concatenate(votes)[:, :2].T)),
        shape=(cells.size, int(mass.max()) + 1),
    ).tocsr()
    best = np.asarray(total.argmax(axis=1)).ravel()
    empty = np.asarray(total.sum(axis=1)).ravel() == 0
    position = {int(cell): i for i, cell in enumerate(cells)}
    for cell, number in sorted(spare, key=lambda pair: -pair[1]):
        if cell in position and empty[position[cell]]:
            best[position[cell]] = number
            empty[position[cell]] = False
    assert not empty.any(), f"{int(empty.sum())} land cells without a land mass"
    return best
