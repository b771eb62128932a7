from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made_ground import LAT, LON, ground, view_of, write_ground
from whence.core.errors import OptionError
from whence.crossview.evidence import SOURCE, Config, match_evidence
from whence.crossview.ground import Ground
from whence.crossview.match import Matcher
from whence.crossview.refine import Refiner, refining_settings
from whence.crossview.types import Correspondences, Match, Registration
from whence.crossview.verify import Config as VerifyConfig
from whence.crossview.verify import Verifier
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.samples.view import Query, ViewKind


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ground(tmp_path_factory.mktemp("tiles"))


@pytest.fixture(scope="module")
def found(tiles: Path) -> Match:
    return Matcher(Ground.open(tiles)).match(view_of(ground(0), 300.0, 300.0, turn_deg=30.0), gsd_m_per_px=0.5)[0]


@pytest.fixture(scope="module")
def refused(tiles: Path) -> Match:
    return Matcher(Ground.open(tiles)).match(view_of(ground(5), 300.0, 300.0), gsd_m_per_px=0.5)[0]


def belief(sigma_km: float) -> Field:
    return Field.from_points([LAT], [LON], sigma_km=sigma_km, floor=0.01)


def test_a_match_draws_a_narrow_belief_to_the_metre(found: Match) -> None:
    assert found.accepted
    assert found.pose is not None
    field = match_evidence([found]).log_likelihood()
    assert field is not None
    after = belief(1.0).add(field).normalise()
    mode = after.mode()
    assert float(distance_km(mode.lat_deg, mode.lon_deg, found.pose.lat_deg, found.pose.lon_deg)) < 0.005
    assert after.credible_region(0.5).area_km2 < 1e-3


def test_over_half_the_earth_it_is_believed_less(found: Match) -> None:
    field = match_evidence([found]).log_likelihood()
    assert field is not None
    narrow, wide = (belief(sigma).add(field).normalise() for sigma in (1.0, 3000.0))
    assert narrow.credible_region(0.9).area_km2 < 1e-3 < 10.0 < wide.credible_region(0.9).area_km2


def test_the_likelihood_is_even_outside_of_what_was_compared(found: Match) -> None:
    field = match_evidence([found]).log_likelihood()
    assert field is not None
    assert field.at([0.0, LAT + 0.5, LAT], [0.0, LON, LON + 0.5]) == pytest.approx([0.0, 0.0, 0.0])


def test_a_search_that_finds_nothing_lowers_its_patch_by_the_share_missed(refused: Match) -> None:
    assert not refused.accepted
    for missed in (0.3, 0.8):
        evidence = match_evidence([refused], Config(missed=missed))
        field = evidence.log_likelihood()
        assert field is not None
        lowered = float(field.at(LAT + 0.0008, LON - 0.0008))
        assert np.log(missed) - 1e-6 <= lowered < np.log(missed) + 0.3
        assert float(field.at(LAT + 0.1, LON)) == 0.0
        assert evidence.claims[0].kind == "no match from above"


@pytest.mark.parametrize("prior", [0.001, 0.5, 0.999])
def test_what_was_laid_nowhere_raises_no_place_however_probable_it_is(refused: Match, prior: float) -> None:
    empty = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
    verifier = Verifier(VerifyConfig(prior=prior))
    nothing = verifier.verify(refused.query, refused.reference, Registration(None, "similarity", empty, "sift"))
    assert 0.0 < nothing.probability < prior
    evidence = match_evidence([nothing])
    field = evidence.log_likelihood()
    assert field is not None
    assert float(field.values.max()) == 0.0
    assert float(field.values.min()) == pytest.approx(np.log(Config().missed))
    assert evidence.claims[0].kind == "no match from above"
    assert f"{nothing.same_place:.1%}" in evidence.claims[0].read


def test_the_claims_of_the_match_stand_behind_it(found: Match) -> None:
    evidence = match_evidence([found])
    assert evidence.source == SOURCE
    assert evidence.claims[0].likelihood is not None
    assert [claim.kind for claim in evidence.claims[1:]] == [claim.kind for claim in found.claims]
    assert all(claim.likelihood is None for claim in evidence.claims[1:])
    assert match_evidence([]).claims == ()


def test_patches_that_share_their_ground_count_once(found: Match) -> None:
    one, two = match_evidence([found]).log_likelihood(), match_evidence([found, found]).log_likelihood()
    assert one is not None
    assert two is not None
    assert np.array_equal(one.values, two.values)


def test_the_share_missed_is_checked() -> None:
    with pytest.raises(OptionError, match="missed"):
        Config(missed=1.0)


def test_a_refiner_looks_inside_the_belief(tiles: Path) -> None:
    refiner = Refiner(tiles, refining_settings({"crossview": {"missed": "0.4"}}))
    view = view_of(ground(0), 300.0, 300.0)
    evidence = refiner.read(Query((view,)), belief(1.0))
    assert evidence.failure is None
    assert evidence.claims[0].kind == "match from above"


def test_a_refiner_says_why_it_did_not_look(tiles: Path) -> None:
    view = view_of(ground(0), 300.0, 300.0, kind=ViewKind.GROUND)
    evidence = Refiner(tiles).read(Query((view,)), belief(1.0))
    assert evidence.log_likelihood() is None
    assert "ground" in evidence.claims[0].read
