"""Layers: what is known of every place on land, from height and climate to the side of the road.

A layer holds a number (NaN where there is none) or a class (−1) for every place. Most are tables on the nested grid,
shipped inside the package; some follow from the latitude, some from the country. ``tables/CARD.md`` has their sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Num

from whence.core.arrays import Numbers
from whence.core.errors import InputError, unknown_name
from whence.earth import grid
from whence.earth.field import WORKING_ORDER
from whence.earth.layer_facts import LayerClass
from whence.earth.layer_list import MAX_ORDER, HeldLayer, Layer, Spots, Values, listed_layers
from whence.earth.layer_tables import checked, coarser_classes, coarser_numbers

__all__ = ["MAX_ORDER", "Layer", "LayerClass", "Layers", "layers"]


@final
class Layers:
    """All layers. Load with `layers`; nothing is read before it is asked for."""

    def __init__(self) -> None:
        self._held = MappingProxyType({item.layer.name: item for item in listed_layers()})
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

    def _of(self, name: str) -> HeldLayer:
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
        return self.values_of((name,), lat_deg, lon_deg)[name]

    def values_of(self, names: Iterable[str], lat_deg: Numbers, lon_deg: Numbers) -> dict[str, Values]:
        """Values of several layers at the same points, by name: faster than one after the other.

        Raises:
            OptionError: there is no layer of a name.
            CoordinateError: a latitude or longitude that is none.
        """
        asked = [self._of(name) for name in names]
        spots = Spots(*checked(lat_deg, lon_deg))
        return {
            held.layer.name: np.asarray(held.at(spots), np.int64 if held.layer.classes else np.float64)
            for held in asked
        }

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
        """Values on all cells of an order, read-only: the mean, or most frequent class, of what they hold.

        Cells without land have none; finer orders than the layer's repeat it.

        Raises:
            OptionError: there is no such layer.
            InputError: an order beyond 0..`MAX_ORDER`.
        """
        held = self._of(name)
        if not 0 <= order <= MAX_ORDER:
            raise InputError(f"Layers are given on cells of order 0..{MAX_ORDER}, received {order}.")
        if (name, order) in self._cells:
            return self._cells[name, order]
        found = self._on(held, order)
        found.setflags(write=False)
        if order <= WORKING_ORDER:
            self._cells[name, order] = found
        return found

    def _on(self, held: HeldLayer, order: int) -> Num[np.ndarray, " n"]:
        kind = np.int64 if held.layer.classes else np.float64
        if held.layer.order == MAX_ORDER:
            return np.asarray(held.at(Spots(*grid.centres(np.arange(grid.cell_count(order)), order))), kind)
        native = held.cells()
        if order >= held.layer.order:
            return np.repeat(native, 4 ** (order - held.layer.order)).astype(kind)
        parts = native.reshape(grid.cell_count(order), -1)
        return coarser_classes(parts) if held.layer.classes else coarser_numbers(parts)


@lru_cache(maxsize=1)
def layers() -> Layers:
    """Return the layers (made once; tables are read when first asked for)."""
    return Layers()
