"""The maps with their controls: an overview, and a close-up where the answer is small on it."""

from __future__ import annotations

import base64
import json
from html import escape

import numpy as np

from whence.earth.drawing import (
    SHADES,
    TALL,
    choose_window,
    close_window,
    draw_map,
    radius_holding,
    shaded_share,
    window_masses,
)
from whence.earth.projection import Window
from whence.estimate import wording
from whence.estimate.render import map_markers
from whence.estimate.types import Estimate

_STEP_PX = 7  # odd, so that the middle of the sheet is not where four squares meet
_SMALLEST = 1e-8
_CLOSER = 4.0
_WIDE, _NARROW = (960, TALL), (680, 0.68)  # width in pixels, height over width


def is_close(estimate: Estimate) -> bool:
    """Tell whether the overview shows the answer's surroundings rather than the world."""
    return not choose_window(estimate.belief, estimate.point.lat_deg, estimate.point.lon_deg).world


def map_section(estimate: Estimate, *, beside: bool = False) -> str:
    """Section with one map or two, layers to switch, and the shares of the belief under the pointer.

    Args:
        estimate: the answer.
        beside: the section is narrow, with the picture beside it.
    """
    markers = map_markers(estimate)
    panels: list[str] = []
    windows = _windows(estimate, *(_NARROW if beside else _WIDE))
    for key, name, window in windows:
        drawing = draw_map(
            estimate.belief,
            markers=markers,
            window=window,
            title=f"{name}: the belief, its 50 % and 90 % regions and the candidates",
            ident=f"map-{key}",
            standalone=False,
        )
        hidden = "" if not panels else " hidden"
        panels.append(
            f'<div class="map" id="panel-{key}" data-name="{escape(name)}" tabindex="0" role="application" '
            f'aria-label="{escape(name)}. Arrow keys move, plus and minus zoom, zero resets."{hidden}>{drawing}'
            f'<div class="tip" role="status" hidden></div>'
            f'<script type="application/json" class="masses">{_masses(estimate, window)}</script></div>'
        )
    tabs = "".join(
        f'<button type="button" class="tab" aria-controls="panel-{key}" '
        f'aria-pressed="{str(i == 0).lower()}">{name}</button>'
        for i, (key, name, _) in enumerate(windows)
    )
    return (
        '<section aria-labelledby="h-map"><h2 id="h-map">The belief on the map</h2>'
        '<div class="map-bar script-only">'
        f'<div class="tabs" role="group" aria-label="Maps">{tabs if len(windows) > 1 else ""}</div>'
        f"{_LAYERS}</div>"
        f'<div class="maps">{"".join(panels)}{_ZOOM}</div>{_legend(estimate)}{_candidates(estimate)}</section>'
    )


_LAYERS = (
    '<fieldset class="layers"><legend>Layers</legend>'
    + "".join(
        f'<label><input type="checkbox" checked data-layer="{kind}"> {name}</label>'
        for kind, name in (
            ("wm-belief", "belief"),
            ("wm-c50", "50 %"),
            ("wm-c90", "90 %"),
            ("wm-candidates", "candidates"),
        )
    )
    + "</fieldset>"
)
_ZOOM = (
    '<div class="zoom script-only" role="group" aria-label="Zoom">'
    '<button type="button" data-zoom="in" aria-label="Zoom in">+</button>'
    '<button type="button" data-zoom="out" aria-label="Zoom out">−</button>'
    '<button type="button" data-zoom="reset">Reset</button></div>'
)


def _legend(estimate: Estimate) -> str:
    """What the shades mean, and what share of the belief has none."""
    held = shaded_share(estimate.belief)
    shares = [*(share for share in reversed(SHADES) if share < held - 0.005), min(held, max(SHADES))]
    swatches = ", ".join(
        f'<span class="shade"><span class="wm swatch s{len(SHADES) - i}"></span> {_share(share)}</span>'
        for i, share in enumerate(shares)
    )
    rest = 1.0 - held
    even = f"The other {_share(rest)} are spread evenly over wide areas, which have no shade. " if rest > 0.015 else ""
    if held < 0.005:
        return '<p class="legend">The belief is spread evenly over the whole Earth, so nothing is shaded.</p>'
    return (
        f'<p class="legend">Shaded are the smallest areas that hold {swatches} of the belief. {even}A full line runs '
        "around the larger parts of the 50&nbsp;% region, a dashed one around those of the 90&nbsp;% region. "
        '<span class="script-only">Drag to move; click the map, then scroll to zoom.</span></p>'
    )


def _share(probability: float) -> str:
    return escape(wording.percent(probability)).replace(" ", "&nbsp;")


def _windows(estimate: Estimate, width_px: int, tall: float) -> list[tuple[str, str, Window]]:
    """The overview, then a close-up if the answer's surroundings are small on it, or the other way round."""
    lat, lon = estimate.point.lat_deg, estimate.point.lon_deg
    main = choose_window(estimate.belief, lat, lon, width_px=width_px, tall=tall)
    if not main.world:
        return [
            ("near", "Surroundings", main),
            ("world", "World", Window.of_world(0.0 if abs(lon) < 100 else lon, width_px)),
        ]
    close = close_window(lat, lon, radius_holding(estimate.belief, lat, lon, 0.5), width_px=width_px, tall=tall)
    if close.km_per_px * _CLOSER > main.km_per_px:
        return [("world", "World", main)]
    return [("world", "World", main), ("near", "Around the answer", close)]


def _masses(estimate: Estimate, window: Window) -> str:
    """Shares of the belief by squares, one byte each on a logarithmic scale; 0 is none or outside the Earth."""
    masses = window_masses(estimate.belief, window, _STEP_PX)
    clear = np.nan_to_num(masses, nan=0.0)
    scaled = np.log10(np.maximum(clear, _SMALLEST) / _SMALLEST) / -np.log10(_SMALLEST)
    levels = np.where(clear <= _SMALLEST, 0, 1 + np.rint(np.minimum(scaled, 1.0) * 254)).astype(np.uint8)
    content = {
        "step": _STEP_PX,
        "rows": levels.shape[0],
        "columns": levels.shape[1],
        "decades": float(-np.log10(_SMALLEST)),
        "levels": base64.b64encode(levels.tobytes()).decode(),
    }
    return json.dumps(content)


def _candidates(estimate: Estimate) -> str:
    error = min(estimate.error_km["p50"], 5.0)
    rows = "".join(
        f'<tr><td><span class="pin">{rank}</span></td><th scope="row">{escape(c.label)}</th>'
        f'<td class="muted at">{escape(wording.coordinates(c.lat_deg, c.lon_deg, error))}</td>'
        f'<td class="num strong">{escape(wording.percent(c.probability))}</td></tr>'
        for rank, c in enumerate(estimate.candidates, start=1)
    )
    return (
        f'<h3 class="candidates-head">Candidates</h3><table class="candidates"><tbody>{rows}</tbody></table>'
        if rows
        else ""
    )
