"""`Outcomes`: what it says of a place that a search laid the query nowhere on it, or laid it wrongly.

A search may miss a place that it was given: with the rates of an outcome where the query belongs and where it does not,
finding nothing multiplies the odds of the place by ``P(nothing | belongs) / P(nothing | does not)``, and so does a
transform that is wrong. Both rates were counted on pairs of known truth, each search by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from whence.core.errors import ArtifactError

SCHEMA = 1
"""Version of the layout of the file."""

SEARCHES = ("points", "dense", "correlation")
"""Ways to search: by points, by points and a dense search, by correlation of edges alone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the two ways to fail add to the log-odds of a place, in nats.

    Attributes:
        nothing: that no transform was found.
        wrong: that the transform which was found is wrong.
    """

    nothing: float
    wrong: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.nothing) and math.isfinite(self.wrong)):
            raise ArtifactError(f"The log-odds of outcomes are finite numbers, received {self}.")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Log-odds of failing for each way to search.

    Attributes:
        name: of the table.
        by_search: by the name of a matcher, such as ``sift``, and for each of `SEARCHES` for all other matchers; those
            of ``points`` stand in for any that is missing.
        card: what was counted, by site, and how well it holds for sites that were not.
    """

    name: str
    by_search: Mapping[str, Outcome]
    card: Mapping[str, object]

    def of(self, matcher: str) -> Outcome:
        """Of a matcher, by its name in a registration."""
        return self.by_search[self.counted_as(matcher)]

    def counted_as(self, matcher: str) -> str:
        """Which entry speaks of a matcher: its own, else that of its way to search."""
        return next(name for name in (matcher, search_of(matcher), "points") if name in self.by_search)

    @staticmethod
    def from_json(text: str) -> Outcomes:
        """Read a table.

        Raises:
            ArtifactError: it is damaged or of another schema.
        """
        try:
            raw = json.loads(text)
            if raw["schema"] != SCHEMA:
                raise ArtifactError(
                    f"The table of outcomes has schema {raw['schema']}, this version reads {SCHEMA}; count it again."
                )
            found = {name: Outcome(float(of["nothing"]), float(of["wrong"])) for name, of in raw["log_odds"].items()}
            if "points" not in found:
                raise ArtifactError("The table of outcomes says nothing of searches by points; count it again.")
            return Outcomes(str(raw["name"]), found, raw["card"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"This is no table of outcomes ({error!r}); count it again.") from error

    def to_json(self) -> str:
        """Write a table, readable by people."""
        odds = {
            name: {"nothing": round(of.nothing, 4), "wrong": round(of.wrong, 4)} for name, of in self.by_search.items()
        }
        raw = {"schema": SCHEMA, "name": self.name, "log_odds": odds, "card": dict(self.card)}
        return json.dumps(raw, indent=1, ensure_ascii=False) + "\n"


def search_of(matcher: str) -> str:
    """How a matcher searches, one of `SEARCHES`, by its name in a registration."""
    if matcher == "correlation":
        return matcher
    return "dense" if "dense" in matcher.split("+") else "points"


@lru_cache(maxsize=1)
def shipped_outcomes() -> Outcomes:
    """The table that comes with the package; its card says what was counted."""
    return Outcomes.from_json((files(__package__) / "outcomes.json").read_text(encoding="utf-8"))
