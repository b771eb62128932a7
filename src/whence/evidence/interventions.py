"""Interventions: what a user sets a concept to, to see how the answer would move."""

from __future__ import annotations

import math

from whence.core.errors import OptionError


def parse_interventions(text: str, *, signed: bool = False) -> dict[str, float]:
    """Read ``terrain/mountains=0;climate/hot_desert=0.4`` into strengths by concept.

    Args:
        text: as above.
        signed: whether strengths below 0 make sense.

    Raises:
        OptionError: an entry that is none, or a concept that stands twice.
    """
    out: dict[str, float] = {}
    least = -math.inf if signed else 0.0
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        try:
            strength = float(value)
        except ValueError:
            strength = math.nan
        if not (equals and name and least <= strength < math.inf and math.isfinite(strength)) or name in out:
            raise OptionError(
                f"An intervention is written CONCEPT=STRENGTH, once a concept, the strength "
                f"{'a number' if signed else '0 or more'}, several separated by semicolons; received {entry!r}."
            )
        out[name] = strength
    return out
