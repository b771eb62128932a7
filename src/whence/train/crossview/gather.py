"""Embeddings of all processes in one batch, so that each contrasts with the negatives of the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, distributed


@final
class _Gathered(torch.autograd.Function):
    """Rows of all processes in the order of their ranks; the gradient goes back to whose rows they are.

    Every process computes the same loss of the whole batch, so the gradients of a row are summed over processes here
    and divided by their number when data-parallel training averages weights' gradients: those of one process.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.count = len(rows)
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        start = distributed.get_rank() * ctx.count
        return total[start : start + ctx.count]


def processes() -> int:
    """How many processes train together."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1
    return int(distributed.get_world_size())


def gathered(rows: Float[Tensor, " n *rest"]) -> Float[Tensor, " m *rest"]:
    """Rows of all processes, first those of rank 0; as they are in a single process.

    Each process must give the same number of rows. The gradient is that of one process with the whole batch, once
    the gradients of the weights are averaged over processes, as `torch.nn.parallel.DistributedDataParallel` does.
    """
    if processes() == 1:
        return rows
    found: Tensor = _Gathered.apply(rows)  # type: ignore[no-untyped-call]
    return found


@torch.no_grad()
def gathered_numbers(rows: Tensor) -> Tensor:
    """The same for whole numbers and places, without a gradient."""
    if processes() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(processes())]
    distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if it did: NCCL on GPUs, gloo on CPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or processes() > 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Number of this process, 0 alone."""
    return int(distributed.get_rank()) if processes() > 1 else 0
