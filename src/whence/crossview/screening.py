"""`Screen`: which places are worth registering in full, by their points at low resolution."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

import numpy as np
from jaxtyping import UInt8

from whence.crossview.options import Options
from whence.crossview.patches import Patches, Square
from whence.crossview.references.features import FeatureStore
from whence.crossview.register.config import PosePrior
from whence.crossview.register.picture import Picture
from whence.crossview.register.reference import Reference, prepared, resized
from whence.crossview.register.registrar import Registrar
from whence.earth.tiles.mosaic import Mosaic
from whence.encode.local.sift import Sift
from whence.encode.local.types import LocalEncoder

LEAST_VALID = 0.02
"""Squares with a smaller share of data are not looked at."""

_POINTS = 1000
_PATCHES = 4


@final
class Screen:
    """Scores places; keeps the features of the squares looked at last, and their pictures only while it needs them.

    Args:
        mosaic: what squares are cut from.
        options: settings of matching.
        encoders: of the registration.
        store: where features are kept beside a set.
    """

    def __init__(
        self, mosaic: Mosaic, options: Options, encoders: Sequence[LocalEncoder], store: FeatureStore | None
    ) -> None:
        quick = replace(options.register, dense=False, hypotheses=1, models="similarity", guide_px="24", samples=1000)
        self._encoders = [_fewer(encoder) for encoder in encoders]
        self._registrar = Registrar(quick, self._encoders)
        self._patches, self._store = Patches(mosaic, _PATCHES), store
        self._most = options.match.screen_kept
        self._kept = OrderedDict[tuple[Square, float], Reference | None]()
        self._lock = threading.Lock()

    def score(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        square: Square,
        priors: Sequence[PosePrior],
        *,
        lasting: bool,
    ) -> float | None:
        """How far the pairs of the best pose on a square exceed chance; ``None`` where there is no picture.

        Args:
            pixels: of the query, as small as the square is looked at.
            square: where.
            priors: of one scale; the best of them counts.
            lasting: whether its features may be kept beside the set.
        """
        reference = self.reference(square, priors[0], lasting=lasting)
        if reference is None:
            return None
        return max(self._registrar.screen_on(pixels, reference, prior=prior) for prior in priors)

    def reference(self, square: Square, prior: PosePrior, *, lasting: bool) -> Reference | None:
        """A square with its features, cut only if they are not kept; ``None`` where there is no picture."""
        where = square.georeference
        scale = self._registrar.scale_of(prior, where.gsd_m_per_px)
        key = (square, scale)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        store = self._store if lasting else None
        found = None if store is None else self._stored(square, scale, store)
        if found is None:
            patch = self._patches.at(square)
            if patch.valid.mean() >= LEAST_VALID:
                found = replace(prepared(patch, scale, self._encoders, store), cut=self._cut(square, scale))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found

    def _stored(self, square: Square, scale: float, store: FeatureStore) -> Reference | None:
        where, features = square.georeference, {}
        for encoder in self._encoders:
            kept = store.get(where, scale, encoder)
            if kept is None:
                return None
            features[encoder.NAME] = kept.features
        return Reference(self._cut(square, scale), scale, where.gsd_m_per_px / scale, features)

    def _cut(self, square: Square, scale: float) -> Callable[[], Picture]:
        return lambda: resized(self._patches.at(square), scale)


def _fewer(encoder: LocalEncoder) -> LocalEncoder:
    """SIFT with fewer points; networks as they are."""
    if not isinstance(encoder, Sift):
        return encoder
    return Sift(replace(encoder.config, points=min(encoder.config.points, _POINTS)))
