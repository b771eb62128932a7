"""Every layer that there is: how its values are found at points and on cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import final

import numpy as np
from jaxtyping import Float, Int, Num

from whence.core.arrays import FloatArray, IntArray
from whence.core.errors import OptionError, unknown_name
from whence.earth import grid
from whence.earth import layer_facts as facts
from whence.earth.atlas import RegionLevel, atlas
from whence.earth.countries import countries
from whence.earth.layer_facts import LayerClass
from whence.earth.layer_tables import COAST_ORDER, LAYER_ORDER, layer_tables
from whence.earth.tables import land_share, population_field

MAX_ORDER = 10
"""Finest order at which whole layers are given; the order of layers that are exact."""

_LAND_SHARE_ORDER = 7

Values = Num[np.ndarray, "..."]


@final
class Spots:
    """Points that layers are asked at; what several layers need of them is found once."""

    def __init__(self, lat: FloatArray, lon: FloatArray) -> None:
        self.lat, self.lon = lat, lon

    @cached_property
    def land(self) -> IntArray:
        """Cell of `COAST_ORDER` with land at or near each point, −1 for none."""
        return layer_tables().land_cells_at(self.lat, self.lon)

    @cached_property
    def country(self) -> IntArray:
        """Index of the country at each point, −1 at sea."""
        table = atlas()
        return np.asarray(table.country[table.atoms[table.runs_at(self.lat, self.lon)]])


At = Callable[[Spots], Values]


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
class HeldLayer:
    """A layer with its two ways in: at points, and on all cells of its order."""

    layer: Layer
    at: At
    cells: Callable[[], Values]


# ------------------------------------------------------------------------------------------------ tables on the grid


def _look_up(cells: Callable[[], Values], order: int, nothing: float) -> At:
    """Lookup of points on land or near it."""

    def at(spots: Spots) -> Values:
        values = cells()[np.maximum(spots.land, 0) >> (2 * (COAST_ORDER - order))]
        return np.where(spots.land >= 0, values, nothing)

    return at


def _kept(make: Callable[[], Values]) -> Callable[[], Values]:
    return lru_cache(maxsize=1)(make)


def _number(name: str, unit: str, description: str, source: str, order: int, cells: Callable[[], Values]) -> HeldLayer:
    kept = _kept(cells)
    return HeldLayer(Layer(name, unit, description, source, order), _look_up(kept, order, np.nan), kept)


def _gridded() -> list[HeldLayer]:
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
        HeldLayer(climate, _look_up(lambda: tables().koppen, LAYER_ORDER, -1), lambda: tables().koppen),
        _number("night_light", "0..210", "Mean brightness of lights at night.", "NASA", LAYER_ORDER,
                lambda: tables().numbers("night_light")),
        _number("coast_km", "km", "Distance to the nearest sea coast.", "Natural Earth", COAST_ORDER,
                lambda: tables().numbers("coast_km")),
        _number("landmass_km2", "km2", "Area of the continent or island.", "Natural Earth", LAYER_ORDER,
                lambda: tables().landmass_km2),
        _land_share(),
        _people(),
    ]  # fmt: skip


def _land_share() -> HeldLayer:
    def at(spots: Spots) -> Values:
        return np.asarray(land_share()[grid.cells_at(spots.lat, spots.lon, _LAND_SHARE_ORDER)])

    layer = Layer("land_share", "", "Share of land in the cell of 51 km.", "Natural Earth", _LAND_SHARE_ORDER)
    return HeldLayer(layer, at, land_share)


def _people() -> HeldLayer:
    """People per km²: exact at points down to 6 km, on cells as means."""

    def density(log_density: np.ndarray) -> Values:
        total = sum(entry.population for entry in countries().values())
        return np.asarray(np.exp(log_density) * (total / grid.EARTH_AREA_KM2))

    def at(spots: Spots) -> Values:
        return np.where(spots.land >= 0, density(population_field().at(spots.lat, spots.lon)), np.nan)

    def cells() -> Values:
        found = density(population_field().resample(LAYER_ORDER).normalise().values)
        return np.where(layer_tables().land, found, np.nan)

    layer = Layer("people_per_km2", "1/km2", "People per km².", "GeoNames, Natural Earth", LAYER_ORDER)
    return HeldLayer(layer, at, _kept(cells))


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


def _recoded() -> list[HeldLayer]:
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


def _translated(layer: Layer, codes: Int[np.ndarray, " n"], cells: Callable[[], Values]) -> HeldLayer:
    kept = _kept(lambda: codes[cells()])
    return HeldLayer(layer, _look_up(kept, layer.order, -1), kept)


# ------------------------------------------------------------------------------------------------ by latitude


def _of_latitude() -> list[HeldLayer]:
    def nowhere() -> Values:
        raise AssertionError("layers of latitude are exact: they are asked at the centres of cells")

    def entry(name: str, unit: str, description: str, legend: tuple[LayerClass, ...], at: At) -> HeldLayer:
        return HeldLayer(Layer(name, unit, description, "the latitude", MAX_ORDER, legend), at, nowhere)

    return [
        entry("abs_lat_deg", "degrees", "Distance from the equator in degrees.", (), lambda spots: np.abs(spots.lat)),
        entry("latitude_belt", "", "Belt of latitude.", facts.BELTS,
              lambda spots: np.searchsorted(facts.BELT_EDGES_DEG, np.abs(spots.lat), side="right")),
        entry("hemisphere", "", "North or south of the equator.", facts.HEMISPHERES,
              lambda spots: (spots.lat < 0.0).astype(np.int64)),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ by country


@final
class _CountryRule:
    """What a layer says of each country."""

    def __init__(self, layer: Layer, symbol_of: Callable[[str], str]) -> None:
        self._layer, self._symbol_of = layer, symbol_of

    @cached_property
    def _code_of(self) -> Int[np.ndarray, " n"]:
        listed = atlas().regions[RegionLevel.COUNTRY]
        return _codes(self._layer.classes, [self._symbol_of(region.code) for region in listed])

    def at(self, spots: Spots) -> Values:
        """Class of the country at each point."""
        return np.asarray(self._code_of[spots.country])

    def cells(self) -> Values:
        """Class of the country that has most of each cell."""
        return np.asarray(self._code_of[layer_tables().country])


def _continent() -> HeldLayer:
    """Continent of the country, but for parts of two that lie elsewhere."""
    layer = Layer(
        "continent", "", "Continent; Russia is Asia east of 60° E, Hawaii Oceania.", "GeoNames", LAYER_ORDER,
        facts.CONTINENTS,
    )  # fmt: skip
    rule = _CountryRule(layer, lambda code: countries()[code].continent)
    listed = [region.code for region in atlas().regions[RegionLevel.COUNTRY]]
    asia, oceania = layer.codes_of(("AS", "OC"))
    russia, america = listed.index("RU"), listed.index("US")

    def moved(found: Values, country: IntArray, lon: FloatArray) -> Values:
        east = (lon + 180.0) % 360.0 - 180.0
        found = np.where((country == russia) & ((east > 60.0) | (east < -100.0)), asia, found)
        return np.where((country == america) & (east < -154.0) & (east > -162.0), oceania, found)

    def cells() -> Values:
        _, lon = grid.centres(np.arange(grid.cell_count(LAYER_ORDER)), LAYER_ORDER)
        return moved(rule.cells(), layer_tables().country, lon)

    return HeldLayer(layer, lambda spots: moved(rule.at(spots), spots.country, spots.lon), cells)


def _of_country() -> list[HeldLayer]:
    main = facts.main_languages
    families: Mapping[str, str] = facts.FAMILY_OF
    rules: list[tuple[str, str, str, tuple[LayerClass, ...], Callable[[str], str]]] = [
        ("driving_side", "Side of the road that traffic keeps to.", "public lists", facts.DRIVING,
         lambda code: countries()[code].driving_side if code in main() else ""),
        ("road_unit", "Unit on road signs.", "public lists", facts.ROAD_UNITS,
         lambda code: countries()[code].road_unit if code in main() else ""),
        ("script", "Script of the country's main language.", "CLDR", facts.SCRIPTS,
         lambda code: main().get(code, ("", ""))[1]),
        ("language", "Main language of the country: the official one that most can use.", "CLDR", facts.languages(),
         lambda code: main().get(code, ("", ""))[0]),
        ("language_family", "Family or branch of the country's main language.", "CLDR, common knowledge",
         facts.FAMILIES, lambda code: families[main()[code][0]] if code in main() else ""),
        ("landlocked", "Whether the country has a sea coast.", "Natural Earth", facts.LANDLOCKED,
         lambda code: "landlocked" if code in layer_tables().landlocked else "coastal"),
    ]  # fmt: skip
    held = [_continent()]
    for name, description, source, legend, symbol_of in rules:
        layer = Layer(name, "", description, source, LAYER_ORDER, legend)
        rule = _CountryRule(layer, symbol_of)
        held.append(HeldLayer(layer, rule.at, rule.cells))
    return held


def listed_layers() -> tuple[HeldLayer, ...]:
    """Return all layers; no table is read before a layer is asked."""
    return (*_gridded(), *_recoded(), *_of_latitude(), *_of_country())
