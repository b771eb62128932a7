"""A made world of photographs whose colour tells what kind of place they show."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COLD, TOWN = "cold", "town"
_PLACES = {
    # Colour of the picture, and places where it is taken: high mountains white and blue, large towns red and grey.
    COLD: (
        (90, 140, 235),
        [(27.98, 86.92), (46.55, 7.98), (-32.65, -70.01), (39.1, 71.5), (-13.5, -72.0), (35.5, 76.5)],
    ),
    TOWN: (
        (210, 60, 50),
        [(35.69, 139.69), (48.85, 2.35), (40.71, -74.0), (-23.55, -46.63), (19.07, 72.88), (30.04, 31.2)],
    ),
}


def make_photographs(folder: Path, count: int = 36, photographers: int = 3) -> Path:
    """Write photographs with ``photos.csv`` of made photographers, who all go to mountains and to towns."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(count):
        kind = (COLD, TOWN)[i % 2]
        colour, places = _PLACES[kind]
        lat, lon = places[(i // 2 + i // 12) % len(places)]
        pixels = np.clip(rng.normal(colour, 25, (48, 64, 3)), 0, 255).astype(np.uint8)
        name = f"{i:02d}_{kind}.jpg"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name, quality=90)
        rows.append([name, lat, lon, 5, f"photographer {i // 12 % photographers}"])
    with (folder / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "lat_deg", "lon_deg", "accuracy_km", "photographer"])
        writer.writerows(rows)
    return folder


def recipe_table(folder: Path) -> dict[str, object]:
    """A small scenery recipe of these photographs, as in a file."""
    return {
        "schema": 1,
        "kind": "scenery",
        "name": "made",
        "summary": "A made world.",
        "data": {"root": str(folder)},
        "image": {"encoder": "mobilenet_v2", "width": 0.25, "image_px": 64, "classes": 10},
        "views": {"crops": 1, "recoloured": 1},
        "concepts": {"groups": "terrain=1;settlement=1"},
        "fit": {"components": 4, "penalty": 1.0, "general_penalty": 3.0, "draws": 1500, "around": 4, "steps": 15},
    }
