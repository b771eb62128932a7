"""A model so plain that its embeddings can be checked by eye, for tests of what is around models."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from whence.core.errors import CoordinateError, OptionError
from whence.encode.preprocessing import Preprocessing
from whence.samples.view import View


class Averages:
    """Embeds a picture as the mean colours of its quarters, a place as its direction; counts what it is asked."""

    dim = 12

    def __init__(self) -> None:
        self.pictures = 0
        self.batches: list[int] = []
        self.places = 0
        self.threads: set[int] = set()

    def embed_views(self, views: Sequence[View]) -> np.ndarray:
        fitted = np.stack([Preprocessing(crop_px=8, resize_px=8, resize="squash").fit(view.pixels) for view in views])
        self.pictures += len(views)
        self.batches.append(len(views))
        self.threads.add(threading.get_ident())
        if (fitted.max(axis=(1, 2, 3)) == 0).any():
            raise OptionError("a black picture")
        return fitted.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(-1, 12).astype(np.float32) / 255

    def embed_places(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        if (np.abs(lat_deg) > 90).any():
            raise CoordinateError("no place")
        self.places += len(lat_deg)
        return np.repeat(np.stack([np.sin(np.radians(lat_deg)), np.cos(np.radians(lon_deg))], axis=1), 6, axis=1)
