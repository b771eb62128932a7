"""The shipped scenery model, measured on photographers whom it never saw.

    python benchmarks/pocket.py --photos photos --weights mobilenet_v2.safetensors --labels labels.txt --out runs/pocket
    python benchmarks/pocket.py … --parts folds shortcuts curve

Each photographer is held out in turn: the model, its temperature too, comes from the others alone. ``folds`` trains
these models, exports them, and lets ``whence predict`` answer with them and with the text in the pictures; ``table``
scores what it wrote; ``curve`` fits to fewer photographs; ``shortcuts`` changes the pictures (grey, compressed, another
photographer's grading) and measures what is left; ``concepts`` leaves out groups of concepts; ``speed``
times the shipped model. ``finetune``, ``continents``, ``localizability`` and ``season`` stand in ``pocket_checks.py``;
``finetune`` takes long and runs only when it is named, as does ``more``: the other sources of the table, collected from
the web, as further photographers to learn from.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import pocket_checks as checks

RECIPE = Path(__file__).parents[1] / "recipes" / "pocket.toml"
USUAL = (
    "folds",
    "table",
    "calibrate",
    "curve",
    "shortcuts",
    "concepts",
    "continents",
    "localizability",
    "season",
    "speed",
)
PARTS = (*USUAL, "finetune", "more")
SIZES = (40, 80, 160, 320)
DRAWS = 2
REPEATS = 40
SHORTCUT_PICTURES = 150
SOURCES = "scenery,text"


def recipe_of(given: argparse.Namespace, **changes: str) -> Any:
    """The recipe with the files of this machine."""
    from whence.train.scenery.recipe import load_scenery_recipe

    own = {"data.root": str(given.photos), "image.weights": str(given.weights)}
    own |= {"image.labels": str(given.labels)} if given.labels else {}
    own |= dict(change.split("=", 1) for change in given.set)
    return load_scenery_recipe(RECIPE, {**own, **{key.replace("__", "."): value for key, value in changes.items()}})


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


# ------------------------------------------------------------------------------------------------- tables


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
        found[name] = {"bits": _interval(bits, [row["place"] for row in rows], rng)}
        found[name] |= {f"bits {group}": round(float(b.mean()), 3) for group, b in _by(rows, name, "bits").items()}
        for key in ("country1", "country5", "continent", "continent2", "p_continent", "in90", "in50", "log10_area"):
            found[name][key] = round(float(np.mean([row[name][key] for row in rows])), 4)
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
    country = table.cell_indices_at(belief.partition.lat_deg, belief.partition.lon_deg)
    mass = np.bincount(country + 1, weights=belief.mass, minlength=len(table) + 1)[1:]
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


def _interval(values: np.ndarray, places: list[str], rng: np.random.Generator) -> list[float]:
    """Mean with a 95 % interval of a bootstrap over places."""
    _, owner = np.unique(places, return_inverse=True)
    count = np.bincount(owner)
    total = np.bincount(owner, weights=values)
    drawn = rng.integers(0, count.size, (4_000, count.size))
    means = total[drawn].sum(1) / count[drawn].sum(1)
    return [round(float(v), 3) for v in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


def _by(rows: list[dict[str, Any]], name: str, key: str) -> dict[str, np.ndarray]:
    groups = sorted({row["group"] for row in rows})
    return {group: np.array([row[name][key] for row in rows if row["group"] == group]) for group in groups}


# ------------------------------------------------------------------------------- fits without a grid


def fitted(recipe: Any, photographs: Any, vectors: Any) -> dict[str, Any]:
    """For each photographer a model of the others, its temperature from them too."""
    from whence.train.scenery.fit import best_temperature, fit
    from whence.train.scenery.run import cross_validated

    out = {}
    for group in sorted(set(photographs.group)):
        rest, _ = photographs.held_out(group)
        inner = np.concatenate([item.bits for item in cross_validated(recipe, rest, vectors)], axis=1).mean(axis=1)
        model = fit(rest, vectors, recipe.fit, np.random.default_rng(8))
        out[group] = replace(model, temperature=best_temperature(inner.tolist()))
    return out


def measured(recipe: Any, models: dict[str, Any], vectors: Any, test: Any) -> dict[str, Any]:
    """Bits of each model on the photographer whom it was not shown."""
    from whence.train.scenery.fit import contrast_places, gained_bits, places_around

    contrast = contrast_places(vectors, recipe.fit.draws, np.random.default_rng(9))
    out: dict[str, Any] = {}
    for group, model in models.items():
        _, held = test.held_out(group)
        around = places_around(held, vectors, recipe.fit.around, np.random.default_rng(7))
        shown, unseen = (
            gained_bits(model, held, around, contrast, model.temperature, shown=look) for look in (True, False)
        )
        out[group] = {"temperature": model.temperature, "bits": shown.tolist(), "unseen": unseen.tolist()}
    return out


def summary(found: dict[str, Any]) -> dict[str, float]:
    """Means over all pictures, and by photographer."""
    every = np.concatenate([np.array(item["bits"]) for item in found.values()])
    unseen = np.concatenate([np.array(item["unseen"]) for item in found.values()])
    each = {group: round(float(np.mean(item["bits"])), 3) for group, item in found.items()}
    return {"bits": round(float(every.mean()), 3), "without looking": round(float(unseen.mean()), 3), **each}


def prepared(given: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Recipe, photographs with features, concepts of places."""
    from whence.train.scenery.features import read_photographs
    from whence.train.scenery.fit import choose_vectors
    from whence.train.scenery.run import tower_of

    recipe = recipe_of(given)
    photographs = read_photographs(recipe, tower_of(recipe.image))
    return recipe, photographs, choose_vectors(recipe.concepts, np.random.default_rng([recipe.seed, 1]))


