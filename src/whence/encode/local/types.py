"""What local encoders make, `LocalFeatures`, and the one class that they implement, `LocalEncoder`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.encode.card import ModelCard


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """Points of a picture and what each looks like.

    Attributes:
        xy_px: positions, continuous: (0, 0) is the outer corner of the top left pixel.
        descriptors: unit vectors, float32; of two features of one encoder the inner product says how alike they are.
        score: how sure the encoder is of the point; greater is surer, comparable within one encoder only.
        size_px: width and height of the picture.
        scale_px: size of what is described, where the encoder tells it.
        angle_deg: direction of what is described, clockwise from the x axis, where the encoder tells it.
        histograms: bytes that the descriptors follow from by `rooted`, where they do: a quarter of their size.
    """

    xy_px: Float[np.ndarray, "n 2"]
    descriptors: Float[np.ndarray, "n d"]
    score: Float[np.ndarray, " n"]
    size_px: tuple[int, int]
    scale_px: Float[np.ndarray, " n"] | None = None
    angle_deg: Float[np.ndarray, " n"] | None = None
    histograms: UInt8[np.ndarray, "n d"] | None = None

    def __len__(self) -> int:
        return len(self.score)

    def chosen(self, which: np.ndarray) -> LocalFeatures:
        """Those of some indices, or where a mask is true."""
        return LocalFeatures(
            self.xy_px[which],
            self.descriptors[which],
            self.score[which],
            self.size_px,
            None if self.scale_px is None else self.scale_px[which],
            None if self.angle_deg is None else self.angle_deg[which],
            None if self.histograms is None else self.histograms[which],
        )


class LocalEncoder(ABC):
    """Finds points in a picture and describes each.

    A local encoder is one module with a frozen ``Config`` and one final class.

    Class attributes:
        NAME: that of its file.
        CONFIG: its configuration class.
        CARD: whose idea it is.
        TURNS_WITH_PICTURE: whether descriptors stay the same when the picture is turned.
        REACH_PX: how far from a point its descriptor looks; points closer to what is not valid are left out.
    """

    NAME: ClassVar[str]
    CONFIG: ClassVar[type]
    CARD: ClassVar[ModelCard]
    TURNS_WITH_PICTURE: ClassVar[bool]
    REACH_PX: ClassVar[int]

    dim: int
    """Length of a descriptor."""
    version: str = ""
    """What tells its features from any others: settings, weights, library; empty if that is not known, and features
    that are to be found again must then not be kept."""

    @abstractmethod
    def __init__(self, config: Any) -> None:
        """Load what is needed.

        Raises:
            OptionError: a file that the user must bring is not named.
            ArtifactError: it is another one, or damaged.
        """

    @abstractmethod
    def extract(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None = None
    ) -> LocalFeatures:
        """Find and describe points; the same picture always gives the same.

        Args:
            pixels: RGB, 8 bits, any size.
            valid: where there is a picture; no point lies within `REACH_PX` of the rest. Everywhere if ``None``.
        """

    @classmethod
    @abstractmethod
    def tiny(cls, seed: int = 0) -> Self:
        """Return an instance that needs no file, with random weights if it has any, for tests."""
