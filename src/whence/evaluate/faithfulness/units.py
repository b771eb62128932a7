"""What can be taken away from an account: sources, claims, concepts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from whence.earth.field import Field
from whence.estimate.types import Estimate
from whence.evidence.types import Claim, Evidence

CONCEPT = "concept"
"""Kind of the claims that tell one concept."""


class Level(StrEnum):
    """How finely an account is taken apart; ``region`` is a part of the picture."""

    SOURCE = "source"
    CLAIM = "claim"
    CONCEPT = "concept"
    REGION = "region"


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One part of an account.

    Attributes:
        name: what it is.
        field: what it adds to the log-density, temperature included.
    """

    name: str
    field: Field


def units_of(estimate: Estimate, level: Level) -> tuple[tuple[Unit, ...], Field]:
    """Take an account apart.

    Args:
        estimate: with its evidence.
        level: sources, claims or concepts.

    Returns:
        The units, and the rest of the belief: the prior, and what is not of that level; not normalised.
    """
    units: list[Unit] = []
    rest: list[Field] = [estimate.prior]
    for item in estimate.evidence:
        if level is Level.SOURCE:
            whole = item.log_likelihood()
            units += [] if whole is None else [Unit(item.source, whole)]
            continue
        for claim in item.claims:
            added = added_by(item, claim)
            if added is None:
                continue
            if level is Level.CLAIM or claim.kind == CONCEPT:
                units.append(Unit(f"{item.source}: {claim.kind}: {claim.read}", added))
            else:
                rest.append(added)
    return tuple(units), Field.sum(rest)


def added_by(item: Evidence, claim: Claim) -> Field | None:
    """What a claim adds to the log-density, nats; ``None`` for a remark."""
    return None if claim.likelihood is None else claim.likelihood.scale(1.0 / item.temperature)


def concept_name(claim: Claim) -> str:
    """Name of the concept that a claim tells, as the bank has it in English."""
    return claim.read.partition(":")[0]
