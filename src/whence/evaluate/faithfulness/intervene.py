"""Intervention test: what the ledger says of a change, against the belief that is found when the change is made.

Two changes can be told from the account alone. Without a source, the belief is the prior and the other sources' claims.
With a concept at another strength, its claim is as many times what it was, and the rest stays. One rule of the model
goes with it: where the model knows nothing, its likelihood is the mean of what it is elsewhere
(`whence.evidence.alignment.parts`).

The grid is not refined here, as finer cells lie where the changed belief has its mass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from whence.earth.field import LN2, Field
from whence.estimate.fuse import allowance, fuse
from whence.estimate.types import Estimate
from whence.evaluate.faithfulness.concept_sources import ConceptSource
from whence.evaluate.faithfulness.regions import Ask, total_variation
from whence.evaluate.faithfulness.units import CONCEPTS, concept_name
from whence.evidence.types import ALLOWANCE, Claim, Evidence
from whence.samples.view import Query

EXACT = 1e-6
"""Largest difference, bits, at which a prediction counts as exact."""

FACTORS = (0.0, 0.5, 2.0)
"""Times the strength that a concept had."""

Make = Callable[[Mapping[str, str], str | None], Ask]
"""Makes what locates, with settings beyond the usual ones and without the source of a name."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change, as predicted and as found.

    Attributes:
        change: what was done, in words.
        bits: largest difference between the two beliefs, log₂ density, over all cells.
        variation: total variation between them.
        moved: total variation between the belief before and the one found, so that one sees that something happened.
    """

    change: str
    bits: float
    variation: float
    moved: float

    @property
    def exact(self) -> bool:
        """Whether the prediction holds to `EXACT`."""
        return self.bits <= EXACT


def remove_sources(query: Query, make: Make) -> tuple[Intervention, ...]:
    """Take each source that said something away, and compare.

    Args:
        query: what is located.
        make: see `Make`.
    """
    before = make({}, None)(query)
    said = [item.source for item in before.evidence if item.likelihoods]
    out = []
    for name in said:
        predicted = fuse(before.prior, [item for item in before.evidence if item.source != name])
        out.append(_compared(f"without {name}", before, predicted, make({}, name)(query)))
    return tuple(out)


def edit_concepts(query: Query, make: Make, source: ConceptSource, concepts: int = 2) -> tuple[Intervention, ...]:
    """Set the concepts of the most bits to other strengths, and compare.

    Args:
        query: of one view; others give nothing, as a setting changes all views at once.
        make: see `Make`; what it locates with asks the source.
        source: whose concepts they are.
        concepts: how many.
    """
    strengths = source.strengths(query) if len(query.views) == 1 else None
    before = make(source.unrefined, None)(query)
    said = next((item for item in before.evidence if item.source == source.name and item.likelihoods), None)
    if said is None or strengths is None:
        return ()
    out = []
    for claim in _strongest(before, source.name, concepts):
        row = source.names.index(concept_name(claim))
        for factor in FACTORS:
            old, value = float(strengths[row]), float(strengths[row]) * factor
            edited = scaled_concept(said, claim, factor, before.prior, means_elsewhere=source.means_elsewhere)
            changed = [edited if item is said else item for item in before.evidence]
            found = make(source.set_to(source.ids[row], value), None)(query)
            words = f"{source.names[row]} from {old:.3f} to {value:.3f}"
            out.append(_compared(words, before, fuse(before.prior, changed), found))
    return tuple(out)


def scaled_concept(item: Evidence, concept: Claim, factor: float, prior: Field, *, means_elsewhere: bool) -> Evidence:
    """Evidence on one view with one concept's claim times a factor.

    Args:
        item: with claims of which every concept has its own.
        concept: one of its claims.
        factor: new strength over old, 0 or more.
        prior: normalised; over which a source that may be wrong is averaged.
        means_elsewhere: whether the last claim, where no other tells anything, is the mean likelihood elsewhere.
    """
    told = [claim for claim in item.claims if claim.likelihood is not None and claim.kind != ALLOWANCE]
    changed = {id(concept): _field(concept).scale(factor)}
    if means_elsewhere:
        last, remainder = told[-1], _field(told[-1])
        inside = np.any([_field(claim).values != 0.0 for claim in told if claim is not last], axis=0)
        total = Field.sum([changed.get(id(claim), _field(claim)) for claim in told]).values[inside]
        shares, peak = remainder.partition.fractions[inside], float(np.max(total))
        mean = peak + float(np.log(np.sum(np.exp(total - peak) * shares) / np.sum(shares)))
        changed[id(last)] = Field(remainder.partition, np.where(inside, remainder.values, mean))
    claims = tuple(
        replace(claim, likelihood=changed.get(id(claim), claim.likelihood))
        for claim in item.claims
        if claim.kind != ALLOWANCE
    )
    made = replace(item, claims=claims)
    extra = allowance(Field.sum(made.likelihoods).scale(1.0 / item.temperature), item.wrong_share, prior)
    if extra is None:
        return made
    allowed = Claim(ALLOWANCE, "", "", likelihood=extra.scale(item.temperature))
    return replace(made, claims=(*claims, allowed))


def _field(claim: Claim) -> Field:
    assert claim.likelihood is not None
    return claim.likelihood


def _strongest(estimate: Estimate, source: str, count: int) -> Sequence[Claim]:
    """Concept claims of the most bits at the answer, for or against it."""
    found = [
        claim
        for entry in estimate.ledger.entries
        if entry.source == source
        for claim in entry.claims
        if claim.claim.kind in CONCEPTS and claim.claim.likelihood is not None
    ]
    return [entry.claim for entry in sorted(found, key=lambda entry: -abs(entry.bits))[:count]]


def _compared(change: str, before: Estimate, predicted: Field, found: Estimate) -> Intervention:
    return Intervention(
        change,
        largest_difference_bits(predicted, found.belief),
        total_variation(predicted, found.belief),
        total_variation(before.belief, found.belief),
    )


def largest_difference_bits(first: Field, second: Field) -> float:
    """Largest difference of two log₂ densities over all cells; places that both rule out do not differ."""
    partition = first.partition.union(second.partition)
    a, b = first.on(partition).values, second.on(partition).values
    same = a == b
    return 0.0 if same.all() else float(np.max(np.abs(a[~same] - b[~same]))) / LN2
