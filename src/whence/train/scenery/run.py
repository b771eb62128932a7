"""A run of a scenery recipe: cross-validated by photographer, fitted on all, kept, exported.

The folder holds ``recipe.json``, ``scores.json`` and the arrays of the model.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from whence.concepts.place_vectors import PlaceVectors
from whence.core.errors import ArtifactError, InputError, OptionError
from whence.encode.image.types import ImageEncoder
from whence.train.recipe import Component
from whence.train.scenery.features import Photographs, read_photographs
from whence.train.scenery.finetune import Tail, Tuner, put_back, tunable
from whence.train.scenery.fit import (
    SERVED_VIEWS,
    TEMPERATURES,
    Places,
    SceneryFit,
    best_temperature,
    choose_vectors,
    contrast_places,
    fit,
    gained_bits,
    places_around,
)
from whence.train.scenery.recipe import KIND, SceneryRecipe, parse_scenery_recipe
from whence.train.scenery.walls import INDOOR, OUTDOOR, rows_of
from whence.train.tower import build_tower

if TYPE_CHECKING:
    from whence.core.bundle import Bundle

Report = Callable[[int, int, str], None]
_RECIPE, _SCORES = "recipe.json", "scores.json"
_ARRAYS = ("mean", "weights", "general", "centre", "factor")
_TAIL = "tail.npz"


@dataclass(frozen=True)
class SceneryRun:
    """A fitted scenery model.

    Attributes:
        recipe: what was fitted.
        model: the result.
        vectors: the concepts of places.
        scores: bits gained on photographers that were held out, plain values.
        tail: tuned blocks of the network; ``None`` if it is as it was.
    """

    recipe: SceneryRecipe
    model: SceneryFit
    vectors: PlaceVectors
    scores: Mapping[str, Any]
    tail: Tail | None = None


@dataclass(frozen=True)
class HeldOut:
    """One photographer whom a model was not shown.

    Attributes:
        group: the photographer.
        bits: gained on each picture, one row a temperature of `TEMPERATURES`.
        unseen: the same for what holds for all pictures alone, the pictures not looked at.
    """

    group: str
    bits: Float[np.ndarray, "t n"]
    unseen: Float[np.ndarray, "t n"]


def train_scenery(recipe: SceneryRecipe, folder: Path | None = None, report: Report | None = None) -> SceneryRun:
    """Fit a recipe on all photographs; its temperature comes from photographers that were held out one by one.

    Args:
        recipe: the experiment.
        folder: where everything is kept; nothing is kept without one.
        report: told of the progress.

    Raises:
        OptionError: an unknown component or setting.
        InputError: photographs that are missing, too few, or of one photographer only.
    """
    tell = report or _silent
    started = time.perf_counter()
    tower = tower_of(recipe.image)
    photographs = read_photographs(recipe, tower, tell)
    tuner = Tuner(recipe, tower, photographs, tell) if recipe.finetune.blocks else None
    embedded = time.perf_counter()
    vectors = choose_vectors(recipe.concepts, _generator(recipe, 1))
    held = cross_validated(recipe, photographs, vectors, tell, tuner)
    at = np.concatenate([item.bits for item in held], axis=1).mean(axis=1)
    temperature = best_temperature(at.tolist())
    model, tail, _ = learned(recipe, photographs, vectors, 2, tuner)
    model = replace(model, temperature=temperature)
    row = TEMPERATURES.index(temperature)
    scores: dict[str, Any] = {
        "recipe": recipe.name,
        "photographs": len(photographs),
        "concepts": len(vectors.ids),
        "temperature": temperature,
        "bits": round(float(at[row]), 3),
        "bits_unseen": round(float(np.concatenate([item.unseen[row] for item in held]).mean()), 3),
        "bits_by_group": {item.group: round(float(item.bits[row].mean()), 3) for item in held},
        "features_s": round(embedded - started, 2),
        "fit_s": round(time.perf_counter() - embedded, 2),
    }
    run = SceneryRun(recipe, model, vectors, scores, tail)
    if folder is not None:
        _save(run, folder)
    return run


def learned(
    recipe: SceneryRecipe, photographs: Photographs, vectors: PlaceVectors, stream: int, tuner: Tuner | None = None
) -> tuple[SceneryFit, Tail | None, Callable[[Photographs], Photographs]]:
    """Fit to photographs, with a tuner after tuning the network on them.

    Args:
        recipe: how.
        photographs: to learn from.
        vectors: concepts of places.
        stream: of random numbers.
        tuner: made with these photographs; the network stays as it is without one.

    Returns:
        The model, the tuned blocks, and what gives other photographs the features that the model reads.
    """
    generator = _generator(recipe, stream)
    if tuner is None:
        return fit(photographs, vectors, recipe.fit, generator), None, _as_they_are
    found = tuner.fit(photographs, vectors, generator)
    return found.model, found.tail, lambda others: tuner.seen(found.tail, others, SERVED_VIEWS)


def cross_validated(
    recipe: SceneryRecipe,
    photographs: Photographs,
    vectors: PlaceVectors,
    report: Report | None = None,
    tuner: Tuner | None = None,
) -> list[HeldOut]:
    """Fit without each photographer in turn, and measure on that one.

    Raises:
        InputError: there is one photographer only.
    """
    groups = sorted(set(photographs.group))
    if len(groups) < 2:
        raise InputError(
            f"The photographs are all of {groups[0] or 'nobody'}: a temperature needs at least two photographers, "
            "named in a column photographer, user, source_repo or sequence of the table."
        )
    contrast: Places = contrast_places(vectors, recipe.fit.draws, _generator(recipe, 3))
    out = []
    for i, group in enumerate(groups):
        rest, held = photographs.held_out(group)
        model, _, see = learned(recipe, rest, vectors, 4, tuner)
        held = see(held)
        around = places_around(held, vectors, recipe.fit.around, _generator(recipe, 5))
        bits, unseen = (
            np.stack([gained_bits(model, held, around, contrast, t, shown=shown) for t in TEMPERATURES])
            for shown in (True, False)
        )
        out.append(HeldOut(group, bits, unseen))
        (report or _silent)(i + 1, len(groups), f"held out {group}")
    return out


def is_scenery_run(folder: Path) -> bool:
    """Whether a folder holds a run of a scenery recipe; what cannot be read says nothing."""
    try:
        return bool(json.loads((folder / _RECIPE).read_text(encoding="utf-8")).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def load_scenery_run(folder: Path) -> SceneryRun:
    """Load a run.

    Raises:
        ArtifactError: the folder holds no finished run of a scenery recipe.
    """
    try:
        recipe = parse_scenery_recipe(json.loads((folder / _RECIPE).read_text(encoding="utf-8")), str(folder))
        scores = json.loads((folder / _SCORES).read_text(encoding="utf-8"))
        mean, weights, general, centre, factor = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in _ARRAYS
        )
        ids = tuple(scores["concept_ids"])
        tail = _load_tail(folder, recipe)
    except (OSError, ValueError, KeyError, RuntimeError, OptionError) as error:
        raise ArtifactError(
            f"{folder} holds no finished run of a scenery recipe ({error}). Train one into it first: "
            "whence train recipes/pocket.toml --out FOLDER"
        ) from error
    model = SceneryFit(mean, weights, general, float(scores["temperature"]))
    return SceneryRun(recipe, model, PlaceVectors(ids, centre, factor), scores, tail)


def export_scenery(
    run: SceneryRun,
    bundle_folder: Path,
    *,
    calibration: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Export a run to a bundle that works without PyTorch.

    Args:
        run: of `train_scenery` or `load_scenery_run`.
        bundle_folder: where the bundle goes.
        calibration: what ``whence calibrate`` fitted to answers on held-out photographers.
        overwrite: whether a bundle there is replaced.

    Raises:
        ArtifactError: the exported graph differs from PyTorch.
    """
    from whence.core.bundle import BundleHeader, write_bundle
    from whence.train.export import export_graph, half_stored, noise_pixels

    recipe, model, vectors = run.recipe, run.model, run.vectors
    tower = tower_of(recipe.image)
    if run.tail is not None:
        tower = put_back(tunable(tower, recipe.finetune.blocks), run.tail)
    example = torch.from_numpy(noise_pixels(tower.preprocessing))
    graph = half_stored(export_graph(tower, [example], ["pixels"], ["features"]))
    arrays = {
        "mean": model.mean.astype(np.float32),
        "weights": model.weights.astype(np.float32),
        "general": model.general.astype(np.float32),
        "centre": vectors.centre.astype(np.float32),
        "factor": vectors.factor.astype(np.float32),
    }
    labels = _labels(recipe.image)
    classes: dict[str, Any] = {}
    head = getattr(tower, "classifier", None)
    if labels and head is not None:
        with torch.no_grad():
            table = torch.cat([head.weight, head.bias[:, None]], dim=1).numpy()
        if len(table) != len(labels):
            raise ArtifactError(f"The network tells {len(table)} classes, the file of labels names {len(labels)}.")
        arrays["classifier"] = table.astype(np.float16)
        classes = {
            "labels": [label.split(",")[0].strip() for label in labels],
            "indoor": rows_of(INDOOR, labels),
            "outdoor": rows_of(OUTDOOR, labels),
        }
    fitted = f"{run.scores['photographs']} photographs of {len(run.scores['bits_by_group'])} photographers"
    header = BundleHeader(
        name=recipe.name,
        kind=KIND,
        title=recipe.summary,
        licence="Apache-2.0",
        training_data=(
            f"{fitted} ({', '.join(run.scores['bits_by_group'])}), none of which is in the bundle or can be made from "
            f"it; rights in them: {recipe.data.rights or 'not stated'}. Layers of the Earth (earth/tables/CARD.md). "
            f"Network: {tower.CARD.title}, {tower.CARD.licence}."
        ),
        paper=tower.CARD.paper,
        preprocessing=tower.preprocessing.to_dict(),
        concepts={"bank": vectors.bank.hash, "ids": list(vectors.ids)},
        calibration={
            "temperature": model.temperature,
            "fitted_on": f"{fitted}, each held out in turn",
            "bits_on_held_out": {"all": run.scores["bits"], **run.scores["bits_by_group"]},
            "bits_without_looking": run.scores["bits_unseen"],
            **({"fitted": dict(calibration)} if calibration else {}),
        },
        config={
            "temperature": model.temperature,
            "mirrored": True,
            "views": "ground",
            **classes,
            "recipe": _shareable(recipe),
        },
    )
    return write_bundle(bundle_folder, header, arrays, {"image": graph}, overwrite=overwrite)


