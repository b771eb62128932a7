"""Web and e-mail addresses: the country that the top-level domain stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.earth.countries import countries_of_tld, country, is_generic_tld
from whence.earth.places import gazetteer
from whence.evidence.text import lexicon
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, kernels, mixed, of_countries
from whence.evidence.text.lines import TextLine

_ADDRESS = re.compile(r"(?i)(?:https?://)?((?:[\w-]{1,63}@)?(?:[\w-]{1,63}\.){1,4}([^\W\d_]{2,12}))(?![\w.])")
_FILE_ENDINGS = {"jpg", "png", "pdf", "html", "htm", "php", "mp", "js", "py", "md"}


@dataclass(frozen=True)
class Domain:
    """An address.

    Attributes:
        text: as read.
        line: index of the line.
        tld: top-level domain without the dot, lower case.
        countries: ISO2 codes that it stands for.
        city: name and country of the city whose domain it is, or ``None``.
    """

    text: str
    line: int
    tld: str
    countries: tuple[str, ...]
    city: tuple[str, str] | None


@lru_cache(maxsize=1)
def _city_domains() -> dict[str, tuple[str, str]]:
    return {row[0]: (row[1], row[2]) for row in lexicon.table("city_domains.txt")}


def _is_address(text: str, tld: str) -> bool:
    """Tell an address from an abbreviation or two sentences without a blank between them."""
    name = text.rpartition("@")[2].rpartition(".")[0]
    marked = "@" in text or text.lower().startswith("www.") or name.count(".") >= 1 or text == text.lower()
    return len(name) >= 3 and (marked or text.isupper()) and tld not in _FILE_ENDINGS


def extract(lines: Sequence[TextLine], config: Config) -> list[Domain]:
    """Find addresses whose ending stands for a country or a city, each ending once."""
    del config
    found: dict[str, Domain] = {}
    for number, line in enumerate(lines):
        for match in _ADDRESS.finditer(line.text):
            text, tld = match.group(1), match.group(2).casefold()
            if tld in found or not _is_address(text, tld):
                continue
            city = _city_domains().get(tld)
            codes = countries_of_tld(tld)
            if city is not None or codes:
                found[tld] = Domain(text, number, tld, codes, city)
    return list(found.values())


def without_addresses(text: str) -> str:
    """The text with its web and e-mail addresses left out."""
    return _ADDRESS.sub(lambda m: " " if _is_address(m.group(1), m.group(2).casefold()) else m.group(), text)


def likelihood(domain: Domain, config: Config) -> Signal:
    """National domains are shown mostly in their country, city domains in their city."""
    wrong = config.domain_generic_wrong if is_generic_tld(domain.tld) else config.domain_wrong
    places = gazetteer().named(domain.city[0], country=domain.city[1], limit=1) if domain.city else ()
    if places:
        place = places[0].place
        field = mixed(kernels([place], [1.0], 0.5), config.domain_wrong, extra=[place])
        implies = f".{domain.tld} is the domain of {place.name}, {country(place.country).name}"
    else:
        codes = domain.countries or ((domain.city[1],) if domain.city else ())
        field = of_countries(dict.fromkeys(codes, 1.0), wrong)
        named = country(codes[0]).name if len(codes) == 1 else f"{len(codes)} countries"
        implies = f".{domain.tld} is the domain of {named}"
        implies += ", but sold and used worldwide" if is_generic_tld(domain.tld) else ""
    return Signal(
        kind="web address",
        read=domain.text,
        implies=implies,
        error_model=f"{wrong:.0%} of such addresses are seen outside their country and say nothing.",
        likelihood=field,
        lines=(domain.line,),
    )
