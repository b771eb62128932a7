"""The types that a picture becomes once it is read: `View`, `Metadata`, `Query`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import UInt8

T = TypeVar("T")


class ViewKind(StrEnum):
    """From where a picture looks at the Earth."""

    GROUND = "ground"
    PANORAMA = "panorama"
    DRONE = "drone"
    SATELLITE = "satellite"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Tagged(Generic[T]):
    """A value with the tag that it was read from, such as ``EXIF GPSLatitude``."""

    value: T
    origin: str


@dataclass(frozen=True, slots=True)
class Position:
    """A point that a tag states, WGS84 degrees."""

    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class PlaceName:
    """A place that a tag names; ``level``: ``country``, ``region``, ``city``, ``sublocation`` or ``any``."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class DronePose:
    """Attitude that a drone wrote, degrees and metres; ``None`` where the tag is absent."""

    relative_altitude_m: float | None = None
    absolute_altitude_m: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_roll_deg: float | None = None
    flight_yaw_deg: float | None = None
    flight_pitch_deg: float | None = None
    flight_roll_deg: float | None = None


@dataclass(frozen=True, slots=True)
class PanoramaInfo:
    """What XMP GPano says of a panorama."""

    projection: str
    heading_deg: float | None = None
    full_width_px: int | None = None
    full_height_px: int | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file says about itself, typed, each value with its origin.

    ``problems`` are readable sentences on values that were there but could not be believed as they stood
    (out of range, unparsable, null island); evidence turns them into claims.
    """

    position: Tagged[Position] | None = None
    position_error_m: Tagged[float] | None = None
    altitude_m: Tagged[float] | None = None
    heading_deg: Tagged[float] | None = None
    gps_time_utc: Tagged[datetime] | None = None
    local_time: Tagged[datetime] | None = None
    utc_offset: Tagged[timedelta] | None = None
    camera: Tagged[str] | None = None
    focal_35mm_mm: Tagged[float] | None = None
    software: Tagged[str] | None = None
    place_names: tuple[Tagged[PlaceName], ...] = ()
    keywords: tuple[Tagged[str], ...] = ()
    drone_pose: Tagged[DronePose] | None = None
    panorama: Tagged[PanoramaInfo] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """One picture, upright, sRGB, at a working size.

    Attributes:
        pixels: RGB, ``height × width × 3``, 8 bits, at most the reader's working size.
        size_px: width and height of the full upright picture in the file.
        name: how results call it, usually the path as the user gave it.
        sha256: hash of the file's bytes, hexadecimal.
        format: what the container is, for example ``JPEG``.
        warnings: readable sentences on what was wrong with the file (truncated, animation cut to a frame, …).
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    size_px: tuple[int, int]
    name: str
    sha256: str
    format: str
    kind: ViewKind = ViewKind.GROUND
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What the user asks about: one or more views of one place, and free text if any."""

    views: tuple[View, ...]
    text: str | None = None

    @property
    def name(self) -> str:
        """Name of the first view, or the text."""
        return self.views[0].name if self.views else (self.text or "")
