"""Photographs of ``benchmarks/pocket.py`` with the recipe that learns from them, and intervals over their places."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "pocket.toml"
RESAMPLES = 4_000


def recipe_of(given: argparse.Namespace, **changes: str) -> Any:
    """The recipe with the files of this machine."""
    from whence.train.scenery.recipe import load_scenery_recipe

    own = {"data.root": str(given.photos), "image.weights": str(given.weights)}
    own |= {"image.labels": str(given.labels)} if given.labels else {}
    own |= dict(change.split("=", 1) for change in given.set)
    return load_scenery_recipe(RECIPE, {**own, **{key.replace("__", "."): value for key, value in changes.items()}})


def prepared(given: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Recipe, photographs with features, concepts of places."""
    from whence.train.scenery.features import read_photographs
    from whence.train.scenery.fit import choose_vectors
    from whence.train.scenery.run import tower_of

    recipe = recipe_of(given)
    photographs = read_photographs(recipe, tower_of(recipe.image))
    return recipe, photographs, choose_vectors(recipe.concepts, np.random.default_rng([recipe.seed, 1]))


def interval(values: np.ndarray, places: Sequence[Any], rng: np.random.Generator) -> list[float]:
    """Mean with a 95 % interval of a bootstrap over places."""
    _, owner = np.unique(places, return_inverse=True)
    count = np.bincount(owner)
    total = np.bincount(owner, weights=values)
    drawn = rng.integers(0, count.size, (RESAMPLES, count.size))
    means = total[drawn].sum(1) / count[drawn].sum(1)
    return [round(float(v), 3) for v in (values.mean(), *np.percentile(means, [2.5, 97.5]))]
