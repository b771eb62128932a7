"""How well the probabilities of matches keep their word, on rows that `crossview_rows.py` wrote.

    python benchmarks/verifier.py runs/pairs/*.csv --svg docs/images/verifier-reliability.svg

The answers for each site come from curves that were fitted without it; coeffic is never fitted to. Prints how many
true registrations were accepted, how many false ones, the expected calibration error with its interval, the mean
likelihood ratio of the false ones (1 at most if odds keep their word), what becomes of drone frames by matcher, how
many matched pairs each matcher registered by sensors, how many of them the ellipse of the position holds, and the
log-odds of a few made measures; with ``--before`` also by another table, such as one fitted with ``--tail 0``.
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

from whence.crossview.verify import Config as VerifyConfig
from whence.crossview.verify.claims import taken_by_look_alikes
from whence.crossview.verify.table import VerifierTable, family_of, shipped_table
from whence.train.verifier import DIRECTIONS, FAMILIES, Config, Examples, families_for, fit_curves, log_odds

EDGES = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
DRAWS = 1000
MEASURES = tuple(DIRECTIONS)
NEVER_FITTED = ("coeffic",)
NEAR_M = (25.0, 50.0, 100.0)
ELLIPSE_90 = 4.605
"""Squared standard deviations within which a Gaussian of the plane holds 90 %."""

LOOK_ALIKES = VerifyConfig().lookalike_share
TYPICAL = (
    ("points", 1.0, 1.0),
    ("points", 3.0, 4.0),
    ("points", 5.0, 8.0),
    ("points", 10.0, 15.0),
    ("points", 17.0, 26.0),
    ("points", 40.0, 40.0),
    ("points", 40.0, 0.5),
    ("dense", 5.0, 8.0),
    ("dense", 17.0, 26.0),
    ("correlation", 0.0, 5.0),
    ("correlation", 0.0, 8.0),
    ("correlation", 0.0, 15.0),
    ("correlation", 0.0, 30.0),
)
"""Family, excess of points over chance and agreement of edges, both in standard deviations; points span half of the
shared ground and lie a pixel off."""


def read(paths: Sequence[Path]) -> list[dict[str, str]]:
    """All rows."""
    rows: list[dict[str, str]] = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    return rows


def examples_of(rows: Sequence[dict[str, str]]) -> Examples:
    """Rows with a transform as numbers."""
    values = np.array([[float(row.get(f"m_{name}") or "nan") for name in MEASURES] for row in rows])
    values = values.reshape(-1, len(MEASURES))
    return Examples(values, MEASURES, np.array([row["label"] == "1" for row in rows], bool), [r["site"] for r in rows])


def said(row: dict[str, str]) -> dict[str, float]:
    """Statistics of a row."""
    return {name.removeprefix("s_"): float(value) for name, value in row.items() if name.startswith("s_") and value}


def answers(rows: Sequence[dict[str, str]], table: VerifierTable, tail: float = Config.tail_share) -> np.ndarray:
    """Log-odds of each row: −750 without a transform, else by curves fitted to the other sites."""
    found_odds = np.full(len(rows), -750.0)
    certain = np.array([row["label"] != "-1" for row in rows])
    family = np.array([family_of(row["matcher"], said(row)) for row in rows])
    site, found = np.array([row["site"] for row in rows]), np.array([row["found"] == "1" for row in rows])
    for name in np.unique(family[found]):
        own_curves = table.curves.get(str(name), table.curves["points"])
        measures = ",".join(curve.measure for curve in own_curves)
        config = replace(FAMILIES[str(name)], measures=measures, tail_share=tail)
        own = found & (family == name)
        for place in np.unique(site[own]):
            rest = (
                found
                & np.isin(family, families_for(str(name)))
                & certain
                & (site != place)
                & ~np.isin(site, NEVER_FITTED)
            )
            fitted = examples_of([rows[i] for i in np.flatnonzero(rest)])
            asked = own & (site == place)
            enough = fitted.true.any() and not fitted.true.all() and place not in NEVER_FITTED
            curves = fit_curves(fitted, config) if enough else own_curves
            odds = log_odds(curves, examples_of([rows[i] for i in np.flatnonzero(asked)]))
            found_odds[asked] = [value + taken_by_look_alikes(value, LOOK_ALIKES) for value in odds]
    return found_odds


def probability_of(odds: np.ndarray) -> np.ndarray:
    """Of log-odds, at even prior."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * odds)))


def even(true: np.ndarray) -> np.ndarray:
    """Weights by which true and false count alike, as the prior of one half that the answers are given at says."""
    return np.where(true, 0.5 / max(1, true.sum()), 0.5 / max(1, (~true).sum()))


