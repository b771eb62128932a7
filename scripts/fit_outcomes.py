"""Counts how searches end, on the pairs that `benchmarks/crossview_rows.py` and `crossview_mismatched.py` wrote.

    python scripts/fit_outcomes.py runs/pairs/*.csv --out src/whence/crossview/verify/outcomes.json

Writes the table of `whence.crossview.verify.outcomes`, and prints for each site what the others say of it. Only sites
whose pictures may be published with attribution are counted, and only pairs whose scale was told, as `Matcher` does.
Matchers by points are counted each by itself as well, if enough pairs of theirs are there.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fit_verifier import SITES, SOURCES
from whence.crossview.verify.outcomes import SEARCHES, Outcomes, search_of
from whence.train.verifier_outcomes import (
    NOTHING,
    OTHER,
    WRONG,
    Searched,
    counts,
    fit_outcomes,
    stated_and_seen,
)

ENOUGH = 500
"""Pairs from which on a matcher is counted by itself."""


def searched(paths: Sequence[Path]) -> dict[str, list[Searched]]:
    """Pairs by way to search."""
    found: dict[str, list[Searched]] = {name: [] for name in SEARCHES}
    own: dict[str, list[Searched]] = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["site"] not in SITES:
                    raise SystemExit(f"Only {', '.join(SITES)} are counted; leave out {path}, which has {row['site']}.")
                if row["gsd_known"] != "1":
                    continue
                end = NOTHING if row["found"] != "1" else WRONG if row["label"] == "0" else OTHER
                pair = Searched(row["site"], row["matched"] == "1", end)
                found[search_of(row["matcher"])].append(pair)
                if search_of(row["matcher"]) == "points":
                    own.setdefault(row["matcher"], []).append(pair)
    return {name: pairs for name, pairs in found.items() if pairs} | {
        name: pairs for name, pairs in sorted(own.items()) if len(pairs) >= ENOUGH
    }


def main() -> None:
    """Count, judge with sites held out, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="table to write; only judged if not given")
    given = parser.parse_args()
    pairs = searched(given.rows)
    card = {
        "pairs": sum(len(own) for name, own in pairs.items() if name in SEARCHES),
        "sources": SOURCES,
        "counted": {name: counts(own) for name, own in pairs.items()},
        "sites_held_out": {
            name: {end: stated_and_seen(own, end) for end in (NOTHING, WRONG)} for name, own in pairs.items()
        },
    }
    table = Outcomes("outcomes", {name: fit_outcomes(own) for name, own in pairs.items()}, card)
    if given.out:
        given.out.write_text(table.to_json(), encoding="utf-8")
    shown = {name: {"nothing": of.nothing, "wrong": of.wrong} for name, of in table.by_search.items()}
    json.dump({"log_odds": shown, **card}, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
