"""Fits of the scenery model without a grid: ``curve``, ``concepts``, ``shortcuts`` of ``benchmarks/pocket.py``."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from pocket_photos import prepared

SIZES = (40, 80, 160, 320)
DRAWS = 2
SHORTCUT_PICTURES = 150


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
