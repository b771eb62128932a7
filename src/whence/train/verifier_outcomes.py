"""`fit_outcomes`: counts how searches end where the query belongs and where it does not.

Sites weigh the same, as a user's site is another one. A rate of ``k`` in ``n`` counts as ``(k + ½) / (n + 1)``
(Jeffreys), so that what was never seen is not impossible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError
from whence.crossview.verify.outcomes import Outcome

NOTHING, WRONG, OTHER = "nothing", "wrong", "other"
"""How a search may end: no transform, one that is wrong, or another one (right, or too near to call wrong)."""

ENDS = (NOTHING, WRONG, OTHER)


@dataclass(frozen=True, slots=True)
class Searched:
    """A pair that was searched.

    Attributes:
        site: where it comes from.
        belongs: whether the reference shows the query's ground.
        end: one of `ENDS`.
    """

    site: str
    belongs: bool
    end: str


def counts(pairs: Iterable[Searched]) -> dict[str, dict[str, dict[str, int]]]:
    """How often each search ended how: by site, then ``belongs`` or ``does not``, then `ENDS` and ``pairs``."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for pair in pairs:
        site = found.setdefault(pair.site, {side: dict.fromkeys((*ENDS, "pairs"), 0) for side in _SIDES.values()})
        own = site[_SIDES[pair.belongs]]
        own[pair.end] += 1
        own["pairs"] += 1
    return found


_SIDES = {True: "belongs", False: "does not"}


def fit_outcomes(pairs: Sequence[Searched]) -> Outcome:
    """Log-odds of failing, from pairs of one way to search.

    Args:
        pairs: of known truth; sites that have only one of the two answers are left out.

    Raises:
        InputError: no site has both pairs that belong and pairs that do not.
    """
    by_site = [site for site in counts(pairs).values() if all(site[side]["pairs"] for side in _SIDES.values())]
    if not by_site:
        raise InputError(
            f"Outcomes are counted where queries belong and where they do not; no site of {len(pairs)} pairs has both."
        )
    return Outcome(_log_ratio(by_site, NOTHING), _log_ratio(by_site, WRONG))


def _log_ratio(by_site: Sequence[Mapping[str, Mapping[str, int]]], end: str) -> float:
    rates = {
        side: float(np.mean([(site[side][end] + 0.5) / (site[side]["pairs"] + 1.0) for site in by_site]))
        for side in _SIDES.values()
    }
    return math.log(rates["belongs"] / rates["does not"])


def held_out(pairs: Sequence[Searched]) -> dict[str, Outcome]:
    """For each site the log-odds that the others give; sites without any other are left out."""
    found = {}
    for site in sorted({pair.site for pair in pairs}):
        try:
            found[site] = fit_outcomes([pair for pair in pairs if pair.site != site])
        except InputError:
            continue
    return found


def stated_and_seen(pairs: Sequence[Searched], end: str) -> dict[str, dict[str, float]]:
    """For each site the share that belongs among pairs that ended so, at even prior: as the others say, and as it is.

    Args:
        pairs: of one way to search.
        end: one of `ENDS`.

    Returns:
        By site ``stated``, ``seen`` and the number of ``pairs``; sites without such pairs are left out.
    """
    found = {}
    told, seen = held_out(pairs), counts(pairs)
    for site, outcome in told.items():
        belongs, rest = seen[site]["belongs"], seen[site]["does not"]
        if not (belongs["pairs"] and rest["pairs"] and belongs[end] + rest[end]):
            continue
        shares = belongs[end] / belongs["pairs"], rest[end] / rest["pairs"]
        stated = 1.0 / (1.0 + math.exp(-(outcome.nothing if end == NOTHING else outcome.wrong)))
        found[site] = {
            "stated": round(stated, 3),
            "seen": round(shares[0] / (shares[0] + shares[1]), 3),
            "pairs": float(belongs[end] + rest[end]),
        }
    return found
