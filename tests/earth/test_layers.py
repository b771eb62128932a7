from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.core.errors import CoordinateError, InputError, OptionError
from whence.earth import grid
from whence.earth.countries import countries
from whence.earth.layer_facts import FAMILY_OF, KOPPEN, SCRIPTS, main_languages
from whence.earth.layer_tables import LAYER_ORDER, coarser_classes, coarser_numbers, layer_tables
from whence.earth.layers import MAX_ORDER, layers
from whence.earth.tables import land_share, read_bytes

EVEREST = (27.988, 86.925)
SAHARA = (23.5, 0.5)
AMAZON = (-4.0, -65.0)
PARIS = (48.8566, 2.3522)
MID_PACIFIC = (0.0, -140.0)
OF_COUNTRIES = {"continent", "driving_side", "landlocked", "language", "language_family", "road_unit", "script"}


def value(name, place):
    return float(layers().values(name, *place))


def symbol(name, place):
    return str(layers().symbols(name, *place))


@pytest.mark.parametrize(
    ("place", "climate"),
    [
        (EVEREST, "ET"), (SAHARA, "BWh"), (AMAZON, "Af"), (PARIS, "Cfb"), ((-33.8688, 151.2093), "Cfa"),
        (MID_PACIFIC, ""), ((72.0, -40.0), "EF"), ((-1.0, 33.0), "Am"), ((35.68, 139.76), "Cfa"),
        ((64.147, -21.94), "Cfc"), ((41.9, 12.5), "Csa"), ((67.55, 133.39), "Dwd"), ((-80.0, 100.0), "EF"),
        ((55.75, 37.62), "Dfb"), ((19.43, -99.13), "Cwb"), ((28.6, 77.2), "BSh"), ((69.35, 88.2), "Dfc"),
    ],
)  # fmt: skip
def test_climates_of_known_places(place, climate):
    assert symbol("koppen", place) == climate


@pytest.mark.parametrize(
    ("place", "low", "high"),
    [
        (EVEREST, 4500, 7000), (SAHARA, 250, 450), (AMAZON, 0, 120), (PARIS, 20, 130), ((72.0, -40.0), 2900, 3300),
        ((-1.0, 33.0), 1050, 1250), ((-16.5, -68.15), 3500, 4500), ((31.5, 35.47), -450, 300), ((52.37, 4.9), -5, 15),
        ((36.24, -116.83), -100, 900), ((42.95, 89.2), -200, 100), ((-75.0, 90.0), 3000, 4200),
    ],
)  # fmt: skip
def test_heights_of_known_places(place, low, high):
    assert low <= value("elevation_m", place) <= high


@pytest.mark.parametrize(
    "port",
    [
        (51.95, 4.14), (53.54, 9.93), (1.27, 103.83), (40.69, -74.04), (-33.86, 151.2), (35.45, 139.65),
        (-22.9, -43.18), (31.2, 29.9), (60.15, 24.95), (-18.14, 178.44), (64.15, -21.94), (13.1, 80.3),
    ],
)  # fmt: skip
def test_ports_are_by_the_sea(port):
    if port == (53.54, 9.93):  # Hamburg lies up a river whose mouth the outlines close
        assert value("coast_km", port) < 100.0
    else:
        assert value("coast_km", port) < 10.0


@pytest.mark.parametrize(
    ("place", "low", "high"),
    [
        ((48.0, 67.0), 1900, 2200), ((45.0, 87.0), 2000, 2700), (PARIS, 130, 170), ((47.0, 103.0), 1350, 1600),
        ((52.52, 13.4), 130, 190), ((40.4, 49.87), 500, 800), ((41.9, 12.45), 15, 30), ((-25.0, 25.0), 600, 1000),
    ],
)  # fmt: skip
def test_inland_is_far_from_the_sea_the_caspian_not_counted(place, low, high):
    assert low < value("coast_km", place) < high


def test_relief_tells_mountains_from_plains():
    assert value("relief_m", (46.0, 7.75)) > 2000  # Valais
    assert value("relief_m", (53.2, 6.5)) < 60  # Groningen
    assert value("relief_m", AMAZON) < 100
    assert value("relief_m", EVEREST) > 2000


