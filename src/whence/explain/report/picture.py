"""The pictures with the boxes of the claims, and the list of what was read in them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from whence.estimate import wording
from whence.estimate.types import ClaimEntry, Estimate
from whence.samples.view import View

_LONGEST_PX = 1280
_QUALITY = 82


def numbered_claims(estimate: Estimate) -> Iterator[tuple[int, str, ClaimEntry]]:
    """Number, source and claim, in the ledger's order: the numbers of the whole page."""
    number = 0
    for entry in estimate.ledger.entries:
        for claim in entry.claims:
            number += 1
            yield number, entry.source, claim


def thumbnail_uri(view: View) -> str:
    """The picture as a JPEG data URI, at most 1280 pixels wide and high, without any of the file's metadata."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(view.pixels), mode=None)
    image.thumbnail((_LONGEST_PX, _LONGEST_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def picture_section(estimate: Estimate, views: Sequence[View], *, withheld: bool) -> str:
    """Section with the pictures, empty boxes left out."""
    if withheld:
        return '<p class="muted">The picture is left out, as a resolution floor was asked for and it may show more.</p>'
    if not views:
        return ""
    figures = "".join(_figure(estimate, view, index, len(views)) for index, view in enumerate(views))
    return f'<section aria-labelledby="h-picture"><h2 id="h-picture">The picture</h2>{figures}</section>'


def _figure(estimate: Estimate, view: View, index: int, count: int) -> str:
    boxed = [
        (number, source, entry)
        for number, source, entry in numbered_claims(estimate)
        if entry.claim.box is not None and entry.claim.view == index
    ]
    height, width = view.pixels.shape[:2]
    name = wording.one_line(view.name.replace("\\", "/").rpartition("/")[2] or view.name, 200)
    readings = (
        "".join(_reading(number, entry) for number, _, entry in boxed)
        or '<li class="muted">No reading belongs to one spot of this picture; all stand under Why.</li>'
    )
    size = f"{view.size_px[0]} × {view.size_px[1]} pixels"
    caption = f"{escape(name)}, {escape(view.format)}, {size}" + (f" ({index + 1} of {count})" if count > 1 else "")
    return (
        '<figure class="picture"><div class="frame">'
        f'<img src="{thumbnail_uri(view)}" width="{width}" height="{height}" alt="The picture {escape(name)}">'
        f'<svg class="boxes" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="group" '
        f'aria-label="Places of the readings in the picture">{"".join(_box(n, e, width, height) for n, _, e in boxed)}'
        f'</svg></div><ol class="readings">{readings}</ol><figcaption>{caption}</figcaption></figure>'
    )


def _box(number: int, entry: ClaimEntry, width: int, height: int) -> str:
    box, claim = entry.claim.box, entry.claim
    assert box is not None
    left, right = (min(max(edge, 0.0), 1.0) * width for edge in (box.left, box.right))
    top, bottom = (min(max(edge, 0.0), 1.0) * height for edge in (box.top, box.bottom))
    label = f"{number}. {claim.kind}: {wording.one_line(claim.read, 120)}"
    size = max(width, height) / 42.0
    tag_top = top - size if top > size else top
    return (
        f'<a href="#claim-{number}" id="box-{number}" data-claim="{number}" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>"
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 1):.1f}" '
        f'height="{max(bottom - top, 1):.1f}"/>'
        f'<rect class="tag" x="{left:.1f}" y="{tag_top:.1f}" width="{size * 1.25:.1f}" height="{size:.1f}"/>'
        f'<text x="{left + size * 0.62:.1f}" y="{tag_top + size * 0.78:.1f}" font-size="{size * 0.78:.1f}" '
        f'text-anchor="middle">{number}</text></a>'
    )


def _amount(entry: ClaimEntry) -> str:
    if entry.claim.likelihood is None and entry.bits == 0.0:
        return ""
    amount = wording.bits(entry.bits)
    return amount if amount == wording.NOT_POSSIBLE else f"{amount} bits"


def _reading(number: int, entry: ClaimEntry) -> str:
    claim = entry.claim
    return (
        f'<li data-claim="{number}"><a href="#claim-{number}" class="badge">{number}</a> '
        f"<span><b>{escape(claim.kind)}</b> “{escape(wording.one_line(claim.read, 120))}” "
        f'<span class="muted implied">{escape(wording.one_line(claim.implies, 240))}</span></span>'
        f'<span class="bits">{escape(_amount(entry))}</span></li>'
    )
