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

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""By site, then ``belongs`` or ``does not``, then one of `ENDS` or ``pairs``."""

_SIDES = {True: "belongs", False: "does not"}


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
    """How often the searches ended how, as `Counts` has it."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for pair in pairs:
        site = found.setdefault(pair.site, {side: dict.fromkeys((*ENDS, "pairs"), 0) for side in _SIDES.values()})
        own = site[_SIDES[pair.belongs]]
        own[pair.end] += 1
        own["pairs"] += 1
    return found


def fit_outcomes(pairs: Sequence[Searched]) -> Outcome:
    """Log-odds of failing, from pairs of one way to search.

    Args:
        pairs: of known truth; sites that have only one of the two answers are left out.

    Raises:
        InputError: no site has both pairs that belong and pairs that do not.
    """
    return outcome_of(counts(pairs))


def outcome_of(counted: Counts, without: str = "") -> Outcome:
    """Log-odds of failing, from what `counts` gives.

    Args:
        counted: by site, as the card of a table holds it for each way to search.
        without: a site to leave out.

    Raises:
        InputError: no site has both pairs that belong and pairs that do not.
    """
    by_site = [
        site
        for name, site in counted.items()
        if name != without and all(site[side]["pairs"] for side in _SIDES.values())
    ]
    if not by_site:
        raise InputError(
            "Outcomes are counted where queries belong and where they do not; no site has pairs of both: "
            f"{', '.join(counted) or 'there are none'}."
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
    found, counted = {}, counts(pairs)
    for site in sorted(counted):
        try:
            found[site] = outcome_of(counted, without=site)
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
