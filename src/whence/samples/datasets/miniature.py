"""Generated pictures and places for miniature data sets."""

from __future__ import annotations

import csv
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_TOWNS = ((48.86, 2.35), (-33.87, 151.21), (35.68, 139.69), (-1.29, 36.82), (40.71, -74.01), (-12.05, -77.04))
_SIDE_PX = 64


def places(count: int, seed: int) -> list[tuple[float, float]]:
    """Latitudes and longitudes near six towns in turn, degrees."""
    draw = np.random.default_rng(seed)
    return [
        (round(lat + float(draw.normal(0, 0.2)), 6), round(lon + float(draw.normal(0, 0.2)), 6))
        for lat, lon in (_TOWNS[i % len(_TOWNS)] for i in range(count))
    ]


def write_jpeg(path: Path, seed: int) -> None:
    """Write a JPEG of soft random shapes, another for every seed; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _shapes(seed).save(path, "JPEG", quality=85)


def write_picture(path: Path, seed: int) -> None:
    """Write the same in the format that the name ends with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _shapes(seed).save(path)


def _shapes(seed: int) -> Image.Image:
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return coarse.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC)


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_bands(path: Path, seed: int, bands: int = 12, side_px: int = 32) -> None:
    """Write an uncompressed TIFF of 16-bit bands, interleaved by pixel, as Sentinel-2 patches have them."""
    pixels = np.random.default_rng(seed).integers(0, 4000, (side_px, side_px, bands), dtype="<u2").tobytes()
    depths = struct.pack(f"<{bands}H", *[16] * bands)
    extra = bytes(2 * (bands - 1))  # all but the first band have no meaning that TIFF knows
    short, long = 3, 4
    entries = [
        (256, long, 1, side_px), (257, long, 1, side_px), (258, short, bands, 8), (259, short, 1, 1),
        (262, short, 1, 1), (273, long, 1, 8 + len(depths) + len(extra)), (277, short, 1, bands),
        (278, long, 1, side_px), (279, long, 1, len(pixels)), (284, short, 1, 1),
        (338, short, bands - 1, 8 + len(depths)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = 8 + len(depths) + len(extra) + len(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + depths + extra + pixels + directory + bytes(4))
