"""`Patches`: squares of reference pictures that were cut last, for views of one area."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import final

from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.types import Patch


@final
class Patches:
    """Cuts patches and keeps the last ones, the same object for the same square; may be asked from several threads.

    Args:
        mosaic: what they are cut from, by one thread at a time.
        most: so many are kept.
    """

    def __init__(self, mosaic: Mosaic, most: int) -> None:
        self._mosaic, self._most = mosaic, most
        self._kept = OrderedDict[tuple[float, float, float, int], Patch]()
        self._lock = threading.Lock()

    def at(self, lat_deg: float, lon_deg: float, side_m: float, side_px: int) -> Patch:
        """The square around a point, north up; see `Mosaic.patch_at`."""
        key = (lat_deg, lon_deg, side_m, side_px)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = self._mosaic.patch_at(*key)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return self._kept[key]
