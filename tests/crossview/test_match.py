from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from made_ground import LAT, LON, ground, view_of, write_ground
from whence.core.errors import InputError, OptionError
from whence.crossview.candidates import Config as CandidatesConfig
from whence.crossview.candidates import upright
from whence.crossview.ground import Ground
from whence.crossview.match import Matcher, matching_options
from whence.crossview.render import to_dict, to_text
from whence.earth.coordinates import distance_km
from whence.samples.view import View, ViewKind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ground")


@pytest.fixture(scope="module")
def matcher(folder: Path) -> Matcher:
    return Matcher(Ground.open(write_ground(folder)))


def truth(matcher: Matcher, x_px: float, y_px: float) -> tuple[float, float]:
    lat, lon = matcher.ground.mosaic.rasters[0].georeference.to_lat_lon(x_px, y_px)
    return float(lat), float(lon)


def test_a_turned_view_is_found_to_the_metre(matcher: Matcher) -> None:
    view = view_of(ground(0), 260.0, 330.0, turn_deg=37.0, zoom=1.2)
    (match,) = matcher.match(view, gsd_m_per_px=0.5 / 1.2)
    assert match.accepted
    assert match.pose is not None
    away = float(distance_km(match.pose.lat_deg, match.pose.lon_deg, *truth(matcher, 260.0, 330.0))) * 1e3
    assert away < 0.5
    assert match.pose.heading_deg == pytest.approx(37.0, abs=0.5)
    assert match.pose.gsd_m_per_px == pytest.approx(0.5 / 1.2, rel=0.01)
    assert away < 5 * match.pose.sigma_m


def test_without_a_known_scale_it_is_found_too(matcher: Matcher) -> None:
    (match,) = matcher.match(view_of(ground(0), 300.0, 300.0, turn_deg=200.0))
    assert match.accepted
    assert match.pose is not None
    assert match.pose.heading_deg == pytest.approx(200.0, abs=0.5)


def test_other_ground_is_no_match_and_says_why(matcher: Matcher) -> None:
    view = view_of(ground(1), 260.0, 330.0, zoom=1.2)
    (match,) = matcher.match(view, gsd_m_per_px=0.5 / 1.2)
    assert not match.accepted
    assert match.reasons
    assert "no match" in to_text(view, (match,)).lower()


def test_the_log_odds_of_the_claims_are_those_of_the_match(matcher: Matcher) -> None:
    (match,) = matcher.match(view_of(ground(0), 260.0, 330.0), gsd_m_per_px=0.5)
    total = match.prior_log_odds + math.fsum(claim.log_odds for claim in match.claims)
    assert match.probability == pytest.approx(1 / (1 + math.exp(-total)), abs=1e-12)


def test_views_from_the_ground_are_refused(matcher: Matcher) -> None:
    with pytest.raises(OptionError, match="ground view"):
        matcher.match(view_of(ground(0), 300.0, 300.0, kind=ViewKind.GROUND))


def test_nothing_is_found_where_there_are_no_references(matcher: Matcher) -> None:
    view = view_of(ground(0), 300.0, 300.0)
    assert matcher.match(view, near=(LAT + 1.0, LON, 100.0), gsd_m_per_px=0.5) == ()
    assert "no reference pictures" in to_text(view, ())
    assert to_dict(view, ())["accepted"] is False


def test_a_wide_area_without_vectors_asks_to_narrow_it(folder: Path) -> None:
    options = replace(matching_options({}), candidates=CandidatesConfig(whole_px=100, areas=2))
    with pytest.raises(OptionError, match="--near"):
        Matcher(Ground.open(folder / "ground0.png"), options).match(view_of(ground(0), 300.0, 300.0), gsd_m_per_px=0.5)


def test_a_wide_area_is_covered_piece_by_piece(folder: Path) -> None:
    options = replace(matching_options({}), candidates=CandidatesConfig(whole_px=420))
    matcher = Matcher(Ground.open(folder / "ground0.png"), options)
    found = matcher.match(view_of(ground(0), 200.0, 480.0), gsd_m_per_px=0.5, k=50)
    assert found[0].accepted
    nothing = matcher.match(view_of(ground(8), 200.0, 480.0), gsd_m_per_px=0.5, k=50)
    assert not nothing[0].accepted
    assert len({match.reference.name for match in nothing}) == len(nothing) > len(found)


def test_the_number_of_threads_changes_no_result(tmp_path: Path) -> None:
    ground0, found = Ground.open(write_ground(tmp_path)), []
    for threads in ("1", "3"):
        options = matching_options({"candidates": {"whole_px": "420"}, "match": {"threads": threads}})
        matcher = Matcher(ground0, options)
        matches = matcher.match(view_of(ground(0), 200.0, 480.0), gsd_m_per_px=0.5, k=50)
        found.append([(match.reference.name, match.probability, match.accepted) for match in matches])
    assert found[0] == found[1]


def test_settings_are_checked() -> None:
    with pytest.raises(OptionError, match="count"):
        matching_options({"candidates": {"cout": "3"}})
    with pytest.raises(OptionError, match="margin"):
        matching_options({"match": {"margin": "0.5"}})
    with pytest.raises(OptionError, match="threads"):
        matching_options({"match": {"threads": "-1"}})
    with pytest.raises(InputError, match="no such"):
        Ground.open("no_such_folder")


def test_a_view_is_turned_upright() -> None:
    picture = ground(2, 320)
    turned = view_of(picture, 160.0, 160.0, turn_deg=90.0, size_px=(320, 320), noise=0.0).pixels
    assert np.abs(upright(turned, 90.0).astype(int) - picture.astype(int)).mean() < 2.0
    assert upright(picture, 0.0) is picture
    slanted = upright(picture, 45.0)
    assert slanted.shape[0] == pytest.approx(320 * math.sqrt(2), abs=2)
    assert not slanted[:20, :20].any()


def test_drawn_views_lie_where_they_say() -> None:
    """The drawing itself, by a marked point."""
    picture = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(picture, (120, 80), 3, (255, 255, 255), -1)
    seen: View = view_of(picture, 120.5, 80.5, turn_deg=123.0, zoom=2.0, noise=0.0, size_px=(100, 60))
    rows, columns = np.nonzero(seen.pixels[..., 0] > 100)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((50.0, 30.0), abs=0.3)
