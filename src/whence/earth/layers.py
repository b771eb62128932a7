"""Layers: what is known of every place on land, from height and climate to the side of the road.

A layer holds a number (NaN where there is none) or a class (−1) for every place. Most are tables on the nested grid,
shipped inside the package; some follow from the latitude, some from the country. ``tables/CARD.md`` has their sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Float, Int, Num

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import InputError, OptionError, unknown_name
from whence.earth import grid
from whence.earth import layer_facts as facts
from whence.earth.atlas import atlas
from whence.earth.countries import countries
from whence.earth.layer_facts import LayerClass
from whence.earth.layer_tables import (
    COAST_ORDER,
    LAYER_ORDER,
    checked,
    coarser_classes,
    coarser_numbers,
    layer_tables,
)
from whence.earth.tables import land_share, population_field

__all__ = ["MAX_ORDER", "Layer", "LayerClass", "Layers", "layers"]

MAX_ORDER = 10
"""Finest order at which whole layers are given."""

_LAND_SHARE_ORDER = 7

Values = Num[np.ndarray, "..."]
_Points = Callable[[FloatArray, FloatArray], Values]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer is.

    Attributes:
        name: for example ``elevation_m``.
        unit: of its numbers; empty for classes and shares.
        description: one sentence.
        source: where it comes from.
        order: order of the grid on which it is held; `MAX_ORDER` where it is exact.
        classes: legend of a layer of classes, whose values are positions in it; empty for numbers.
    """

    name: str
    unit: str
    description: str
    source: str
    order: int
    classes: tuple[LayerClass, ...] = ()

    def codes_of(self, symbols: tuple[str, ...]) -> Int[np.ndarray, " n"]:
        """Positions of classes in the legend.

        Raises:
            OptionError: the layer has no such class (names the nearest), or holds numbers.
        """
        if not self.classes:
            raise OptionError(f"The layer {self.name} holds numbers, not classes: compare it with above or below.")
        known = {item.symbol: i for i, item in enumerate(self.classes)}
        for symbol in symbols:
            if symbol not in known:
                raise unknown_name(f"class of the layer {self.name}", symbol, known)
        return np.asarray([known[symbol] for symbol in symbols], np.int64)


@dataclass(frozen=True, eq=False)
class _Held:
    """A layer with its two ways in: at points, and on all cells of its order."""

    layer: Layer
    at: _Points
    cells: Callable[[], Values]


