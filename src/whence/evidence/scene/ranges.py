"""Where species live: continents and countries by scientific name, and the countries that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from whence.core.errors import ArtifactError
from whence.earth.countries import countries

CONTINENTS = MappingProxyType(
    {
        "AF": "Africa",
        "AS": "Asia",
        "EU": "Europe",
        "NA": "North America",
        "OC": "Oceania",
        "SA": "South America",
    }
)

_ALSO = MappingProxyType(
    {
        **dict.fromkeys(("RU", "KZ"), "EU AS"),
        **dict.fromkeys(("TR", "CY", "GE", "AM", "AZ", "IL", "PS", "LB", "SY", "JO", "IQ", "IR"), "EU AS"),
        **dict.fromkeys(("MA", "DZ", "TN", "LY"), "EU AF"),
        "EG": "EU AF AS",
        **dict.fromkeys(("PA", "CR", "TT", "CO", "VE"), "NA SA"),
        **dict.fromkeys(("ID", "TL"), "AS OC"),
        **dict.fromkeys(("YE", "OM", "SA"), "AS AF"),
    }
)
"""Countries on the edge of two continents' wildlife, whatever continent they count to."""

_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Range:
    """Where a species lives.

    Attributes:
        words: for people, for example ``Europe, Asia``.
        countries: codes of the countries of it.
    """

    words: str
    countries: frozenset[str]


@lru_cache(maxsize=4)
def ranges(table: str) -> Mapping[str, Range | None]:
    """Read a shipped table: names with underscores, genus or longer; ``None`` for what says nothing.

    Raises:
        ArtifactError: the table is damaged.
    """
    text = (files("whence.evidence.scene") / "data" / f"{table}.txt").read_text(encoding="utf-8")
    found: dict[str, Range | None] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        codes, _, names = line.partition(":")
        for name in names.split():
            if name in found:
                raise ArtifactError(f"The table {table} names {name} twice.")
            found[name] = None if codes == _NOTHING else _range(codes)
    return MappingProxyType(found)


@lru_cache(maxsize=64)
def _range(codes: str) -> Range:
    if codes.startswith("="):
        own = frozenset(code.removeprefix("=") for code in codes.split())
        return Range(", ".join(countries()[code].name for code in sorted(own)), own)
    wanted = codes.split()
    unknown = [code for code in wanted if code not in CONTINENTS]
    if unknown:
        raise ArtifactError(f"There is no continent {unknown[0]!r} to live on; known: {', '.join(CONTINENTS)}.")
    inside = [
        code
        for code, entry in countries().items()
        if not set(wanted).isdisjoint(_ALSO.get(code, entry.continent).split())
    ]
    return Range(", ".join(CONTINENTS[code] for code in wanted), frozenset(inside))


def range_of(scientific_name: str, table: str) -> Range | None:
    """Where a species lives, ``None`` if unknown: the longest name that the table has, down to the genus.

    Args:
        scientific_name: genus, species and perhaps subspecies.
        table: ``bird_ranges`` or ``insect_ranges``.
    """
    words = scientific_name.split()
    known = ranges(table)
    for length in range(min(len(words), 3), 0, -1):
        name = "_".join(words[:length])
        if name in known:
            return known[name]
    return None
