"""What training reads: pictures, or features of them, with their places, in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Num

from whence.core.arrays import FloatArray, IntArray
from whence.core.errors import InputError
from whence.encode.image.types import ImageEncoder


@dataclass(frozen=True)
class Part:
    """Pictures of one part of the data, in order.

    Attributes:
        inputs: ``n × side × side × 3`` of 8 bits, or ``n × d`` features (float).
        lat_deg: latitudes of the pictures.
        lon_deg: longitudes.
    """

    inputs: Num[np.ndarray, " n *rest"]
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.lat_deg)

    @property
    def lat_lon_deg(self) -> Float[np.ndarray, "n 2"]:
        """Both in one array."""
        return np.stack([self.lat_deg, self.lon_deg], axis=1)

    def take(self, rows: IntArray) -> Part:
        """Some of the pictures."""
        return Part(self.inputs[rows], self.lat_deg[rows], self.lon_deg[rows])


@dataclass(frozen=True)
class TrainingData:
    """Three parts and the places to search.

    Attributes:
        train: what is learned from.
        validation: what settings and stopping are chosen on.
        test: what is reported; never looked at before.
        gallery_lat_deg: latitudes of the places that pictures are compared with.
        gallery_lon_deg: longitudes.
        card: what it is and where it comes from, for the model's card.
        view_kind: from where the pictures look at the Earth (`whence.samples.view.ViewKind`).
        finest_order: order of the nested grid beyond which the pictures tell nothing.
        tower: frozen encoder whose features the inputs are; ``None`` for pictures.
        uniform: how many of the gallery's places, the first ones, are drawn uniformly over the area that bits are
            counted from; ``None`` for all.
    """

    train: Part
    validation: Part
    test: Part
    gallery_lat_deg: FloatArray
    gallery_lon_deg: FloatArray
    card: str
    view_kind: str = "ground"
    finest_order: int = 9
    tower: ImageEncoder | None = None
    uniform: int | None = None

    def __post_init__(self) -> None:
        if min(len(self.train), len(self.validation), len(self.test)) < 2:
            raise InputError(
                f"Training needs at least 2 pictures in each part, received {len(self.train)} to train, "
                f"{len(self.validation)} to validate and {len(self.test)} to test. Give more pictures or another split."
            )


class DataKind(ABC):
    """A way to come by training data. One module with a frozen ``Config`` and one final class.

    Class attributes:
        CONFIG: its configuration class.
    """

    CONFIG: ClassVar[type]

    @abstractmethod
    def __init__(self, config: Any) -> None:
        """Check the settings."""

    @abstractmethod
    def load(self, seed: int) -> TrainingData:
        """Read or make the data; equal seeds give equal data.

        Raises:
            InputError: something that it is made of is missing.
        """
