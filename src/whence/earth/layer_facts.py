"""Legends of the layers that are classes, and facts on countries that only layers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from whence.earth.countries import countries, language_name


@dataclass(frozen=True, slots=True)
class LayerClass:
    """One class of a layer.

    Attributes:
        symbol: what groundings and results name it by, for example ``BWh``.
        name: in plain words.
        group: what it belongs to, may be empty.
    """

    symbol: str
    name: str
    group: str = ""


def _legend(text: str) -> tuple[LayerClass, ...]:
    """Classes from lines of ``symbol = name`` or ``symbol = name / group``."""
    rows = [line.strip().partition(" = ") for line in text.strip().splitlines()]
    return tuple(LayerClass(symbol, *rest.split(" / ")) for symbol, _, rest in rows)


KOPPEN = _legend("""
    Af = rainforest climate / tropical
    Am = monsoon climate / tropical
    Aw = savanna climate / tropical
    BWh = hot desert climate / arid
    BWk = cold desert climate / arid
    BSh = hot steppe climate / arid
    BSk = cold steppe climate / arid
    Csa = dry and hot summer / temperate
    Csb = dry and warm summer / temperate
    Csc = dry and cold summer / temperate
    Cwa = dry winter, hot summer / temperate
    Cwb = dry winter, warm summer / temperate
    Cwc = dry winter, cold summer / temperate
    Cfa = no dry season, hot summer / temperate
    Cfb = no dry season, warm summer / temperate
    Cfc = no dry season, cold summer / temperate
    Dsa = snowy winter, dry and hot summer / continental
    Dsb = snowy winter, dry and warm summer / continental
    Dsc = snowy winter, dry and cold summer / continental
    Dsd = very cold winter, dry summer / continental
    Dwa = dry snowy winter, hot summer / continental
    Dwb = dry snowy winter, warm summer / continental
    Dwc = dry snowy winter, cold summer / continental
    Dwd = very cold dry winter / continental
    Dfa = snowy winter, no dry season, hot summer / continental
    Dfb = snowy winter, no dry season, warm summer / continental
    Dfc = snowy winter, no dry season, cold summer / continental
    Dfd = very cold winter, no dry season / continental
    ET = tundra climate / polar
    EF = ice cap climate / polar
""")
"""Köppen–Geiger classes in the order of Beck et al. 2023, whose numbers start at 1; names in our words."""

KOPPEN_GROUPS = _legend("""
    A = tropical
    B = arid
    C = temperate
    D = continental
    E = polar
""")

ARIDITY = _legend("""
    desert = desert
    steppe = semi-arid
    dry_summer = wet with a dry summer
    dry_winter = wet with a dry winter
    humid = wet all year
    cold = too cold for the question
""")

BELTS = _legend("""
    tropical = between the tropics, below 23.44 degrees
    subtropical = 23.44 to 35 degrees
    middle = 35 to 55 degrees
    subpolar = 55 to 66.56 degrees
    polar = beyond the polar circles, 66.56 degrees
""")

BELT_EDGES_DEG = (23.44, 35.0, 55.0, 66.56)

HEMISPHERES = _legend("""
    north = northern hemisphere
    south = southern hemisphere
""")

ISLANDS = _legend("""
    continent = land mass of 7 million km2 or more
    large_island = island of 10,000 km2 or more
    island = island of 100 to 10,000 km2
    islet = island below 100 km2
""")

ISLAND_EDGES_KM2 = (7e6, 1e4, 100.0)

CONTINENTS = _legend("""
    AF = Africa
    AN = Antarctica
    AS = Asia
    EU = Europe
    NA = North America
    OC = Oceania
    SA = South America
""")

DRIVING = _legend("""
    left = traffic keeps left
    right = traffic keeps right
""")

ROAD_UNITS = _legend("""
    km = signs in kilometres
    mi = signs in miles
""")

LANDLOCKED = _legend("""
    coastal = country with a sea coast
    landlocked = country without a sea coast
""")

SCRIPTS = _legend("""
    Arab = Arabic
    Armn = Armenian
    Beng = Bengali
    Cyrl = Cyrillic
    Deva = Devanagari
    Ethi = Ethiopic
    Geor = Georgian
    Grek = Greek
    Hans = simplified Chinese
    Hant = traditional Chinese
    Hebr = Hebrew
    Jpan = Japanese
    Khmr = Khmer
    Kore = Korean
    Laoo = Lao
    Latn = Latin
    Mymr = Burmese
    Sinh = Sinhala
    Thaa = Thaana
    Thai = Thai
    Tibt = Tibetan
""")

_FAMILIES = {
    "albanian": "sq",
    "armenian": "hy",
    "austroasiatic": "km vi",
    "austronesian": "id ms mg pau sm tkl to tvl",
    "baltic": "lt lv",
    "bantu": "rn rw sn st sw",
    "creole": "bi ht pap sg tpi",
    "cushitic": "so",
    "eskaleut": "kl",
    "germanic": "da de en fo is nb nl no sv",
    "hellenic": "el",
    "indo_aryan": "bn dv hi ne si ur",
    "iranian": "fa tg",
    "japonic": "ja",
    "kartvelian": "ka",
    "koreanic": "ko",
    "kra_dai": "lo th",
    "mongolic": "mn",
    "romance": "ca es fr it pt ro",
    "semitic": "am ar he mt ti",
    "senegambian": "wo",
    "sino_tibetan": "dz my zh",
    "slavic": "be bg bs cs hr mk pl ru sk sl sr uk",
    "tupian": "gn",
    "turkic": "az ky tk tr uz",
    "uralic": "et fi hu",
}
"""Family or branch of every language that is the main one of some country (ISO 639 codes): common knowledge, as in
Glottolog. Branches of Indo-European stand for themselves, for their writing looks different."""

FAMILIES = tuple(LayerClass(symbol, symbol.replace("_", "-").title()) for symbol in sorted(_FAMILIES))

FAMILY_OF = MappingProxyType({code: family for family, codes in _FAMILIES.items() for code in codes.split()})


@lru_cache(maxsize=1)
def languages() -> tuple[LayerClass, ...]:
    """Legend of the main languages of countries, with their families as groups."""
    return tuple(LayerClass(code, language_name(code), FAMILY_OF[code]) for code in sorted(FAMILY_OF))


@lru_cache(maxsize=1)
def main_languages() -> Mapping[str, tuple[str, str]]:
    """Return the main language of each country and its script: the official one that most can use.

    Countries without people have none.
    """
    found = {}
    for code, entry in countries().items():
        known = [share for share in entry.languages if share.language != "und"]
        ranked = sorted(known, key=lambda share: (not share.official, -share.share))
        if ranked:
            found[code] = (ranked[0].language, ranked[0].script)
    return MappingProxyType(found)
