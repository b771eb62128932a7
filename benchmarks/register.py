"""Drone frames laid onto satellite tiles: how many find their place, how exactly, and what others look like.

    python benchmarks/register.py run --data crossview --out out/register --matchers sift xfeat sift+xfeat
    python benchmarks/register.py mismatch --data crossview --out out/register --matchers sift --each 15
    python benchmarks/register.py table --data crossview --out out/register

``run`` registers each of the 67 frames of ``coeffic`` with the clean picture of the nine tiles around it (``--region
sat``), with a square of the mosaic around its nominal place (``--region 600``, metres), or with the whole mosaic of
11 × 12 tiles (``--region all``). ``mismatch`` registers frames with pieces that they do not show: other parts of the
town at least 450 m away, and other sites taken as though they had the same ground sample distance. Both write a row of
statistics a pair as CSV, and go on where they stopped. ``table`` reads the rows.

The frames are for measuring only: nothing is fitted to them. Files of weights are found as the package finds them, in
``$WHENCE_ASSETS``.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from crossview_data import Pair, cut, mosaic, pairs, pixels_of, reference_patch, window
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.geometry import mapped
from whence.crossview.register.registrar import Registrar
from whence.crossview.types import Registration
from whence.crossview.verify import Verifier
from whence.earth.coordinates import distance_km
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.samples.view import View, ViewKind
from whence.train.verifier import DIRECTIONS

MATCHERS = {
    "sift": RegisterConfig(features="sift"),
    "xfeat": RegisterConfig(features="xfeat"),
    "lighterglue": RegisterConfig(features="xfeat", matching="lighterglue"),
    "aliked": RegisterConfig(features="aliked"),
    "dense": RegisterConfig(features="sift", dense=True, ratio=0.01),
    "sift+xfeat": RegisterConfig(features="sift,xfeat"),
    "sift+lighterglue": RegisterConfig(features="sift,xfeat", matching="lighterglue"),
    "sift+xfeat+aliked": RegisterConfig(features="sift,xfeat,aliked"),
    "combined": RegisterConfig(features="sift,xfeat", dense=True),
}
VERIFIER = Verifier()

PRIOR = PosePrior(gsd_m_per_px=0.5, scale_range=1.6, heading_deg=0.0, heading_range_deg=60.0)
"""The frames are warped to 0.5 m a pixel, north up, by a pose that is off: by up to 45° in turns."""

AWAY_M = 450.0
"""Frames show 256 m, patches 389 m: at this distance the two do not overlap but by their corners' last metres."""

SIDE_M = 389.0


def row_of(pair: Pair, patch: Patch, found: Registration, seconds: float) -> dict[str, object]:
    """One line of the table."""
    row: dict[str, object] = {
        "frame": pair.name,
        "patch": patch.name,
        "verified": int(pair.verified),
        "hint": pair.split,
        "matcher": found.matcher,
        "model": found.model if found.transform is not None else "",
        "error_m": math.nan,
        "lat_deg": math.nan,
        "lon_deg": math.nan,
        "cxx_px2": found.covariance_px2[0],
        "cxy_px2": found.covariance_px2[1],
        "cyy_px2": found.covariance_px2[2],
        "east_m": math.nan,
        "north_m": math.nan,
        "patch_gsd_m": patch.georeference.gsd_m_per_px,
        "cpu_s": seconds,
    }
    if found.transform is not None:
        x, y = mapped(found.transform, np.array([[256.0, 256.0]]))[0]
        lat, lon = (float(value) for value in patch.georeference.to_lat_lon(x, y))
        here = np.array([[lat, lon], [pair.lat_deg, lon], [lat, pair.lon_deg]])
        metres = distance_km(here[[0, 1, 2], 0], here[[0, 1, 2], 1], pair.lat_deg, pair.lon_deg) * 1e3
        row |= {"error_m": metres[0], "lat_deg": lat, "lon_deg": lon}
        row |= {
            "east_m": math.copysign(metres[1], lon - float(pair.lon_deg or 0)),
            "north_m": math.copysign(metres[2], lat - float(pair.lat_deg or 0)),
        }
    return row | dict(found.statistics)


