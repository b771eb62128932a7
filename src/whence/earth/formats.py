"""Outlines of cells, and GeoJSON; `whence.earth.kml` and `whence.earth.geotiff` write the other formats.

Only in these three (and in ``tiles``) does longitude come first, as RFC 7946 and KML want it. Outlines are cut at the
antimeridian, and cells that touch a pole run along it, so that flat viewers draw them right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from whence.earth import grid
from whence.earth.field import CellRegion

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon
    from shapely.geometry.base import BaseGeometry

MOST_CELLS = 8000
"""Regions of more cells are outlined more coarsely."""

_POLE_DEG = 90.0 - 2e-6
_THINNEST = 1e-3  # area over squared perimeter; holes thinner than this lie between cells of two orders
_ORDERS_AT_ONCE = 5
_POLYGON = 3  # shapely's number of the type


@dataclass(frozen=True, slots=True)
class Feature:
    """Something with a shape for a map file.

    Attributes:
        name: what viewers show.
        geometry: shapely geometry in longitude, latitude degrees.
        properties: plain JSON values.
        style: name of a style: ``answer``, ``candidate``, ``credible50``, ``credible90`` or empty.
    """

    name: str
    geometry: BaseGeometry
    properties: Mapping[str, Any]
    style: str = ""


def compact(
    cells: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Replace every four sibling cells by their parent, again and again.

    Args:
        cells: distinct nested indices, no one inside another.
        orders: order of each.

    Returns:
        Cells and orders of the same area, finest first.
    """
    cells, orders = np.asarray(cells, np.int64), np.asarray(orders, np.int64)
    out_cells, out_orders = [], []
    rising = np.empty(0, np.int64)
    for order in range(int(orders.max(initial=0)), -1, -1):
        mine = np.concatenate([cells[orders == order], rising])
        parent, first, count = np.unique(mine >> 2, return_inverse=True, return_counts=True)
        full = count == 4 if order else np.zeros(parent.size, bool)
        stay = mine[~full[first]]
        out_cells.append(np.sort(stay))
        out_orders.append(np.full(stay.size, order))
        rising = parent[full]
    return np.concatenate(out_cells), np.concatenate(out_orders)


