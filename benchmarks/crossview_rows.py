"""Pairs of pictures registered, and what was measured on each: examples for the verifier, a row a pair.

    python benchmarks/crossview_rows.py pairs --data ../shared/data --site homonim --matcher sift --out runs/pairs
    python benchmarks/crossview_rows.py coeffic --data ../shared/data --matcher sift --out runs/pairs

``pairs`` cuts matched and mismatched windows from a site that may be published with attribution: the examples from
which ``scripts/fit_verifier.py`` fits the shipped table. ``coeffic`` lays drone frames onto the satellite around them
and elsewhere; nothing is fitted to these.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import crossview_data
from crossview_pairs import Maker, Pair, corner_error_px, pairs, tasks
from crossview_pictures import SITES, view
from whence.crossview.pose import map_points
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.correlate import Correlator
from whence.crossview.register.registrar import Registrar
from whence.crossview.types import Registration
from whence.crossview.verify import Verifier
from whence.earth.coordinates import distance_km
from whence.earth.tiles.types import Patch

VERIFIER = Verifier()

MATCHERS: dict[str, dict[str, Any]] = {
    "sift": {"features": "sift"},
    "sift+dense": {"features": "sift", "dense": True},
    "xfeat": {"features": "xfeat"},
    "sift+xfeat": {"features": "sift,xfeat"},
    "sift+xfeat+aliked": {"features": "sift,xfeat,aliked"},
    "sift+xfeat+dense": {"features": "sift,xfeat", "dense": True},
    "correlation": {},
}


def registrar_of(name: str, weights: str) -> Registrar | Correlator:
    """A registrar by the short name of its settings."""
    if name == "correlation":
        return Correlator()
    return Registrar(RegisterConfig(weights=weights, **MATCHERS[name]))


def row_of(pair: Pair, registrar: Registrar | Correlator, prior: PosePrior | None) -> dict[str, Any]:
    """Everything measured on one pair."""
    start = time.process_time()  # others may share the machine
    found = registrar.register(pair.query.pixels, pair.reference, prior=prior)
    took = (time.process_time() - start) * 1e3
    row: dict[str, Any] = {"site": pair.site, "kind": pair.kind, "matcher": found.matcher, "model": found.model}
    row |= {"matched": int(pair.truth is not None), "found": int(found.transform is not None), "cpu_ms": round(took, 1)}
    row |= {"gsd_known": int(prior is not None and prior.gsd_m_per_px is not None), "label": 0}
    row |= {f"s_{name}": round(float(value), 5) for name, value in found.statistics.items()}
    if found.transform is None:
        return row
    h, w = pair.query.pixels.shape[:2]
    if pair.truth is not None:
        error = corner_error_px(found.transform, pair.truth, (w, h))
        row["error_px"] = round(error, 3)
        row |= _middle(found, pair.truth, (w, h))
        row["middle_m"] = round(row["middle_px"] * pair.reference.georeference.gsd_m_per_px, 2)
        row["label"] = 1 if error <= pair.tolerance_px else (-1 if error <= 3 * pair.tolerance_px else 0)
    measures = VERIFIER.measures(pair.query, pair.reference, found)
    assert measures is not None
    row |= {f"m_{name}": round(float(value), 5) for name, value in measures.values().items()}
    return row


def _middle(found: Registration, truth: np.ndarray, size: tuple[int, int]) -> dict[str, float]:
    """How far the query's middle is off, in reference pixels, and squared in standard deviations of its covariance."""
    assert found.transform is not None
    middle = np.array([[size[0] / 2, size[1] / 2]])
    miss = (map_points(found.transform, middle) - map_points(truth, middle))[0]
    xx, xy, yy = found.covariance_px2
    squared = float(miss @ np.linalg.pinv(np.array([[xx, xy], [xy, yy]])) @ miss)
    return {"middle_px": round(float(np.hypot(*miss)), 3), "middle_sigma2": round(squared, 3)}


