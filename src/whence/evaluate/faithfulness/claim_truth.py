"""Truth of claims: what a claim says, held against the place where the picture was taken.

A claim about a concept (“drives on the left”, “dry climate”) is held against the layers at that place
(`whence.concepts.bank`). Any other claim says where the picture is likelier than elsewhere; it is true if the true
place is among those, by more than a tenth of a bit over the prior's average. A claim that the layers or its own
likelihood say nothing about at that place is unknowable.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from whence.concepts.bank import bank
from whence.earth.coordinates import Point
from whence.earth.field import LN2, Field
from whence.estimate.types import Estimate
from whence.evaluate.faithfulness.randomise import ranks
from whence.evaluate.faithfulness.units import CONCEPTS, added_by, concept_name
from whence.evidence.types import ALLOWANCE, Claim

_LEAST_BITS = 0.1
_PERCENT = re.compile(r"\b(\d+)% likely\b")


class Verdict(StrEnum):
    """What came of holding a claim against the true place."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWABLE = "unknowable"
    NOT_CLAIMED = "not claimed"
    """A concept that the claim itself calls less likely than not."""


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim and the place.

    Attributes:
        source: whose claim.
        kind: of the claim.
        read: what was read.
        by: ``layers`` or ``likelihood``: what it was held against.
        verdict: what came of it.
        truth: share to which it is true by the layers, NaN if unknown or held against its likelihood.
        probability: that the claim gives, NaN if it gives none.
        bits_at_truth: how much the claim speaks for the true place over the prior's average.
    """

    source: str
    kind: str
    read: str
    by: str
    verdict: Verdict
    truth: float
    probability: float
    bits_at_truth: float


def check_claims(estimate: Estimate, truth: Point) -> tuple[ClaimCheck, ...]:
    """Hold all claims of an estimate against the true place.

    Args:
        estimate: with its evidence; a resolution floor leaves none.
        truth: where the picture was taken.
    """
    truths = bank().truths(truth.lat_deg, truth.lon_deg)
    out = []
    for item in estimate.evidence:
        for claim in item.claims:
            added = added_by(item, claim)
            if added is None or claim.kind == ALLOWANCE:
                continue
            bits = _bits_at(added, estimate.prior, truth)
            place = _concepts().get(concept_name(claim)) if claim.kind in CONCEPTS else None
            if place is None:
                verdict = _by_likelihood(bits)
                out.append(
                    ClaimCheck(item.source, claim.kind, claim.read, "likelihood", verdict, math.nan, math.nan, bits)
                )
                continue
            share, probability = float(truths[place]), _probability(claim)
            verdict = _by_layers(share, probability)
            out.append(ClaimCheck(item.source, claim.kind, claim.read, "layers", verdict, share, probability, bits))
    return tuple(out)


def brier(probabilities: Float[np.ndarray, " n"], truths: Float[np.ndarray, " n"]) -> float:
    """Mean squared difference of probability and truth (Brier 1950); NaN of nothing."""
    return float(np.mean((probabilities - truths) ** 2)) if probabilities.size else math.nan


def auc(scores: Float[np.ndarray, " n"], truths: Bool[np.ndarray, " n"]) -> float:
    """Chance that a true one scores above a false one, ties count half; NaN without both."""
    positive, negative = int(truths.sum()), int((~truths).sum())
    if not positive or not negative:
        return math.nan
    return float((ranks(scores)[truths].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def _bits_at(added: Field, prior: Field, truth: Point) -> float:
    return (float(added.at(truth.lat_deg, truth.lon_deg)) - prior.expected(added)) / LN2


def _by_likelihood(bits: float) -> Verdict:
    if abs(bits) < _LEAST_BITS:
        return Verdict.UNKNOWABLE
    return Verdict.TRUE if bits > 0.0 else Verdict.FALSE


def _by_layers(share: float, probability: float) -> Verdict:
    if probability < 0.5:
        return Verdict.NOT_CLAIMED
    if math.isnan(share):
        return Verdict.UNKNOWABLE
    return Verdict.TRUE if share >= 0.5 else Verdict.FALSE


def _probability(claim: Claim) -> float:
    found = _PERCENT.search(claim.read)
    return int(found[1]) / 100.0 if found else math.nan


@lru_cache(maxsize=1)
def _concepts() -> dict[str, int]:
    """Positions in the bank by English name."""
    return {concept.name(): i for i, concept in enumerate(bank())}
