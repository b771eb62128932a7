"""The one training loop: any recipe, one process or many, resumed exactly after a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from whence.samples.chips import land_places
from whence.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from whence.train.data.types import TrainingData
from whence.train.feed import Feed, generator_of
from whence.train.model import AlignmentLoss, build_alignment, trained_bank
from whence.train.optimiser import optimiser_for
from whence.train.recipe import Recipe
from whence.train.scoring import median_error_km
from whence.train.weights import Swapped, follow, parameter_groups, rate

Report = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what to say."""

_EVERYWHERE = 100_000


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


@final
class Trainer:
    """Trains one recipe on data in memory.

    Args:
        recipe: the experiment.
        data: what it is trained on.
        folder: where checkpoints and TensorBoard records go; ``None`` keeps nothing.
    """

    def __init__(self, recipe: Recipe, data: TrainingData, folder: Path | None = None) -> None:
        self.recipe, self.data, self.folder = recipe, data, folder
        o = recipe.optimiser
        self.accelerator = Accelerator(mixed_precision=o.precision, cpu=not torch.cuda.is_available())
        model = build_alignment(recipe, data.train)
        preprocessing = getattr(model.image, "preprocessing", None)
        self.feed = Feed(data.train, preprocessing, recipe.augment)
        self.bank = trained_bank(recipe)
        self.truths: Tensor | None = None
        if self.bank is not None and recipe.concepts.supervised_weight:
            self.truths = torch.from_numpy(self.bank.truths(data.train.lat_deg, data.train.lon_deg)).float()
        self.further = self._further_places()
        processes = self.accelerator.num_processes
        self.steps_per_epoch = max(1, len(self.feed) // (o.batch * processes))
        self.total_steps = max(1, round(o.epochs * self.steps_per_epoch))
        groups = parameter_groups(model, o)
        optimiser = optimiser_for(model.image, groups, o)  # sine layers of places learn nothing by Muon
        self.model = model
        self.loss, self.optimiser = self.accelerator.prepare(AlignmentLoss(model, recipe), optimiser)
        self.step, self.best, self.since_best = 0, math.inf, 0
        self.history: list[dict[str, float]] = []
        self.best_state: dict[str, Tensor] | None = None
        self.average = {k: v.detach().clone() for k, v in model.state_dict().items()} if o.ema else None
        self.queue = self._first_queue()
        self.memory: Tensor | None = None

    # ------------------------------------------------------------------------------------------- one run

    def run(self, report: Report = _silent) -> None:
        """Train to the end, or from the checkpoint in the folder to the end."""
        self._resume()
        o = self.recipe.optimiser
        saved, every = time.monotonic(), max(1, round(o.validate_every * self.steps_per_epoch))
        board = self._board()
        while self.step < self.total_steps:
            parts = self.take_step()
            if self.step % 20 == 0 or self.step == self.total_steps:
                said = {name: float(value) for name, value in parts.items()}
                report(self.step, self.total_steps, " ".join(f"{name} {value:.3f}" for name, value in said.items()))
                if board is not None:
                    for name, value in said.items():
                        board.add_scalar(f"loss/{name}", value, self.step)
            if o.validate_every and (self.step % every == 0 or self.step == self.total_steps):
                self._validate(board)
                if o.patience and self.since_best >= o.patience:
                    break
            if self.folder is not None and time.monotonic() - saved > o.checkpoint_every_s:
                self._save()
                saved = time.monotonic()
        self._finish()
        if self.folder is not None:
            self._save()
        if board is not None:
            board.close()

    def take_step(self) -> dict[str, Tensor]:
        """Take one step and return its losses by name; `run` takes all."""
        o, seed, rank = self.recipe.optimiser, self.recipe.seed, self.accelerator.process_index
        rows = self.feed.rows(seed, self.step * self.accelerator.num_processes + rank, o.batch)
        drawn = generator_of(seed, self.step * self.accelerator.num_processes + rank, 2)
        truths, further = None, None
        if self.truths is not None:
            truths = self.truths[rows]
            if self.recipe.concepts.places:
                pool_deg, pool_truths = self.further
                more = torch.randint(0, len(pool_deg), (self.recipe.concepts.places,), generator=drawn)
                further, truths = pool_deg[more], torch.cat([truths, pool_truths[more]])
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * self.rate()
        device = self.accelerator.device
        inputs, places = self.feed.batch(rows, drawn), self.feed.lat_lon_deg[rows]
        arguments = (t.to(device) if t is not None else None for t in (inputs, places, self.queue, truths, further))
        self.loss.train()
        with torch.random.fork_rng(devices=[]), self.accelerator.autocast():
            torch.manual_seed(generator_of(seed, self.step, 3).initial_seed())
            total, parts, embedded = self.loss(*arguments, self.memory)
        self.optimiser.zero_grad()
        self.accelerator.backward(total)
        if o.clip:
            self.accelerator.clip_grad_norm_(self.loss.parameters(), o.clip)
        self.optimiser.step()
        self._push(self.accelerator.gather(places.to(device)), self.accelerator.gather(embedded))
        if self.average is not None:
            follow(self.average, self.model, min(o.ema, (1 + self.step) / (10 + self.step)))
        self.step += 1
        return {name: part.detach() for name, part in parts.items()}

    def rate(self) -> float:
        """Factor on the learning rates at this step."""
        return rate(self.recipe.optimiser, self.step, self.total_steps, self.steps_per_epoch)

    # ------------------------------------------------------------------------------------------- its state

    def _first_queue(self) -> Tensor:
        """Real places from the start: random vectors would be false negatives somewhere on Earth."""
        drawn = np.random.default_rng([self.recipe.seed, 7]).integers(0, len(self.feed), self.recipe.loss.queue)
        return self.feed.lat_lon_deg[torch.from_numpy(drawn)]

    def _further_places(self) -> tuple[Tensor, Tensor]:
        """Places without pictures and what is true there."""
        if self.truths is None or self.bank is None or not self.recipe.concepts.everywhere:
            return self.feed.lat_lon_deg, self.truths if self.truths is not None else self.feed.lat_lon_deg[:, :0]
        lat, lon = land_places(_EVERYWHERE, np.random.default_rng([self.recipe.seed, 8]))
        return torch.from_numpy(np.stack([lat, lon], 1)).float(), torch.from_numpy(self.bank.truths(lat, lon)).float()

    def _push(self, places: Tensor, embedded: Tensor) -> None:
        length = self.recipe.loss.queue
        if self.recipe.loss.queue_memory and length:
            if self.memory is None:
                with torch.no_grad(), self.accelerator.autocast():
                    self.memory = self.model.embed_places(self.queue.to(embedded.device))
            self.memory = torch.cat([embedded, self.memory])[:length]
        self.queue = torch.cat([places.cpu(), self.queue])[:length]

    def _validate(self, board: Any) -> None:
        with self.averaged():
            error = median_error_km(self.model, self.data.validation, self.data)
        self.history.append({"step": self.step, "median_km": error})
        if board is not None:
            board.add_scalar("validation/median_km", error, self.step)
        self.since_best = 0 if error < self.best else self.since_best + 1
        if error < self.best:
            self.best = error
            with self.averaged():
                self.best_state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def averaged(self) -> Any:
        """Context in which the model has the running mean of its weights, if one is kept."""
        return nullcontext() if self.average is None else Swapped(self.model, self.average)

    def _finish(self) -> None:
        kept = self.best_state if self.recipe.optimiser.patience and self.best_state is not None else self.average
        if kept is not None:
            self.model.load_state_dict(kept)
        self.model.eval()

    def _board(self) -> Any:
        if self.folder is None or not self.accelerator.is_main_process:
            return None
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.folder / "tensorboard"))

    def _save(self) -> None:
        if self.folder is not None and self.accelerator.is_main_process:
            write_checkpoint(self.folder, Checkpoint.of(self))

    def _resume(self) -> None:
        found = read_checkpoint(self.folder, self.recipe) if self.folder is not None else None
        if found is not None:
            found.restore(self)
