"""The ledger as a bar chart that is a table: source by source, claim by claim, with what happens without it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from whence.estimate import wording
from whence.estimate.types import Candidate, ClaimEntry, Estimate, Faithfulness, LedgerEntry, Without
from whence.explain.rationale import Rationale
from whence.explain.report.picture import numbered_claims

_WIDTH, _HEIGHT = 200.0, 26.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """Bits to positions along a bar."""

    low: float
    high: float

    def x(self, bits: float) -> float:
        """Position of an amount; infinite ones at the edge."""
        clear = min(max(bits, self.low), self.high) if not math.isnan(bits) else 0.0
        return 2.0 + (clear - self.low) / (self.high - self.low) * (_WIDTH - 4.0)


def ledger_section(estimate: Estimate, said: Rationale) -> str:
    """Section with the whole account of the answer.

    Args:
        estimate: the answer.
        said: the same in sentences.
    """
    ledger = estimate.ledger
    second = ledger.runner_up
    scale = _scale(estimate)
    numbers = {id(entry): number for number, _, entry in numbered_claims(estimate)}
    bodies = "".join(_source(i, entry, scale, numbers, second) for i, entry in enumerate(ledger.entries))
    sums = [
        _plain_row("Prior", "where pictures are taken, before any evidence", ledger.prior_bits, scale, second),
        _plain_row("Together", _agreement_note(ledger.agreement_bits), ledger.agreement_bits, scale, second),
        _plain_row("Sum", "over a random spot on Earth", ledger.total_bits, scale, second, kind="sum"),
    ]
    other = '<th scope="col" class="num">Bits at the runner-up</th>' if second else ""
    key = f'<span class="key key-b"></span> at the runner-up, {escape(second.label)}' if second else ""
    return (
        '<section aria-labelledby="h-ledger"><h2 id="h-ledger">Why</h2>'
        f'<div class="said"><p>{escape(said.why)}</p>'
        f"<div><h3>What would change it</h3><p>{escape(said.what_would_change)}</p></div></div>"
        '<p class="lead">Bits say how much more likely a reading is at the answer than at an average place that '
        "the prior allows. One bit doubles the odds, ten bits are a thousandfold. “Without it” takes the source or "
        "reading away and computes the answer anew.</p>"
        f'<p class="lead">{escape(faithfulness_note(ledger.faithfulness))}</p>'
        f'<p class="keys"><span class="key key-a"></span> at the answer {key}</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Ledger, scrolls sideways">'
        '<table class="ledger"><thead><tr>'
        '<th scope="col">Source and reading</th><th scope="col" class="chart">Bits</th>'
        f'<th scope="col" class="num">Bits at the answer</th>{other}'
        '<th scope="col" class="without">Without it</th></tr></thead>'
        f"{bodies}<tbody>{''.join(sums)}</tbody></table></div></section>"
    )


def faithfulness_note(found: Faithfulness | None) -> str:
    """The ledger's faithfulness score in a sentence, or that it was not measured."""
    if found is None:
        return (
            f"Faithfulness of this account: {wording.NOT_MEASURED}, as it takes two readings or more that tell apart."
        )
    score = f"{'−' if found.score <= -0.005 else ''}{abs(found.score):.2f}"
    return (
        f"Faithfulness of this account: {score}. The {found.units} readings or groups of readings were taken away in "
        "the order of their bits: 1 means that no order lowers the belief at the answer sooner, 0 that a random "
        "order does as well, −1 that none does so later."
    )


def _scale(estimate: Estimate) -> _Scale:
    values: list[float] = [0.0, estimate.ledger.prior_bits, estimate.ledger.agreement_bits, estimate.ledger.total_bits]
    for entry in estimate.ledger.entries:
        values += [entry.bits, entry.bits_runner_up]
        for claim in entry.claims:
            values += [claim.bits, claim.bits_runner_up]
    clear = [value for value in values if math.isfinite(value)]
    high = max(1.0, *clear)
    return _Scale(max(min(0.0, *clear), -1.5 * high), high)


def _bar(scale: _Scale, bits: float, other: float | None) -> str:
    zero = scale.x(0.0)

    def rect(value: float, y: float, height: float, kind: str) -> str:
        x = scale.x(value)
        gone = " gone" if not math.isfinite(value) else ""
        return (
            f'<rect class="{kind}{gone}" x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 0.6):.1f}" '
            f'height="{height}" rx="1"/>'
        )

    second = rect(other, 16.0, 5.0, "bar-b") if other is not None else ""
    return (
        f'<svg class="bar" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" width="{_WIDTH:g}" height="{_HEIGHT:g}" '
        f'aria-hidden="true"><line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="1" y2="{_HEIGHT - 1:g}"/>'
        f"{rect(bits, 5.0, 9.0, 'bar-a')}{second}</svg>"
    )


