"""The shipped scenery model, measured on photographers whom it never saw.

    python benchmarks/pocket.py --photos photos --weights mobilenet_v2.safetensors --labels labels.txt --out runs/pocket
    python benchmarks/pocket.py … --parts folds shortcuts curve

Each photographer is held out in turn: the model, its temperature too, comes from the others alone. ``folds`` trains
these models, exports them, and lets ``whence predict`` answer with them and with the text in the pictures; ``table``
scores what it wrote, ``calibrate`` fits a calibration to it (``pocket_table.py``). ``curve`` fits to fewer photographs;
``shortcuts`` changes the pictures (grey, compressed, another photographer's grading) and measures what is left;
``concepts`` leaves out groups of concepts (``pocket_fits.py``). ``continents``, ``localizability`` and ``season`` stand
in ``pocket_checks.py``. ``speed`` times the shipped model.

Only when they are named run ``finetune`` (the network's last blocks), ``more`` (the other sources of the table,
collected from the web, as further photographers to learn from), ``chips`` and ``harmonics`` (``pocket_ideas.py``).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import pocket_checks as checks
import pocket_fits as fits
import pocket_ideas as ideas
import pocket_table as tables
from pocket_photos import prepared, recipe_of

JOBS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "folds": tables.folds,
    "table": tables.table,
    "calibrate": tables.calibrate,
    "curve": fits.curve,
    "shortcuts": fits.shortcuts,
    "concepts": fits.concepts,
    "continents": lambda given: checks.continents(prepared(given)),
    "localizability": lambda given: checks.localizability(given, prepared(given)),
    "season": checks.season,
    "speed": lambda given: speed(given),
    "finetune": lambda given: checks.finetune(given, prepared(given)),
    "more": lambda given: more(given),
    "chips": lambda given: ideas.try_out(given, prepared(given), ideas.CHIP_IDEAS),
    "harmonics": lambda given: ideas.try_out(given, prepared(given), ideas.HARMONIC_IDEAS),
}
ON_REQUEST = ("finetune", "more", "chips", "harmonics")
REPEATS = 40


def speed(given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the shipped model on one picture: the network with its mirror image, and telling it as claims."""
    from whence.evidence.scenery.claims import claims_of
    from whence.evidence.scenery.model import SceneryModel
    from whence.samples.reader import read_view

    with (given.photos / "photos.csv").open(newline="", encoding="utf-8") as file:
        view = read_view(given.photos / next(csv.DictReader(file))["file"], working_px=960)
    model = SceneryModel.load("pocket")
    seen = model.see([view])[0]
    claims_of(model, seen, {}, 8, True, 0)
    looks, tells = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.see([view])
        looks.append(1e3 * (time.perf_counter() - started))
        started = time.perf_counter()
        claims_of(model, seen, {}, 8, True, 0)
        tells.append(1e3 * (time.perf_counter() - started))
    return {"see, median ms": round(float(np.median(looks)), 1), "claims, median ms": round(float(np.median(tells)), 1)}


def more(given: argparse.Namespace) -> dict[str, Any]:
    """The same with all other sources of the table as further photographers to learn from, never tested on."""
    tested = tuple(given.groups)
    given.set = [*given.set, "data.groups="]
    return checks.continents(prepared(given), tested)


def main() -> None:
    """Measure the parts asked for, and write them beside one another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with photos.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 as safetensors")
    parser.add_argument("--labels", type=Path, help="names of its classes, one a line")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=JOBS, default=[name for name in JOBS if name not in ON_REQUEST])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes of the recipe")
    parser.add_argument("--raster", type=Path, help="picture of the whole Earth (plate carrée), for chips")
    parser.add_argument("--tuned-blocks", type=int, default=3, help="of the network, in finetune")
    parser.add_argument("--tuned-copies", type=int, default=2, help="recoloured, of each photograph, in finetune")
    given = parser.parse_args()
    given.groups = recipe_of(given).data.groups.split(",")
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "pocket.json"
    found = json.loads(kept.read_text()) if kept.exists() else {}
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    found["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    for part in given.parts:
        done = JOBS[part](given)
        if done is not None:
            found[part] = done
            kept.write_text(json.dumps(found, indent=1))
            print(json.dumps({part: done}, indent=1), flush=True)


if __name__ == "__main__":
    main()
