"""Weights that other projects publish as PyTorch files, read without running anything that is in them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from whence.core.errors import ArtifactError


def read_torch_file(path: Path) -> dict[str, Any]:
    """Read a ``.pth`` or ``.ckpt`` file that holds a table of tensors and plain values, onto the CPU.

    Raises:
        ArtifactError: it is not there, damaged, or would need code to be read.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"There is no file {path}.") from error
    except (pickle.UnpicklingError, EOFError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ArtifactError(f"{path} is no PyTorch file of plain weights, or it is damaged: {reason}") from error
    if not isinstance(found, Mapping):
        raise ArtifactError(f"{path} must hold a table of weights, it holds a {type(found).__name__}.")
    return {str(key): value for key, value in found.items()}


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a module of exactly that layout.

    Raises:
        ArtifactError: names are missing or left over, or a shape differs.
    """
    own = module.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or extra:
        raise ArtifactError(f"The weights in {path} have another layout: missing {missing[:5]}, unknown {extra[:5]}.")
    for name, value in own.items():
        if weights[name].shape != value.shape:
            raise ArtifactError(
                f"The weights in {path} have another size: {name} is {list(weights[name].shape)}, "
                f"{list(value.shape)} is needed."
            )
    module.load_state_dict({name: weights[name].to(value.dtype) for name, value in own.items()}, strict=True)
