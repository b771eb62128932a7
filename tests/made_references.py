"""Reference sets of generated pictures, and a small real encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from made_rasters import save
from whence.crossview.encoder import CrossViewEncoder
from whence.earth.tiles.georeference import GeoReference
from whence.samples.view import ViewKind

GRID = 6
Z, X, Y, SIDE = 17, 70000, 45000, 64
"""Tiles of `town`."""


class GridEncoder(CrossViewEncoder):
    """Mean colours of a grid of cells, centred and of unit length."""

    name, version, dim, turns = "grid", "grid-1", GRID * GRID * 3, 1
    kinds = frozenset({ViewKind.SATELLITE, ViewKind.DRONE})
    logit_scale = 12.0

    def __init__(self, version: str = "grid-1") -> None:
        self.version, self.pictures = version, 0

    def embed(self, pictures, kind):
        self.pictures += len(pictures)
        small = [
            np.asarray(Image.fromarray(p).resize((GRID, GRID), Image.Resampling.BOX), np.float32) for p in pictures
        ]
        rows = np.stack(small).reshape(len(small), -1)
        rows = rows - rows.mean(axis=1, keepdims=True)
        return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def town(columns: int, rows: int, seed: int = 0):
    """A picture of coloured blocks, every place unlike the others, as large as so many tiles."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (rows * SIDE // 16, columns * SIDE // 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(blocks).resize((columns * SIDE, rows * SIDE), Image.Resampling.BICUBIC))


def town_tiles(folder: Path, columns: int = 5, rows: int = 4, seed: int = 0) -> Path:
    """`town` as a folder of tiles."""
    pixels = town(columns, rows, seed)
    for i in range(columns):
        for j in range(rows):
            tile = pixels[j * SIDE : (j + 1) * SIDE, i * SIDE : (i + 1) * SIDE]
            save(tile, folder / str(Z) / str(X + i) / f"{Y + j}.png")
    return folder


def town_reference(columns: int = 5, rows: int = 4) -> GeoReference:
    """Where `town_tiles` lies."""
    first = GeoReference.of_tile(Z, X, Y, SIDE)
    return GeoReference(first.crs, first.affine, columns * SIDE, rows * SIDE)
