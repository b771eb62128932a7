"""The track drawn on the reference picture, and how sure it is over time."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from whence.crossview.track.export import ellipse, stretches
from whence.crossview.track.follow import TrackedFrame
from whence.crossview.track.types import TrackEstimate, TrackStatus
from whence.earth.coordinates import bounds_of, distance_km
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.types import Patch

_SIDE_PX = 900
_MARGIN = 1.25
_LEAST_SIDE_M = 40.0
_WIDE = 4.0
_QUALITY = 80
_MOST_NUMBERS = 40
_HEADING_PX = 17.0
_CHART = (900, 170)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing and whose picture it stands on."""

    html: str
    credit: str


def ground_drawing(frames: Sequence[TrackedFrame], mosaic: Mosaic) -> Drawing:
    """The track with its 90 % ellipses on the reference picture around it.

    Args:
        frames: in the order of time.
        mosaic: where the picture is cut from.
    """
    placed = [
        (number, done.estimate)
        for number, done in enumerate(frames, start=1)
        if done.estimate is not None and done.estimate.status is not TrackStatus.LOST
    ]
    if not placed:
        return Drawing('<p class="muted">No frame is placed, so there is nothing to draw.</p>', "")
    patch = _around([estimate for _, estimate in placed], mosaic)
    where = patch.georeference
    lines = "".join(
        f'<polyline class="{kind}" points="{_points(np.array([(e.lat_deg, e.lon_deg) for e in run]), where)}"/>'
        for run in stretches(done.estimate for done in frames if done.estimate is not None)
        for kind in ("tk-under", "tk-line")
    )
    rings = "".join(
        f'<polygon class="tk-ellipse tk-{e.status.value}" points="{_points(ellipse(e), where)}"/>' for _, e in placed
    )
    every = max(1, math.ceil(len(placed) / _MOST_NUMBERS))
    marks = "".join(_mark(number, e, where, i % every == 0) for i, (number, e) in enumerate(placed))
    html = (
        f'<div class="ground"><svg viewBox="0 0 {_SIDE_PX} {_SIDE_PX}" role="img" '
        f'aria-label="The track of {len(placed)} frames on the reference picture">'
        f'<image href="{_picture(patch)}" width="{_SIDE_PX}" height="{_SIDE_PX}"/>{lines}{rings}{marks}'
        f"{_scale_bar(where)}</svg></div>"
        '<p class="legend"><span class="tk-key t"></span>tracking: a match or a position agreed in this frame'
        '<span class="tk-key c"></span>coasting: carried on by motion alone. Ellipses hold 90 %, strokes point where '
        "the upper edge of the frame points. North is up.</p>"
    )
    made = patch.provenance
    credit = f"Ground: {made.source or patch.name}" + (f" ({made.licence})" if made.licence else "") + "."
    return Drawing(html, credit)


def _around(estimates: Sequence[TrackEstimate], mosaic: Mosaic) -> Patch:
    """The reference picture around all frames and the ellipses of those that are not much wider than most."""
    usual = float(np.median([e.sigma_m for e in estimates]))
    rings = [ellipse(e, 12) for e in estimates if e.sigma_m <= _WIDE * usual]
    outline = np.concatenate([np.array([(e.lat_deg, e.lon_deg) for e in estimates]), *rings])
    bounds = bounds_of(outline[:, 0], outline[:, 1])
    lat = (bounds.south + bounds.north) / 2.0
    span = (bounds.east - bounds.west) % 360.0
    lon = (bounds.west + span / 2.0 + 180.0) % 360.0 - 180.0
    height = float(distance_km(bounds.south, lon, bounds.north, lon)) * 1e3
    width = float(distance_km(lat, bounds.west, lat, bounds.east)) * 1e3
    return mosaic.patch_at(lat, lon, max(_LEAST_SIDE_M, _MARGIN * max(height, width)), _SIDE_PX)


