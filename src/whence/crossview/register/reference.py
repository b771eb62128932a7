"""What registration needs of pictures, made once: reduced or turned copies and their features."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, UInt8

from whence.crossview.register.geometry import mapped
from whence.crossview.register.picture import Picture, Transform, turned
from whence.earth.tiles.types import Patch
from whence.encode.local.types import LocalEncoder, LocalFeatures

_SCALE_STEP = 0.02


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


class QueryCache:
    """The last query of each thread with the features of its turned and resized copies, for one patch after another."""

    def __init__(self) -> None:
        """Empty."""
        self._last = threading.local()

    def picture(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None
    ) -> Picture:
        """The query as a picture, the same object while the same arrays are asked.

        Raises:
            ImageError: no pixel is valid.
        """
        kept = getattr(self._last, "given", None)
        if kept is None or kept[0] is not pixels or kept[1] is not valid:
            self._last.picture = Picture.of(pixels, valid)
            self._last.given, self._last.features = (pixels, valid), {}
        picture: Picture = self._last.picture
        return picture

    def get(
        self, picture: Picture, turn_deg: float, scale: float, encoder: LocalEncoder
    ) -> tuple[LocalFeatures, Transform]:
        """Features of the query turned and resized, and the transform from their positions back to the query's.

        Scales are rounded to 2 %, so that patches of nearly one ground sample distance share them.
        """
        rounded = math.exp(round(math.log(scale) / _SCALE_STEP) * _SCALE_STEP)
        key = (encoder.NAME, round(turn_deg, 1), rounded)
        if key not in self._last.features:
            copy, transform = turned(picture, turn_deg, rounded)
            self._last.features[key] = (encoder.extract(copy.pixels, copy.valid), np.linalg.inv(transform))
        found: tuple[LocalFeatures, Transform] = self._last.features[key]
        return found

    def nearest(self, encoder: LocalEncoder, turn_deg: float, scale: float) -> LocalFeatures:
        """Features of the copy made before that is nearest to a turn and a scale, at their places in the query."""
        steady = encoder.TURNS_WITH_PICTURE

        def off(key: tuple[str, float, float]) -> float:
            turn = 0.0 if steady else math.radians((key[1] - turn_deg + 180.0) % 360.0 - 180.0)
            return abs(math.log(key[2] / scale)) + abs(turn)

        key = min((key for key in self._last.features if key[0] == encoder.NAME), key=off)
        features, back = self._last.features[key]
        return replace(features, xy_px=mapped(back, features.xy_px))
