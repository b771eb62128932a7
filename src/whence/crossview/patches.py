"""`Square` and `Patches`: which part of the ground is looked at for a place, and its pictures that were cut last."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import final

from whence.crossview.candidates import Place
from whence.crossview.options import Config
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic, local_reference
from whence.earth.tiles.types import Patch

_STEPS = 4
"""Of the grid of grounds, to a doubling."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Square:
    """A square of ground and its pixels, north up.

    Attributes:
        lat_deg: latitude of its middle.
        lon_deg: longitude.
        side_m: its side on the ground.
        side_px: its side in pixels.
    """

    lat_deg: float
    lon_deg: float
    side_m: float
    side_px: int

    @property
    def georeference(self) -> GeoReference:
        """That of the patch that `Patches` cuts."""
        return local_reference(self.lat_deg, self.lon_deg, self.side_m, self.side_px)

    @staticmethod
    def around(
        place: Place, gsd_m_per_px: float | None, long_px: int, most_px: int, finest_m: float, config: Config
    ) -> Square:
        """What is looked at for a place.

        Around windows of a set the ground that a query shows is rounded up to a grid of four steps to a doubling, so
        that views from about one height look at the same squares, whose features are then found once.

        Args:
            place: where.
            gsd_m_per_px: of the query, if it is known; else it shows what the place says.
            long_px: its long side.
            most_px: most pixels of a side.
            finest_m: ground sample distance of the references there.
            config: settings of matching.
        """
        shown = place.shown_m if gsd_m_per_px is None else gsd_m_per_px * long_px
        if place.row is not None and gsd_m_per_px is not None:
            shown = 2.0 ** (math.ceil(_STEPS * math.log2(shown) - _ROUNDING) / _STEPS)
        side_m = max(config.margin * shown, place.side_m)
        side_px = max(64, round(min(most_px, side_m / max(finest_m, shown / long_px / 2.0))))
        return Square(place.lat_deg, place.lon_deg, side_m, side_px)


@final
class Patches:
    """Cuts patches and keeps the last ones, the same object for the same square; may be asked from several threads.

    Args:
        mosaic: what they are cut from, by one thread at a time.
        most: so many are kept.
    """

    def __init__(self, mosaic: Mosaic, most: int) -> None:
        self._mosaic, self._most = mosaic, most
        self._kept = OrderedDict[Square, Patch]()
        self._lock = threading.Lock()

    def at(self, square: Square) -> Patch:
        """The picture of a square; see `Mosaic.patch_at`."""
        with self._lock:
            if square in self._kept:
                self._kept.move_to_end(square)
            else:
                self._kept[square] = self._mosaic.patch_at(
                    square.lat_deg, square.lon_deg, square.side_m, square.side_px
                )
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return self._kept[square]
