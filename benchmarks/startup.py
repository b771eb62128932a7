"""How long ``import whence``, ``whence --help`` and a first answer take in a fresh process.

Run it as ``python benchmarks/startup.py [--runs 10]``. The first two must stay under 0.5 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 0.5


def seconds(args: list[str], runs: int) -> list[float]:
    """Wall times of a command, the first run (cold caches) left out."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(args, env=env, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return times[1:]


def main() -> None:
    """Measure, print, and fail where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    program = [sys.executable, "-m", "whence.cli.main"]
    exceeded = []
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "gradient.png"
        Image.linear_gradient("L").save(photo)
        measured = [
            ("python -c pass", [sys.executable, "-c", "pass"], None),
            ("import whence", [sys.executable, "-c", "import whence"], LIMIT_S),
            ("whence --help", [*program, "--help"], LIMIT_S),
            ("whence locate --help", [*program, "locate", "--help"], LIMIT_S),
            ("whence place 48.86 2.29", [*program, "place", "48.86", "2.29"], None),
            ("whence locate, without text", [*program, "locate", str(photo), "--sources", "-text"], None),
        ]
        for name, args, limit in measured:
            times = seconds(args, runs)
            median = statistics.median(times)
            print(f"{name:<30} median {median:.3f} s, worst {max(times):.3f} s of {runs}")
            if limit is not None and median > limit:
                exceeded.append(name)
    if exceeded:
        sys.exit(f"Over {LIMIT_S} s: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
