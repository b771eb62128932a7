"""The maths under the text cues: ratios of mean one, bounds, and claims that add up."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whence.earth.countries import countries
from whence.earth.field import LN2, Field
from whence.earth.places import gazetteer
from whence.earth.regions import RegionLevel
from whence.evidence.text import areas, joint, language, plates, roadsigns
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import (
    Signal,
    far_sigma_km,
    gain_bits,
    kernels,
    log_mean,
    mixed,
    near_sigma_km,
    of_countries,
    range_bits,
    scaled,
)
from whence.evidence.text.lines import TextLine
from whence.evidence.text.source import claims_of, find_signals
from whence.evidence.types import Box

CONFIG = Config()
CODES = sorted(countries())
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
PIECES = [
    "Hunde verboten", "Se vende", "PIZZERIA", "+34 91 123 45 67", "12,50 €", "£20", "SW1A 1AA", "28013 Madrid", "STOP",
    "PARE", "Springfield", "Köln", "www.firma.pl", "ul. Długa 5", "駐車禁止", "Вход", "AB12 CDE", "30 mph", "Ausfahrt",
    "Made in China", "tel 0221 221 32000", "Strandvejen", "xq zt", "ភ្នំពេញ", "서울", "Hej", "Paris", "a", "",
]  # fmt: skip


def signal(field):
    return Signal("test", "", "", "", field, ())


def mean_over_people(field):
    places = gazetteer()
    large = places.populations >= 15_000
    people = places.populations[large].astype(float)
    values = np.exp(field.at(places.lat_deg[large], places.lon_deg[large]))
    return float(values @ people / people.sum())


@SLOW
@given(st.dictionaries(st.sampled_from(CODES), st.floats(0.01, 5.0), min_size=1, max_size=6), st.floats(0.02, 0.9))
def test_likelihood_of_countries_has_mean_one_and_its_floor(weights, wrong):
    field = of_countries(weights, wrong)
    if mean_over_people(field) < 0.5:  # islands without a town
        return
    assert mean_over_people(field) == pytest.approx(1.0, rel=1e-6)
    assert field.values.min() >= np.log(wrong) - 1e-9


def test_ratio_of_one_country_by_hand():
    weights, wrong = {"FR": 1.0}, 0.2
    field = of_countries(weights, wrong)
    places = gazetteer()
    large = places.populations >= 15_000
    people = places.populations[large]
    share = people[places.country_codes[large] == "FR"].sum() / people.sum()
    assert float(field.at(47.0, 2.4)) == pytest.approx(np.log(wrong + (1 - wrong) / share), abs=0.05)
    assert float(field.at(40.0, -100.0)) == pytest.approx(np.log(wrong), abs=1e-6)


@SLOW
@given(st.sampled_from(CODES), st.floats(0.02, 0.9), st.floats(0.5, 8.0))
def test_bound_holds_and_keeps_the_mean(code, wrong, bound_bits):
    field = of_countries({code: 1.0}, wrong, bound_bits)
    assert range_bits(field) <= bound_bits + 1e-9
    assert abs(log_mean(field)) < 1e-9


def test_scaled_shrinks_differences_and_keeps_the_mean():
    field = of_countries({"DE": 1.0, "AT": 0.5}, 0.1)
    weaker = scaled(field, 0.4)
    assert range_bits(weaker) == pytest.approx(0.4 * range_bits(field))
    assert abs(log_mean(weaker)) < 1e-9


def test_kernels_have_their_rate_at_each_place_whatever_its_spread():
    madrid = gazetteer().named("Madrid", country="ES", limit=1)[0].place
    town = gazetteer().named("Talavera de la Reina", country="ES", limit=1)[0].place  # of another size, 110 km off
    field = kernels([madrid, town], [2.0, 1.0], 0.05)
    ratio = float(field.at(madrid.lat_deg, madrid.lon_deg) - field.at(town.lat_deg, town.lon_deg))
    assert ratio == pytest.approx(np.log(2.0), abs=0.15)
    assert near_sigma_km(1e4) == pytest.approx(3.0)
    assert near_sigma_km(1e6) == pytest.approx(3.0 * 100**0.25)
    assert far_sigma_km(1e4) == pytest.approx(20.0)


@SLOW
@given(st.lists(st.sampled_from(CODES), min_size=1, max_size=5), st.floats(0.01, 0.5))
def test_increments_add_up_and_stay_within_each_cue(codes, alien):
    signals = [signal(of_countries({code: 1.0}, 0.1)) for code in codes]
    fields = joint.conditional(signals, alien)
    total = Field.sum(list(fields))
    together = Field.sum([s.likelihood for s in signals]).on(total.partition)
    expected = np.logaddexp(np.log(alien), np.log1p(-alien) + together.values)
    np.testing.assert_allclose(total.values, expected, atol=1e-9)
    for own, field in zip(signals, fields, strict=True):
        alone = own.likelihood.on(field.partition).values
        assert (field.values <= np.maximum(alone, 0.0) + 1e-9).all()
        assert (field.values >= np.minimum(alone, 0.0) - 1e-9).all()


@SLOW
@given(st.lists(st.sampled_from(PIECES), min_size=0, max_size=6))
def test_no_claim_exceeds_its_bound_and_the_text_never_its_share(texts):
    found = [TextLine(text, 1.0, Box(0, 0, 1, 1)) for text in texts]
    claims = claims_of(found, CONFIG)
    bounds = {
        "language": CONFIG.language_bound_bits,
        "licence plate": CONFIG.plate_bound_bits,
        "road sign": CONFIG.road_bound_bits,
    }
    for claim in claims:
        assert np.isfinite(claim.likelihood.values).all()
        assert range_bits(claim.likelihood) <= bounds.get(claim.kind, 60.0) + 1e-6
        assert claim.error_model
        assert claim.implies
    assert len(claims) <= CONFIG.max_claims
    if claims:
        total = Field.sum([claim.likelihood for claim in claims])
        assert total.values.min() >= np.log(CONFIG.alien_share) - 1e-9


@SLOW
@given(st.text(max_size=80))
def test_any_text_is_survived(text):
    for claim in claims_of([TextLine(text)], CONFIG):
        assert np.isfinite(claim.likelihood.values).all()


def test_claims_repeat_exactly():
    texts = [TextLine(text) for text in PIECES]
    first, second = claims_of(texts, CONFIG), claims_of(texts, CONFIG)
    assert [(c.kind, c.read, c.implies) for c in first] == [(c.kind, c.read, c.implies) for c in second]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.likelihood.values, b.likelihood.values)


def test_claims_come_strongest_first():
    found = find_signals([TextLine(t) for t in ("+34 91 123 45 67", "STOP", "Se vende esta casa")], CONFIG)
    ranked = joint.strongest(found, 12, 0.0)
    gains = [gain_bits(s) for s in ranked]
    assert gains == sorted(gains, reverse=True)
    assert ranked[0].kind == "phone number"
    assert len(joint.strongest(found, 1, 0.0)) == 1
    assert joint.conditional((), 0.03) == ()


def test_gain_of_a_country_by_hand():
    """With share p of people and no wrong readings the gain is log2(1/p)."""
    places = gazetteer()
    large = places.populations >= 15_000
    people = places.populations[large]
    share = people[places.country_codes[large] == "NZ"].sum() / people.sum()
    assert gain_bits(signal(of_countries({"NZ": 1.0}, 1e-9))) == pytest.approx(np.log2(1 / share), abs=0.1)


def test_borders_are_sharp_where_people_live():
    field = areas.log_field(RegionLevel.COUNTRY, {"DK": 0.0, "SE": -5.0}, -20.0)
    copenhagen, malmo = float(field.at(55.676, 12.568)), float(field.at(55.605, 13.000))
    assert copenhagen == pytest.approx(0.0, abs=1e-6)
    assert malmo == pytest.approx(-5.0, abs=0.5)
    assert float(field.at(0.0, -30.0)) == -20.0


def test_shares_of_languages_on_signs_add_up():
    mixes = language.sign_languages(CONFIG)
    assert set(mixes) == set(countries())
    for mix in mixes.values():
        assert sum(mix.values()) == pytest.approx(1.0 - CONFIG.language_foreign_share)
    assert mixes["DE"]["de"] > 0.8 > mixes["DE"]["en"] > 0.08
    assert mixes["CH"]["de"] > mixes["CH"]["fr"] > mixes["CH"]["it"]
    assert mixes["TW"]["zh-Hant"] > 0.5 > mixes["TW"].get("zh-Hans", 0.0)


def test_documented_bounds_of_weak_cues():
    plate = plates.extract([TextLine("AB12 CDE", 1.0, Box(0, 0, 1, 1))], CONFIG)[0]
    assert range_bits(plates.likelihood(plate, CONFIG).likelihood) <= 3.0 + 1e-9
    sign = roadsigns.extract([TextLine("ARRÊT")], CONFIG)[0]
    assert range_bits(roadsigns.likelihood(sign, {}, CONFIG).likelihood) <= 5.0 + 1e-9


def test_a_likelihood_that_is_nowhere_says_nothing():
    nowhere = Field.uniform()
    nowhere = Field(nowhere.partition, np.full(len(nowhere.partition), -np.inf))
    assert not mixed(nowhere, 0.1).values.any()
    assert not of_countries({}, 0.1).values.any()
    assert range_bits(of_countries({"ZZ": 1.0}, 0.1)) * LN2 == 0.0
