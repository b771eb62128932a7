"""Scenery through ``whence predict``: parts ``folds``, ``table``, ``calibrate`` of ``benchmarks/pocket.py``."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import pocket_checks as checks
from pocket_photos import interval, recipe_of

SOURCES = "scenery,text"


def folds(given: argparse.Namespace) -> None:
    """Train without each photographer, export, and predict that photographer's pictures."""
    from whence.train.scenery.run import export_scenery, train_scenery

    groups = recipe_of(given).data.groups.split(",")
    for number, group in enumerate(groups):
        bundle, table = given.out / f"fold{number}", given.out / f"fold{number}.csv"
        if not (bundle / "bundle.json").exists():
            run = train_scenery(recipe_of(given, data__without=group))
            print(json.dumps({"held out": group, **run.scores}), flush=True)
            export_scenery(run, bundle, overwrite=True)
        with (given.photos / "photos.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["source_repo"] == group]
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        command = [sys.executable, "-m", "whence", "predict", str(table), "--root", str(given.photos)]
        command += ["--sources", SOURCES, "--model", str(bundle), "--calibration", "none", "--group", "source_repo"]
        command += ["-o", str(given.out / f"fold{number}.parquet"), "--resume"]
        if not (given.out / f"fold{number}.parquet").exists():
            subprocess.run(command, check=True)


def table(given: argparse.Namespace) -> dict[str, Any]:
    """Bits of the scenery, of the text and of both over the prior, on pictures of photographers held out."""
    from whence.evaluate.prediction_file import read_run

    found: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for path in sorted(given.out.glob("fold*.parquet")):
        opened = read_run(path)
        rows += [_measured(record, opened.run.prior) for record in opened if record.failure is None]
    rng = np.random.default_rng(0)
    for name in ("scenery", "text", "both"):
        bits = np.array([row[name]["bits"] for row in rows])
        found[name] = {"bits": interval(bits, [row["place"] for row in rows], rng)}
        found[name] |= {f"bits {group}": round(float(b.mean()), 3) for group, b in _by(rows, name, "bits").items()}
        for key in ("country1", "country5", "continent", "continent2", "p_continent", "in90", "in50", "log10_area"):
            found[name][key] = round(float(np.mean([row[name][key] for row in rows])), 4)
        found[name] |= _against_the_prior(rows, name, rng)
    prior = [row["prior"] for row in rows]
    found["prior"] = {key: round(float(np.mean([item[key] for item in prior])), 4) for key in prior[0]}
    found["answers"] = _kept_and_withheld(given.out)
    areas = np.array([[row["prior"]["log10_area"], row["scenery"]["log10_area"]] for row in rows])
    steps = np.arange(3.0, 8.8, 0.2)
    curve = [(round(float(s), 1), *(round(float((areas[:, i] <= s).mean()), 3) for i in (0, 1))) for s in steps]
    found["recall by area (log10 km², prior, scenery)"] = curve
    gain = np.array([row["scenery"]["gain"] for row in rows])
    order = np.argsort(-gain)
    bits = np.array([row["scenery"]["bits"] for row in rows])[order]
    found["bits of the half with the larger information gain, and of the other"] = [
        round(float(half.mean()), 3) for half in np.array_split(bits, 2)
    ]
    return found


def _against_the_prior(rows: list[dict[str, Any]], name: str, rng: np.random.Generator) -> dict[str, list[float]]:
    """Shares that are right, and how much more that is than by the prior, with intervals over places."""
    places = [row["place"] for row in rows]
    out = {}
    for key in ("continent", "p_continent", "country5"):
        own, prior = (np.array([row[item][key] for row in rows]) for item in (name, "prior"))
        out[f"{key}, interval"] = interval(own, places, rng)
        out[f"{key}, more than the prior"] = interval(own - prior, places, rng)
    return out


def _kept_and_withheld(folder: Path) -> dict[str, Any]:
    """Errors of the answers that were given with scenery and text, and of those withheld."""
    from whence.evaluate.metrics import errors_km
    from whence.evaluate.prediction_file import read_run

    held = [record for path in sorted(folder.glob("fold*.parquet")) for record in read_run(path).records(beliefs=False)]
    places = [[r.lat_deg, r.lon_deg, r.truth.lat_deg, r.truth.lon_deg] for r in held]
    errors, withheld = errors_km(*np.array(places).T), np.array([record.abstained for record in held])
    return {
        name: {
            "pictures": int(rows.sum()),
            "median_km": round(float(np.median(errors[rows]))),
            "within 750 km": round(float((errors[rows] <= 750.0).mean()), 3),
        }
        for name, rows in (("given", ~withheld), ("withheld", withheld))
    }


def calibrate(given: argparse.Namespace) -> dict[str, Any]:
    """Fit temperatures and wrong shares to all pictures, each answered by the model that was not shown its group."""
    from whence.evaluate.calibration import Config
    from whence.evaluate.calibration import calibrate as fit
    from whence.evaluate.prediction_file import read_run

    files = [read_run(path) for path in sorted(given.out.glob("fold*.parquet"))]
    records = [record for file in files for record in file.records(estimates=False)]
    out: dict[str, Any] = {}
    for name in ("scenery", "both"):
        kept = [
            replace(record, sources=tuple(s for s in record.sources if name == "both" or s.source == name))
            for record in records
        ]
        found = fit(replace(files[0].run, dataset="photographs of three, each held out"), kept, Config())
        (given.out / f"calibration-{name}.json").write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
        out[name] = {"sources": {key: vars_of(item) for key, item in found.sources.items()}, "figures": found.figures}
    return out


def vars_of(item: Any) -> dict[str, Any]:
    """The fields of a small dataclass."""
    return {name: getattr(item, name) for name in ("temperature", "wrong_share", "pictures", "groups")}


def _measured(record: Any, prior: Any) -> dict[str, Any]:
    from whence.earth.field import Field

    said = {s.source: s.likelihood.scale(1 / s.temperature) for s in record.sources if s.likelihood is not None}
    beliefs = {"prior": prior}
    for name in ("scenery", "text"):
        beliefs[name] = Field.sum([prior, said[name]]).normalise() if name in said else prior
    beliefs["both"] = Field.sum([prior, *said.values()]).normalise() if said else prior
    t = record.truth
    out: dict[str, Any] = {"group": record.truth.group, "place": f"{t.lat_deg:.1f},{t.lon_deg:.1f}"}
    at_prior = _density(prior, t)
    for name, belief in beliefs.items():
        out[name] = _figures(belief, t) | {
            "bits": float(np.log2(_density(belief, t) / at_prior)),
            "gain": float(belief.information_gain_bits(prior)),
        }
    return out


@lru_cache(maxsize=4)
def _country_of_cells(partition: Any) -> np.ndarray:
    """Country of each cell: most beliefs share their cells with the prior."""
    from whence.earth.regions import RegionLevel, regions

    return np.asarray(regions(RegionLevel.COUNTRY).cell_indices_at(partition.lat_deg, partition.lon_deg))


def _density(field: Any, truth: Any) -> float:
    """Mean density over the disc within which the camera stood."""
    from whence.earth.coordinates import destination

    radius = truth.accuracy_km or 0.0
    turn = np.arange(24) * 137.508
    lat, lon = destination(truth.lat_deg, truth.lon_deg, turn, radius * np.sqrt((np.arange(24) + 0.5) / 24))
    return float(np.exp(field.at(lat, lon)).mean())


def _figures(belief: Any, truth: Any) -> dict[str, float]:
    from whence.earth.regions import RegionLevel, regions

    table = regions(RegionLevel.COUNTRY)
    mass = np.bincount(_country_of_cells(belief.partition) + 1, weights=belief.mass, minlength=len(table) + 1)[1:]
    own = table.codes.index(truth.attributes["country_iso2"])
    rank = int((mass > mass[own]).sum())
    continents = checks.masses_of_continents(belief)
    true_continent = int(checks.continents_of(np.array([truth.lat_deg]), np.array([truth.lon_deg]))[0])
    at_truth = belief.at(truth.lat_deg, truth.lon_deg)
    denser = belief.values > at_truth
    held = float(belief.mass[denser].sum())
    return {
        "country1": float(rank == 0),
        "country5": float(rank < 5),
        "continent": float(int(continents.argmax()) == true_continent),
        "continent2": float((continents > continents[true_continent]).sum() < 2),
        "p_continent": float(continents[true_continent]),
        "in50": float(held < 0.5),
        "in90": float(held < 0.9),
        "log10_area": float(np.log10(belief.partition.areas_km2[belief.values >= at_truth].sum())),
    }


def _by(rows: list[dict[str, Any]], name: str, key: str) -> dict[str, np.ndarray]:
    groups = sorted({row["group"] for row in rows})
    return {group: np.array([row[name][key] for row in rows if row["group"] == group]) for group in groups}
