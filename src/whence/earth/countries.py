"""Facts on countries: names, languages with scripts and speakers, money, calling codes, domains, roads.

A country here is a code of ISO 3166-1 alpha-2, or ``XK`` for Kosovo, as GeoNames uses them: French Guiana
(``GF``) or Svalbard (``SJ``) are entries of their own.

Sources: Unicode CLDR (languages, shares, scripts, currencies), GeoNames (names, population, area, domains),
libphonenumber (calling codes); sides and units of roads are facts listed in ``scripts/tables_countries.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from whence.core.errors import OptionError, unknown_name
from whence.earth.names import normalise_name
from whence.earth.tables import read_json

SAME_LANGUAGE = MappingProxyType(
    {"no": "nb", "tl": "fil", "iw": "he", "in": "id", "ji": "yi", "mo": "ro", "jw": "jv", "arb": "ar", "cmn": "zh"}
)
"""Codes that language detectors write, and the one that CLDR counts speakers under."""


@dataclass(frozen=True, slots=True)
class LanguageShare:
    """One language in one script, as far as a country uses it.

    Attributes:
        language: base subtag of BCP 47, for example ``de``.
        script: ISO 15924 code, for example ``Latn``; Japanese is ``Jpan``, Korean ``Kore``, Chinese ``Hans``
            or ``Hant``.
        share: people who can use it over the population, 0..1; shares of a country add up to more than 1.
        official: official, or so in fact, in the whole country.
        regional: official in a part of it.
    """

    language: str
    script: str
    share: float
    official: bool
    regional: bool = False


@dataclass(frozen=True, slots=True)
class Country:
    """Facts on one country.

    Attributes:
        code: ISO 3166-1 alpha-2 (``XK`` for Kosovo).
        iso3: ISO 3166-1 alpha-3.
        numeric: ISO 3166-1 numeric, three digits, empty where there is none.
        name: English name.
        local_names: names in its own languages, most spoken official one first.
        continent: ``AF AN AS EU NA OC SA``.
        capital: English name of the capital, may be empty.
        languages: by falling share.
        currencies: ISO 4217 codes in use.
        currency_symbols: as written there, for example ``kr`` or ``zł``; codes where no symbol is in use.
        calling_codes: without the plus, for example ``49``.
        tlds: top-level domains without the dot, in their own script too.
        driving_side: ``left`` or ``right``.
        road_unit: unit of distances and speeds on signs, ``km`` or ``mi``.
        temperature_unit: ``C`` or ``F``.
        population: people.
        area_km2: km² as GeoNames states it.
    """

    code: str
    iso3: str
    numeric: str
    name: str
    local_names: tuple[str, ...]
    continent: str
    capital: str
    languages: tuple[LanguageShare, ...]
    currencies: tuple[str, ...]
    currency_symbols: tuple[str, ...]
    calling_codes: tuple[str, ...]
    tlds: tuple[str, ...]
    driving_side: str
    road_unit: str
    temperature_unit: str
    population: int
    area_km2: float


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    content: dict[str, Any] = read_json("countries.json")
    return content


_TUPLES = ("local_names", "currencies", "currency_symbols", "calling_codes", "tlds")


@lru_cache(maxsize=1)
def countries() -> Mapping[str, Country]:
    """Return every country by its code, sorted by code."""
    found = {}
    for code, row in sorted(_table()["countries"].items()):
        fields: dict[str, Any] = {
            key: tuple(value) if key in _TUPLES else value for key, value in row.items() if key != "aliases"
        }
        fields["languages"] = tuple(LanguageShare(*share) for share in row["languages"])
        found[code] = Country(code=code, **fields)
    return MappingProxyType(found)


def country(code: str) -> Country:
    """Return a country by its ISO 3166-1 alpha-2 code, in either case.

    Raises:
        OptionError: there is no such code.
    """
    try:
        return countries()[code.upper()]
    except KeyError:
        raise unknown_name("country code", code, countries()) from None


def _fold(name: str) -> str:
    """Bring a name to a form in which case, accents, punctuation, articles and ``St.`` do not matter."""
    words = normalise_name(name).split()
    return " ".join("saint" if word == "st" else word for word in words if word not in {"the", "and"})


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, str]:
    index: dict[str, str] = {}
    rows = sorted(_table()["countries"].items(), key=lambda item: -countries()[item[0]].population)
    for code, _ in rows:
        index.setdefault(code.casefold(), code)
    for code, row in rows:
        own = countries()[code]
        for name in (own.iso3, own.name, *own.local_names, *row["aliases"]):
            if folded := _fold(name):
                index.setdefault(folded, code)
    return MappingProxyType(index)


def country_names() -> Mapping[str, str]:
    """Return folded names and codes (``deutschland``, ``deu``, ``de``) with the country each stands for."""
    return _by_name()


def find_country(name_or_code: str) -> Country:
    """Return the country that a name or code stands for: ``Germany``, ``DE``, ``DEU``, ``Deutschland``.

    Names are known in English, in the country's own languages and in the most spoken world languages; case,
    accents and punctuation do not matter.

    Raises:
        OptionError: no country is called so; names the nearest.
    """
    index = _by_name()
    folded = _fold(name_or_code)
    if folded in index:
        return countries()[index[folded]]
    near = difflib.get_close_matches(folded, index, n=3, cutoff=0.75)
    names = list(dict.fromkeys(countries()[index[name]].name for name in near))
    hint = f" Did you mean {' or '.join(names)}?" if names else ""
    raise OptionError(
        f"There is no country named {name_or_code!r}.{hint} "
        "Give an English or local name or an ISO 3166 code, such as Germany, Deutschland, DE or DEU."
    )


def language_name(code: str) -> str:
    """Return the English name of a language (``de`` → ``German``), or the code itself if it has none."""
    names = _table()["language_names"]
    return str(names.get(code) or names.get(SAME_LANGUAGE.get(code, code), code))


def language_autonym(code: str) -> str:
    """Return what a language calls itself (``de`` → ``Deutsch``), or its English name."""
    names = _table()["language_autonyms"]
    return str(names.get(SAME_LANGUAGE.get(code, code), language_name(code)))


def speakers(language: str, script: str | None = None) -> dict[str, float]:
    """Return the number of people in each country who can use a language, in one script or in any.

    Second-language users count (English in Germany), as CLDR estimates them. Empty for unknown languages.

    Args:
        language: base subtag of BCP 47; the codes of `SAME_LANGUAGE` are understood.
        script: ISO 15924 code; ``None`` takes the most used script of each country.
    """
    wanted = SAME_LANGUAGE.get(language, language)
    found: dict[str, float] = {}
    for code, entry in countries().items():
        shares = [s.share for s in entry.languages if s.language == wanted and script in {None, s.script}]
        if shares and max(shares) > 0.0:
            found[code] = max(shares) * entry.population
    return found


def countries_of_tld(tld: str) -> tuple[str, ...]:
    """Return the countries that a top-level domain stands for: one, many (``eu``) or none (``com``).

    Args:
        tld: with or without the dot, in any case, also in its own script.
    """
    wanted = tld.strip(".").casefold()
    own = tuple(code for code, entry in countries().items() if wanted in entry.tlds)
    return own or tuple(_table()["shared_tlds"].get(wanted, ()))


def is_generic_tld(tld: str) -> bool:
    """Tell whether a country's top-level domain is sold and used worldwide (``tv``, ``io``, ``me``)."""
    return tld.strip(".").casefold() in _table()["generic_tlds"]
