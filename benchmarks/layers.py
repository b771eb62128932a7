"""Speed and accuracy of the layers: ``python benchmarks/layers.py [--points 20000] [--shared ../shared]``.

Prints one JSON object. Points are uniform on land by area, with a fixed seed. Where the shared rasters are there, each
value is compared with that of the source's own pixel (height, lights, climate) and with the land mask's distance to the
sea, which went into no table.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np


def milliseconds(action: Any) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    action()
    return 1000.0 * (time.perf_counter() - began)


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on land, uniform by area."""
    from whence.earth.outlines import outlines

    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 5 * count))), rng.uniform(-180, 180, 5 * count)
    dry = np.flatnonzero(outlines().indices_at(lat, lon) >= 0)[:count]
    return lat[dry], lon[dry]


def speed(lat: np.ndarray, lon: np.ndarray) -> dict[str, Any]:
    """First use, and points per second when warm: of each layer, and of all concepts of the bank together."""
    from whence.concepts.bank import bank
    from whence.earth.layers import layers

    first = {name: milliseconds(lambda name=name: layers().values(name, lat[:1], lon[:1])) for name in layers().names}
    read = milliseconds(bank)
    warm = {name: milliseconds(lambda name=name: layers().values(name, lat, lon)) for name in layers().names}
    together = milliseconds(lambda: bank().truths(lat, lon))
    return {
        "first lookup, ms": first,
        "first lookup of all layers, ms": sum(first.values()),
        "reading the bank, ms": read,
        "points per second": {name: round(lat.size / ms * 1000.0) for name, ms in warm.items()},
        "points per second, all concepts": round(lat.size / together * 1000.0),
        "truths per second": round(lat.size * len(bank()) / together * 1000.0),
    }


def pixel(
    raster: np.ndarray, lat: np.ndarray, lon: np.ndarray, south: float = -90.0, north: float = 90.0
) -> np.ndarray:
    """Pixel of a raster that spans all longitudes."""
    rows, columns = raster.shape[:2]
    row = np.clip(np.floor((north - lat) / (north - south) * rows), 0, rows - 1).astype(int)
    return raster[row, np.clip(np.floor((lon + 180.0) / 360.0 * columns), 0, columns - 1).astype(int)]


def agreement(lat: np.ndarray, lon: np.ndarray, folder: Path) -> dict[str, Any]:
    """How the layers differ from their sources' pixels."""
    from PIL import Image

    from whence.earth.layers import layers

    with Image.open(folder / "elevation8.png") as picture:
        height = pixel(np.asarray(picture, float) * 25.49, lat, lon)
    with np.load(folder / "etopo20.npz") as archive:
        etopo = pixel(archive["elevation_m"].astype(float), lat, lon)
    with Image.open(folder / "nightlights.jpg") as picture:
        lit = pixel(np.asarray(picture.convert("RGB"), float)[..., 0], np.maximum(lat - 0.05, -90), lon + 0.07) > 45.0
    with np.load(folder / "koppen_1991_2020.npz") as archive:
        climate = pixel(archive["cls"], lat, lon, -60.0, 84.0).astype(int)
    covered = (lat > -60.0) & (lat < 84.0)
    ours = layers().values_of(("elevation_m", "night_light", "koppen", "koppen_group"), lat, lon)
    both = covered & (climate > 0) & (ours["koppen"] >= 0)
    groups = np.searchsorted([4, 8, 17, 29], climate, side="right")
    gap = np.abs(ours["elevation_m"] - height)
    bright = ours["night_light"] > 1.0
    return {
        "points": int(lat.size),
        "height: median and 90 % gap to its pixel, m": [float(np.median(gap)), float(np.percentile(gap, 90))],
        "height: median gap to ETOPO, m": float(np.median(np.abs(ours["elevation_m"] - etopo))),
        "height: correlation with ETOPO": float(np.corrcoef(ours["elevation_m"], etopo)[0, 1]),
        "climate: same class as its pixel": float((ours["koppen"] + 1 == climate)[both].mean()),
        "climate: same main group": float((ours["koppen_group"] == groups)[both].mean()),
        "climate: known on land": float((ours["koppen"] >= 0).mean()),
        "lights: lit pixels in lit cells": float(bright[lit].mean()),
        "lights: dark pixels in dark cells": float((~bright)[~lit].mean()),
        **coast_agreement(lat, lon, folder),
    }


def coast_agreement(lat: np.ndarray, lon: np.ndarray, folder: Path) -> dict[str, Any]:
    """Distance to the coast against that to the sea pixels of the land mask (used here only, never for the table)."""
    from scipy.spatial import cKDTree

    from whence.earth import grid
    from whence.earth.layers import layers

    with np.load(folder / "landmask_1p25min.npz") as archive:
        columns = int(archive["shape"][1])
        bits = archive["land_bits"] | archive["lake_bits"]
    sea = ~np.unpackbits(bits, axis=1)[:, :columns].astype(bool)
    edge = sea & (~np.roll(sea, 1, 1) | ~np.roll(sea, -1, 1))
    edge[1:] |= sea[1:] & ~sea[:-1]
    edge[:-1] |= sea[:-1] & ~sea[1:]
    row, column = np.nonzero(edge)
    where = 90.0 - (row + 0.5) / sea.shape[0] * 180.0, (column + 0.5) / columns * 360.0 - 180.0
    caspian = (where[0] > 36.0) & (where[0] < 48.0) & (where[1] > 45.0) & (where[1] < 56.0)
    tree = cKDTree(grid.unit_vectors(where[0][~caspian], where[1][~caspian]))
    north = lat > -60.0  # ice shelves are sea to one and land to the other
    chord = tree.query(grid.unit_vectors(lat[north], lon[north]))[0]
    theirs = 2.0 * grid.EARTH_RADIUS_KM * np.arcsin(chord / 2.0)
    gap = np.abs(layers().values("coast_km", lat[north], lon[north]) - theirs)
    return {"coast: median and 90 % gap to the land mask, km": [float(np.median(gap)), float(np.percentile(gap, 90))]}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("WHENCE_SHARED", "../shared")))
    arguments = parser.parse_args()
    lat, lon = draw(arguments.points, arguments.seed)
    result: dict[str, Any] = {"speed": speed(lat, lon)}
    folder = arguments.shared / "data" / "earth"
    result["agreement"] = agreement(lat, lon, folder) if folder.is_dir() else f"no rasters at {folder}"
    print(json.dumps(result, indent=1, ensure_ascii=False, default=lambda x: round(float(x), 4)))


if __name__ == "__main__":
    main()
