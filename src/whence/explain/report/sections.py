"""Further sections: notices, contrast with the runner-up, regions and areas, provenance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from whence.estimate import wording
from whence.estimate.types import Estimate, RegionProbability
from whence.explain.contrast import Contrast, contrast

_LEVELS = (("country", "Countries"), ("region", "First-level divisions"), ("place", "Around these places"))


def notices(estimate: Estimate) -> str:
    """What must not be overlooked: abstention, floor, warnings, failures."""
    rows: list[tuple[str, str, str]] = []
    if estimate.abstained:
        reason = estimate.abstention_reason or "the belief is too wide"
        rows.append(("strong", "No answer is given", f"{reason[0].upper()}{reason[1:]}."))
    if estimate.coarsest:
        rows.append(
            ("info", "Resolution floor", f"Nothing finer than the {estimate.coarsest} is shown, as was asked for.")
        )
    rows += [("warn", "About the file", text) for text in estimate.query.warnings]
    rows += [("warn", f"Source {e.source} failed", e.failure) for e in estimate.ledger.entries if e.failure]
    return "".join(
        f'<p class="notice {kind}"><b>{escape(head)}.</b> {escape(wording.one_line(text, 600))}</p>'
        for kind, head, text in rows
    )


def contrast_section(estimate: Estimate) -> str:
    """Why the answer and not the runner-up; empty where there is none, or it was withheld."""
    if estimate.coarsest is not None or estimate.ledger.runner_up is None:
        return ""
    found = contrast(estimate)
    rows = _contrast_row("prior", "where pictures are taken anyway", found.prior_bits, found)
    rows += "".join(
        _contrast_row(item.source, f"{item.kind} “{wording.one_line(item.read, 120)}”", item.bits, found)
        for item in found.items
    )
    total = "undecided" if math.isnan(found.total_bits) else wording.bits(found.total_bits)
    return (
        '<section aria-labelledby="h-contrast"><h2 id="h-contrast">Why here and not there</h2>'
        f'<p class="lead">{escape(found.verdict())} The runner-up is {escape(found.label_b)}.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Contrast, scrolls sideways">'
        '<table class="contrast"><thead><tr>'
        '<th scope="col">Source</th><th scope="col">Reading</th>'
        '<th scope="col" class="chart">← runner-up · answer →</th>'
        f'<th scope="col" class="num">Bits</th></tr></thead><tbody>{rows}</tbody><tfoot><tr><th scope="row">In all</th>'
        f'<td></td><td></td><td class="num strong">{escape(total)}</td></tr></tfoot></table></div></section>'
    )


def _contrast_row(source: str, text: str, bits: float, found: Contrast) -> str:
    sizes = [abs(v) for v in (found.prior_bits, *(i.bits for i in found.items)) if math.isfinite(v)]
    longest = max([1.0, *sizes])
    length = (abs(bits) / longest if math.isfinite(bits) else 1.0) * 98.0
    x = 100.0 if bits >= 0 else 100.0 - length
    kind = "bar-a" if bits >= 0 else "bar-b"
    bar = (
        '<svg class="bar" viewBox="0 0 200 18" width="200" height="18" aria-hidden="true">'
        '<line class="zero" x1="100" x2="100" y1="0" y2="18"/>'
        f'<rect class="{kind}" x="{x:.1f}" y="4" width="{max(length, 0.6):.1f}" height="10" rx="1"/></svg>'
    )
    amount = wording.bits(bits)
    return (
        f'<tr><th scope="row">{escape(source)}</th><td>{escape(text)}</td><td class="chart">{bar}</td>'
        f'<td class="num strong">{escape(amount)}</td></tr>'
    )


def regions_section(estimate: Estimate) -> str:
    """Tables of regions by level, and of the credible areas."""
    tables = "".join(
        _region_table(name, found) for level, name in _LEVELS if (found := wording.top_of(estimate, level))
    )
    areas = "".join(
        f"<tr><td>{escape(wording.percent(item.level))} of the belief</td>"
        f'<td class="num">{escape(wording.area(item.area_km2))}</td></tr>'
        for item in estimate.credible
    )
    tables += f"<div><h3>Credible regions</h3><table><tbody>{areas}</tbody></table></div>" if areas else ""
    return (
        '<section aria-labelledby="h-regions"><h2 id="h-regions">Regions</h2>'
        f'<div class="columns">{tables}</div></section>'
    )


def _region_table(name: str, regions: Iterable[RegionProbability]) -> str:
    rows = "".join(
        f"<tr><td>{escape(region.name)}</td><td>{_share_bar(region.probability)}</td>"
        f'<td class="num">{escape(wording.percent(region.probability))}</td></tr>'
        for region in regions
    )
    return f"<div><h3>{name}</h3><table><tbody>{rows}</tbody></table></div>"


def _share_bar(probability: float) -> str:
    width = min(max(probability, 0.0), 1.0) * 70.0
    return (
        '<svg class="bar" viewBox="0 0 70 10" width="70" height="10" aria-hidden="true">'
        '<rect class="track" width="70" height="10" rx="2"/>'
        f'<rect class="bar-a" width="{width:.1f}" height="10" rx="2"/></svg>'
    )


def provenance_section(estimate: Estimate) -> str:
    """What the answer was made from: file, hashes, versions, times."""
    query = estimate.query
    rows: list[tuple[str, str]] = [("File", wording.one_line(query.name, 400))]
    rows += [("SHA-256", digest) for digest in query.sha256]
    if query.size_px:
        rows.append(("Picture", f"{query.format} {query.kind}, {query.size_px[0]} × {query.size_px[1]} pixels"))
    rows += [(f"Version of {name}", value) for name, value in estimate.versions.items()]
    rows += [(f"Time for {name}", f"{ms:,.0f} ms") for name, ms in estimate.timings_ms.items()]
    rows += [(f"Time of {e.source}", f"{e.elapsed_ms:,.0f} ms") for e in estimate.ledger.entries if e.elapsed_ms >= 0.5]
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return (
        '<section aria-labelledby="h-made"><h2 id="h-made">How this was made</h2>'
        f'<dl class="made">{body}</dl>'
        '<p class="script-only"><button type="button" id="save">Save the result as JSON</button></p></section>'
    )
