"""The word and letter lists in ``data/``, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


def _rows(name: str) -> list[str]:
    text = (files("whence.evidence.text") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def words() -> Mapping[str, frozenset[str]]:
    """Return for each listed word the languages in which it is frequent."""
    found: dict[str, set[str]] = {}
    for row in _rows("words.txt"):
        language, _, listed = row.partition(":")
        for word in listed.split():
            found.setdefault(word, set()).add(language)
    return MappingProxyType({word: frozenset(languages) for word, languages in found.items()})


@lru_cache(maxsize=1)
def listed_languages() -> frozenset[str]:
    """Languages that the word list covers."""
    return frozenset(language for languages in words().values() for language in languages)


@lru_cache(maxsize=1)
def international() -> frozenset[str]:
    """Words that stand on signs everywhere."""
    return frozenset(word for row in _rows("international.txt") for word in row.split())


@lru_cache(maxsize=1)
def common_names() -> frozenset[str]:
    """Personal names and nouns that are names of places too."""
    return frozenset(word for row in _rows("common_names.txt") for word in row.split())


@lru_cache(maxsize=1)
def letters() -> Mapping[str, frozenset[str]]:
    """Return for each letter beyond a to z the languages in Latin script that write it."""
    found: dict[str, set[str]] = {}
    for row in _rows("letters.txt"):
        language, _, listed = row.partition(":")
        for letter in listed.strip().casefold():
            if letter.isalpha():
                found.setdefault(letter, set()).add(language)
    return MappingProxyType({letter: frozenset(languages) for letter, languages in found.items()})


@lru_cache(maxsize=1)
def lettered_languages() -> frozenset[str]:
    """Languages whose letters are listed."""
    return frozenset(row.partition(":")[0] for row in _rows("letters.txt"))


@lru_cache(maxsize=1)
def divisions() -> Mapping[str, Mapping[str, float]]:
    """Return for some first-level divisions the relative weights of languages on signs."""
    found = {}
    for row in _rows("divisions.txt"):
        code, _, listed = row.partition(":")
        pairs = (item.split("=") for item in listed.split())
        found[code] = MappingProxyType({language: float(weight) for language, weight in pairs})
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def hanzi() -> tuple[frozenset[str], frozenset[str]]:
    """Characters that only simplified, and that only traditional Chinese writes."""
    rows = dict(row.split(": ") for row in _rows("hanzi.txt"))
    simplified, traditional = frozenset(rows["simplified"]), frozenset(rows["traditional"])
    return simplified - traditional, traditional - simplified


@lru_cache(maxsize=16)
def table(name: str) -> tuple[tuple[str, ...], ...]:
    """Return a tab-separated table of ``data/`` as rows of its cells, comments left out."""
    return tuple(tuple(cell.strip() for cell in row.split("\t")) for row in _rows(name))
