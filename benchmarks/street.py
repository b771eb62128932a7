"""Street frames from file to answer: pictures a second, latency, memory, by model.

    python benchmarks/street.py STREET_FOLDER
    python benchmarks/street.py STREET_FOLDER --models pocket ./geoclip --limit 20

Each model runs in a process of its own, on the same frames in the same order, with its own source alone; ``all`` asks
every source that is set up. Frames are only read: nothing of them is kept. The first frame is not counted, as it loads
the model; what it takes is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np


def one(model: str, folder: Path, limit: int) -> dict[str, float | str]:
    """Locate frames with one model."""
    from whence.pipeline import Locator, Options, source_of_model

    options = Options() if model == "all" else Options(model=model, sources=(source_of_model(model),))
    frames = sorted(path for path in folder.rglob("*.jpg"))[: limit + 1 if limit else None]
    locator = Locator(options)
    started = time.perf_counter()
    locator.locate(frames[0])
    first = time.perf_counter() - started
    taken, asked, abstained = [], [], 0
    for frame in frames[1:]:
        started = time.perf_counter()
        found = locator.locate(frame)
        taken.append(1e3 * (time.perf_counter() - started))
        asked.append(found.timings_ms["evidence"])
        abstained += found.abstained
    return {
        "model": model,
        "frames": len(taken),
        "first s": round(first, 2),
        "frames a second": round(1e3 * len(taken) / sum(taken), 2),
        "p50 ms": round(float(np.median(taken)), 1),
        "p95 ms": round(float(np.percentile(taken, 95)), 1),
        "of that evidence, p50 ms": round(float(np.median(asked)), 1),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0),
        "abstained": round(abstained / len(taken), 3),
    }


def main() -> None:
    """Run each model in a process of its own, and print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="frames as JPEG, at any depth")
    parser.add_argument("--models", nargs="+", default=["pocket", "all"], help="bundles, or all for every source")
    parser.add_argument("--limit", type=int, default=0, help="so many frames only")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.folder, given.limit)))
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, "date": datetime.now(UTC).strftime("%Y-%m-%d")}), flush=True)
    for model in given.models:
        command = [sys.executable, __file__, str(given.folder), "--one", model, "--limit", str(given.limit)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
