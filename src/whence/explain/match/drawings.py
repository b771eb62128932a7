"""Drawings of the page: both pictures with regions and pairs, and one laid over the other."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from whence.crossview.types import Match
from whence.explain.match.frame import corners, is_possible_view, project
from whence.explain.match.picture import PALETTE, jpeg_uri, shown_pairs
from whence.explain.match.types import MatchExplanation

_LONGEST_PX = 1000
_OTHERS_SHOWN = 80
_MARGIN = 0.12
_GAP = 14.0
_BEYOND = (16, 24, 31)


@dataclass(frozen=True, slots=True)
class Pane:
    """Where a picture stands in a drawing.

    Attributes:
        x: left edge.
        y: upper edge.
        scale: units of the drawing for a pixel.
    """

    x: float
    y: float
    scale: float

    def at(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Position in the drawing of a position in the picture."""
        return self.x + self.scale * x_px, self.y + self.scale * y_px


def image_store(match: Match) -> str:
    """Both pictures once, for the drawings that use them."""
    parts = []
    for ident, pixels in (("img-query", match.query.pixels), ("img-reference", match.reference.pixels)):
        height, width = pixels.shape[:2]
        parts.append(
            f'<image id="{ident}" width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="{jpeg_uri(pixels, _LONGEST_PX)}"/>'
        )
    return f'<svg class="store" width="0" height="0" aria-hidden="true"><defs>{"".join(parts)}</defs></svg>'


def pair_drawing(explanation: MatchExplanation, *, stacked: bool) -> str:
    """Both pictures with numbered regions and the pairs of points between them.

    Args:
        explanation: of a match.
        stacked: the reference below the query, for narrow screens, rather than beside it.
    """
    match = explanation.match
    (h, w), (tall, wide) = match.query.pixels.shape[:2], match.reference.pixels.shape[:2]
    if stacked:
        panes = (Pane(0, 0, 600 / w), Pane(0, 600 * h / w + _GAP, 600 / wide))
        size = (600.0, panes[1].y + 600 * tall / wide)
    else:
        height = min(620.0, (1160 - _GAP) / (w / h + wide / tall))
        panes = (Pane(0, 0, height / h), Pane(w * height / h + _GAP, 0, height / tall))
        size = (panes[1].x + wide * height / tall, height)
    layout = "tall" if stacked else "wide"
    pictures = "".join(
        f'<use href="#{ident}" transform="translate({pane.x:.2f} {pane.y:.2f}) scale({pane.scale:.6f})"/>'
        for ident, pane in zip(("img-query", "img-reference"), panes, strict=True)
    )
    label = "Query and reference with the regions of the claims and the pairs of points"
    return (
        f'<svg class="pair {layout}" viewBox="0 0 {size[0]:.1f} {size[1]:.1f}" role="group" aria-label="{label}">'
        f'{pictures}<g class="others">{_links(shown_pairs(explanation, fitting=False, most=_OTHERS_SHOWN), panes)}</g>'
        f'<g class="fits">{_links(shown_pairs(explanation, fitting=True), panes)}</g>{_regions(explanation, panes)}'
        f'<g class="names">{_name("Query", panes[0])}{_name("Reference", panes[1])}</g></svg>'
    )


def _links(pairs: Float[np.ndarray, "n 4"], panes: tuple[Pane, Pane]) -> str:
    out = []
    for x, y, u, v in pairs:
        (a, b), (c, d) = panes[0].at(x, y), panes[1].at(u, v)
        out.append(
            f'<path d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}"/>'
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.8"/><circle cx="{c:.1f}" cy="{d:.1f}" r="1.8"/>'
        )
    return "".join(out)


def _name(text: str, pane: Pane) -> str:
    x, y = pane.x + 8, pane.y + 8
    width = 9.0 * len(text) + 16
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="24" rx="4"/>'
        f'<text x="{x + width / 2:.1f}" y="{y + 17:.1f}" text-anchor="middle">{text}</text>'
    )


