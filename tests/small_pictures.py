"""Small photographs that state where they were taken, made for tests of the batch and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

CITIES = {
    "florence": (43.77, 11.25),
    "sydney": (-33.87, 151.21),
    "nairobi": (-1.29, 36.82),
    "osaka": (34.69, 135.50),
    "lima": (-12.05, -77.04),
    "tromsoe": (69.65, 18.96),
}


def write_photo(path: Path, lat_deg: float, lon_deg: float, shade: int = 0) -> Path:
    """Write a JPEG of 64 × 48 pixels whose GPS tags state a place."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(
        {
            1: "N" if lat_deg >= 0 else "S",
            2: _dms(abs(lat_deg)),
            3: "E" if lon_deg >= 0 else "W",
            4: _dms(abs(lon_deg)),
        }
    )
    image = Image.linear_gradient("L").resize((64, 48)).point(lambda value: (value + shade) % 256)
    image.convert("RGB").save(path, "JPEG", exif=exif)
    return path


def write_photos(folder: Path, count: int, prefix: str = "") -> list[Path]:
    """Write photographs of the cities in turn, each with other pixels, names in the order of writing."""
    folder.mkdir(parents=True, exist_ok=True)
    cities = list(CITIES.items())
    made = []
    for i in range(count):
        city, (lat, lon) = cities[i % len(cities)]
        made.append(write_photo(folder / f"{prefix}{i:03d}_{city}.jpg", lat, lon, shade=i))
    return made


def write_broken(path: Path) -> Path:
    """Write a file that is called a picture and is none."""
    path.write_bytes(b"this is not a picture\n" * 20)
    return path


def records(content: str | bytes) -> list[dict[str, Any]]:
    """Lines of JSON as values."""
    return [json.loads(line) for line in content.splitlines()]


def without_times(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same results without what may differ from run to run: the times."""
    out = []
    for record in found:
        kept = {key: value for key, value in record.items() if key != "timings_ms"}
        if "ledger" in kept:
            kept["ledger"] = [{k: v for k, v in entry.items() if k != "elapsed_ms"} for entry in kept["ledger"]]
        out.append(kept)
    return out


def _dms(value: float) -> tuple[float, float, float]:
    minutes = (value - int(value)) * 60
    return float(int(value)), float(int(minutes)), round((minutes - int(minutes)) * 60, 3)
