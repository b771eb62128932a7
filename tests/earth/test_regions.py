from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from whence.core.errors import InputError, OptionError
from whence.earth import grid
from whence.earth.countries import countries
from whence.earth.field import Field
from whence.earth.outlines import assemble, outlines, simple_outlines
from whence.earth.regions import TABLE_ORDER, RegionLevel, country_at, regions

COUNTRY, REGION, ZONE = (regions(level) for level in RegionLevel)
POINTS = {
    "Berlin": (52.52, 13.405, "DE", "DE.16", "Europe/Berlin"),
    "Basel": (47.5596, 7.5886, "CH", "CH.BS", "Europe/Zurich"),
    "Weil am Rhein": (47.5952, 7.6157, "DE", "DE.01", "Europe/Berlin"),
    "Suva": (-18.1416, 178.4419, "FJ", "FJ.01", "Pacific/Fiji"),
    "Taveuni, west of 180": (-16.85, 179.95, "FJ", None, "Pacific/Fiji"),
    "Rabi side, east of 180": (-16.8, -179.97, "FJ", None, "Pacific/Fiji"),
    "Las Vegas": (36.1699, -115.1398, "US", "US.NV", "America/Los_Angeles"),
    "McMurdo": (-77.85, 166.67, "AQ", "AQ", "Antarctica/McMurdo"),
    "South Pole": (-90.0, 0.0, "AQ", "AQ", None),
    "Vatican": (41.9022, 12.4533, "VA", "VA", "Europe/Vatican"),
    "Monaco": (43.7384, 7.4246, "MC", "MC", "Europe/Monaco"),
    "Cayenne": (4.92, -52.31, "GF", None, "America/Cayenne"),
    "Saint-Denis, Réunion": (-20.89, 55.46, "RE", None, "Indian/Reunion"),
    "Longyearbyen": (78.22, 15.65, "SJ", "SJ.21", "Arctic/Longyearbyen"),
    "Pristina": (42.66, 21.17, "XK", None, "Europe/Belgrade"),
    "Anadyr side, east of 180": (67.5, -179.9, "RU", "RU.15", "Asia/Anadyr"),
    "Maseru in South Africa": (-29.31, 27.48, "LS", None, "Africa/Maseru"),
    "Gulf of Guinea": (0.0, 0.0, "", "", ""),
    "North Pole": (90.0, 0.0, "", "", ""),
}


@pytest.mark.parametrize("name", POINTS)
def test_known_points(name):
    lat, lon, country, division, zone = POINTS[name]
    assert COUNTRY.at(lat, lon) == country
    assert division is None or REGION.at(lat, lon) == division
    assert zone is None or ZONE.at(lat, lon) == zone
    assert country_at(lat, lon) == country


def test_arrays_keep_their_shape_and_agree_with_single_points():
    lat = np.array([[row[0] for row in POINTS.values()]])
    lon = np.array([[row[1] for row in POINTS.values()]])
    assert COUNTRY.at(lat, lon).tolist() == [[row[2] for row in POINTS.values()]]
    assert COUNTRY.indices_at(lat, lon + 360.0).tolist() == COUNTRY.indices_at(lat, lon).tolist()


def test_regions_know_their_names():
    nevada = REGION.region("US.NV")
    assert (nevada.name, nevada.country, nevada.level) == ("Nevada", "US", RegionLevel.REGION)
    assert COUNTRY.region("DE").name == "Germany"
    assert ZONE.region("Europe/Berlin").country == "DE"
    assert "US.NV" in REGION
    assert len(COUNTRY.codes) == len(COUNTRY) == 250
    assert set(COUNTRY.codes) == set(countries())
    with pytest.raises(OptionError, match="region code"):
        REGION.region("US.QQ")


