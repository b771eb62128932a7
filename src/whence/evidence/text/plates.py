"""Licence plates: a weak cue, because cars travel and many formats are alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.earth.countries import country
from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, of_countries
from whence.evidence.text.lines import TextLine


@dataclass(frozen=True)
class Plate:
    """A whole line that has the format of a country's plates."""

    text: str
    line: int
    countries: tuple[str, ...]


@lru_cache(maxsize=1)
def _formats() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((re.compile(row[0]), tuple(row[1].split())) for row in lexicon.table("plates.txt"))


def extract(lines: Sequence[TextLine], config: Config) -> list[Plate]:
    """Find plates: whole lines of a national format; each format once."""
    del config
    found: dict[tuple[str, ...], Plate] = {}
    for number, line in enumerate(lines):
        codes = tuple(sorted({c for pattern, cs in _formats() if pattern.match(line.text) for c in cs}))
        if codes and codes not in found and line.box is not None:
            found[codes] = Plate(line.text, number, codes)
    return list(found.values())


def likelihood(plate: Plate, config: Config) -> Signal:
    """Most cars are of the country, but the format may be a coincidence."""
    names = ", ".join(country(code).name for code in plate.countries)
    return Signal(
        kind="licence plate",
        read=plate.text,
        implies=f"has the format of plates of {names}",
        error_model=(
            f"{config.plate_wrong:.0%} of such texts are no plates or are of cars from abroad; at most "
            f"{config.plate_bound_bits:g} bits."
        ),
        likelihood=of_countries(dict.fromkeys(plate.countries, 1.0), config.plate_wrong, config.plate_bound_bits),
        lines=(plate.line,),
    )
