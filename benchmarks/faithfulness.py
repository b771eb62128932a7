"""Faithfulness of explanations on pictures whose place is known, and the time of the score.

    python benchmarks/faithfulness.py photos.csv [--limit 40] [--sources alignment] [--model NAME] [--kind satellite]
        [--tests curves,interventions] [--orders 20] [--grid 3] [--out faithfulness.json]
    python benchmarks/faithfulness.py --chips 200 --raster bluemarble.jpg --model chips --kind satellite
    python benchmarks/faithfulness.py --folds runs/pocket --photos photos --pictures 24 [--skip 8] [--region-orders 10]
    python benchmarks/faithfulness.py --time

The first runs the tests of ``whence faithfulness`` and prints its figures as Markdown; the GPS tags are left out. The
second does so with satellite chips of places drawn on land, cut from a raster of the whole Earth as in
``benchmarks/chips.py``. The third paints parts of pictures over, each picture explained by the model that was not shown
its photographer (made by ``benchmarks/pocket.py --parts folds``): so many pictures of each photographer, in an order
drawn by ``--seed``, the first ``--skip`` left out; intervals are by bootstrap over places. The last measures what the
score of a ledger costs over the default prior, by how many claims there are.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pocket_photos import interval
from whence.earth.coordinates import Point
from whence.earth.field import Field
from whence.estimate.faithfulness import Said, measure
from whence.evaluate.faithfulness.table import CLAIM_COLUMNS, COLUMNS, claim_rows, rows
from whence.evidence.prior import prior_field


def chips(raster: str, count: int, folder: Path, seed: int = 0) -> Path:
    """Cut chips at places on land into a folder with a table; return the table."""
    from PIL import Image

    from whence.samples.chips import ChipCutter, land_places

    cutter = ChipCutter.open(raster)
    lat, lon = land_places(count, np.random.default_rng(seed))
    pixels = cutter.cut(lat, lon)
    lines = ["file,lat_deg,lon_deg"]
    for i in range(count):
        Image.fromarray(pixels[i]).save(folder / f"chip_{i:04d}.png")
        lines.append(f"chip_{i:04d}.png,{lat[i]:.6f},{lon[i]:.6f}")
    table = folder / "chips.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def run(table: Path, given: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Run the command, and return what it wrote."""
    command = [sys.executable, "-m", "whence", "faithfulness", str(table), "--ignore-gps", "-o", str(out)]
    for name in ("limit", "sources", "model", "kind", "tests", "orders", "grid", "region_orders", "prior"):
        if getattr(given, name) is not None:
            command += [f"--{name.replace('_', '-')}", str(getattr(given, name))]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return dict(json.loads(out.read_text(encoding="utf-8")))


def of_folds(given: argparse.Namespace) -> dict[str, Any]:
    """Curves over regions of pictures of every photographer, by the model that was not shown that one."""
    out: dict[str, Any] = {}
    rows: list[tuple[str, str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(sorted(given.folds.glob("fold*.csv"))):
            with path.open(newline="", encoding="utf-8") as file:
                photographs = list(csv.DictReader(file))
            order = np.random.default_rng([given.seed, number]).permutation(len(photographs))
            chosen = [photographs[i] for i in order[given.skip : given.skip + given.pictures]]
            names = {str(given.photos.resolve() / row["file"]): row for row in chosen}
            table = Path(folder) / path.name
            lines = ["file,lat_deg,lon_deg", *(f"{n},{row['lat_deg']},{row['lon_deg']}" for n, row in names.items())]
            table.write_text("\n".join(lines) + "\n", encoding="utf-8")
            given.model, given.sources, given.tests = str(path.with_suffix("")), "scenery", "regions"
            found = run(table, given, Path(folder) / "found.json")
            for item in found["by_picture"]:
                row = names[item["name"]]
                place = f"{float(row['lat_deg']):.1f},{float(row['lon_deg']):.1f}"
                rows += [(row["source_repo"], place, item["curves"]["region"])] if "region" in item["curves"] else []
            out.setdefault("not measured", 0)
            out["not measured"] += len(chosen) - sum("region" in item["curves"] for item in found["by_picture"])
            print(
                json.dumps({path.stem: region_figures([r for r in rows if r[0] == chosen[0]["source_repo"]])}),
                flush=True,
            )
    return {**out, **region_figures(rows)}


def region_figures(rows: list[tuple[str, str, dict[str, Any]]]) -> dict[str, Any]:
    """Shares of pictures whose curves are better than random, and areas between the curves, with intervals."""
    areas = {
        name: np.array([np.mean(curves[name]["bits"][1:-1]) for _, _, curves in rows])
        for name in ("ledger", "reverse", "random")
    }
    gains = {"deletion": areas["ledger"] - areas["random"], "insertion": areas["random"] - areas["reverse"]}
    places, out = [place for _, place, _ in rows], {"pictures": len(rows), "places": len({p for _, p, _ in rows})}
    for name, gain in gains.items():
        better = (gain > 0).astype(np.float64)
        out[f"{name} better than random"] = interval(better, places, np.random.default_rng(0))
        out[f"{name}, bits between the curves"] = interval(gain, places, np.random.default_rng(0))
    beaten = np.array([curves["orders_beaten"] for _, _, curves in rows])
    out["random orders beaten in deletion"] = interval(beaten, places, np.random.default_rng(0))
    return out


def markdown(columns: tuple[str, ...], found: list[tuple[str, ...]]) -> str:
    """Rows as a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *found]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def time_of_score(repeats: int) -> None:
    """Median CPU time of the score, one thread, by the number of claims."""
    prior = prior_field()
    rng = np.random.default_rng(0)
    print(f"{len(prior.partition):,} cells")
    for count in (2, 3, 4, 6, 10, 20):
        claims = [Field(prior.partition, rng.normal(size=len(prior.partition))) for _ in range(count)]
        said = [Said(claims, rng.normal(size=count).tolist(), 0.1)]
        times = []
        for _ in range(repeats):
            started = time.process_time()
            measure(prior, said, Point(48.0, 2.0))
            times.append(1e3 * (time.process_time() - started))
        print(f"{count:2d} claims: {statistics.median(times):5.1f} ms")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", type=Path)
    parser.add_argument("--chips", type=int, default=0)
    parser.add_argument("--raster")
    parser.add_argument("--folds", type=Path, help="folder of benchmarks/pocket.py --parts folds")
    parser.add_argument("--photos", type=Path, help="folder that the names in its tables are below")
    parser.add_argument("--pictures", type=int, default=24, help="of each photographer, with --folds")
    parser.add_argument("--skip", type=int, default=8, help="that come before them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--out", type=Path)
    for name in ("limit", "sources", "model", "kind", "tests", "orders", "grid", "region-orders", "prior"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    if given.time:
        time_of_score(given.repeats)
        return
    if given.folds:
        told = of_folds(given)
        print(json.dumps(told, indent=1))
        if given.out:
            given.out.write_text(json.dumps(told, indent=1), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        table = chips(given.raster, given.chips, Path(folder)) if given.chips else given.table
        if table is None:
            parser.error("name a table of pictures, or give --chips or --time")
        found = run(table, given, given.out or Path(folder) / "found.json")
    print(f"{found['pictures']} pictures, {len(found['failed'])} failed\n")
    print(markdown(COLUMNS, rows(found)))
    if found["claims"]["by_kind"]:
        print("\n" + markdown(CLAIM_COLUMNS, claim_rows(found)))


if __name__ == "__main__":
    main()
