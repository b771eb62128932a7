"""The map of errors: a line from where each picture was taken to where it was placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from whence.earth import grid
from whence.earth.basemap import graticule, land_paths, sphere_path
from whence.earth.projection import Window
from whence.estimate import wording
from whence.evaluate.metrics import THRESHOLDS_KM
from whence.evaluate.report.pictures import Pictured

MOST_LINES = 2000
"""More pictures than these are thinned evenly by the rank of their error."""

CLASSES_KM = THRESHOLDS_KM[1:]
"""Upper bounds of the classes of errors; a last class is beyond them all."""

_STEP_KM = 250.0
_WIDTH_PX = 1160
_CLOSE_PX = (340, 200)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A point on the sheet."""

    x: float
    y: float


def class_of(error_km: float) -> int:
    """Index of an error's class: 0 within 25 km, 4 beyond 2,500 km."""
    return int(np.searchsorted(CLASSES_KM, error_km))


def class_name(index: int) -> str:
    """What a class holds."""
    if index == len(CLASSES_KM):
        return f"over {CLASSES_KM[-1]:,} km"
    return f"within {CLASSES_KM[index]:,} km"


def errors_map(pictures: Sequence[Pictured]) -> str:
    """The drawing, or nothing where no picture has an answer.

    Lines are great circles, cut where the sheet ends. Each class of errors is a group that can be hidden.
    """
    answered = sorted((item for item in pictures if item.answered), key=lambda item: item.error_km)
    if not answered:
        return ""
    shown = thinned(answered)
    window = Window.of_world(0.0, _WIDTH_PX)
    groups: list[list[str]] = [[] for _ in range(len(CLASSES_KM) + 1)]
    for item in shown:
        groups[class_of(item.error_km)].append(_line(item, window))
    layers = "".join(
        f'<g class="em-class em-{index}" data-class="{index}">{"".join(lines)}</g>'
        for index, lines in enumerate(groups)
    )
    sphere, land = sphere_path(window), "".join(land_paths(window))
    lines = "".join(line.path for line in graticule(window))
    return (
        f'<svg class="wm errors" viewBox="0 0 {window.width_px} {window.height_px}" role="img" '
        'aria-label="Map of the world with a line from the place where each picture was taken to its answer">'
        f'<defs><clipPath id="errors-clip"><path d="{sphere}"/></clipPath>'
        f'<path id="errors-land" vector-effect="non-scaling-stroke" fill-rule="evenodd" d="{land}"/></defs>'
        f'<path class="wm-sea" d="{sphere}"/><g clip-path="url(#errors-clip)"><use class="wm-land" '
        f'href="#errors-land"/><path class="wm-grid" d="{lines}"/>{layers}</g>'
        f'<path class="wm-edge" d="{sphere}"/></svg>'
    )


def close_map(item: Pictured) -> str:
    """A small map of one picture's line, on the land that `errors_map` has drawn on the page."""
    if not item.answered:
        return ""
    window = Window.of_world(0.0, _WIDTH_PX)
    ends = (_spot(window, item.truth.lat_deg, item.truth.lon_deg), _spot(window, item.lat_deg, item.lon_deg))
    width, height = _CLOSE_PX
    wide = max(1.5 * abs(ends[0].x - ends[1].x), 1.5 * abs(ends[0].y - ends[1].y) * width / height, 130.0)
    wide = min(wide, float(window.width_px))
    tall = wide * height / width
    left = min(max((ends[0].x + ends[1].x - wide) / 2.0, 0.0), window.width_px - wide)
    top = (ends[0].y + ends[1].y - tall) / 2.0
    size = wide / width
    return (
        f'<svg class="wm close" viewBox="{left:.1f} {top:.1f} {wide:.1f} {tall:.1f}" width="{width}" '
        f'height="{height}" aria-hidden="true"><rect class="wm-sea" x="{left:.1f}" y="{top:.1f}" '
        f'width="{wide:.1f}" height="{tall:.1f}"/><use class="wm-land" href="#errors-land"/>'
        f'<g class="em-{class_of(item.error_km)}">{_arc(item, window)}'
        f'<circle class="em-truth" cx="{ends[0].x:.1f}" cy="{ends[0].y:.1f}" r="{4.5 * size:.2f}"/>'
        f'<circle class="em-answer" cx="{ends[1].x:.1f}" cy="{ends[1].y:.1f}" r="{4.5 * size:.2f}"/></g></svg>'
    )


def thinned(ranked: Sequence[Pictured]) -> Sequence[Pictured]:
    """At most `MOST_LINES` of pictures in the order of their errors, evenly by rank, the largest error among them."""
    if len(ranked) <= MOST_LINES:
        return ranked
    return [ranked[i] for i in np.unique(np.linspace(0, len(ranked) - 1, MOST_LINES).round().astype(int)).tolist()]


def _line(item: Pictured, window: Window) -> str:
    truth, answer = _spot(window, item.truth.lat_deg, item.truth.lon_deg), _spot(window, item.lat_deg, item.lon_deg)
    title = f"{wording.one_line(item.name, 120)}: {wording.distance(item.error_km)}"
    return (
        f"<g><title>{escape(title)}</title>{_arc(item, window)}"
        f'<circle class="em-answer" cx="{answer.x:.1f}" cy="{answer.y:.1f}" r="2.4"/>'
        f'<circle class="em-truth" cx="{truth.x:.1f}" cy="{truth.y:.1f}" r="2.6"/></g>'
    )


def _spot(window: Window, lat_deg: float, lon_deg: float) -> _Spot:
    x, y = window.project(lat_deg, lon_deg)
    return _Spot(float(x), float(y))


def _arc(item: Pictured, window: Window) -> str:
    """Path of the great circle between truth and answer."""
    lat, lon = great_circle(item.truth.lat_deg, item.truth.lon_deg, item.lat_deg, item.lon_deg)
    x, y = window.project(lat, lon)
    jumps = np.abs(np.diff(x)) > window.width_px / 3.0
    parts, start = [], 0
    for end in [*(np.flatnonzero(jumps) + 1).tolist(), x.size]:
        part = zip(x[start:end].tolist(), y[start:end].tolist(), strict=True)
        parts.append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in part))
        start = end
    return f'<path class="em-line" d="{"".join(parts)}"/>'


def great_circle(
    lat_a_deg: float, lon_a_deg: float, lat_b_deg: float, lon_b_deg: float
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Points along the shorter great circle between two places, both ends among them.

    Antipodes, between which no circle is the shorter one, are joined by any.
    """
    a, b = grid.unit_vectors(lat_a_deg, lon_a_deg), grid.unit_vectors(lat_b_deg, lon_b_deg)
    across = b - np.dot(a, b) * a
    if np.linalg.norm(across) < 1e-9:
        across = np.cross(a, [0.0, 0.0, 1.0] if abs(a[2]) < 0.9 else [1.0, 0.0, 0.0])
    across = across / np.linalg.norm(across)
    angle = float(np.arctan2(np.linalg.norm(np.cross(a, b)), np.dot(a, b)))
    steps = np.linspace(0.0, angle, 2 + int(angle * grid.EARTH_RADIUS_KM / _STEP_KM))
    lat, lon = grid.lat_lon(np.cos(steps)[:, None] * a + np.sin(steps)[:, None] * across)
    return np.asarray(lat), np.asarray(lon)