def test_lights_and_people():
    assert value("night_light", PARIS) > 20
    assert value("night_light", SAHARA) == 0
    assert value("night_light", AMAZON) == 0
    assert value("people_per_km2", PARIS) > 5000
    assert value("people_per_km2", SAHARA) < 1
    total = np.nansum(layers().on_cells("people_per_km2", 8)) * float(grid.cell_area_km2(8))
    assert total == pytest.approx(sum(c.population for c in countries().values()), rel=0.05)


@pytest.mark.parametrize(
    ("place", "kind", "low", "high"),
    [
        (PARIS, "continent", 75e6, 90e6), (AMAZON, "continent", 35e6, 42e6),
        ((-25.0, 134.0), "continent", 7.4e6, 7.8e6),
        ((72.0, -40.0), "large_island", 2.0e6, 2.2e6), ((52.5, -1.5), "large_island", 2.1e5, 2.4e5),
        ((64.9, -18.5), "large_island", 1.0e5, 1.05e5), ((35.9, 14.45), "island", 200, 300),
        ((21.47, -157.98), "island", 1450, 1700), ((36.4, 25.43), "islet", 50, 100),
    ],
)  # fmt: skip
def test_land_masses(place, kind, low, high):
    assert symbol("island", place) == kind
    assert low < value("landmass_km2", place) < high


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("driving_side", ("right", "left", "left", "right", "")),
        ("road_unit", ("km", "mi", "km", "mi", "")),
        ("script", ("Latn", "Latn", "Jpan", "Latn", "")),
        ("language", ("fr", "en", "ja", "en", "")),
        ("language_family", ("romance", "germanic", "japonic", "germanic", "")),
        ("continent", ("EU", "EU", "AS", "NA", "")),
        ("landlocked", ("coastal", "coastal", "coastal", "coastal", "")),
    ],
)
def test_facts_of_countries(name, expected):
    places = np.array([PARIS, (51.5, -0.12), (35.68, 139.76), (39.1, -94.6), MID_PACIFIC])
    assert tuple(layers().symbols(name, places[:, 0], places[:, 1])) == expected


def test_parts_of_countries_on_another_continent():
    lat, lon = [55.75, 56.8, 43.1, 66.1, 21.3, 61.2], [37.6, 53.2, 131.9, -170.0, -157.9, -149.9]
    assert list(layers().symbols("continent", lat, lon)) == ["EU", "EU", "AS", "AS", "OC", "NA"]


def test_landlocked_countries():
    table = layer_tables().landlocked
    assert {"CH", "AT", "MN", "BO", "PY", "LA", "ET", "LS", "KZ", "UZ", "TM", "VA", "SM", "LI"} <= table
    assert not table & {"AZ", "BA", "SI", "CD", "IQ", "JO", "DE", "PS", "BE", "ER"} - {"AZ"}
    assert "AZ" in table  # the Caspian Sea is none
    assert len(table) == 45  # 42 member states, Kosovo, Vatican City and Liechtenstein among them


def test_belts_and_hemispheres():
    lat = [0.0, 23.43, 23.45, -34.9, 35.1, -54.9, 55.1, 66.5, 66.6, 90.0, -90.0]
    belts = ["tropical"] * 2 + ["subtropical"] * 2 + ["middle"] * 2 + ["subpolar"] * 2 + ["polar"] * 3
    assert list(layers().symbols("latitude_belt", lat, 0.0)) == belts
    assert list(layers().symbols("hemisphere", [1e-9, -1e-9], 0.0)) == ["north", "south"]


def test_aridity_and_groups_follow_from_the_climate():
    climates = layers().on_cells("koppen", LAYER_ORDER)
    known = climates >= 0
    group = layers().on_cells("koppen_group", LAYER_ORDER)
    aridity = layers().on_cells("aridity", LAYER_ORDER)
    legend = [c.symbol for c in layers().info("aridity").classes]
    assert {KOPPEN[c].symbol[0] == "ABCDE"[g] for c, g in zip(climates[known], group[known], strict=True)} == {True}
    for climate, dry in (("BWk", "desert"), ("BSh", "steppe"), ("Csb", "dry_summer"), ("Aw", "dry_winter"),
                         ("Dwc", "dry_winter"), ("Cfb", "humid"), ("Af", "humid"), ("ET", "cold")):  # fmt: skip
        mine = climates == [c.symbol for c in KOPPEN].index(climate)
        assert {legend[i] for i in aridity[mine]} == {dry}


