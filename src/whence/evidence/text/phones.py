"""Phone numbers: calling codes, area codes, and the formats of national numbers (libphonenumber's data)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from whence.earth.countries import countries, country
from whence.earth.field import Field
from whence.earth.places import Place, gazetteer
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, kernels, log_mean, mixed, of_countries
from whence.evidence.text.lines import TextLine

_INTERNATIONAL = re.compile(r"(?:\+|(?<!\d)00)\s?\(?[1-9](?:[\s().\-/–]{0,2}\d){6,14}")
_NATIONAL = re.compile(r"(?<![\d.,+/\-])\(?\d(?:[\s().\-/–]{0,3}\d){6,11}(?![\d.,]?\d)")
_LABEL = re.compile(
    r"(?i)(?:\bt[eéë]l(?:\.|:|\b|efon|éfono|efono|ephone|efoon)|\bph(?:one)?\b|\bfon[eo]?\b|\bcall\b|\bmob|☎|📞|電話|电话|тел|τηλ|\btlf|\btfno|\bruf|\bpuh\b|\bfax)"
)
_NOT_PHONE = re.compile(r"[€£$%]|\d{1,2}[.:]\d{2}\s?[-–]\s?\d{1,2}[.:]\d{2}|\d{1,2}[./]\d{1,2}[./](?:19|20)?\d{2}\b")
_MAX_NATIONAL = 2


@dataclass(frozen=True)
class PhoneNumber:
    """A number as it was read.

    Attributes:
        text: as read.
        line: index of the line.
        calling_code: without the plus, empty for a number in national form.
        regions: how well the number fits each country, relative; ISO2 codes.
        area: what libphonenumber calls its area in English, may be empty.
        grouped: whether it is spaced as the best country spaces its numbers.
    """

    text: str
    line: int
    calling_code: str
    regions: tuple[tuple[str, float], ...]
    area: str
    grouped: bool = False


def _international(text: str, line: int) -> PhoneNumber | None:
    import phonenumbers

    plain = re.sub(r"\(0\)", "", text)
    plain = re.sub(r"^00\s?", "+", plain)
    try:
        number = phonenumbers.parse(plain, None)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code is None or not phonenumbers.is_possible_number(number):
        return None
    code = str(number.country_code)
    region = phonenumbers.region_code_for_number(number)
    sharing = [r for r in phonenumbers.region_codes_for_country_code(number.country_code) if r in countries()]
    if not sharing:
        return None
    valid = phonenumbers.is_valid_number(number)
    weights = {r: 1.0 if r == region else 0.03 for r in sharing} if region else dict.fromkeys(sharing, 1.0)
    return PhoneNumber(text, line, code, tuple(weights.items()), _area(number) if valid else "")


def _area(number: Any) -> str:
    from phonenumbers import geocoder

    return str(geocoder.description_for_number(number, "en"))


@lru_cache(maxsize=1)
def _all_regions() -> tuple[str, ...]:
    import phonenumbers

    return tuple(sorted(r for r in phonenumbers.SUPPORTED_REGIONS if r in countries()))


def _groups(text: str) -> tuple[int, ...]:
    return tuple(len(run) for run in re.findall(r"\d+", text))


@lru_cache(maxsize=256)
def _fits(text: str) -> tuple[tuple[str, float], ...]:
    """How well a number without country code fits each country's numbering plan and spacing."""
    import phonenumbers

    weights = {}
    digits = re.sub(r"\D", "", text)
    for region in _all_regions():
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if str(number.country_code) == digits[: len(str(number.country_code))] and not text.startswith("0"):
            own = phonenumbers.national_significant_number(number)
            if len(own) < len(digits):
                continue
        if not phonenumbers.is_valid_number_for_region(number, region):
            continue
        shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        trunk = len(re.sub(r"\D", "", shown)) == len(digits)
        weights[region] = (3.0 if _groups(shown) == _groups(text) else 1.0) * (1.0 if trunk else 0.2)
    return tuple(weights.items())


