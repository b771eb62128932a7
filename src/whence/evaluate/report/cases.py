"""Single pictures: the largest errors and the surest mistakes, with thumbnails, maps and ledgers."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

from whence.core.errors import WhenceError
from whence.earth.coordinates import point
from whence.estimate import wording
from whence.estimate.places import label, naming_place
from whence.evaluate.report.errors_map import close_map
from whence.evaluate.report.pictures import Pictured

THUMBNAIL_PX = 360
_QUALITY = 78
_SHOWN_CLAIMS = 4
_HELD = 256


@dataclass(frozen=True, slots=True)
class Album:
    """Where the pictures of a run lie, for thumbnails.

    Attributes:
        folder: root of the data set.
    """

    folder: Path

    def thumbnail(self, item: Pictured) -> tuple[str, str]:
        """A picture as a small JPEG data URI without metadata, or nothing and the reason why, in a few words."""
        name = PurePosixPath(item.name.replace("\\", "/"))
        path = self.folder / name
        if name.is_absolute() or ".." in name.parts:
            path = self.folder / name.name
        try:
            data = path.read_bytes()
        except OSError:
            return "", "the file is not there"
        if item.sha256 and hashlib.sha256(data).hexdigest() != item.sha256:
            return "", "the file has changed since"
        return _small_jpeg(data, item.name)


def largest_errors(pictures: Sequence[Pictured], most: int) -> list[Pictured]:
    """Answers furthest from the truth, the furthest first; those that were abstained from come after all others."""
    answered = (item for item in pictures if item.answered)
    return sorted(answered, key=lambda item: (item.abstained, -item.error_km))[:most]


def surest_mistakes(pictures: Sequence[Pictured], most: int) -> list[Pictured]:
    """Answers that were not abstained from and whose 90 % radius leaves the truth out, the surest first.

    Sure means that the belief gave the truth the fewest bits over the prior; where beliefs were not kept, that the
    error is the most times the 90 % radius.
    """
    wrong = [item for item in pictures if item.answered and not item.abstained and item.error_km > item.p90_km]

    def key(item: Pictured) -> tuple[float, float]:
        return (item.bits if not math.isnan(item.bits) else 0.0, -item.error_km / max(item.p90_km, 1e-3))

    return sorted(wrong, key=key)[:most]


def without_other_answers(pictures: Iterable[Pictured], most: int) -> tuple[Pictured, ...]:
    """Take the pictures one by one and keep the answers of those alone that are shown singly.

    The answers with their ledgers are most of what a picture takes in memory.

    Args:
        pictures: of one run.
        most: how many of the largest errors and of the surest mistakes will be shown.
    """
    kept: list[Pictured] = []
    held: list[int] = []
    for item in pictures:
        held.append(len(kept))
        kept.append(item)
        if len(held) >= _HELD + 2 * most:
            held = _let_go(kept, held, most)
    _let_go(kept, held, most)
    return tuple(kept)


def _let_go(kept: list[Pictured], held: Sequence[int], most: int) -> list[int]:
    """Drop the answers of those among the held that later ones cannot bring back to the front; the others' places."""
    some = [kept[i] for i in held]
    shown = {id(item) for item in (*largest_errors(some, most), *surest_mistakes(some, most))}
    left = [i for i in held if id(kept[i]) in shown]
    for i in held:
        if id(kept[i]) not in shown:
            kept[i] = replace(kept[i], estimate=None)
    return left


def case_section(
    ident: str, title: str, lead: str, pictures: Sequence[Pictured], album: Album | None, *, empty: str
) -> str:
    """Section with one card a picture.

    Args:
        ident: identifier on the page.
        title: its heading.
        lead: how the pictures were chosen, in sentences.
        pictures: in the order to be shown.
        album: where the pictures lie; without it there are no thumbnails.
        empty: what to say where there are none.
    """
    cards = "".join(_card(f"{ident}-{i}", i, item, album) for i, item in enumerate(pictures, 1))
    body = f'<div class="cases">{cards}</div>' if cards else f"<p>{escape(empty)}</p>"
    return (
        f'<section aria-labelledby="h-{ident}"><h2 id="h-{ident}">{escape(title)}</h2>'
        f'<p class="lead">{escape(lead)}</p>{body}</section>'
    )


