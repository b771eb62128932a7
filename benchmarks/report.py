"""Time of the map, the report and the GeoJSON of a sharp, a wide and an empty belief.

    python benchmarks/report.py [--repeats 5]

The beliefs are those of the tests (``tests/made_estimates.py``), and a picture without any evidence over the
default prior, whose 290,000 cells are the hardest to draw. The first run of each, which reads tables and outlines
and projects them, is given beside the later ones.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from whence.earth.drawing import draw_map
from whence.estimate.estimate import estimate
from whence.estimate.render import map_markers
from whence.estimate.types import Estimate, QueryInfo
from whence.evidence.prior import prior_field
from whence.evidence.types import Evidence
from whence.explain.export import estimate_to_geojson
from whence.explain.report import render_report
from whence.samples.view import View

ROOT = Path(__file__).resolve().parents[1]


def timed(action: Callable[[], str], repeats: int) -> str:
    """First and median time of an action, and the size of what it makes."""
    times = []
    size = 0
    for _ in range(repeats + 1):
        started = time.perf_counter()
        size = len(action().encode())
        times.append(time.perf_counter() - started)
    return f"first {times[0]:5.2f} s, then {statistics.median(times[1:]):5.2f} s, {size / 1000:6.0f} kB"


def answers() -> dict[str, Estimate]:
    """The answers to draw."""
    sys.path.insert(0, str(ROOT / "tests"))
    from made_estimates import _MAKERS

    made = {kind: make() for kind, make in _MAKERS.items()}
    query = QueryInfo("blank.jpg", ("00" * 32,), (4032, 3024), "ground", "JPEG", ())
    return {**made, "plain prior": estimate(query, prior_field(), [Evidence("exif"), Evidence("text")])}


def main() -> None:
    """Draw, report and export each answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    view = View(rng.integers(0, 255, (1200, 1600, 3), np.uint8), (4032, 3024), "sign.jpg", "ab" * 32, "JPEG")
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for kind, answer in answers().items():
        print(f"{kind} ({len(answer.belief.partition):,} cells)")
        markers = map_markers(answer)
        print("  map    ", timed(lambda a=answer, m=markers: draw_map(a.belief, markers=m), repeats))
        print("  report ", timed(lambda a=answer: render_report(a, view), repeats))
        print("  GeoJSON", timed(lambda a=answer: json.dumps(estimate_to_geojson(a)), repeats))


if __name__ == "__main__":
    main()
