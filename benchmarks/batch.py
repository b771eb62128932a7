"""A folder of 1,000 photographs, three of them broken: nothing lost, memory bounded, an interruption harmless.

Run it as ``python benchmarks/batch.py [--photos 1000] [--workers 1] [--text]``. The photographs are variants of the
project's example pictures, with GPS tags in two of three. Runs ``whence locate`` once straight and once interrupted
with Ctrl-C at 40 % and gone on with, and fails unless both leave the same file (times apart) with every picture in it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
MAX_RSS_MB = 1_500.0
BROKEN = 3
SIZE_PX = (1600, 1200)


def make_photos(folder: Path, count: int, seed: int = 0) -> None:
    """Write ``count`` JPEG files into a folder, the broken ones spread among them."""
    examples = folder.parent / "examples"
    subprocess.run([sys.executable, str(ROOT / "examples" / "make_pictures.py"), str(examples)], check=True)
    scenes = [Image.open(path).convert("RGB").resize(SIZE_PX) for path in sorted(examples.glob("*.jpg"))]
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    broken = {count * (i + 1) // (BROKEN + 1): i for i in range(BROKEN)}
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        left, top = int(rng.integers(0, 200)), int(rng.integers(0, 150))
        variant = scenes[number % len(scenes)].crop((left, top, SIZE_PX[0] - 200 + left, SIZE_PX[1] - 150 + top))
        variant.save(path, "JPEG", quality=85, exif=_tags(rng) if number % 3 else Image.Exif())
        if number in broken:
            content = path.read_bytes()
            damaged = (b"", b"no picture at all", content[:300])[broken[number]]
            path.write_bytes(damaged)


def _tags(rng: np.random.Generator) -> Image.Exif:
    lat, lon = float(rng.uniform(-55.0, 65.0)), float(rng.uniform(-180.0, 180.0))
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(
        {
            1: "N" if lat >= 0 else "S",
            2: (float(int(abs(lat))), round(abs(lat) % 1 * 60, 4), 0.0),
            3: "E" if lon >= 0 else "W",
            4: (float(int(abs(lon))), round(abs(lon) % 1 * 60, 4), 0.0),
        }
    )
    return exif


def run(args: list[str], file: Path, interrupt_at: int | None = None) -> tuple[int, str, float, float]:
    """Run the program; return exit code, messages, seconds, and the peak of its memory in MB (largest process)."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "whence.cli.main", *args], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if interrupt_at is not None:
        while process.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < interrupt_at):
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not file.exists():
        sys.exit(f"The program wrote no results: {said}")
    return process.returncode, said, time.perf_counter() - started, usage.ru_maxrss / 1024.0


def results(file: Path) -> list[dict[str, Any]]:
    """Result lines without their times."""
    found = [json.loads(line) for line in file.read_bytes().splitlines()]
    for record in found:
        record.pop("timings_ms", None)
        for entry in record.get("ledger", ()):
            entry.pop("elapsed_ms")
    return found


def main() -> None:
    """Make the folder, run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--text", action="store_true", help="read text as well, which takes most of the time")
    given = parser.parse_args()
    wrong = []

    def check(said: str, holds: bool) -> None:
        print(f"  {'ok ' if holds else 'NO '} {said}")
        if not holds:
            wrong.append(said)

    with tempfile.TemporaryDirectory(prefix="whence-batch-") as temporary:
        photos = Path(temporary) / "photos"
        make_photos(photos, given.photos)
        args = ["locate", str(photos), "--workers", str(given.workers)]
        args += [] if given.text else ["--sources", "-text"]
        straight, resumed = Path(temporary) / "straight.jsonl", Path(temporary) / "resumed.jsonl"

        code, said, took, peak_mb = run([*args, "--json", str(straight)], straight)
        found = results(straight)
        failed = [record for record in found if "error" in record]
        print(f"straight: {took:.1f} s, {took / given.photos * 1e3:.0f} ms a photo, peak {peak_mb:.0f} MB")
        check(f"{len(found)} lines for {given.photos} photos", len(found) == given.photos)
        check(f"{len(found) - len(failed)} answered, {len(failed)} failed", len(failed) == BROKEN)
        check("each failure is named on standard error", all(r["query"]["name"] in said for r in failed))
        check(f"exit code {code}", code == 1)
        check(f"peak memory under {MAX_RSS_MB:.0f} MB", peak_mb < MAX_RSS_MB)

        code, said, took, peak_mb = run([*args, "--json", str(resumed)], resumed, interrupt_at=given.photos * 2 // 5)
        done = len(results(resumed))
        print(f"interrupted: after {done} photos, {took:.1f} s, peak {peak_mb:.0f} MB")
        check(f"exit code {code}, some photos done and some not", code == 130 and 0 < done < given.photos)
        code, said, took, peak_mb = run([*args, "--json", str(resumed)], resumed)
        print(f"gone on with: {took:.1f} s, peak {peak_mb:.0f} MB")
        check(f"{done} were not done again", f"{done} of {given.photos} pictures were located before" in said)
        check("the same file as the straight run, times apart", results(resumed) == found)
    if wrong:
        sys.exit(f"{len(wrong)} checks failed")


if __name__ == "__main__":
    main()
