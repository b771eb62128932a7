"""The answer in a few plain sentences, each of them read off a number of the ledger; nothing is made up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whence.estimate import wording
from whence.estimate.types import ClaimEntry, Estimate, LedgerEntry

_TOLD_BITS = 0.5
_SEVERAL_KM = 25.0


@dataclass(frozen=True, slots=True)
class Rationale:
    """Sentences on one answer.

    Attributes:
        where: what the answer is.
        how_sure: how far the belief spreads, and between what.
        why: what speaks for the answer, and what against it.
        what_would_change: what the answer stands on.
    """

    where: str
    how_sure: str
    why: str
    what_would_change: str

    def to_text(self) -> str:
        """The sentences under their questions."""
        return (
            f"Where: {self.where}\nHow sure: {self.how_sure}\nWhy: {self.why}\n"
            f"What would change it: {self.what_would_change}"
        )

    def __str__(self) -> str:
        return self.to_text()


def rationale(estimate: Estimate) -> Rationale:
    """Say an estimate in sentences."""
    return Rationale(
        where=_where(estimate),
        how_sure=_how_sure(estimate),
        why=_why(estimate),
        what_would_change=_what_would_change(estimate),
    )


def _where(estimate: Estimate) -> str:
    at = wording.coordinates(estimate.point.lat_deg, estimate.point.lon_deg, estimate.error_km["p50"])
    named = wording.where(estimate)
    if estimate.abstained:
        reason = estimate.abstention_reason or "the belief is too wide"
        return f"No answer is given, as {reason}. The best guess is {named} ({at})."
    return f"{named} ({at})."


def _how_sure(estimate: Estimate) -> str:
    parts = [wording.certainty(estimate)]
    found = [r for r in wording.top_of(estimate, "country") if r.code]
    if found and found[0].probability >= 0.985:
        parts.append(f"The country is {found[0].name} ({wording.percent(found[0].probability)}).")
    elif found and found[0].probability >= 0.005:
        listed = ", ".join(f"{r.name} ({wording.percent(r.probability)})" for r in found[:3] if r.probability >= 0.005)
        parts.append(f"By country: {listed}.")
    second = estimate.ledger.runner_up
    if second is not None and second.probability >= 0.005:
        share = wording.percent(second.probability)
        parts.append(f"The second place to look is {second.label}, whose surroundings hold {share}.")
    return " ".join([*parts, *(wording.calibrated(item) for item in estimate.calibrated)])


def _why(estimate: Estimate) -> str:
    claims = [
        (entry, claim)
        for entry in estimate.ledger.entries
        for claim in entry.claims
        if claim.claim.likelihood is not None or claim.bits != 0.0
    ]
    pro = sorted((c for c in claims if c[1].bits >= _TOLD_BITS), key=lambda c: -c[1].bits)
    con = sorted((c for c in claims if c[1].bits <= -_TOLD_BITS), key=lambda c: c[1].bits)
    parts = [_claim_sentence(entry, claim, first=i == 0) for i, (entry, claim) in enumerate(pro[:3])]
    if not pro:
        parts.append("No reading speaks clearly for this place: it is mostly what the prior expects.")
    if len(pro) > 3:
        rest = math.fsum(claim.bits for _, claim in pro[3:])
        more = "1 more reading adds" if len(pro) == 4 else f"{len(pro) - 3} more readings add"
        parts.append(f"{more} {wording.bits(rest)} bits.")
    if con:
        against = "; ".join(
            f"{claim.claim.kind} “{_short(claim)}” ({wording.bits(claim.bits)})" for _, claim in con[:2]
        )
        parts.append(f"Against it: {against}.")
    parts.append(_prior_sentence(estimate.ledger.prior_bits))
    return " ".join(parts)


def _claim_sentence(entry: LedgerEntry, claim: ClaimEntry, *, first: bool) -> str:
    lead = "Most of all" if first else "Then"
    implies = claim.claim.implies.rstrip(".")
    return (
        f"{lead}, the {claim.claim.kind} “{_short(claim)}” ({entry.source}) makes this place "
        f"{wording.times(claim.bits)} as likely as an average one: {implies}{'' if implies.endswith('…') else '.'}"
    )


def _prior_sentence(prior_bits: float) -> str:
    if not math.isfinite(prior_bits) or abs(prior_bits) < _TOLD_BITS:
        return "Before any evidence, the place was about as likely as a random spot on Earth."
    direction = "as likely as" if prior_bits > 0 else "less likely than"
    return f"Before any evidence, the place was {wording.times(prior_bits)} {direction} a random spot on Earth."


def _short(claim: ClaimEntry) -> str:
    return wording.one_line(claim.claim.read, 60)


def _what_would_change(estimate: Estimate) -> str:
    told = [entry for entry in estimate.ledger.entries if entry.without is not None]
    moving = [e for e in told if e.without and e.without.shift_km > max(_SEVERAL_KM, 2.0 * estimate.error_km["p50"])]
    if not told:
        return "Any evidence would: there is none so far."
    if not moving:
        names = _listed([entry.source for entry in told])
        return f"Nothing by itself: without {names}, taken one at a time, the answer stays where it is."
    moving.sort(key=lambda e: -(e.without.shift_km if e.without else 0.0))
    parts = [
        f"without {e.source} the answer moves {wording.distance(e.without.shift_km)}, and these surroundings hold "
        f"{wording.percent(e.without.probability)} of the belief instead of half"
        for e in moving[:2]
        if e.without
    ]
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
