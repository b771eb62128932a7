"""Where a plain picture lies: its bounds, a world file beside it, or a sidecar ``NAME.georef.json``.

A sidecar is a JSON object with either ``crs`` and ``affine`` (``[a, b, c, d, e, f]``, positions from the outer corner
of the first pixel: ``x = a·column + b·row + c``, ``y = d·column + e·row + f``), or ``north``, ``south``, ``west`` and
``east`` in degrees (also inside ``bounds``). ``nodata`` (``"black"`` or ``"white"``), ``source``, ``licence`` and
``date`` may be added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import Bounds
from whence.earth.tiles.georeference import GeoReference

SIDECAR = ".georef.json"
"""What follows the name of the picture, with or without its own suffix."""

_EDGES = ("north", "south", "west", "east")
_KNOWN = {"crs", "affine", "bounds", "nodata", "source", "licence", "date", "note", *_EDGES}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says of its picture.

    Attributes:
        georeference: where it lies.
        nodata: what pixels without data look like; empty if all hold data.
        source: who made it.
        licence: what may be done with it.
        date: when the ground was pictured.
    """

    georeference: GeoReference
    nodata: str = ""
    source: str = ""
    licence: str = ""
    date: str = ""


def parse_bounds(text: str) -> Bounds:
    """Read ``north,south,west,east`` in degrees.

    Raises:
        CoordinateError: not four numbers, or edges that enclose nothing.
    """
    try:
        north, south, west, east = (float(part) for part in text.split(","))
    except ValueError as error:
        raise CoordinateError(f"Bounds are north,south,west,east in degrees, received {text!r}.") from error
    if not (-90.0 <= south < north <= 90.0):
        raise CoordinateError(
            f"Bounds are north,south,west,east with 90 ≥ north > south ≥ -90, received {text!r}. Is the order right?"
        )
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and west != east):
        raise CoordinateError(f"West and east lie within ±180 and differ, received {text!r}.")
    return Bounds(south=south, west=west, north=north, east=east)


def sidecar_of(path: Path) -> Path | None:
    """The sidecar of a picture, if it has one."""
    for beside in (path.with_name(path.name + SIDECAR), path.with_name(path.stem + SIDECAR)):
        if beside.is_file():
            return beside
    return None


def read_sidecar(path: Path, width_px: int, height_px: int) -> Sidecar:
    """Read a sidecar.

    Args:
        path: of the sidecar.
        width_px: of the picture.
        height_px: of the picture.

    Raises:
        InputError: not JSON, unknown keys, or no place in it.
        CoordinateError: a place that is none.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a sidecar that can be read ({error}).") from error
    if not isinstance(told, dict):
        raise InputError(f"{path}: a sidecar is a JSON object, with crs and affine or north, south, west and east.")
    unknown = sorted(set(told) - _KNOWN)
    if unknown:
        raise InputError(f"{path}: unknown keys {', '.join(unknown)}. Known are {', '.join(sorted(_KNOWN))}.")
    words = {key: str(told.get(key) or "") for key in ("nodata", "source", "licence", "date")}
    try:
        return Sidecar(_place(told, path, width_px, height_px), **words)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: its numbers cannot be read ({error}).") from error


def _place(told: Mapping[str, Any], path: Path, width_px: int, height_px: int) -> GeoReference:
    if "crs" in told and "affine" in told:
        a, b, c, d, e, f = (float(value) for value in told["affine"])
        return GeoReference(str(told["crs"]), (a, b, c, d, e, f), width_px, height_px)
    edges = told.get("bounds", told)
    if all(edge in edges for edge in _EDGES):
        bounds = parse_bounds(",".join(str(float(edges[edge])) for edge in _EDGES))
        return GeoReference.of_bounds(bounds, width_px, height_px)
    raise InputError(f"{path}: holds no place. Give crs and affine, or north, south, west and east.")


def world_file_of(path: Path) -> Path | None:
    """The world file of a picture, if it has one: ``.jgw`` beside ``.jpg``, ``.pgw``, ``.tfw``, ``.wld``, …."""
    suffix = path.suffix.lstrip(".")
    ends = [suffix[0] + suffix[-1] + "w", suffix + "w", "wld"] if len(suffix) > 1 else ["wld"]
    for end in ends:
        for name in (end, end.upper()):
            beside = path.with_suffix("." + name)
            if beside.is_file():
                return beside
    return None


def read_world_file(path: Path, crs: str, width_px: int, height_px: int) -> GeoReference:
    """Read a world file: six numbers, the last two the middle of the first pixel.

    Args:
        path: of the world file.
        crs: coordinate system, which a world file does not tell.
        width_px: of the picture.
        height_px: of the picture.

    Raises:
        InputError: not six numbers, or no coordinate system given.
    """
    if not crs:
        raise InputError(
            f"{path}: a world file does not tell its coordinate system. Give it by 'whence tiles add SET "
            f"{path.stem}… --crs EPSG:4326' (or EPSG:3857, a zone of UTM, …), and look in that set."
        )
    try:
        a, d, b, e, c, f = (float(part.replace(",", ".")) for part in path.read_text(encoding="ascii").split())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: a world file holds six numbers ({error}).") from error
    return GeoReference(crs, (a, b, c - (a + b) / 2.0, d, e, f - (d + e) / 2.0), width_px, height_px)
