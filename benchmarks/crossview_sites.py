"""Registration and its verification on the sites that may be published with attribution.

    python benchmarks/crossview_sites.py pairs --data ../shared/data --site homonim --matcher sift --out runs/pairs

``pairs`` cuts matched and mismatched pairs, registers them and writes what was measured, a row a pair: the examples
from which ``scripts/fit_verifier.py`` fits the shipped table, and on which it is tested.
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

from crossview_pictures import SITES, Maker, Pair, corner_error_px, pairs, tasks
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.registrar import Registrar
from whence.crossview.verify.edges import edge_agreement
from whence.crossview.verify.measures import measure

MATCHERS: dict[str, dict[str, Any]] = {
    "sift": {"features": "sift"},
    "sift+dense": {"features": "sift", "dense": True},
    "xfeat": {"features": "xfeat"},
    "sift+xfeat": {"features": "sift,xfeat"},
    "sift+xfeat+dense": {"features": "sift,xfeat", "dense": True},
    "dense": {"features": "", "dense": True},
}


def registrar_of(name: str, weights: str) -> Registrar:
    """A registrar by the short name of its settings."""
    return Registrar(RegisterConfig(weights=weights, **MATCHERS[name]))


def row_of(pair: Pair, registrar: Registrar, prior: PosePrior | None) -> dict[str, Any]:
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
        row["label"] = 1 if error <= pair.tolerance_px else (-1 if error <= 3 * pair.tolerance_px else 0)
    edges = edge_agreement(pair.query.pixels, pair.reference.pixels, pair.reference.valid, found.transform)
    size = (pair.reference.pixels.shape[1], pair.reference.pixels.shape[0])
    for name, value in measure(found, (w, h), size, edges).values().items():
        row[f"m_{name}"] = round(float(value), 5)
    return row


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
    for pair in pairs(given.site, given.data, given.count, given.mismatched, Maker(), draw, everywhere):
        known = None
        if draw.random() < 0.5:
            gsd = pair.gsd_m_per_px * float(np.exp(draw.normal(0.0, 0.1)))
            known = PosePrior(gsd_m_per_px=gsd)
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


PARTS = {"pairs": pairs_part}


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
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    json.dump(PARTS[given.part](given), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