@final
class Layers:
    """All layers. Load with `layers`; nothing is read before it is asked for."""

    def __init__(self) -> None:
        held = [*_gridded(), *_recoded(), *_of_latitude(), *_of_country()]
        self._held = MappingProxyType({item.layer.name: item for item in held})
        self._cells: dict[tuple[str, int], Values] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all layers."""
        return tuple(self._held)

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def info(self, name: str) -> Layer:
        """Return what a layer is.

        Raises:
            OptionError: there is no such layer; names the nearest.
        """
        return self._of(name).layer

    def _of(self, name: str) -> _Held:
        if name not in self._held:
            raise unknown_name("layer", name, self._held)
        return self._held[name]

    def values(self, name: str, lat_deg: Numbers, lon_deg: Numbers) -> Values:
        """Values of a layer at points.

        Points at sea take the value of land within about 50 km (two cells), layers by country that of a shore within
        6 km; beyond, there is none. Layers of latitude and ``land_share`` are known everywhere.

        Args:
            name: of the layer.
            lat_deg: latitudes.
            lon_deg: longitudes, any turn of the Earth.

        Returns:
            Numbers (float64, NaN for none) or positions in the legend (int64, −1 for none), in the shape of the points.

        Raises:
            OptionError: there is no such layer.
            CoordinateError: a latitude or longitude that is none.
        """
        held = self._of(name)
        found = held.at(*checked(lat_deg, lon_deg))
        return np.asarray(found, np.int64 if held.layer.classes else np.float64)

    def symbols(self, name: str, lat_deg: Numbers, lon_deg: Numbers) -> np.ndarray:
        """Symbols of the classes at points (array of strings), empty for none.

        Raises:
            OptionError: there is no such layer, or it holds numbers.
            CoordinateError: a latitude or longitude that is none.
        """
        self.info(name).codes_of(())
        legend = np.asarray([*(item.symbol for item in self.info(name).classes), ""])
        return np.asarray(legend[self.values(name, lat_deg, lon_deg)])

    def on_cells(self, name: str, order: int) -> Num[np.ndarray, " n"]:
        """Values on all cells of an order, read-only (kept): the mean, or most frequent class, of what they hold.

        Cells without land have none; finer orders than the layer's repeat it.

        Raises:
            OptionError: there is no such layer.
            InputError: an order beyond 0..`MAX_ORDER`.
        """
        held = self._of(name)
        if not 0 <= order <= MAX_ORDER:
            raise InputError(f"Layers are given on cells of order 0..{MAX_ORDER}, received {order}.")
        if (name, order) not in self._cells:
            found = self._on(held, order)
            found.setflags(write=False)
            self._cells[name, order] = found
        return self._cells[name, order]

    def _on(self, held: _Held, order: int) -> Num[np.ndarray, " n"]:
        kind = np.int64 if held.layer.classes else np.float64
        if held.layer.order == MAX_ORDER:
            return np.asarray(held.at(*grid.centres(np.arange(grid.cell_count(order)), order)), kind)
        native = held.cells()
        if order >= held.layer.order:
            return np.repeat(native, 4 ** (order - held.layer.order)).astype(kind)
        parts = native.reshape(grid.cell_count(order), -1)
        return coarser_classes(parts) if held.layer.classes else coarser_numbers(parts)


# ------------------------------------------------------------------------------------------------ tables on the grid


def _look_up(cells: Callable[[], Values], order: int, nothing: float) -> _Points:
    """Lookup of points on land or near it."""

    def at(lat: FloatArray, lon: FloatArray) -> Values:
        found = layer_tables().land_cells_at(lat, lon)
        values = cells()[np.maximum(found, 0) >> (2 * (COAST_ORDER - order))]
        return np.where(found >= 0, values, nothing)

    return at


def _kept(make: Callable[[], Values]) -> Callable[[], Values]:
    return lru_cache(maxsize=1)(make)


def _number(name: str, unit: str, description: str, source: str, order: int, cells: Callable[[], Values]) -> _Held:
    kept = _kept(cells)
    return _Held(Layer(name, unit, description, source, order), _look_up(kept, order, np.nan), kept)


def _gridded() -> list[_Held]:
    tables = layer_tables
    climate = Layer(
        "koppen", "", "Köppen–Geiger class of climate, 1991–2020; Antarctica set to EF.",
        "Beck et al. 2023, CC BY 4.0", LAYER_ORDER, facts.KOPPEN,
    )  # fmt: skip
    return [
        _number("elevation_m", "m", "Mean height of the land above the sea.", "NASA, NOAA ETOPO", LAYER_ORDER,
                lambda: tables().numbers("elevation_m")),
        _number("relief_m", "m", "Highest minus lowest height within 30 km, from heights 20 km apart.", "NASA",
                LAYER_ORDER, lambda: tables().numbers("relief_m")),
        _Held(climate, _look_up(lambda: tables().koppen, LAYER_ORDER, -1), lambda: tables().koppen),
        _number("night_light", "0..210", "Mean brightness of lights at night.", "NASA", LAYER_ORDER,
                lambda: tables().numbers("night_light")),
        _number("coast_km", "km", "Distance to the nearest sea coast.", "Natural Earth", COAST_ORDER,
                lambda: tables().numbers("coast_km")),
        _number("landmass_km2", "km2", "Area of the continent or island.", "Natural Earth", LAYER_ORDER,
                lambda: tables().landmass_km2),
        _land_share(),
        _people(),
    ]  # fmt: skip


def _land_share() -> _Held:
    def at(lat: FloatArray, lon: FloatArray) -> Values:
        return np.asarray(land_share()[grid.cells_at(lat, lon, _LAND_SHARE_ORDER)])

    layer = Layer("land_share", "", "Share of land in the cell of 51 km.", "Natural Earth", _LAND_SHARE_ORDER)
    return _Held(layer, at, land_share)


def _people() -> _Held:
    """People per km²: exact at points down to 6 km, on cells as means."""

    def density(log_density: np.ndarray) -> Values:
        total = sum(entry.population for entry in countries().values())
        return np.asarray(np.exp(log_density) * (total / grid.EARTH_AREA_KM2))

    def at(lat: FloatArray, lon: FloatArray) -> Values:
        known = layer_tables().land_cells_at(lat, lon) >= 0
        return np.where(known, density(population_field().at(lat, lon)), np.nan)

    def cells() -> Values:
        found = density(population_field().resample(LAYER_ORDER).normalise().values)
        return np.where(layer_tables().land, found, np.nan)

    layer = Layer("people_per_km2", "1/km2", "People per km².", "GeoNames, Natural Earth", LAYER_ORDER)
    return _Held(layer, at, _kept(cells))


# ------------------------------------------------------------------------------------------------ made of other layers


def _codes(legend: tuple[LayerClass, ...], symbols: list[str]) -> Int[np.ndarray, " n"]:
    """Positions of symbols in a legend, −1 for the empty one, and −1 once more at the end for no value."""
    known = {item.symbol: i for i, item in enumerate(legend)}
    return np.asarray([*(known[symbol] if symbol else -1 for symbol in symbols), -1], np.int64)


def _arid(symbol: str) -> str:
    if symbol[0] == "B":
        return "desert" if symbol[1] == "W" else "steppe"
    if symbol[0] == "E":
        return "cold"
    return {"s": "dry_summer", "w": "dry_winter"}.get(symbol[1], "humid")


def _recoded() -> list[_Held]:
    symbols = [item.symbol for item in facts.KOPPEN]
    source = "the layer koppen"
    return [
        _translated(
            Layer("koppen_group", "", "Main group of climate.", source, LAYER_ORDER, facts.KOPPEN_GROUPS),
            _codes(facts.KOPPEN_GROUPS, [symbol[0] for symbol in symbols]),
            lambda: layer_tables().koppen,
        ),
        _translated(
            Layer("aridity", "", "How dry, and when.", source, LAYER_ORDER, facts.ARIDITY),
            _codes(facts.ARIDITY, ["dry_winter" if s == "Aw" else _arid(s) for s in symbols]),
            lambda: layer_tables().koppen,
        ),
        _translated(
            Layer("island", "", "Continent, or island by size.", "Natural Earth", LAYER_ORDER, facts.ISLANDS),
            np.asarray([0, 1, 2, 3, -1]),
            lambda: _island_classes(layer_tables().landmass_km2),
        ),
    ]


def _island_classes(area_km2: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    found = sum((area_km2 < edge).astype(np.int64) for edge in facts.ISLAND_EDGES_KM2)
    return np.where(np.isnan(area_km2), -1, found)


def _translated(layer: Layer, codes: Int[np.ndarray, " n"], cells: Callable[[], Values]) -> _Held:
    kept = _kept(lambda: codes[cells()])
    return _Held(layer, _look_up(kept, layer.order, -1), kept)


# ------------------------------------------------------------------------------------------------ by latitude


def _of_latitude() -> list[_Held]:
    def nowhere() -> Values:
        raise AssertionError("layers of latitude are exact: they are asked at the centres of cells")

    def entry(name: str, unit: str, description: str, legend: tuple[LayerClass, ...], at: _Points) -> _Held:
        return _Held(Layer(name, unit, description, "the latitude", MAX_ORDER, legend), at, nowhere)

    return [
        entry("abs_lat_deg", "degrees", "Distance from the equator in degrees.", (), lambda lat, _: np.abs(lat)),
        entry("latitude_belt", "", "Belt of latitude.", facts.BELTS,
              lambda lat, _: np.searchsorted(facts.BELT_EDGES_DEG, np.abs(lat), side="right")),
        entry("hemisphere", "", "North or south of the equator.", facts.HEMISPHERES,
              lambda lat, _: (lat < 0.0).astype(np.int64)),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ by country


class _CountryRule:
    """What a layer says of each country."""

    def __init__(self, layer: Layer, symbol_of: Callable[[str], str]) -> None:
        self._layer, self._symbol_of = layer, symbol_of

    @cached_property
    def _code_of(self) -> Int[np.ndarray, " n"]:
        from whence.earth.regions import RegionLevel

        listed = atlas().regions[RegionLevel.COUNTRY]
        return _codes(self._layer.classes, [self._symbol_of(region.code) for region in listed])

    def at(self, lat: FloatArray, lon: FloatArray) -> Values:
        """Class of the country at each point."""
        table = atlas()
        return np.asarray(self._code_of[table.country[table.atoms[table.runs_at(lat, lon)]]])

    def cells(self) -> Values:
        """Class of the country that has most of each cell."""
        return np.asarray(self._code_of[layer_tables().country])


def _of_country() -> list[_Held]:
    main = facts.main_languages
    families: Mapping[str, str] = facts.FAMILY_OF
    rules: list[tuple[str, str, str, tuple[LayerClass, ...], Callable[[str], str]]] = [
        ("driving_side", "Side of the road that traffic keeps to.", "public lists", facts.DRIVING,
         lambda code: countries()[code].driving_side),
        ("road_unit", "Unit on road signs.", "public lists", facts.ROAD_UNITS,
         lambda code: countries()[code].road_unit),
        ("script", "Script of the country's main language.", "CLDR", facts.SCRIPTS,
         lambda code: main().get(code, ("", ""))[1]),
        ("language_family", "Family or branch of the country's main language.", "CLDR, common knowledge",
         facts.FAMILIES, lambda code: families[main()[code][0]] if code in main() else ""),
        ("continent", "Continent that the country is counted to.", "GeoNames", facts.CONTINENTS,
         lambda code: countries()[code].continent),
        ("landlocked", "Whether the country has a sea coast.", "Natural Earth", facts.LANDLOCKED,
         lambda code: "landlocked" if code in layer_tables().landlocked else "coastal"),
    ]  # fmt: skip
    held = []
    for name, description, source, legend, symbol_of in rules:
        layer = Layer(name, "", description, source, LAYER_ORDER, legend)
        rule = _CountryRule(layer, symbol_of)
        held.append(_Held(layer, rule.at, rule.cells))
    return held


@lru_cache(maxsize=1)
def layers() -> Layers:
    """Return the layers (made once; tables are read when first asked for)."""
    return Layers()