def outline_points(
    cells: Int[np.ndarray, " n"], order: int, step: int = 1
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Outlines as `grid.boundaries` gives them, but exact: cells that share a point agree on it.

    Points within an edge are corners of the cell's descendants, so the two cells beside it find the same ones.

    Returns:
        Latitudes, and longitudes counted on from each cell's centre, so that they may leave [−180, 180].
    """
    depth = step.bit_length() - 1
    ramp = np.arange(step, dtype=np.int64)
    zero, last = np.zeros(step, np.int64), np.full(step, step - 1)
    x = np.concatenate([ramp, last, last - ramp, zero])
    y = np.concatenate([zero, ramp, last, last - ramp])
    inner = np.zeros(x.size, np.int64)
    for bit in range(depth):
        inner |= ((x >> bit) & 1) << (2 * bit) | ((y >> bit) & 1) << (2 * bit + 1)
    parts = (np.asarray(cells, np.int64)[:, None] << (2 * depth)) + inner
    corner = np.tile(np.repeat(np.arange(4), step), (len(parts), 1))
    lat, lon = _corners(parts, order + depth, corner)
    centre = grid.centres(np.asarray(cells, np.int64), order)[1][:, None]
    return lat, centre + np.mod(lon - centre + 180.0, 360.0) - 180.0


def _corners(
    cells: Int[np.ndarray, "n k"], order: int, corner: Int[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Corners of cells (0 south, 1 east, 2 north, 3 west), to the last digits of a float.

    A corner lies half a cell of the finest order beyond the centre of the outermost such cell: half as far again
    as from the next one inward along the diagonal.
    """
    depth = grid.MAX_ORDER - order
    x = sum(1 << (2 * bit) for bit in range(depth))
    outermost, inward = np.array([0, x, 3 * x, 2 * x]), np.array([3, x + 1, 3 * x - 3, 2 * x - 1])
    first = cells << (2 * depth)
    lat, lon = grid.centres(first + outermost[corner], grid.MAX_ORDER)
    lat_in, lon_in = grid.centres(first + inward[corner], grid.MAX_ORDER)
    lon_step = np.mod(lon - lon_in + 180.0, 360.0) - 180.0
    return np.clip(lat + 0.5 * (lat - lat_in), -90.0, 90.0), lon + 0.5 * lon_step


def cell_outlines(cells: Int[np.ndarray, " n"], order: int, step: int) -> list[BaseGeometry]:
    """Polygons of cells of one order in longitude, latitude; those across the antimeridian leave [−180, 180].

    Cells that touch a pole run along latitude ±90 from one of their meridians to the other.
    """
    import shapely

    lat, lon = outline_points(cells, order, step)
    at_pole = np.abs(lat) > _POLE_DEG
    plain = ~at_pole.any(axis=1)
    out: list[BaseGeometry] = shapely.polygons(np.stack([lon[plain], lat[plain]], axis=-1)).tolist()
    return out + [_polar_outline(lat[i], lon[i], at_pole[i]) for i in np.flatnonzero(~plain)]


def _polar_outline(lat: Float[np.ndarray, " k"], lon: Float[np.ndarray, " k"], at_pole: np.ndarray) -> BaseGeometry:
    """One cell whose corner is a pole: the corner becomes an edge along the pole."""
    import shapely

    corner = int(np.flatnonzero(at_pole)[0])
    pole = math.copysign(90.0, lat[corner])
    before, after = lon[corner - 1], lon[(corner + 1) % lon.size]
    ring_lon = np.concatenate([lon[:corner], [before, after], lon[corner + 1 :]])
    ring_lat = np.concatenate([lat[:corner], [pole, pole], lat[corner + 1 :]])
    return shapely.Polygon(np.stack([ring_lon, ring_lat], axis=1))


def wrap_geometry(geometry: BaseGeometry) -> BaseGeometry:
    """Cut a geometry that leaves [−180, 180] in longitude and move the parts back inside."""
    import shapely

    west, _, east, _ = geometry.bounds
    if west >= -180.0 and east <= 180.0:
        return geometry
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(geometry, shapely.box(turn - 180.0, -90.0, turn + 180.0, 90.0))
        if not part.is_empty:
            parts.append(shapely.transform(part, lambda xy, turn=turn: xy - [turn, 0.0]))
    return shapely.union_all(parts)


def merged_outline(cells: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"], *, valid: bool = True) -> MultiPolygon:
    """Union of cells of mixed order as polygons in longitude, latitude.

    Args:
        cells: nested indices.
        orders: order of each.
        valid: make sure that the polygons neither touch along lines nor cross; for drawing it may be left out.

    Returns:
        Valid polygons within [−180, 180], outer rings counter-clockwise, coordinates rounded to about a
        hundredth of the smallest cell. Empty for no cells.
    """
    import shapely
    from shapely.geometry import MultiPolygon
    from shapely.geometry.polygon import orient

    if len(cells) == 0:
        return MultiPolygon()
    cells, orders = compact(cells, orders)
    decimals = _decimals(int(orders.max()))
    groups = [_united(cells[group], orders[group], decimals) for group in _groups(cells, orders)]
    thinned = shapely.simplify(joined(groups), 0.01 * _size_deg(int(orders.max())))  # one by one: quick
    if not valid:
        return MultiPolygon([part for part in thinned.tolist() if part.area > 0.0])
    broken = ~shapely.is_valid(thinned)  # metres from a pole, where a cell's edges bend by whole degrees
    thinned[broken] = shapely.make_valid(thinned[broken])
    clean = shapely.get_parts(shapely.set_precision(thinned, 10.0**-decimals))
    whole = MultiPolygon([_without_slivers(part) for part in clean.tolist() if part.area > 0.0])
    found = whole if whole.is_valid else shapely.union_all(shapely.make_valid(clean), grid_size=10.0**-decimals)
    return MultiPolygon([orient(part) for part in shapely.get_parts(found).tolist() if part.area > 0.0])


def _size_deg(order: int) -> float:
    return float(grid.cell_size_km(order)) / 111.0


def _decimals(order: int) -> int:
    return min(max(math.ceil(-math.log10(_size_deg(order) / 100.0)), 3), 9)


def _groups(cells: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " m"]]:
    """Indices of cells that can be united at once: within a few orders, and apart those close to a pole.

    Close to a pole the edges of cells bend so much in longitude and latitude that they need more points.
    """
    polar = np.empty(len(cells), bool)
    for order in np.unique(orders).tolist():
        mine = orders == order
        polar[mine] = 90.0 - np.abs(grid.centres(cells[mine], order)[0]) < 20.0 * _size_deg(order)
    key = 2 * ((orders.max() - orders) // _ORDERS_AT_ONCE) + polar
    return [np.flatnonzero(key == k) for k in np.unique(key).tolist()]


def _united(cells: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"], decimals: int) -> BaseGeometry:
    """Union of cells of a few orders, all edges divided as finely as the finest, so that they meet point by point."""
    import shapely

    finest = int(orders.max())
    lat = np.abs(grid.centres(cells[orders == finest], finest)[0])
    bent = 8 if 90.0 - lat.min() < 20.0 * _size_deg(finest) else 2 if lat.max() > 41.0 and finest < 12 else 1
    least = min(max(bent, 1 << min(max(6 - finest, 0), 5)), 1 << max(grid.MAX_ORDER - finest - 1, 0))
    outlines: list[BaseGeometry] = []
    for order in np.unique(orders).tolist():
        outlines += cell_outlines(cells[orders == order], order, least << (finest - order))
    inside = np.asarray([wrap_geometry(outline) for outline in outlines], object)
    whole = shapely.get_type_id(inside) == _POLYGON
    united = coverage_union(inside[whole], 10.0**-decimals)
    return shapely.GeometryCollection(joined([united, *inside[~whole]]).tolist())


def joined(groups: Sequence[BaseGeometry], grain: float | None = None) -> np.ndarray:
    """Polygons of several geometries, those united that touch one of another geometry. Quick when few do."""
    import shapely

    parts, owner = shapely.get_parts(np.asarray(groups, object), return_index=True)
    if len(groups) == 1:
        return np.asarray(parts)
    first, second = shapely.STRtree(parts).query(parts, predicate="intersects")
    touching = np.unique(first[owner[first] != owner[second]])
    if touching.size == 0:
        return np.asarray(parts)
    united = shapely.union_all(shapely.make_valid(parts[touching]), grid_size=grain)
    return np.concatenate([np.delete(parts, touching), shapely.get_parts(united)])


def coverage_union(polygons: np.ndarray, grain: float) -> BaseGeometry:
    """Union of polygons that meet along whole edges, their points brought together on a grid of ``grain``.

    Points that lie close to each other fall on one grid point unless they straddle its edge; the grid is set off
    so that it does not happen to the round coordinates of cells. Where it does, the slow union serves.
    """
    import shapely

    offset = 0.3719 * grain

    def snap(xy: np.ndarray) -> np.ndarray:
        return np.clip(np.round((xy + offset) / grain) * grain - offset, [-180.0, -90.0], [180.0, 90.0])

    snapped = shapely.transform(polygons, snap)
    snapped = snapped[shapely.area(snapped) > 0.0]
    try:
        return shapely.coverage_union_all(snapped)
    except shapely.errors.GEOSException:
        return shapely.union_all(shapely.make_valid(snapped), grid_size=grain)


def _without_slivers(polygon: Any) -> Any:
    """Drop the hair-thin holes between the straight edge of a large cell and the finer edges beside it."""
    from shapely.geometry import Polygon

    kept = [ring for ring in polygon.interiors if Polygon(ring).area > _THINNEST * ring.length**2]
    return polygon if len(kept) == len(polygon.interiors) else Polygon(polygon.exterior, kept)


def generalised(
    cells: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"], most: int
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Cells of about the same area, but not many: the finest give way to the coarser ones that they fill most.

    Args:
        cells: distinct nested indices, no one inside another.
        orders: order of each.
        most: how many cells may be left; the area is kept to one cell of the finest order left.
    """
    cells, orders = compact(cells, orders)
    while cells.size > most and orders.max() > 0:
        coarser = int(orders.max()) - 1
        fine = orders > coarser
        parent, child = np.unique(cells[fine] >> 2, return_inverse=True)
        filled = np.bincount(child, minlength=parent.size)
        fullest = np.argsort(-filled, kind="stable")[: max(round(fine.sum() / 4), 1)]
        kept = np.concatenate([cells[~fine], parent[fullest]])
        cells, orders = compact(kept, np.concatenate([orders[~fine], np.full(fullest.size, coarser, np.int64)]))
    return cells, orders


def region_geometry(region: CellRegion, most_cells: int = MOST_CELLS) -> MultiPolygon:
    """A region of cells as merged polygons (`merged_outline`).

    Args:
        region: what to outline.
        most_cells: a region of more cells, four siblings counted as one, is generalised first: its area stays,
            its smallest corners go. 8,000 cells outline a fifth of the Earth to about 50 km, a country to a few.
    """
    partition = region.partition
    cells, orders = partition.cells[region.index], partition.orders[region.index].astype(np.int64)
    return merged_outline(*generalised(cells, orders, most_cells))


def geojson_geometry(geometry: BaseGeometry, decimals: int = 9) -> dict[str, Any]:
    """GeoJSON geometry (RFC 7946) of a shapely geometry in longitude, latitude."""
    from shapely.geometry import mapping

    def plain(value: Any) -> Any:
        return round(float(value), decimals) if isinstance(value, (int, float)) else [plain(v) for v in value]

    found = mapping(geometry)
    return {"type": found["type"], "coordinates": plain(found["coordinates"])}


def region_to_geojson(region: CellRegion) -> dict[str, Any]:
    """GeoJSON MultiPolygon of a region: outer rings counter-clockwise, cut at the antimeridian."""
    return geojson_geometry(region_geometry(region))


def features_to_geojson(features: Iterable[Feature], properties: Mapping[str, Any]) -> dict[str, Any]:
    """GeoJSON FeatureCollection; ``properties`` become foreign members of the collection."""
    rows = [
        {
            "type": "Feature",
            "geometry": geojson_geometry(feature.geometry),
            "properties": {"name": feature.name, **feature.properties},
        }
        for feature in features
    ]
    return {"type": "FeatureCollection", **properties, "features": rows}
