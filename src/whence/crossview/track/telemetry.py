"""Telemetry out of the frames' own metadata, or out of a table."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from whence.core.errors import InputError, unknown_name
from whence.crossview.track.types import Telemetry
from whence.earth.coordinates import destination
from whence.samples.view import DronePose, Metadata

COLUMNS = (
    "file",
    "time_s",
    "lat_deg",
    "lon_deg",
    "position_sigma_m",
    "heading_deg",
    "heading_sigma_deg",
    "speed_mps",
    "speed_sigma_mps",
    "altitude_m",
)
"""Columns that a table may have; ``file`` it must have, and what is empty is not known."""

_STRAIGHT_DOWN_DEG = -90.0
_FLATTEST_DEG = -25.0
_OFFSET_SHARE = 0.2


@dataclass(frozen=True)
class Config:
    """How far telemetry is believed."""

    position_sigma_m: float = 5.0
    "Standard deviation of a position of the frames' metadata or of a table that tells none."
    position_wrong_share: float = 0.02
    "How often such a position is plainly wrong."
    heading_sigma_deg: float = 8.0
    "Standard deviation of a heading."
    heading_flip_probability: float = 0.1
    "How often a heading is off by half a turn."
    speed_sigma_mps: float = 1.0
    "Standard deviation of a speed."


def times_of(metadata: Metadata) -> tuple[float, float]:
    """When a frame was taken by its GPS clock and by its own, seconds since 1970; not a number where it does not say.

    The two may be hours apart, so a sequence goes by one of them.
    """
    clocks = (metadata.gps_time_utc, metadata.local_time)
    gps, local = (math.nan if at is None else at.value.replace(tzinfo=UTC).timestamp() for at in clocks)
    return gps, local


def telemetry_of(metadata: Metadata, time_s: float, config: Config, *, ignore_gps: bool = False) -> Telemetry | None:
    """What the metadata of a frame say of its place and heading.

    The position is moved from under the drone to where the middle of the picture meets flat ground, if a drone wrote
    the pitch of its camera and its height; a camera that looks near the horizon gives none.

    Args:
        metadata: of the frame.
        time_s: of the frame.
        config: how far it is believed.
        ignore_gps: leave the position out.

    Returns:
        ``None`` if it says nothing.
    """
    pose = metadata.drone_pose.value if metadata.drone_pose is not None else DronePose()
    heading = _heading(metadata, pose)
    position, sigma = None, config.position_sigma_m
    if metadata.position is not None and not ignore_gps:
        here = metadata.position.value
        if metadata.position_error_m is not None:
            sigma = max(sigma, metadata.position_error_m.value)
        position, sigma = _on_ground((here.lat_deg, here.lon_deg), pose, heading, sigma)
    altitude = pose.relative_altitude_m
    if position is None and heading is None and altitude is None:
        return None
    return Telemetry(
        time_s=time_s,
        position=position,
        position_sigma_m=sigma,
        position_wrong_share=config.position_wrong_share,
        heading_deg=heading,
        heading_sigma_deg=config.heading_sigma_deg,
        heading_flip_probability=config.heading_flip_probability,
        speed_sigma_mps=config.speed_sigma_mps,
        altitude_m=altitude,
    )


def _heading(metadata: Metadata, pose: DronePose) -> float | None:
    for value in (pose.gimbal_yaw_deg, pose.flight_yaw_deg):
        if value is not None and math.isfinite(value):
            return value % 360.0
    return metadata.heading_deg.value % 360.0 if metadata.heading_deg is not None else None


def _on_ground(
    position: tuple[float, float], pose: DronePose, heading: float | None, sigma_m: float
) -> tuple[tuple[float, float] | None, float]:
    """Where the middle of the picture lies, and how sure that is."""
    pitch, height = pose.gimbal_pitch_deg, pose.relative_altitude_m
    if pitch is None or abs(pitch - _STRAIGHT_DOWN_DEG) < 1.0:
        return position, sigma_m
    if pitch > _FLATTEST_DEG or height is None:
        return None, sigma_m
    ahead = max(height, 0.0) / math.tan(math.radians(-pitch))
    if heading is None or ahead <= sigma_m / 2.0:
        return position, math.hypot(sigma_m, ahead)
    lat, lon = destination(position[0], position[1], heading, ahead / 1e3)
    return (float(lat), float(lon)), math.hypot(sigma_m, _OFFSET_SHARE * ahead)


def read_telemetry(path: Path | str, config: Config) -> dict[str, Telemetry]:
    """Read a table of telemetry, one row a frame.

    Args:
        path: CSV with the column ``file`` and any others of `COLUMNS`; other columns are refused.
        config: how far it is believed where the table does not say.

    Returns:
        Telemetry by file name without its folder; ``time_s`` is not a number where the table has none.

    Raises:
        InputError: it cannot be read, has no ``file``, names a column that is not known, or holds a value that is none.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The telemetry {str(path)!r} cannot be read ({error}). Give a CSV file in UTF-8.") from error
    names = list(rows[0]) if rows else []
    if "file" not in names:
        raise InputError(f"The telemetry {str(path)!r} needs a column 'file', and has {', '.join(names) or 'no rows'}.")
    for name in names:
        if name not in COLUMNS:
            raise unknown_name("column of a telemetry table", name, COLUMNS)
    return {Path(row["file"]).name: _of_row(row, f"{path}, row {i}", config) for i, row in enumerate(rows, start=2)}


def _of_row(row: dict[str, str], where: str, config: Config) -> Telemetry:
    values: dict[str, float] = {}
    for name in COLUMNS[1:]:
        text = (row.get(name) or "").strip()
        if not text:
            continue
        try:
            values[name] = float(text)
        except ValueError:
            values[name] = math.nan
        if not math.isfinite(values[name]):
            raise InputError(f"{where}: {name} is a number or empty, received {text!r}.")
    if ("lat_deg" in values) != ("lon_deg" in values):
        raise InputError(f"{where}: lat_deg and lon_deg go together.")
    told = Telemetry(
        time_s=values.get("time_s", math.nan),
        position=(values["lat_deg"], values["lon_deg"]) if "lat_deg" in values else None,
        position_sigma_m=values.get("position_sigma_m", config.position_sigma_m),
        position_wrong_share=config.position_wrong_share,
        heading_deg=values.get("heading_deg"),
        heading_sigma_deg=values.get("heading_sigma_deg", config.heading_sigma_deg),
        heading_flip_probability=config.heading_flip_probability,
        speed_mps=values.get("speed_mps"),
        speed_sigma_mps=values.get("speed_sigma_mps", config.speed_sigma_mps),
        altitude_m=values.get("altitude_m"),
    )
    if min(told.position_sigma_m, told.heading_sigma_deg, told.speed_sigma_mps) <= 0.0:
        raise InputError(f"{where}: standard deviations lie above 0.")
    return told


def without_position(telemetry: Telemetry) -> Telemetry:
    """The same with its position left out."""
    return replace(telemetry, position=None)
