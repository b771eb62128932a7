"""Weights while training: which decay, how fast they learn at each step, their running mean."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor

from whence.concepts.alignment import Alignment
from whence.train.recipe import Optimiser

_GEOCLIP_GAMMA = 0.87


def rate(optimiser: Optimiser, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """Factor on the learning rates at a step, 0..1."""
    if optimiser.schedule == "constant":
        return 1.0
    if optimiser.schedule == "geoclip":
        return _GEOCLIP_GAMMA ** (step // steps_per_epoch)
    rising = max(1, round(optimiser.warmup * total_steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total_steps - rising)))


def parameter_groups(model: Alignment, optimiser: Optimiser) -> list[dict[str, Any]]:
    """Matrices decay, vectors do not; the side of the places may learn at a rate of its own."""
    image = {id(parameter) for parameter in model.image.parameters()}
    groups = []
    for of_places in (False, True):
        peak = optimiser.location_learning_rate if of_places else 0.0
        for decays in (True, False):
            chosen = [
                parameter
                for parameter in model.parameters()
                if parameter.requires_grad
                and (id(parameter) not in image) == of_places
                and (parameter.ndim > 1) == decays
            ]
            decay = optimiser.weight_decay if decays else 0.0
            groups.append({"params": chosen, "weight_decay": decay, "peak": peak or optimiser.learning_rate})
    return [group for group in groups if group["params"]]


def follow(average: dict[str, Tensor], model: torch.nn.Module, decay: float) -> None:
    """Move a running mean of a model's weights towards them; counters are copied."""
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


@final
class Swapped:
    """Gives a model other weights for a while."""

    def __init__(self, model: torch.nn.Module, other: dict[str, Tensor]) -> None:
        self.model, self.other = model, other

    def __enter__(self) -> None:
        self.own = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.other)

    def __exit__(self, *_: object) -> None:
        self.model.load_state_dict(self.own)
