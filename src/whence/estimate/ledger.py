"""The ledger: what each source and claim contributed, computed exactly from what was added.

Bits of a source at a place x: ``log₂ L(x) − log₂ E_prior[L]``, how much more likely its reading is there than on
average over the prior. The belief's density relative to uniform is then, at every place,
``prior bits + Σ source bits + agreement``, where the agreement ``Σ log₂ E[L] − log₂ E[Π L]`` is one number: what
the sources say together beyond what each says alone.

A calibrated source may be wrong, for which its last claim allows (`whence.estimate.fuse.allowance`): the bits of that
claim are what the allowance takes from, or gives to, the sum of the others. It is made anew when one of them is taken
away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whence.earth.coordinates import Point, distance_km
from whence.earth.field import LN2, Field
from whence.estimate.faithfulness import Said, measure
from whence.estimate.fuse import allowance
from whence.estimate.peaks import Disc, peaks
from whence.estimate.types import Candidate, ClaimEntry, Ledger, LedgerEntry, Without
from whence.evidence.types import ALLOWANCE, Claim, Evidence


@dataclass(frozen=True, eq=False)
class _Part:
    """A claim's log-likelihood after the temperature: as it came, and laid out on the partition of the sum."""

    own: Field
    lifted: Field


@dataclass(frozen=True, eq=False)
class _Account:
    """What was added to the prior, part by part, so that any can be left out again."""

    prior: Field
    lifted_prior: Field
    total: Field
    parts: tuple[_Part, ...]
    answer: Point
    second: Point | None
    radius_km: float
    order: int

    def with_prior(self, lifted: Field) -> Field:
        """The prior and one likelihood, not normalised."""
        return Field(lifted.partition, lifted.values + self.lifted_prior.values)

    def bits(self, lifted: Field, log_mean: float, place: Point | None) -> float:
        """Bits of a likelihood at a place; 0 at no place."""
        return 0.0 if place is None else (float(lifted.at(place.lat_deg, place.lon_deg)) - log_mean) / LN2

    def rest(self, removed: Sequence[_Part], instead: Sequence[Field]) -> Field:
        """The belief without some parts: subtracted, or added up anew where that is coarser or they rule places out."""
        if instead or any(id(part) in self._added_anew for part in removed):
            kept = [part.own for part in self.parts if all(part is not gone for gone in removed)]
            return Field.sum([self.prior, *kept, *instead]).normalise()
        values = self.total.values.copy()
        for part in removed:
            values -= part.lifted.values
        return Field(self.total.partition, values).normalise()

    @cached_property
    def _added_anew(self) -> frozenset[int]:
        """Parts (by id) that cannot be subtracted: those finer than the prior, and those that rule places out."""
        base, partitions = self.prior.partition, {id(part.own.partition): part.own.partition for part in self.parts}
        finer = {key for key, partition in partitions.items() if base.union(partition) is not base}
        return frozenset(
            id(part) for part in self.parts if id(part.own.partition) in finer or np.isneginf(part.own.values).any()
        )

    @cached_property
    def _disc(self) -> Disc:
        """Neighbourhood of the answer in the cells of the sum."""
        return Disc.around(self.total.partition, self.answer, self.radius_km)

    def without(self, removed: Sequence[_Part], instead: Sequence[Field] = ()) -> Without:
        """Answer and neighbourhood's mass when some parts are left out, and others stand in their place."""
        belief = self.rest(removed, instead)
        moved = peaks(belief, 1, self.order)[0].point
        same = belief.partition is self.total.partition
        disc = self._disc if same else Disc.around(belief.partition, self.answer, self.radius_km)
        return Without(
            shift_km=float(distance_km(self.answer.lat_deg, self.answer.lon_deg, moved.lat_deg, moved.lon_deg)),
            probability=disc.mass(belief),
            point=moved,
        )


