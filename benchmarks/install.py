"""Time and size of installing the core into a fresh virtual environment.

    python benchmarks/install.py [--extra dev]

Prints the seconds that pip took, the size on disk, the largest packages, and whether torch came along.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def size_mb(path: Path) -> float:
    """Size of a file or of all files below a folder, MB."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in files) / 1e6


def main() -> None:
    """Install and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--extra", default="")
    extra = parser.parse_args().extra
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "env"
        venv.create(folder, with_pip=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        before = size_mb(packages)
        target = f"{ROOT}[{extra}]" if extra else str(ROOT)
        started = time.perf_counter()
        subprocess.run(
            [folder / "bin/python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", target],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - started
        print(f"{platform.machine()}, Python {sys.version.split()[0]}; extra: {extra or 'none'}")
        print(f"installed in {seconds:.0f} s, {size_mb(packages) - before:.0f} MB")
        sizes = sorted(((size_mb(p), p.name) for p in packages.iterdir()), reverse=True)
        print("largest:", ", ".join(f"{label} {mb:.0f}" for mb, label in sizes[:8]))
        print("torch:", "yes" if (packages / "torch").exists() else "no")


if __name__ == "__main__":
    main()