def curve(given: argparse.Namespace) -> dict[str, Any]:
    """Fit to fewer photographs of each photographer, several draws; measure on all of those held out."""
    recipe, photographs, vectors = prepared(given)
    groups = sorted(set(photographs.group))
    out: dict[str, Any] = {}
    for size in SIZES:
        drawn = []
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            rows: list[int] = []
            for group in groups:
                mine = np.flatnonzero([name == group for name in photographs.group])
                share = max(5, round(size * len(mine) / len(photographs)))
                rows += np.sort(rng.choice(mine, min(share, len(mine)), replace=False)).tolist()
            models = fitted(recipe, photographs.take(rows), vectors)
            drawn.append(summary(measured(recipe, models, vectors, photographs)))
        out[str(size)] = drawn
        print(size, [item["bits"] for item in drawn], flush=True)
    models = fitted(recipe, photographs, vectors)
    out[str(len(photographs))] = [summary(measured(recipe, models, vectors, photographs))]
    print(len(photographs), out[str(len(photographs))], flush=True)
    return out


def concepts(given: argparse.Namespace) -> dict[str, Any]:
    """Leave out each group of concepts, or take one alone."""
    from whence.train.scenery.fit import choose_vectors

    recipe, photographs, _ = prepared(given)
    entries = recipe.concepts.groups.split(";")
    variants = {"all that are used": recipe.concepts.groups}
    variants |= {f"without {entry}": ";".join(e for e in entries if e != entry) for entry in entries}
    variants["with languages and infrastructure too"] = recipe.concepts.groups + ";language_script=1;infrastructure=1"
    out = {}
    for name, groups in variants.items():
        own = replace(recipe, concepts=replace(recipe.concepts, groups=groups))
        vectors = choose_vectors(own.concepts, np.random.default_rng([recipe.seed, 1]))
        out[name] = summary(measured(own, fitted(own, photographs, vectors), vectors, photographs))
        print(name, out[name], flush=True)
    return out


