"""Words and units of road signs: whole lines that only some countries write on theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, of_countries, scaled
from whence.evidence.text.lines import TextLine
from whence.evidence.text.weighted import country_rates, in_words


@dataclass(frozen=True)
class RoadSign:
    """A line with the wording of a road sign.

    Attributes:
        text: the line.
        line: its index.
        language: its language, ``-`` for international words.
        rates: relative rate by country.
    """

    text: str
    line: int
    language: str
    rates: Mapping[str, float]


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    return tuple(
        (re.compile(rf"(?i)\W*(?:{pattern})\W*"), language, rates)
        for pattern, language, rates in lexicon.table("roadsigns.txt")
    )


def extract(lines: Sequence[TextLine], config: Config) -> list[RoadSign]:
    """Find lines that are wordings of road signs, each wording once, at most four."""
    del config
    found: dict[str, RoadSign] = {}
    for number, line in enumerate(lines):
        if len(line.text) > 40:
            continue
        for pattern, language, rates in _table():
            if pattern.pattern not in found and pattern.fullmatch(line.text):
                found[pattern.pattern] = RoadSign(line.text, number, language, country_rates(rates))
                break
    return list(found.values())[:4]


def likelihood(sign: RoadSign, spoken: Mapping[int, str], config: Config) -> Signal:
    """Road signs are worded so in some countries; arguments as in `streets.likelihood`."""
    field = of_countries(sign.rates, config.road_wrong, config.road_bound_bits)
    counted = spoken.get(sign.line) == sign.language
    if counted:
        field = scaled(field, config.street_same_language)
    return Signal(
        kind="road sign",
        read=sign.text,
        implies=f"signs say so in {in_words(dict(sign.rates))}",
        error_model=(
            f"{config.road_wrong:.0%} of such words are no road signs of the place and say nothing; at most "
            f"{config.road_bound_bits:g} bits."
        ),
        likelihood=field,
        lines=(sign.line,),
    )
