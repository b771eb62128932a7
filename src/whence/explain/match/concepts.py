"""Claims of concepts: what a concept model reads in both pictures, where one reads both kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError
from whence.crossview.types import MatchClaim

CONCEPTS = "concepts"
"""Kind of the claim made here."""

_TOP = 5
_SURE = 0.01


@dataclass(frozen=True, eq=False)
class ConceptReadings:
    """Scores of the same concepts in both pictures, by one model that reads both kinds.

    Attributes:
        names: of the concepts, as words are to say them.
        query: score of each in the query, higher is stronger.
        reference: score of each in the reference, on the ground that the query shows.
    """

    names: tuple[str, ...]
    query: Float[np.ndarray, " _"]
    reference: Float[np.ndarray, " _"]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.query) == len(self.reference):
            raise InputError(
                f"Concept readings need a name and two scores each, received {len(self.names)} names, "
                f"{len(self.query)} scores of the query and {len(self.reference)} of the reference."
            )


def concept_claims(readings: ConceptReadings | None) -> tuple[MatchClaim, ...]:
    """Compare the five strongest concepts of both pictures.

    Args:
        readings: ``None`` if no model reads both pictures: then nothing is claimed.
    """
    if readings is None or len(readings.names) <= _TOP:
        return ()
    count = len(readings.names)
    tops = [np.argsort(-scores, kind="stable")[:_TOP].tolist() for scores in (readings.query, readings.reference)]
    shared = [i for i in tops[0] if i in tops[1]]
    chance = _as_many(len(shared), count)
    ranks = np.empty(count, int)
    ranks[np.argsort(-readings.reference, kind="stable")] = np.arange(count)
    verdict = "agrees" if shared and chance <= _SURE else "unclear"
    if not shared and count >= 4 * _TOP and all(ranks[i] >= count // 2 for i in tops[0]):
        verdict = "contradicts"
    values: dict[str, float | str] = {
        "shared": len(shared),
        "shared_names": ", ".join(readings.names[i] for i in shared) or "none",
        "query_names": ", ".join(readings.names[i] for i in tops[0]),
        "reference_names": ", ".join(readings.names[i] for i in tops[1]),
        "chance_share": chance,
    }
    check = f"The {_TOP} strongest of {count} concepts on each side; chance is that of as many shared by lot."
    return (MatchClaim(CONCEPTS, verdict, values, 0.0, (), check),)


def _as_many(shared: int, count: int) -> float:
    """Probability that two random choices of five share at least so many."""
    ways = math.comb(count, _TOP)
    return sum(math.comb(_TOP, k) * math.comb(count - _TOP, _TOP - k) for k in range(shared, _TOP + 1)) / ways