def test_table_agrees_with_the_outlines_at_random_points():
    rng = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))), rng.uniform(-180, 180, 20_000)
    shapes = outlines()
    exact = np.asarray([*shapes.codes, ""])[shapes.indices_at(lat, lon)]
    found = COUNTRY.at(lat, lon)
    assert (found == exact)[exact != ""].all()
    off_coast = np.flatnonzero(found != exact)
    assert off_coast.size < 0.01 * found.size
    for i in off_coast[:30]:  # 5 km, and the size of the cells that share a search
        assert shapes.nearest(float(lat[i]), float(lon[i]), 6.7)[0] != ""
    divisions = REGION.at(lat, lon)
    assert all(division[:2] == country for division, country in zip(divisions, found, strict=True))


def test_area_of_land_and_of_large_countries():
    areas = COUNTRY.areas_km2()
    land = sum(area for code, area in areas.items() if code != "AQ")
    # 148.9 million km² of land with 14.2 of Antarctica, of which Natural Earth draws the part without ice shelves
    assert land == pytest.approx(134.7e6, rel=0.01)
    assert areas["AQ"] == pytest.approx(12.3e6, rel=0.02)
    large = {
        "RU": 17.07e6,
        "CA": 9.98e6,
        "US": 9.52e6,
        "BR": 8.51e6,
        "AU": 7.69e6,
        "AR": 2.78e6,
        "KZ": 2.72e6,
        "DE": 357e3,
    }
    for code, known in large.items():
        assert areas[code] == pytest.approx(known, rel=0.03), code


def test_log_field_takes_values_in_regions_and_the_mean_on_borders():
    field = COUNTRY.log_field({"DE": 2.0, "FR": -np.inf}, default=0.5)
    assert field.at(52.0, 10.0) == 2.0
    assert field.at(47.0, 2.0) == -np.inf
    assert field.at(0.0, 0.0) == 0.5
    cell = int(grid.cells_at(48.58, 7.75, 7))  # Strasbourg and Kehl
    lat, lon = grid.centres(grid.children(np.array([cell]), 7, TABLE_ORDER).ravel(), TABLE_ORDER)
    shapes = outlines()
    owners = np.asarray([*shapes.codes, ""])[shapes.indices_at(lat, lon)]
    share = (owners == "DE").mean()
    assert 0.0 < share < 1.0
    assert set(owners) == {"DE", "FR"}
    assert field.values[cell] == pytest.approx(2.0 + np.log(share))


def test_sea_beside_a_coast_counts_only_when_it_is_given_a_value():
    lisbon = int(grid.cells_at(38.75, -9.45, 7))
    share = (COUNTRY.of_cells(grid.children(np.array([lisbon]), 7, TABLE_ORDER).ravel()) >= 0).mean()
    assert 0.0 < share < 1.0
    assert COUNTRY.log_field({"PT": 3.0}, default=0.0).values[lisbon] == pytest.approx(3.0)
    wet = COUNTRY.log_field({"PT": 3.0}, default=0.0, sea=-np.inf)
    assert wet.values[lisbon] == pytest.approx(3.0 + np.log(share))
    assert wet.at(0.0, -140.0) == -np.inf


def test_log_field_refuses_unknown_codes_and_orders():
    with pytest.raises(OptionError, match="country code"):
        COUNTRY.log_field({"QQ": 1.0}, default=0.0)
    with pytest.raises(InputError, match="order"):
        COUNTRY.log_field({}, default=0.0, order=12)


@settings(max_examples=15, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 179.99), st.floats(0.01, 3000), st.floats(0, 0.5))
def test_marginals_add_up_to_one_at_every_level(lat, lon, sigma_km, floor):
    field = Field.from_points([lat], [lon], sigma_km=sigma_km, floor=floor + 1e-9).normalise()
    for table in (COUNTRY, REGION, ZONE):
        masses = table.marginalise(field)
        assert sum(masses.values()) == pytest.approx(1.0, abs=1e-9)
        assert min(masses.values()) >= 0.0
    by_country: dict[str, float] = {}
    for code, mass in REGION.marginalise(field).items():
        by_country[code[:2]] = by_country.get(code[:2], 0.0) + mass
    for code, mass in COUNTRY.marginalise(field).items():
        assert by_country.get(code, 0.0) == pytest.approx(mass, abs=1e-6)


