"""`Mosaic`: several rasters as one, seen through square patches whose sides are in metres."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.errors import CoordinateError
from whence.earth.coordinates import destination
from whence.earth.tiles.georeference import GEOGRAPHIC, MERCATOR_HALF_SIDE_M, WEB_MERCATOR, GeoReference
from whence.earth.tiles.types import Patch, Provenance, Raster

MAX_SIDE_PX = 8192
"""Largest patch."""

MAX_SIDE_M = 10_000_000.0

_FIRST_CELLS = 4
_TOLERANCE_PX = 0.02
"""How far positions may be from the exact ones, in pixels of the patch or of the raster, whichever are larger."""

_MAX_READ_PX = 16384
"""Longest side that is read for one patch; OpenCV samples pictures below 32,768 pixels."""

_PROBES = 32
"""Places along a side at which the scale is measured."""

_COARSER = 1.05
"""A level of a pyramid is fine enough up to this many times the patch's ground sample distance."""


def local_reference(
    lat_deg: float, lon_deg: float, side_m: float, side_px: int, up_bearing_deg: float = 0.0
) -> GeoReference:
    """A square patch around a point, in the azimuthal equidistant plane of that point: distances from it are true.

    Args:
        lat_deg: latitude of the middle.
        lon_deg: longitude of the middle.
        side_m: side on the ground.
        side_px: side in pixels.
        up_bearing_deg: bearing of the upward direction, clockwise from north.

    Raises:
        CoordinateError: a place that is none, or sides that are not positive or too large.
    """
    if not (-90.0 <= lat_deg <= 90.0 and math.isfinite(lon_deg)):
        raise CoordinateError(f"A patch needs a latitude within ±90 and a longitude, received {lat_deg}, {lon_deg}.")
    if not (0.0 < side_m <= MAX_SIDE_M and 1 <= side_px <= MAX_SIDE_PX):
        raise CoordinateError(
            f"A patch has a side above 0 and up to {MAX_SIDE_M / 1e3:,.0f} km and of 1 to {MAX_SIDE_PX} pixels, "
            f"received {side_m} m and {side_px} pixels."
        )
    step, turn = side_m / side_px, math.radians(up_bearing_deg)
    a, b, d, e = step * math.cos(turn), -step * math.sin(turn), -step * math.sin(turn), -step * math.cos(turn)
    half = side_px / 2.0
    affine = (a, b, -(a + b) * half, d, e, -(d + e) * half)
    crs = f"+proj=aeqd +lat_0={lat_deg:.12g} +lon_0={lon_deg:.12g} +datum=WGS84 +units=m"
    return GeoReference(crs, affine, side_px, side_px)


