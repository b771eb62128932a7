"""Sections of the page on a match: words, claims, the masking test, provenance."""

from __future__ import annotations

import math
import re
from html import escape

from whence.core.version import __version__
from whence.crossview.types import MatchClaim
from whence.estimate import wording
from whence.explain.match.amounts import amount, log_odds, probability
from whence.explain.match.lmm import Narration
from whence.explain.match.picture import PALETTE
from whence.explain.match.types import NOT_MEASURED, MatchExplanation
from whence.explain.match.words import catalogue, languages

_SIGNS = {"agrees": "✓", "contradicts": "✗", "unclear": "·"}
_RULED_OUT = -500.0
_UNIT = re.compile(r"(?<=.)_(?:m_per_px|px|deg|m)$")


def badge(ident: str) -> str:
    """Link to a claim, in its colour."""
    number = int(ident[1:])
    return (
        f'<a class="badge k{(number - 1) % len(PALETTE)}" href="#claim-{number}" data-claim="{number}" '
        f'aria-label="Claim {number}">{number}</a>'
    )


def words_section(explanation: MatchExplanation, narration: Narration | None) -> str:
    """The sentences in every language, and those of a model, marked where the claims do not carry them."""
    codes = list(explanation.words)
    tabs = "".join(
        f'<button type="button" class="tab" aria-controls="words-{code}" aria-pressed="{str(i == 0).lower()}">'
        f"{escape(_language(code))}</button>"
        for i, code in enumerate(codes)
    )
    texts = "".join(
        f'<ul class="words" id="words-{code}" lang="{escape(code, quote=True)}">'
        + "".join(
            f"<li>{escape(sentence.text)} {_badges(sentence.claims)}</li>" for sentence in explanation.words[code]
        )
        + "</ul>"
        for code in codes
    )
    bar = f'<div class="tabs script-only" role="group" aria-label="Language">{tabs}</div>' if len(codes) > 1 else ""
    return (
        f'<section aria-labelledby="h-words"><div class="head"><h2 id="h-words">In words</h2>{bar}</div>{texts}'
        f"{_narrated(narration)}</section>"
    )


def _badges(claims: tuple[str, ...]) -> str:
    return f'<span class="cites">{"".join(badge(ident) for ident in claims)}</span>'


def _language(code: str) -> str:
    return catalogue(code).language if code in languages() else code


def _narrated(narration: Narration | None) -> str:
    if narration is None:
        return ""
    rows = "".join(
        f'<li class="{"" if item.supported else "unsupported"}">{escape(wording.one_line(item.text, 1000))}'
        + ("" if item.supported else f"<small>Not supported: it {escape(' and '.join(item.problems))}.</small>")
        + "</li>"
        for item in narration.sentences
    )
    marked = sum(not item.supported for item in narration.sentences)
    return (
        f'<h3>By the model {escape(wording.one_line(narration.model, 80))}</h3><p class="muted">Each sentence is held '
        f"against the claims that it cites; {marked} of {len(narration.sentences)} are not supported by them.</p>"
        f'<ul class="words told" lang="{escape(narration.language, quote=True)}">{rows}</ul>'
    )


def claims_section(explanation: MatchExplanation) -> str:
    """The claims with values, checks and log-odds, which add up to the probability."""
    match = explanation.match
    longest = max(
        [1.0, *(abs(c.log_odds) for c in explanation.claims if c.log_odds > _RULED_OUT), abs(match.prior_log_odds)]
    )
    rows = "".join(_row(n, claim, longest) for n, claim in enumerate(explanation.claims, start=1))
    total = match.prior_log_odds + math.fsum(claim.log_odds for claim in explanation.claims)
    return (
        '<section aria-labelledby="h-claims"><h2 id="h-claims">Why</h2>'
        '<p class="lead">Every claim was checked on the pixels of both pictures. Log-odds are in nats and add up to '
        "the probability; claims of appearance and layout add none, as the probability does not rest on them.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Claims, scrolls sideways"><table class="claims">'
        '<thead><tr><th scope="col">Claim</th><th scope="col">Values</th><th scope="col">Check</th>'
        '<th scope="col" class="chart">← against · for →</th><th scope="col" class="num">Log-odds</th></tr></thead>'
        f'<tbody>{rows}</tbody><tbody class="sums"><tr><th scope="row" colspan="3">Before anything was compared</th>'
        f'<td class="chart">{_bar(match.prior_log_odds, longest)}</td>'
        f'<td class="num">{escape(log_odds(match.prior_log_odds))}</td></tr>'
        f'<tr><th scope="row" colspan="3">In all: probability {escape(probability(match.probability))}</th><td></td>'
        f'<td class="num strong">{escape(log_odds(total))}</td></tr></tbody></table></div></section>'
    )