def _card(ident: str, rank: int, item: Pictured, album: Album | None) -> str:
    name = wording.one_line(item.name, 160)
    facts = [("Error", wording.distance(item.error_km))]
    if math.isfinite(item.p90_km):
        facts.append(("90 % of the belief", f"within {wording.distance(item.p90_km)}"))
    if not math.isnan(item.bits):
        facts.append(("Bits over the prior", wording.bits(item.bits)))
    if item.truth.group:
        facts.append(("Group", wording.one_line(item.truth.group, 60)))
    if item.estimate:
        facts.append(("Faithfulness of the ledger", _faithfulness(item.estimate)))
    listed = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    abstained = ' <span class="muted">(abstained)</span>' if item.abstained else ""
    return (
        f'<article class="case" id="{ident}" aria-labelledby="{ident}-name"><h3 id="{ident}-name">'
        f'<span class="badge">{rank}</span> {escape(name)}{abstained}</h3>'
        f'<div class="case-sights">{_thumbnail(item, album)}{close_map(item)}</div>'
        f'<p class="case-places"><b>Taken</b> {escape(_named(item.truth.lat_deg, item.truth.lon_deg))}<br>'
        f"<b>Answered</b> {escape(_answer(item))}</p>"
        f'<dl class="case-facts">{listed}</dl>{_ledger(item)}</article>'
    )


def _thumbnail(item: Pictured, album: Album | None) -> str:
    if album is None:
        return ""
    uri, reason = album.thumbnail(item)
    if not uri:
        return f'<p class="no-picture">No picture: {escape(reason)}.</p>'
    return f'<img src="{uri}" alt="The picture {escape(wording.one_line(item.name, 160), quote=True)}" loading="lazy">'


def _small_jpeg(data: bytes, name: str) -> tuple[str, str]:
    from PIL import Image

    from whence.samples.reader import read_view

    try:
        view = read_view(data, name=name, working_px=THUMBNAIL_PX)
    except WhenceError:
        return "", "it cannot be read"
    buffer = io.BytesIO()
    Image.fromarray(view.pixels).convert("RGB").save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(), ""


def _named(lat_deg: float, lon_deg: float) -> str:
    here = point(lat_deg, lon_deg)
    return label(here, naming_place(here))


def _answer(item: Pictured) -> str:
    candidates = (item.estimate or {}).get("candidates") or []
    return str(candidates[0]["label"]) if candidates else _named(item.lat_deg, item.lon_deg)


def _faithfulness(estimate: Mapping[str, Any]) -> str:
    found = estimate.get("faithfulness")
    return f"{found['score']:.2f}" if isinstance(found, Mapping) else wording.NOT_MEASURED


def _ledger(item: Pictured) -> str:
    entries = (item.estimate or {}).get("ledger") or []
    told = "".join(_entry(entry) for entry in entries if entry.get("claims") or entry.get("failure"))
    if not told:
        note = "No source had anything to go by." if item.estimate else "The file of predictions holds no ledger."
        return f'<p class="muted">{note}</p>'
    return (
        '<table class="case-ledger"><thead><tr><th scope="col">What was read</th>'
        f'<th scope="col" class="num">Bits at the answer</th></tr></thead><tbody>{told}</tbody></table>'
    )


def _entry(entry: Mapping[str, Any]) -> str:
    claims = sorted(entry.get("claims") or [], key=lambda claim: -abs(claim.get("bits") or 0.0))
    read = "".join(
        f"<small>{escape(str(claim['kind']))} “{escape(wording.one_line(str(claim['read']), 90))}”</small>"
        for claim in claims[:_SHOWN_CLAIMS]
    )
    if len(claims) > _SHOWN_CLAIMS:
        read += f"<small>and {len(claims) - _SHOWN_CLAIMS} more</small>"
    if entry.get("failure"):
        read += f'<small class="failed">failed: {escape(wording.one_line(str(entry["failure"]), 200))}</small>'
    bits = entry.get("bits")
    amount = wording.bits(float(bits)) if bits is not None else wording.NOT_POSSIBLE
    if not claims:
        amount = "–"
    return (
        f'<tr><th scope="row">{escape(str(entry["source"]))}{read}</th>'
        f'<td class="num strong">{escape(amount)}</td></tr>'
    )
