"""`VerifierTable`: log-odds of a match as a sum of curves, one for each measure.

``log-odds = prior + Σ f_k(x_k)`` with each ``f_k`` a broken line that rises or falls only one way and is flat beyond
its ends: a generalised additive model (Hastie and Tibshirani 1990) whose terms can be read off, drawn and stated one by
one. The curves were fitted by logistic regression to true and false registrations in equal weight, so that the prior is
the share of true matches among those that are asked about.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from whence.core.errors import ArtifactError
from whence.crossview.types import Registration

SCHEMA = 1
"""Version of the layout of the file."""

SCREENED = frozenset({"lead", "screening"})
"""Statistics by which a place was held against others."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A broken line.

    Attributes:
        measure: which number it reads.
        at: values of the measure, rising.
        log_odds: what each adds, in nats.
    """

    measure: str
    at: tuple[float, ...]
    log_odds: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.at, self.at[1:], strict=False))
        if len(self.at) != len(self.log_odds) or not self.at or not rising:
            raise ArtifactError(f"The curve of {self.measure!r} needs rising values and a number for each.")
        if not all(math.isfinite(value) for value in (*self.at, *self.log_odds)):
            raise ArtifactError(f"The curve of {self.measure!r} holds numbers that are not finite.")

    def __call__(self, value: float) -> float:
        """What a value adds to the log-odds; flat beyond the ends."""
        return float(np.interp(value, self.at, self.log_odds))


@dataclass(frozen=True, slots=True)
class VerifierTable:
    """Curves for each family of matchers.

    Attributes:
        name: of the table.
        curves: by family, then by measure.
        threshold: probability from which a match is accepted unless the user says otherwise.
        card: what it was fitted on, with what result, and the rights in that.
    """

    name: str
    curves: Mapping[str, tuple[Curve, ...]]
    threshold: float
    card: Mapping[str, object]

    def curves_for(self, registration: Registration) -> tuple[Curve, ...]:
        """Curves of the family of a registration; those of ``points`` if it has none of its own."""
        family = family_of(registration.matcher, registration.statistics)
        return self.curves.get(family, self.curves["points"])

    @staticmethod
    def from_json(text: str) -> VerifierTable:
        """Read a table.

        Raises:
            ArtifactError: it is damaged or of another schema.
        """
        try:
            raw = json.loads(text)
            if raw["schema"] != SCHEMA:
                raise ArtifactError(f"The table has schema {raw['schema']}, this version reads {SCHEMA}; fit it again.")
            curves = {
                family: tuple(Curve(c["measure"], tuple(c["at"]), tuple(c["log_odds"])) for c in given)
                for family, given in raw["curves"].items()
            }
            if "points" not in curves:
                raise ArtifactError("The table has no curves for places found by points; fit it again.")
            return VerifierTable(str(raw["name"]), curves, float(raw["threshold"]), raw["card"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"This is no table of a verifier ({error!r}); fit it again.") from error

    def to_json(self) -> str:
        """Write a table, readable by people."""
        raw = {
            "schema": SCHEMA,
            "name": self.name,
            "threshold": self.threshold,
            "card": dict(self.card),
            "curves": {
                family: [
                    {
                        "measure": curve.measure,
                        "at": [round(value, 5) for value in curve.at],
                        "log_odds": [round(value, 4) for value in curve.log_odds],
                    }
                    for curve in curves
                ]
                for family, curves in self.curves.items()
            },
        }
        return json.dumps(raw, indent=1, ensure_ascii=False) + "\n"


def family_of(matcher: str, statistics: Mapping[str, float]) -> str:
    """Who found the place, as edges confirm too easily what was found by edges.

    ``correlation`` where nothing else was asked, ``dense`` where points then confirmed what a dense search found,
    ``screened`` where several places that points found were held against each other, else ``points``.
    """
    if matcher == "correlation":
        return matcher
    if statistics.get("dense_z", 0.0) > 0.0:
        return "dense"
    return "screened" if statistics.keys() >= SCREENED else "points"


@lru_cache(maxsize=1)
def shipped_table() -> VerifierTable:
    """The table that comes with the package; its card says what it was fitted on."""
    return VerifierTable.from_json((files(__package__) / "sites.json").read_text(encoding="utf-8"))