def _row(number: int, claim: MatchClaim, longest: float) -> str:
    values = ", ".join(f"{escape(_named(name))}&nbsp;<b>{_shown(name, v)}</b>" for name, v in claim.values.items())
    counted = claim.log_odds != 0.0
    return (
        f'<tr id="claim-{number}" data-claim="{number}"><th scope="row">{badge(f"c{number}")} {escape(claim.kind)}'
        f'<small class="verdict {claim.verdict}">{_SIGNS[claim.verdict]} {claim.verdict}</small></th>'
        f'<td class="values">{values}</td><td class="check">{escape(claim.check)}</td>'
        f'<td class="chart">{_bar(claim.log_odds, longest) if counted else ""}</td>'
        f'<td class="num strong">{escape(log_odds(claim.log_odds)) if counted else "–"}</td></tr>'
    )


def _named(value: str) -> str:
    """Name of a value without its unit, which stands with the number."""
    return _UNIT.sub("", value).replace("_", " ")


def _shown(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return escape(wording.one_line(value, 160))
    return escape(amount(name, value)).replace(" ", "&nbsp;")


def _bar(value: float, longest: float) -> str:
    length = min(abs(value) / longest, 1.0) * 98.0
    x = 100.0 if value >= 0 else 100.0 - length
    return (
        '<svg class="bar" viewBox="0 0 200 18" width="200" height="18" aria-hidden="true">'
        '<line class="zero" x1="100" x2="100" y1="0" y2="18"/>'
        f'<rect class="bar-{"a" if value >= 0 else "b"}" x="{x:.1f}" y="4" width="{max(length, 0.6):.1f}" height="10" '
        'rx="1"/></svg>'
    )


def tests_section(explanation: MatchExplanation) -> str:
    """What was tested of the explanation itself."""
    found = explanation.faithfulness
    if found is None:
        faithful = NOT_MEASURED
    else:
        said = (
            "the cited pixels matter more than others" if found.holds else "the cited pixels matter no more than others"
        )
        faithful = (
            f"{said}: without them ({amount('share', found.masked_share)} of the query) the log-odds fall by "
            f"{found.drop:.1f}, without as many others by {found.control_drop:.1f} on average"
        )
    rows = [
        ("Masking test", faithful),
        ("Tests of appearance", f"{explanation.tests} compared in place" if explanation.tests else NOT_MEASURED),
        ("Concepts on both sides", "compared" if explanation.concepts else NOT_MEASURED),
    ]
    return f'<section aria-labelledby="h-tests"><h2 id="h-tests">Tests of the explanation</h2>{_list(rows)}</section>'


def provenance_section(explanation: MatchExplanation) -> str:
    """Where both pictures come from, and what made the match."""
    match = explanation.match
    from_ = match.reference.provenance
    pairs = match.registration.correspondences
    georeference = match.reference.georeference
    rows = [
        ("Query", wording.one_line(match.query.name, 400)),
        ("SHA-256", match.query.sha256),
        ("Query picture", f"{match.query.kind.value}, {match.query.size_px[0]} × {match.query.size_px[1]} pixels"),
        ("Reference", wording.one_line(match.reference.name, 400) or "not named"),
        ("Source", wording.one_line(from_.source, 400) or "not stated"),
        ("Licence", wording.one_line(from_.licence, 400) or "not stated"),
        ("Date of the reference", wording.one_line(from_.date, 60) or "not stated"),
        (
            "Reference patch",
            f"{georeference.width_px} × {georeference.height_px} pixels of {amount('_m', georeference.gsd_m_per_px)}",
        ),
        ("Matcher", wording.one_line(match.registration.matcher, 120)),
        ("Transform", match.registration.model if match.registration.transform is not None else "none"),
        ("Pairs of points", f"{int(pairs.inlier.sum()):,} of {len(pairs):,} fit"),
        ("Version of whence", __version__),
        *((f"Time for {name}", f"{ms:,.0f} ms") for name, ms in match.timings_ms.items()),
    ]
    return (
        f'<section aria-labelledby="h-made"><h2 id="h-made">How this was made</h2>{_list(rows)}'
        '<p class="script-only"><button type="button" id="save">Save the result as JSON</button></p></section>'
    )


def _list(rows: list[tuple[str, str]]) -> str:
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows if value)
    return f'<dl class="made">{body}</dl>'
