"""A belief as a map: one SVG that needs no script, no file beside it and no network.

Shades are the smallest regions that hold a share of the belief (`SHADES`), the darkest half of the most
probable half. Colours are CSS variables, so that the same drawing reads on light and on dark ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from whence.earth import grid
from whence.earth.basemap import INSET_PX, graticule, land_paths, sphere_path, towns
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.earth.projection import Window
from whence.earth.shading import coarsened, drawn_order, region_shapes, untied

SHADES = (0.99, 0.9, 0.75, 0.5, 0.25)
"""Shares of the belief inside the shades, the palest first."""

OUTLINED = (0.9, 0.5)
"""Credible regions that get a line around them."""

WIDE_KM = 2500.0
"""A belief whose radius of 90 % is larger is drawn on a map of the world."""

NARROWEST_KM = 40.0
"""No map shows less than this from its middle to its upper edge: coast, borders and towns give the context."""

TALL = 0.55
"""Height of a map of a part of the Earth over its width, where nothing else is asked for."""

_PIN_PX = 14.0
_BAR_KM = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

MAP_CSS = """
.wm{--wm-sea:#e6edf2;--wm-land:#fbfaf6;--wm-border:#a9b3ba;--wm-grid:#cbd6dd;--wm-ink:#1d2730;--wm-soft:#5b6873;
--wm-halo:#fff;--wm-b1:#fde9c4;--wm-b2:#fcc07b;--wm-b3:#f08a4b;--wm-b4:#cf4a45;--wm-b5:#8e1c4f;--wm-line:#5c1038;
--wm-pin:#0b57b8;--wm-pin-ink:#fff}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]) .wm{--wm-sea:#10181f;--wm-land:#27323b;
--wm-border:#56646f;--wm-grid:#26323b;--wm-ink:#eef3f6;--wm-soft:#a9b6c0;--wm-halo:#10181f;--wm-b1:#4a2b3f;
--wm-b2:#84304f;--wm-b3:#c2474a;--wm-b4:#ee8a47;--wm-b5:#ffd98a;--wm-line:#ffe9bf;--wm-pin:#6cb2ff;--wm-pin-ink:#08131d}}
:root[data-theme=dark] .wm{--wm-sea:#10181f;--wm-land:#27323b;--wm-border:#56646f;--wm-grid:#26323b;--wm-ink:#eef3f6;
--wm-soft:#a9b6c0;--wm-halo:#10181f;--wm-b1:#4a2b3f;--wm-b2:#84304f;--wm-b3:#c2474a;--wm-b4:#ee8a47;--wm-b5:#ffd98a;
--wm-line:#ffe9bf;--wm-pin:#6cb2ff;--wm-pin-ink:#08131d}
@media print{:root .wm,:root[data-theme] .wm{--wm-sea:#eef2f5;--wm-land:#fff;--wm-border:#8d979e;--wm-grid:#d5dce1;
--wm-ink:#000;--wm-soft:#444;--wm-halo:#fff;--wm-b1:#fde9c4;--wm-b2:#fcc07b;--wm-b3:#f08a4b;--wm-b4:#cf4a45;
--wm-b5:#8e1c4f;--wm-line:#5c1038;--wm-pin:#0b57b8;--wm-pin-ink:#fff}}
.wm{display:block;width:100%;height:auto;font:12px/1.2 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wm path,.wm line,.wm rect{vector-effect:non-scaling-stroke}
.wm-sea{fill:var(--wm-sea)}.wm-land{fill:var(--wm-land);stroke:var(--wm-border);stroke-width:.6}
.wm-grid{fill:none;stroke:var(--wm-grid);stroke-width:.7;stroke-opacity:.8}.wm-edge{fill:none;stroke:var(--wm-border);stroke-width:1}
.wm-borders{fill:none;stroke:var(--wm-soft);stroke-opacity:.55;stroke-width:.6}
.wm-b1{fill:var(--wm-b1)}.wm-b2{fill:var(--wm-b2)}.wm-b3{fill:var(--wm-b3)}.wm-b4{fill:var(--wm-b4)}
.wm-b5{fill:var(--wm-b5)}.wm-belief{opacity:.86}
.wm-c90,.wm-c50{fill:none;stroke:var(--wm-line);stroke-width:1}.wm-c90{stroke-dasharray:4 3}.wm-c50{stroke-width:1.5}
.wm text{fill:var(--wm-ink);stroke:var(--wm-halo);stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.wm .wm-deg{fill:var(--wm-soft);font-size:10px}.wm .wm-town{font-size:11.5px}
.wm-dot{fill:var(--wm-ink);stroke:var(--wm-halo);stroke-width:1}
.wm-marker circle{fill:var(--wm-pin);stroke:var(--wm-halo);stroke-width:2}
.wm-marker .wm-ring{fill:none;stroke:var(--wm-pin);stroke-width:2}
.wm .wm-marker text{fill:var(--wm-pin-ink);stroke:none;font-weight:700;font-size:12px}
.wm-bar{fill:none;stroke:var(--wm-ink);stroke-width:1.5}.wm-box{fill:none;stroke:var(--wm-pin);stroke-width:2}
"""
"""Style of every map; put it on the page once, or let `draw_map` carry it."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A numbered place on the map.

    Attributes:
        lat_deg: latitude.
        lon_deg: longitude.
        label: a digit or two.
        title: what a pointer reads on it.
    """

    lat_deg: float
    lon_deg: float
    label: str
    title: str


def choose_window(belief: Field, lat_deg: float, lon_deg: float, *, width_px: int = 960, tall: float = TALL) -> Window:
    """The map that shows a belief best: the world if it is wide, else the surroundings of the answer.

    Args:
        belief: normalised.
        lat_deg: latitude of the answer.
        lon_deg: longitude of the answer.
        width_px: width of the sheet.
        tall: height of a map of a part of the Earth over its width.
    """
    radius = radius_holding(belief, lat_deg, lon_deg, 0.9)
    if radius > WIDE_KM:
        return Window.of_world(10.0 * round(central_meridian_deg(belief) / 10.0), width_px)
    return close_window(lat_deg, lon_deg, radius, width_px=width_px, tall=tall)


def close_window(
    lat_deg: float, lon_deg: float, radius_in_km: float, *, width_px: int = 960, tall: float = TALL
) -> Window:
    """A map around a point that shows a radius with a margin."""
    half = max(1.25 * radius_in_km, NARROWEST_KM)
    return Window.around(lat_deg, lon_deg, half, width_px, round(width_px * tall))


def radius_holding(belief: Field, lat_deg: float, lon_deg: float, share: float) -> float:
    """Radius around a point that holds a share of a belief, km (by the cells' centres)."""
    held = np.flatnonzero(belief.mass > 1e-9)
    gap = grid.chord_km(belief.partition.vectors[held], grid.unit_vectors(lat_deg, lon_deg))
    rank = np.argsort(gap, kind="stable")
    total = np.cumsum(belief.mass[held][rank])
    return float(gap[rank][min(int(np.searchsorted(total, share * total[-1])), rank.size - 1)])


def central_meridian_deg(belief: Field) -> float:
    """Mean longitude of a belief if it is on one side of the Earth, else 0 (the customary map)."""
    mean = belief.mass @ belief.partition.vectors
    if np.hypot(mean[0], mean[1]) < 0.6:
        return 0.0
    lon = float(np.degrees(np.arctan2(mean[1], mean[0])))
    return lon if abs(lon) > 60.0 else 0.0


def shaded_share(belief: Field) -> float:
    """Share of a belief that the palest shade holds: less than 99 % where a wide plateau stays unshaded."""
    return untied(belief, max(SHADES)).mass


def window_masses(belief: Field, window: Window, step_px: int) -> Float[np.ndarray, "rows columns"]:
    """Share of a belief in each square of a sheet, ``step_px`` wide; not a number outside the Earth."""
    columns, rows = -(-window.width_px // step_px), -(-window.height_px // step_px)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * step_px, (np.arange(rows) + 0.5) * step_px)
    lat, lon = window.unproject(x, y)
    on_earth = np.isfinite(lat) & np.isfinite(lon)
    out = np.zeros(x.shape)
    square_km2 = (step_px * window.km_per_px) ** 2
    partition = belief.partition
    small = partition.areas_km2 < square_km2
    here = partition.index_at(lat[on_earth], lon[on_earth])
    density = np.exp(belief.values[here]) / grid.EARTH_AREA_KM2
    out[on_earth] = np.where(small[here], 0.0, density * square_km2)
    some = np.flatnonzero(small & (belief.mass > 0.0))
    px, py = window.project(partition.lat_deg[some], partition.lon_deg[some])
    column, row = np.floor(px / step_px).astype(int), np.floor(py / step_px).astype(int)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    np.add.at(out, (row[inside], column[inside]), belief.mass[some][inside])
    return np.where(on_earth | (out > 0.0), out, np.nan)


def draw_map(
    belief: Field,
    *,
    markers: Sequence[Marker] = (),
    window: Window | None = None,
    title: str = "Map of the belief",
    ident: str = "map",
    standalone: bool = True,
) -> str:
    """Draw a belief as SVG.

    Args:
        belief: a normalised field.
        markers: the answer first, then further candidates.
        window: what to show; chosen from the belief around the first marker (or the mode) if not given.
        title: accessible name of the picture.
        ident: prefix of the identifiers inside, distinct for each map of a page.
        standalone: carry `MAP_CSS` inside.
    """
    if window is None:
        here = (markers[0].lat_deg, markers[0].lon_deg) if markers else None
        mode = belief.mode()
        window = choose_window(belief, *(here or (mode.lat_deg, mode.lon_deg)))
    sphere = sphere_path(window)
    layers = [
        f'<path class="wm-sea" d="{sphere}"/>',
        *_ground_layers(window, belief, ident),
        _town_layer(window, markers),
        _marker_layer(window, markers),
    ]
    head = (
        f'<svg class="wm" id="{ident}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {window.width_px} {window.height_px}" data-lat="{window.lat_deg:.7f}" '
        f'data-lon="{window.lon_deg:.7f}" data-km-per-px="{window.km_per_px:.8g}" '
        f'data-world="{int(window.world)}"><title>{escape(title)}</title>'
    )
    style = f"<style>{MAP_CSS}</style>" if standalone else ""
    clip = f'<clipPath id="{ident}-clip"><path d="{sphere}"/></clipPath>'
    body = f'<g clip-path="url(#{ident}-clip)">{"".join(layers)}</g><path class="wm-edge" d="{sphere}"/>'
    return f"{head}{style}{clip}{body}{_scale_bar(window)}{_inset(window, markers, ident)}</svg>"


def _graticule_layer(window: Window) -> str:
    lines = graticule(window)
    paths = "".join(line.path for line in lines)
    labels = []
    for line in lines:
        edge = line.y > window.height_px - 6 if line.meridian else line.x < 6
        if not window.world and edge and 30 < line.x < window.width_px - 30 and line.meridian:
            labels.append(_text(line.x, window.height_px - 6, line.label, "wm-deg", "middle"))
        elif not window.world and edge and not line.meridian and 16 < line.y < window.height_px - 30:
            labels.append(_text(4, line.y - 3, line.label, "wm-deg"))
    return f'<path class="wm-grid" d="{paths}"/><g class="wm-degrees">{"".join(labels)}</g>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return (
        f'<g class="wm-fixed" transform="translate({x:.1f} {y:.1f})">'
        f'<text class="{kind}" text-anchor="{anchor}">{escape(text)}</text></g>'
    )


def _ground_layers(window: Window, belief: Field, ident: str) -> tuple[str, ...]:
    """Land, graticule, shades and outlines of the belief, then the borders once more on top."""
    shades, lines = _belief_layers(window, belief)
    land = "".join(land_paths(window))
    still = 'vector-effect="non-scaling-stroke"'
    return (
        f'<defs><path id="{ident}-land" {still} fill-rule="evenodd" d="{land}"/></defs>',
        f'<use class="wm-land" href="#{ident}-land"/>',
        _graticule_layer(window),
        f'<g class="wm-belief">{shades}</g>',
        f'<use class="wm-borders" href="#{ident}-land"/>',
        lines,
    )


def _belief_layers(window: Window, belief: Field) -> tuple[str, str]:
    shown = coarsened(belief, drawn_order(window))
    regions = {level: untied(shown, level) for level in SHADES}
    shapes = dict(zip(regions, region_shapes(list(regions.values()), window), strict=True))
    held = {level: min(region.mass, level) for level, region in regions.items()}
    shades = "".join(
        f'<path class="wm-b{i + 1}" data-level="{held[level]:.3g}" fill-rule="evenodd" d="{shapes[level].fill}"/>'
        for i, level in enumerate(SHADES)
        if shapes[level].fill
    )
    lines = "".join(
        f'<path class="wm-c{level * 100:.0f}" d="{shapes[level].line}"/>'
        for level in OUTLINED
        if shapes[level].line and regions[level].mass > 0.98 * level
    )
    return shades, lines


def _town_layer(window: Window, markers: Sequence[Marker]) -> str:
    if window.world or window.km_per_px > 12.0:
        return ""
    pins = np.array([window.project(m.lat_deg, m.lon_deg) for m in markers], float).reshape(-1, 2)
    taken: list[_Extent] = []
    out = []
    for town in towns(window):
        covered = bool((np.hypot(pins[:, 0] - town.x, pins[:, 1] - town.y) < _PIN_PX).any())
        gap = _PIN_PX + 3.0 if covered else 6.0
        length = 6.4 * len(town.name)
        for side, anchor in ((1, "start"), (-1, "end")):
            ends = sorted((town.x + side * gap, town.x + side * (gap + length)))
            here = (ends[0], town.y - 7.0, ends[1], town.y + 7.0)
            if _free(here, taken, pins, window):
                taken.append(here)
                name = (
                    f'<text class="wm-town" x="{side * gap:g}" y="4" text-anchor="{anchor}">{escape(town.name)}</text>'
                )
                dot = "" if covered else '<circle class="wm-dot" r="2.6"/>'
                where = f'transform="translate({town.x:.1f} {town.y:.1f})"'
                out.append(f'<g class="wm-fixed" {where}>{dot}{name}</g>')
                break
    return f'<g class="wm-towns">{"".join(out)}</g>'


_Extent = tuple[float, float, float, float]


def _free(label: _Extent, taken: Sequence[_Extent], pins: Float[np.ndarray, "n 2"], window: Window) -> bool:
    """Tell whether a label (left, top, right, bottom) meets neither markers nor labels nor the sheet's edges."""
    left, top, right, bottom = label
    if left < 4.0 or right > window.width_px - 4.0:
        return False
    if any(left < r and right > x and top < b and bottom > y for x, y, r, b in taken):
        return False
    x, y = pins[:, 0], pins[:, 1]
    off_x = np.maximum(np.maximum(left - x, x - right), 0.0)
    off_y = np.maximum(np.maximum(top - y, y - bottom), 0.0)
    return not bool((np.hypot(off_x, off_y) < _PIN_PX - 4.0).any())


def _marker_layer(window: Window, markers: Sequence[Marker]) -> str:
    out = []
    for rank, marker in reversed(list(enumerate(markers))):
        x, y = (float(v) for v in window.project(marker.lat_deg, marker.lon_deg))
        if not (0 <= x <= window.width_px and 0 <= y <= window.height_px):
            continue
        ring = '<circle class="wm-ring" r="14"/>' if rank == 0 else ""
        out.append(
            f'<g class="wm-marker wm-fixed" data-rank="{rank + 1}" transform="translate({x:.1f} {y:.1f})">'
            f'<title>{escape(marker.title)}</title>{ring}<circle r="{10 if rank == 0 else 9}"/>'
            f'<text text-anchor="middle" y="4.2">{escape(marker.label)}</text></g>'
        )
    return f'<g class="wm-candidates">{"".join(out)}</g>'


def _scale_bar(window: Window) -> str:
    most = 0.22 * window.width_px * window.km_per_px
    km = max((k for k in _BAR_KM if k <= most), default=_BAR_KM[0])
    px = km / window.km_per_px
    if window.world:  # Equal Earth keeps areas: along the equator it is wider than on the globe
        at = window.project([0.0, 0.0], [window.lon_deg, window.lon_deg + 1.0])[0]
        px = km * float(at[1] - at[0]) / float(distance_km(0.0, 0.0, 0.0, 1.0))
    x, y = 16.0, window.height_px - (14.0 if window.world else 26.0)
    label = f"{km:,} km{' at the equator' if window.world else ''}"
    return (
        f'<g class="wm-scale"><path class="wm-bar" d="M{x} {y - 5}v5h{px:.1f}v-5"/>'
        f'<text class="wm-deg" x="{x + px + 6:.1f}" y="{y}">{label}</text></g>'
    )


def _inset(window: Window, markers: Sequence[Marker], ident: str) -> str:
    """A small map of the world that shows where the large one is, and candidates outside it."""
    if window.world:
        return ""
    small = Window.of_world(0.0, INSET_PX)
    left, top = window.width_px - small.width_px - 10, 10
    x, y = small.project(window.lat_deg, window.lon_deg)
    half = max(window.width_px * window.km_per_px / small.km_per_px / 2.0, 4.0)
    tall = max(window.height_px * window.km_per_px / small.km_per_px / 2.0, 4.0)
    dots = []
    for marker in markers[1:]:
        a, b = small.project(marker.lat_deg, marker.lon_deg)
        dots.append(f'<circle class="wm-dot" r="2.2" cx="{float(a):.1f}" cy="{float(b):.1f}"/>')
    box = (
        f'<rect class="wm-box" x="{float(x) - half:.1f}" y="{float(y) - tall:.1f}" width="{2 * half:.1f}" '
        f'height="{2 * tall:.1f}" rx="1.5"/>'
    )
    sphere = sphere_path(small)
    return (
        f'<g class="wm-inset" transform="translate({left} {top})"><path class="wm-sea" d="{sphere}"/>'
        f'<path class="wm-land" d="{"".join(land_paths(small))}"/><path class="wm-edge" d="{sphere}"/>'
        f'<clipPath id="{ident}-inset"><path d="{sphere}"/></clipPath>'
        f'<g clip-path="url(#{ident}-inset)">{box}</g>{"".join(dots)}</g>'
    )
