"""World chips: recipes × splits × draws, trained and scored on places never seen.

    python benchmarks/chips.py --raster bluemarble.jpg --out runs/chips
    python benchmarks/chips.py --raster bluemarble.jpg --out runs/chips --only chips_concept:blocks
    python benchmarks/chips.py --out runs/chips --table

The first trains everything and goes on where it was stopped, the last prints what was measured so far; ``--ablation``
trains `ABLATION` instead. A draw is a seed: places, split and weights are all drawn by it. Draw 0 is for choosing
settings (on its validation part); draws 1, 2, … are reported (on their test parts). Each run is its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

RECIPES = Path(__file__).parents[1] / "recipes"
RUNS = (
    "chips_geoclip:random", "chips_satclip:random", "chips_concept:random",
    "chips_geoclip:blocks", "chips_satclip:blocks", "chips_concept:blocks",
)  # fmt: skip
FINE = {"loss.sigma_km": "30", "location.degrees": "30", "loss.queue": "1024", "optimiser.epochs": "10"}
"""On the random split neighbours are known, so that finer places pay: changes of the recipes with harmonics."""

ABLATION = {
    "none": {"concepts.basis": "none"},
    "divergence": {"concepts.supervised_weight": "0"},
    "printed divergence": {"concepts.supervised_weight": "0", "concepts.divergence": "mean_log"},
    "grounded": {"concepts.divergence": "none"},
    "both": {},
    "both, random start": {"concepts.basis": "random"},
    "both, start kept": {"concepts.learned": "false"},
    "both, hard targets": {"loss.sigma_km": "0"},
}
"""Changes of chips_concept on unseen blocks, one loss or part at a time."""

PROBED = 8_000
DELETED = 5
DELETED_CHIPS, BELIEF_PLACES = 1_000, 5_000


def one_run(name: str, split: str, draw: int, raster: str, folder: Path, changes: dict[str, str], threads: int) -> None:
    """Train one recipe on one draw and write what was measured."""
    import torch

    torch.set_num_threads(threads)
    from whence.train.recipe import load_recipe
    from whence.train.run import train_recipe

    fine = FINE if split == "random" and name != "chips_geoclip" else {}
    own = {"data.raster": raster, "data.split": split, "seed": str(draw), **fine, **changes}
    recipe = load_recipe(RECIPES / f"{name}.toml", own)
    run = train_recipe(recipe, folder)
    measured: dict[str, Any] = {"recipe": name, "split": split, "draw": draw, "changes": changes, "threads": threads}
    measured |= {"machine": machine(), "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    measured |= {"scores": dict(run.scores)}
    measured |= {"errors_km": errors(run), "probes": location_probes(run), "concepts": concept_scores(run)}
    (folder / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def machine() -> str:
    """What it ran on, as far as the system tells."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def errors(run: Any) -> dict[str, list[float]]:
    """Distance of each answer on the test part, by way of answering."""
    from whence.earth.coordinates import distance_km
    from whence.train.scoring import answers, embedded_images, embedded_places

    data, test, model = run.data, run.data.test, run.model
    found = answers(
        embedded_images(model, test),
        embedded_places(model, test.lat_deg, test.lon_deg),
        embedded_places(model, data.gallery_lat_deg, data.gallery_lon_deg),
        np.stack([data.gallery_lat_deg, data.gallery_lon_deg], axis=1),
        float(model.logit_scale.detach()) / run.temperature,
    )
    out = {}
    for way in ("nearest", "mode", "median"):
        lat, lon = getattr(found, f"{way}_lat_deg"), getattr(found, f"{way}_lon_deg")
        out[way] = [round(float(km), 2) for km in distance_km(test.lat_deg, test.lon_deg, lat, lon)]
    return out


