from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from whence.core.errors import OptionError
from whence.earth.countries import (
    countries,
    countries_of_tld,
    country,
    find_country,
    is_generic_tld,
    language_autonym,
    language_name,
    speakers,
)

SHARED = Path(os.environ.get("WHENCE_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FACTS = SHARED / "data" / "earth" / "country_facts.csv"


def test_germany_in_full():
    germany = country("de")
    assert (germany.code, germany.iso3, germany.numeric, germany.name) == ("DE", "DEU", "276", "Germany")
    assert germany.local_names[0] == "Deutschland"
    assert germany.continent == "EU"
    assert germany.languages[0].language == "de"
    assert germany.languages[0].official
    assert 0.9 < germany.languages[0].share <= 1.0
    assert germany.currencies == ("EUR",)
    assert germany.currency_symbols == ("€",)
    assert germany.calling_codes == ("49",)
    assert germany.tlds == ("de",)
    assert (germany.driving_side, germany.road_unit, germany.temperature_unit) == ("right", "km", "C")
    assert 80e6 < germany.population < 90e6
    assert germany.area_km2 == pytest.approx(357_021, rel=0.01)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Germany", "DE"), ("deutschland", "DE"), ("DEU", "DE"), ("de", "DE"), ("Allemagne", "DE"),
        ("United States of America", "US"), ("USA", "US"), ("the Netherlands", "NL"), ("St. Lucia", "LC"),
        ("Côte d’Ivoire", "CI"), ("Россия", "RU"), ("中国", "CN"), ("भारत", "IN"), ("TÜRKİYE", "TR"),
        ("Turkey", "TR"), ("Czech Republic", "CZ"), ("UK", "GB"), ("Kosovo", "XK"), ("Ελλάδα", "GR"), ("ΕΛΛΑΔΑ", "GR"),
    ],
)  # fmt: skip
def test_names_in_many_languages_find_their_country(name, code):
    assert find_country(name).code == code


def test_a_misspelt_country_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match="Did you mean Germany"):
        find_country("Germny")
    with pytest.raises(OptionError, match="country code"):
        country("QQ")


def test_every_country_is_complete():
    table = countries()
    assert len(table) == 250
    for code, entry in table.items():
        assert len(code) == 2
        assert len(entry.iso3) == 3
        assert entry.name
        assert entry.local_names
        assert entry.driving_side in {"left", "right"}
        assert entry.road_unit in {"km", "mi"}
        assert all(0.0 <= share.share <= 1.0 for share in entry.languages)
        assert all(len(share.script) == 4 for share in entry.languages)
        assert all(code.isdigit() for code in entry.calling_codes)
    assert len({entry.iso3 for entry in table.values()}) == len(table)


@pytest.mark.parametrize(
    ("code", "symbol"), [("SE", "kr"), ("PL", "zł"), ("UA", "₴"), ("HU", "Ft"), ("GB", "£"), ("IN", "₹"), ("BG", "€")]
)
def test_currencies_are_written_as_locals_do(code, symbol):
    assert symbol in country(code).currency_symbols


def test_units_of_the_road():
    assert {code for code in ("US", "GB", "FR", "IE", "CA") if country(code).road_unit == "mi"} == {"US", "GB"}
    assert {code for code in ("US", "GB", "JP", "TH", "IN", "DE") if country(code).driving_side == "left"} == {
        "GB", "JP", "TH", "IN",
    }  # fmt: skip


def test_speakers_by_language_and_script():
    serbian = speakers("sr")
    assert max(serbian, key=serbian.get) == "RS"
    assert speakers("sr", "Cyrl")["RS"] == pytest.approx(0.99 * country("RS").population, rel=0.02)
    assert speakers("no") == speakers("nb")
    assert speakers("xx") == {}
    assert "TW" in speakers("zh", "Hant")
    assert "CN" not in {code for code, n in speakers("zh", "Hant").items() if n > 0.5 * country("CN").population}


def test_names_of_languages():
    assert language_name("de") == "German"
    assert language_autonym("el") == "Ελληνικά"
    assert language_name("no") == "Norwegian"
    assert language_name("xx") == "xx"


def test_domains():
    assert countries_of_tld(".UK") == ("GB",)
    assert countries_of_tld("рф") == ("RU",)
    assert len(countries_of_tld("eu")) == 27
    assert countries_of_tld("com") == ()
    assert is_generic_tld("io")
    assert not is_generic_tld("de")


@pytest.mark.skipif(not FACTS.exists(), reason="needs the shared country facts")
def test_driving_sides_and_codes_agree_with_a_second_source():
    with FACTS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["iso2"] in countries()]
    sides = {row["iso2"] for row in rows if row["driving_side"] != country(row["iso2"]).driving_side}
    assert sides <= {"HM"}  # uninhabited
    iso3 = {row["iso2"] for row in rows if row["iso3"] != country(row["iso2"]).iso3}
    assert iso3 <= {"XK"}
    for row in rows:
        stated = float(row["area_km2"] or 0)
        if stated > 1e6 and row["iso2"] != "AQ":
            assert country(row["iso2"]).area_km2 == pytest.approx(stated, rel=0.1), row["iso2"]