def _source(index: int, entry: LedgerEntry, scale: _Scale, numbers: dict[int, int], second: Candidate | None) -> str:
    if entry.failure is not None:
        state = f'<span class="failed">failed: {escape(wording.one_line(entry.failure, 400))}</span>'
        return _silent(entry.source, state, second)
    if not entry.claims:
        return _silent(entry.source, '<span class="muted">had nothing to go by</span>', second)
    count = len(entry.claims)
    toggle = (
        f'<button type="button" class="fold" aria-expanded="true" aria-controls="source-{index}">'
        f"{count} reading{'s' if count > 1 else ''}</button>"
    )
    about = [f"alone sharpens the prior by {max(entry.information_gain_bits, 0.0):.1f} bits"]
    if entry.temperature != 1.0:
        about.append(f"temperature {entry.temperature:g}")
    row = (
        f'<tr class="source"><th scope="row">{escape(entry.source)} {toggle}'
        f"<small>{escape(', '.join(about))}</small></th>{_cells(entry.bits, entry.bits_runner_up, scale, second)}"
        f"<td>{_without(entry.without)}</td></tr>"
    )
    claims = "".join(_claim(claim, numbers[id(claim)], scale, second) for claim in _ranked(entry.claims))
    return f'<tbody>{row}</tbody><tbody class="claims" id="source-{index}">{claims}</tbody>'


def _ranked(claims: Iterable[ClaimEntry]) -> list[ClaimEntry]:
    return sorted(claims, key=lambda claim: (claim.claim.likelihood is None and claim.bits == 0.0, -abs(claim.bits)))


def _silent(source: str, state: str, second: Candidate | None) -> str:
    width = 4 if second else 3
    return f'<tbody><tr><th scope="row">{escape(source)}</th><td colspan="{width}">{state}</td></tr></tbody>'


def _cells(bits: float, other: float, scale: _Scale, second: Candidate | None) -> str:
    more = f'<td class="num">{escape(wording.bits(other))}</td>' if second else ""
    return (
        f'<td class="chart">{_bar(scale, bits, other if second else None)}</td>'
        f'<td class="num strong">{escape(wording.bits(bits))}</td>{more}'
    )


def _claim(entry: ClaimEntry, number: int, scale: _Scale, second: Candidate | None) -> str:
    claim = entry.claim
    look = f' <a href="#box-{number}" class="look">see it in the picture</a>' if claim.box else ""
    text = (
        f'<span class="badge">{number}</span><div><b>{escape(claim.kind)}</b> '
        f"“{escape(wording.one_line(claim.read, 300))}”"
        f"<br>{escape(wording.one_line(claim.implies, 600))}{look}"
        + (
            f"<small>How it can mislead: {escape(wording.one_line(claim.error_model, 600))}</small>"
            if claim.error_model
            else ""
        )
        + "</div>"
    )
    remark = claim.likelihood is None and entry.without is None
    if remark:
        width = 4 if second else 3
        cells = f'<td colspan="{width}"><span class="muted">a remark that moves nothing</span></td>'
    else:
        cells = f"{_cells(entry.bits, entry.bits_runner_up, scale, second)}<td>{_without(entry.without)}</td>"
    return f'<tr id="claim-{number}" data-claim="{number}"><td class="reading">{text}</td>{cells}</tr>'


def _without(without: Without | None) -> str:
    if without is None:
        return '<span class="muted">–</span>'
    moved = "stays" if without.shift_km < 0.0005 else f"moves {wording.distance(without.shift_km)}"
    share = wording.percent(without.probability)
    return f"{escape(moved)}<small>{escape(share)} here instead of 50 %</small>"


def _plain_row(name: str, note: str, bits: float, scale: _Scale, second: Candidate | None, kind: str = "plain") -> str:
    more = "<td></td>" if second else ""
    return (
        f'<tr class="{kind}"><th scope="row">{name}<small>{escape(note)}</small></th>'
        f'<td class="chart">{_bar(scale, bits, None)}</td><td class="num strong">{escape(wording.bits(bits))}</td>'
        f"{more}<td></td></tr>"
    )


def _agreement_note(bits: float) -> str:
    if abs(bits) < 0.05:
        return "the sources neither repeat nor contradict each other"
    if bits > 0:
        return "the sources contradict each other elsewhere, which leaves more for this place"
    return "the sources say some of the same, which counts once"