def shortcuts(given: argparse.Namespace) -> dict[str, Any]:
    """Change the pictures of the photographer held out, not those that are learned from, and measure again."""
    recipe, photographs, vectors = prepared(given)
    from whence.samples.reader import read_view
    from whence.train.scenery.run import tower_of
    from whence.train.tower import TowerModel

    model = TowerModel(tower_of(recipe.image))
    models = fitted(recipe, photographs, vectors)
    rng = np.random.default_rng(0)
    chosen = photographs.take(np.sort(rng.choice(len(photographs), SHORTCUT_PICTURES, replace=False)).tolist())
    pictures = [read_view(path, working_px=1024).pixels for path in chosen.paths]
    looks = {
        group: np.mean([_look(p) for p, g in zip(pictures, chosen.group, strict=True) if g == group], axis=0)
        for group in set(chosen.group)
    }
    following = dict(zip(sorted(looks), [*sorted(looks)[1:], sorted(looks)[0]], strict=True))
    changes: dict[str, Callable[[np.ndarray, str], np.ndarray]] = {
        "as they are": lambda pixels, _: pixels,
        "grey": lambda pixels, _: np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
        "JPEG of quality 20": lambda pixels, _: _compressed(pixels),
        "grading of another photographer": lambda pixels, group: _graded(pixels, looks[group], looks[following[group]]),
    }
    out = {}
    for name, change in changes.items():
        rows = []
        for pixels, group in zip(pictures, chosen.group, strict=True):
            whole = change(pixels, group)
            sides = [model.tower.preprocessing.fit(side) for side in (whole, np.ascontiguousarray(whole[:, ::-1]))]
            rows.append(model.embed_pixels(model.tower.preprocessing.normalise(np.stack(sides))))
        out[name] = summary(measured(recipe, models, vectors, replace(chosen, features=np.stack(rows))))
        print(name, out[name], flush=True)
    return out


def speed(given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the shipped model on one picture: the network with its mirror image, and telling it as claims."""
    from whence.evidence.scenery.claims import claims_of
    from whence.evidence.scenery.model import SceneryModel
    from whence.samples.reader import read_view

    with (given.photos / "photos.csv").open(newline="", encoding="utf-8") as file:
        view = read_view(given.photos / next(csv.DictReader(file))["file"], working_px=960)
    model = SceneryModel.load("pocket")
    seen = model.see([view])[0]
    claims_of(model, seen, {}, 8, True, 0)
    looks, tells = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.see([view])
        looks.append(1e3 * (time.perf_counter() - started))
        started = time.perf_counter()
        claims_of(model, seen, {}, 8, True, 0)
        tells.append(1e3 * (time.perf_counter() - started))
    return {"see, median ms": round(float(np.median(looks)), 1), "claims, median ms": round(float(np.median(tells)), 1)}


def continents(given: argparse.Namespace) -> dict[str, Any]:
    """See `pocket_checks.continents`."""
    from whence.train.scenery.fit import fit

    return checks.continents(prepared(given), fit)


def more(given: argparse.Namespace) -> dict[str, Any]:
    """The same with all other sources of the table as further photographers to learn from, never tested on."""
    from whence.train.scenery.fit import fit

    tested = tuple(given.groups)
    given.set = [*given.set, "data.groups="]
    return checks.continents(prepared(given), fit, tested)


def _look(pixels: np.ndarray) -> np.ndarray:
    flat = pixels.reshape(-1, 3).astype(np.float64)
    return np.stack([flat.mean(0), flat.std(0)])


def _graded(pixels: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Mean and spread of the channels as the other photographer has them on average."""
    moved = (pixels - own[0]) / own[1] * other[1] + other[0]
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def _compressed(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=20)
    return np.asarray(Image.open(file).convert("RGB"))


def main() -> None:
    """Measure the parts asked for, and write them beside one another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with photos.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 as safetensors")
    parser.add_argument("--labels", type=Path, help="names of its classes, one a line")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(USUAL))
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes of the recipe")
    parser.add_argument("--tuned-blocks", type=int, default=3, help="of the network, in finetune")
    parser.add_argument("--tuned-copies", type=int, default=4, help="recoloured, of each photograph, in finetune")
    given = parser.parse_args()
    given.groups = recipe_of(given).data.groups.split(",")
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "pocket.json"
    found = json.loads(kept.read_text()) if kept.exists() else {}
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    found["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    jobs = {
        "folds": folds,
        "table": table,
        "calibrate": calibrate,
        "curve": curve,
        "shortcuts": shortcuts,
        "concepts": concepts,
        "continents": continents,
        "localizability": lambda given: checks.localizability(given, prepared(given)),
        "season": lambda given: checks.season(given),
        "more": more,
        "finetune": lambda given: checks.finetune(given, prepared(given)),
        "speed": speed,
    }
    for part in given.parts:
        done = jobs[part](given)
        if done is not None:
            found[part] = done
            kept.write_text(json.dumps(found, indent=1))
            print(json.dumps({part: done}, indent=1), flush=True)


if __name__ == "__main__":
    main()
