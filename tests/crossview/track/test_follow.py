from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError
from PIL import Image

from made_tracks import AREA, error_m, pose, straight
from whence.core.errors import InputError
from whence.crossview.track.export import ellipse, frame_record, track_features, track_gpx
from whence.crossview.track.filter import TrackFilter
from whence.crossview.track.follow import follow, frames_of
from whence.crossview.track.types import Telemetry, TrackStatus
from whence.crossview.types import Correspondences, Match, Registration
from whence.earth.coordinates import distance_km
from whence.earth.formats import features_to_geojson
from whence.earth.kml import features_to_kml
from whence.earth.tiles.mosaic import local_reference
from whence.earth.tiles.types import Patch
from whence.samples.view import ViewKind

NO_PAIRS = Correspondences(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool))
NOTHING = Registration(None, "similarity", NO_PAIRS, "made up")
PATCH = Patch(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool), local_reference(46.84, -91.99, 100.0, 4))


def _pictures(folder: Path, n: int, *, times: bool = False) -> list[Path]:
    paths = []
    for i in range(n):
        exif = Image.Exif()
        if times:  # the last name is the first time
            exif[0x8769] = {0x9003: f"2024:07:01 12:00:{n - i:02d}"}
        path = folder / f"frame{i:02d}.jpg"
        Image.linear_gradient("L").convert("RGB").save(path, exif=exif)
        paths.append(path)
    return paths


class Script:
    """A matcher that knows where each frame was taken, and what it was asked."""

    def __init__(self, frames) -> None:
        self.frames, self.asked = list(frames), []

    def __call__(self, view, *, near, heading_deg, k):
        self.asked.append((near, heading_deg, k, view.kind))
        frame = self.frames[len(self.asked) - 1]
        return [Match(view, PATCH, NOTHING, p >= 0.5, p, 0.5, at) for at, p in frame.candidates] or [
            Match(view, PATCH, NOTHING, False, 0.0, 0.5, None)
        ]


@pytest.fixture
def followed(tmp_path):
    truth, made = straight(8, missing=(5,))
    paths = _pictures(tmp_path, 9)
    paths[3].write_bytes(b"no picture")
    script = Script(made)
    done = list(follow(frames_of(paths, order="name"), script, TrackFilter(AREA)))
    return truth, script, done


def test_frames_are_looked_for_where_the_track_leads(followed):
    truth, script, done = followed
    assert script.asked[0][0] is None
    near = script.asked[-1][0]
    assert near.radius_m < 150.0
    assert script.asked[-1][1] == pytest.approx(53.0, abs=6.0)
    assert {asked[3] for asked in script.asked} == {ViewKind.DRONE}
    assert error_m(done[-1].estimate, truth[-1]) < 6.0


def test_frames_are_matched_with_the_headings_of_their_telemetry(tmp_path):
    """A yaw that writes half a turn too much is seen through, and matching is asked by the right one."""
    truth, made = straight(7)
    paths = _pictures(tmp_path, 7)
    off = [0.0, 0.0, 180.0, 180.0, 180.0, 180.0, 0.0]
    table = {
        path.name: Telemetry(i, heading_deg=(53.0 + turn) % 360.0, heading_sigma_deg=5.0)
        for i, (path, turn) in enumerate(zip(paths, off, strict=True))
    }
    script = Script(made)
    done = list(follow(frames_of(paths, table=table), script, TrackFilter(AREA)))
    asked = [heading for _, heading, _, _ in script.asked]
    assert asked[0] == pytest.approx(53.0)
    assert asked[4] == pytest.approx(53.0)  # the track knows by now that the yaw is flipped
    assert all(one.observation.heading_given for one in done)
    assert "half a turn off" in " ".join(done[4].estimate.reasons)
    assert done[-1].estimate.heading_deg == pytest.approx(53.0, abs=3.0)
    assert error_m(done[-1].estimate, truth[-1]) < 6.0


