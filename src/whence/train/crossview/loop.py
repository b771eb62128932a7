"""The loop of cross-view training: phases in turn, one process or many, resumed exactly after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.errors import InputError
from whence.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from whence.train.crossview.data.types import SATELLITE, CrossViewParts, Part
from whence.train.crossview.feed import KindFeed
from whence.train.crossview.gather import processes, rank
from whence.train.crossview.model import CrossViewNet, build_net
from whence.train.crossview.objective import CrossViewLoss, Sample
from whence.train.crossview.position import check_still
from whence.train.crossview.recipe import CrossViewRecipe, Phase
from whence.train.crossview.samplers import Batch, PlaceSampler
from whence.train.feed import generator_of
from whence.train.optimiser import optimiser_for
from whence.train.weights import Swapped, follow
from whence.train.weights import rate as rate_at

Report = Callable[[int, int, str], None]
PhaseEnded = Callable[[int, CrossViewNet], None]
"""Called with the number of a phase, from 1, and the network as it stands at its end."""

_EMBED = 512
_BETAS = (0.9, 0.98)


def silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


def _nothing(phase: int, net: CrossViewNet) -> None:
    """Do nothing at the end of a phase."""


@final
class CrossViewTrainer:
    """Trains one recipe on data in memory.

    Args:
        recipe: the experiment.
        data: what it is trained on.
        folder: where checkpoints go; ``None`` keeps nothing.
    """

    def __init__(self, recipe: CrossViewRecipe, data: CrossViewParts, folder: Path | None = None) -> None:
        self.recipe, self.data, self.folder = recipe, data, folder
        self.rank = rank()
        self.spent_s = self.spent_cpu_s = 0.0
        o = recipe.optimiser
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if recipe.position.weight:
            check_still(data.train, recipe)
        self.net = build_net(recipe).to(self.device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.feed = KindFeed(data.train, self.net.preprocessing, recipe.augment, data.registered)
        self.steps_per_epoch = max(1, len(data.train) // (o.batch * processes()))
        total = max(len(recipe.phases), round(o.epochs * self.steps_per_epoch))
        shares = np.cumsum([phase.share for phase in recipe.phases]) / sum(phase.share for phase in recipe.phases)
        self.ends = [max(i + 1, round(float(share) * total)) for i, share in enumerate(shares)]
        self.step = 0
        self.objective = CrossViewLoss(self.net, recipe.loss, len(data.train), recipe.position).to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()} if o.ema else None
        self._enter(0)
        self.resumed = self._resume()
        """Whether it goes on from a checkpoint in the folder."""

    @property
    def total_steps(self) -> int:
        """Steps of all phases."""
        return self.ends[-1]

    # ------------------------------------------------------------------------------------------- one run

    def run(self, report: Report = silent, phase_ended: PhaseEnded = _nothing) -> None:
        """Train to the end, or from the checkpoint in the folder to the end."""
        saved = time.monotonic()
        while self.step < self.total_steps:
            before, cpu = time.perf_counter(), time.process_time()
            parts = self.take_step()
            self.spent_s += time.perf_counter() - before
            self.spent_cpu_s += time.process_time() - cpu
            if self.step % 20 == 0 or self.step == self.total_steps:
                said = " ".join(f"{name} {float(value):.3f}" for name, value in parts.items())
                report(self.step, self.total_steps, said)
            if self.step == self.ends[self.phase]:
                self.end_phase(phase_ended)
            if self.folder is not None and time.monotonic() - saved > self.recipe.optimiser.checkpoint_every_s:
                self._save()
                saved = time.monotonic()
        self.net.eval()
        if self.folder is not None:
            self._save()

    def take_step(self) -> dict[str, Tensor]:
        """Take one step and return its losses by name; `run` takes all."""
        self._refresh()
        sample = self.sample(self.sampler.batch(self.step * processes() + self.rank))
        self._set_rates()
        self._train_mode()
        precision = self.recipe.optimiser.precision
        with torch.random.fork_rng(devices=[]), self._autocast(precision):
            torch.manual_seed(generator_of(self.recipe.seed, self.step, 3).initial_seed())
            total, parts = self._wrapped(sample)
        self.optimiser.zero_grad()
        total.backward()
        if self.recipe.optimiser.clip:
            nn.utils.clip_grad_norm_(self.objective.parameters(), self.recipe.optimiser.clip)
        self.optimiser.step()
        if self.average is not None:
            follow(self.average, self.net, min(self.recipe.optimiser.ema, (1 + self.step) / (10 + self.step)))
        self.step += 1
        return {name: part.detach() for name, part in parts.items()}

    def sample(self, batch: Batch) -> Sample:
        """The pictures of a batch as the network takes them."""
        drawn = generator_of(self.recipe.seed, self.step * processes() + self.rank, 2)
        train = self.data.train
        places = np.stack([train.lat_deg[batch.places], train.lon_deg[batch.places]], axis=1)
        overlap = {}
        for name in batch.own:
            share = train.pictures[name].overlap
            if share is not None:
                overlap[name] = torch.from_numpy(share[batch.pictures[name]]).float().to(self.device)
        return Sample(
            {name: x.to(self.device) for name, x in self.feed.pictures(batch.pictures, drawn).items()},
            {name: torch.from_numpy(rows).to(self.device) for name, rows in batch.own.items()},
            torch.from_numpy(batch.places).to(self.device),
            torch.from_numpy(places).float().to(self.device),
            overlap,
            self._inside(batch),
        )

    def _inside(self, batch: Batch) -> dict[str, Float[Tensor, "_ 2"]]:
        """Where in their satellite pictures those of a batch were taken, if a head learns that."""
        out = {}
        for name in batch.own if self.net.position is not None else ():
            shares = self.data.train.pictures[name].inside
            if shares is not None:
                out[name] = torch.from_numpy(shares[batch.pictures[name]]).float().to(self.device)
        return out

    # ------------------------------------------------------------------------------------------- phases

    def _enter(self, phase: int) -> None:
        """Start a phase: its optimiser is new, as its learning rate rises anew."""
        self.phase = phase
        now = self.recipe.phases[phase]
        places = self.recipe.optimiser.batch
        self.sampler = PlaceSampler(self.data.train, now.names, self.recipe.batches, places, self.recipe.seed)
        self._looked = -1
        if phase and self.recipe.family.start == "satellite":
            before = {name for earlier in self.recipe.phases[:phase] for name in earlier.names}
            for name in set(now.names) - before:
                self.net.stems[name].load_state_dict(self.net.stems[SATELLITE].state_dict())
        self.optimiser = optimiser_for(self.net, self._groups(now), self.recipe.optimiser, _BETAS)
        self._wrapped: Any = self.objective
        if processes() > 1:
            self._wrapped = nn.parallel.DistributedDataParallel(self.objective, find_unused_parameters=True)

    def _groups(self, phase: Phase) -> list[dict[str, Any]]:
        """Matrices decay, vectors do not; what satellite uses may learn slower, or stay as it is."""
        o = self.recipe.optimiser
        shared = {id(p) for part in self.net.used_by(SATELLITE) for p in part.parameters()}
        used = {id(p) for name in phase.names for part in self.net.used_by(name) for p in part.parameters()}
        used |= {id(p) for p in self.net.position.parameters()} if self.net.position is not None else set()
        used |= shared | {id(self.net.log_scale)} | {id(self.objective.places)}
        groups = []
        for of_satellite in (False, True):
            peak = phase.rate * o.learning_rate * (phase.shared_rate if of_satellite else 1.0)
            for decays in (True, False):
                chosen = [
                    p
                    for p in self.objective.parameters()
                    if id(p) in used and (id(p) in shared) == of_satellite and (p.ndim > 1) == decays
                ]
                for p in chosen:
                    p.requires_grad_(peak > 0)
                if peak > 0 and chosen:
                    groups.append({"params": chosen, "weight_decay": o.weight_decay if decays else 0.0, "peak": peak})
        return groups

    def _train_mode(self) -> None:
        """Everything learns but what a phase keeps; norms that are kept go by their running means."""
        self.objective.train()
        if self.recipe.phases[self.phase].shared_rate == 0:
            for part in self.net.used_by(SATELLITE):
                part.eval()

    def _set_rates(self) -> None:
        start = self.ends[self.phase - 1] if self.phase else 0
        steps = self.ends[self.phase] - start
        factor = rate_at(self.recipe.optimiser, self.step - start, steps, self.steps_per_epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor

    def end_phase(self, phase_ended: PhaseEnded = _nothing) -> None:
        """The running mean becomes the network, is looked at, and the next phase starts from it; `run` does so."""
        if self.average is not None:
            self.net.load_state_dict(self.average)
        self.net.eval()
        phase_ended(self.phase + 1, self.net)
        if self.phase + 1 < len(self.ends):
            self._enter(self.phase + 1)
            if self.average is not None:
                self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def _refresh(self) -> None:
        """Make the table of hard negatives anew where its time has come."""
        b, epoch = self.recipe.batches, self.step / self.steps_per_epoch
        visual = b.visual_after > 0 and epoch >= b.visual_after
        due = 1 + int((epoch - b.visual_after) / b.visual_every) if visual else 0
        if due == self._looked or not b.hard_share or epoch < b.hard_after:
            return
        if not visual:
            self.sampler.by_distance()
        else:
            names = self.recipe.phases[self.phase].names
            asked = names[due % len(names)]
            with self.averaged():
                found = embedded(self.net, self.data.train, (SATELLITE, asked), self.data.registered)
            self.sampler.by_likeness(*(self._by_place(name, found[name]) for name in (asked, SATELLITE)))
        self._looked = due

    def _by_place(self, variant: str, vectors: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "p dim"]:
        """One vector a place: its first picture's; nil for a place without one."""
        place = self.data.train.variant(variant).place
        out = np.zeros((len(self.data.train), vectors.shape[1]), np.float32)
        out[place[::-1]] = vectors[::-1]
        return out

    # ------------------------------------------------------------------------------------------- its state

    def averaged(self) -> Any:
        """Context in which the network has the running mean of its weights, if one is kept."""
        return nullcontext() if self.average is None else Swapped(self.net, self.average)

    def _autocast(self, precision: str) -> Any:
        if precision == "no":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if precision == "bf16" else torch.float16)

    def _save(self) -> None:
        if self.folder is not None and self.rank == 0:
            tensors = {f"model.{name}": value for name, value in self.net.state_dict().items()}
            tensors["places"] = self.objective.places
            tensors |= {f"average.{name}": value for name, value in (self.average or {}).items()}
            for index, parameter in enumerate(self._parameters()):
                for key, value in self.optimiser.state.get(parameter, {}).items():
                    tensors[f"optimiser.{index}.{key}"] = value
            if self.sampler.likeness is not None:
                tensors["likeness"] = torch.from_numpy(self.sampler.likeness.astype(np.int32))
            progress = {
                "step": self.step,
                "phase": self.phase,
                "looked": self._looked,
                "s": self.spent_s,
                "cpu_s": self.spent_cpu_s,
            }
            write_checkpoint(self.folder, Checkpoint.made(self.recipe, progress, tensors))

    def _resume(self) -> bool:
        found = read_checkpoint(self.folder, self.recipe) if self.folder is not None else None
        if found is None:
            return False
        self._enter(int(found.progress["phase"]))
        self.step = int(found.progress["step"])
        self.spent_s, self.spent_cpu_s = float(found.progress["s"]), float(found.progress["cpu_s"])
        self.net.load_state_dict(found.under("model."))
        with torch.no_grad():
            self.objective.places.copy_(found.tensors["places"])
        self.average = found.under("average.") or self.average
        if "likeness" in found.tensors:
            self._looked = int(found.progress["looked"])
            self.sampler.take_likeness(found.tensors["likeness"].numpy().astype(np.int64))
        for index, parameter in enumerate(self._parameters()):
            state = found.under(f"optimiser.{index}.")
            if state:
                self.optimiser.state[parameter] = {key: _laid_out_as(parameter, t) for key, t in state.items()}
        return True

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """A state in the memory format of its parameter: the fused optimiser walks both side by side."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value


@torch.no_grad()
def embedded(
    net: CrossViewNet, part: Part, variants: tuple[str, ...], registered: bool = False, ways: int = 1
) -> Mapping[str, Float[np.ndarray, "_ dim"]]:
    """Unit vectors of all pictures of some variants, float32, in order, without augmentation or autocast.

    In several ways (`CrossViewNet.in_ways`) they are as many times as long.

    Raises:
        InputError: the part has no picture of a variant.
    """
    from whence.train.recipe import Augment

    was = net.training
    net.eval()
    feed = KindFeed(part, net.preprocessing, Augment(), registered)
    device = net.log_scale.device
    out = {}
    for name in variants:
        count = len(part.variant(name))
        if not count:
            raise InputError(f"There is no picture of the variant {name} to embed.")
        rows = [np.arange(at, min(at + _EMBED, count)) for at in range(0, count, _EMBED)]
        out[name] = torch.cat(
            [net.in_ways(name, feed.pictures({name: some})[name].to(device), ways).cpu() for some in rows]
        ).numpy()
    net.train(was)
    return out
