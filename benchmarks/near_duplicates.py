"""Near duplicates found and false: ``python benchmarks/near_duplicates.py [--photos 300] [--random 100000]``.

Prints one JSON object. Copies are made of real photographs, those of ``--shared`` (../shared), drawn with a fixed seed;
a copy is found if it is near its original. Near pairs among the photographs themselves, which are of different scenes
but for what their collectors overlooked, say how often chance makes two pictures near.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from whence.samples.datasets.photos_csv import PhotosCsv
from whence.samples.near_duplicates import Nearness, hash_files, near_pairs, picture_hash


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    """The picture after a JPEG of low quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def scaled(picture: Image.Image, factor: int) -> Image.Image:
    """The picture at a fraction of its size."""
    return picture.resize((picture.width // factor, picture.height // factor))


def trimmed(picture: Image.Image, share: float) -> Image.Image:
    """The picture without a share of each edge."""
    left, top = round(picture.width * share), round(picture.height * share)
    return picture.crop((left, top, picture.width - left, picture.height - top))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG of quality 30": lambda picture: recompressed(picture, 30),
    "half the size": lambda picture: scaled(picture, 2),
    "a quarter of the size, quality 50": lambda picture: recompressed(scaled(picture, 4), 50),
    "30 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "30 % more contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.3),
    "grey": lambda picture: picture.convert("L"),
    "1 % trimmed from each edge": lambda picture: trimmed(picture, 0.01),
    "3 % trimmed from each edge": lambda picture: trimmed(picture, 0.03),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def found(paths: list[Path], hashes: np.ndarray, near: Nearness) -> dict[str, float]:
    """Share of the copies that are near their original, by kind."""
    shares = {}
    for name, change in COPIES.items():
        copies = []
        for path in paths:
            with Image.open(path) as picture:
                copies.append(picture_hash(np.asarray(change(picture.convert("RGB")).convert("RGB"))))
        apart = np.bitwise_count(np.asarray(copies) ^ hashes)
        shares[name] = float(np.mean((apart[:, 0] <= near.difference_bits) & (apart[:, 1] <= near.frequency_bits)))
    return shares


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=300, help="how many photographs are copied")
    parser.add_argument("--random", type=int, default=100_000, help="how many random hashes the index is timed with")
    beside = os.environ.get("WHENCE_SHARED", Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--shared", type=Path, default=beside, help="folder of real data")
    given = parser.parse_args()
    near, draw = Nearness(), np.random.default_rng(0)
    paths = [sample.path for sample in PhotosCsv(given.shared / "data" / "photos")]
    began = time.process_time()
    hashes = hash_files(paths)
    hashing = time.process_time() - began
    pairs = near_pairs(hashes, near)
    chosen = draw.choice(len(paths), min(given.photos, len(paths)), replace=False)
    many = draw.integers(0, 2**64, (given.random, 2), dtype=np.uint64)
    began = time.process_time()
    chance = near_pairs(many, near)
    result = {
        "photographs": len(paths),
        "CPU ms a photograph": 1000.0 * hashing / len(paths),
        "copies found": found([paths[i] for i in chosen], hashes[chosen], near),
        "near pairs among the photographs": [[paths[i].name, paths[j].name] for i, j in pairs.tolist()],
        "pairs of photographs": len(paths) * (len(paths) - 1) // 2,
        f"CPU seconds for {given.random} random hashes": time.process_time() - began,
        "near pairs among random hashes": len(chance),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
