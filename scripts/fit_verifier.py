"""Fits the table of the verifier to registrations that `benchmarks/crossview_rows.py pairs` wrote.

    python scripts/fit_verifier.py runs/pairs/*.csv --out src/whence/crossview/verify/sites.json

Only sites whose pictures may be published with attribution are used: brighton, homonim, sentinel and the world chips.
The threshold is chosen on answers by tables that were fitted without the site that is asked.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from whence.crossview.verify.table import Curve, VerifierTable, family_of
from whence.train.verifier import (
    DIRECTIONS,
    FAMILIES,
    Config,
    Examples,
    families_for,
    fit_curves,
    group_weights,
    log_odds,
    tails,
)

SITES = ("brighton", "chips", "homonim", "sentinel")
THRESHOLDS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
MEASURES = tuple(DIRECTIONS)
SOURCES = (
    "brighton: pierotofy/drone_dataset_brighton_beach, BSD-2-Clause; homonim: leftfield-geospatial/homonim test data, "
    "imagery CD:NGI, Copernicus Sentinel-2, USGS Landsat-8; sentinel: Copernicus Sentinel-2 in the GeoLifeCLEF 2023 "
    "sample; chips: NASA Blue Marble and NOAA ETOPO1 relief, public domain"
)


def rows_of(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Registrations with a transform and a certain answer; found ones that are off by little are left out."""
    rows = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows += [row for row in csv.DictReader(file) if row["found"] == "1" and row["label"] != "-1"]
    foreign = sorted({row["site"] for row in rows} - set(SITES))
    if foreign:
        raise SystemExit(f"The shipped table is fitted to {', '.join(SITES)} alone; leave out the rows of {foreign}.")
    return rows


def examples_of(rows: Sequence[dict[str, str]]) -> Examples:
    """Rows as numbers."""
    values = np.array([[float(row.get(f"m_{name}") or "nan") for name in MEASURES] for row in rows])
    return Examples(values, MEASURES, np.array([row["label"] == "1" for row in rows]), [row["site"] for row in rows])


def family_of_row(row: dict[str, str]) -> str:
    """Family of matchers of a row."""
    said = {name.removeprefix("s_"): float(value) for name, value in row.items() if name.startswith("s_") and value}
    return family_of(row["matcher"], said)


def held_out(examples: Examples, config: Config) -> np.ndarray:
    """Log-odds of each site by curves fitted to the others."""
    answers = np.zeros(len(examples.true))
    sites = np.asarray(examples.group)
    for site in np.unique(sites):
        rest = sites != site
        kept = Examples(examples.values[rest], examples.measures, examples.true[rest], list(sites[rest]))
        answers[~rest] = log_odds(fit_curves(kept, config), examples)[~rest]
    return answers


def report(answers: np.ndarray, examples: Examples) -> dict[str, object]:
    """How good answers are."""
    probability = 0.5 * (1.0 + np.tanh(0.5 * answers))
    weight = group_weights(examples)
    loss = np.logaddexp(0.0, np.where(examples.true, -answers, answers))
    found = {f"{limit}": float(np.mean(probability[examples.true] >= limit)) for limit in THRESHOLDS}
    false = {f"{limit}": int(np.sum(probability[~examples.true] >= limit)) for limit in THRESHOLDS}
    return {
        "true": int(examples.true.sum()),
        "false": int((~examples.true).sum()),
        "nats": round(float(np.sum(loss * weight) / 2.0), 4),
        "accepted_true": found,
        "accepted_false": false,
    }


def main() -> None:
    """Fit, judge with sites held out, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, help="table to write; only judged if not given")
    parser.add_argument("--without", default="", help="site to leave out")
    parser.add_argument("--family", choices=tuple(FAMILIES), default="screened", help="to fit otherwise")
    parser.add_argument("--measures", default="", help="of that family, instead of its own")
    parser.add_argument("--penalty", type=float, default=0.0, help="of that family, instead of its own")
    parser.add_argument("--tail", type=float, default=Config.tail_share, help="share that tails are fitted to; 0: none")
    given = parser.parse_args()
    changed = {"measures": given.measures, "penalty": given.penalty}
    rows = [row for row in rows_of(given.rows) if row["site"] != given.without]
    curves: dict[str, tuple[Curve, ...]] = {}
    judged: dict[str, object] = {}
    lengths: dict[str, object] = {}
    threshold = THRESHOLDS[0]
    families = [family_of_row(row) for row in rows]
    for name, usual in FAMILIES.items():
        own = [row for row, family in zip(rows, families, strict=True) if family in families_for(name)]
        config = replace(usual, tail_share=given.tail)
        if name == given.family:
            config = replace(config, **{key: value for key, value in changed.items() if value})
        answered = {(row["site"], row["label"]) for row in own}
        if sum(label == "1" for _, label in answered) < 2 or sum(label == "0" for _, label in answered) < 2:
            continue  # a family with one site cannot be judged; those of points are used
        examples = examples_of(own)
        curves[name] = fit_curves(examples, config)
        lengths[name] = {measure: dict(tail.facts) for measure, tail in tails(examples, config).items()}
        answers = held_out(examples, config)
        judged[name] = report(answers, examples)
        worst = float(0.5 * (1.0 + np.tanh(0.5 * answers[~examples.true].max(initial=-50.0))))
        threshold = max(threshold, next((limit for limit in THRESHOLDS if limit > worst), THRESHOLDS[-1]))
    card = {
        "fitted_on": {site: sum(row["site"] == site for row in rows) for site in sorted({r["site"] for r in rows})},
        "matchers": sorted({row["matcher"] for row in rows}),
        "sources": SOURCES,
        "sites_held_out": judged,
        "tails_of_chance": lengths,
        "threshold": "least of a fixed list at which no false registration was accepted by tables without its site",
    }
    table = VerifierTable("sites", curves, threshold, card)
    if given.out:
        given.out.write_text(table.to_json(), encoding="utf-8")
    json.dump({"threshold": threshold, **card}, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
