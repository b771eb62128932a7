"""Checks of the scenery model that go beyond its table: parts of ``benchmarks/pocket.py``.

``finetune`` tunes the network's last blocks without each photographer and measures on that one; ``continents`` says why
the likeliest continent is what it is; ``localizability`` holds a learned head against the belief's own information
gain; ``season`` counts what the table knows of months.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

TEMPERATURES = (0.7, 0.8, 1.0, 1.25, 1.5, 2.0)
SHARES = (0.0, 0.5, 1.0)
RIDGE = 30.0
CONTINENTS = 7
Prepared = tuple[Any, Any, Any]


# ------------------------------------------------------------------------------------------------- continents


def continents_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Continent at points; what the layer does not know (small islands, the sea) has that of the nearest land cell."""
    from whence.earth.layers import layers

    found = np.array(layers().values("continent", lat, lon), np.int64)
    unknown = np.flatnonzero(found < 0)
    if unknown.size:
        tree, continent = _land()
        found[unknown] = continent[tree.query(_vectors(lat[unknown], lon[unknown]))[1]]
    return found


@lru_cache(maxsize=1)
def _land() -> tuple[Any, np.ndarray]:
    from scipy.spatial import cKDTree

    from whence.earth.layers import layers
    from whence.earth.partition import Partition

    cells = Partition.uniform(7)
    known = np.asarray(layers().values("continent", cells.lat_deg, cells.lon_deg), np.int64)
    land = np.flatnonzero(known >= 0)
    return cKDTree(_vectors(cells.lat_deg[land], cells.lon_deg[land])), known[land]


def _vectors(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    a, o = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(a) * np.cos(o), np.cos(a) * np.sin(o), np.sin(a)], axis=-1)


def masses_of_continents(belief: Any) -> np.ndarray:
    """Belief in each continent."""
    return np.bincount(_of_cells(belief.partition), weights=belief.mass, minlength=CONTINENTS)


@lru_cache(maxsize=4)
def _of_cells(partition: Any) -> np.ndarray:
    """Continent of each cell: most beliefs share their cells with the prior."""
    return continents_of(partition.lat_deg, partition.lon_deg)