def _picture(patch: Patch) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(patch.pixels)).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _points(lat_lon: np.ndarray, where: GeoReference) -> str:
    x, y = where.to_pixels(lat_lon[:, 0], lat_lon[:, 1])
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _mark(number: int, estimate: TrackEstimate, where: GeoReference, numbered: bool) -> str:
    x, y = (float(v) for v in where.to_pixels(estimate.lat_deg, estimate.lon_deg))
    status = estimate.status.value
    stroke = ""
    if estimate.heading_deg is not None:
        turn = math.radians(estimate.heading_deg - where.up_bearing_deg)
        dx, dy = _HEADING_PX * math.sin(turn), -_HEADING_PX * math.cos(turn)
        stroke = f'<line class="tk-heading tk-{status}" x1="{x:.1f}" y1="{y:.1f}" x2="{x + dx:.1f}" y2="{y + dy:.1f}"/>'
    shape = f'<circle class="tk-dot tk-{status}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    if estimate.status is TrackStatus.COASTING:
        shape = (
            f'<rect class="tk-dot tk-{status}" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" '
            f'transform="rotate(45 {x:.1f} {y:.1f})"/>'
        )
    said = escape(f"Frame {number}, {status}, ± {estimate.sigma_m:.1f} m")
    text = f'<text class="tk-number" x="{x + 9:.1f}" y="{y + 16:.1f}">{number}</text>' if numbered else ""
    return f"<g><title>{said}</title>{stroke}{shape}{text}</g>"


def _scale_bar(where: GeoReference) -> str:
    metres_wide = where.gsd_m_per_px * _SIDE_PX
    step = 10.0 ** math.floor(math.log10(metres_wide / 4.0))
    length = max(m * step for m in (1.0, 2.0, 5.0) if m * step <= metres_wide / 4.0)
    px = length / where.gsd_m_per_px
    said = f"{length / 1e3:g} km" if length >= 1000 else f"{length:g} m"
    y = _SIDE_PX - 24
    return (
        f'<line class="tk-scale" x1="24" y1="{y}" x2="{24 + px:.1f}" y2="{y}"/>'
        f'<text class="tk-number" x="24" y="{y - 8}">{said}</text>'
    )


def sigma_chart(frames: Sequence[TrackedFrame]) -> str:
    """Standard deviation of each frame as bars on a logarithmic scale, coloured by status.

    Args:
        frames: in the order of time.
    """
    estimates = [(n, done.estimate) for n, done in enumerate(frames, start=1) if done.estimate is not None]
    if not estimates:
        return '<p class="muted">No frame was read.</p>'
    width, height = _CHART
    sigmas = np.array([e.sigma_m for _, e in estimates])
    low = math.floor(math.log10(max(float(sigmas.min()), 0.01)))
    high = max(math.ceil(math.log10(float(sigmas.max()) * 1.0001)), low + 1)
    left, top, bottom = 56.0, 8.0, height - 22.0
    step = (width - left) / len(frames)

    def level(sigma: float) -> float:
        share = (math.log10(max(sigma, 10.0**low)) - low) / (high - low)
        return bottom - share * (bottom - top)

    axes = "".join(
        f'<line class="tk-axis" x1="{left}" x2="{width}" y1="{level(10.0**k):.1f}" y2="{level(10.0**k):.1f}"/>'
        f'<text class="tk-text" x="{left - 6}" y="{level(10.0**k) + 4:.1f}" text-anchor="end">{10.0**k:g} m</text>'
        for k in range(low, high + 1)
    )
    bars = "".join(
        f'<rect class="tk-{e.status.value}" x="{left + (n - 0.92) * step:.2f}" y="{level(e.sigma_m) - 1:.2f}" '
        f'width="{0.84 * step:.2f}" height="{bottom - level(e.sigma_m) + 1:.2f}">'
        f"<title>{escape(f'Frame {n}, {e.status.value}, ± {e.sigma_m:.1f} m')}</title></rect>"
        for n, e in estimates
    )
    every = max(1, math.ceil(len(frames) / 20))
    names = "".join(
        f'<text class="tk-text" x="{left + (n - 0.5) * step:.1f}" y="{height - 5}" text-anchor="middle">{n}</text>'
        for n in range(1, len(frames) + 1, every)
    )
    return (
        f'<svg class="tk-bars" viewBox="0 0 {width} {height}" role="img" aria-label="Standard deviation of each frame">'
        f"{axes}{bars}{names}</svg>"
        '<p class="legend">Standard deviation of the position to each side, by number of the frame, on a logarithmic '
        'scale.<span class="tk-key t"></span>tracking<span class="tk-key c"></span>coasting'
        '<span class="tk-key l"></span>lost</p>'
    )
