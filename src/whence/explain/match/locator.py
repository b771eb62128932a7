"""Where on Earth the match lies: coast, borders and towns around it, drawn as in the reports on answers."""

from __future__ import annotations

from html import escape

from whence.crossview.types import Match
from whence.earth.basemap import land_paths, towns
from whence.earth.drawing import NARROWEST_KM
from whence.earth.projection import Window

_WIDTH_PX, _HEIGHT_PX = 400, 330


def locator(match: Match) -> str:
    """A small map around an accepted match; empty for a rejected one, which lies nowhere."""
    if not match.accepted or match.pose is None:
        return ""
    window = Window.around(match.pose.lat_deg, match.pose.lon_deg, NARROWEST_KM, _WIDTH_PX, _HEIGHT_PX)
    names = "".join(
        f'<g transform="translate({town.x:.1f} {town.y:.1f})"><circle class="wm-dot" r="2.6"/>'
        f'<text class="wm-town" x="6" y="4">{escape(town.name)}</text></g>'
        for town in towns(window)
    )
    bar = 10.0 / window.km_per_px
    x, y = _WIDTH_PX / 2, _HEIGHT_PX / 2
    return (
        f'<figure class="ground"><svg class="wm" viewBox="0 0 {_WIDTH_PX} {_HEIGHT_PX}" role="img" '
        'aria-label="Coast, borders and towns around the match">'
        f'<rect class="wm-sea" width="{_WIDTH_PX}" height="{_HEIGHT_PX}"/>'
        f'<path class="wm-land" fill-rule="evenodd" d="{"".join(land_paths(window))}"/><g>{names}</g>'
        f'<g class="wm-marker"><circle class="wm-ring" r="12" cx="{x:g}" cy="{y:g}"/><circle r="6" cx="{x:g}" '
        f'cy="{y:g}"/></g><path class="wm-bar" d="M14 {_HEIGHT_PX - 20}v6h{bar:.1f}v-6"/>'
        f'<text class="wm-deg" x="{20 + bar:.1f}" y="{_HEIGHT_PX - 14}">10 km</text></svg>'
        "<figcaption>Where that is. Coast: Natural Earth (public domain). Towns: GeoNames (CC BY 4.0).</figcaption>"
        "</figure>"
    )
