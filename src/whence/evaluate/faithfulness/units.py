"""What can be taken away from an account, sources, claims or concepts, and the belief that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np
from jaxtyping import Float

from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.estimate.types import Estimate
from whence.evidence.types import ALLOWANCE, Claim, Evidence

CONCEPTS = ("concept", "scenery")
"""Kinds of the claims that tell one concept."""


class Level(StrEnum):
    """How finely an account is taken apart; ``region`` is a part of the picture."""

    SOURCE = "source"
    CLAIM = "claim"
    CONCEPT = "concept"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Unit:
    """One part of an account.

    Attributes:
        name: what it is.
        members: which of the account's claims go with it.
        bits: at the answer, as the ledger has it.
    """

    name: str
    members: frozenset[int]
    bits: float


@final
class Account:
    """An estimate's prior and claims on one partition, so that any can be left out.

    A source that may be wrong as a whole multiplies the density by ``(1 − ε) L / E_prior[L] + ε``, with the likelihood
    ``L`` of those of its claims that are left (`whence.estimate.fuse.allowance`).

    Args:
        estimate: with its evidence.
    """

    def __init__(self, estimate: Estimate) -> None:
        bits = {id(c.claim): c.bits for entry in estimate.ledger.entries for c in entry.claims}
        self._entries = {entry.source: entry.bits for entry in estimate.ledger.entries}
        self._evidence = estimate.evidence
        told = [
            (number, claim, added)
            for number, item in enumerate(estimate.evidence)
            for claim in item.claims
            if claim.kind != ALLOWANCE and (added := added_by(item, claim)) is not None
        ]
        self._owner = [number for number, _, _ in told]
        self._claims = [claim for _, claim, _ in told]
        self._bits = [bits[id(claim)] for claim in self._claims]
        self.partition = Partition.union_of([estimate.prior.partition, *(field.partition for _, _, field in told)])
        prior = estimate.prior.on(self.partition)
        self._prior, self._prior_mass = prior.values, prior.mass
        self._values = [field.on(self.partition).values for _, _, field in told]

    def units(self, level: Level) -> tuple[Unit, ...]:
        """Its parts at a level, none of which is a remark or an allowance.

        Args:
            level: sources, claims or concepts.
        """
        if level is Level.SOURCE:
            return tuple(
                Unit(item.source, members, self._entries[item.source])
                for number, item in enumerate(self._evidence)
                if (members := frozenset(i for i, owner in enumerate(self._owner) if owner == number))
            )
        return tuple(
            Unit(f"{self._evidence[owner].source}: {claim.kind}: {claim.read}", frozenset({i}), self._bits[i])
            for i, (owner, claim) in enumerate(zip(self._owner, self._claims, strict=True))
            if level is Level.CLAIM or claim.kind in CONCEPTS
        )

    def mass(self, gone: Iterable[int] = ()) -> Float[np.ndarray, " n"]:
        """Probability in each cell when some claims are left out.

        Args:
            gone: their numbers.
        """
        left = set(range(len(self._values))) - set(gone)
        values = self._prior.copy()
        for i in left:
            if not self._evidence[self._owner[i]].wrong_share:
                values += self._values[i]
        mass = np.exp(values - values.max()) * self.partition.fractions
        for number, item in enumerate(self._evidence):
            said = [self._values[i] for i in left if self._owner[i] == number]
            if item.wrong_share and said:
                whole = np.sum(said, axis=0)
                likelihood = np.exp(whole - whole.max())
                mean = float(np.einsum("i,i", self._prior_mass, likelihood))
                mass *= (1.0 - item.wrong_share) / mean * likelihood + item.wrong_share
        return np.asarray(mass / mass.sum())


def added_by(item: Evidence, claim: Claim) -> Field | None:
    """What a claim adds to the log-density, nats; ``None`` for a remark."""
    return None if claim.likelihood is None else claim.likelihood.scale(1.0 / item.temperature)


def concept_name(claim: Claim) -> str:
    """Name of the concept that a claim tells, as the bank has it in English."""
    return claim.read.partition(":")[0]
