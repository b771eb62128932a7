"""Cues in text: hand-checked readings for many countries, and what must not follow."""

import numpy as np
import pytest

from whence.earth.countries import countries
from whence.earth.field import LN2, Field
from whence.earth.regions import RegionLevel, regions
from whence.estimate.fuse import fuse
from whence.evidence.prior import prior_field
from whence.evidence.text import domains, language, money, phones, plates, postcodes, roadsigns, streets, toponyms
from whence.evidence.text.config import Config
from whence.evidence.text.lines import TextLine
from whence.evidence.text.source import claims_of
from whence.evidence.types import Box, Evidence

CONFIG = Config()


def lines(*texts):
    return tuple(TextLine(text, 1.0, Box(0.1, 0.1, 0.9, 0.2)) for text in texts)


def belief(*texts):
    return fuse(prior_field(), [Evidence("text", claims_of(lines(*texts), CONFIG))])


def masses(*texts):
    return regions(RegionLevel.COUNTRY).marginalise(belief(*texts))


def kinds(*texts):
    return {claim.kind for claim in claims_of(lines(*texts), CONFIG)}


@pytest.mark.parametrize(
    ("country", "texts"),
    [
        ("DE", ["Einfahrt Tag und Nacht freihalten", "Tel. 030 / 90 26 0"]),
        ("AT", ["Bäckerei Huber", "www.baeckerei-huber.at", "1010 Wien"]),
        ("CH", ["Dorfstrasse 12", "8001 Zürich", "Tel. +41 44 123 45 67"]),
        ("FR", ["Boulangerie Pâtisserie", "75011 Paris", "Tél. 01 43 55 12 34"]),
        ("ES", ["Prohibido aparcar", "Calle de Alcalá", "28014 Madrid"]),
        ("CL", ["Se vende", "+56 2 2345 6789", "Santiago"]),
        ("GB", ["No dogs allowed", "Max fine £1000", "LS1 4AP"]),
        ("US", ["Speed limit 55 mph", "Las Vegas, NV 89109"]),
        ("NL", ["Fietsen plaatsen verboden", "Keizersgracht 12", "1015 CN Amsterdam"]),
        ("DK", ["Hunde skal føres i snor", "Strandvejen 4", "www.kommune.dk"]),
        ("SE", ["Hundar ska hållas kopplade", "Storgatan 12", "12 kr"]),
        ("PL", ["Zakaz wstępu", "ul. Długa 5", "00-238 Warszawa"]),
        ("IT", ["Vietato fumare", "Via Garibaldi 3", "www.comune.it"]),
        ("JP", ["駐車禁止", "ラーメン 800円"]),
        ("BR", ["Proibido estacionar", "R$ 12,50", "São Paulo"]),
        ("TR", ["Girilmez", "Atatürk Caddesi", "Tel +90 212 123 45 67"]),
        ("HU", ["Belépni tilos", "Kossuth utca 3", "500 Ft"]),
        ("RU", ["Продажа билетов", "ул. Ленина 5", "+7 495 123-45-67"]),
        ("UA", ["Вхід заборонено", "вул. Хрещатик", "50 ₴"]),
        ("IN", ["कृपया ध्यान दें", "₹ 500", "www.railway.in"]),
        ("KR", ["출입 금지", "은행"]),
        ("TH", ["ห้ามจอดรถ", "100 บาท"]),
    ],
)
def test_country_is_found(country, texts):
    held = masses(*texts)
    assert max((code for code in held if code), key=held.get) == country
    assert held[country] > 0.5


def test_pizzeria_in_chile_does_not_become_italy():
    assert claims_of(lines("PIZZERIA"), CONFIG) == ()
    held = masses("PIZZERIA", "+56 2 2345 6789")
    assert held["CL"] > 0.8 > 100 * held["IT"]


def test_international_words_say_nothing_of_the_language():
    assert language.extract(lines("HOTEL", "PIZZERIA RISTORANTE", "TAXI", "WC", "Coca-Cola"), CONFIG) == []