def coeffic_part(given: argparse.Namespace) -> dict[str, Any]:
    """Drone frames against the satellite around them and elsewhere: measured only, nothing is fitted to them."""
    root = given.data / "crossview"
    known = crossview_data.pairs(root, "coeffic")
    registrars = [registrar_of(name, given.weights) for name in given.matcher]
    rows: list[list[dict[str, Any]]] = [[] for _ in registrars]
    draw = np.random.default_rng(given.seed)
    for frame in known:
        pixels = crossview_data.pixels_of(frame.query)
        far = [p for p in known if _apart_m(p, frame) > 450.0]
        others = [far[i] for i in draw.choice(len(far), size=min(given.count, len(far)), replace=False)]
        for place in (frame, *others):
            reference = crossview_data.reference_patch(place)
            truth = _north_up(frame, reference) if place is frame else None
            loose = (25.0 if frame.verified else 60.0) / reference.georeference.gsd_m_per_px
            sure = " verified" if frame.verified else ""
            kind = "drone→satellite" + (sure if place is frame else " wrong place")
            pair = Pair(view(pixels, frame.name), reference, truth, loose, "coeffic", kind, 0.5, 0.0)
            prior = PosePrior(gsd_m_per_px=0.5, scale_range=1.3)
            if given.known:
                prior = PosePrior(gsd_m_per_px=0.5, scale_range=1.6, heading_deg=0.0, heading_range_deg=60.0)
            for own, registrar in zip(rows, registrars, strict=True):
                own.append(row_of(pair, registrar, prior))
        for name, own in zip(given.matcher, rows, strict=True):
            write_rows(own, given.out / f"coeffic_{name}_{given.seed}.csv")
    return {name: {"pairs": len(own)} for name, own in zip(given.matcher, rows, strict=True)}


def _apart_m(a: crossview_data.Pair, b: crossview_data.Pair) -> float:
    assert a.lat_deg is not None
    assert a.lon_deg is not None
    return float(distance_km(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg)) * 1e3


def _north_up(frame: crossview_data.Pair, reference: Patch) -> np.ndarray:
    """Where a north-up frame lies by its stated position."""
    assert frame.gsd_m_per_px is not None
    x, y = reference.georeference.to_pixels(frame.lat_deg, frame.lon_deg)
    scale = frame.gsd_m_per_px / reference.georeference.gsd_m_per_px
    return np.array([[scale, 0.0, float(x) - 256 * scale], [0.0, scale, float(y) - 256 * scale], [0.0, 0.0, 1.0]])


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows that need not have the same columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def pairs_part(given: argparse.Namespace) -> dict[str, Any]:
    """Cut pairs of a site, register them, and write what was measured."""
    draw = np.random.default_rng([given.seed, SITES.index(given.site)])
    registrars = [registrar_of(name, given.weights) for name in given.matcher]
    everywhere = [task for site in SITES for task in tasks(site, given.data)]
    rows: list[list[dict[str, Any]]] = [[] for _ in registrars]
    maker = Maker(change=given.change)
    for pair in pairs(given.site, given.data, given.count, given.mismatched, maker, draw, everywhere):
        gsd, heading = (
            pair.gsd_m_per_px * float(np.exp(draw.normal(0.0, 0.1))),
            pair.heading_deg + draw.normal(0.0, 5.0),
        )
        known = PosePrior(gsd_m_per_px=gsd) if draw.random() < 0.5 else None
        if given.known:
            known = PosePrior(gsd_m_per_px=gsd, scale_range=1.3, heading_deg=heading % 360.0, heading_range_deg=20.0)
        for own, registrar in zip(rows, registrars, strict=True):
            own.append(row_of(pair, registrar, known))
        if len(rows[0]) % 10 == 0:
            for name, own in zip(given.matcher, rows, strict=True):
                write_rows(own, given.out / f"{given.site}_{name}_{given.seed}.csv")
    for name, own in zip(given.matcher, rows, strict=True):
        write_rows(own, given.out / f"{given.site}_{name}_{given.seed}.csv")
    return {
        name: {
            "pairs": len(own),
            "matched": sum(row["matched"] for row in own),
            "registered": sum(row["label"] == 1 for row in own),
            "cpu_ms": float(np.median([row["cpu_ms"] for row in own])) if own else 0.0,
        }
        for name, own in zip(given.matcher, rows, strict=True)
    }


PARTS = {"pairs": pairs_part, "coeffic": coeffic_part}


def main() -> None:
    """Run parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--data", type=Path, required=True, help="folder with crossview/ and earth/")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is written")
    parser.add_argument("--weights", default=os.environ.get("WHENCE_ASSETS", ""), help="folder with xfeat.onnx")
    parser.add_argument("--site", choices=SITES, default="homonim")
    parser.add_argument("--matcher", choices=tuple(MATCHERS), nargs="+", default=["sift"])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--mismatched", type=float, default=0.5)
    parser.add_argument("--change", type=float, default=1.0, help="how much queries are changed in look")
    parser.add_argument("--known", action="store_true", help="scale and heading of queries are known, roughly")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    json.dump(PARTS[given.part](given), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
