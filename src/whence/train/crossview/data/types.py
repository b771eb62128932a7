"""What cross-view training reads: pictures by variant with the places that they show, in memory or in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from whence.core.errors import InputError, unknown_name
from whence.samples.view import ViewKind

SATELLITE = "satellite"
"""Name of the variant that every other one is aligned with."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one variant.

    Attributes:
        pixels: 8 bits, RGB; may be mapped from a file.
        place: row of the place that each shows.
        counted: which of them are asked in scores; a blank map, for example, is not.
        overlap: ground that each shares with the satellite picture of its place, over the ground that either shows;
            ``None`` where the data states none.
        inside: where each was taken in the satellite picture of its place, share from the left and from the top; NaN
            where the data does not say, or the place has several satellite pictures.
    """

    pixels: UInt8[np.ndarray, "n height width 3"]
    place: Int[np.ndarray, " n"]
    counted: Bool[np.ndarray, " n"]
    overlap: Float[np.ndarray, " n"] | None = None
    inside: Float[np.ndarray, "n 2"] | None = None

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True, eq=False)
class Part:
    """Places with their pictures.

    Attributes:
        pictures: by variant, satellite among them; every place has one satellite picture or more.
        lat_deg: latitudes of the places, NaN where the data states none.
        lon_deg: longitudes.
    """

    pictures: Mapping[str, Pictures]
    lat_deg: Float[np.ndarray, " p"]
    lon_deg: Float[np.ndarray, " p"]

    def __post_init__(self) -> None:
        if SATELLITE not in self.pictures:
            raise InputError(f"Every part needs pictures of the variant {SATELLITE}; received {sorted(self.pictures)}.")
        lacking = len(self.lat_deg) - np.unique(self.pictures[SATELLITE].place).size
        if lacking or len(self.lat_deg) < 2:
            raise InputError(
                f"A part needs two places or more, each with a satellite picture: received {len(self.lat_deg)} places, "
                f"{lacking} of them without one. Leave these out, or give another split."
            )

    def __len__(self) -> int:
        return len(self.lat_deg)

    def variant(self, name: str) -> Pictures:
        """Pictures of a variant.

        Raises:
            OptionError: the data has none of it.
        """
        if name not in self.pictures:
            raise unknown_name("variant of this data", name, self.pictures)
        return self.pictures[name]


@dataclass(frozen=True, eq=False)
class CrossViewParts:
    """The three parts of the data.

    Attributes:
        train: what is learned from; its pictures may be larger than those of the others, for joint shifts.
        validation: what settings are chosen on.
        test: what is reported.
        kinds: what kind of view each variant is.
        card: what it is and where it comes from, for the model's card.
        registered: whether all pictures of a place show exactly the same ground, so that they may be shifted together.
        facts: numbers of its making, plain values.
    """

    train: Part
    validation: Part
    test: Part
    kinds: Mapping[str, ViewKind]
    card: str
    registered: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


class CrossViewData(ABC):
    """A way to come by pairs of views and satellite pictures. One module with a frozen ``Config`` and one final class.

    Class attributes:
        CONFIG: its configuration class.
    """

    CONFIG: ClassVar[type]

    @abstractmethod
    def __init__(self, config: Any) -> None:
        """Check the settings."""

    @abstractmethod
    def load(self, seed: int) -> CrossViewParts:
        """Read or make the data; equal seeds give equal data.

        Raises:
            InputError: something that it is made of is missing.
        """
