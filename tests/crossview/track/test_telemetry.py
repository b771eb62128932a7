from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from whence.core.errors import InputError, OptionError
from whence.crossview.track.follow import frames_of
from whence.crossview.track.telemetry import Config, read_telemetry, telemetry_of, times_of
from whence.earth.coordinates import distance_km
from whence.samples.view import DronePose, Metadata, Position, Tagged

HERE = Tagged(Position(46.8426, -91.994), "EXIF GPSLatitude")


def _drone(pitch: float | None, yaw: float | None = 90.0, height: float | None = 40.0) -> Metadata:
    pose = DronePose(relative_altitude_m=height, gimbal_yaw_deg=yaw, gimbal_pitch_deg=pitch)
    return Metadata(position=HERE, drone_pose=Tagged(pose, "XMP"))


def test_a_camera_that_looks_down_stands_over_the_middle():
    told = telemetry_of(_drone(-90.0, yaw=-90.0), 3.0, Config())
    assert told.position == (46.8426, -91.994)
    assert (told.heading_deg, told.altitude_m, told.time_s) == (270.0, 40.0, 3.0)
    assert told.heading_flip_probability == 0.1


def test_an_oblique_camera_sees_ground_ahead():
    told = telemetry_of(_drone(-45.0), 0.0, Config())
    assert float(distance_km(*told.position, 46.8426, -91.994)) * 1e3 == pytest.approx(40.0, abs=0.1)
    assert told.position[1] > -91.994
    assert told.position_sigma_m == pytest.approx(math.hypot(5.0, 8.0))


def test_a_camera_near_the_horizon_tells_no_place():
    assert telemetry_of(_drone(-10.0), 0.0, Config()).position is None
    assert telemetry_of(_drone(-45.0), 0.0, Config(), ignore_gps=True).position is None
    assert telemetry_of(Metadata(), 0.0, Config()) is None


def test_without_a_heading_the_offset_is_doubt():
    told = telemetry_of(_drone(-45.0, yaw=None), 0.0, Config())
    assert told.position == (46.8426, -91.994)
    assert told.position_sigma_m == pytest.approx(math.hypot(5.0, 40.0))


def test_times_of_both_clocks():
    at = datetime(2016, 6, 23, 16, 31, 59)
    metadata = Metadata(local_time=Tagged(at, "EXIF"), gps_time_utc=None)
    gps, local = times_of(metadata)
    assert math.isnan(gps)
    assert local == at.replace(tzinfo=UTC).timestamp()


def test_a_table_is_read_by_file_name(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text("file,time_s,lat_deg,lon_deg,speed_mps\nframes/a.jpg,0,46.8,-91.9,3\nb.jpg,1.5,,,\n")
    told = read_telemetry(path, Config())
    assert told["a.jpg"].position == (46.8, -91.9)
    assert told["a.jpg"].speed_mps == 3.0
    assert told["b.jpg"].position is None
    assert told["b.jpg"].time_s == 1.5


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("name,time_s\na,1\n", InputError, "needs a column 'file'"),
        ("", InputError, "no rows"),
        ("file,lat\na,1\n", OptionError, "lat_deg"),
        ("file,time_s\na,x\n", InputError, "row 2: time_s is a number"),
        ("file,lat_deg\na,1\n", InputError, "go together"),
        ("file,position_sigma_m\na,0\n", InputError, "above 0"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, error, said):
    path = tmp_path / "flight.csv"
    path.write_text(text)
    with pytest.raises(error, match=said):
        read_telemetry(path, Config())


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_telemetry(tmp_path / "none.csv", Config())


def test_frames_of_a_real_drone_tell_time_height_and_a_yaw_that_flips(shared):
    folder = shared / "data" / "crossview" / "brighton"
    frames = frames_of(sorted(folder.glob("DJI_*.jpg")))
    assert len(frames) == 18
    assert [frames[0].time_s, frames[-1].time_s] == [0.0, 124.0]
    assert {round(f.telemetry.altitude_m) for f in frames} == {40}
    yaw = [f.telemetry.heading_deg for f in frames]
    assert [i for i, value in enumerate(yaw) if 200.0 < value < 250.0] == [6, 7, 8, 9, 10, 11]
    assert all(f.telemetry.position_sigma_m == 5.0 for f in frames)
