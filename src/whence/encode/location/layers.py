"""Parts that several location encoders share: unit vectors, sine layers, harmonics."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn


def unit_vectors(lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n 3"]:
    """Places as unit vectors of the sphere, float32 or wider: x to 0° N 0° E, z to the north pole."""
    angles = torch.deg2rad(lat_lon_deg)
    lat, lon = angles[:, 0], angles[:, 1]
    return torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=1)


@final
class SphericalHarmonics(nn.Module):
    """Real orthonormal spherical harmonics of all degrees below ``degrees``, ordered (l, m) = (0, 0), (1, −1), (1, 0), …

    Fully normalised associated Legendre functions by the forward column recurrence, which is stable up to degrees in
    the thousands (Holmes and Featherstone 2002, equations 11 to 13), one step a degree, all orders and places at once.

    Args:
        degrees: how many degrees, 1 or more; there are ``degrees²`` harmonics.
    """

    factor_a: Tensor
    factor_b: Tensor
    sectoral: Tensor
    order: Tensor

    def __init__(self, degrees: int) -> None:
        super().__init__()
        self.degrees = degrees
        degree = torch.arange(degrees, dtype=torch.float64)[:, None]
        order = torch.arange(degrees, dtype=torch.float64)[None, :]
        below = degree > order
        gap = torch.where(below, (degree - order) * (degree + order), 1.0)
        factor_a = torch.where(below, ((2 * degree - 1) * (2 * degree + 1) / gap).sqrt(), 0.0)
        inner = (2 * degree + 1) * (degree + order - 1) * (degree - order - 1) / (gap * (2 * degree - 3).clamp(min=1.0))
        factor_b = torch.where(below, inner.clamp(min=0.0).sqrt(), 0.0)
        m = torch.arange(1, degrees, dtype=torch.float64)
        steps = torch.where(m == 1, math.sqrt(3.0), ((2 * m + 1) / (2 * m)).sqrt())
        sectoral = torch.cat([torch.ones(1, dtype=torch.float64), steps.cumprod(0)]) / math.sqrt(4 * math.pi)
        self.register_buffer("factor_a", factor_a.float(), persistent=False)
        self.register_buffer("factor_b", factor_b.float(), persistent=False)
        self.register_buffer("sectoral", sectoral.float(), persistent=False)
        self.register_buffer("order", torch.arange(degrees, dtype=torch.float32), persistent=False)

    def forward(self, lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n h"]:
        """Harmonics at places, ``h = degrees²``."""
        with torch.autocast(lat_lon_deg.device.type, enabled=False):
            angles = torch.deg2rad(lat_lon_deg.float())
            x, u = angles[:, :1].sin(), angles[:, :1].cos().clamp(min=0.0)
            turns = angles[:, 1:] * self.order
            cosines, sines = turns.cos(), turns.sin()
            diagonal = self.sectoral * u**self.order
            before, now = torch.zeros_like(diagonal[:, :0]), diagonal[:, :1]
            out = [now]
            for degree in range(1, self.degrees):
                column = self.factor_a[degree, :degree] * x * now
                if degree > 1:
                    column = column - self.factor_b[degree, :degree] * nn.functional.pad(before, (0, 1))
                before, now = now, torch.cat([column, diagonal[:, degree : degree + 1]], dim=1)
                out.append((now[:, 1:] * sines[:, 1 : degree + 1]).flip(1))
                out.append(now * cosines[:, : degree + 1])
            return torch.cat(out, dim=1)


@final
class Siren(nn.Module):
    """Multi-layer perceptron with sines between its layers (Sitzmann et al. 2020), a linear layer last.

    Args:
        inputs: length of the input.
        width: of the hidden layers.
        layers: how many hidden layers, 1 or more.
        outputs: length of the output.
        first_frequency: factor in the sine of the first layer (w₀); 1 in the others.
        generator: draws the weights.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        layers: int,
        outputs: int,
        first_frequency: float,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        sizes = [inputs, *[width] * layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.last = nn.Linear(width, outputs)
        self.first_frequency = first_frequency
        for i, layer in enumerate((*self.hidden, self.last)):
            assert isinstance(layer, nn.Linear)
            bound = 1 / layer.in_features if i == 0 else math.sqrt(6 / layer.in_features)
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the layers."""
        x = features
        for i, layer in enumerate(self.hidden):
            x = torch.sin((self.first_frequency if i == 0 else 1.0) * layer(x))
        return self.last(x)