def test_springfield_stays_ambiguous():
    (claim,) = claims_of(lines("Springfield"), CONFIG)
    assert "one of" in claim.implies
    at = {
        "Missouri": (37.215, -93.298),
        "Massachusetts": (42.101, -72.590),
        "Illinois": (39.802, -89.644),
        "Ohio": (39.924, -83.809),
        "Oregon": (44.046, -123.022),
    }
    values = np.array([float(claim.likelihood.at(*point)) for point in at.values()])
    away = float(claim.likelihood.at(39.0, -98.0))
    assert (values > away + 5 * LN2).all()
    assert np.ptp(values) < 2 * LN2


def test_spanish_alone_prefers_neither_spain_nor_mexico():
    (claim,) = claims_of(lines("Prohibido el paso a toda persona ajena", "Cuidado con el perro"), CONFIG)
    madrid, mexico, rome = (float(claim.likelihood.at(*p)) for p in ((40.4, -3.7), (19.4, -99.1), (41.9, 12.5)))
    assert abs(madrid - mexico) < 1.5 * LN2
    assert min(madrid, mexico) > rome + 5 * LN2


@pytest.mark.parametrize("junk", [(), ("x",), ("7",), ("...",), ("A1", "!!"), ("🙂🙂",), ("12:30",), ("OK",)])
def test_junk_gives_no_claims(junk):
    assert claims_of(lines(*junk), CONFIG) == ()


@pytest.mark.parametrize(
    "text",
    ["\u202eمرحبا بكم في المدينة\u202c", "🍕" * 500, "a" * 5000, "\ud800", "½ ⅓ Ⅷ", "+" * 300, "0" * 400, "@.@.@"],
)
def test_odd_text_does_no_harm(text):
    for claim in claims_of(lines(text), CONFIG):
        assert np.isfinite(claim.likelihood.values).all()


def test_ten_thousand_lines_are_survived():
    many = [TextLine(f"Linie {n} nach Köln Hbf") for n in range(10_000)]
    claims = claims_of(many, CONFIG)
    assert 0 < len(claims) <= CONFIG.max_claims


def test_short_text_is_weaker_than_long_text():
    def gain(text):
        (group,) = language.extract(lines(text), CONFIG)
        field = language.likelihood(group, lines(text), CONFIG).likelihood
        return float(field.at(52.5, 13.4) - field.at(41.9, 12.5)) / LN2

    short, long = gain("Zutritt"), gain("Zutritt nur für Anwohner, Eltern haften für ihre Kinder")
    assert 0.0 < short < long <= CONFIG.language_bound_bits + 1e-9


def test_bilingual_sign_makes_two_groups_and_points_to_wales():
    texts = ["Please keep your dogs on a lead at all times", "Cadwch eich cŵn ar dennyn bob amser os gwelwch yn dda"]
    groups = language.extract(lines(*texts), CONFIG)
    assert {group.best for group in groups} == {"en", "cy"}
    found = belief(*texts)
    held = regions(RegionLevel.REGION).marginalise(found)
    assert max(held, key=held.get) == "GB.WLS"


def test_regional_language_points_to_its_region():
    held = regions(RegionLevel.REGION).marginalise(belief("Prohibit l'accés a gossos", "Ajuntament obert dilluns"))
    spain = {code: mass for code, mass in held.items() if code.startswith("ES.")}
    assert max(spain, key=spain.get) == "ES.56"
    assert spain["ES.56"] > 5 * spain["ES.29"]


def test_unique_letters_count_without_known_words():
    def best(text):
        (group,) = language.extract(lines(text), CONFIG)
        return group.best

    assert best("Grundstücksgrößenänderung") == "de"
    assert best("Żółwiątko źdźbło") == "pl"


def test_joint_share_keeps_contradictions_from_ruling_anything_out():
    texts = ("Hunde verboten", "+34 91 123 45 67", "London SW1A 1AA", "Made in Japan", "www.firma.pl")
    total = Field.sum([claim.likelihood for claim in claims_of(lines(*texts), CONFIG)])
    assert total.values.min() >= np.log(CONFIG.alien_share) - 1e-9


