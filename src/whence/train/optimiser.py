"""What moves the weights: AdamW, or Muon for the weights of layers beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from whence.train.recipe import Optimiser

Group = dict[str, Any]
"""Parameters that learn alike: ``params``, ``weight_decay`` and the learning rate's ``peak``."""

_ROOT_MEAN_SQUARE = "match_rms_adamw"


def optimiser_for(
    module: nn.Module, groups: Sequence[Group], settings: Optimiser, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Optimizer:
    """Make the optimiser that a recipe asks for.

    Args:
        module: whose layers' weights Muon takes, where that is the method.
        groups: parameters with ``weight_decay`` and ``peak``.
        settings: of the recipe.
        betas: of AdamW.
    """
    if settings.method == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=True)
    factor = settings.layer_learning_rate / settings.learning_rate
    return MuonAdamW(list(_split(module, groups, factor)), settings.learning_rate, betas)


def _split(module: nn.Module, groups: Sequence[Group], factor: float) -> Iterator[Group]:
    """Each group's weights of layers, and the rest of it."""
    layers = {
        id(layer.weight)
        for layer in module.modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    }
    for group in groups:
        for muon in (True, False):
            chosen = [p for p in group["params"] if (id(p) in layers) == muon]
            if chosen:
                yield {**group, "params": chosen, "muon": muon, "peak": group["peak"] * (factor if muon else 1.0)}


@final
class MuonAdamW(torch.optim.Optimizer):
    """Muon for the weights of layers, AdamW for all else, as one optimiser.

    Muon makes the running mean of a matrix's gradients orthogonal, so that all directions are learned at one pace
    (Jordan and others, Muon, 2024). A convolution is a matrix with a row for each channel that comes out. Steps are as
    long as AdamW's usually are for the same rate (Liu and others, arXiv:2502.16982). Torch's own Muon takes matrices
    alone: it is given views of the weights, and what it remembers is kept here under the weights themselves.

    Args:
        groups: parameters, those of layers marked ``muon``.
        learning_rate: where rates start.
        betas: of AdamW.
    """

    def __init__(self, groups: Sequence[Group], learning_rate: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": learning_rate})
        self._adamw = torch.optim.AdamW(self._groups(muon=False) or [_nothing()], learning_rate, betas, fused=True)
        alike = [
            {"params": [_matrix(p) for p in group["params"]], "weight_decay": group["weight_decay"]}
            for group in self._groups(muon=True)
        ]
        self._muon = torch.optim.Muon(alike or [_nothing()], learning_rate, adjust_lr_fn=_ROOT_MEAN_SQUARE)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move all parameters that have a gradient."""
        loss = closure() if closure is not None else None
        self._adamw.param_groups, self._adamw.state = self._groups(muon=False), self.state
        self._adamw.step()
        for group, alike in zip(self._groups(muon=True), self._muon.param_groups, strict=False):
            alike["lr"] = group["lr"]
            for p, matrix in zip(group["params"], alike["params"], strict=True):
                matrix.data = _matrix(p)  # anew, as a model may have moved to another device
                matrix.grad = _matrix(p.grad, like=p) if p.grad is not None else None
                self._muon.state[matrix] = self.state[p]
        self._muon.step()  # type: ignore[no-untyped-call]
        return loss

    def _groups(self, *, muon: bool) -> list[Group]:
        return [group for group in self.param_groups if group["muon"] == muon]


def _matrix(weight: Tensor, like: Tensor | None = None) -> Tensor:
    """A row for each output, the others in the order in which ``like``, or it itself, lies in memory.

    A weight is seen through a view, so that who changes the matrix changes the weight.
    """
    like = weight if like is None else like
    last = like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last)
    found = weight.detach()
    found = found.permute(0, 2, 3, 1) if last else found
    return found.reshape(len(found), -1) if like is not weight else found.view(len(found), -1)


def _nothing() -> Group:
    """A group of nothing: optimisers refuse to have none."""
    return {"params": []}