def test_points_off_the_shore_take_the_land_beside_them():
    off_lisbon, farther = (38.7, -9.75), (38.7, -11.0)
    assert symbol("koppen", off_lisbon) in {"Csa", "Csb"}
    assert symbol("koppen", farther) == ""
    assert np.isnan(value("elevation_m", farther))
    assert value("land_share", farther) == 0.0


def test_tables_know_the_same_land():
    layer = layer_tables().land.reshape(grid.cell_count(7), -1).any(axis=1)
    assert layer[land_share() > 0.1].all()
    assert layer[land_share() == 0.0].mean() < 0.01  # islets smaller than the samples of the share
    assert np.isnan(layers().on_cells("elevation_m", LAYER_ORDER)[~layer_tables().land]).all()
    assert np.isfinite(layers().on_cells("coast_km", LAYER_ORDER)[layer_tables().land]).all()


def test_nearly_all_land_has_a_climate():
    climates = layers().on_cells("koppen", LAYER_ORDER)[layer_tables().land]
    assert (climates >= 0).mean() > 0.97
    share = np.bincount(climates[climates >= 0], minlength=30) / (climates >= 0).sum()
    assert (share > 0).sum() >= 29
    assert 0.13 < share[3] < 0.18  # BWh holds about a sixth of the land


def test_shapes_types_and_turns_of_the_earth():
    lat, lon = np.array([[48.85], [27.99]]), np.array([[2.35, 2.35 + 360.0, 2.35 - 720.0]])
    numbers = layers().values("elevation_m", lat, lon)
    classes = layers().values("koppen", lat, lon)
    assert numbers.shape == classes.shape == (2, 3)
    assert numbers.dtype == np.float64
    assert classes.dtype == np.int64
    assert (numbers == numbers[:, :1]).all()
    assert layers().values("koppen", 48.85, 2.35).shape == ()
    assert layers().values("koppen", [], []).shape == (0,)


def test_several_layers_at_once_are_what_each_is_alone():
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(-90, 90, 300), rng.uniform(-180, 180, 300)
    together = layers().values_of(layers().names, lat, lon)
    for name in layers().names:
        np.testing.assert_array_equal(together[name], layers().values(name, lat, lon))


@pytest.mark.parametrize("name", layers().names)
def test_cells_agree_with_points_in_their_middle(name):
    layer = layers().info(name)
    order = min(layer.order, LAYER_ORDER)
    cells = np.random.default_rng(0).integers(0, grid.cell_count(order), 400)
    held = layers().on_cells(name, order)[cells]
    found = layers().values(name, *grid.centres(cells, order))
    known = held >= 0 if layer.classes else np.isfinite(held)
    assert known.any()
    if name in {"people_per_km2", "coast_km"}:  # finer at points than on cells
        near = np.abs(np.log1p(found[known]) - np.log1p(held[known]))
        assert np.median(near) < 0.05
    elif name in OF_COUNTRIES:  # borders cut cells
        assert (found[known] == held[known]).mean() > 0.9
    else:
        np.testing.assert_allclose(found[known], held[known])


@pytest.mark.parametrize("name", ["elevation_m", "koppen", "script", "abs_lat_deg", "land_share"])
def test_orders(name):
    for order in (0, 3, 7, 9):
        assert layers().on_cells(name, order).shape == (grid.cell_count(order),)
    fine, kept = layers().on_cells(name, 9), layers().on_cells(name, 7)
    assert not kept.flags.writeable
    assert kept is layers().on_cells(name, 7)
    if name in {"elevation_m", "koppen", "script"}:
        np.testing.assert_array_equal(fine[::4], layers().on_cells(name, 8))


def test_every_layer_says_what_it_is():
    for name in layers().names:
        layer = layers().info(name)
        assert layer.name == name
        assert layer.description.endswith(".")
        assert layer.source
        assert 0 <= layer.order <= MAX_ORDER
        symbols = [item.symbol for item in layer.classes]
        assert len(set(symbols)) == len(symbols)
        assert all(item.name for item in layer.classes)
    assert len(KOPPEN) == 30
    assert {item.group for item in KOPPEN} == {"tropical", "arid", "temperate", "continental", "polar"}