@final
class Mosaic:
    """Rasters as one picture: where several hold data the finest one wins.

    Levels of one pyramid (the same `Provenance.path` and projection) stand for each other: the coarsest that is fine
    enough for a patch is read first, and the others fill what it lacks.

    Args:
        rasters: in any order; of equally fine ones the first given wins.
        name: how patches are called; the raster's name if not given.
    """

    def __init__(self, rasters: Sequence[Raster], name: str = "") -> None:
        self.rasters = tuple(rasters)
        self._name = name
        self._gsd = [raster.georeference.gsd_m_per_px for raster in self.rasters]
        boxes = [_box_of(raster.georeference) for raster in self.rasters]
        self._north, self._south, self._west, self._span = np.array(boxes, np.float64).reshape(-1, 4).T
        groups: dict[object, int] = {}
        paths = [(raster.provenance.path, raster.georeference.crs) for raster in self.rasters]
        self._group = [groups.setdefault(key if key[0] else i, len(groups)) for i, key in enumerate(paths)]
        self._finest = [math.inf] * len(groups)
        for group, gsd in zip(self._group, self._gsd, strict=True):
            self._finest[group] = min(self._finest[group], gsd)

    def patch_at(
        self, lat_deg: float, lon_deg: float, side_m: float, side_px: int, up_bearing_deg: float = 0.0
    ) -> Patch:
        """Cut a square around a point, in a local plane with metres as units.

        Args:
            lat_deg: latitude of the middle.
            lon_deg: longitude of the middle.
            side_m: side on the ground.
            side_px: side of the patch.
            up_bearing_deg: bearing of the upward direction, clockwise from north.

        Returns:
            The patch; pixels that no raster covers are black and not valid.

        Raises:
            CoordinateError: a place that is none, or sides out of range.
            InputError: a file can no longer be read.
        """
        target = local_reference(lat_deg, lon_deg, side_m, side_px, up_bearing_deg)
        pixels, valid = np.zeros((side_px, side_px, 3), np.uint8), np.zeros((side_px, side_px), bool)
        used: list[Raster] = []
        for raster in self._ordered(lat_deg, lon_deg, side_m, side_m / side_px):
            found, known = warp(raster, target, (lat_deg, lon_deg))
            pixels, valid, fresh = _over(pixels, valid, found, known)
            if fresh:
                used.append(raster)
            if valid.all():
                break
        name = self._name or (used[0].name if used else "")
        place = f"{lat_deg:.6f}, {lon_deg:.6f}, {side_m:.0f} m"
        provenance = used[0].provenance if used else Provenance("no reference picture covers this place")
        return Patch(pixels, valid, target, f"{name} @ {place}" if name else place, provenance)

    def covering(self, lat_deg: float, lon_deg: float, side_m: float) -> tuple[Raster, ...]:
        """Rasters whose bounds may touch a square around a point, the finest first."""
        return tuple(self._ordered(lat_deg, lon_deg, side_m, 0.0))

    def _touched(self, lat_deg: float, lon_deg: float, side_m: float) -> Bool[np.ndarray, " n"]:
        """Which rasters a square may touch; generous, so that a turned one is found too."""
        reach = math.degrees(side_m * 0.75 / 6.35e6)
        low, high = lat_deg - reach, lat_deg + reach
        out = (low <= self._north) & (high >= self._south)
        if high < 89.9 and low > -89.9:
            wide = reach / math.cos(math.radians(max(abs(low), abs(high))))
            along = np.mod(lon_deg + wide - self._west, 360.0) <= self._span + 2.0 * wide
            out &= along | (self._span >= 359.9)
        return np.asarray(out)

    def _ordered(self, lat_deg: float, lon_deg: float, side_m: float, gsd_m: float) -> Iterator[Raster]:
        near = np.flatnonzero(self._touched(lat_deg, lon_deg, side_m)).tolist()

        def rank(i: int) -> tuple[float, int, int, float]:
            own = self._gsd[i]
            enough = own <= _COARSER * gsd_m
            return self._finest[self._group[i]], self._group[i], 0 if enough else 1, -own if enough else own

        return (self.rasters[i] for i in sorted(near, key=rank))


