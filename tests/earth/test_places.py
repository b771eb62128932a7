from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import distance_km
from whence.earth.names import normalise_name
from whence.earth.places import gazetteer, reverse
from whence.earth.timezones import nautical_zone, offsets, zone_at, zones_with_offset

PLACES = gazetteer()


def test_size_and_a_place_in_full():
    assert len(PLACES) == 234_908
    berlin = PLACES.named("Berlin")[0].place
    assert (berlin.id, berlin.name, berlin.country, berlin.division) == (2950159, "Berlin", "DE", "DE.16")
    assert (berlin.lat_deg, berlin.lon_deg) == (52.52437, 13.41053)
    assert (berlin.division_name, berlin.timezone, berlin.population) == ("Berlin", "Europe/Berlin", 3_426_354)


@pytest.mark.parametrize(
    "name", ["München", "MUNCHEN", "Munich", "Мюнхен", "ミュンヘン", "뮌헨", "ميونخ", "Μόναχο", "ΜΟΝΑΧΟ"]
)
def test_munich_in_many_scripts(name):
    assert PLACES.named(name)[0].place.id == 2867714


def test_every_springfield_the_largest_first():
    found = PLACES.named("springfield")
    assert len(found) > 20
    assert {"US.MO", "US.MA", "US.IL", "US.OR"} <= {match.place.division for match in found}
    populations = [match.place.population for match in found]
    assert populations == sorted(populations, reverse=True)
    assert all(match.score == 1.0 and match.matched == "springfield" for match in found)
    assert {match.place.country for match in PLACES.named("Springfield", country="AU")} == {"AU"}
    assert len(PLACES.named("Springfield", limit=3)) == 3


def test_accents_case_and_punctuation_do_not_matter():
    assert PLACES.named("Saint-Étienne") == PLACES.named("saint etienne") == PLACES.named("SAINT ETIENNE")
    assert PLACES.named("Łódź")[0].place == PLACES.named("LODZ")[0].place
    assert PLACES.named("") == PLACES.named("  --  ") == ()
    assert PLACES.named("Xyzzyville") == ()
    assert PLACES.has_name("Reykjavik")
    assert not PLACES.has_name("Xyzzyville")


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("Saint-Étienne", "saint etienne"),
        ("Ærøskøbing", "aeroskobing"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Αθήνα", "αθηνα"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("Йошкар-Ола", "йошкар ола"),
        ("Королёв", "королев"),
        ("ＴＯＫＹＯ", "tokyo"),
        ("がっこう", "がっこう"),
        ("กรุงเทพ", "กรุงเทพ"),
        ("मुंबई", "मुंबई"),
        ("L’Aquila", "l aquila"),
        ("  a  b ", "a b"),
        ("¡!", ""),
    ],
)
def test_normal_form(written, form):
    assert normalise_name(written) == form


@settings(deadline=None)
@given(st.text(max_size=30))
@example("ẞ")
@example("0\U00018d09\u0300")
def test_normal_form_is_stable(text):
    once = normalise_name(text)
    assert normalise_name(once) == once


@pytest.mark.parametrize(
    ("written", "meant", "score"),
    [("Stutgart", 2825297, 1 - 1 / 9), ("Amsterdxm", 2759794, 1 - 1 / 9), ("Мюнхенн", 2867714, 1 - 1 / 7)],
)
def test_misread_names(written, meant, score):
    assert PLACES.named(written) == ()
    match = next(m for m in PLACES.named(written, fuzzy=True) if m.place.id == meant)
    assert match.score == pytest.approx(score)


def test_short_names_are_not_guessed():
    assert PLACES.named("Qxrk", fuzzy=True) == ()
    assert all(match.score == 1.0 for match in PLACES.named("Berlin", fuzzy=True))