def ece(probability: np.ndarray, true: np.ndarray) -> float:
    """Expected calibration error over `EDGES`, true and false counting alike."""
    place, weight = np.clip(np.digitize(probability, EDGES) - 1, 0, len(EDGES) - 2), even(true)
    gaps = [abs(float(weight[place == i] @ (probability - true)[place == i])) for i in range(len(EDGES) - 1)]
    return sum(gaps) / float(weight.sum())


def figures(
    rows: Sequence[dict[str, str]], odds: np.ndarray, threshold: float, draw: np.random.Generator
) -> dict[str, object]:
    """What is reported of a set of rows."""
    probability = probability_of(odds)
    true, matched = np.array([r["label"] == "1" for r in rows]), np.array([r["matched"] == "1" for r in rows])
    found = np.array([r["found"] == "1" for r in rows])
    p, t = probability[found], true[found]
    again = [ece(p[i], t[i]) for i in (draw.integers(0, len(p), len(p)) for _ in range(DRAWS))] if len(p) else [0.0]
    accepted = probability >= threshold
    worst = float(probability[~true].max(initial=0.0))
    return {
        "matched_pairs": int(matched.sum()),
        "registered": int(true.sum()),
        "accepted_and_right": int((accepted & true).sum()),
        "accepted_but_wrong_place": int((accepted & ~true & matched).sum()),
        "mismatched_pairs": int((~matched).sum()),
        "false_accepts": int((accepted & ~matched).sum()),
        "most_probable_false": round(worst, 4),
        "mean_ratio_of_false": round(float(np.exp(odds[~true & found]).mean()), 4) if (~true & found).any() else None,
        "rate_below_95%": round(3.0 / max(1, int((~matched).sum())), 5),
        "ece_of_found": round(ece(p, t), 4) if len(p) else None,
        "ece_90%": [round(float(v), 4) for v in np.percentile(again, [5, 95])],
    }


