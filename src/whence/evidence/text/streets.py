"""Street-type words: how a country calls its streets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, of_countries, scaled
from whence.evidence.text.lines import TextLine, letters
from whence.evidence.text.weighted import country_rates, in_words

_WORD = re.compile(r"[^\W\d_]+(?:[.'’-][^\W\d_]+)*[./]?")
_PREFIX_WORDS = 6


@dataclass(frozen=True)
class StreetWord:
    """A street name with its type word.

    Attributes:
        text: the name as read.
        line: index of the line.
        word: entry of the table.
        language: its language.
        rates: relative rate by country.
    """

    text: str
    line: int
    word: str
    language: str
    rates: Mapping[str, float]


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Whole words, and endings."""
    words: dict[str, tuple[str, str]] = {}
    endings: dict[str, tuple[str, str]] = {}
    for word, language, rates in lexicon.table("streets.txt"):
        (endings if word.startswith("-") else words)[word.lstrip("-")] = (language, rates)
    return words, endings


def _entry(word: str) -> tuple[str, str, str] | None:
    words, endings = _table()
    lowered = word.lower()  # not casefold: "ß" tells Germany from Switzerland
    for form in (lowered, lowered.rstrip("./")):
        if form in words:
            return (form, *words[form])
    for ending in sorted(endings, key=len, reverse=True):
        if lowered.endswith(ending) and letters(lowered) >= len(ending) + 3:
            return ("-" + ending, *endings[ending])
    return None


def _is_street_name(found: str, words: Sequence[str], position: int, text: str) -> bool:
    """Tell a street name from a sentence that has the word: a few capitalised words around it."""
    if len(words) > _PREFIX_WORDS + 2 or letters(text) < 6:
        return False
    word = words[position]
    if found.startswith("-"):
        return word[:1].isupper() and len(word) >= 7 and len(words) <= 3
    others = [w for n, w in enumerate(words) if n != position]
    if not others or not (word[:1].isupper() or text.islower()):
        return False
    return any(other[:1].isupper() or not other[:1].islower() for other in others)


def extract(lines: Sequence[TextLine], config: Config) -> list[StreetWord]:
    """Find street names, each type word once, at most four."""
    del config
    found: dict[str, StreetWord] = {}
    for number, line in enumerate(lines):
        words = _WORD.findall(line.text)
        for position, word in enumerate(words):
            entry = _entry(word)
            if entry is None or entry[0] in found:
                continue
            name, language, rates = entry
            if _is_street_name(name, words, position, line.text):
                found[name] = StreetWord(line.text, number, name, language, country_rates(rates))
                break
    return list(found.values())[:4]


def likelihood(street: StreetWord, spoken: Mapping[int, str], config: Config) -> Signal:
    """Streets are called so in some countries.

    Args:
        street: the cue.
        spoken: language that the language cue found in each line; if it is this word's own, the word is mostly
            counted already, and its likelihood is taken to a power.
        config: constants of the error model.
    """
    field = of_countries(street.rates, config.street_wrong)
    counted = spoken.get(street.line) == street.language
    if counted:
        field = scaled(field, config.street_same_language)
    return Signal(
        kind="street name",
        read=street.text,
        implies=f"streets are called {street.word!r} in {in_words(dict(street.rates))}",
        error_model=(
            f"{config.street_wrong:.0%} of such words are no street names of the place and say nothing"
            + ("; less is left to say after the language." if counted else ".")
        ),
        likelihood=field,
        lines=(street.line,),
    )
