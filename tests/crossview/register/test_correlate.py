from __future__ import annotations

import numpy as np
import pytest

from made_crossview_registrations import WHERE, ground, patch_of, seen, turned
from whence.core.errors import OptionError
from whence.crossview.pose import map_points, pose_of
from whence.crossview.register.config import PosePrior
from whence.crossview.register.correlate import Config, Correlator
from whence.crossview.register.dense import Search
from whence.crossview.register.geometry import Allowed
from whence.crossview.register.picture import Picture
from whence.crossview.register.statistics import scale_and_turn

MIDDLE = np.array([[80.0, 70.0]])
KNOWN = PosePrior(gsd_m_per_px=0.45, scale_range=1.1, heading_deg=WHERE.up_bearing_deg + 24.0, heading_range_deg=12.0)


def test_a_negative_is_found_where_it_lies():
    reference, transform = ground(), turned()
    found = Correlator().register(255 - seen(reference, transform), patch_of(reference), prior=KNOWN)
    assert np.linalg.norm(map_points(found.transform, MIDDLE) - map_points(transform, MIDDLE)) < 2.5
    assert found.matcher == "correlation"
    assert len(found.correspondences) == 0
    pose = pose_of(found, (160, 140), WHERE)
    assert pose.heading_deg == pytest.approx(30.0 + WHERE.up_bearing_deg, abs=2.0)
    assert pose.gsd_m_per_px == pytest.approx(0.45, rel=0.03)
    assert 0.5 < pose.sigma_m < 2.0


def test_its_peak_stands_out_where_it_belongs_alone():
    reference, transform = ground(), turned()
    right = Correlator().register(seen(reference, transform), patch_of(reference), prior=KNOWN)
    wrong = Correlator().register(seen(ground(9), transform), patch_of(reference), prior=KNOWN)
    assert right.statistics["dense_z"] > 1.5 * wrong.statistics["dense_z"]


def test_settings_are_checked():
    with pytest.raises(OptionError, match="side_px"):
        Correlator(Config(side_px=8))
    with pytest.raises(OptionError, match="promising"):
        Correlator(Config(promising=0.0))


def test_few_turns_and_scales_tried_in_full_find_the_peak_that_all_find():
    query, reference = seen(ground(), turned()), patch_of(ground())
    quick, whole = (
        Correlator(Config(promising=share)).register(query, reference, prior=KNOWN) for share in (0.34, 1.0)
    )
    assert quick.statistics["dense_score"] == pytest.approx(whole.statistics["dense_score"], abs=1e-6)
    assert np.allclose(quick.transform, whole.transform)


def test_uphill_reaches_the_top_of_a_hill():
    query, reference = Picture.of(seen(ground(), turned()), None), Picture.of(ground(), None)
    scale, turn = scale_and_turn(turned(), query.centre_px)
    search = Search(query, reference, scale, Allowed((scale / 1.08, scale * 1.08), turn, 2.0), 120, 1, 0.5, 1.02)
    assert search.uphill()[0].score == search.over_all()[0].score
