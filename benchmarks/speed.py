"""Speed of fusing and of one photograph, in one process.

    python benchmarks/speed.py [--photo FILE] [--repeats 20]

Fuses ten sources at order 7; locates a picture with the scenery alone, without and with reading its text, by stage.
Without ``--photo`` a 12-megapixel picture is made from the project's own example sign, with a GPS tag and a time.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.estimate.fuse import fuse
from whence.evidence.types import Claim, Evidence
from whence.pipeline import Locator, Options

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "make_pictures.py"


def milliseconds(action: Callable[[], object], repeats: int) -> str:
    """Median and range of the time of an action, after one run that does not count."""
    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1e3)
    return f"median {statistics.median(times):8.1f} ms  (min {min(times):.1f}, max {max(times):.1f}, n={repeats})"


def twelve_megapixels(folder: Path) -> Path:
    """The example sign, enlarged to 4000 × 3000 and given a GPS tag."""
    from PIL import Image

    subprocess.run([sys.executable, str(EXAMPLES), str(folder / "pictures")], check=True, capture_output=True)
    signs = sorted((folder / "pictures").glob("*.jpg"))
    source = next((p for p in signs if "shop" in p.name), signs[0])
    with Image.open(source) as image:
        large = image.convert("RGB").resize((4000, 3000), Image.Resampling.LANCZOS)
    exif = Image.Exif()
    exif[0x8825] = {1: "S", 2: (33.0, 26.0, 12.3), 3: "W", 4: (70.0, 38.0, 55.7)}
    exif[0x8769] = {0x9003: "2024:07:01 12:00:00", 0x9011: "-04:00"}
    path = folder / "twelve.jpg"
    large.save(path, quality=90, exif=exif)
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    base = Partition.uniform(7)
    prior = Field(base, rng.normal(size=len(base))).normalise()
    evidence = [
        Evidence(f"source {i}", (Claim("random", "", "", likelihood=Field(base, rng.normal(size=len(base)))),))
        for i in range(10)
    ]
    print(f"machine: {platform.machine()}, Python {platform.python_version()}, seed 0")
    print("fuse ten sources at order 7      ", milliseconds(lambda: fuse(prior, evidence), arguments.repeats))
    with tempfile.TemporaryDirectory() as name:
        photo = arguments.photo or twelve_megapixels(Path(name))
        print(f"photo: {photo.name}, {photo.stat().st_size / 1e6:.1f} MB")
        for label, options in (
            ("locate, scenery alone             ", Options(sources=("scenery",))),
            ("locate, neither text nor scenery  ", Options(sources=("-text", "-scenery"))),
            ("locate, without reading text      ", Options(sources=("-text",))),
            ("locate, GPS left out, no text     ", Options(sources=("-text",), ignore_gps=True)),
            ("locate, all sources               ", Options()),
        ):
            locator = Locator(options)
            print(label, milliseconds(lambda locator=locator: locator.locate(photo), arguments.repeats))
            stages = locator.locate(photo).timings_ms
            print("    ", ", ".join(f"{stage} {value:.0f}" for stage, value in stages.items()))


if __name__ == "__main__":
    main()
