"""SIFT: corners and blobs over scales, described by histograms of gradients; part of OpenCV, so always here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Bool, UInt8

from whence.core.config import fingerprint
from whence.core.errors import OptionError
from whence.encode.card import ModelCard
from whence.encode.local.picking import filled, rooted, within
from whence.encode.local.types import LocalEncoder, LocalFeatures

_DIM = 128


@dataclass(frozen=True)
class Config:
    """How many points, and how they are described."""

    points: int = 3000
    "At most so many points, those of most contrast."
    contrast: float = 0.02
    "Least contrast of a point; OpenCV's own default is 0.04."
    upright: bool = False
    "Describe without turning to the main direction: better where pictures are known to stand the same way up."
    equalise: bool = True
    "Equalise contrast locally before (CLAHE)."

    def __post_init__(self) -> None:
        if self.points < 1 or not 0.0 <= self.contrast < 1.0:
            raise OptionError(f"sift.points ≥ 1 and 0 ≤ sift.contrast < 1 are needed, received {self}.")


@final
class Sift(LocalEncoder):
    """OpenCV's SIFT with the square roots of its histograms (RootSIFT)."""

    NAME: ClassVar[str] = "sift"
    CONFIG: ClassVar[type] = Config
    CARD: ClassVar[ModelCard] = ModelCard(
        title="SIFT with square roots of the histograms",
        paper=(
            "Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004; Arandjelović and Zisserman, "
            "Three things everyone should know to improve object retrieval, CVPR 2012"
        ),
        licence="Apache-2.0 (OpenCV); the patent on SIFT ended in 2020",
        weights="none published",
        differences="contrast is equalised locally before; points of several directions are kept once when upright",
    )
    TURNS_WITH_PICTURE: ClassVar[bool] = True
    REACH_PX: ClassVar[int] = 6

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.dim = _DIM
        import cv2

        self.version = fingerprint(self.NAME, self.config, cv2.__version__)

    def extract(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None = None
    ) -> LocalFeatures:
        """Find and describe points."""
        import cv2

        library: Any = cv2  # the stubs of OpenCV 5 lack SIFT
        size = (pixels.shape[1], pixels.shape[0])
        grey = cv2.cvtColor(filled(pixels, valid), cv2.COLOR_RGB2GRAY)
        if self.config.equalise:
            grey = cv2.createCLAHE(2.0, (8, 8)).apply(grey)
        sift = library.SIFT_create(nfeatures=self.config.points, contrastThreshold=self.config.contrast)
        if self.config.upright:
            points = list({(p.pt, p.size): p for p in sift.detect(grey, None)}.values())
            for point in points:
                point.angle = 0.0
            points, raw = sift.compute(grey, points) if points else ([], None)  # OpenCV fails on none
        else:
            points, raw = sift.detectAndCompute(grey, None)  # blurs the picture once, not twice
        if raw is None or not len(points):
            nothing = np.zeros(0)
            return LocalFeatures(np.zeros((0, 2)), np.zeros((0, _DIM), np.float32), nothing, size, nothing, nothing)
        counts = raw.astype(np.uint8)  # OpenCV rounds them to 0..255
        found = LocalFeatures(
            np.array([p.pt for p in points], np.float64) + 0.5,
            rooted(counts),
            np.array([p.response for p in points], np.float64),
            size,
            np.array([p.size for p in points], np.float64),
            np.array([p.angle for p in points], np.float64),
            counts,
        )
        return found.chosen(within(valid, found.xy_px, self.REACH_PX))

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:  # noqa: ARG003
        """It has no weights."""
        return cls(Config())
