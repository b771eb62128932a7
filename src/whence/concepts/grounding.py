"""Groundings: where on Earth a concept holds, written as data over the layers.

A grounding is a table with one of four keys::

    { layer = "koppen", in = ["Af", "Am"] }             the class is one of these
    { layer = "elevation_m", above = 2000, soft = 400 } the number is at least (``below``: less than) this
    { all = [ … ] }   { any = [ … ] }   { not = { … } }

Truth is a number from 0 to 1, NaN where it is not known. ``soft`` is half the width of a linear ramp around the
threshold: true from ``above + soft`` on, false up to ``above - soft``, 0.5 between. ``all`` is the least of its parts,
``any`` the greatest, ``not`` the rest to 1; a part that is not known makes the whole unknown unless the others decide
(Kleene's three-valued logic, carried over to degrees: Zadeh 1965).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float, Num

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import OptionError, unknown_name
from whence.earth.layers import layers

Truth = Float[np.ndarray, "..."]
Read = Callable[[str], Num[np.ndarray, "..."]]

MAX_DEPTH = 8
"""Groundings may be nested so deep."""


class Grounding(ABC):
    """Where a concept holds, as a function of the place."""

    @abstractmethod
    def evaluate(self, read: Read) -> Truth:
        """Truth, given a function that returns the values of a layer by its name."""

    @abstractmethod
    def describe(self) -> str:
        """Return the grounding in words, for people and for documentation."""

    @property
    @abstractmethod
    def layer_names(self) -> frozenset[str]:
        """Names of the layers that it reads."""

    @final
    def truth(self, lat_deg: Numbers, lon_deg: Numbers) -> Truth:
        """Truth at points, 0..1, NaN for unknown, in the shape of the points.

        Raises:
            CoordinateError: a latitude or longitude that is none.
        """
        return self.evaluate(layers().values_of(sorted(self.layer_names), lat_deg, lon_deg).__getitem__)

    @final
    def on_cells(self, order: int) -> Float[np.ndarray, " n"]:
        """Truth on all cells of an order, by the layers' values of that order; NaN for unknown.

        Raises:
            InputError: an order that layers are not given at.
        """
        return self.evaluate(lambda name: layers().on_cells(name, order))


@final
@dataclass(frozen=True, slots=True)
class OneOf(Grounding):
    """The class of a layer is one of some.

    Attributes:
        layer: name of a layer of classes.
        symbols: its classes.
    """

    layer: str
    symbols: tuple[str, ...]

    def evaluate(self, read: Read) -> Truth:
        """See `Grounding.evaluate`."""
        values = np.asarray(read(self.layer))
        held = np.isin(values, layers().info(self.layer).codes_of(self.symbols))
        return np.where(values < 0, np.nan, held.astype(np.float64))

    def describe(self) -> str:
        """See `Grounding.describe`."""
        return f"{self.layer} {' or '.join(self.symbols)}"

    @property
    def layer_names(self) -> frozenset[str]:
        """See `Grounding.layer_names`."""
        return frozenset({self.layer})


@final
@dataclass(frozen=True, slots=True)
class Threshold(Grounding):
    """The number of a layer is at least a value, or less than it.

    Attributes:
        layer: name of a layer of numbers.
        above: whether larger values are true.
        value: where it turns, in the layer's unit.
        soft: half the width of the ramp, in the layer's unit; 0 for a step.
    """

    layer: str
    above: bool
    value: float
    soft: float = 0.0

    def evaluate(self, read: Read) -> Truth:
        """See `Grounding.evaluate`."""
        values = np.asarray(read(self.layer), np.float64)
        if self.soft > 0.0:
            rising = np.clip((values - self.value) / (2.0 * self.soft) + 0.5, 0.0, 1.0)
        else:
            rising = np.where(np.isnan(values), np.nan, (values >= self.value).astype(np.float64))
        return np.asarray(rising if self.above else 1.0 - rising)

    def describe(self) -> str:
        """See `Grounding.describe`."""
        ramp = f" (±{self.soft:g})" if self.soft else ""
        return f"{self.layer} {'above' if self.above else 'below'} {self.value:g}{ramp}"

    @property
    def layer_names(self) -> frozenset[str]:
        """See `Grounding.layer_names`."""
        return frozenset({self.layer})


@final
@dataclass(frozen=True, slots=True)
class Every(Grounding):
    """All of the parts hold (``all``)."""

    parts: tuple[Grounding, ...]

    def evaluate(self, read: Read) -> Truth:
        """See `Grounding.evaluate`."""
        return _least([part.evaluate(read) for part in self.parts])

    def describe(self) -> str:
        """See `Grounding.describe`."""
        return " and ".join(_bracketed(part, Some) for part in self.parts)

    @property
    def layer_names(self) -> frozenset[str]:
        """See `Grounding.layer_names`."""
        return frozenset().union(*(part.layer_names for part in self.parts))


@final
@dataclass(frozen=True, slots=True)
class Some(Grounding):
    """Any of the parts holds (``any``)."""

    parts: tuple[Grounding, ...]

    def evaluate(self, read: Read) -> Truth:
        """See `Grounding.evaluate`."""
        return np.asarray(1.0 - _least([np.asarray(1.0 - part.evaluate(read)) for part in self.parts]))

    def describe(self) -> str:
        """See `Grounding.describe`."""
        return "; or ".join(_bracketed(part, Every) for part in self.parts)

    @property
    def layer_names(self) -> frozenset[str]:
        """See `Grounding.layer_names`."""
        return frozenset().union(*(part.layer_names for part in self.parts))


@final
@dataclass(frozen=True, slots=True)
class Opposite(Grounding):
    """The part does not hold (``not``)."""

    part: Grounding

    def evaluate(self, read: Read) -> Truth:
        """See `Grounding.evaluate`."""
        return np.asarray(1.0 - self.part.evaluate(read))

    def describe(self) -> str:
        """See `Grounding.describe`."""
        return f"not ({self.part.describe()})"

    @property
    def layer_names(self) -> frozenset[str]:
        """See `Grounding.layer_names`."""
        return self.part.layer_names


def _bracketed(part: Grounding, kind: type[Grounding]) -> str:
    return f"({part.describe()})" if isinstance(part, kind) else part.describe()


def _least(parts: list[Truth]) -> Truth:
    """Least of the truths; unknown if any is, unless another is 0 (0 whatever the unknown one may be)."""
    stacked = np.stack(np.broadcast_arrays(*parts))
    least: FloatArray = np.minimum.reduce(stacked)  # NaN wins
    return np.where((stacked == 0.0).any(axis=0), 0.0, least)


# ------------------------------------------------------------------------------------------------ reading


def parse_grounding(content: object, where: str = "grounding") -> Grounding:
    """Read a grounding from a table of TOML.

    Args:
        content: the table.
        where: what it belongs to, for messages.

    Raises:
        OptionError: anything but what this module describes: an unknown key, layer or class (the nearest is named),
            a number where a class is meant or the other way round, an empty list, too deep a nesting.
    """
    return _parse(content, where, 1)


def _parse(content: object, where: str, depth: int) -> Grounding:
    if depth > MAX_DEPTH:
        raise OptionError(f"{where}: groundings may be nested {MAX_DEPTH} deep; write it flatter.")
    if not isinstance(content, Mapping):
        raise OptionError(f"{where}: expected a table such as {{ layer = …, above = … }}, received {content!r}.")
    kinds = [key for key in ("layer", "all", "any", "not") if key in content]
    allowed = {"layer": ("layer", "in", "above", "below", "soft")}.get(kinds[0] if kinds else "", tuple(kinds))
    for key in content:
        if key not in (allowed or ("layer", "all", "any", "not")):
            raise unknown_name(f"key of {where}", str(key), allowed or ("layer", "all", "any", "not"))
    if len(kinds) != 1:
        raise OptionError(f"{where}: exactly one of layer, all, any, not is needed, received {sorted(content)}.")
    if kinds[0] == "layer":
        return _parse_layer(content, where)
    inner = content[kinds[0]]
    if kinds[0] == "not":
        return Opposite(_parse(inner, f"{where}.not", depth + 1))
    if not isinstance(inner, list) or len(inner) < 2:
        raise OptionError(f"{where}.{kinds[0]}: expected a list of two groundings or more, received {inner!r}.")
    parts = tuple(_parse(item, f"{where}.{kinds[0]}[{i}]", depth + 1) for i, item in enumerate(inner))
    return Every(parts) if kinds[0] == "all" else Some(parts)


def _parse_layer(content: Mapping[str, Any], where: str) -> Grounding:
    name = content["layer"]
    if name not in layers():
        raise unknown_name(f"layer in {where}", str(name), layers().names)
    tests = [key for key in ("in", "above", "below") if key in content]
    if len(tests) != 1:
        raise OptionError(f"{where}: exactly one of in, above, below is needed with a layer, received {tests}.")
    classed = bool(layers().info(name).classes)
    if tests == ["in"]:
        symbols = content["in"]
        if "soft" in content or not (isinstance(symbols, list) and symbols and len(set(symbols)) == len(symbols)):
            raise OptionError(f"{where}: in takes a list of different classes and no soft, received {dict(content)!r}.")
        layers().info(name).codes_of(tuple(str(symbol) for symbol in symbols))
        return OneOf(name, tuple(str(symbol) for symbol in symbols))
    if classed:
        raise OptionError(f"{where}: the layer {name} holds classes: compare it with in = [ … ].")
    value, soft = _number(content, tests[0], where), _number(content, "soft", where)
    if soft < 0.0:
        raise OptionError(f"{where}.soft: expected 0 or more, received {soft:g}.")
    return Threshold(name, tests[0] == "above", value, soft)


def _number(content: Mapping[str, Any], key: str, where: str) -> float:
    value = content.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise OptionError(f"{where}.{key}: expected a finite number, received {value!r}.")
    return float(value)
