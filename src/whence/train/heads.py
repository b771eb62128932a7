"""Small networks on the features of a frozen image encoder, computed once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Settings of `MlpHead`."""

    inputs: int = 768
    "Length of the features."
    hidden: int = 768
    "Width of the hidden layer."
    dim: int = 512
    "Length of the embedding."


@final
class MlpHead(nn.Module):
    """Linear, ReLU, linear: GeoCLIP's head on frozen features, 768 → 768 → 512.

    Args:
        config: settings.
        generator: draws the weights.
    """

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.dim = config.dim
        self.first = nn.Linear(config.inputs, config.hidden)
        self.second = nn.Linear(config.hidden, config.dim)
        for layer in (self.first, self.second):
            bound = layer.in_features**-0.5
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Embed features."""
        return self.second(torch.relu(self.first(features)))
