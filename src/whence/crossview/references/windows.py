"""Where windows are cut from reference pictures: squares on the ground, at several scales, overlapping.

Windows are laid picture by picture, evenly from edge to edge, so that a picture as large as a window is one window.
Of a pyramid the finest level counts; coarser ones add windows where no finer one holds tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import OptionError
from whence.earth.coordinates import destination, distance_km
from whence.earth.tiles.mosaic import MAX_SIDE_M, MAX_SIDE_PX
from whence.earth.tiles.pyramid import TileLevel
from whence.earth.tiles.types import Raster

MAX_WINDOWS = 4_000_000
"""Most windows of one scale of one picture."""

_STEPS = 128
_CLOSE = 0.05
"""Share of a step, or of a side, that windows may be further apart or leave uncovered rather than add a row."""


@dataclass(frozen=True)
class Config:
    """How windows are laid and which are kept."""

    scales: str = "1,2,4"
    "Sides of windows, in times side_px pixels of the picture; at most its shorter side."
    window_m: str = ""
    "Sides of windows in metres, for example 150,300; instead of scales."
    overlap: float = 0.5
    "Share of its side by which a window overlaps the next, 0 to below 1."
    side_px: int = 256
    "Side at which windows are looked at and embedded, pixels."
    min_valid: float = 0.5
    "Windows with less than this share of their pixels holding data are left out."
    min_contrast: float = 2.0
    "Windows whose grey levels spread less than this (standard deviation, of 255) are left out as blank."

    def __post_init__(self) -> None:
        if not 0.0 <= self.overlap < 1.0 or not 0.0 <= self.min_valid <= 1.0:
            raise OptionError(
                f"overlap is 0 to below 1 and min_valid 0..1, received {self.overlap} and {self.min_valid}."
            )
        if not 8 <= self.side_px <= MAX_SIDE_PX:
            raise OptionError(f"side_px lies within 8..{MAX_SIDE_PX}, received {self.side_px}.")
        numbers(self.scales, "scales")
        if self.window_m:
            numbers(self.window_m, "window_m")

    def sides_m(self, gsd_m_per_px: float, shorter_m: float) -> list[float]:
        """Sides of windows of a picture, metres.

        Args:
            gsd_m_per_px: of the picture.
            shorter_m: its shorter side; windows by scale are not larger, those in metres may be.
        """
        if self.window_m:
            return numbers(self.window_m, "window_m")
        sides = (min(scale * self.side_px * gsd_m_per_px, shorter_m) for scale in numbers(self.scales, "scales"))
        return sorted(set(sides))


@dataclass(frozen=True, eq=False)
class Places:
    """Windows of one picture and one scale.

    Attributes:
        lat_deg: latitudes of their middles.
        lon_deg: longitudes.
        side_m: side on the ground.
        gsd_m_per_px: of the picture that they are laid on, in its middle.
    """

    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    side_m: float
    gsd_m_per_px: float


def numbers(text: str, name: str) -> list[float]:
    """Read positive numbers separated by commas.

    Raises:
        OptionError: not such numbers.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise OptionError(f"{name} takes numbers separated by commas, received {text!r}.") from error
    if not all(0.0 < value <= MAX_SIDE_M for value in found):
        raise OptionError(f"{name} takes numbers above 0, received {text!r}.")
    return found


def lay_windows(pictures: Sequence[Raster], config: Config) -> Iterator[Places]:
    """Lay windows on rasters of one source, one picture and one scale after another.

    Args:
        pictures: rasters; levels of a pyramid share path and coordinate system.
        config: how.

    Raises:
        OptionError: so many windows that something must be wrong.
    """
    pyramids: dict[object, list[Raster]] = {}
    for i, raster in enumerate(pictures):
        key = (raster.provenance.path, raster.georeference.crs) if isinstance(raster, TileLevel) else i
        pyramids.setdefault(key, []).append(raster)
    for levels in pyramids.values():
        finest_first = sorted(levels, key=lambda raster: raster.georeference.gsd_m_per_px)
        for i, raster in enumerate(finest_first):
            gsd = raster.georeference.gsd_m_per_px
            shorter = min(raster.georeference.width_px, raster.georeference.height_px) * gsd
            for side in config.sides_m(gsd, shorter):
                if side > MAX_SIDE_M:
                    continue
                lat, lon = _grid(raster, side, side * (1.0 - config.overlap))
                kept = _held(raster, lat, lon, side)
                for finer in finest_first[:i]:
                    kept &= ~_held(finer, lat, lon, 0.0)
                if kept.any():
                    yield Places(lat[kept], lon[kept], side, gsd)


def _held(raster: Raster, lat: np.ndarray, lon: np.ndarray, side_m: float) -> Bool[np.ndarray, " n"]:
    """Whether the picture may hold data at a window's middle or, with a side, around it."""
    if not isinstance(raster, TileLevel):
        return np.ones(len(lat), bool)
    held = np.asarray(raster.holds(lat, lon))
    if side_m and not held.all():
        bearing = np.arange(8) * 45.0
        around = destination(lat[:, None], lon[:, None], bearing, side_m * 0.35 / 1e3)
        held = held | np.asarray(raster.holds(*around)).any(axis=1)
    return np.asarray(held)


def _grid(raster: Raster, side_m: float, step_m: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Middles of windows over a picture, even in metres along its rows and columns."""
    where = raster.georeference
    height = where.height_px
    y = np.linspace(0.0, height, _STEPS + 1)
    lat, lon = where.to_lat_lon(np.full(y.shape, where.width_px / 2), y)
    down = np.concatenate([[0.0], np.cumsum(distance_km(lat[:-1], lon[:-1], lat[1:], lon[1:]) * 1e3)])
    xs, ys = [], []
    for at in _even(float(down[-1]), side_m, step_m):
        row = float(np.interp(at, down, y))
        metres = max(where.gsd_at(where.width_px / 2 - 0.5, min(row, height - 1.0))[0], 1e-9)
        across = np.asarray(_even(where.width_px * metres, side_m, step_m)) / metres
        xs.append(across)
        ys.append(np.full(across.shape, row))
        if sum(map(len, xs)) > MAX_WINDOWS:
            raise OptionError(
                f"{raster.name}: above {MAX_WINDOWS:,} windows of {side_m:,.0f} m. Give larger ones, or less overlap."
            )
    found_lat, found_lon = where.to_lat_lon(np.concatenate(xs), np.concatenate(ys))
    inside = np.isfinite(found_lat) & np.isfinite(found_lon)
    return np.asarray(found_lat)[inside], np.asarray(found_lon)[inside]


def _even(length: float, side: float, step: float) -> list[float]:
    """Middles of windows from edge to edge; the middle alone if there is room for one."""
    room = length - side
    if room <= _CLOSE * side:
        return [length / 2.0]
    count = math.ceil(room / step - _CLOSE) + 1
    return list(np.linspace(side / 2.0, length - side / 2.0, count))
