"""Features that are kept beside a set: found ahead, used by other matchers, and without effect on what is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_ground import ground, view_of, write_ground
from whence.core.errors import OptionError
from whence.crossview.candidates import Place
from whence.crossview.filling import fill_features
from whence.crossview.ground import Ground
from whence.crossview.match import Matcher, matching_options
from whence.crossview.options import Config
from whence.crossview.patches import Square
from whence.crossview.references.adding import add_references
from whence.crossview.references.features import FOLDER, forget_features, held
from whence.crossview.references.windows import Config as Laying
from whence.crossview.vlad import VladEncoder
from whence.encode.local.sift import Sift

GSD_M = 0.5


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filling")
    add_references(folder / "set", [write_ground(folder)], VladEncoder(), laying=Laying(window_m="160", side_px=256))
    return folder / "set"


def matcher(town: Path, **match: str) -> Matcher:
    options = {"match": match, "candidates": {"whole_px": "256", "count": "4"}, "register": {"cached": "2"}}
    return Matcher(Ground.open(town), matching_options(options))


def found(by: Matcher, x_px: float, y_px: float) -> list[tuple[str, float, object]]:
    view = view_of(ground(0), x_px, y_px, turn_deg=20.0)
    matches = by.match(view, gsd_m_per_px=GSD_M, heading_deg=20.0, k=9)
    return [(match.reference.name, match.probability, match.standing) for match in matches]


def test_what_is_kept_changes_no_result(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_features(town)
    without = found(matcher(town, features_mb="0"), 260.0, 330.0)
    assert held(town).files == 0
    first = found(matcher(town), 260.0, 330.0)
    kept = held(town).files
    assert kept >= 4
    asked = []
    extract = Sift.extract

    def counted(self: Sift, pixels, valid=None):
        asked.append(pixels.shape)
        return extract(self, pixels, valid)

    monkeypatch.setattr(Sift, "extract", counted)
    second = found(matcher(town), 260.0, 330.0)
    assert without == first == second
    assert without[0][1] > 0.9
    assert held(town).files == kept
    assert not [shape for shape in asked if shape in {(384, 384, 3), (512, 512, 3)}]  # no reference was looked at


def test_filling_ahead_leaves_nothing_to_be_found(town: Path) -> None:
    forget_features(town)
    filled = fill_features(matcher(town), GSD_M, 320)
    assert filled.finished
    assert not filled.full
    assert filled.files == 2 * filled.windows == held(town).files
    for at in ((260.0, 330.0), (400.0, 200.0)):
        found(matcher(town), *at)
    assert held(town).files == filled.files
    some = fill_features(matcher(town), GSD_M, 320, stopped=lambda: True)
    assert (some.windows, some.finished) == (0, False)


def test_what_does_not_fit_is_told(town: Path) -> None:
    forget_features(town)
    assert fill_features(matcher(town, features_mb="1"), GSD_M, 320).full
    assert held(town).bytes <= 1_000_000
    with pytest.raises(OptionError, match="features_mb"):
        fill_features(matcher(town, features_mb="0"), GSD_M, 320)
    with pytest.raises(OptionError, match="sides of"):
        fill_features(matcher(town), 100.0, 320)
    with pytest.raises(OptionError, match="above 0"):
        fill_features(matcher(town), 0.0, 320)


def test_pictures_that_are_no_set_keep_nothing(tmp_path: Path) -> None:
    by = Matcher(Ground.open(write_ground(tmp_path)))
    assert by.store is None
    by.match(view_of(ground(0), 260.0, 330.0), gsd_m_per_px=GSD_M)
    assert not (tmp_path / FOLDER).exists()
    with pytest.raises(OptionError, match="vlad"):
        fill_features(by, GSD_M, 320)


def test_views_from_about_one_height_look_at_one_square_around_a_window() -> None:
    window, spot = Place(46.5, 7.5, 100.0, 100.0, row=3), Place(46.5, 7.5, 100.0, 100.0)

    def around(place: Place, gsd: float | None) -> Square:
        return Square.around(place, gsd, 1000, 2048, 0.1, Config(margin=2.0))

    assert around(window, 0.256) == around(window, 0.220) == Square(46.5, 7.5, 512.0, 2048)
    assert around(window, 0.257).side_m == pytest.approx(512.0 * 2**0.25)
    assert around(spot, 0.220).side_m == 440.0
    assert around(window, None).side_m == around(spot, None).side_m == 200.0