def _regions(explanation: MatchExplanation, panes: tuple[Pane, Pane]) -> str:
    """Regions of every claim, those of a claim on both sides in one link; equal regions share a tag."""
    match = explanation.match
    tags: dict[tuple[object, ...], list[int]] = {}
    for number, claim in enumerate(explanation.claims, start=1):
        for region in claim.regions:
            tags.setdefault((region.side, region.polygon_px), []).append(number)
    taken = [pane.at(0, 0) for pane in panes]
    taken = [(x + 30, y + 14) for x, y in taken] + [(x + 62, y + 14) for x, y in taken]
    out, plates = [], []
    for number, claim in enumerate(explanation.claims, start=1):
        shapes, tagged = [], set[str]()
        for region in claim.regions:
            pane = panes[region.side == "reference"]
            line = [pane.at(x, y) for x, y in region.polygon_px]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
            shapes.append(f'<polygon class="halo" points="{points}"/><polygon class="area" points="{points}"/>')
            sharing = tags[region.side, region.polygon_px]
            first = not any(region.side == side for side in tagged)
            tagged.add(region.side)
            if first and sharing[0] == number:
                side = match.reference if region.side == "reference" else match.query
                plate = _tag(line, sharing, taken, _frame_of(pane, side.pixels.shape))
                plates.append(f'<g class="plate k{(number - 1) % len(PALETTE)}" data-claim="{number}">{plate}</g>')
        if shapes:
            label = escape(f"{number}. {claim.kind}: {claim.verdict}")
            out.append(
                f'<a class="claim k{(number - 1) % len(PALETTE)}" href="#claim-{number}" data-claim="{number}" '
                f'aria-label="{label}"><title>{label}</title>{"".join(shapes)}</a>'
            )
    return f'<g class="regions">{"".join(out)}<g class="plates">{"".join(plates)}</g></g>'


def _frame_of(pane: Pane, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Edges of a picture in the drawing: left, top, right, bottom."""
    return (pane.x, pane.y, *pane.at(float(shape[1]), float(shape[0])))


def _tag(
    line: list[tuple[float, float]],
    numbers: list[int],
    taken: list[tuple[float, float]],
    frame: tuple[float, float, float, float],
) -> str:
    """A numbered plate on a corner of a region, inside the picture, where no other one is if there is such a corner."""
    inside = [
        (min(max(x, frame[0] + 20), frame[2] - 20), min(max(y, frame[1] + 11), frame[3] - 11))
        for x, y in sorted(line, key=lambda point: (point[1], point[0]))
    ]
    free = [p for p in inside if all(abs(p[0] - a) >= 32 or abs(p[1] - b) >= 19 for a, b in taken)]
    x, y = (free or inside)[0]
    taken.append((x, y))
    text = ", ".join(str(n) for n in numbers) if len(numbers) < 3 else f"{numbers[0]}–{numbers[-1]}"
    width = 8.5 * len(text) + 9
    return (
        f'<rect class="tag" x="{x - width / 2:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18" rx="3"/>'
        f'<text class="tag-text" x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">{text}</text>'
    )


def overlay_drawing(match: Match) -> str:
    """The query laid onto the reference by the transform, with a clip that a slider moves; empty without one."""
    import cv2

    height, width = match.query.pixels.shape[:2]
    transform = match.registration.transform
    if transform is None or not is_possible_view(transform, width, height):
        return ""
    outline = project(transform, corners(width, height))
    left, top, right, bottom = _around(outline, match.reference.pixels.shape)
    if right - left < 8 or bottom - top < 8:
        return ""
    scale = min(_LONGEST_PX / max(right - left, bottom - top), 4.0)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    place = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale], [0.0, 0.0, 1.0]])
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    matrix = np.linalg.inv(half) @ place @ transform @ half
    laid = cv2.warpPerspective(match.query.pixels, matrix, size, flags=cv2.INTER_AREA)
    under = np.linalg.inv(half) @ place @ half
    ground = cv2.warpPerspective(match.reference.pixels, under, size, flags=cv2.INTER_LINEAR, borderValue=_BEYOND)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in project(place, outline))
    return _overlay_svg(jpeg_uri(ground, _LONGEST_PX), jpeg_uri(laid, _LONGEST_PX), size, points)


def _overlay_svg(ground: str, laid: str, size: tuple[int, int], points: str) -> str:
    box = f'width="{size[0]}" height="{size[1]}"'
    return (
        f'<svg class="overlay" id="overlay" viewBox="0 0 {size[0]} {size[1]}" role="img" '
        'aria-label="The query laid onto the reference">'
        f'<clipPath id="footprint"><polygon points="{points}"/></clipPath>'
        f'<clipPath id="uncovered"><rect id="uncovered-rect" {box}/></clipPath>'
        f'<image {box} href="{ground}"/>'
        f'<g clip-path="url(#uncovered)"><g id="laid" opacity="0.6" clip-path="url(#footprint)">'
        f'<image {box} href="{laid}"/></g></g>'
        f'<polygon class="halo" points="{points}"/><polygon class="edge" points="{points}"/>'
        f'<line id="swipe-line" class="swipe" x1="{size[0]}" x2="{size[0]}" y1="0" y2="{size[1]}"/></svg>'
    )


def _around(outline: Float[np.ndarray, "4 2"], shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """What to show around an outline, with a margin, also beyond the reference: left, top, right, bottom."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    beyond = float(max(shape[:2]))
    return (
        max(-beyond, float(low[0]) - margin),
        max(-beyond, float(low[1]) - margin),
        min(shape[1] + beyond, float(high[0]) + margin),
        min(shape[0] + beyond, float(high[1]) + margin),
    )
