"""`Known`: what is known of a query before it is matched, from its file, the user, or a filter along a track."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whence.core.errors import OptionError
from whence.samples.view import View, ViewKind

FILM_WIDTH_MM = 36.0
"""Width of 35 mm film, to which equivalent focal lengths refer."""

NADIR_DEG = 10.0
"""A camera within so many degrees of straight down is taken to look down."""

_TELEMETRY_SIGMA_DEG = 8.0
_LEAST_HEIGHT_M = 5.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a query before it is matched. Everything may be unknown.

    Attributes:
        lat_deg: latitude where its middle is believed to lie.
        lon_deg: longitude.
        radius_m: it lies within so many metres of there, with 95 %.
        heading_deg: bearing of its upward direction.
        heading_sigma_deg: standard deviation of that.
        gsd_m_per_px: metres on the ground a pixel of the full picture.
    """

    lat_deg: float | None = None
    lon_deg: float | None = None
    radius_m: float = math.inf
    heading_deg: float | None = None
    heading_sigma_deg: float = _TELEMETRY_SIGMA_DEG
    gsd_m_per_px: float | None = None

    def __post_init__(self) -> None:
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise OptionError("A known place needs latitude and longitude, received one of them.")
        if self.lat_deg is not None and not self.radius_m > 0.0:
            raise OptionError(f"The radius around a known place is above 0 m, received {self.radius_m}.")
        if self.gsd_m_per_px is not None and not self.gsd_m_per_px > 0.0:
            raise OptionError(f"A ground sample distance is above 0 m a pixel, received {self.gsd_m_per_px}.")

    def __or__(self, other: Known) -> Known:
        """What is known here, and where nothing is, what is known there."""
        place = self if self.lat_deg is not None else other
        heading = self if self.heading_deg is not None else other
        return Known(
            place.lat_deg,
            place.lon_deg,
            place.radius_m,
            heading.heading_deg,
            heading.heading_sigma_deg,
            self.gsd_m_per_px or other.gsd_m_per_px,
        )


def known_of_file(view: View, *, use_heading: bool = True) -> Known:
    """What a file tells of how its picture lies on the ground; never where, which is for evidence to weigh.

    A drone that looks down tells its height and the bearing of the picture's upper edge. Height over focal length is
    the ground sample distance where the ground is as high as the start.

    Args:
        view: that was read.
        use_heading: whether its heading may be used.
    """
    pose = view.metadata.drone_pose.value if view.metadata.drone_pose else None
    if view.kind is not ViewKind.DRONE or pose is None:
        return Known()
    pitch = pose.gimbal_pitch_deg
    if pitch is not None and abs(abs(pitch) - 90.0) > NADIR_DEG:
        return Known()
    yaw = pose.gimbal_yaw_deg if pose.gimbal_yaw_deg is not None else pose.flight_yaw_deg
    focal, height = view.metadata.focal_35mm_mm, pose.relative_altitude_m
    gsd = None
    if focal is not None and height is not None and height > _LEAST_HEIGHT_M:
        gsd = height * FILM_WIDTH_MM / (focal.value * max(view.size_px))
    return Known(heading_deg=None if yaw is None or not use_heading else yaw % 360.0, gsd_m_per_px=gsd)
