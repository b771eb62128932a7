"""Learn the table of `whence.crossview.vlad`: ``python scripts/fit_vlad.py CROSSVIEW``.

CROSSVIEW is a folder with ``homonim`` (aerial strips and a Sentinel-2 picture), ``brighton`` (orthophoto) and
``sentinel`` (patches). Writes ``src/whence/crossview/tables/vlad.npz``; the card beside it says where they come from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.cluster.vq import kmeans2

from whence.crossview.vlad import Config, VladEncoder, VladTable

OUT = Path(__file__).resolve().parents[1] / "src/whence/crossview/tables/vlad.npz"
AXES, CENTRES, WINDOWS, WINDOW_PX, DESCRIPTORS = 32, 16, 12, 256, 20_000


def windows_of(picture: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """Square pieces of a picture; the whole of a small one."""
    height, width = picture.shape[:2]
    if min(height, width) <= WINDOW_PX:
        return [picture]
    out = []
    for _ in range(WINDOWS):
        x, y = generator.integers(0, width - WINDOW_PX), generator.integers(0, height - WINDOW_PX)
        out.append(picture[y : y + WINDOW_PX, x : x + WINDOW_PX])
    return out


def main() -> None:
    """Read the pictures, learn axes and centres, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--without", default="", help="a folder whose pictures are left out, to be measured on")
    given = parser.parse_args()
    generator = np.random.default_rng(given.seed)
    names = [
        *sorted((given.folder / "homonim").glob("ngi_*.jpg")),
        given.folder / "homonim/sentinel2_b432.png",
        given.folder / "brighton/ortho_north_up.jpg",
        *sorted((given.folder / "sentinel").glob("*_rgb.jpg")),
    ]
    names = [name for name in names if name.parent.name != given.without]
    pictures = [cv2.cvtColor(cv2.imread(str(name)), cv2.COLOR_BGR2RGB) for name in names]
    windows = [window for picture in pictures for window in windows_of(picture, generator)]
    zeros = VladTable(np.zeros(128), np.zeros((AXES, 128)), np.zeros((CENTRES, AXES)), np.zeros(AXES * CENTRES))
    encoder = VladEncoder(Config(side_px=WINDOW_PX), zeros)
    described = [encoder.descriptors(window) for window in windows]
    all_of_them = np.concatenate(described)
    drawn = all_of_them[generator.choice(len(all_of_them), min(DESCRIPTORS, len(all_of_them)), replace=False)]
    mean = drawn.mean(axis=0)
    axes = np.linalg.svd(drawn - mean, full_matrices=False)[2][:AXES]
    centres, _ = kmeans2((drawn - mean) @ axes.T, CENTRES, minit="++", rng=generator, iter=30)
    table = VladTable(mean, axes, centres, np.zeros(AXES * CENTRES))
    middle = np.mean([table.summed(item) for item in described if len(item) >= 50], axis=0)
    table = VladTable(mean, axes, centres, middle)
    given.out.write_bytes(table.to_bytes())
    print(
        f"{len(windows)} windows, {len(all_of_them)} descriptors; wrote {given.out} ({given.out.stat().st_size} bytes)"
    )


if __name__ == "__main__":
    main()
