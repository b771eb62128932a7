"""The ledger: what each source and claim contributed, computed exactly from what was added.

Bits of a source at a place x: ``log₂ L(x) − log₂ E_prior[L]``, how much more likely its reading is there than on
average over the prior. The belief's density relative to uniform is then, at every place,
``prior bits + Σ source bits + agreement``, where the agreement ``Σ log₂ E[L] − log₂ E[Π L]`` is one number: what
the sources say together beyond what each says alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.earth.coordinates import Point, distance_km
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.evidence.types import Claim, Evidence
from whence.locate.peaks import mass_within, peaks
from whence.locate.types import Candidate, ClaimEntry, Ledger, LedgerEntry, Without


@dataclass(frozen=True, eq=False)
class _Addend:
    """A log-likelihood after its temperature, on its own partition, with its mean over the prior."""

    field: Field
    log_mean: float

    def bits_at(self, place: Point | None) -> float:
        """Bits at a place; 0 at no place."""
        if place is None:
            return 0.0
        return (float(self.field.at(place.lat_deg, place.lon_deg)) - self.log_mean) / LN2


@dataclass(frozen=True, eq=False)
class _Account:
    """What the removal of an addend is computed from."""

    prior: Field
    total: Field
    fields: tuple[Field, ...]
    answer: Point
    radius_km: float
    order: int

    def without(self, removed: Sequence[Field]) -> Without:
        """Answer and neighbourhood's mass when some of the fields are taken away."""
        gone = {id(field) for field in removed}
        partition = self.total.partition
        if any(np.isneginf(field.values).any() for field in removed):
            rest = Field.sum([self.prior, *(f for f in self.fields if id(f) not in gone)]).on(partition)
        else:
            rest = Field(partition, _minus(self.total.values, removed, partition))
        belief = rest.normalise()
        moved = peaks(belief, 1, self.order)[0].point
        return Without(
            shift_km=float(distance_km(self.answer.lat_deg, self.answer.lon_deg, moved.lat_deg, moved.lon_deg)),
            probability=mass_within(belief, self.answer, self.radius_km),
            point=moved,
        )


def _minus(total: Float[np.ndarray, " n"], removed: Sequence[Field], partition: Partition) -> Float[np.ndarray, " n"]:
    out = total.copy()
    for field in removed:
        out -= field.on(partition).values
    return out


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
        order: scale of the peaks, the same for every removal (`whence.locate.peaks.peak_order`).
    """
    addends = [[_addend(claim, item, prior) for claim in item.claims] for item in evidence]
    fields = tuple(a.field for row in addends for a in row if a is not None)
    account = _Account(prior, total, fields, answer, radius_km, order)
    second = Point(runner_up.lat_deg, runner_up.lon_deg) if runner_up else None
    pairs = [_entry(item, row, account, second) for item, row in zip(evidence, addends, strict=True)]
    entries = sorted((entry for entry, _ in pairs), key=lambda e: (e.without is None, e.failure is not None, -e.bits))
    prior_bits = float(prior.at(answer.lat_deg, answer.lon_deg)) / LN2
    total_bits = (float(total.at(answer.lat_deg, answer.lon_deg)) - total.log_total()) / LN2
    agreement = (sum(log_mean for _, log_mean in pairs) - (total.log_total() - prior.log_total())) / LN2
    return Ledger(tuple(entries), prior_bits, agreement, total_bits, runner_up)


def _addend(claim: Claim, item: Evidence, prior: Field) -> _Addend | None:
    if claim.likelihood is None:
        return None
    field = claim.likelihood.scale(1.0 / item.temperature)
    return _Addend(field, prior.expected(field))


def _entry(
    item: Evidence, addends: Sequence[_Addend | None], account: _Account, second: Point | None
) -> tuple[LedgerEntry, float]:
    """Entry of one source, and the logarithm of its likelihood's mean over the prior."""
    said = [a for a in addends if a is not None]
    common = {"temperature": item.temperature, "elapsed_ms": item.elapsed_ms, "failure": item.failure}
    if not said:
        notes = tuple(ClaimEntry(claim, 0.0, 0.0, None) for claim in item.claims)
        return LedgerEntry(item.source, 0.0, 0.0, 0.0, notes, None, **common), 0.0  # type: ignore[arg-type]
    whole = said[0] if len(said) == 1 else _joined(said, account.prior)
    without = account.without([a.field for a in said])
    claims = tuple(
        ClaimEntry(
            claim,
            bits=a.bits_at(account.answer) if a else 0.0,
            bits_runner_up=a.bits_at(second) if a else 0.0,
            without=None if a is None else (without if len(said) == 1 else account.without([a.field])),
        )
        for claim, a in zip(item.claims, addends, strict=True)
    )
    alone = account.prior.add(whole.field).normalise()
    entry = LedgerEntry(
        source=item.source,
        bits=whole.bits_at(account.answer),
        bits_runner_up=whole.bits_at(second),
        information_gain_bits=alone.information_gain_bits(account.prior),
        claims=claims,
        without=without,
        **common,  # type: ignore[arg-type]
    )
    return entry, whole.log_mean


def _joined(said: Sequence[_Addend], prior: Field) -> _Addend:
    field = Field.sum([a.field for a in said])
    return _Addend(field, prior.expected(field))
