"""Checkpoints without pickle: tensors in safetensors, everything else in JSON, replaced in one move."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from whence.core.config import fingerprint
from whence.core.errors import ArtifactError

if TYPE_CHECKING:
    from whence.train.loop import Trainer

FILE = "checkpoint.safetensors"
CHECKPOINT_SCHEMA = 1


class Described(Protocol):
    """A recipe of any kind."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    Attributes:
        recipe: fingerprint of the recipe.
        progress: counters and history, plain values.
        tensors: weights under ``model.``, their running mean under ``average.``, the best under ``best.``, the
            optimiser's under ``optimiser.INDEX.KEY``, and the queue.
    """

    recipe: str
    progress: dict[str, Any]
    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, run: Trainer) -> Checkpoint:
        """Take the state of a run."""
        tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
        for prefix, state in (("average", run.average), ("best", run.best_state)):
            tensors |= {f"{prefix}.{name}": value for name, value in (state or {}).items()}
        for index, parameter in enumerate(_parameters(run)):
            for key, value in run.optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{index}.{key}"] = value
        tensors["queue"] = run.queue
        if run.memory is not None:
            tensors["memory"] = run.memory
        progress = {"step": run.step, "best": run.best, "since_best": run.since_best, "history": run.history}
        return cls.made(run.recipe, progress, tensors)

    def restore(self, run: Trainer) -> None:
        """Give a new run this state."""
        run.model.load_state_dict(self.under("model."))
        run.average = self.under("average.") or run.average
        run.best_state = self.under("best.") or None
        for index, parameter in enumerate(_parameters(run)):
            state = self.under(f"optimiser.{index}.")
            if state:
                run.optimiser.state[parameter] = state
        run.queue, run.memory = self.tensors["queue"], self.tensors.get("memory")
        run.step, run.best = self.progress["step"], self.progress["best"]
        run.since_best, run.history = self.progress["since_best"], self.progress["history"]

    @classmethod
    def made(cls, recipe: Described, progress: dict[str, Any], tensors: dict[str, Tensor]) -> Checkpoint:
        """A checkpoint of any recipe's run."""
        return cls(fingerprint(recipe.to_dict()), progress, tensors)

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Tensors of a prefix, under the rest of their names."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _parameters(run: Trainer) -> list[Tensor]:
    return [parameter for group in run.optimiser.param_groups for parameter in group["params"]]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a kill while writing leaves the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        "schema": str(CHECKPOINT_SCHEMA),
        "recipe": checkpoint.recipe,
        "progress": json.dumps(checkpoint.progress),
    }
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in checkpoint.tensors.items()}
    temporary = folder / f"{FILE}.{os.getpid()}.tmp"
    save_file(tensors, temporary, metadata)
    temporary.replace(folder / FILE)


def read_checkpoint(folder: Path, recipe: Described) -> Checkpoint | None:
    """Read the checkpoint of a folder; ``None`` if there is none.

    Raises:
        ArtifactError: the file is broken, or belongs to another recipe.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except Exception as error:  # safetensors raises its own kind, and OSError
        raise ArtifactError(f"The checkpoint {path} cannot be read ({error}). Remove it to start anew.") from error
    if metadata.get("schema") != str(CHECKPOINT_SCHEMA):
        raise ArtifactError(f"{path} is of schema {metadata.get('schema')!r}; this version reads {CHECKPOINT_SCHEMA}.")
    if metadata.get("recipe") != fingerprint(recipe.to_dict()):
        raise ArtifactError(
            f"{path} was written by another recipe, or the recipe was changed since. Give another folder for this "
            "run, or remove the checkpoint to start anew."
        )
    return Checkpoint(metadata["recipe"], json.loads(metadata["progress"]), tensors)


def load_weights(folder: Path, recipe: Described) -> dict[str, Tensor]:
    """Weights of the model in a folder's checkpoint.

    Raises:
        ArtifactError: there is no checkpoint, or see `read_checkpoint`.
    """
    found = read_checkpoint(folder, recipe)
    if found is None:
        raise ArtifactError(f"{folder} holds no {FILE}: train the recipe into it first.")
    return {name.removeprefix("model."): t for name, t in found.tensors.items() if name.startswith("model.")}
