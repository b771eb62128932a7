"""Names of places in the text: runs of words looked up in the gazetteer.

A run of words ``w`` is read at ``x`` at the rate ``q(w) + r · Σ_A pop_A^α · k_A(x)``: either by chance (a surname,
a brand, a common word; rarer the longer the word) or because a place ``A`` of that name is around. All places of
one name are kept, so that an ambiguous name stays ambiguous; that a tiny place's name is read by its sign
rather than by chance is unlikely, which is as it should be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from whence.earth.countries import country, country_names
from whence.earth.field import Field
from whence.earth.names import normalise_name
from whence.earth.places import NameMatch, gazetteer
from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, kernels, log_mean, mixed, of_countries
from whence.evidence.text.lines import TextLine, letters, script_of

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff]{2,40}")
_MAX_WORDS = 4
_MAX_PLACES = 60
_MAX_LOOKUPS = 1500
_MAX_FUZZY = 12
_CHANCE_BY_LETTERS = {2: 3e-4, 3: 2e-4, 4: 6e-5, 5: 2e-5, 6: 8e-6, 7: 4e-6, 8: 2e-6, 9: 1e-6}
_NO_CASE = {"Hani", "Kana", "Hang", "Thai", "Arab", "Hebr", "Deva", "Beng", "Taml", "Telu", "Geor"}


@dataclass(frozen=True)
class Toponym:
    """A run of words that is the name of at least one place.

    Attributes:
        text: the words as read.
        line: index of the line.
        matches: the places, best first.
        chance: rate at which such words are read without a place of that name around.
        alone: whether the line holds nothing else.
    """

    text: str
    line: int
    matches: tuple[NameMatch, ...]
    chance: float
    alone: bool


@dataclass(frozen=True)
class CountryName:
    """The name of a country in the text."""

    text: str
    line: int
    code: str


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def is_common(text: str) -> bool:
    """Tell whether words are too common to be taken for a place: frequent, international, personal names."""
    parts = text.casefold().split()
    return all(_folded(part) in _folded_words() for part in parts)


@lru_cache(maxsize=1)
def _folded_words() -> frozenset[str]:
    every = [*lexicon.words(), *lexicon.international(), *lexicon.common_names()]
    return frozenset(_folded(word) for word in every)


def chance_of(text: str, *, capitals: bool, fuzzy: bool) -> float:
    """Rate at which words are read by chance (see the module's model).

    Args:
        text: the words.
        capitals: whether the line is all capitals, so that case tells nothing.
        fuzzy: whether they only resemble the name.
    """
    count = min(max(letters(text), 2), 9)
    rate = _CHANCE_BY_LETTERS[count]
    if script_of(text) in {"Hani", "Kana", "Hang"}:
        rate = {2: 2e-5, 3: 4e-6}.get(count, 1e-6)
    words = text.split()
    if len(words) > 1:
        rate = min(rate, 1e-6) * (3.0 if any(is_common(word) for word in words) else 0.5)
    if not capitals and words[0][:1].islower() and script_of(text) not in _NO_CASE:
        rate *= 30.0
    return rate * (20.0 if fuzzy else 1.0)


def _runs(line: TextLine) -> list[tuple[str, bool]]:
    """Runs of one to four words, longest first, with whether they are the whole line."""
    spans = [match.span() for match in _WORD.finditer(line.text)][:60]
    out = []
    for count in range(min(_MAX_WORDS, len(spans)), 0, -1):
        for first in range(len(spans) - count + 1):
            text = line.text[spans[first][0] : spans[first + count - 1][1]]
            out.append((text, count == len(spans)))
    if script_of(line.text) in {"Hani", "Kana"}:
        for run in _HAN.findall(line.text)[:20]:  # words are not separated, so parts of a run may be names
            out += [(run[i : i + n], n == len(line.text)) for n in (4, 3, 2) for i in range(len(run) - n + 1)]
    return out


def _worth_a_lookup(text: str) -> bool:
    smallest = 2 if script_of(text) in {"Hani", "Kana", "Hang"} else 4
    if letters(text) < smallest or letters(text) < 0.7 * len(text.replace(" ", "")):
        return False
    return not is_common(text)


def extract(
    lines: Sequence[TextLine], config: Config, skip: Collection[str] = (), streets: Collection[int] = ()
) -> list[Toponym]:
    """Find names of places.

    Args:
        lines: all lines.
        config: constants of the error model.
        skip: names that other cues already used, in any case.
        streets: lines that are names of streets, which are named after places far away.

    Returns:
        Each name once, the longest run of words first; words inside a longer name are not used again.
    """
    places = gazetteer()
    found: dict[str, Toponym] = {}
    unused = {name.casefold() for name in skip}
    lookups = fuzzy_left = 0
    for number, line in enumerate(lines):
        taken: list[str] = []
        capitals = line.text.isupper()
        for text, alone in _runs(line):
            key = text.casefold()
            if key in found or any(key in longer for longer in (*taken, *unused)):
                continue
            if not _worth_a_lookup(text) or lookups >= _MAX_LOOKUPS:
                continue
            lookups += 1
            fuzzy = False
            if not places.has_name(text):
                titled = capitals or text[:1].isupper()
                if not (alone and titled and letters(text) >= 7 and fuzzy_left < _MAX_FUZZY):
                    continue
                fuzzy_left += 1
                fuzzy = True
            chance = chance_of(text, capitals=capitals, fuzzy=fuzzy) * (10.0 if number in streets else 1.0)
            toponym = _toponym(text, number, places.named(text, fuzzy=fuzzy), chance, alone, config)
            if toponym is not None:
                found[key] = toponym
                taken.append(key)
    return list(found.values())


def _toponym(
    text: str, line: int, matches: tuple[NameMatch, ...], chance: float, alone: bool, config: Config
) -> Toponym | None:
    matches = tuple(m for m in matches if m.score >= 0.8)
    if not matches:
        return None
    if len({m.place.country for m in matches}) > config.name_common_countries:
        chance *= 3.0
    return Toponym(text, line, matches[:_MAX_PLACES], chance, alone)


def likelihood(toponym: Toponym, config: Config) -> Signal:
    """Where the name is read: around any of the places that bear it."""
    places = [match.place for match in toponym.matches]
    fame = [_fame(match, config) for match in toponym.matches]
    field = kernels(places, fame, config.name_far_share)
    expected = config.name_rate * (2.0 if toponym.alone else 1.0) * _mean_rate(field, toponym, fame)
    by_chance = toponym.chance + config.name_elsewhere * expected
    wrong = by_chance / (by_chance + expected)
    first = places[0]
    where = f"{first.name}, {_inside(first.division_name, first.country)}"
    others = len(places) - 1
    more = f", or one of {others} other places of that name" if others > 1 else ""
    if others == 1:
        more = f", or {places[1].name}, {_inside(places[1].division_name, places[1].country)}"
    return Signal(
        kind="place name",
        read=toponym.text,
        implies=f"named like {where}{more}",
        error_model=(
            f"Words that are names of places also stand for people, brands and places far away: here {wrong:.0%} "
            "of the readings are taken to say nothing; road signs name places up to 50 to 100 km away."
        ),
        likelihood=mixed(field, wrong, extra=places),
        lines=(toponym.line,),
    )


def _fame(match: NameMatch, config: Config) -> float:
    """How often a place is named so on its own signs, relative to a town of 10,000."""
    known_so = match.matched == normalise_name(match.place.name)
    often = (max(match.place.population, 500) / 1e4) ** config.name_fame_exponent
    return match.score * often * (1.0 if known_so else config.name_alternate_weight)


def _mean_rate(field: Field, toponym: Toponym, fame: Sequence[float]) -> float:
    """Mean over the world's people of ``Σ pop^α k_A``, peak of each kernel at its fame."""
    first = toponym.matches[0].place
    at_first = float(field.at(first.lat_deg, first.lon_deg))
    places = [match.place for match in toponym.matches]
    return fame[0] * float(np.exp(min(log_mean(field, places) - at_first, 0.0)))


def _inside(division: str, code: str) -> str:
    name = country(code).name
    return f"{division}, {name}" if division else name


def extract_countries(lines: Sequence[TextLine]) -> list[CountryName]:
    """Find names of countries in any of the languages known for them, each country once."""
    names: Mapping[str, str] = country_names()
    found: dict[str, CountryName] = {}
    for number, line in enumerate(lines):
        for text, _ in _runs(line):
            folded = " ".join(_folded(text).split())
            if letters(text) < 4 or folded not in names or text[:1].islower() or is_common(text):
                continue
            code = names[folded]
            if code not in found and len(folded) > 3:
                found[code] = CountryName(text, number, code)
    return list(found.values())


def country_likelihood(name: CountryName, config: Config) -> Signal:
    """A country's name is read a little more often there than elsewhere."""
    entry = country(name.code)
    return Signal(
        kind="country name",
        read=name.text,
        implies=f"names {entry.name}",
        error_model=(
            f"Restaurants, flags and labels name countries far away: {config.country_name_wrong:.0%} say nothing."
        ),
        likelihood=of_countries({name.code: 1.0}, config.country_name_wrong),
        lines=(name.line,),
    )
