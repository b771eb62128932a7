"""What a place is like, in the few numbers that scenery can tell: people, relief, coast and climate.

Each number is centred on what it is on average where photographs are taken, and of about unit spread there, so that 0
says nothing. It is 0 too where the layers know nothing, which is the sea.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from whence.core.arrays import Numbers
from whence.earth.layers import layers
from whence.earth.partition import Partition
from whence.earth.tables import population_field


@dataclass(frozen=True, slots=True)
class Trait:
    """One number that describes a place.

    Attributes:
        name: for example ``people``.
        more: what a high value means, in words.
        less: what a low value means.
        centre: its mean over the default prior, before it is centred.
        spread: its standard deviation there.
    """

    name: str
    more: str
    less: str
    centre: float
    spread: float


TRAITS = (
    Trait("people", "many people", "few people", 2.21, 1.25),
    Trait("relief", "high relief", "low relief", 2.25, 0.75),
    Trait("coast", "a far coast", "a near coast", 2.02, 0.78),
    Trait("dry", "a dry climate", "a moist climate", 0.24, 0.43),
    Trait("tropical", "a tropical climate", "no tropical climate", 0.28, 0.45),
    Trait("cold", "a cold climate", "no cold climate", 0.17, 0.38),
)
"""People and relief are logarithms (base 10 of people per km² plus 1, of metres plus 1), so is the distance to the
coast (km plus 1, up to 500); the last three are shares of the main Köppen groups B, A, and D with E."""

_LAYERS = ("people_per_km2", "relief_m", "coast_km", "koppen_group")
_COAST_LIMIT_KM = 500.0
_DRY, _TROPICAL, _COLD = (1,), (0,), (3, 4)


def traits_at(lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "n t"]:
    """The numbers of `TRAITS` at points.

    Raises:
        CoordinateError: a latitude or longitude that is none.
    """
    found = layers().values_of(_LAYERS, np.ravel(lat_deg), np.ravel(lon_deg))
    group = found["koppen_group"]
    climate = [np.where(group >= 0, np.isin(group, wanted), np.nan) for wanted in (_DRY, _TROPICAL, _COLD)]
    raw = [
        np.log10(found["people_per_km2"] + 1.0),
        np.log10(found["relief_m"] + 1.0),
        np.log10(np.minimum(found["coast_km"], _COAST_LIMIT_KM) + 1.0),
        *climate,
    ]
    scaled = [(value - trait.centre) / trait.spread for value, trait in zip(raw, TRAITS, strict=True)]
    return np.nan_to_num(np.stack(scaled, axis=-1), nan=0.0)


@lru_cache(maxsize=1)
def landscape() -> tuple[Partition, Float[np.ndarray, "n t"]]:
    """The cells of the table of people, fine where many live, and `TRAITS` in the middle of each (made once)."""
    partition = population_field().partition
    traits = traits_at(partition.lat_deg, partition.lon_deg)
    traits.setflags(write=False)
    return partition, traits
