"""Parts that several location encoders share: angles, unit vectors, harmonics, random waves, networks."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.errors import OptionError


def full_precision(tensor: Tensor) -> torch.autocast:
    """Context in which autocast leaves everything in float32, on the tensor's device."""
    return torch.autocast(tensor.device.type, enabled=False)


def radians(lat_lon_deg: Float[Tensor, "n 2"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Latitudes and longitudes in radians, float32, longitudes brought to [−π, π] before rounding can hurt them."""
    degrees = lat_lon_deg.float()
    lon = degrees[:, 1]
    return torch.deg2rad(degrees[:, 0]), torch.deg2rad(lon - 360.0 * torch.round(lon / 360.0))


def unit_vectors(lat_lon_deg: Float[Tensor, "n 2"]) -> Float[Tensor, "n 3"]:
    """Places as unit vectors of the sphere, float32: x to 0° N 0° E, z to the north pole."""
    lat, lon = radians(lat_lon_deg)
    return torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=1)


def listed_numbers(text: str, setting: str) -> tuple[float, ...]:
    """Read a setting such as ``"1,16,256"``.

    Args:
        text: numbers above 0, separated by commas.
        setting: its name, for the message.

    Raises:
        OptionError: there is none, or one is no number above 0.
    """
    try:
        numbers = tuple(float(item) for item in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) <= 0 or not all(math.isfinite(item) for item in numbers):
        raise OptionError(f"{setting} takes numbers above 0 separated by commas, like 1,16,256; received {text!r}.")
    return numbers


def at_least(least: int, **settings: int) -> None:
    """Check that counts and widths are large enough.

    Raises:
        OptionError: one is below ``least``.
    """
    for name, value in settings.items():
        if value < least:
            raise OptionError(f"{name} must be {least} or more, received {value}.")


@final
class SphericalHarmonics(nn.Module):
    """Real orthonormal spherical harmonics of all degrees below ``degrees``.

    They are ordered by degree l, then by order m from −l to l: (0, 0), (1, −1), (1, 0), (1, 1), (2, −2), … Negative
    orders hold the sines; there is no Condon–Shortley sign.

    Fully normalised associated Legendre functions by the forward column recurrence, which is stable up to degrees in
    the thousands (Holmes and Featherstone 2002, equations 11 to 13), one step a degree, all orders and places at once.
    In float32 the root mean square error up to degree 40 is below 1e-6; within 0.1° of a pole, where slopes are
    steepest, single values err by up to 1e-4.

    Args:
        degrees: how many degrees, 1 or more; there are ``degrees²`` harmonics.

    Raises:
        OptionError: ``degrees`` below 1.
    """

    factor_a: Tensor
    factor_b: Tensor
    sectoral: Tensor
    order: Tensor

    def __init__(self, degrees: int) -> None:
        super().__init__()
        at_least(1, degrees=degrees)
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
        with full_precision(lat_lon_deg):
            lat, lon = radians(lat_lon_deg)
            x, u = lat.sin()[:, None], lat.cos().clamp(min=0.0)[:, None]
            turns = lon[:, None] * self.order
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
class RandomWaves(nn.Module):
    """Cosines and sines of random directions and wavelengths: random Fourier features (Rahimi and Recht 2007).

    Their inner products approximate a kernel of the distance between points: the Gaussian one, or with a ``smoothness``
    ν a Matérn kernel, whose spectrum is a multivariate t-distribution of 2ν degrees of freedom (Rasmussen and Williams
    2006, equation 4.15). Values have mean square 1/2 for every wave.

    Args:
        inputs: dimensions of the points.
        per_scale: waves of each scale.
        rates: wave numbers are drawn with these standard deviations, in radians for each unit of length.
        smoothness: ν of the Matérn kernel; 0 for the Gaussian kernel.
        generator: draws the waves.
    """

    wave: Tensor

    def __init__(
        self,
        inputs: int,
        per_scale: int,
        rates: tuple[float, ...],
        smoothness: float,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        drawn = []
        for rate in rates:
            waves = torch.randn(per_scale, inputs, generator=generator)
            if smoothness > 0:
                waves = waves * _t_spread(per_scale, smoothness, generator)
            drawn.append(rate * waves)
        self.register_buffer("wave", torch.cat(drawn))

    def forward(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n f"]:
        """Cosines, then sines, of every wave at the points, float32."""
        with full_precision(points):
            phase = sum(points[:, i : i + 1] * self.wave[:, i] for i in range(self.wave.shape[1]))
            assert isinstance(phase, Tensor)
            return torch.cat([phase.cos(), phase.sin()], dim=1)


def _t_spread(count: int, smoothness: float, generator: torch.Generator | None) -> Float[Tensor, "count 1"]:
    """Factors √(2ν/χ²(2ν)) that make normal vectors t-distributed, for 2ν a whole number."""
    freedom = round(2 * smoothness)
    if freedom < 1 or abs(freedom - 2 * smoothness) > 1e-6:
        raise OptionError(f"smoothness must be 0 or a multiple of 0.5, received {smoothness}.")
    chi_square = torch.randn(count, freedom, generator=generator).square().sum(dim=1, keepdim=True)
    return (freedom / chi_square).sqrt()


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

    Raises:
        OptionError: a count or width below 1.
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
        at_least(1, width=width, layers=layers, dim=outputs)
        sizes = [inputs, *[width] * layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(width, outputs)
        self.first_frequency = first_frequency
        for i, layer in enumerate((*self.hidden, self.last)):
            assert isinstance(layer, nn.Linear)
            spread_uniformly(layer, 1 / layer.in_features if i == 0 else math.sqrt(6 / layer.in_features), generator)

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n dim"]:
        """Apply the layers."""
        x = features
        for i, layer in enumerate(self.hidden):
            x = torch.sin((self.first_frequency if i == 0 else 1.0) * layer(x))
        return self.last(x)


def perceptron(sizes: tuple[int, ...], generator: torch.Generator | None) -> nn.Sequential:
    """Linear layers with ReLU between them, none after the last; weights as torch draws them, from ``generator``.

    Raises:
        OptionError: a size below 1.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        at_least(1, width=inputs, dim=outputs)
        layer = nn.Linear(inputs, outputs)
        spread_uniformly(layer, 1 / math.sqrt(inputs), generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def spread_uniformly(layer: nn.Linear, bound: float, generator: torch.Generator | None) -> None:
    """Draw weights and bias uniformly from −bound to bound."""
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