def tower_of(image: Component) -> ImageEncoder:
    """The frozen encoder of a recipe."""
    settings = {key: value for key, value in image.settings.items() if key != "labels"}
    return build_tower(image.name, ";".join(f"{key}={value}" for key, value in settings.items()))


def _shareable(recipe: SceneryRecipe) -> dict[str, Any]:
    """The recipe without folders of the machine that it was trained on; files by the hash of their content."""
    table = recipe.to_dict()
    table["data"]["root"] = ""
    for key in ("weights", "labels"):
        path = Path(str(table["image"].get(key, "")))
        if path.is_file():
            table["image"][key] = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    return table


def _labels(image: Component) -> tuple[str, ...]:
    path = image.settings.get("labels")
    if not path:
        return ()
    try:
        return tuple(Path(str(path)).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            f"image.labels: {path} cannot be read ({error}). Give a text file, one class a line."
        ) from error


def _save(run: SceneryRun, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model, vectors = run.model, run.vectors
    for name, array in zip(
        _ARRAYS, (model.mean, model.weights, model.general, vectors.centre, vectors.factor), strict=True
    ):
        np.save(folder / f"{name}.npy", array)
    if run.tail is not None:
        np.savez(folder / _TAIL, **{name: value.numpy() for name, value in run.tail.state_dict().items()})
    (folder / _RECIPE).write_text(json.dumps(run.recipe.to_dict(), indent=1), encoding="utf-8")
    scores = {**run.scores, "concept_ids": list(vectors.ids)}
    (folder / _SCORES).write_text(json.dumps(scores, indent=1), encoding="utf-8")


def _load_tail(folder: Path, recipe: SceneryRecipe) -> Tail | None:
    if not recipe.finetune.blocks:
        return None
    tail = Tail(tunable(tower_of(recipe.image), recipe.finetune.blocks), recipe.finetune.blocks)
    with np.load(folder / _TAIL, allow_pickle=False) as kept:
        tail.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
    return tail.eval().requires_grad_(False)


def _as_they_are(photographs: Photographs) -> Photographs:
    """Photographs with the features of the network as it is."""
    return photographs


def _generator(recipe: SceneryRecipe, stream: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, stream])


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""