class Rows:
    """A CSV file that is added to, with the pairs that it already has."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fields: list[str] = []
        self.done: set[tuple[str, str]] = set()
        if path.exists():
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                self.done = {(row["frame"], row["patch"]) for row in reader}
                self._fields = list(reader.fieldnames or [])

    def add(self, row: Mapping[str, object], fields: Sequence[str]) -> None:
        """Write one row; the first decides the columns."""
        if not self._fields:
            self._fields = list(dict.fromkeys([*row, *fields]))
            with self._path.open("w", newline="") as file:
                csv.writer(file).writerow(self._fields)
        shown = {name: f"{value:.8g}" if isinstance(value, float) else value for name, value in row.items()}
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow([shown.get(name, "") for name in self._fields])


VERDICT = ("probability", "accepted", "ee_m2", "en_m2", "nn_m2", *(f"m_{name}" for name in DIRECTIONS))
STATISTICS = (
    "matches",
    "first_inliers",
    "second_support",
    "lead",
    "screening",
    "guided_matches",
    "inliers",
    "inlier_share",
    "expected_random",
    "decoy_most",
    "excess",
    "coverage",
    "residual_px",
    "scale",
    "turn_deg",
    "scale_off",
    "turn_off_deg",
    "anisotropy",
    "perspective",
    "model_parameters",
    "overlap",
    "agreement",
    "agreement_z",
    "agreement_ratio",
    "agreement_off_px",
    "dense_score",
    "dense_ratio",
    "dense_z",
    "sigma_px",
)


def run(given: argparse.Namespace) -> None:
    """Register every frame where it belongs."""
    for matcher in given.matchers:
        registrar = Registrar(MATCHERS[matcher])
        rows = Rows(given.out / f"match_{given.region}_{matcher}.csv")
        for pair in pairs(given.data, "coeffic"):
            patch = patch_of(pair, given.data, given.region)
            if (pair.name, patch.name) not in rows.done:
                one(registrar, pair, patch, rows, pixels_of(pair.query))


def mismatch(given: argparse.Namespace) -> None:
    """Register frames where they do not belong."""
    for matcher in given.matchers:
        registrar = Registrar(replace(MATCHERS[matcher], cached=32))  # all pieces
        rows = Rows(given.out / f"mismatch_{matcher}.csv")
        pieces = list(wrong_patches(given.data))
        for number, pair in enumerate(pairs(given.data, "coeffic")):
            allowed = [patch for patch in pieces if not _near(pair, patch)]
            order = np.random.default_rng(number).permutation(len(allowed))[: given.each]
            pixels = pixels_of(pair.query)
            for index in order:
                if (pair.name, allowed[index].name) not in rows.done:
                    one(registrar, pair, allowed[index], rows, pixels)


def one(registrar: Registrar, pair: Pair, patch: Patch, rows: Rows, pixels: np.ndarray) -> None:
    """Register a frame and write the row; times are of the processor, as other programs run beside."""
    start = time.process_time()
    found = registrar.register(pixels, patch, prior=PRIOR)
    seconds = time.process_time() - start
    view = View(pixels, (pixels.shape[1], pixels.shape[0]), pair.name, "", "JPEG", ViewKind.DRONE)
    match = VERIFIER.verify(view, patch, found)
    verdict = {"probability": match.probability, "accepted": int(match.accepted)}
    measures = VERIFIER.measures(view, patch, found)
    if measures is not None:
        verdict |= {f"m_{name}": value for name, value in measures.values().items()}
    if match.pose is not None:
        verdict |= dict(zip(("ee_m2", "en_m2", "nn_m2"), match.pose.covariance_m2, strict=True))
    rows.add(row_of(pair, patch, found, seconds) | verdict, (*VERDICT, *STATISTICS))


def patch_of(pair: Pair, root: Path, region: str) -> Patch:
    """The reference of a frame, as ``--region`` says."""
    if region == "sat":
        return reference_patch(pair)
    whole = mosaic(root)
    if region == "all":
        return whole
    assert pair.lat_deg is not None
    assert pair.lon_deg is not None
    return cut(whole, pair.lat_deg, pair.lon_deg, float(region))


def wrong_patches(root: Path) -> Iterator[Patch]:
    """Sixteen pieces of the town, and twelve of other sites at a scale that they do not have."""
    whole = mosaic(root)
    side = round(SIDE_M / whole.georeference.gsd_m_per_px)
    for y in np.linspace(0, whole.pixels.shape[0] - side, 4).round().astype(int):
        for x in np.linspace(0, whole.pixels.shape[1] - side, 4).round().astype(int):
            yield window(whole, int(x), int(y), side, side)
    others = [pair for site in ("sentinel", "brighton", "homonim") for pair in pairs(root, site)[:4]]
    for number, pair in enumerate(others):
        picture = pixels_of(pair.query, pair.window)
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
        place = GeoReference.of_tile(18, 1000 * (number + 1), 100_000).window(0, 0, side, side)
        scaled = place.window(0, 0, side, side, side, side)
        yield Patch(picture, picture.max(axis=2) > 0, scaled, f"{pair.site} {pair.name}")


def _near(pair: Pair, patch: Patch) -> bool:
    lat, lon = patch.georeference.centre
    return float(distance_km(pair.lat_deg, pair.lon_deg, lat, lon)) * 1e3 < AWAY_M


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("run", "mismatch", "table"))
    parser.add_argument("--data", type=Path, default=Path("crossview"), help="folder with pairs.csv")
    parser.add_argument("--out", type=Path, default=Path("out/register"))
    parser.add_argument("--matchers", nargs="+", choices=tuple(MATCHERS), default=["sift+xfeat"])
    parser.add_argument("--region", default="sat", help="sat, all, or the side of a square in metres")
    parser.add_argument("--each", type=int, default=15, help="patches that a frame is tried with")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.part == "table":
        from register_table import table

        table(given.out, given.data)
    else:
        {"run": run, "mismatch": mismatch}[given.part](given)


if __name__ == "__main__":
    main()