def test_a_turn_between_frames_is_told_by_the_telemetry():
    track = TrackFilter(AREA)
    assert track.heading_expected() is None
    assert track.heading_expected(Telemetry(0.0, heading_deg=math.nan)) is None
    _, made = straight(5)
    for frame in made:
        track.step(replace(frame, telemetry=Telemetry(frame.time_s, heading_deg=53.0)))
    assert track.heading_expected() == pytest.approx(53.0, abs=3.0)
    assert track.heading_expected(Telemetry(9.0, heading_deg=143.0)) == pytest.approx(143.0)


def test_every_kind_of_record_holds_to_the_schema(followed):
    _, _, done = followed
    schema = json.loads((files("whence.crossview.track") / "track.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    records = [frame_record(one) for one in done if one.estimate is not None]
    assert {record["status"] for record in records} >= {"tracking", "coasting"}
    for record in records:
        validator.validate(record)
        assert list(record) == schema["required"]
    verdicts = set(schema["properties"]["decisions"]["items"]["properties"]["verdict"]["enum"])
    assert {item["verdict"] for record in records for item in record["decisions"]} <= verdicts
    assert set(schema["properties"]["status"]["enum"]) == {status.value for status in TrackStatus}
    with pytest.raises(ValidationError):
        validator.validate(records[0] | {"status": "found"})


def test_a_bad_frame_is_named_and_passed_over(followed):
    _, _, done = followed
    assert [i for i, one in enumerate(done) if one.estimate is None] == [3]
    record = frame_record(done[3])
    assert record["schema"] == "whence.failure/1"
    assert "frame03.jpg" in record["error"]["message"]


def test_records_are_json_and_say_what_was_used(followed):
    _, _, done = followed
    records = [json.loads(json.dumps(frame_record(one), allow_nan=False)) for one in done]
    assert records[-1]["schema"] == "whence.track/1"
    assert records[-1]["status"] == "tracking"
    assert records[-1]["decisions"][0]["verdict"] == "used"
    assert records[0]["searched"] is None
    assert records[-1]["searched"][2] > 0.0


def test_the_track_goes_out_as_gpx_geojson_and_kml(followed):
    _, _, done = followed
    gpx = ET.fromstring(track_gpx(done, "a track"))
    assert len(gpx.findall(".//{*}trkpt")) == sum(
        one.estimate is not None and one.estimate.status is not TrackStatus.LOST for one in done
    )
    features = track_features(done)
    geojson = features_to_geojson(features, {"name": "a track"})
    kinds = [feature["properties"]["kind"] for feature in geojson["features"]]
    assert kinds.count("track") == 1
    assert kinds.count("frame") == 8
    assert "LineString" in features_to_kml(features, "a track")


def test_an_ellipse_holds_90_percent(followed):
    _, _, done = followed
    e = replace(done[-1].estimate, covariance_m2=(4.0, 0.0, 1.0))
    ring = ellipse(e)
    away = distance_km(e.lat_deg, e.lon_deg, ring[:, 0], ring[:, 1]) * 1e3
    assert away.max() == pytest.approx(2.0 * math.sqrt(4.605), rel=1e-3)
    assert away.min() == pytest.approx(math.sqrt(4.605), rel=1e-3)


def test_frames_are_ordered_by_their_times(tmp_path):
    paths = _pictures(tmp_path, 4, times=True)
    frames = frames_of(paths)
    assert [f.path.name for f in frames] == [p.name for p in reversed(paths)]
    assert [f.time_s for f in frames] == [0.0, 1.0, 2.0, 3.0]
    assert [f.path for f in frames_of(paths, order="name", interval_s=0.5)] == paths
    assert frames_of(paths, order="name", interval_s=0.5)[-1].time_s == 1.5


def test_orders_that_cannot_be_had(tmp_path):
    paths = _pictures(tmp_path, 2)
    with pytest.raises(InputError, match="tell no time"):
        frames_of(paths, order="time")
    with pytest.raises(InputError, match="ordered by"):
        frames_of(paths, order="size")
    with pytest.raises(InputError, match="interval"):
        frames_of(paths, interval_s=0.0)
    with pytest.raises(InputError, match="no frames"):
        frames_of([])


def test_the_pose_helper_is_where_it_says():
    assert pose(0.0, 0.0).lat_deg == pytest.approx(AREA.lat_deg)
