"""What the shipped bank says of places that everyone can check on a map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.concepts.bank import bank
from whence.earth import grid
from whence.earth.layer_tables import layer_tables

PLACES = {
    "everest": (27.988, 86.925), "sahara": (23.5, 0.5), "manaus forest": (-4.0, -65.0), "paris": (48.857, 2.352),
    "mid pacific": (0.0, -140.0), "greenland ice": (72.0, -40.0), "la paz": (-16.5, -68.13), "tokyo": (35.68, 139.7),
    "geiranger": (62.1, 7.1), "amsterdam": (52.37, 4.9), "ulaanbaatar": (47.92, 106.9), "nairobi": (-1.29, 36.82),
    "santorini": (36.4, 25.43), "kansas": (38.5, -99.5), "lhasa": (29.65, 91.1), "singapore": (1.3, 103.85),
    "hoggar": (23.3, 5.6), "oymyakon": (63.46, 142.79), "lisbon": (38.72, -9.13), "reykjavik": (64.14, -21.9),
    "alice springs": (-23.7, 133.87), "athens": (37.98, 23.73), "bangkok": (13.75, 100.5), "moscow": (55.75, 37.62),
    "turpan": (42.9, 89.2), "barrow": (71.29, -156.7), "bern": (46.95, 7.45), "serengeti": (-2.3, 34.8),
    "sao paulo": (-23.55, -46.63), "cairo": (30.05, 31.25), "delhi": (28.6, 77.2), "seoul": (37.56, 126.98),
    "tel aviv": (32.08, 34.78), "tbilisi": (41.7, 44.8), "addis ababa": (9.02, 38.75), "ca mau": (8.7, 104.8),
    "grindelwald": (46.62, 8.03), "vostok": (-78.46, 106.8), "dhaka": (23.8, 90.4), "ankara": (39.93, 32.86),
    "london": (51.5, -0.12), "qattara": (30.0, 28.0), "altiplano": (-18.5, -67.5),
    "bogota": (4.65, -74.1), "maldives": (4.17, 73.5), "jakarta": (-6.2, 106.82),
}  # fmt: skip

TRUE = """
everest: terrain/high_mountains climate/tundra_climate vegetation/alpine_meadow terrain/high_altitude
sahara: climate/hot_desert climate/dry vegetation/bare_desert settlement/uninhabited water/far_inland culture/africa
manaus forest: climate/rainforest_climate vegetation/rainforest sun/equator terrain/plain culture/latin_america
paris: climate/oceanic settlement/metropolis settlement/bright_lights culture/europe language_script/french
mid pacific: water/open_sea sun/tropics
greenland ice: climate/ice_cap terrain/ice_sheet sun/polar_circle climate/snowy_winter water/island
la paz: terrain/high_altitude settlement/highland_city language_script/spanish water/landlocked_country
tokyo: language_script/japanese_script infrastructure/traffic_on_the_left climate/humid_subtropical culture/east_asia
geiranger: terrain/fjord_coast sun/long_summer_days language_script/germanic_languages
amsterdam: terrain/plain terrain/lowland settlement/city infrastructure/traffic_on_the_right
ulaanbaatar: language_script/cyrillic_script water/landlocked_country water/far_inland
nairobi: sun/equator sun/southern_hemisphere settlement/highland_city
santorini: water/small_island language_script/greek_script water/seashore
kansas: infrastructure/signs_in_miles terrain/plain culture/north_america water/far_inland
lhasa: terrain/high_altitude language_script/chinese_characters
singapore: water/port_city climate/hot_all_year infrastructure/traffic_on_the_left settlement/island_town sun/equator
hoggar: terrain/desert_mountains
oymyakon: climate/boreal vegetation/taiga settlement/sparsely_settled language_script/russian culture/asia
lisbon: climate/mediterranean climate/dry_summer language_script/portuguese vegetation/evergreen_scrub
reykjavik: water/seashore water/cold_coast
alice springs: culture/oceania language_script/english climate/hot_desert
athens: language_script/greek_script
bangkok: language_script/thai_script culture/southeast_asia climate/savanna_climate
moscow: climate/continental language_script/slavic_languages culture/europe
turpan: climate/cold_desert
barrow: vegetation/tundra sun/polar_circle settlement/dark_nights
bern: climate/temperate water/landlocked_country language_script/german
serengeti: vegetation/savanna language_script/bantu_languages
sao paulo: sun/southern_hemisphere settlement/metropolis
cairo: language_script/arabic_script culture/arab_world
delhi: language_script/devanagari culture/south_asia climate/dry
seoul: language_script/hangul
tel aviv: language_script/hebrew_script
tbilisi: language_script/caucasian_scripts
addis ababa: language_script/ethiopic_script
ca mau: vegetation/mangroves terrain/lowland
grindelwald: terrain/mountains settlement/mountain_village
vostok: culture/antarctica terrain/ice_sheet
dhaka: language_script/bengali_script climate/dry_winter
ankara: language_script/turkic_languages
london: infrastructure/signs_in_miles vegetation/broadleaf_forest water/island climate/rain_all_year
qattara: terrain/below_sea_level
altiplano: terrain/plateau
bogota: climate/subtropical_highland settlement/highland_city
maldives: water/small_island water/tropical_beach
jakarta: language_script/austronesian_languages
"""

FALSE = """
everest: terrain/plain climate/hot_all_year water/seashore settlement/city
sahara: climate/snowy_winter water/island terrain/mountains vegetation/taiga language_script/cyrillic_script
manaus forest: climate/dry terrain/mountains settlement/city culture/europe
paris: infrastructure/traffic_on_the_left climate/hot_desert water/seashore sun/tropics language_script/arabic_script
mid pacific: sun/polar_circle
greenland ice: culture/antarctica vegetation/rainforest settlement/city
la paz: water/seashore terrain/lowland sun/northern_hemisphere
amsterdam: terrain/hills terrain/high_altitude water/landlocked_country
kansas: infrastructure/signs_in_kilometres water/port_city language_script/romance_languages
singapore: climate/continental terrain/mountains water/far_inland
vostok: settlement/city
oymyakon: climate/temperate culture/europe
moscow: water/island climate/oceanic
bern: water/port_city climate/tundra_climate
santorini: water/landlocked_country terrain/high_mountains
tokyo: language_script/chinese_characters sun/southern_hemisphere
"""


def pairs(text):
    rows = [line.partition(":") for line in text.strip().splitlines()]
    return [(place, concept) for place, _, concepts in rows for concept in concepts.split()]


def truth(place, concept):
    return float(bank()[concept].grounding.truth(*PLACES[place]))


@pytest.mark.parametrize(("place", "concept"), pairs(TRUE))
def test_true_there(place, concept):
    assert truth(place, concept) > 0.5


@pytest.mark.parametrize(("place", "concept"), pairs(FALSE))
def test_false_there(place, concept):
    assert truth(place, concept) < 0.5  # not "unknown" either


def test_no_one_speaks_at_vostok():
    assert np.isnan(truth("vostok", "language_script/latin_script"))
    assert np.isnan(truth("vostok", "infrastructure/traffic_on_the_right"))


def test_nothing_but_the_sun_and_the_sea_is_known_in_mid_ocean():
    found = bank().truths(*PLACES["mid pacific"])
    known = {concept.id for concept, value in zip(bank(), found, strict=True) if np.isfinite(value)}
    decided = {c.id for c in bank().grounded if c.grounding.layer_names & {"abs_lat_deg"}}
    assert known - decided == {c for c in bank().ids if c.startswith("sun/")} - decided | {"water/open_sea"}
    assert all(found[bank().index(c)] == 0.0 for c in known & decided if not c.startswith("sun/"))


@pytest.fixture(scope="module")
def on_land():
    """Truths of grounded concepts on cells, and the share of land of each concept that is known."""
    cells = np.flatnonzero(layer_tables().land.reshape(grid.cell_count(7), -1).mean(axis=1) > 0.5)
    return bank().truths(*grid.centres(cells, 7))


@pytest.mark.parametrize("concept", bank().grounded, ids=lambda c: c.id)
def test_each_holds_in_a_part_of_the_land_only(concept, on_land):
    if concept.id == "water/open_sea":
        return
    found = on_land[:, bank().index(concept.id)]
    assert np.isfinite(found).mean() > 0.85
    assert np.nanmax(found) > 0.99
    assert np.nanmin(found) < 0.01
    assert 1e-5 < np.nanmean(found) < 0.96


@pytest.mark.parametrize(
    ("concept", "low", "high"),
    [
        ("climate/dry", 0.26, 0.36), ("climate/hot_all_year", 0.16, 0.25), ("climate/ice_cap", 0.07, 0.13),
        ("sun/northern_hemisphere", 0.64, 0.72), ("sun/tropics", 0.30, 0.40), ("terrain/high_altitude", 0.03, 0.09),
        ("terrain/mountains", 0.06, 0.2), ("water/landlocked_country", 0.09, 0.15), ("settlement/city", 0.002, 0.03),
        ("infrastructure/traffic_on_the_left", 0.12, 0.2), ("culture/africa", 0.18, 0.23), ("water/island", 0.05, 0.09),
        ("water/near_the_coast", 0.07, 0.2), ("language_script/cyrillic_script", 0.12, 0.2),
    ],
)  # fmt: skip
def test_shares_of_land_are_those_of_atlases(concept, low, high, on_land):
    assert low < np.nanmean(on_land[:, bank().index(concept)]) < high


def test_no_two_groundings_are_the_same_map(on_land):
    grounded = [bank().index(c.id) for c in bank().grounded if c.id != "water/open_sea"]
    maps = np.nan_to_num(on_land[:, grounded], nan=-1.0)
    unlike = {row.tobytes() for row in np.ascontiguousarray(maps.T)}
    same = len(grounded) - len(unlike)
    assert same <= 6  # a climate and what grows in it, one script and its only family


def test_points_and_cells_agree():
    concept = bank()["climate/hot_desert"].grounding
    cells = np.random.default_rng(0).integers(0, grid.cell_count(8), 2000)
    held = concept.on_cells(8)[cells]
    found = concept.truth(*grid.centres(cells, 8))
    known = np.isfinite(held)
    np.testing.assert_array_equal(found[known], held[known])


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0])),
            st.one_of(st.floats(-1e3, 1e3), st.sampled_from([-180.0, 180.0, 179.9999999])),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_anywhere(points):
    lat, lon = np.array(points).T
    found = bank().truths(lat, lon)
    assert found.shape == (len(points), len(bank()))
    known = np.isfinite(found)
    assert ((found[known] >= 0) & (found[known] <= 1)).all()
    assert not known[:, [concept.grounding is None for concept in bank()]].any()
    north, south = (found[:, bank().index(f"sun/{side}_hemisphere")] for side in ("northern", "southern"))
    np.testing.assert_array_equal(north + south, 1.0)
