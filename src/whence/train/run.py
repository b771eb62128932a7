"""A run: one recipe trained into one folder, scored, loaded again, exported.

The folder holds ``recipe.json``, ``checkpoint.safetensors``, ``scores.json`` and TensorBoard's records.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from whence.concepts.activation import fit_activation
from whence.concepts.alignment import Alignment
from whence.core.config import build
from whence.core.errors import ArtifactError
from whence.earth.coordinates import distance_km
from whence.train.checkpoint import load_weights, read_checkpoint
from whence.train.data import data_kinds
from whence.train.data.types import TrainingData
from whence.train.loop import Report, Trainer
from whence.train.model import build_alignment, trained_bank
from whence.train.recipe import Recipe, parse_recipe
from whence.train.scoring import answers, embedded_images, embedded_places, fit_temperature
from whence.train.tower import TowerWithHead

if TYPE_CHECKING:
    from whence.core.bundle import Bundle

THRESHOLDS_KM = (25.0, 200.0, 750.0, 2500.0)
"""Distances within which answers are counted."""

_SHOWN = 512
_RECIPE, _SCORES = "recipe.json", "scores.json"


@dataclass(frozen=True)
class Run:
    """A trained model with its data.

    Attributes:
        recipe: what was trained.
        data: on what.
        model: the result, in evaluation mode.
        temperature: that the belief is divided by, fitted on the validation part.
        scores: of the test part, plain values.
    """

    recipe: Recipe
    data: TrainingData
    model: Alignment
    temperature: float
    scores: Mapping[str, Any]


def load_data(recipe: Recipe) -> TrainingData:
    """Read or make the data of a recipe.

    Raises:
        OptionError: an unknown kind or setting.
        InputError: something that the data is made of is missing.
    """
    kind = data_kinds().load(recipe.data.name)
    return kind(build(kind.CONFIG, recipe.data.settings, owner=recipe.data.name)).load(recipe.seed)


def train_recipe(recipe: Recipe, folder: Path | None = None, report: Report | None = None) -> Run:
    """Train a recipe, or go on where its folder's checkpoint stands, then score it on the test part.

    Args:
        recipe: the experiment.
        folder: where everything is kept; nothing is kept without one.
        report: is told of the progress.

    Raises:
        OptionError: an unknown component or setting.
        InputError: something that the data is made of is missing.
        ArtifactError: the folder holds another recipe's run.
    """
    if folder is not None:
        read_checkpoint(folder, recipe)  # before anything of another recipe's run is written over
    started = time.perf_counter()
    data = load_data(recipe)
    loaded = time.perf_counter()
    trainer = Trainer(recipe, data, folder)
    writes = folder if trainer.accelerator.is_main_process else None
    if writes is not None:
        writes.mkdir(parents=True, exist_ok=True)
        (writes / _RECIPE).write_text(json.dumps(recipe.to_dict(), indent=1), encoding="utf-8")
    trainer.run(*([report] if report is not None else []))
    trained = time.perf_counter()
    run = scored(recipe, data, trainer.model)
    times = {"data_s": round(loaded - started, 2), "training_s": round(trained - loaded, 2)}
    scores = {**run.scores, **times, "steps": trainer.step, "validations": trainer.history}
    if writes is not None:
        (writes / _SCORES).write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return Run(recipe, data, trainer.model, run.temperature, scores)


def scored(recipe: Recipe, data: TrainingData, model: Alignment) -> Run:
    """Fit the temperature on the validation part and score the test part of some data."""
    gallery = embedded_places(model, data.gallery_lat_deg, data.gallery_lon_deg)
    gallery_deg = np.stack([data.gallery_lat_deg, data.gallery_lon_deg], axis=1)
    scale = float(model.logit_scale.detach())
    held = data.validation
    temperature = fit_temperature(
        embedded_images(model, held),
        embedded_places(model, held.lat_deg, held.lon_deg),
        gallery[: data.uniform],
        scale,
    )
    test = data.test
    found = answers(
        embedded_images(model, test),
        embedded_places(model, test.lat_deg, test.lon_deg),
        gallery,
        gallery_deg,
        scale / temperature,
        data.uniform,
    )
    scores: dict[str, Any] = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "test_pictures": len(test),
        "temperature": temperature,
        "logit_scale": round(scale, 3),
        "bits": round(float(found.bits.mean()), 3),
    }
    for name, lat, lon in (
        ("nearest", found.nearest_lat_deg, found.nearest_lon_deg),
        ("mode", found.mode_lat_deg, found.mode_lon_deg),
        ("median", found.median_lat_deg, found.median_lon_deg),
    ):
        errors = distance_km(test.lat_deg, test.lon_deg, lat, lon)
        within = {f"within_{km:g}_km": round(float((errors <= km).mean()), 4) for km in THRESHOLDS_KM}
        scores[name] = {"median_km": round(float(np.median(errors)), 1), **within}
    return Run(recipe, data, model, temperature, scores)


def load_run(folder: Path) -> Run:
    """Load a run with its data, which is read or made again.

    Raises:
        ArtifactError: the folder holds no finished run.
    """
    recipe = _recipe_in(folder)
    data = load_data(recipe)
    model = build_alignment(recipe, data.train)
    model.load_state_dict(load_weights(folder, recipe))
    model.eval()
    scores = _read_json(folder / _SCORES)
    return Run(recipe, data, model, float(scores["temperature"]), scores)


def export_run(folder: Path, bundle_folder: Path, *, int8: bool = False, overwrite: bool = False) -> Bundle:
    """Export a run to a bundle that works without PyTorch.

    Args:
        folder: of the run.
        bundle_folder: where the bundle goes.
        int8: whether the image graph is brought to eight bits.
        overwrite: whether a bundle there is replaced.

    Raises:
        ArtifactError: no finished run, or the exported graphs differ from PyTorch.
    """
    run = load_run(folder)
    return export_model(run, bundle_folder, int8=int8, overwrite=overwrite)


def export_model(run: Run, bundle_folder: Path, *, int8: bool = False, overwrite: bool = False) -> Bundle:
    """Export a run in memory; see `export_run`.

    Raises:
        ArtifactError: the exported graphs differ from PyTorch.
        OptionError: ``int8`` for a model trained on features, whose pictures are not at hand.
    """
    from whence.core.bundle import BundleHeader
    from whence.train.export import export_alignment

    model, recipe = run.model, run.recipe
    image, pixels = _served_image(run)
    basis, activation, concepts = _concepts_of(run)
    header = BundleHeader(
        name=recipe.name,
        kind="alignment",
        title=recipe.summary,
        licence="Apache-2.0",
        training_data=run.data.card,
        paper="Vivanco Cepeda et al., GeoCLIP, NeurIPS 2023, arXiv:2309.16020; Klemmer et al., SatCLIP, AAAI 2025, "
        "arXiv:2311.17179; concept-aware global image–GPS alignment, 2025",
        concepts=concepts,
        calibration={"temperature": run.temperature, "fitted_on": f"{len(run.data.validation)} held-out pictures"},
        config={
            "logit_scale": float(model.logit_scale.detach()),
            "temperature": run.temperature,
            "area": "land",
            "finest_order": run.data.finest_order,
            "views": run.data.view_kind,
            "recipe": recipe.to_dict(),
        },
    )
    return export_alignment(
        image,
        model.location,
        basis=basis,
        activation=activation,
        preprocessing=image.preprocessing,
        header=header,
        folder=bundle_folder,
        int8=int8,
        calibration=pixels,
        overwrite=overwrite,
    )


def _served_image(run: Run) -> tuple[Any, Float[np.ndarray, "n 3 h w"] | None]:
    """The encoder that takes pictures, and pictures to check it with: a head goes with its tower."""
    if run.data.tower is not None:
        return TowerWithHead(run.data.tower, run.model.image), None
    encoder: Any = run.model.image
    return encoder, encoder.preprocessing.normalise(run.data.validation.inputs[:_SHOWN])


def _concepts_of(run: Run) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k 2"], dict[str, Any]]:
    bank = trained_bank(run.recipe)
    if run.model.basis is None or bank is None:
        return np.zeros((0, run.model.location.dim), np.float32), np.zeros((0, 2), np.float32), {}
    with torch.no_grad():
        basis = run.model.basis().cpu().numpy()
    held = run.data.validation
    activation = fit_activation(embedded_images(run.model, held) @ basis.T, bank.truths(held.lat_deg, held.lon_deg))
    return basis, activation.astype(np.float32), {"bank": bank.hash, "ids": list(bank.ids)}


def _recipe_in(folder: Path) -> Recipe:
    return parse_recipe(_read_json(folder / _RECIPE), source=str(folder / _RECIPE))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{path.parent} holds no finished run: {path.name} cannot be read ({error}). Train a recipe into it first, "
            "for example: whence train recipes/chips_concept.toml --out FOLDER"
        ) from error