def test_phone_numbers():
    (spain,) = phones.extract(lines("Tel. +34 91 123 45 67"), CONFIG)
    assert spain.calling_code == "34"
    assert dict(spain.regions) == {"ES": 1.0}
    assert spain.area == "Madrid"
    claim = phones.likelihood(spain, CONFIG)
    assert claim.implies == "+34 is the calling code of Spain; the area code is that of Madrid"
    madrid, barcelona, paris = (float(claim.likelihood.at(*p)) for p in ((40.42, -3.70), (41.39, 2.17), (48.85, 2.35)))
    assert madrid > barcelona + 1.0 > paris + 3.0
    (shared,) = phones.extract(lines("+1 702 555 0123"), CONFIG)
    assert dict(shared.regions)["US"] == 1.0
    (national,) = phones.extract(lines("Tel.: 0221/221-32000"), CONFIG)
    assert national.calling_code == ""
    assert "DE" in dict(national.regions)
    assert national.area == "Cologne"


@pytest.mark.parametrize("text", ["3.000 €", "12.03.2024", "10:00 - 13:30", "ISBN", "100.000.000", "2024", "1111 1111"])
def test_other_numbers_are_no_phone_numbers(text):
    assert phones.extract(lines(text), CONFIG) == []


def test_domains():
    (uk,) = domains.extract(lines("www.southwark.gov.uk/dogs"), CONFIG)
    assert (uk.tld, uk.countries) == ("uk", ("GB",))
    (city,) = domains.extract(lines("VULKAN.KÖLN"), CONFIG)
    assert city.city == ("Köln", "DE")
    assert domains.extract(lines("www.example.com", "Str.Der", "file.pdf"), CONFIG) == []
    strong = domains.likelihood(uk, CONFIG).likelihood
    (tv,) = domains.extract(lines("www.zdf.tv"), CONFIG)
    weak = domains.likelihood(tv, CONFIG).likelihood
    assert np.ptp(weak.values) > 0
    assert float(weak.at(52.5, 13.4)) > float(strong.at(52.5, 13.4)) + 2.0


def test_money():
    signs = {price.sign: set(price.currencies) for price in money.extract(lines("12,50 €", "£1000", "R$ 5"), CONFIG)}
    assert signs == {"€": {"EUR"}, "£": {"GBP"}, "r$": {"BRL"}}
    (crowns,) = money.extract(lines("49 kr"), CONFIG)
    assert set(crowns.currencies) == {"SEK", "NOK", "DKK", "ISK"}
    assert money.extract(lines("12 km", "24 H", "Route 66", "kr"), CONFIG) == []
    (dollars,) = money.extract(lines("$ 9.99"), CONFIG)
    field = money.likelihood(dollars, CONFIG).likelihood
    assert float(field.at(40.7, -74.0)) == pytest.approx(float(field.at(19.4, -99.1)))


def test_postcodes():
    (madrid,) = postcodes.extract(lines("28013 Madrid"), CONFIG)
    assert madrid.places[0].country == "ES"
    (london,) = postcodes.extract(lines("SW1A 1AA"), CONFIG)
    assert london.places[0].name == "London"
    (vegas,) = postcodes.extract(lines("Las Vegas, NV 89109"), CONFIG)
    assert vegas.division == "US.NV"
    (oslo,) = postcodes.extract(lines("0150 Oslo", "8000 Aarhus C")[1:], CONFIG)
    assert oslo.places[0].country == "DK"
    assert postcodes.extract(lines("28013", "2024 Berlin", "12345 xyzzy"), CONFIG) == []


def test_plates_are_weak():
    (plate,) = plates.extract(lines("AB12 CDE"), CONFIG)
    assert plate.countries == ("GB",)
    assert np.ptp(plates.likelihood(plate, CONFIG).likelihood.values) / LN2 <= CONFIG.plate_bound_bits + 1e-9
    assert plates.extract(lines("HELLO", "1234"), CONFIG) == []
    assert plates.extract((TextLine("AB12 CDE"),), CONFIG) == []  # typed, not seen