def judged(strengths: np.ndarray, temperature: float, contrast: Any, where: np.ndarray) -> np.ndarray:
    """Belief in each continent, from places drawn from the prior and the cells of land."""
    score = strengths / temperature @ contrast.vectors.T + contrast.log_share
    mass = np.exp(score - score.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    return np.asarray(mass @ np.eye(CONTINENTS)[where])


def continents(prepared: Prepared, tested: tuple[str, ...] = ()) -> dict[str, Any]:
    """Bits and likeliest continents by what holds for all pictures, by the pictures, and by both.

    Args:
        prepared: recipe, photographs, concepts of places.
        tested: groups that are held out one by one; all if empty. The others are learned from in every fold.
    """
    from whence.train.scenery.fit import contrast_places, fit, gained_bits, places_around

    recipe, every, vectors = prepared
    groups = sorted(tested or set(every.group))
    contrast = contrast_places(vectors, recipe.fit.draws, np.random.default_rng(9))
    where = continents_of(contrast.lat_deg, contrast.lon_deg)
    photographs = every.take(np.flatnonzero([name in groups for name in every.group]).tolist())
    true = continents_of(photographs.lat_deg, photographs.lon_deg)
    group = np.array(photographs.group)
    prior = np.bincount(where, weights=np.exp(contrast.log_share), minlength=CONTINENTS)
    out: dict[str, Any] = {"prior": _continent_figures(np.tile(prior, (len(true), 1)), true, group)}
    out["prior"]["by continent, as the layer numbers them"] = prior.round(3).tolist()
    models = {}
    for name in groups:
        rest, held = every.held_out(name)
        around = places_around(held, vectors, recipe.fit.around, np.random.default_rng(7))
        models[name] = (fit(rest, vectors, recipe.fit, np.random.default_rng(8)), held, around)
    for temperature in TEMPERATURES:
        for label, look, general in (("both", 1, 1), ("pictures in general", 0, 1), ("what is seen", 1, 0)):
            beliefs = np.empty((len(true), CONTINENTS))
            for name, (model, held, _) in models.items():
                strengths = look * model.strengths(held) + general * model.general
                beliefs[group == name] = judged(strengths, temperature, contrast, where)
            out[f"{label}, temperature {temperature}"] = _continent_figures(beliefs, true, group)
        bits = {n: gained_bits(m, held, around, contrast, temperature) for n, (m, held, around) in models.items()}
        out[f"both, temperature {temperature}"]["bits"] = {
            "all": round(float(np.concatenate(list(bits.values())).mean()), 3),
            **{name: round(float(item.mean()), 3) for name, item in bits.items()},
        }
    return out


def _continent_figures(beliefs: np.ndarray, true: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    right = beliefs.argmax(axis=1) == true
    return {
        "likeliest": round(float(right.mean()), 4),
        "mean over continents": round(float(np.mean([right[true == c].mean() for c in np.unique(true)])), 4),
        "belief in the true one": round(float(beliefs[np.arange(len(true)), true].mean()), 4),
        "by photographer": {name: round(float(right[group == name].mean()), 4) for name in sorted(set(group))},
    }


# ------------------------------------------------------------------------------------------------- fine-tuning


def finetune(given: argparse.Namespace, prepared: Prepared) -> dict[str, Any]:
    """Tune the last blocks without each photographer, and measure on that one at several shares and temperatures."""
    from whence.train.scenery.finetune import Tuner
    from whence.train.scenery.fit import contrast_places, fit, gained_bits, places_around
    from whence.train.scenery.run import tower_of

    recipe, photographs, vectors = prepared
    settings = replace(recipe.finetune, blocks=given.tuned_blocks, copies=given.tuned_copies, share=1.0)
    recipe = replace(recipe, finetune=settings)
    started = time.perf_counter()
    tuner = Tuner(recipe, tower_of(recipe.image), photographs)
    print(f"activations {time.perf_counter() - started:.0f} s", flush=True)
    contrast = contrast_places(vectors, recipe.fit.draws, np.random.default_rng(9))
    where = continents_of(contrast.lat_deg, contrast.lon_deg)
    notes: dict[str, Any] = {}
    bits: dict[tuple[float, float], list[np.ndarray]] = {}
    right: dict[tuple[float, float], list[np.ndarray]] = {}
    groups = sorted(set(photographs.group))
    for group in groups:
        rest, held = photographs.held_out(group)
        started = time.perf_counter()
        found = tuner.fit(rest, vectors, np.random.default_rng(8))
        notes[group] = {**found.note, "seconds": round(time.perf_counter() - started)}
        print(json.dumps({group: notes[group]}), flush=True)
        around = places_around(held, vectors, recipe.fit.around, np.random.default_rng(7))
        true = continents_of(held.lat_deg, held.lon_deg)
        for share in SHARES:
            if share == 0.0:
                model, seen = fit(rest, vectors, recipe.fit, np.random.default_rng(8)), held
            else:
                tail = tuner.mixed(found.tail, share)
                learned = found.model if share == 1.0 else None
                model = learned or fit(tuner.seen(tail, rest), vectors, recipe.fit, np.random.default_rng(8))
                seen = tuner.seen(tail, held, copies=2)
            for t in TEMPERATURES:
                bits.setdefault((share, t), []).append(gained_bits(model, seen, around, contrast, t))
                masses = judged(model.strengths(seen) + model.general, t, contrast, where)
                right.setdefault((share, t), []).append(masses.argmax(axis=1) == true)
            print(group, share, [round(float(bits[share, t][-1].mean()), 3) for t in TEMPERATURES], flush=True)
    table = {
        f"share {share}, temperature {t}": {
            "bits": round(float(np.concatenate(bits[share, t]).mean()), 3),
            "continent": round(float(np.concatenate(right[share, t]).mean()), 4),
            **{group: round(float(item.mean()), 3) for group, item in zip(groups, bits[share, t], strict=True)},
        }
        for share, t in bits
    }
    return {"settings": vars(settings), "tuning": notes, "measured": table}


# ------------------------------------------------------------------------------------------------- localizability


def localizability(given: argparse.Namespace, prepared: Prepared) -> dict[str, Any]:
    """Order pictures by how much they should tell: by the belief's information gain, its radius, or a learned head."""
    from whence.evaluate.curve_metrics import aurc
    from whence.evaluate.prediction_file import read_run
    from whence.train.scenery.fit import unit_features

    _, photographs, _ = prepared
    names: list[str] = []
    rows: list[tuple[float, float, float]] = []
    for path in sorted(given.out.glob("fold*.parquet")):
        file = read_run(path)
        for record in file.records(estimates=False):
            names.append(record.name)
            rows.append(_told(record, file.run.prior))
    columns = dict(zip(("bits", "gain_bits", "area_50_km2"), np.array(rows).T, strict=True))
    row = {_tail(name): i for i, name in enumerate(photographs.names)}
    order = np.array([row[_tail(name)] for name in names])
    unit, group = unit_features(photographs, 2)[order], np.array(photographs.group)[order]
    head = np.empty(len(order))
    for name in sorted(set(group)):
        rest = group != name
        mean = unit[rest].mean(axis=0)
        x = unit - mean
        target = columns["bits"][rest]
        gram = x[rest] @ x[rest].T
        scale = np.trace(gram) / len(gram)
        weights = np.linalg.solve(gram + RIDGE * scale / 10.0 * np.eye(len(gram)), target - target.mean())
        head[~rest] = x[~rest] @ x[rest].T @ weights
    wrong = (columns["bits"] < 0.0).astype(np.float64)
    ways = {"information gain": columns["gain_bits"], "area of the 50 % region": -columns["area_50_km2"]}
    ways |= {"learned head": head, "information gain and head": _ranked(columns["gain_bits"]) + _ranked(head)}
    ways["at random"] = np.random.default_rng(0).random(len(head))
    out: dict[str, Any] = {"pictures": len(head), "misled (bits below 0)": round(float(wrong.mean()), 4)}
    for way, score in ways.items():
        halves = np.array_split(columns["bits"][np.argsort(-score, kind="stable")], 2)
        out[way] = {
            "bits of the first half, of the second": [round(float(half.mean()), 3) for half in halves],
            "rank correlation with the bits": round(_rank_correlation(score, columns["bits"]), 3),
            "the same by photographer": {
                name: round(_rank_correlation(score[group == name], columns["bits"][group == name]), 3)
                for name in sorted(set(group))
            },
            "misled, area under risk over coverage": round(float(aurc(wrong, score, np.ones(len(score)))), 4),
        }
    return out


def _told(record: Any, prior: Any) -> tuple[float, float, float]:
    """Of scenery alone: bits at the truth, information gain in bits, area of the 50 % region."""
    from whence.earth.field import LN2, Field
    from whence.evaluate.belief_metrics import mean_density

    said = [s.likelihood.scale(1 / s.temperature) for s in record.sources if s.source == "scenery" and s.likelihood]
    belief = Field.sum([prior, *said]).normalise() if said else prior
    bits = (mean_density(belief, record.truth) - mean_density(prior, record.truth)) / LN2
    return bits, float(belief.information_gain_bits(prior)), float(belief.credible_region(0.5).area_km2)


def _tail(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _ranked(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(_ranked(first), _ranked(second))[0, 1])


# ------------------------------------------------------------------------------------------------- season


def season(given: argparse.Namespace) -> dict[str, Any]:
    """Months of the pictures by photographer and country, as far as the names of trips say."""
    groups = given.groups
    months: dict[str, Counter[str]] = {group: Counter() for group in groups}
    unknown: Counter[str] = Counter()
    with (given.photos / "photos.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["source_repo"] not in months:
                continue
            found = re.search(r"(\d{4})-(\d{2})$", row["sequence"])
            if found is None:
                unknown[row["source_repo"]] += 1
            else:
                months[row["source_repo"]][f"{row['country_iso2']} {found[1]}-{found[2]}"] += 1
    trips: dict[str, set[str]] = {}
    for group, counts in months.items():
        for entry in counts:
            trips.setdefault(f"{group} {entry[:2]}", set()).add(entry[-2:])
    return {
        "pictures by photographer, country and month": {group: dict(sorted(c.items())) for group, c in months.items()},
        "pictures without a month": dict(unknown),
        "countries of one photographer in more than one month": {
            name: sorted(found) for name, found in sorted(trips.items()) if len(found) > 1
        },
    }
