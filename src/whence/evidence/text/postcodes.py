"""Postcodes: distinctive formats by themselves, plain numbers only next to the name of a town."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from whence.earth.countries import country
from whence.earth.field import Field
from whence.earth.places import Place, gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.evidence.text import areas, lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, kernels, log_mean, mixed, of_countries
from whence.evidence.text.lines import TextLine, letters

_AFTER = re.compile(r"^[\s,–-]*([^\W\d_][^\d,;|]{2,40})")
_BEFORE = re.compile(r"([^\W\d_][^\d,;|]{2,40})[\s,–-]*$")
_WORDS_IN_NAME = 4


@dataclass(frozen=True)
class Postcode:
    """A postcode with what stands next to it.

    Attributes:
        text: as read, with the town.
        line: index of the line.
        countries: ISO2 codes whose format it has, and where the town exists.
        places: towns of the name next to it in those countries, largest first.
        division: first-level division that it names (``US.NV``), may be empty.
        strong: whether the format alone is distinctive.
        town: the town's name as read, may be empty.
    """

    text: str
    line: int
    countries: tuple[str, ...]
    places: tuple[Place, ...]
    division: str
    strong: bool
    town: str


@lru_cache(maxsize=1)
def _formats() -> tuple[tuple[str, re.Pattern[str], tuple[str, ...], bool], ...]:
    return tuple(
        (row[0], re.compile(row[1]), tuple(row[2].split()), row[3] == "strong")
        for row in lexicon.table("postcodes.txt")
    )


@lru_cache(maxsize=1)
def _areas() -> dict[tuple[str, str], str]:
    return {(row[0], row[1]): row[2] for row in lexicon.table("postcode_areas.txt")}


def _towns(text: str, codes: Sequence[str], from_end: bool) -> tuple[str, tuple[Place, ...]]:
    """The longest run of words next to the code that names a town in one of the countries."""
    words = text.split()
    for count in range(min(_WORDS_IN_NAME, len(words)), 0, -1):
        run = words[-count:] if from_end else words[:count]
        name = " ".join(run).strip(" .,-–()")
        if letters(name) < 2 or name[:1].islower() or not gazetteer().has_name(name):
            continue
        found = [match.place for match in gazetteer().named(name) if match.place.country in codes]
        if found:
            return name, tuple(found[:40])
    return "", ()


def _beside(line: str, start: int, end: int, codes: Sequence[str]) -> tuple[str, tuple[Place, ...]]:
    after = _AFTER.match(line[end:])
    if after:
        name, places = _towns(after.group(1), codes, from_end=False)
        if places:
            return name, places
    before = _BEFORE.search(line[:start])
    return _towns(before.group(1), codes, from_end=True) if before else ("", ())


def _division_of(name: str, code: str) -> str:
    """Division that the letters of a code name: the American state."""
    if name == "US":
        division = f"US.{code[:2]}"
        return division if division in regions(RegionLevel.REGION) else ""
    return ""


def _area_places(name: str, code: str) -> tuple[Place, ...]:
    if name != "GB":
        return ()
    prefix = re.match(r"[A-Z]{1,2}(?=\d)", code)
    town = _areas().get(("GB", prefix.group())) if prefix else None
    return tuple(m.place for m in gazetteer().named(town, country="GB", limit=1)) if town else ()


def _read(
    line: str, number: int, name: str, match: re.Match[str], codes: tuple[str, ...], strong: bool
) -> Postcode | None:
    code = match.group()
    town, places = _beside(line, match.start(), match.end(), codes)
    if not strong:
        if not places or re.fullmatch(r"(?:19|20)\d\d", code):
            return None
        return Postcode(f"{code} {town}", number, tuple(sorted({p.country for p in places})), places, "", False, town)
    if name in {"PL", "PT", "NL"} and not places and code != line.strip():
        return None  # phone numbers, times and order numbers look the same
    places = places or _area_places(name, code)
    shown = f"{code} {town}".strip() if line.find(town) > match.start() else f"{town} {code}".strip()
    return Postcode(shown, number, codes, places, _division_of(name, code), True, town)


def extract(lines: Sequence[TextLine], config: Config) -> list[Postcode]:
    """Find postcodes, one a line, those of distinctive formats first; a town may stand on the next line."""
    del config
    found: list[Postcode] = []
    for number, line in enumerate(lines):
        best: Postcode | None = None
        for name, pattern, codes, strong in _formats():
            match = pattern.search(line.text)
            postcode = _read(line.text, number, name, match, codes, strong) if match else None
            if postcode and (best is None or (postcode.strong, bool(postcode.town)) > (best.strong, bool(best.town))):
                best = postcode
        if best is not None and all(best.text != other.text for other in found):
            found.append(best)
    return sorted(found, key=lambda postcode: not postcode.strong)[:6]


def likelihood(postcode: Postcode, config: Config) -> Signal:
    """Addresses are mostly of the place where they are shown, or at least of its country."""
    wrong = config.postcode_wrong if postcode.strong or postcode.places else config.postcode_weak_wrong
    if postcode.strong and not postcode.places:
        wrong = 0.5 * (wrong + 0.3)
    field = of_countries(_country_weights(postcode), wrong)
    if postcode.division:
        local = areas.log_field(RegionLevel.REGION, {postcode.division: 0.0}, -27.0)
        field = _blend(field, local, 0.7, wrong)
    if postcode.places:
        fame = [max(place.population, 500) ** 0.5 for place in postcode.places]
        field = _blend(field, kernels(postcode.places, fame, 0.4), 0.7, wrong, postcode.places)
    names = ", ".join(country(code).name for code in postcode.countries[:4])
    first = postcode.places[0] if postcode.places else None
    return Signal(
        kind="postcode",
        read=postcode.text,
        implies=f"has the format of {names}" + (f", around {first.name}" if first else ""),
        error_model=(
            f"{wrong:.0%} of such texts are other numbers or addresses elsewhere and say nothing; 30 % of the others "
            "stand somewhere else in the country."
        ),
        likelihood=field,
        lines=(postcode.line,),
    )


def _country_weights(postcode: Postcode) -> dict[str, float]:
    """The larger the town of that name in a country, the likelier the country."""
    weights = dict.fromkeys(postcode.countries, 1e-3 if postcode.places else 1.0)
    for place in postcode.places:
        weights[place.country] = max(weights.get(place.country, 0.0), (max(place.population, 500) / 1e7) ** 0.5)
    return weights


def _blend(national: Field, local: Field, share: float, wrong: float, extra: Sequence[Place] = ()) -> Field:
    """A mixture of a country's likelihood and a local one, both of mean 1 over people."""
    mean = log_mean(local, extra)
    partition = national.partition.union(local.partition)
    near = np.exp(np.minimum(local.on(partition).values - mean, 40.0))
    far = np.exp(national.on(partition).values)
    return mixed(Field(partition, np.log((1.0 - share) * far + share * near + 1e-12)), wrong * 0.5, extra=extra)