def test_street_words():
    found = {cue.word: cue for cue in streets.extract(lines("STRANDLODSVEJ", "Calle Mayor", "Storgatan 5"), CONFIG)}
    assert set(found) == {"-vej", "calle", "-gatan"}
    assert set(found["-vej"].rates) == {"DK"}
    assert streets.extract(lines("Spielplatz", "we went via the road to nowhere today again and again"), CONFIG) == []


def test_road_signs():
    (stop,) = roadsigns.extract(lines("PARE"), CONFIG)
    assert {"BR", "CL", "CO"} <= set(stop.rates)
    assert "ES" not in stop.rates
    (quebec,) = roadsigns.extract(lines("ARRÊT"), CONFIG)
    assert set(quebec.rates) == {"CA"}
    (mph,) = roadsigns.extract(lines("30 mph"), CONFIG)
    assert {"GB", "US"} <= set(mph.rates)
    assert roadsigns.extract(lines("Caution wet floor", "the bus will stop here"), CONFIG) == []


def test_road_sign_and_street_say_less_when_their_language_was_counted():
    (sign,) = roadsigns.extract(lines("Ausfahrt"), CONFIG)
    alone = roadsigns.likelihood(sign, {}, CONFIG).likelihood
    counted = roadsigns.likelihood(sign, {0: "de"}, CONFIG).likelihood
    assert np.ptp(counted.values) == pytest.approx(CONFIG.street_same_language * np.ptp(alone.values))


@pytest.mark.parametrize(
    "text", ["Cerca", "Hund", "Bar", "Park", "Hier", "Zona", "Nice Day", "Maria", "Mobile", "welcome"]
)
def test_common_words_are_not_taken_for_places(text):
    found = toponyms.extract(lines(text), CONFIG)
    if found:  # a real place, but too likely to be a word for the claim to say much
        values = toponyms.likelihood(found[0], CONFIG).likelihood.values
        assert values.min() > -1.0


def test_place_names_are_found_in_other_scripts_and_with_misreadings():
    for text, lat, lon in [("Мюнхен", 48.14, 11.58), ("京都市", 35.01, 135.77), ("Regensbrug", 49.02, 12.10)]:
        cues = toponyms.extract(lines(text), CONFIG)
        assert cues, text
        field = toponyms.likelihood(cues[0], CONFIG).likelihood
        assert float(field.at(lat, lon)) > float(field.at(0.0, 0.0)) + 1.0, text


def test_two_towns_of_a_road_sign_meet():
    total = Field.sum([claim.likelihood for claim in claims_of(lines("Madrid 120", "Toledo 50"), CONFIG)])
    assert float(total.at(39.86, -4.02)) > float(total.at(41.65, -83.54)) + 2.0  # Toledo in Spain, in Ohio


def test_country_names_are_weak():
    (claim,) = claims_of(lines("MADE IN JAPAN"), CONFIG)[:1]
    assert float(Field.sum([claim.likelihood]).values.min()) > np.log(CONFIG.country_name_wrong) - 0.7


def test_every_table_names_known_countries_and_divisions():
    from whence.evidence.text import lexicon
    from whence.evidence.text.weighted import country_rates

    known = set(countries())
    for row in (*lexicon.table("streets.txt"), *lexicon.table("roadsigns.txt")):
        assert set(country_rates(row[2])) <= known, row
    for row in lexicon.table("postcodes.txt"):
        assert set(row[2].split()) <= known, row
    for row in lexicon.table("plates.txt"):
        assert set(row[1].split()) <= known, row
    assert set(lexicon.divisions()) <= set(regions(RegionLevel.REGION).codes)
    spoken = {share.language for entry in countries().values() for share in entry.languages}
    assert lexicon.listed_languages() - {"tl"} <= spoken
