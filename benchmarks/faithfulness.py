"""Faithfulness of explanations on pictures whose place is known, and the time of the score.

    python benchmarks/faithfulness.py photos.csv [--limit 40] [--sources alignment] [--model NAME] [--kind satellite]
        [--tests curves,interventions] [--orders 20] [--grid 3] [--out faithfulness.json]
    python benchmarks/faithfulness.py --chips 200 --raster bluemarble.jpg --model chips --kind satellite
    python benchmarks/faithfulness.py --time

The first runs the tests of ``whence faithfulness`` and prints its figures as Markdown; the GPS tags are left out. The
second does so with satellite chips of places drawn on land, cut from a raster of the whole Earth as in
``benchmarks/chips.py``. The third measures what the score of a ledger costs over the default prior, by how many claims
there are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

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
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--out", type=Path)
    for name in ("limit", "sources", "model", "kind", "tests", "orders", "grid", "region-orders", "prior"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    if given.time:
        time_of_score(given.repeats)
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