def warp(
    raster: Raster, target: GeoReference, centre: tuple[float, float]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Resample a raster onto a patch made by `local_reference`.

    Args:
        raster: what is read.
        target: where the patch lies.
        centre: its latitude and longitude.
    """
    height, width = target.height_px, target.width_px
    pixels, valid = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
    x, y = _positions(raster.georeference, target, centre)
    for shift_x, shift_y in _turns(raster.georeference):
        pixels, valid, _ = _over(pixels, valid, *_sampled(raster, x + shift_x, y + shift_y))
        if valid.all():
            break
    return pixels, valid


def _over(
    pixels: UInt8[np.ndarray, "h w 3"],
    valid: Bool[np.ndarray, "h w"],
    found: UInt8[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"], bool]:
    """Fill what holds no data yet; also tells whether anything was filled."""
    if not valid.any():
        return found, known, bool(known.any())
    fresh = known & ~valid
    if not fresh.any():
        return pixels, valid, False
    return np.where(valid[..., None], pixels, found), valid | fresh, True


# ------------------------------------------------------------------------------------------- where pixels come from


def _box_of(georeference: GeoReference) -> tuple[float, float, float, float]:
    """North, south, west and width in degrees, for a quick look whether a patch may touch a raster."""
    a, b, c, _, _, _ = georeference.affine
    if georeference.crs == GEOGRAPHIC and b == 0.0:  # bounds_of would take the shorter way around the Earth
        _, lat = georeference.to_plane([0.0, 0.0], [0.0, georeference.height_px])
        east = c + a * georeference.width_px
        return float(lat.max()), float(lat.min()), min(c, east), abs(east - c)
    if georeference.crs == WEB_MERCATOR and b == 0.0:
        lat, _ = georeference.to_lat_lon([0.0, 0.0], [0.0, georeference.height_px])
        degrees = 180.0 / MERCATOR_HALF_SIDE_M
        return float(lat.max()), float(lat.min()), c * degrees, a * georeference.width_px * degrees
    lat, lon = georeference.outline(16)
    if not (np.isfinite(lat).all() and np.isfinite(lon).all()):
        return 90.0, -90.0, -180.0, 360.0
    bounds = georeference.bounds
    return bounds.north, bounds.south, bounds.west, (bounds.east - bounds.west) % 360.0


def _positions(
    source: GeoReference, target: GeoReference, centre: tuple[float, float]
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Positions in the raster of the middles of the patch's pixels.

    They are computed on a grid, made finer until doubling it changes no position by more than the tolerance.
    """
    width, height = target.width_px, target.height_px
    cells = _FIRST_CELLS
    coarse = _exact(source, target, centre, *_grid(cells, width, height))
    while cells < max(width, height):
        fine = _exact(source, target, centre, *_grid(2 * cells, width, height))
        if np.isfinite(fine).all():
            guess = _spread(coarse, np.arange(2 * cells + 1) / 2.0, np.arange(2 * cells + 1) / 2.0)
            step = np.abs(np.diff(fine, axis=2)).max() * 2 * cells / width
            if np.abs(guess - fine).max() <= _TOLERANCE_PX * max(1.0, float(step)):
                x = (np.arange(width) + 0.5) / width * 2 * cells
                y = (np.arange(height) + 0.5) / height * 2 * cells
                found = _spread(fine, x, y)
                return found[0], found[1]
        coarse, cells = fine, 2 * cells
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    exact = _exact(source, target, centre, x, y)
    return exact[0], exact[1]


def _grid(cells: int, width: int, height: int) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
    x, y = np.meshgrid(np.linspace(0.0, width, cells + 1), np.linspace(0.0, height, cells + 1))
    return x, y


def _exact(
    source: GeoReference, target: GeoReference, centre: tuple[float, float], x: np.ndarray, y: np.ndarray
) -> Float[np.ndarray, "2 h w"]:
    """Raster positions of patch positions; the patch's plane is left by geodesics from its centre, which is exact."""
    east, north = target.to_plane(x, y)
    bearing, away = np.degrees(np.arctan2(east, north)), np.hypot(east, north) / 1e3
    lat, lon = destination(centre[0], centre[1], bearing, away)
    sx, sy = (np.asarray(value, np.float64) for value in source.to_pixels(lat, lon))
    period = _period(source)
    if period is not None:
        # Beyond the edge of the map positions go on instead of jumping to its other side.
        middle_x, middle_y = (float(value) for value in source.to_pixels(centre[0], centre[1]))
        turns = np.rint(((sx - middle_x) * period[0] + (sy - middle_y) * period[1]) / (period[0] ** 2 + period[1] ** 2))
        sx, sy = sx - turns * period[0], sy - turns * period[1]
    return np.stack([sx, sy])


def _period(source: GeoReference) -> tuple[float, float] | None:
    """How far a full turn around the Earth is, in pixels; ``None`` where the projection does not repeat."""
    around = {GEOGRAPHIC: 360.0, WEB_MERCATOR: 2.0 * MERCATOR_HALF_SIDE_M}.get(source.crs)
    if around is None:
        return None
    x0, y0 = source.from_plane(0.0, 0.0)
    x1, y1 = source.from_plane(around, 0.0)
    return float(x1 - x0), float(y1 - y0)


def _turns(source: GeoReference) -> tuple[tuple[float, float], ...]:
    period = _period(source)
    if period is None:
        return ((0.0, 0.0),)
    return (0.0, 0.0), period, (-period[0], -period[1])


def _spread(grid: Float[np.ndarray, "2 m n"], x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "2 h w"]:
    """Bilinear interpolation of a grid at every pair of a column and a row position, in cells."""

    def weights(at: np.ndarray, count: int) -> Float[np.ndarray, "k n"]:
        left = np.minimum(at.astype(np.int64), count - 2)
        out = np.zeros((len(at), count))
        out[np.arange(len(at)), left] = 1.0 - (at - left)
        out[np.arange(len(at)), left + 1] = at - left
        return out

    with np.errstate(invalid="ignore"):
        return np.asarray(weights(y, grid.shape[1]) @ grid @ weights(x, grid.shape[2]).T)


# --------------------------------------------------------------------------------------------------------- sampling


def _sampled(
    raster: Raster, x: Float[np.ndarray, "h w"], y: Float[np.ndarray, "h w"]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Colours at raster positions, averaged over the ground that a pixel of the patch covers."""
    width, height = raster.georeference.width_px, raster.georeference.height_px
    inside = (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height)
    if not inside.any():
        return np.zeros((*x.shape, 3), np.uint8), inside
    whole = bool(inside.all())
    across, down = (max(1.0, _steps(value, inside)) for value in (x, y))
    (left, right), (top, bottom) = (
        _around(value if whole else value[inside], step) for value, step in ((x, across), (y, down))
    )
    out_width = min(_MAX_READ_PX, math.ceil((right - left) / across))
    out_height = min(_MAX_READ_PX, math.ceil((bottom - top) / down))
    patch = raster.read(left, top, right - left, bottom - top, out_width, out_height)
    to_x, to_y = out_width / (right - left), out_height / (bottom - top)
    # cv2 counts from the middle of the first pixel.
    map_x, map_y = ((x - left) * to_x - 0.5).astype(np.float32), ((y - top) * to_y - 0.5).astype(np.float32)
    if not whole:
        map_x[~inside], map_y[~inside] = -9.0, -9.0
    pixels, known = _remapped(patch.pixels, patch.valid, map_x, map_y)
    known &= inside
    return pixels if known.all() else pixels * known[..., None], known


def _around(position: Float[np.ndarray, ...], step: float) -> tuple[int, int]:
    """Whole pixels around positions, with room for the kernel."""
    return math.floor(position.min()) - math.ceil(3 * step), math.ceil(position.max()) + math.ceil(3 * step)


def _steps(position: Float[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> float:
    """Pixels of the raster a pixel of the patch, along one of the raster's sides."""
    if min(position.shape) < 2:
        return 1.0
    every = max(1, min(position.shape) // _PROBES)
    here = position[:-1:every, :-1:every]
    steps = np.hypot(position[:-1:every, 1::every] - here, position[1::every, :-1:every] - here)
    steps = steps[inside[:-1:every, :-1:every] & np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else 1.0


def _remapped(
    pixels: UInt8[np.ndarray, "a b 3"],
    valid: Bool[np.ndarray, "a b"],
    map_x: np.ndarray,
    map_y: np.ndarray,
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    import cv2

    border = cv2.BORDER_REPLICATE
    if valid.all():  # read with room on all sides, so that nothing lies beyond
        return cv2.remap(pixels, map_x, map_y, cv2.INTER_CUBIC, borderMode=border), map_x > -8.0
    known = cv2.remap(valid.astype(np.uint8), map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT) > 0
    weight = valid.astype(np.float32)
    share = cv2.remap(weight, map_x, map_y, cv2.INTER_LINEAR, borderMode=border)
    summed = cv2.remap(pixels.astype(np.float32) * weight[..., None], map_x, map_y, cv2.INTER_LINEAR, borderMode=border)
    colours = summed / np.maximum(share, 1e-3)[..., None]
    # Far from what is missing, the sharper kernel; it reaches two pixels.
    near = cv2.dilate((~valid).astype(np.uint8), np.ones((5, 5), np.uint8))
    sharp = cv2.remap(near, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=1) == 0
    cubic = cv2.remap(pixels, map_x, map_y, cv2.INTER_CUBIC, borderMode=border)
    out = np.where(sharp[..., None], cubic, np.clip(np.rint(colours), 0, 255).astype(np.uint8))
    return out, known
