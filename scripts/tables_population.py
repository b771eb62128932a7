"""Where people live: places of the gazetteer spread over their surroundings, on cells of mixed order."""

from __future__ import annotations

import json

import numpy as np

from tables_countries import geonames_data
from tables_gazetteer import places
from whence.earth import grid
from whence.earth.atlas import atlas
from whence.earth.coordinates import destination
from whence.earth.field import Field
from whence.earth.partition import Partition

BASE_ORDER = 7
FINEST_ORDER = 10
MAX_CELLS = 290_000
UNKNOWN_POPULATION = 300
"""People in a place for which GeoNames gives none."""

RURAL_SIGMA_KM = 12.0
_POINTS = 48


def sigma_km(population: np.ndarray) -> np.ndarray:
    """Spread of a town's people: 1.5 km at 10,000, 3.8 km at 100,000, 9.5 km at a million."""
    return np.clip(1.5 * (population / 1e4) ** 0.4, 0.5, 20.0)


def build_population() -> Field:
    """Return the log-density of people; ``-inf`` where no place spreads to.

    Each place gives its people to a Gaussian disc, drawn as a sunflower of equal shares. What a country has
    beyond its places is spread more widely, the same around each of its places. Shares that fall into the sea,
    beyond the shore, are left out where some stay on land.
    """
    rows = places()
    lat, lon = np.asarray([r["latitude"] for r in rows]), np.asarray([r["longitude"] for r in rows])
    people = np.maximum(np.asarray([r["population"] for r in rows], float), UNKNOWN_POPULATION)
    counts = np.zeros(grid.cell_count(FINEST_ORDER))
    counts += _spread(lat, lon, people, sigma_km(people))
    counts += _spread(lat, lon, _rural(rows, people), np.full(len(rows), RURAL_SIGMA_KM))
    partition = _partition(counts)
    stops = np.append(partition.starts[1:] >> (2 * (grid.MAX_ORDER - FINEST_ORDER)), counts.size)
    mass = np.diff(np.concatenate([[0.0], np.cumsum(counts)])[stops], prepend=0.0)
    mass[mass < 1e-3] = 0.0  # left over by the cumulative sum
    with np.errstate(divide="ignore"):
        return Field(partition, np.log(mass / mass.sum() / partition.fractions))


def _rural(rows: list, people: np.ndarray) -> np.ndarray:
    """People of each country beyond its places, in equal parts."""
    totals = {
        r["iso"]: r["population"] for r in json.loads((geonames_data() / "countries.json").read_text("utf-8")).values()
    }
    codes, index = np.unique([r["countrycode"] for r in rows], return_inverse=True)
    listed, number = np.bincount(index, weights=people), np.bincount(index)
    rest = np.maximum(np.asarray([totals.get(code, 0) for code in codes]) - listed, 0.0)
    return (rest / number)[index]


def _spread(lat: np.ndarray, lon: np.ndarray, people: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """People in each cell of the finest order."""
    counts = np.zeros(grid.cell_count(FINEST_ORDER))
    table = atlas()
    lengths = np.diff(table.starts, append=counts.size)
    land = np.repeat(table.country[table.atoms] >= 0, lengths)  # the shore included: beaches and quays have people
    ring = (np.arange(_POINTS) + 0.5) / _POINTS
    radius, bearing = np.sqrt(-2.0 * np.log1p(-ring)), np.degrees(np.arange(_POINTS) * np.pi * (3.0 - np.sqrt(5.0)))
    for start in range(0, lat.size, 20_000):
        part = slice(start, start + 20_000)
        there = destination(lat[part, None], lon[part, None], bearing % 360.0, sigma[part, None] * radius)
        cells = grid.cells_at(*there, FINEST_ORDER)
        dry = land[cells]
        dry[~dry.any(axis=1)] = True
        share = people[part, None] * dry / dry.sum(axis=1, keepdims=True)
        counts += np.bincount(cells.ravel(), weights=share.ravel(), minlength=counts.size)
    return counts


def _partition(counts: np.ndarray) -> Partition:
    """Split the cells by which most information is gained, as many as `MAX_CELLS` allows."""
    by_order = {
        order: counts.reshape(grid.cell_count(order), -1).sum(axis=1) for order in range(BASE_ORDER, FINEST_ORDER + 1)
    }
    gains = {}
    for order in range(BASE_ORDER, FINEST_ORDER):
        parts = by_order[order + 1].reshape(-1, 4)
        even = np.broadcast_to(by_order[order][:, None] / 4.0, parts.shape)
        ratio = np.divide(parts, even, out=np.ones_like(parts), where=parts > 0)
        gains[order] = (parts * np.log(ratio)).sum(axis=1)
    low, high = 0.0, max(float(gain.max()) for gain in gains.values())
    for _ in range(40):
        middle = (low + high) / 2
        if len(_split(gains, middle)) > MAX_CELLS:
            low = middle
        else:
            high = middle
    return _split(gains, high)


def _split(gains: dict[int, np.ndarray], threshold: float) -> Partition:
    splits = {}
    open_cells = None
    for order in range(BASE_ORDER, FINEST_ORDER):
        chosen = np.flatnonzero(gains[order] > threshold)
        chosen = chosen if open_cells is None else np.intersect1d(chosen, open_cells)
        if chosen.size == 0:
            break
        splits[order] = chosen
        open_cells = grid.children(chosen, order, order + 1).ravel()
    return Partition.from_splits(BASE_ORDER, splits)