def test_the_uniform_belief_gives_each_country_its_share_of_the_earth():
    masses = COUNTRY.marginalise(Field.uniform())
    areas = COUNTRY.areas_km2()
    for code in ("CH", "MN", "VA"):
        assert masses[code] == pytest.approx(areas[code] / grid.EARTH_AREA_KM2, rel=1e-6)
    for code, shore in (("DE", 0.1), ("RU", 0.1), ("FJ", 2.0)):  # the sea along the shore is theirs as well
        assert 1.0 < masses[code] / (areas[code] / grid.EARTH_AREA_KM2) < 1.0 + shore


def test_metres_decide_at_a_border():
    for lat, lon, code in ((47.5596, 7.5886, "CH"), (47.5952, 7.6157, "DE"), (41.9022, 12.4533, "VA")):
        field = Field.from_points([lat], [lon], sigma_km=0.01, floor=1e-6).normalise()
        assert COUNTRY.marginalise(field)[code] > 0.99


def test_cells_cover_the_region():
    cells = COUNTRY.cells("LU", 7)
    assert grid.cells_at(49.61, 6.13, 7) in cells
    assert (np.diff(cells) > 0).all()
    assert 1 <= cells.size <= 9
    fine = COUNTRY.cells("CH", 10)
    assert fine.size * grid.cell_area_km2(10) == pytest.approx(41_285, rel=0.02)
    assert COUNTRY.cells("CH", 12).size == 16 * fine.size


def test_polygons():
    geod = Geod(ellps="WGS84")
    assert REGION.polygon("US.NV") is None
    for code, known in {"LU": 2_586, "CH": 41_285, "MG": 587_041, "NZ": 268_000}.items():
        km2 = sum(abs(geod.geometry_area_perimeter(part)[0]) for part in COUNTRY.polygon(code).geoms) / 1e6
        assert km2 == pytest.approx(known, rel=0.03), code
    for code in COUNTRY.codes:
        west, south, east, north = COUNTRY.polygon(code).bounds
        assert -180.0 <= west <= east <= 180.0
        assert -90.0 <= south <= north <= 90.0


def test_a_ring_across_the_antimeridian_is_cut_in_two():
    parts = assemble([np.array([[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]])])
    assert sorted(part.bounds for part in parts) == [(-180.0, 0.0, -179.0, 1.0), (179.0, 0.0, 180.0, 1.0)]


def test_a_ring_around_the_pole_is_closed_over_it():
    lon = np.concatenate([np.arange(-180.0, 180.0, 10.0), [-180.0]])
    parts = assemble([np.stack([lon, np.full(lon.size, -80.0)], axis=1)])
    assert sum(part.area for part in parts) == pytest.approx(360.0 * 10.0)


def test_distance_to_the_nearest_coast():
    code, km = outlines().nearest(0.0, 0.0, 100.0)
    assert (code, km) == ("", np.inf)
    assert outlines().nearest(52.5, 13.4, 5.0) == ("DE", 0.0)
    code, km = outlines().nearest(54.25, 12.08, 30.0)  # off Warnemünde, whose beach is at 54.18
    assert code == "DE"
    assert 6.0 < km < 9.0
    assert outlines().nearest(54.25, 12.08, 5.0)[0] == ""


def test_simple_outlines_are_small_and_hold_every_country():
    simple = simple_outlines()
    assert set(simple) == set(COUNTRY.codes)
    assert sum(len(ring) for parts in simple.values() for part in parts for ring in part) < 25_000
    assert any(len(part) > 1 for part in simple["ZA"])  # Lesotho is a hole
    for parts in simple.values():
        for part in parts:
            for ring in part:
                assert (ring[0] == ring[-1]).all()
                assert np.abs(ring[:, 0]).max() <= 180.0
