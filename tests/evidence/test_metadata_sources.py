"""GPS, clock and constraints: what they claim, and how they allow for being wrong."""

import json
import time
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import pytest

from whence.core.errors import ConstraintError, OptionError, WhenceError
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.earth.regions import RegionLevel, regions
from whence.evidence.clock import Clock
from whence.evidence.constraints import parse_constraints
from whence.evidence.exif import Config, Exif
from whence.evidence.prior import Config as PriorConfig
from whence.evidence.prior import prior_field
from whence.evidence.run import gather
from whence.evidence.types import Claim, Evidence, EvidenceSource
from whence.samples.view import Metadata, Position, Query, Tagged, View


def query(**metadata) -> Query:
    pixels = np.zeros((32, 32, 3), np.uint8)
    return Query((View(pixels, (32, 32), "a.jpg", "0" * 64, "JPEG", metadata=Metadata(**metadata)),))


def tagged(value):
    return Tagged(value, "EXIF Test")


def bits_between(field: Field, a, b) -> float:
    return float(field.at(*a) - field.at(*b)) / np.log(2)


def test_gps_is_exact_to_its_error_and_can_be_outvoted():
    (claim,) = Exif().read(query(position=tagged(Position(48.85837, 2.29448)), position_error_m=tagged(8.0)))
    assert "8 m" in claim.implies
    belief = claim.likelihood.normalise()
    mode = belief.mode()
    assert distance_km(mode.lat_deg, mode.lon_deg, 48.85837, 2.29448) < 0.01
    far = np.flatnonzero(np.abs(belief.partition.lat_deg - 48.85837) > 1.0)
    assert belief.mass[far].sum() == pytest.approx(0.02, abs=0.002)
    region = belief.credible_region(0.5)
    assert region.area_km2 < 0.01


def test_null_island_is_a_claim_of_its_own():
    (claim,) = Exif().read(query(position=tagged(Position(0.0, 0.0))))
    assert claim.kind == "null island"
    assert claim.likelihood.normalise().mass[claim.likelihood.partition.orders == 7].sum() > 0.9


def test_rounded_coordinates_are_believed_less():
    (fine,) = Exif().read(query(position=tagged(Position(48.85837, 2.29448))))
    (whole,) = Exif().read(query(position=tagged(Position(48.0, 2.0))))
    (minutes,) = Exif().read(query(position=tagged(Position(48 + 51 / 60, 2 + 17 / 60))))
    areas = [c.likelihood.normalise().credible_region(0.5).area_km2 for c in (fine, minutes, whole)]
    assert areas[0] < 0.01 < 1 < areas[1] < 20 < 1000 < areas[2]
    assert "rounded to 1°" in whole.implies


def test_broken_tags_are_remarks():
    claims = Exif().read(query(problems=("GPS latitude reads 95.2, outside −90..90: ignored.",)))
    assert [c.kind for c in claims] == ["broken tag"]
    assert claims[0].likelihood is None


def test_shares_outside_their_range_are_refused():
    with pytest.raises(OptionError, match="between 0 and 1"):
        Exif(Config(wrong_share=1.0))


NEW_YORK, LONDON, TOKYO, DELHI = (40.7, -74.0), (51.5, -0.1), (35.7, 139.7), (28.6, 77.2)


def test_offset_points_to_the_zones_that_keep_it_then():
    july = datetime(2024, 7, 1, 12, 0)
    (claim,) = Clock().read(query(local_time=tagged(july), utc_offset=tagged(timedelta(hours=-4))))
    assert "UTC−04:00" in claim.implies
    assert bits_between(claim.likelihood, NEW_YORK, LONDON) > 5
    january = datetime(2024, 1, 10, 12, 0)
    (winter,) = Clock().read(query(local_time=tagged(january), utc_offset=tagged(timedelta(hours=-4))))
    assert bits_between(winter.likelihood, NEW_YORK, LONDON) == pytest.approx(0.0, abs=0.1)  # New York is at −5 then


def test_an_offset_of_zero_is_weak_since_programs_write_it_by_default():
    winter = datetime(2024, 1, 10, 12, 0)
    (zero,) = Clock().read(query(local_time=tagged(winter), utc_offset=tagged(timedelta(0))))
    (five,) = Clock().read(query(local_time=tagged(winter), utc_offset=tagged(timedelta(hours=-5))))
    at_zero = prior_field().add(zero.likelihood).normalise().information_gain_bits(prior_field())
    at_five = prior_field().add(five.likelihood).normalise().information_gain_bits(prior_field())
    assert at_zero < 0.5 * at_five
    assert bits_between(zero.likelihood, LONDON, TOKYO) > 0


def test_gps_time_against_local_time():
    (claim,) = Clock().read(
        query(local_time=tagged(datetime(2024, 7, 1, 17, 31, 10)), gps_time_utc=tagged(datetime(2024, 7, 1, 12, 1)))
    )
    assert bits_between(claim.likelihood, DELHI, TOKYO) > 3
    (apart,) = Clock().read(query(local_time=tagged(datetime(2024, 7, 4)), gps_time_utc=tagged(datetime(2024, 7, 1))))
    assert apart.likelihood is None
    assert Clock().read(query(local_time=tagged(datetime(2024, 7, 4)))) == ()


