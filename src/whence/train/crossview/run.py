"""A run of a cross-view recipe: trained into one folder, scored on unseen places, loaded again, exported.

The folder holds ``recipe.json``, ``checkpoint.safetensors`` and ``scores.json``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from whence.core.config import build
from whence.core.errors import ArtifactError, OptionError
from whence.crossview.inside import GRAPH
from whence.train.checkpoint import load_weights, read_checkpoint
from whence.train.crossview.data import crossview_data
from whence.train.crossview.data.types import SATELLITE, CrossViewParts
from whence.train.crossview.gather import process_group, processes
from whence.train.crossview.loop import CrossViewTrainer, Report, silent
from whence.train.crossview.model import CrossViewNet, OneVariant, build_net
from whence.train.crossview.position import TileWithCells, ViewWithPoint, example_of
from whence.train.crossview.positions import inside_scores
from whence.train.crossview.recipe import KIND, CrossViewRecipe, parse_crossview_recipe
from whence.train.crossview.scoring import scores

if TYPE_CHECKING:
    from whence.core.bundle import Bundle

_RECIPE, _SCORES, _PHASES = "recipe.json", "scores.json", "phases.json"
_VIEW, _TILE = ("embedding", "point"), ("embedding", "cells")
_FILES = ("satellite", "relief", "water", "table", "cache", "sets", "weights")
"""Settings that name files or folders of the machine that a model was trained on."""


@dataclass(frozen=True)
class CrossViewRun:
    """A trained cross-view model.

    Attributes:
        recipe: what was trained.
        net: the result, in evaluation mode.
        scores: of the validation and test parts, plain values, and ``card``, ``kinds`` of its data.
    """

    recipe: CrossViewRecipe
    net: CrossViewNet
    scores: Mapping[str, Any]


def load_crossview_data(recipe: CrossViewRecipe) -> CrossViewParts:
    """Read or make the data of a recipe.

    Raises:
        OptionError: an unknown kind or setting.
        InputError: something that the data is made of is missing.
    """
    kind = crossview_data().load(recipe.data.name)
    return kind(build(kind.CONFIG, recipe.data.settings, owner=recipe.data.name)).load(recipe.seed)


def train_crossview(recipe: CrossViewRecipe, folder: Path | None = None, report: Report = silent) -> CrossViewRun:
    """Train a recipe, or go on where its folder's checkpoint stands, and score it after each phase.

    Args:
        recipe: the experiment.
        folder: where everything is kept; nothing is kept without one.
        report: told of the progress.

    Raises:
        OptionError: an unknown component or setting.
        InputError: something that the data is made of is missing.
        ArtifactError: the folder holds another recipe's run.
    """
    if folder is not None:
        read_checkpoint(folder, recipe)  # before anything of another recipe's run is written over
    with process_group():
        started, cpu = time.perf_counter(), time.process_time()
        data = load_crossview_data(recipe)
        loaded = time.perf_counter()
        found: dict[str, Any] = {
            "recipe": recipe.name,
            "seed": recipe.seed,
            "data": dict(data.facts),
            "data_s": round(loaded - started, 2),
            "data_cpu_s": round(time.process_time() - cpu, 2),
        }
        trainer = CrossViewTrainer(recipe, data, folder)
        writes = folder if trainer.rank == 0 else None
        if writes is not None:
            writes.mkdir(parents=True, exist_ok=True)
            _write(writes / _RECIPE, recipe.to_dict())
        phases: dict[str, Any] = {}

        def ended(phase: int, net: CrossViewNet) -> None:
            names = tuple(dict.fromkeys(name for p in recipe.phases[:phase] for name in p.names))
            if trainer.rank == 0:
                phases[f"phase_{phase}"] = {
                    "steps": trainer.step,
                    "validation": scores(net, data.validation, names, data.registered),
                    "test": scores(net, data.test, names, data.registered),
                }
                if net.position is not None:
                    phases[f"phase_{phase}"]["inside"] = inside_scores(net, data, names)
            if writes is not None:
                _write(writes / _PHASES, phases)

        if trainer.resumed and folder is not None and (folder / _PHASES).is_file():
            phases |= json.loads((folder / _PHASES).read_text(encoding="utf-8"))
        trainer.run(report, ended)
        found |= {
            "steps": trainer.step,
            "processes": processes(),
            "training_s": round(trainer.spent_s, 2),
            "training_cpu_s": round(trainer.spent_cpu_s, 2),
            "parameters": sum(p.numel() for p in trainer.net.parameters()),
            "scale": round(float(trainer.net.scale.detach()), 3),
            "phases": phases,
            "card": data.card,
            "kinds": {name: kind.value for name, kind in data.kinds.items()},
        }
        if writes is not None:
            _write(writes / _SCORES, found)
        return CrossViewRun(recipe, trainer.net, found)


def is_crossview_run(folder: Path) -> bool:
    """Whether a folder holds a run of a cross-view recipe; what cannot be read says nothing."""
    try:
        return bool(json.loads((folder / _RECIPE).read_text(encoding="utf-8")).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def load_crossview_run(folder: Path) -> CrossViewRun:
    """Load a run; its data is not needed.

    Raises:
        ArtifactError: the folder holds no finished run of a cross-view recipe.
    """
    try:
        recipe = parse_crossview_recipe(json.loads((folder / _RECIPE).read_text(encoding="utf-8")), str(folder))
        found = json.loads((folder / _SCORES).read_text(encoding="utf-8"))
    except (OSError, ValueError, OptionError) as error:
        raise ArtifactError(
            f"{folder} holds no finished run of a cross-view recipe ({error}). Train one into it first: "
            "whence train recipes/gleam_chips.toml --out FOLDER"
        ) from error
    net = build_net(recipe)
    net.load_state_dict(load_weights(folder, recipe))
    return CrossViewRun(recipe, net.eval(), found)


def export_crossview(run: CrossViewRun, bundle_folder: Path, *, overwrite: bool = False) -> Bundle:
    """Export a run to a bundle that works without PyTorch: one graph a variant.

    Args:
        run: of `train_crossview` or `load_crossview_run`.
        bundle_folder: where the bundle goes.
        overwrite: whether a bundle there is replaced.

    Raises:
        ArtifactError: an exported graph differs from PyTorch.
    """
    from whence.core.bundle import BundleHeader, write_bundle
    from whence.train.export import export_graph, noise_pixels

    recipe, net = run.recipe, run.net
    example = torch.from_numpy(noise_pixels(net.preprocessing))
    names = (SATELLITE, *recipe.variants)
    kinds = run.scores["kinds"]
    if net.position is None:
        graphs = {name: export_graph(OneVariant(net, name), [example], ["pixels"], ["embedding"]) for name in names}
    else:
        graphs = {name: export_graph(ViewWithPoint(net, name), [example], ["pixels"], _VIEW) for name in names[1:]}
        graphs[SATELLITE] = export_graph(TileWithCells(net), [example], ["pixels"], _TILE)
        graphs[GRAPH] = export_graph(net.position, example_of(net.position), ["point", "cells"], ["heat", "offsets"])
    header = BundleHeader(
        name=recipe.name,
        kind=KIND,
        title=recipe.summary or recipe.name,
        licence="Apache-2.0",
        training_data=str(run.scores["card"]),
        paper="GLEAM, 2025 (each kind of view aligned with satellite alone, in two phases); Deuser et al., Sample4Geo, "
        "ICCV 2023, arXiv:2303.11851" + ("; UnifyGeo, 2025 (position in the tile)" if net.position is not None else ""),
        preprocessing=net.preprocessing.to_dict(),
        calibration={"recalls": run.scores["phases"]},
        config={
            "variants": ",".join(f"{name}={kinds[name]}" for name in names),
            "dim": net.dim * net.ways,
            "turns": 1,
            "logit_scale": float(run.scores["scale"]),
            **_of_positions(run),
            "recipe": shareable(recipe),
        },
    )
    return write_bundle(bundle_folder, header, {}, graphs, overwrite=overwrite)


def _of_positions(run: CrossViewRun) -> dict[str, Any]:
    """What a bundle says of its head of positions, as chosen at the end of the last phase."""
    if run.net.position is None:
        return {}
    chosen = run.scores["phases"][f"phase_{len(run.recipe.phases)}"]["inside"].get("chosen", {})
    return {
        "cells": run.net.position.cells,
        "rerank_weight": chosen.get("weight", 0.0),
        "widening": chosen.get("widening", 1.0),
        "shown_share": float(run.scores["data"].get("shown_share", 0.0)),
    }


def shareable(recipe: CrossViewRecipe) -> dict[str, Any]:
    """The recipe without folders of the machine that it was trained on; files by the hash of their content."""
    table = recipe.to_dict()
    for section in ("data", "tower"):
        for key in _FILES:
            if value := str(table[section].get(key, "")):
                path = Path(value)
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                table[section][key] = f"sha256:{digest}" if digest else ("random" if value == "random" else "")
    return table


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
