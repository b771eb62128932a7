"""`Patch` and `Raster`: pictures with a place, and where patches are cut from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from whence.earth.tiles.georeference import GeoReference


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where reference pictures come from and what may be done with them.

    Attributes:
        source: what they are and who made them, in a line.
        licence: as the user stated it, or as the file says; empty if nobody said.
        path: file or folder.
        date: when the ground was pictured, ISO 8601, as far as known; empty if not.
    """

    source: str
    licence: str = ""
    path: str = ""
    date: str = ""


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of a reference picture, in memory.

    Attributes:
        pixels: RGB, 8 bits.
        valid: which pixels hold data; black edges and missing tiles do not.
        georeference: where they lie.
        name: of the picture or set that it was cut from, and where, for reports.
        provenance: where it comes from.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    valid: Bool[np.ndarray, "height width"]
    georeference: GeoReference
    name: str = ""
    provenance: Provenance = Provenance("")


class Raster(ABC):
    """A picture on the Earth that windows are read from; as large as its file, never read whole."""

    name: str
    """How results call it, usually the path as the user gave it."""
    georeference: GeoReference
    """Where its pixels lie, at full resolution."""
    provenance: Provenance
    """Where it comes from."""

    @abstractmethod
    def read(
        self, x_px: float, y_px: float, width_px: float, height_px: float, out_width_px: int, out_height_px: int
    ) -> Patch:
        """Read a window, averaged down or interpolated to a size.

        Args:
            x_px: left edge at full resolution; what lies outside of the picture is black and not valid.
            y_px: upper edge.
            width_px: width at full resolution.
            height_px: height.
            out_width_px: width of the patch.
            out_height_px: height of the patch.

        Raises:
            InputError: the file can no longer be read.
        """
