"""Many mismatched pairs at little cost: a few queries on a few windows each, none of which shows the query.

    python benchmarks/crossview_mismatched.py --data ../shared/data --count 5000 --out runs/pairs

Draws blocks of small queries and of references from brighton, homonim, sentinel and the chips, lays every query of a
block onto every reference of it that lies elsewhere, and writes rows as ``crossview_rows.py`` does. The features of a
block's pictures are found once. A block is of one site, as alike ground fools more easily than foreign ground.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from crossview_pairs import Maker, Pair, Task, one_pair, tasks
from crossview_pictures import SITES
from crossview_rows import MATCHERS, registrar_of, row_of, write_rows
from whence.crossview.pose import map_points
from whence.crossview.register.config import PosePrior
from whence.earth.coordinates import distance_km

SMALLER = 0.6
"""Windows are so many times as wide on the ground as those of `crossview_rows`: less to find, quicker to tell."""

APART = 1.2
"""Centres of a query and a reference lie at least so many times their half sides apart, taken together."""


def block(found: Sequence[tuple[str, Task]], side: int, draw: np.random.Generator) -> Iterator[Pair]:
    """Pairs of every query with every reference of a block that lies elsewhere.

    Args:
        found: site and kinds of pairs.
        side: how many queries, and references.
        draw: randomness.
    """
    matched: list[Pair] = []
    while len(matched) < side:
        site, task = found[draw.integers(len(found))]
        low, high = task.query_m
        smaller = replace(task, query_m=(low * SMALLER, high * SMALLER))
        pair = one_pair(smaller, site, False, Maker(), draw, [])
        if pair is not None:
            matched.append(pair)
    for asked in matched:
        for other in matched:
            if asked is not other and elsewhere(asked, other):
                kind = f"{asked.kind.split('→')[0]}→{other.kind.split('→')[-1]} mismatched"
                yield replace(asked, reference=other.reference, truth=None, kind=kind)


def elsewhere(asked: Pair, other: Pair) -> bool:
    """Whether the query of a pair lies off the reference of another."""
    assert asked.truth is not None
    h, w = asked.query.pixels.shape[:2]
    middle = map_points(asked.truth, np.array([[w / 2.0, h / 2.0]]))[0]
    lat, lon = asked.reference.georeference.to_lat_lon(*middle)
    place = other.reference.georeference
    away = float(distance_km(float(lat), float(lon), *place.centre)) * 1e3
    sides = asked.gsd_m_per_px * max(h, w) + place.gsd_m_per_px * max(place.width_px, place.height_px)
    return away > APART * sides / np.sqrt(2.0)


def main() -> None:
    """Run blocks until enough pairs were tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with crossview/ and earth/")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is written")
    parser.add_argument("--weights", default="", help="folder with xfeat.onnx")
    parser.add_argument("--site", choices=SITES, nargs="+", default=list(SITES))
    parser.add_argument("--matcher", choices=tuple(MATCHERS), default="sift")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--block", type=int, default=12, help="queries, and references, of a block")
    parser.add_argument("--seed", type=int, default=10)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    draw = np.random.default_rng(given.seed)
    registrar = registrar_of(given.matcher, given.weights)
    found = {site: [(site, task) for task in tasks(site, given.data)] for site in given.site}
    rows: list[dict[str, object]] = []
    for number in range(100 * given.count):
        chosen = found[given.site[number % len(given.site)]]  # blocks of one site: alike ground fools more easily
        for pair in block(chosen, given.block, draw):
            known = PosePrior(gsd_m_per_px=pair.gsd_m_per_px) if draw.random() < 0.5 else None
            if given.matcher not in ("sift", "xfeat", "sift+xfeat"):
                known = PosePrior(pair.gsd_m_per_px, 1.3, float(draw.uniform(0.0, 360.0)), 20.0)
            rows.append(row_of(pair, registrar, known))
        write_rows(rows, given.out / f"mismatched_{given.matcher}_{given.seed}.csv")
        if len(rows) >= given.count:
            break
    json.dump({"pairs": len(rows), "found": sum(row["found"] == 1 for row in rows)}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
