"""From a picture to a network's input: one definition per model, the same wherever the model runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from whence.core.config import build
from whence.core.errors import OptionError, unknown_name

RESIZES = ("shortest", "squash", "none")
"""``shortest``: the shorter side becomes ``resize_px``, then the centre is cut; ``squash``: both sides become
``crop_px``; ``none``: pictures must come in the right size."""

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "box": Image.Resampling.BOX}


@dataclass(frozen=True)
class Preprocessing:
    """How 8-bit RGB becomes the input of a network: resize, crop, ``(value / 255 − mean) / deviation``.

    The result has its channels first.
    """

    crop_px: int = 224
    "Side of the square that the network takes."
    resize_px: int = 224
    "Length that the shorter side is brought to before the crop."
    resize: str = "shortest"
    "How the picture is brought to size: shortest, squash or none."
    filter: str = "bicubic"
    "Interpolation: bilinear, bicubic or box."
    mean_r: float = 0.5
    "Subtracted from red, 0..1."
    mean_g: float = 0.5
    "Subtracted from green, 0..1."
    mean_b: float = 0.5
    "Subtracted from blue, 0..1."
    deviation_r: float = 0.5
    "Red is divided by it."
    deviation_g: float = 0.5
    "Green is divided by it."
    deviation_b: float = 0.5
    "Blue is divided by it."

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise unknown_name("kind of resize", self.resize, RESIZES)
        if self.filter not in FILTERS:
            raise unknown_name("filter", self.filter, FILTERS)
        if self.crop_px < 1 or self.resize_px < self.crop_px:
            raise OptionError(f"resize_px ≥ crop_px ≥ 1 is needed, received {self.resize_px} and {self.crop_px}.")
        if min(self.deviation_r, self.deviation_g, self.deviation_b) <= 0:
            raise OptionError(f"Deviations must be above 0, received {self}.")

    def apply(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "3 side side"]:
        """Preprocess one picture.

        Raises:
            OptionError: ``resize`` is ``none`` and the picture has another size.
        """
        return self.normalise(self.fit(pixels)[None])[0]

    def fit(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "side side 3"]:
        """Bring a picture to the network's size, still 8 bits.

        Raises:
            OptionError: ``resize`` is ``none`` and the picture has another size.
        """
        height, width = pixels.shape[:2]
        side = self.crop_px
        if self.resize == "none":
            if (height, width) != (side, side):
                raise OptionError(f"This model takes pictures of {side} × {side} pixels, received {width} × {height}.")
            return pixels
        if self.resize == "squash":
            size = (side, side)
        else:
            shorter = min(height, width)  # lengths are cut to whole pixels, as every published model has it
            size = (self.resize_px * width // shorter, self.resize_px * height // shorter)
        picture = Image.fromarray(pixels)
        if picture.size != size:
            picture = picture.resize(size, FILTERS[self.filter])
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        return np.asarray(picture)[top : top + side, left : left + side]

    def normalise(self, pixels: UInt8[np.ndarray, "n h w 3"]) -> Float[np.ndarray, "n 3 h w"]:
        """Scale and shift the channels; float32, channels first."""
        mean = np.float32(255) * np.array([self.mean_r, self.mean_g, self.mean_b], np.float32)
        factor = np.float32(1 / 255) / np.array([self.deviation_r, self.deviation_g, self.deviation_b], np.float32)
        return np.ascontiguousarray(((pixels.astype(np.float32) - mean) * factor).transpose(0, 3, 1, 2))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a bundle's header."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Preprocessing:
        """Read from a bundle's header.

        Raises:
            OptionError: an unknown key or a value that is none.
        """
        return build(Preprocessing, values, owner="preprocessing")