@settings(max_examples=25, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 179.999), st.sampled_from([0, 15_000, 1_000_000]))
@example(89.99, 3.0, 0)
@example(-90.0, 0.0, 0)
@example(-16.8, 179.99, 0)
@example(-16.8, -179.99, 15_000)
def test_nearest_is_the_nearest_of_all(lat, lon, min_population):
    rows = np.flatnonzero(PLACES.populations >= min_population)
    km = np.sort(distance_km(lat, lon, PLACES.lat_deg[rows], PLACES.lon_deg[rows]))[:3]
    found = PLACES.nearest(lat, lon, k=3, min_population=min_population)
    assert [near.distance_km for near in found] == pytest.approx(km, abs=1e-6)
    index = int(PLACES.nearest_indices(lat, lon, min_population))
    assert float(distance_km(lat, lon, PLACES.lat_deg[index], PLACES.lon_deg[index])) == pytest.approx(km[0], rel=0.007)


def test_nearest_of_many_at_once():
    lat, lon = PLACES.lat_deg[::997].reshape(2, -1), PLACES.lon_deg[::997].reshape(2, -1)
    found = PLACES.nearest_indices(lat, lon)
    assert found.shape == lat.shape
    assert (distance_km(lat, lon, PLACES.lat_deg[found], PLACES.lon_deg[found]) == 0.0).all()


def test_nearest_within_a_country():
    near = PLACES.nearest(47.5952, 7.6157, k=2, country="CH")
    assert {match.place.country for match in near} == {"CH"}
    assert len(PLACES.nearest(0.0, 0.0, k=5, country="VA")) == 1
    with pytest.raises(InputError, match="k must be"):
        PLACES.nearest(0.0, 0.0, k=0)
    with pytest.raises(CoordinateError):
        PLACES.nearest(91.0, 0.0)


def test_reverse_on_either_side_of_a_border():
    basel, weil = reverse(47.5596, 7.5886), reverse(47.5952, 7.6157)
    assert (basel.country.code, basel.division.name, basel.place.place.name) == ("CH", "Basel-City", "Basel")
    assert (weil.country.code, weil.place.place.name, weil.timezone) == ("DE", "Weil am Rhein", "Europe/Berlin")
    assert not weil.sea


def test_reverse_at_sea_on_a_coast_and_on_the_ice():
    sea = reverse(0.0, 0.0)
    assert (sea.country, sea.division, sea.timezone, sea.sea) == (None, None, "Etc/GMT", True)
    suva = reverse(-18.1416, 178.4419)
    assert (suva.country.code, suva.division.name, suva.place.place.name) == ("FJ", "Central", "Suva")
    mcmurdo = reverse(-77.85, 166.67)
    assert (mcmurdo.country.code, mcmurdo.division, mcmurdo.timezone) == ("AQ", None, "Antarctica/McMurdo")
    assert {reverse(-16.8, lon).country.code for lon in (179.97, -179.97)} == {"FJ"}


def test_zones():
    assert zone_at(52.52, 13.405) == "Europe/Berlin"
    assert nautical_zone(0.0) == "Etc/GMT"
    assert nautical_zone(-30.0) == "Etc/GMT+2"
    assert nautical_zone(172.0) == "Etc/GMT-11"
    assert nautical_zone(179.0) == nautical_zone(-181.0) == "Etc/GMT-12"


def test_offsets_follow_daylight_saving():
    summer, winter = datetime(2024, 7, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert offsets(summer)["Europe/Berlin"] == timedelta(hours=2)
    assert offsets(winter)["Europe/Berlin"] == timedelta(hours=1)
    assert offsets(winter)["Asia/Kathmandu"] == timedelta(hours=5, minutes=45)
    with pytest.raises(InputError, match="no UTC offset"):
        offsets(datetime(2024, 1, 1))
    assert len(offsets()) > 380


def test_zones_with_an_offset():
    nepal = zones_with_offset(timedelta(hours=5, minutes=45), datetime(2024, 1, 1, tzinfo=UTC))
    assert nepal == ("Asia/Kathmandu",)
    local = datetime(2024, 7, 1, 12)
    two = timedelta(hours=2)
    assert zones_with_offset(two, local) == zones_with_offset(two, local.replace(tzinfo=timezone(two)))
    assert "Europe/Berlin" in zones_with_offset(two, local)
    assert "Europe/Berlin" not in zones_with_offset(two, datetime(2024, 1, 1, 12))
