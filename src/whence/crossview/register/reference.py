"""A reference patch with what registration needs of it, made once: reduced copies and their features."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from whence.crossview.register.picture import Picture, turned
from whence.earth.tiles.types import Patch
from whence.encode.local.types import LocalEncoder, LocalFeatures


@dataclass(frozen=True, eq=False)
class Reference:
    """A patch at one size.

    Attributes:
        picture: its pixels, resized.
        scale: factor from the patch's pixels to these.
        gsd_m_per_px: metres on the ground a pixel of these.
        features: by encoder, in these pixels.
    """

    picture: Picture
    scale: float
    gsd_m_per_px: float
    features: dict[str, LocalFeatures] = field(default_factory=dict)

    def around(self, centre: np.ndarray, half: np.ndarray) -> tuple[int, int, int, int]:
        """Left, upper, width and height of the part of a rectangle that lies on the picture."""
        low = np.clip(np.floor(centre - half), 0, None).astype(int)
        high = np.minimum(np.ceil(centre + half), self.picture.size_px).astype(int)
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


class ReferenceCache:
    """References that were prepared last; may be asked from several threads."""

    def __init__(self, encoders: Sequence[LocalEncoder], most: int) -> None:
        """Empty.

        Args:
            encoders: whose features are made.
            most: so many are kept.
        """
        self._encoders, self._most = encoders, most
        self._kept = OrderedDict[tuple[int, float], tuple[Patch, Reference]]()
        self._lock = threading.Lock()

    def get(self, patch: Patch, scale: float) -> Reference:
        """The patch resized by a factor, with its features."""
        key = (id(patch), scale)  # the patch is kept beside, so its number is not given to another
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        picture = Picture(patch.pixels, patch.valid)
        if scale != 1.0:
            whole = np.zeros_like(patch.valid)
            whole[[0, -1]] = True  # the corners keep the frame as it is
            frame = turned(Picture(patch.pixels, whole), 0.0, scale)[1]
            size = tuple(max(1, round(side * scale)) for side in picture.size_px)
            picture = picture.warped(frame, *size)
        found = Reference(
            picture,
            scale,
            patch.georeference.gsd_m_per_px / scale,
            {encoder.NAME: encoder.extract(picture.pixels, picture.valid) for encoder in self._encoders},
        )
        with self._lock:
            self._kept[key] = (patch, found)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
