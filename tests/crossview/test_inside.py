"""Positions inside of tiles: maps by hand, places re-ranked and moved, bundles that do not fit refused."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from made_ground import ground, view_of, write_ground
from made_references import GridEncoder
from whence.core.errors import OptionError
from whence.crossview.bundled import CrossViewSettings
from whence.crossview.candidates import Config, find_places
from whence.crossview.ground import Ground
from whence.crossview.inside import Inside, InsideReader, evidence_of, peak_of, spread_of
from whence.crossview.known import Known
from whence.crossview.match import Matcher, matching_options
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.crossview.references.reference_set import ReferenceSet
from whence.earth.coordinates import distance_km
from whence.samples.view import ViewKind

TILE_M, GSD_M, SHOWN_PX = 192.0, 0.5, 192
LAYING = windows.Config(window_m=f"{TILE_M:g}", overlap=0.5, side_px=64)


class TemplateReader(InsideReader):
    """Finds the view in a tile by normalised correlation; views show a known share of it."""

    def __init__(self, weight: float = 0.0, shown_share: float = SHOWN_PX * GSD_M / TILE_M) -> None:
        self.weight, self.shown_share = weight, shown_share

    def inside(self, view: np.ndarray, kind: ViewKind, tiles: Sequence[np.ndarray]) -> Inside:
        score, xy = [], []
        for tile in tiles:
            side = round(SHOWN_PX * GSD_M / TILE_M * tile.shape[0])
            small = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)
            found = cv2.matchTemplate(tile, small, cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(found)
            score.append(best)
            xy.append(((x + side / 2) / tile.shape[1], (y + side / 2) / tile.shape[0]))
        return Inside(np.array(score), np.array(xy).reshape(-1, 2), np.full(len(tiles), 0.01))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("inside")
    add_references(folder / "set", [write_ground(folder)], GridEncoder(), laying=LAYING)
    references = ReferenceSet.open(folder / "set")
    return Ground(references.mosaic, references, GridEncoder())


def with_reader(embedded: Ground, reader: InsideReader | None) -> Ground:
    encoder = GridEncoder()
    encoder.inside = reader
    return Ground(embedded.mosaic, embedded.references, encoder)


def seen(x_px: float, y_px: float):
    return view_of(ground(0), x_px, y_px, size_px=(SHOWN_PX, SHOWN_PX))


def away_m(ground_: Ground, place, x_px: float, y_px: float) -> float:
    lat, lon = ground_.mosaic.rasters[0].georeference.to_lat_lon(x_px, y_px)
    return float(distance_km(place.lat_deg, place.lon_deg, float(lat), float(lon))) * 1e3


def test_maps_by_hand() -> None:
    heat, offsets = np.full((2, 4, 4), -20.0), np.zeros((2, 2, 4, 4))
    heat[0, 1, 2] = heat[1, 3, 0] = 5.0
    offsets[0, :, 1, 2] = (0.25, -2.0)  # beyond the cell's edge: cut off
    xy = peak_of(heat, offsets)
    assert np.allclose(xy, [[2.75 / 4, 1.0 / 4], [0.5 / 4, 3.5 / 4]])
    assert np.allclose(evidence_of(heat), 5.0 - np.log(16.0))
    assert np.allclose(evidence_of(heat + 1000.0), 1005.0 - np.log(16.0))
    assert spread_of(heat, xy)[1] == pytest.approx(np.sqrt(1 / 12) / 4)
    even = spread_of(np.zeros((1, 4, 4)), np.array([[0.5, 0.5]]))[0]
    assert even == pytest.approx(np.sqrt(1 / 12), abs=1e-9)  # that of a uniform law over the tile


def test_places_are_moved_to_where_the_view_lies(embedded: Ground) -> None:
    x, y = 250.0, 300.0  # no tile has its middle there
    plain = find_places(seen(x, y), with_reader(embedded, None), Known(), None, Config(whole_px=64, count=5))
    moved = find_places(
        seen(x, y), with_reader(embedded, TemplateReader(weight=50.0)), Known(), None, Config(whole_px=64, count=5)
    )
    assert away_m(embedded, plain[0], x, y) > 5.0
    assert away_m(embedded, moved[0], x, y) < 1.5
    assert moved[0].sigma_m == pytest.approx(0.01 * TILE_M)
    assert moved[0].shown_m == pytest.approx(SHOWN_PX * GSD_M)
    assert SHOWN_PX * GSD_M < moved[0].side_m < plain[0].side_m
    # Tiles that overlap saw the view at one place, which is looked at once.
    gaps = [away_m(embedded, place, x, y) for place in moved]
    assert sum(gap < 0.3 * SHOWN_PX * GSD_M for gap in gaps) == 1


def test_it_can_be_left_out_and_leaves_the_order_alone_without_weight(embedded: Ground) -> None:
    view = seen(250.0, 300.0)
    plain = find_places(view, with_reader(embedded, None), Known(), None, Config(whole_px=64))
    off = find_places(view, with_reader(embedded, TemplateReader(50.0)), Known(), None, Config(whole_px=64, inside=0))
    assert off == plain
    same = find_places(view, with_reader(embedded, TemplateReader(0.0)), Known(), None, Config(whole_px=64, count=5))
    assert same[0].score == plain[0].score
    unknown = TemplateReader(0.0, shown_share=0.0)
    wide = find_places(view, with_reader(embedded, unknown), Known(), None, Config(whole_px=64))
    assert wide[0].shown_m == wide[0].side_m == plain[0].side_m


def test_the_view_is_matched_from_there(embedded: Ground) -> None:
    view = seen(250.0, 300.0)
    options = matching_options({"candidates": {"whole_px": "64"}})
    found = Matcher(with_reader(embedded, TemplateReader(50.0)), options).match(view, gsd_m_per_px=GSD_M)
    assert found[0].accepted
    assert found[0].pose is not None
    assert away_m(embedded, found[0].pose, 250.0, 300.0) < 1.0


def test_settings_of_positions_are_checked() -> None:
    with pytest.raises(OptionError, match="inside"):
        Config(inside=-1)
    for wrong in ({"cells": -1}, {"widening": float("nan")}, {"rerank_weight": -1.0}):
        with pytest.raises(OptionError, match="rerank_weight"):
            CrossViewSettings("satellite=satellite", 8, **wrong)
