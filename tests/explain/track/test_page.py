from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from html_page import Page
from made_ground import LAT, LON, write_ground
from whence.crossview.track.follow import Frame, TrackedFrame
from whence.crossview.track.types import FrameObservation, TrackEstimate, TrackStatus
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.opening import open_rasters
from whence.explain.track.page import render_track_report, write_track_report


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    return Mosaic(open_rasters(write_ground(tmp_path_factory.mktemp("ground"), side_px=256)))


def _done(i: int, status: TrackStatus, **changes) -> TrackedFrame:
    estimate = TrackEstimate(
        time_s=float(i), name=f"f{i}", lat_deg=LAT + 1e-4 * i, lon_deg=LON, covariance_m2=(4.0, 1.0, 9.0),
        velocity_mps=(0.0, 11.0), heading_deg=350.0, heading_sigma_deg=2.0, gsd_m_per_px=0.5, status=status,
        probability=0.99, lost_probability=0.0, log_evidence=3.0, reasons=("Candidate 0 <used>",),
    )  # fmt: skip
    return TrackedFrame(
        Frame(Path(f"f{i}.jpg"), float(i)), replace(estimate, **changes), FrameObservation(float(i), matching_ms=12.0)
    )


def test_the_page_shows_each_frame_and_lets_nothing_in(mosaic, tmp_path):
    broken = TrackedFrame(
        Frame(Path("<bad>.jpg"), math.nan, problem="not a picture"), None, None, problem="no <picture>"
    )
    frames = [
        _done(0, TrackStatus.LOST, heading_deg=None),
        _done(1, TrackStatus.TRACKING),
        broken,
        _done(2, TrackStatus.COASTING, over_budget=True),
    ]
    write_track_report(frames, mosaic, "a <title>", tmp_path / "track.html")
    html = (tmp_path / "track.html").read_text()
    page = Page(html)
    assert len(page.all("polygon")) == 2
    assert len(page.all("circle")) == 1
    assert len([a for a, _ in page.all("rect") if "tk-dot" in a.get("class", "")]) == 1
    assert "<title>" in html
    assert "a <title>:" not in html
    assert "no &lt;picture&gt;" in html
    assert "Candidate 0 &lt;used&gt;" in html
    assert "2 of 4 frames are placed" in html
    assert "Over budget" in html
    assert all(a["href"].startswith("data:") for a, _ in page.all("image"))
    assert "http" not in html.replace("http-equiv", "")


def test_a_track_that_is_nowhere_says_so(mosaic):
    html = render_track_report([_done(0, TrackStatus.LOST)], mosaic, "t")
    assert "No frame could be placed" in html
    assert "nothing to draw" in html