def location_probes(run: Any) -> dict[str, dict[str, float]]:
    """Linear probes of the location embedding: elevation R², Köppen group and country, on the unseen places."""
    from whence.train.scoring import embedded_places

    def trained(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        return embedded_places(run.model, lat, lon)

    raw = raw_features(run)

    def both(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        return np.concatenate([trained(lat, lon), raw(lat, lon)], axis=1)

    ways = {"trained": trained, "raw features": raw, "trained and raw": both}
    return {name: probe(embed, run.data) for name, embed in ways.items()}


def raw_features(run: Any) -> Any:
    """The fixed features of the run's location encoder."""
    import torch

    def raw(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return run.model.location.features(torch.from_numpy(np.stack([lat, lon], 1)).float()).numpy()

    return raw


def probe(embed: Any, data: Any) -> dict[str, float]:
    """Ridge probes fitted on training places, their strength chosen on validation places, told on test places."""
    from whence.concepts.probes import linear_probe_classes, r2, ridge_probe
    from whence.earth.layers import layers
    from whence.earth.outlines import outlines

    parts = [data.train.take(np.arange(min(PROBED, len(data.train)))), data.validation, data.test]
    x = [embed(part.lat_deg, part.lon_deg) for part in parts]
    out = {}
    height = [layers().values("elevation_m", part.lat_deg, part.lon_deg) for part in parts]
    known = [~np.isnan(values) for values in height]
    y = [values[mask][:, None] for values, mask in zip(height, known, strict=True)]
    xs = [rows[mask] for rows, mask in zip(x, known, strict=True)]
    out["elevation_r2"] = float(r2(y[2], ridge_probe(xs[0], y[0], xs[1], y[1], xs[2]))[0])
    tell = {
        "koppen_group": lambda part: layers().values("koppen_group", part.lat_deg, part.lon_deg),
        "country": lambda part: outlines().indices_at(part.lat_deg, part.lon_deg),
    }
    for name in tell:
        classes = [tell[name](part) for part in parts]
        known = [values >= 0 for values in classes]
        y = [values[mask] for values, mask in zip(classes, known, strict=True)]
        xs = [rows[mask] for rows, mask in zip(x, known, strict=True)]
        out[name] = float((linear_probe_classes(xs[0], y[0], xs[1], y[1], xs[2]) == y[2]).mean())
    return out


def concept_scores(run: Any) -> dict[str, Any]:
    """Concept AUC on unseen chips against a ridge on the embedding, exactness, deletion, concept-space retrieval."""
    from whence.concepts.bank import bank
    from whence.concepts.probes import concept_auc, ridge_probe
    from whence.train.scoring import embedded_images

    grounded = bank().subset(concept.id for concept in bank().grounded)
    data, test = run.data, run.data.test
    truths = grounded.truths(test.lat_deg, test.lon_deg)
    x = embedded_images(run.model, test)
    taught = data.train.take(np.arange(min(PROBED, len(data.train))))
    y = [grounded.truths(part.lat_deg, part.lon_deg) for part in (taught, data.validation)]
    told = ridge_probe(embedded_images(run.model, taught), y[0], embedded_images(run.model, data.validation), y[1], x)
    out: dict[str, Any] = {"ridge_auc": concept_auc(told, truths).mean}
    if run.model.basis is None:
        return out
    basis = run.model.basis().detach().numpy()
    with_ridge = concept_auc(x @ basis.T, truths, against=told)
    out |= {"auc": concept_auc(x @ basis.T, truths).mean, "auc_over_own_ridge": with_ridge.mean}
    return out | deletion(run, x[:DELETED_CHIPS], basis) | concept_retrieval(run, x, basis)


def deletion(run: Any, x: np.ndarray, basis: np.ndarray) -> dict[str, float]:
    """How often deleting the five strongest concepts moves the belief more than deleting five others at random."""
    from whence.concepts.decompose import decompose_many
    from whence.train.scoring import embedded_places

    rng = np.random.default_rng(run.recipe.seed)
    data = run.data
    places = embedded_places(run.model, data.gallery_lat_deg[:BELIEF_PLACES], data.gallery_lon_deg[:BELIEF_PLACES])
    sharpness = float(run.model.logit_scale.detach()) / run.temperature
    won, won_active, counted, active_counted, worst, active, explained = 0, 0, 0, 0, 0.0, [], []
    per_concept = basis @ places.T
    for row, parts in zip(x, decompose_many(x, basis), strict=True):
        scores = row @ places.T
        contributions = parts.strengths[:, None] * per_concept
        worst = max(worst, float(np.abs(contributions.sum(0) + parts.residual @ places.T - scores).max()))
        belief = softmax(sharpness * scores)
        # What a concept does to the belief is how its part varies over the places that the belief is on.
        mean = contributions @ belief
        influence = np.sqrt(np.maximum((contributions**2) @ belief - mean**2, 0))
        order = np.argsort(-influence)
        used = int((parts.strengths > 0).sum())
        active.append(used)
        explained.append(1 - float(np.var(parts.residual @ places.T) / np.var(scores)))
        moved = moves(belief, scores, contributions[order[:DELETED]].sum(0), sharpness)
        others = rng.choice(order[DELETED:], DELETED, replace=False)
        counted += 1
        won += moved > moves(belief, scores, contributions[others].sum(0), sharpness)
        if used >= 2 * DELETED:
            others = rng.choice(order[DELETED:used], DELETED, replace=False)
            active_counted += 1
            won_active += moved > moves(belief, scores, contributions[others].sum(0), sharpness)
    return {
        "deletion_won": won / counted,
        "deletion_won_active": won_active / max(1, active_counted),
        "deletion_counted_active": active_counted,
        "decomposition_error": worst,
        "active_concepts": float(np.mean(active)),
        "explained_variance": float(np.mean(explained)),
    }


def softmax(scores: np.ndarray) -> np.ndarray:
    """Belief over the places."""
    belief = np.exp(scores - scores.max())
    return belief / belief.sum()


def moves(belief: np.ndarray, scores: np.ndarray, deleted: np.ndarray, sharpness: float) -> float:
    """Total variation between the belief and what it is without some contributions."""
    return 0.5 * float(np.abs(belief - softmax(sharpness * (scores - deleted))).sum())


def concept_retrieval(run: Any, x: np.ndarray, basis: np.ndarray) -> dict[str, Any]:
    """Answers by the nearest place in the space of concept activations."""
    from whence.earth.coordinates import distance_km
    from whence.train.scoring import best_rows, embedded_places

    data, test = run.data, run.data.test
    gallery = embedded_places(run.model, data.gallery_lat_deg, data.gallery_lon_deg) @ basis.T
    centre = gallery.mean(0)

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = rows - centre
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    rows = best_rows(unit(x @ basis.T), unit(gallery))
    km = distance_km(test.lat_deg, test.lon_deg, data.gallery_lat_deg[rows], data.gallery_lon_deg[rows])
    return {"concept_space": {"median_km": float(np.median(km)), "within_750_km": float((km <= 750).mean())}}


# -------------------------------------------------------------------------------------------------- tables


def table(out: Path) -> str:
    """Everything measured, means over the draws."""
    found = [json.loads(path.read_text()) for path in sorted(out.glob("*/measured.json"))]
    lines = [
        "| recipe | split | draws | answer | 25 / 200 / 750 / 2500 km, % | median km (each draw) | bits | training s |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for item in found:
        if item["draw"] > 0:
            groups.setdefault((item["split"], item["recipe"], json.dumps(item["changes"])), []).append(item)
    for (split, recipe, changes), runs in sorted(groups.items()):
        name = recipe + (f" {changes}" if changes != "{}" else "")
        bits = np.mean([run["scores"]["bits"] for run in runs])
        seconds = np.mean([run["scores"]["training_s"] for run in runs])
        for way in ("nearest", "mode", "median"):
            km = [np.array(run["errors_km"][way]) for run in runs]
            within = " / ".join(f"{100 * np.mean([(e <= k).mean() for e in km]):.1f}" for k in (25, 200, 750, 2500))
            medians = [np.median(e) for e in km]
            median = f"{np.mean(medians):,.0f} (" + ", ".join(f"{value:,.0f}" for value in medians) + ")"
            lines.append(
                f"| {name} | {split} | {len(runs)} | {way} | {within} | {median} | {bits:.2f} | {seconds:.0f} |"
            )
    lines += [
        "",
        "| recipe | split | elevation R² | Köppen group | country | concept AUC | ridge | deletion won | of active |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for (split, recipe, changes), runs in sorted(groups.items()):
        name = recipe + (f" {changes}" if changes != "{}" else "")
        for kind in ("trained", "raw features", "trained and raw"):
            probes = [run["probes"][kind] for run in runs]
            cells = [mean_of([p[key] for p in probes]) for key in ("elevation_r2", "koppen_group", "country")]
            if kind == "trained":
                keys = ("auc", "ridge_auc", "deletion_won", "deletion_won_active")
                cells += [mean_of([run["concepts"][key] for run in runs if key in run["concepts"]]) for key in keys]
            else:
                cells += [""] * 4
            lines.append(f"| {name}, {kind} | {split} | " + " | ".join(cells) + " |")
    lines += ["", *paired(groups)]
    return "\n".join(lines)


def mean_of(values: list[float]) -> str:
    """Mean and each draw."""
    if not values:
        return ""
    return f"{np.mean(values):.3f} (" + ", ".join(f"{value:.3f}" for value in values) + ")"


def paired(groups: dict[tuple[str, str, str], list[dict[str, Any]]]) -> list[str]:
    """Concept-aware against its baseline on the same chips, bootstrapped over the chips of all draws."""
    rng = np.random.default_rng(0)
    lines = []
    for split in ("random", "blocks"):
        sides = [
            {run["draw"]: run for run in groups.get((split, name, "{}"), [])}
            for name in ("chips_satclip", "chips_concept")
        ]
        draws = sorted(set(sides[0]) & set(sides[1]))
        for way in ("nearest", "mode", "median") if draws else ():
            a, b = (np.concatenate([side[d]["errors_km"][way] for d in draws]) <= 750 for side in sides)
            change = b.astype(float) - a
            means = change[rng.integers(0, len(change), (2_000, len(change)))].mean(1)
            low, high = np.percentile(100 * means, [2.5, 97.5])
            lines.append(
                f"Concepts less baseline, {split}, {way}, within 750 km: {100 * change.mean():+.2f} points "
                f"[{low:+.2f}, {high:+.2f}] over {len(change):,} chips of draws {draws}."
            )
    return lines


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raster", help="plate carrée picture of the whole Earth, such as NASA's Blue Marble")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--draws", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", default=RUNS, metavar="RECIPE:SPLIT")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--name", default="", help="suffix of the folders, when --set is given")
    parser.add_argument("--workers", type=int, default=1, help="runs side by side")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--ablation", action="store_true", help="train the ablation of chips_concept on unseen blocks")
    parser.add_argument("--table", action="store_true", help="print what was measured")
    parser.add_argument("--one", nargs=3, metavar=("RECIPE", "SPLIT", "DRAW"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    changes = dict(item.split("=", 1) for item in given.set)
    if given.table:
        print(table(given.out))
        return
    if not given.raster:
        parser.error("--raster is needed to train")
    if given.one:
        name, split, draw = given.one
        folder = given.out / f"{name}-{split}-{draw}{given.name}"
        one_run(name, split, int(draw), given.raster, folder, changes, given.threads)
        return
    wanted = [((*item.split(":"), str(draw)), given.name, {}) for draw in given.draws for item in given.only]
    if given.ablation:
        wanted = [
            (("chips_concept", "blocks", str(draw)), f"{given.name}-{variant.replace(' ', '_')}", own)
            for draw in given.draws
            for variant, own in ABLATION.items()
        ]
    todo = [item for item in wanted if not (given.out / f"{'-'.join(item[0])}{item[1]}" / "measured.json").exists()]

    def start(item: tuple[tuple[str, ...], str, dict[str, str]]) -> None:
        run, suffix, own = item
        command = [sys.executable, __file__, "--raster", given.raster, "--out", str(given.out), "--one", *run]
        command += ["--threads", str(given.threads), f"--name={suffix}"]
        command += [part for name, value in {**changes, **own}.items() for part in ("--set", f"{name}={value}")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        print(" ".join(run) + suffix, "done" if done.returncode == 0 else done.stderr[-2_000:], flush=True)

    with ThreadPoolExecutor(given.workers) as pool:
        list(pool.map(start, todo))
    print(table(given.out))


if __name__ == "__main__":
    main()
