"""Pictures of a match: small JPEGs for pages, and one PNG with both sides and what fits."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from whence.explain.match.amounts import probability
from whence.explain.match.types import MatchExplanation

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

PALETTE = ("#ffd400", "#00d0ff", "#ff6ab0", "#8dff5c", "#ff941f", "#b99bff", "#ffffff", "#5c9dff")
"""Colours of claims, by number; bright, as they lie on pictures."""

LINES_SHOWN = 120
"""No picture draws more fitting pairs than this, the strongest first."""

_QUALITY = 84
_TALL_PX = 640
_GAP_PX, _BAR_PX = 12, 34


def jpeg_uri(pixels: UInt8[np.ndarray, "_ _ 3"], longest_px: int) -> str:
    """A picture as a JPEG data URI, made smaller if it is larger, without metadata."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((longest_px, longest_px))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def colour_of(number: int) -> str:
    """Colour of the claim with a number, from 1."""
    return PALETTE[(number - 1) % len(PALETTE)]


def shown_pairs(explanation: MatchExplanation, *, fitting: bool, most: int = LINES_SHOWN) -> Float[np.ndarray, "n 4"]:
    """The strongest pairs to be drawn: x, y in the query and x, y in the reference."""
    pairs = explanation.match.registration.correspondences
    chosen = np.flatnonzero(pairs.inlier == fitting)
    chosen = chosen[np.argsort(-pairs.score[chosen], kind="stable")][:most]
    return np.column_stack([pairs.query_px[chosen], pairs.reference_px[chosen]]).reshape(-1, 4).astype(np.float64)


def side_by_side(explanation: MatchExplanation, *, tall_px: int = _TALL_PX) -> bytes:
    """Both pictures beside one another with the regions of the claims and the fitting pairs, as PNG.

    Args:
        explanation: of a match, accepted or not.
        tall_px: height of the pictures in it.
    """
    from PIL import Image, ImageDraw

    match = explanation.match
    images = [Image.fromarray(np.ascontiguousarray(p)) for p in (match.query.pixels, match.reference.pixels)]
    scales = [tall_px / image.height for image in images]
    sized = [image.resize((max(1, round(image.width * s)), tall_px)) for image, s in zip(images, scales, strict=True)]
    offset = sized[0].width + _GAP_PX
    sheet = Image.new("RGB", (offset + sized[1].width, tall_px + _BAR_PX), "#10181f")
    sheet.paste(sized[0], (0, _BAR_PX))
    sheet.paste(sized[1], (offset, _BAR_PX))
    over = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(over)
    places = ((scales[0], 0.0), (scales[1], float(offset)))
    for x, y, u, v in shown_pairs(explanation, fitting=True):
        start, end = _at(x, y, places[0]), _at(u, v, places[1])
        draw.line([start, end], fill=(80, 255, 120, 110), width=1)
        for px, py in (start, end):
            draw.ellipse([px - 2, py - 2, px + 2, py + 2], fill=(80, 255, 120, 255))
    _draw_regions(draw, explanation, places)
    joined: Image.Image = Image.alpha_composite(sheet.convert("RGBA"), over).convert("RGB")
    said = "Match" if match.accepted else "No match"
    count = int(match.registration.correspondences.inlier.sum())
    ImageDraw.Draw(joined).text(
        (10, 9),
        f"{said}, probability {probability(match.probability)}, {count} fitting pairs of points",
        fill="#eef3f6",
        font_size=15,
    )
    return _png(joined)


def _at(x: float, y: float, place: tuple[float, float]) -> tuple[float, float]:
    scale, left = place
    return left + x * scale, _BAR_PX + y * scale


def _draw_regions(draw: ImageDraw, explanation: MatchExplanation, places: tuple[tuple[float, float], ...]) -> None:
    seen: set[tuple[object, ...]] = set()
    for number, claim in enumerate(explanation.claims, start=1):
        for region in claim.regions:
            if (region.side, region.polygon_px) in seen or len(region.polygon_px) < 2:
                continue
            seen.add((region.side, region.polygon_px))
            place = places[region.side == "reference"]
            line = [_at(x, y, place) for x, y in region.polygon_px]
            draw.line([*line, line[0]], fill=colour_of(number), width=2, joint="curve")
            x, y = (sum(point[i] for point in line) / len(line) for i in (0, 1))
            draw.rectangle([x - 10, y - 9, x + 10, y + 9], fill=colour_of(number))
            draw.text((x, y), str(number), fill="#10181f", anchor="mm", font_size=13)


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
