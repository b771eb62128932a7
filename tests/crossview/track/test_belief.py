from __future__ import annotations

import pytest

from made_tracks import AREA, PLANE, straight
from whence.crossview.track.belief import belief_field
from whence.crossview.track.filter import TrackFilter


def test_a_belief_is_a_field_over_the_earth():
    truth, frames = straight(6)
    track = TrackFilter(AREA)
    before = belief_field(track)
    assert before.credible_region(0.5).area_km2 > 0.2
    track.run(frames)
    field = belief_field(track).normalise()
    lat, lon = PLANE.to_lat_lon(truth[-1])
    assert field.mode().lat_deg == pytest.approx(float(lat), abs=3e-5)
    assert field.mode().lon_deg == pytest.approx(float(lon), abs=5e-5)