def _national(text: str, line: int, labelled: bool) -> PhoneNumber | None:
    import phonenumbers

    digits = re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 12 or len(set(digits)) < 4:
        return None
    if not labelled and (len(digits) < 8 or len(_groups(text)) < 2):
        return None
    weights = dict(_fits(text))
    if not weights or len(weights) > 120:
        return None
    best = max(weights, key=lambda code: (weights[code] * country(code).population ** 0.5, code))
    area = ""
    if weights[best] >= 0.5 * sum(weights.values()):
        area = _area(phonenumbers.parse(text, best))
    grouped = weights[best] >= 3.0
    return PhoneNumber(text, line, "", tuple(weights.items()), area, grouped)


def extract(lines: Sequence[TextLine], config: Config) -> list[PhoneNumber]:
    """Find phone numbers, international ones first."""
    del config
    found: list[PhoneNumber] = []
    national: list[PhoneNumber] = []
    seen: set[str] = set()
    for number, line in enumerate(lines):
        rest = line.text
        for match in _INTERNATIONAL.finditer(line.text):
            phone = _international(match.group().strip(), number)
            if phone is not None:
                rest = rest.replace(match.group(), " ")
                if phone.text not in seen:
                    seen.add(phone.text)
                    found.append(phone)
        labelled = bool(_LABEL.search(line.text)) or (number > 0 and bool(_LABEL.search(lines[number - 1].text)))
        if len(national) >= _MAX_NATIONAL or (_NOT_PHONE.search(rest) and not labelled):
            continue
        for match in _NATIONAL.finditer(rest):
            text = match.group().strip()
            phone = None if text in seen else _national(text, number, labelled)
            if phone is not None and len(national) < _MAX_NATIONAL:
                seen.add(text)
                national.append(phone)
    return found + national


def _area_place(phone: PhoneNumber, code: str) -> Place | None:
    """The largest place of the country that the area's description names."""
    for part in re.split(r"[,/]", phone.area):
        name = part.strip()
        if name and name != country(code).name:
            matches = gazetteer().named(name, country=code, limit=1)
            if matches:
                return matches[0].place
    return None


def likelihood(phone: PhoneNumber, config: Config) -> Signal:
    """Numbers are shown mostly in their own country, geographic ones mostly in their own area."""
    weights = dict(phone.regions)
    best = max(weights, key=lambda code: (weights[code] * country(code).population ** 0.5, code))
    wrong = config.phone_wrong if phone.calling_code else config.phone_national_wrong
    bound = None if phone.calling_code else config.phone_national_bound_bits
    field = of_countries(weights, wrong, bound)
    place = _area_place(phone, best) if phone.area else None
    if place is not None:
        field = _with_area(field, place, wrong, config)
    return Signal(
        kind="phone number",
        read=phone.text,
        implies=_in_words(phone, weights, best, place),
        error_model=(
            f"{wrong:.0%} of such numbers are misread or of firms elsewhere and say nothing"
            + (f"; {config.phone_area_share:.0%} of area codes are shown within their area." if place else ".")
        ),
        likelihood=field,
        lines=(phone.line,),
    )


def _with_area(national: Field, place: Place, wrong: float, config: Config) -> Field:
    """Split the country's share between the area and the rest of the country."""
    area = kernels([place], [1.0], 0.6)
    area = Field(area.partition, area.values - log_mean(area, [place]))
    both = area.partition.union(national.partition)
    share = config.phone_area_share * (1.0 if wrong < 0.2 else 0.6)
    mixture = (1.0 - share) * np.exp(national.on(both).values) + share * np.exp(np.minimum(area.on(both).values, 40.0))
    return mixed(Field(both, np.log(mixture)), wrong * 0.5, extra=[place])


def _in_words(phone: PhoneNumber, weights: dict[str, float], best: str, place: Place | None) -> str:
    name = country(best).name
    if phone.calling_code:
        others = len(weights) - 1
        text = f"+{phone.calling_code} is the calling code of {name}"
        text += f" and {others} others" if others > 0 and weights.get(best) != 1.0 else ""
    else:
        fitting = [country(c).name for c in sorted(weights, key=lambda c: -weights[c] * country(c).population ** 0.5)]
        text = "fits the numbers of " + ", ".join(fitting[:4]) + (", …" if len(fitting) > 4 else "")
    return text + (f"; the area code is that of {place.name}" if place is not None else "")