def build_ledger(
    prior: Field,
    evidence: Sequence[Evidence],
    total: Field,
    answer: Point,
    runner_up: Candidate | None,
    *,
    radius_km: float,
    order: int,
) -> Ledger:
    """Draw up the account of an answer.

    Args:
        prior: normalised prior.
        evidence: what the sources returned.
        total: sum of prior and log-likelihoods, on their common partition, normalised or not.
        answer: the answer.
        runner_up: the second candidate, if any.
        radius_km: radius around the answer that holds half of the belief.
        order: scale of the peaks, the same for every removal (`whence.estimate.peaks.peak_order`).
    """
    rows = [[_part(claim, item, total) for claim in item.claims] for item in evidence]
    parts = tuple(part for row in rows for part in row if part is not None)
    second = Point(runner_up.lat_deg, runner_up.lon_deg) if runner_up else None
    lifted_prior = prior.on(total.partition)
    account = _Account(prior, lifted_prior, total, parts, answer, second, radius_km, order)
    drawn = [_entry(item, row, account) for item, row in zip(evidence, rows, strict=True)]
    entries = sorted((entry for entry, _ in drawn), key=lambda e: (e.without is None, e.failure is not None, -e.bits))
    prior_bits = float(prior.at(answer.lat_deg, answer.lon_deg)) / LN2
    total_bits = (float(total.at(answer.lat_deg, answer.lon_deg)) - total.log_total()) / LN2
    agreement = (sum(log_mean for _, log_mean in drawn) - total.log_total()) / LN2
    said = [_said(item, row, entry) for item, row, (entry, _) in zip(evidence, rows, drawn, strict=True)]
    faithfulness = measure(lifted_prior, [item for item in said if item.claims], answer)
    return Ledger(tuple(entries), prior_bits, agreement, total_bits, runner_up, faithfulness)


def _part(claim: Claim, item: Evidence, total: Field) -> _Part | None:
    if claim.likelihood is None:
        return None
    own = claim.likelihood.scale(1.0 / item.temperature)
    return _Part(own, own.on(total.partition))


def _said(item: Evidence, row: Sequence[_Part | None], entry: LedgerEntry) -> Said:
    """What the order of claims is tested on; the allowance follows from the others."""
    told = [
        (part.lifted, found.bits)
        for part, found in zip(row, entry.claims, strict=True)
        if part is not None and found.claim.kind != ALLOWANCE
    ]
    return Said([field for field, _ in told], [bits for _, bits in told], item.wrong_share)


def _entry(item: Evidence, row: Sequence[_Part | None], account: _Account) -> tuple[LedgerEntry, float]:
    """Entry of one source, and the logarithm of its likelihood's mean over the prior."""
    said = [part for part in row if part is not None]
    if not said:
        notes = tuple(ClaimEntry(claim, 0.0, 0.0, None) for claim in item.claims)
        return _ledger_entry(item, notes, None, None, 0.0, account), 0.0
    whole = Field.sum([part.lifted for part in said])
    without = account.without(said)
    log_mean = account.with_prior(whole).log_total()
    claims = []
    for claim, part in zip(item.claims, row, strict=True):
        if part is None:
            claims.append(ClaimEntry(claim, 0.0, 0.0, None))
            continue
        own = log_mean if len(said) == 1 else account.with_prior(part.lifted).log_total()
        if claim.kind == ALLOWANCE:  # it is relative to the others already
            own = 0.0
        alone = without if len(said) == 1 else account.without(*_one_less(item, said, part, account.prior))
        at_answer, at_second = (account.bits(part.lifted, own, place) for place in (account.answer, account.second))
        claims.append(ClaimEntry(claim, at_answer, at_second, alone))
    return _ledger_entry(item, tuple(claims), without, whole, log_mean, account), log_mean


def _one_less(
    item: Evidence, said: Sequence[_Part], part: _Part, prior: Field
) -> tuple[Sequence[_Part], Sequence[Field]]:
    """What goes with a claim, and what takes its place: the allowance for a wrong source is made anew."""
    *others, last = said
    if item.wrong_share == 0.0 or part is last:
        return [part], []
    left = [other.own for other in others if other is not part]
    made = allowance(Field.sum(left), item.wrong_share, prior) if left else None
    return [part, last], [] if made is None else [made]


def _ledger_entry(
    item: Evidence,
    claims: tuple[ClaimEntry, ...],
    without: Without | None,
    whole: Field | None,
    log_mean: float,
    account: _Account,
) -> LedgerEntry:
    gain = 0.0
    if whole is not None:
        gain = account.with_prior(whole).normalise().information_gain_bits(account.lifted_prior)
    return LedgerEntry(
        source=item.source,
        bits=0.0 if whole is None else account.bits(whole, log_mean, account.answer),
        bits_runner_up=0.0 if whole is None else account.bits(whole, log_mean, account.second),
        information_gain_bits=gain,
        claims=claims,
        without=without,
        temperature=item.temperature,
        elapsed_ms=item.elapsed_ms,
        failure=item.failure,
    )