def reliability(probability: np.ndarray, true: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean probability, share true (true and false counting alike) and count in each bin."""
    place, weight = np.clip(np.digitize(probability, EDGES) - 1, 0, len(EDGES) - 2), even(true)
    bins = [place == i for i in range(len(EDGES) - 1) if (place == i).any()]
    return [
        (
            float(np.average(probability[own], weights=weight[own])),
            float(np.average(true[own], weights=weight[own])),
            int(own.sum()),
        )
        for own in bins
    ]


def frames(rows: Sequence[dict[str, str]], odds: np.ndarray, threshold: float) -> dict[str, object]:
    """What becomes of all matched rows with a distance in metres, certain or not, by matcher."""
    measured = {}
    for matcher in sorted({row["matcher"] for row in rows}):
        own = np.array([row["matcher"] == matcher and row["matched"] == "1" for row in rows])
        metres = np.array([float(row.get("middle_m") or np.inf) for row in rows])
        sure = np.array(["verified" in row["kind"] for row in rows])
        accepted = own & (probability_of(odds) >= threshold)
        measured[matcher] = {
            "frames": int(own.sum()),
            "accepted": int(accepted.sum()),
            **{f"accepted_within_{limit:g}_m": int((accepted & (metres <= limit)).sum()) for limit in NEAR_M},
            "verified_frames": int((own & sure).sum()),
            "verified_accepted": int((accepted & sure).sum()),
            "verified_accepted_within_25_m": int((accepted & sure & (metres <= NEAR_M[0])).sum()),
            "not_accepted_within_25_m": int((own & ~accepted & (metres <= NEAR_M[0])).sum()),
        }
    return measured


def registered(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Of the matched pairs of each kind how many were registered, by matcher."""
    counts: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        if row["matched"] == "1":
            both = counts.setdefault(row["kind"], {}).setdefault(row["matcher"], [0, 0])
            both[0] += row["label"] == "1"
            both[1] += 1
    return {kind: {name: f"{a} / {b}" for name, (a, b) in by.items()} for kind, by in counts.items()}


def ellipses(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    """Of right registrations how many lie within the ellipse that should hold 90 %, by site."""
    right = [row for row in rows if row["label"] == "1" and row.get("middle_sigma2")]
    sites = sorted({row["site"] for row in right})
    inside = {site: [float(r["middle_sigma2"]) <= ELLIPSE_90 for r in right if r["site"] == site] for site in sites}
    return {site: f"{sum(own)} of {len(own)}" for site, own in inside.items()}


def typical(tables: dict[str, VerifierTable]) -> list[dict[str, object]]:
    """Log-odds of `TYPICAL` by each table, before and after look-alikes are thought of."""
    said = []
    for family, excess, edges in TYPICAL:
        values = {"excess": np.log2(1.0 + excess), "spread": 0.5, "residual": 0.14, "edges": edges}
        line: dict[str, object] = {"family": family, "excess": excess, "edges": edges}
        for name, table in tables.items():
            curves = table.curves.get(family, table.curves["points"])
            odds = sum(curve(float(values[curve.measure])) for curve in curves)
            line[name] = round(odds, 2)
            line[f"{name}, look-alikes"] = round(odds + taken_by_look_alikes(odds, LOOK_ALIKES), 2)
        said.append(line)
    return said


def drawing(sets: dict[str, list[tuple[float, float, int]]]) -> str:
    """A reliability diagram: stated probability across, share of true matches up, area by count."""
    colours, side, edge = ("#1f77b4", "#d9541e", "#2a9d4a"), 300.0, 46.0
    whole = side + 2 * edge
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:g} {whole:g}" role="img" '
    diagonal = f'<path d="M{edge} {edge + side}L{edge + side} {edge}" stroke="#bbb" stroke-dasharray="4 4"/>'
    parts = [
        head + 'font-family="sans-serif" font-size="12"><title>Reliability of match probabilities</title>',
        '<rect width="100%" height="100%" fill="#fff"/>' + diagonal,
        f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="none" stroke="#666"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<text x="{edge + tick * side}" y="{edge + side + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{edge - 6}" y="{edge + side - tick * side + 4}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{edge + side / 2}" y="{edge + side + 34}" text-anchor="middle">stated probability</text>')
    parts.append(f'<text x="{edge}" y="{edge - 12}">share of true registrations</text>')
    for (name, bins), colour, row in zip(sets.items(), colours, range(3), strict=False):
        for stated, share, count in bins:
            x, y = edge + stated * side, edge + side - share * side
            spread = 1.645 * np.sqrt(max(share * (1 - share), 0.25 / (count + 4)) / max(count, 1)) * side
            top, foot = max(edge, y - spread), min(edge + side, y + spread)
            parts.append(f'<path d="M{x:.1f} {top:.1f}V{foot:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + np.log10(count + 1):.1f}" fill="{colour}"/>')
        parts.append(
            f'<text x="{edge + side - 8}" y="{edge + side - 12 - 18 * row}" text-anchor="end" fill="{colour}">'
        )
        parts.append(f"{name} (n {sum(count for _, _, count in bins)})</text>")
    return "".join(parts) + "</svg>\n"


def main() -> None:
    """Score rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--svg", type=Path, help="reliability diagram to draw")
    parser.add_argument("--threshold", type=float, default=0.0, help="that of the shipped table if 0")
    parser.add_argument("--tail", type=float, default=Config.tail_share, help="of the curves that are fitted; 0: none")
    parser.add_argument("--before", type=Path, help="another table to set beside the shipped one")
    given = parser.parse_args()
    table, rows, draw = shipped_table(), read(given.rows), np.random.default_rng(0)
    threshold = given.threshold or table.threshold
    odds = answers(rows, table, given.tail)
    site, certain = np.array([row["site"] for row in rows]), np.array([row["label"] != "-1" for row in rows])
    groups = {name: site == name for name in np.unique(site)}
    groups |= {"fitted sites, each left out": ~np.isin(site, NEVER_FITTED), "all": np.ones(len(rows), bool)}
    result = {
        name: figures([rows[i] for i in np.flatnonzero(chosen & certain)], odds[chosen & certain], threshold, draw)
        for name, chosen in groups.items()
    }
    never = np.isin(site, NEVER_FITTED)
    if given.svg:
        found, true = np.array([r["found"] == "1" for r in rows]), np.array([r["label"] == "1" for r in rows])
        sets = {"sites left out in turn": found & certain & ~never, "coeffic": found & certain & never}
        bins = {
            n: reliability(probability_of(odds)[chosen], true[chosen]) for n, chosen in sets.items() if chosen.any()
        }
        given.svg.parent.mkdir(parents=True, exist_ok=True)
        given.svg.write_text(drawing(bins), encoding="utf-8")
    tables = {"shipped": table}
    if given.before:
        tables = {"before": VerifierTable.from_json(given.before.read_text(encoding="utf-8"))} | tables
    measured = frames([rows[i] for i in np.flatnonzero(never)], odds[never], threshold)
    said = {"threshold": threshold, "groups": result, "frames": measured, "typical": typical(tables)}
    said |= {"registered": registered(rows), "inside_ellipse_90": ellipses(rows)}
    json.dump(said, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