def test_every_main_language_has_a_family_and_its_script_a_class():
    scripts = {item.symbol for item in SCRIPTS}
    for code, (language, script) in main_languages().items():
        assert language in FAMILY_OF, code
        assert script in scripts, code
    assert set(countries()) - set(main_languages()) <= {"AQ", "HM"}


def test_classes_are_used():
    for name in layers().names:
        layer = layers().info(name)
        used = set(layers().on_cells(name, LAYER_ORDER)) - {-1}
        if layer.classes and name not in {"koppen", "language", "island"}:  # Dsd is rare, islets small
            assert used == set(range(len(layer.classes))), name


def test_mistakes_are_named():
    with pytest.raises(OptionError, match="Did you mean 'koppen'"):
        layers().values("kopen", 0.0, 0.0)
    with pytest.raises(OptionError, match="holds numbers"):
        layers().symbols("elevation_m", 0.0, 0.0)
    with pytest.raises(OptionError, match="Did you mean 'Cfb'"):
        layers().info("koppen").codes_of(("Cfbb",))
    with pytest.raises(InputError, match=r"0\.\.10, received 11"):
        layers().on_cells("koppen", 11)
    for lat, lon in ((90.1, 0.0), (np.nan, 0.0), (0.0, np.inf)):
        with pytest.raises(CoordinateError, match="position 1"):
            layers().values("koppen", [0.0, lat], [0.0, lon])


def test_means_and_majorities_by_hand():
    rows = np.array([[1.0, 3.0, np.nan, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(coarser_numbers(rows), [2.0, np.nan])
    votes = np.array([[5, 5, 2, 2], [7, -1, -1, -1], [-1, -1, -1, -1], [3, 4, 4, 9], [2, 2, 2, 2]])
    np.testing.assert_array_equal(coarser_classes(votes), [2, 7, -1, 4, 2])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0, 89.9999999, -89.9999999])),
            st.one_of(st.floats(-1000, 1000), st.sampled_from([-180.0, 180.0, 179.9999999, -179.9999999, 360.0])),
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_anywhere(points):
    lat, lon = np.array(points).T
    for name, found in layers().values_of(layers().names, lat, lon).items():
        layer = layers().info(name)
        assert found.shape == lat.shape
        if layer.classes:
            assert ((found >= -1) & (found < len(layer.classes))).all()
        elif name != "elevation_m":
            assert (np.isnan(found) | (found >= 0)).all()


def test_the_layers_are_small():
    assert len(read_bytes("layers.npz")) < 1.5e6


POINTS = 16_000


def test_layers_agree_with_the_rasters(shared):
    """Nearest pixels of climate and height at random land points, read without the code that built the table."""
    folder = shared / "data" / "earth"
    rng = np.random.default_rng(5)
    lat, lon = (
        np.degrees(np.arcsin(rng.uniform(-0.85, 0.98, POINTS))),
        rng.uniform(-180, 180, POINTS),
    )
    dry = np.flatnonzero(layer_tables().land[grid.cells_at(lat, lon, LAYER_ORDER)])
    lat, lon = lat[dry], lon[dry]
    with np.load(folder / "koppen_1991_2020.npz") as archive:
        rows = np.floor((84.0 - lat) / 144.0 * 1860).astype(int).clip(0, 1859)
        theirs = archive["cls"][rows, np.floor((lon + 180.0) / 360.0 * 4650).astype(int)]
    theirs[lat > 84.0] = 0
    ours = layers().values("koppen", lat, lon) + 1
    both = (ours > 0) & (theirs > 0)
    assert both.mean() > 0.9
    assert (ours == theirs)[both].mean() > 0.85
    with np.load(folder / "etopo20.npz") as archive:
        metres = archive["elevation_m"][np.floor((90.0 - lat) * 3).astype(int), np.floor((lon + 180.0) * 3).astype(int)]
    gap = np.abs(layers().values("elevation_m", lat, lon) - metres)[metres > 0]
    assert np.median(gap) < 50.0