def test_a_clock_set_to_no_zone_says_nearly_nothing():
    (claim,) = Clock().read(
        query(local_time=tagged(datetime(2024, 7, 1, 12, 23)), utc_offset=tagged(timedelta(minutes=23)))
    )
    assert "no time zone" in claim.implies
    assert abs(bits_between(claim.likelihood, LONDON, TOKYO)) < 0.5


def test_constraints_by_country_division_and_disc():
    within, without, near = parse_constraints(["France"], ["FR.11"], ["48.86,2.35,100"])
    paris, lyon, berlin = (48.86, 2.35), (45.76, 4.84), (52.5, 13.4)
    assert within.likelihood.at(*berlin) == -np.inf
    assert within.likelihood.at(*lyon) == pytest.approx(0.0)
    assert near.likelihood.at(*lyon) == -np.inf
    assert near.likelihood.at(*paris) == 0.0
    assert without.likelihood.at(*paris) == -np.inf
    assert without.likelihood.at(*lyon) == pytest.approx(0.0)
    (soft,) = parse_constraints(["~FR,DE"])
    assert not soft.hard
    assert soft.likelihood.at(*berlin) > soft.likelihood.at(51.5, -0.1) > -np.inf
    assert soft.likelihood.at(*berlin) == pytest.approx(soft.likelihood.at(*lyon))


def test_constraints_by_polygon_file(tmp_path):
    square = {"type": "Polygon", "coordinates": [[[10, 40], [20, 40], [20, 50], [10, 50], [10, 40]]]}
    path = tmp_path / "square.geojson"
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": square}))
    (inside,) = parse_constraints([str(path)])
    assert inside.likelihood.at(45.0, 15.0) == 0.0
    assert inside.likelihood.at(30.0, 15.0) == -np.inf
    path.write_text(json.dumps({"type": "Point", "coordinates": [10, 40]}))
    with pytest.raises(ConstraintError, match="no polygon"):
        parse_constraints([str(path)])
    path.write_text("{")
    with pytest.raises(ConstraintError, match="cannot be read"):
        parse_constraints([str(path)])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("within", "Atlantis"),
        ("within", ""),
        ("exclude", "ZZ.99"),
        ("near", "48.8,2.3"),
        ("near", "48.8,2.3,-5"),
        ("near", "x"),
    ],
)
def test_constraints_that_cannot_be_understood(kind, text):
    with pytest.raises(ConstraintError):
        parse_constraints(**{kind: [text]})


def test_the_prior_is_normalised_replaceable_and_higher_where_people_are(tmp_path):
    prior = prior_field()
    assert prior.log_total() == pytest.approx(0.0, abs=1e-9)
    city, desert, sea = (float(prior.at(*p)) for p in ((48.86, 2.35), (23.5, 0.5), (0.0, -140.0)))
    assert city > desert > sea > -np.inf
    assert prior_field("uniform").entropy_bits() > prior_field("land").entropy_bits() > prior.entropy_bits()
    Field.from_points(10, 10, sigma_km=100.0, floor=0.1).save(tmp_path / "own.field")
    assert prior_field(str(tmp_path / "own.field")).log_total() == pytest.approx(0.0)
    with pytest.raises(OptionError, match="photos"):
        prior_field("photo")
    with pytest.raises(OptionError, match="positive sum"):
        prior_field("photos", PriorConfig(people_share=-1.0))
    table = regions(RegionLevel.COUNTRY).marginalise(prior)
    assert sum(table.values()) == pytest.approx(1.0, abs=1e-6)
    assert 0.08 < table["IN"] < 0.25


class _Raises(EvidenceSource):
    NAME: ClassVar[str] = "raises"
    SUMMARY = NEEDS = ERROR_MODEL = "test"

    def read(self, query):
        raise RuntimeError("boom")


class _Lacks(_Raises):
    NAME: ClassVar[str] = "lacks"

    def read(self, query):
        raise WhenceError("The model is missing.")


class _Sleeps(_Raises):
    NAME: ClassVar[str] = "sleeps"
    TIME_LIMIT_S: ClassVar[float] = 0.2

    def read(self, query):
        time.sleep(1.5)
        return (Claim("late", "late", "late"),)


def test_sources_that_fail_are_named_and_the_others_still_count():
    asked = (_Raises(), _Sleeps(), Exif(), _Lacks())
    out = gather(query(position=tagged(Position(10.00001, 10.00001))), asked)
    assert [e.source for e in out] == ["raises", "sleeps", "exif", "lacks"]
    assert "RuntimeError: boom" in out[0].failure
    assert "0.2 s" in out[1].failure
    assert out[2].failure is None
    assert len(out[2].claims) == 1
    assert out[3].failure == "The model is missing."


def test_evidence_is_the_sum_of_its_claims_over_the_temperature():
    a, b = Field.uniform(1), Field.from_points(0, 0, sigma_km=900.0, floor=0.1, base_order=1)
    claims = (Claim("a", "", "", likelihood=a), Claim("b", "", "", likelihood=b), Claim("c", "", ""))
    evidence = Evidence("x", claims, temperature=2.0)
    assert evidence.log_likelihood().at(0.0, 0.0) == pytest.approx(float(b.at(0.0, 0.0)) / 2)
    assert Evidence("x").log_likelihood() is None
