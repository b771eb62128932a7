"""Demo photographs: is a good GPS tag followed, and is every picture answered without one?

    python benchmarks/demo_photos.py [--data ../shared/data/photos/demo] [--json FILE]

For every picture: error against the listed position, source that leads the ledger, and time. Exits with 1 if a picture
with GPS is answered more than 1 km from the truth or is not led by it, or if a ``_nogps`` copy is not answered.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import sys
import time
from pathlib import Path

from whence.earth.coordinates import distance_km
from whence.pipeline import Locator


def run(folder: Path) -> tuple[list[dict[str, object]], list[str]]:
    """Locate every picture; returns rows and what went wrong."""
    locator = Locator()
    rows, wrong = [], []
    with (folder / "demo.csv").open(encoding="utf-8") as table:
        for line in csv.DictReader(table):
            name = Path(line["file"]).name
            started = time.perf_counter()
            found = locator.locate(folder / name)
            seconds = time.perf_counter() - started
            error = float(
                distance_km(found.point.lat_deg, found.point.lon_deg, float(line["lat_deg"]), float(line["lon_deg"]))
            )
            said = [entry.source for entry in found.ledger.entries if entry.without is not None]
            row: dict[str, object] = {
                "file": name,
                "has_gps": line["has_gps"] == "yes",
                "error_km": round(error, 3),
                "beyond_accuracy_km": round(max(0.0, error - float(line["accuracy_km"])), 3),
                "leads": said[0] if said else None,
                "country": found.regions[0].code,
                "truth": line["country_iso2"],
                "abstained": found.abstained,
                "seconds": round(seconds, 3),
            }
            rows.append(row)
            if row["has_gps"] and (float(str(row["beyond_accuracy_km"])) > 1.0 or row["leads"] != "exif"):
                wrong.append(f"{name}: {row}")
    return rows, wrong


def main() -> int:
    """Run, print, and say whether the promise holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    beside = Path(__file__).resolve().parents[2] / "shared/data/photos/demo"
    parser.add_argument("--data", type=Path, default=beside)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not (arguments.data / "demo.csv").is_file():
        print(f"The demo photographs are not at {arguments.data}; nothing measured.")
        return 0
    rows, wrong = run(arguments.data)
    for row in rows:
        print(
            f"{row['file']:24} gps={row['has_gps']!s:5} error {row['error_km']:>10} km  leads {row['leads']!s:8} "
            f"country {row['country']} (truth {row['truth']}) abstained={row['abstained']!s:5} {row['seconds']} s"
        )
    tagged = [row for row in rows if row["has_gps"]]
    bare = [row for row in rows if not row["has_gps"]]
    answered = [row for row in bare if not row["abstained"]]
    right = [row for row in answered if row["country"] == row["truth"]]
    print(f"\n{len(tagged)} with GPS: {len(tagged) - len(wrong)} within 1 km of the truth with exif leading the ledger")
    print(
        f"{len(bare)} without GPS: all read; {len(answered)} not abstained, {len(right)} of these in the right country"
    )
    print(f"machine: {platform.machine()}, Python {platform.python_version()}")
    for text in wrong:
        print("NOT AS PROMISED:", text)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "wrong": wrong}, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
