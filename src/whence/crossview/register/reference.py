"""What registration needs of pictures, made once: reduced or turned copies and their features."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8

from whence.crossview.references.features import FeatureStore, digest_of
from whence.crossview.register.geometry import mapped
from whence.crossview.register.picture import Picture, Transform, turned
from whence.earth.tiles.types import Patch
from whence.encode.local.types import LocalEncoder, LocalFeatures

_SCALE_STEP = 0.02


@dataclass(frozen=True, eq=False)
class Reference:
    """A patch at one size.

    Attributes:
        cut: gives its pixels, resized; asked once, and not before they are needed.
        scale: factor from the patch's pixels to these.
        gsd_m_per_px: metres on the ground a pixel of these.
        features: by encoder, in these pixels.
    """

    cut: Callable[[], Picture]
    scale: float
    gsd_m_per_px: float
    features: dict[str, LocalFeatures] = field(default_factory=dict)

    @cached_property
    def picture(self) -> Picture:
        """Its pixels, resized."""
        return self.cut()

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

    def get(self, patch: Patch, scale: float, store: FeatureStore | None = None) -> Reference:
        """The patch resized by a factor, with its features.

        Args:
            patch: the same object as before where it is the same.
            scale: the factor.
            store: where its features may be kept, and are put if they are not.
        """
        key = (id(patch), scale)  # the patch is kept beside, so its number is not given to another
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        found = prepared(patch, scale, self._encoders, store)
        with self._lock:
            self._kept[key] = (patch, found)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def prepared(
    patch: Patch, scale: float, encoders: Sequence[LocalEncoder], store: FeatureStore | None = None
) -> Reference:
    """A patch resized by a factor, with its features; these from a store, if they are there and of these pixels."""
    picture = resized(patch, scale)
    digest = digest_of(patch) if store is not None else ""
    features = {}
    for encoder in encoders:
        kept = store.get(patch.georeference, scale, encoder) if store is not None else None
        if kept is not None and kept.digest == digest:
            features[encoder.NAME] = kept.features
            continue
        features[encoder.NAME] = encoder.extract(picture.pixels, picture.valid)
        if store is not None:
            store.put(patch, scale, encoder, features[encoder.NAME])
    return Reference(lambda: picture, scale, patch.georeference.gsd_m_per_px / scale, features)


def resized(patch: Patch, scale: float) -> Picture:
    """The pixels of a patch resized by a factor."""
    picture = Picture(patch.pixels, patch.valid)
    if scale == 1.0:
        return picture
    whole = np.zeros_like(patch.valid)
    whole[[0, -1]] = True  # the corners keep the frame as it is
    frame = turned(Picture(patch.pixels, whole), 0.0, scale)[1]
    width, height = (max(1, round(side * scale)) for side in picture.size_px)
    return picture.warped(frame, width, height)


class QueryCopies:
    """A query and the features of its turned and resized copies, for one patch after another."""

    def __init__(self, picture: Picture) -> None:
        """None are made yet."""
        self.picture = picture
        self._made: dict[tuple[str, float, float], tuple[LocalFeatures, Transform]] = {}
        self._lock = threading.Lock()

    def get(self, turn_deg: float, scale: float, encoder: LocalEncoder) -> tuple[LocalFeatures, Transform]:
        """Features of the query turned and resized, and the transform from their positions back to the query's.

        Scales are rounded to 2 %, so that patches of nearly one ground sample distance share them.
        """
        rounded = math.exp(round(math.log(scale) / _SCALE_STEP) * _SCALE_STEP)
        key = (encoder.NAME, round(turn_deg, 1), rounded)
        with self._lock:  # who asks for the same meanwhile waits, and finds it made
            if key not in self._made:
                copy, transform = turned(self.picture, turn_deg, rounded)
                self._made[key] = (encoder.extract(copy.pixels, copy.valid), np.linalg.inv(transform))
            return self._made[key]

    def nearest(
        self, copies: Iterable[tuple[float, float]], turn_deg: float, scale: float, encoder: LocalEncoder
    ) -> LocalFeatures:
        """Features of that of some copies (turn, scale) nearest to a turn and a scale, at their places in the query."""
        steady = encoder.TURNS_WITH_PICTURE

        def off(copy: tuple[float, float]) -> float:
            turn = 0.0 if steady else math.radians((copy[0] - turn_deg + 180.0) % 360.0 - 180.0)
            return abs(math.log(copy[1] / scale)) + abs(turn)

        features, back = self.get(*min(copies, key=off), encoder)
        return replace(features, xy_px=mapped(back, features.xy_px))


class QueryCache:
    """The queries that were asked last; may be asked from several threads."""

    def __init__(self, most: int = 4) -> None:
        """Empty; so many are kept."""
        self._most, self._lock = most, threading.Lock()
        self._kept: list[tuple[np.ndarray, np.ndarray | None, QueryCopies]] = []

    def get(
        self, pixels: UInt8[np.ndarray, "height width 3"], valid: Bool[np.ndarray, "height width"] | None
    ) -> QueryCopies:
        """The query's copies, the same object while the same arrays are asked.

        Raises:
            ImageError: no pixel is valid.
        """
        with self._lock:
            for known, mask, copies in self._kept:
                if known is pixels and mask is valid:
                    return copies
            found = QueryCopies(Picture.of(pixels, valid))
            self._kept = [*self._kept[-self._most + 1 :], (pixels, valid, found)]
            return found
