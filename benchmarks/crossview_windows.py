"""Windows of one sensor sought among windows of another by their vectors alone: aerial, satellites, near infrared.

    python scripts/fit_vlad.py ../shared/data/crossview --without homonim --out without_homonim.npz
    python benchmarks/crossview_windows.py homonim --table without_homonim.npz --data ../shared/data

Queries are north up within ``--turn`` degrees (drawn), of known scale. ``homonim``: windows of one picture (side by
side, for Landsat half over each other as the site is small) among windows of the other that lie half over each other;
an answer is right if its middle lies within half a window of the query's, both ways. ``sentinel``: windows of 96
pixels, moved by up to 12, among all 70 patches of the other band.
With ``--rerank N`` the first N are registered by correlation and ordered by the verifier's probability. The shipped
table of the encoder was learned from windows of these pictures, so give one that was not.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from crossview_pictures import Picture, cut, homonim, sentinel, view, warped
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.register.config import PosePrior
from whence.crossview.register.correlate import Correlator
from whence.crossview.verify import Verifier
from whence.crossview.vlad import VladEncoder, VladTable
from whence.earth.tiles.types import Patch
from whence.samples.view import ViewKind

FIRST = (1, 5, 10)
Z_95 = 1.96
OUT_PX = 256
"""Side of the windows of homonim."""

REACH_DEG = 20.0
"""How far the correlator looks either way from the heading that it is told."""


@dataclass(frozen=True, eq=False)
class Search:
    """Queries, what they are sought among, and which answers are right.

    Attributes:
        name: the sensors.
        queries: windows as they are asked.
        gallery: windows of the other sensor.
        right: row a query: which windows of the gallery show its middle near theirs.
    """

    name: str
    queries: Sequence[Patch]
    gallery: Sequence[Patch]
    right: np.ndarray


def wilson(hits: int, tried: int) -> list[float]:
    """Interval of a share at 95 % (Wilson, 1927), in per cent."""
    share, n = hits / tried, float(tried)
    middle = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    return [round(100 * max(0.0, middle - half), 1), round(100 * min(1.0, middle + half), 1)]


def grid(
    picture: Picture, side_m: float, step_m: float, out: int, start_m: tuple[float, float] = (0.0, 0.0)
) -> list[tuple[float, float, Patch]]:
    """Windows that hold data, with the position of their middle in the picture."""
    where = picture.patch.georeference
    side, step = side_m / where.gsd_m_per_px, step_m / where.gsd_m_per_px
    left, top = (value / where.gsd_m_per_px for value in start_m)
    found = [
        (float(x), float(y), cut(picture, float(x), float(y), side, out))
        for y in np.arange(top + side / 2, where.height_px - side / 2 + 1, step)
        for x in np.arange(left + side / 2, where.width_px - side / 2 + 1, step)
    ]
    return [item for item in found if item[2].valid.mean() > 0.9]


def turned(patch: Patch, turn_deg: float) -> Patch:
    """A patch as a camera would show it that points so far from north."""
    side = patch.pixels.shape[0]
    angle, half = math.radians(turn_deg), side / 2
    c, s = math.cos(angle), math.sin(angle)
    move = np.array([[c, -s, half - c * half + s * half], [s, c, half - s * half - c * half], [0.0, 0.0, 1.0]])
    pixels, valid = warped(patch.pixels, patch.valid, move, (side, side))
    return Patch(pixels, valid, patch.georeference, patch.name, patch.provenance)


def homonim_searches(given: argparse.Namespace) -> list[Search]:
    """Aerial strips and Sentinel-2 among windows of coarser sensors."""
    pictures, draw = homonim(given.data), np.random.default_rng(given.seed)
    strips = [picture for picture in pictures if picture.sensor == "aerial"]
    by = {picture.sensor: picture for picture in pictures}
    plan = (
        ("aerial → Sentinel-2", strips, by["sentinel2"], 1280.0, 1280.0),
        ("aerial → Landsat", strips, by["landsat"], 2880.0, 1440.0),
        ("Sentinel-2 → Landsat", [by["sentinel2"]], by["landsat"], 2880.0, 1440.0),
    )
    found = []
    for name, sources, target, side_m, step_m in plan:
        start = draw.uniform(0.0, 0.25 * side_m, 2)  # the two grids do not fall together
        asked = [(source, *item) for source in sources for item in grid(source, side_m, step_m, OUT_PX, tuple(start))]
        shown = grid(target, side_m, side_m / 2, OUT_PX)
        place, half = target.patch.georeference, side_m / target.patch.georeference.gsd_m_per_px / 2
        right = np.zeros((len(asked), len(shown)), bool)
        for row, (source, x, y, _) in enumerate(asked):
            lat, lon = source.patch.georeference.to_lat_lon(x, y)
            u, v = (float(value) for value in place.to_pixels(float(lat), float(lon)))
            right[row] = [max(abs(a - u), abs(b - v)) < half for a, b, _ in shown]
        queries = [turned(patch, float(draw.uniform(-given.turn, given.turn))) for *_, patch in asked]
        held = right.any(axis=1)
        kept = [query for query, is_held in zip(queries, held, strict=True) if is_held]
        found.append(Search(name, kept, [patch for *_, patch in shown], right[held]))
    return found


def sentinel_searches(given: argparse.Namespace) -> list[Search]:
    """Visible light among near infrared, the reverse, and visible among visible as a check."""
    pictures, draw = sentinel(given.data), np.random.default_rng(given.seed)
    visible, infrared = pictures[::2], pictures[1::2]
    found = []
    for name, sources, targets in (
        ("visible → near infrared", visible, infrared),
        ("near infrared → visible", infrared, visible),
        ("visible → visible", visible, visible),
    ):
        queries = [
            turned(cut(source, *(64.0 + draw.uniform(-12, 12, 2)), 96.0, 96), float(draw.uniform(-1, 1) * given.turn))
            for source in sources
        ]
        found.append(Search(name, queries, [target.patch for target in targets], np.eye(len(sources), dtype=bool)))
    return found


def places(search: Search, encoder: CrossViewEncoder) -> np.ndarray:
    """Gallery indices of each query, likest first."""
    asked = encoder.embed([patch.pixels for patch in search.queries], ViewKind.SATELLITE)
    shown = encoder.embed([patch.pixels for patch in search.gallery], ViewKind.SATELLITE)
    return np.argsort(-(asked @ shown.T), axis=1, kind="stable")


def reranked(search: Search, order: np.ndarray, most: int) -> tuple[np.ndarray, int, int]:
    """Order the first so many by the probability of a registration by correlation.

    Returns:
        The new order, and how many of those that then come first are accepted, right and wrong.
    """
    correlator, verifier = Correlator(), Verifier()
    out, right, wrong = order.copy(), 0, 0
    for row, query in enumerate(search.queries):
        where = query.georeference
        prior = PosePrior(where.gsd_m_per_px, 1.1, where.up_bearing_deg % 360.0, REACH_DEG)
        said = []
        for index in order[row, :most]:
            patch = search.gallery[index]
            found = correlator.register(query.pixels, patch, valid=query.valid, prior=prior)
            said.append(verifier.verify(view(query.pixels, query.name, ViewKind.SATELLITE), patch, found))
        best = np.argsort([-match.probability for match in said], kind="stable")
        out[row, :most] = order[row, :most][best]
        if said[best[0]].accepted:
            hit = bool(search.right[row, out[row, 0]])
            right, wrong = right + hit, wrong + (not hit)
    return out, right, wrong


def summary(search: Search, order: np.ndarray) -> dict[str, Any]:
    """Recall at 1, 5 and 10 with intervals, and what chance gives."""
    hit = np.take_along_axis(search.right, order, axis=1)
    n = len(order)
    row: dict[str, Any] = {"queries": n, "among": len(search.gallery)}
    row["chance R@1 %"] = round(100 * float(search.right.mean()), 1)
    for first in FIRST:
        hits = int(hit[:, :first].any(axis=1).sum())
        row[f"R@{first}"], row[f"R@{first} %"], row[f"R@{first} 95 %"] = hits, round(100 * hits / n, 1), wilson(hits, n)
    return row


PARTS = {"homonim": homonim_searches, "sentinel": sentinel_searches}


def main() -> None:
    """Run parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", choices=tuple(PARTS), nargs="+")
    parser.add_argument("--data", type=Path, required=True, help="folder with crossview/")
    parser.add_argument("--turn", type=float, default=5.0, help="largest turn of a query away from north, degrees")
    parser.add_argument("--table", type=Path, help="table of the encoder, the shipped one if not given")
    parser.add_argument("--rerank", type=int, default=0, help="so many of the first are registered and ordered anew")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    encoder = VladEncoder(table=VladTable.from_bytes(given.table.read_bytes()) if given.table else None)
    rows: dict[str, dict[str, Any]] = {}
    for part in given.parts:
        for search in PARTS[part](given):
            order = places(search, encoder)
            rows[search.name] = summary(search, order)
            if given.rerank:
                after, right, wrong = reranked(search, order, given.rerank)
                rows[f"{search.name}, reranked"] = summary(search, after) | {
                    "accepted right": right,
                    "accepted wrong": wrong,
                }
            sys.stderr.write(f"{search.name}: {json.dumps(rows[search.name])}\n")
    json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
