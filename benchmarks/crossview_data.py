"""Views of the same ground from drone, aeroplane and satellite: the pairs of a folder, as patches with a place.

The folder holds ``pairs.csv`` (one row a pair of pictures), ``coeffic/tiles.csv`` (web tiles of one town),
``homonim/georef.json``, ``sentinel`` and ``brighton``; its README says what may be done with each.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from whence.earth.coordinates import Bounds
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch, Provenance

TILE_PX = 256


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of ``pairs.csv``.

    Attributes:
        name: stem of the query's file.
        site: folder of the query: coeffic, sentinel, homonim, brighton, selectiongan.
        query: file of the query.
        reference: file of the reference.
        lat_deg: latitude of the query's middle; ``None`` if unknown.
        lon_deg: its longitude.
        gsd_m_per_px: of the query; ``None`` if unknown.
        heading_deg: bearing of the query's upward direction; ``None`` if unknown.
        window: x, y, width and height of the query in its file; ``None`` for all of it.
        bounds: of the reference, north up; ``None`` if unknown.
        reference_px: pixel of the query's middle in the reference; ``None`` if unknown.
        truth: how good the position is.
        split: train, measure or skip.
    """

    name: str
    site: str
    query: Path
    reference: Path
    lat_deg: float | None
    lon_deg: float | None
    gsd_m_per_px: float | None
    heading_deg: float | None
    window: tuple[float, float, float, float] | None
    bounds: Bounds | None
    reference_px: tuple[float, float] | None
    truth: str
    split: str

    @property
    def verified(self) -> bool:
        """Whether the position was found by matching, not only by projecting the drone's pose."""
        return self.truth == "matched"


def pairs(root: Path, site: str = "") -> list[Pair]:
    """The rows of ``pairs.csv``, of one site if given."""
    with (root / "pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not site or row["query_file"].startswith(f"{site}/")]
    return [_pair(root, row) for row in rows]


def _pair(root: Path, row: dict[str, str]) -> Pair:
    def numbers(*names: str) -> tuple[float, ...] | None:
        values = [row[name] for name in names]
        return tuple(map(float, values)) if all(values) else None

    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    window = numbers("q_x", "q_y", "q_w", "q_h")
    bounds = numbers("ref_north", "ref_south", "ref_west", "ref_east")
    point = numbers("ref_x", "ref_y")
    return Pair(
        name=Path(row["query_file"]).stem,
        site=row["query_file"].partition("/")[0],
        query=root / row["query_file"],
        reference=root / row["reference_file"],
        lat_deg=number("lat_deg"),
        lon_deg=number("lon_deg"),
        gsd_m_per_px=number("gsd_m_per_px"),
        heading_deg=number("heading_deg"),
        window=None if window is None else (window[0], window[1], window[2], window[3]),
        bounds=None if bounds is None else Bounds(**dict(zip(("north", "south", "west", "east"), bounds, strict=True))),
        reference_px=None if point is None else (point[0], point[1]),
        truth=row["truth"],
        split=row["split_hint"],
    )


def pixels_of(path: Path, window: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """RGB pixels of a file, or of a window of it."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
        if window is not None:
            x, y, width, height = (round(value) for value in window)
            picture = picture.crop((x, y, x + width, y + height))
        return np.array(picture)


def reference_patch(pair: Pair) -> Patch:
    """The reference of a pair with bounds."""
    assert pair.bounds is not None
    pixels = pixels_of(pair.reference)
    place = GeoReference.of_bounds(pair.bounds, pixels.shape[1], pixels.shape[0])
    return Patch(pixels, pixels.max(axis=2) > 0, place, pair.reference.name)


@lru_cache(maxsize=2)
def mosaic(root: Path) -> Patch:
    """All tiles of the town as one patch: 11 × 12 tiles at zoom 18."""
    with (root / "coeffic" / "tiles.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    xs, ys = sorted({int(row["x"]) for row in rows}), sorted({int(row["y"]) for row in rows})
    pixels = np.zeros((len(ys) * TILE_PX, len(xs) * TILE_PX, 3), np.uint8)
    valid = np.zeros(pixels.shape[:2], bool)
    for row in rows:
        x, y = (int(row["x"]) - xs[0]) * TILE_PX, (int(row["y"]) - ys[0]) * TILE_PX
        pixels[y : y + TILE_PX, x : x + TILE_PX] = pixels_of(root / "coeffic" / row["file"])
        valid[y : y + TILE_PX, x : x + TILE_PX] = True
    first = GeoReference.of_tile(int(rows[0]["zoom"]), xs[0], ys[0], TILE_PX)
    place = first.window(0, 0, pixels.shape[1], pixels.shape[0])
    return Patch(pixels, valid, place, "coeffic", Provenance("tiles of one town", "measure only"))


def cut(patch: Patch, lat_deg: float, lon_deg: float, side_m: float) -> Patch:
    """The square of a patch around a place, as far as it goes."""
    x, y = (float(value) for value in patch.georeference.to_pixels(lat_deg, lon_deg))
    half = side_m / 2 / patch.georeference.gsd_m_per_px
    x0, y0 = max(0, round(x - half)), max(0, round(y - half))
    x1, y1 = min(patch.pixels.shape[1], round(x + half)), min(patch.pixels.shape[0], round(y + half))
    return window(patch, x0, y0, x1 - x0, y1 - y0)


def window(patch: Patch, x: int, y: int, width: int, height: int) -> Patch:
    """A window of a patch."""
    part = np.s_[y : y + height, x : x + width]
    place = patch.georeference.window(x, y, width, height)
    return Patch(patch.pixels[part], patch.valid[part], place, f"{patch.name} {x},{y}", patch.provenance)


def panels(root: Path) -> dict[str, dict[str, str]]:
    """``coeffic/panels.csv`` by name of the frame."""
    with (root / "coeffic" / "panels.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def homonim_places(root: Path) -> dict[str, object]:
    """``homonim/georef.json``."""
    found: dict[str, object] = json.loads((root / "homonim" / "georef.json").read_text(encoding="utf-8"))
    return found
