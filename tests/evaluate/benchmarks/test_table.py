"""Benchmarks by name: every card is whole, protocols measure and read what they say, damage is named."""

from pathlib import Path

import numpy as np
import pytest

from whence.core.errors import ArtifactError, OptionError
from whence.evaluate.benchmarks import benchmark, benchmarks
from whence.evaluate.benchmarks.earths import EARTHS, distance_km, errors_km
from whence.evaluate.benchmarks.scores import SCORES
from whence.evaluate.benchmarks.table import parse_benchmarks

NAMES = ("im2gps", "im2gps3k", "yfcc4k", "yfcc26k", "gws15k", "osv5m", "geocomp", "earthwhere", "geochain")
TABLE = """
[im2gps]
part = "test"
pictures = 237
leaks = ["One."]
sources = ["a page"]
not_verified = []
[im2gps.protocol]
earth = "wgs84"
crops = ["centre"]
split = "All."
thresholds_km = [1, 25]
strict = false
scores = ["median_km"]
missing = "None."
"""


def test_the_nine_are_there_and_the_nearest_name_is_proposed():
    assert tuple(benchmarks()) == NAMES
    with pytest.raises(OptionError, match="Did you mean 'im2gps3k'"):
        benchmark("im2gps3")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_whole(name):
    found = benchmark(name)
    assert found.name == name
    assert found.card.paper
    assert found.card.licence
    assert found.part in found.reader.PARTS
    assert found.leaks
    assert found.sources
    for text in (*found.leaks, *found.not_verified, found.protocol.split, found.protocol.missing):
        assert text[0].isupper(), text
        assert text.endswith("."), text
    assert found.protocol.crops
    assert ("distance_recall" in found.protocol.scores) == bool(found.protocol.thresholds_km)


def test_every_score_is_used_and_every_benchmark_documented():
    used = {score for item in benchmarks().values() for score in item.protocol.scores}
    assert used == set(SCORES)
    page = (Path(__file__).resolve().parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for name, found in benchmarks().items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        how = found.protocol
        thresholds = ", ".join(f"{km:g}" for km in how.thresholds_km)
        told = (f"`{how.earth}`", thresholds, *(f"`{score}`" for score in how.scores))
        assert all(text in row for text in told), name
        assert (f"{found.pictures:,}" if found.pictures else "not known") in row, name
    assert all(f"`{name}`" in page for name in (*EARTHS, *SCORES))


def test_distances_by_hand():
    quarter = np.pi / 2 * 6371
    assert distance_km(0, 0, 0, 90, "haversine_6371") == pytest.approx(quarter)
    assert distance_km(0, 0, 90, 17, "haversine_mean_radius") == pytest.approx(quarter * 6371.0088 / 6371)
    assert distance_km(10, 20, -10, -160, "haversine_6371") == pytest.approx(2 * quarter)  # antipodes
    assert distance_km(0, 179.5, 0, -179.5, "haversine_6371") == pytest.approx(np.pi / 180 * 6371)
    assert distance_km(0, 0, 90, 0) == pytest.approx(10001.9657, abs=1e-3)  # the quarter meridian of WGS84
    assert distance_km(0, [0.0, 1.0], 0, 1, "haversine_6371") == pytest.approx([np.pi / 180 * 6371, 0.0])
    with pytest.raises(OptionError, match="haversine_6371"):
        distance_km(0, 0, 0, 1, "haversine_6372")


def test_spheres_are_within_six_per_mille_of_the_ellipsoid():
    draw = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(draw.uniform(-1, 1, (2, 500)))), draw.uniform(-180, 180, (2, 500))
    true = distance_km(lat[0], lon[0], lat[1], lon[1])
    for earth in EARTHS[1:]:
        assert distance_km(lat[0], lon[0], lat[1], lon[1], earth) == pytest.approx(true, rel=6e-3)


def test_the_earth_decides_near_a_threshold():
    lat, lon, zeros = np.array([25.05 / 111.195]), np.array([0.0]), np.zeros(1)  # due north: geodesics are shorter
    assert errors_km(lat, lon, zeros, zeros)[0] < 25 < errors_km(lat, lon, zeros, zeros, "haversine_6371")[0]
    assert benchmark("geocomp").protocol.errors_km(lat, lon, zeros, zeros)[0] < 25
    assert benchmark("im2gps").protocol.errors_km(lat, lon, zeros, zeros)[0] > 25
    assert np.isinf(errors_km(np.array([np.nan]), lon, zeros, zeros, "haversine_6371"))[0]


def test_a_protocol_reads_errors_as_it_says():
    errors = np.array([0.0, 1.0, 25.0, 750.0, np.inf])
    assert dict(benchmark("im2gps").protocol.within(errors)) == {1: 0.4, 25: 0.6, 200: 0.6, 750: 0.8, 2500: 0.8}
    assert dict(benchmark("geocomp").protocol.within(errors)) == {1: 0.2, 25: 0.4, 750: 0.6}
    read = benchmark("earthwhere").protocol.read(errors)
    assert set(read) == {*(f"within_{km}_km" for km in (1, 5, 10, 20, 50, 100, 200)), "coordinate_score"}
    assert read["coordinate_score"] == pytest.approx(0.2)  # one exact answer of five; at 1 km nothing is left
    assert set(benchmark("osv5m").protocol.read(errors[:4])) == {"geoscore", "mean_km"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("wgs84", "flat"), "names what there is not: flat"),
        (("centre", "eleven"), "eleven"),
        (("median_km", "luck"), "luck"),
        (("[1, 25]", "[25, 1]"), "must rise"),
        (('"test"', '"train"'), "no part 'train'"),
        (("missing =", "lost ="), "lost, missing"),
        (("pictures = 237\n", ""), "pictures"),
        (("[im2gps]", "[im2gps"), "no TOML"),
    ],
)
def test_a_damaged_table_is_refused(change, said):
    assert parse_benchmarks(TABLE, "t")["im2gps"].protocol.thresholds_km == (1, 25)
    with pytest.raises(ArtifactError, match=said):
        parse_benchmarks(TABLE.replace(*change), "t")
