"""Panoramas and pictures from above: the polar transform and its inverse, the ground plane, and limited fields of view.

A panorama is equirectangular: columns run clockwise and wrap around, the middle column faces the heading, rows run
from `PanoramaField.top_deg` above the horizon to `PanoramaField.bottom_deg`. A picture from above has north up.
Pixel positions are continuous, (0, 0) the outer corner of the top left pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from whence.core.errors import OptionError

Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, slots=True)
class PanoramaField:
    """What rows and columns of a panorama look at.

    Attributes:
        heading_deg: bearing of the middle column, clockwise from north.
        top_deg: elevation of the upper edge above the horizon.
        bottom_deg: elevation of the lower edge; negative below the horizon.
    """

    heading_deg: float = 0.0
    top_deg: float = 90.0
    bottom_deg: float = -90.0

    def __post_init__(self) -> None:
        if not -90.0 <= self.bottom_deg < self.top_deg <= 90.0:
            raise OptionError(
                f"A panorama spans elevations within -90..90 degrees, bottom below top; received "
                f"{self.bottom_deg}..{self.top_deg}."
            )


WHOLE = PanoramaField()
"""A full panorama whose middle column faces north."""


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """A part of a panorama, turned by an angle that whoever sees it does not know.

    Attributes:
        pixels: RGB; as high as the panorama.
        turn_deg: bearing of the part's middle column less that of the panorama's, clockwise, 0..360.
        degrees: width of the part.
    """

    pixels: Picture
    turn_deg: float
    degrees: float


def polar_positions(
    side_px: float, width_px: int, height_px: int, field: PanoramaField = WHOLE
) -> tuple[Float[np.ndarray, "height width"], Float[np.ndarray, "height width"]]:
    """Where the middle of each pixel of a polar picture lies in the square picture from above, x and y.

    Row ``v`` of ``height_px`` is the circle of radius ``side_px / 2 · (height_px − v) / height_px`` around the middle,
    so that the upper edge is the inscribed circle and the lower edge the middle; column ``u`` is the bearing
    ``heading_deg + (u / width_px − 1/2) · 360°``. Source: Shi et al., *Spatial-Aware Feature Aggregation for
    Cross-View Image based Geo-Localization*, NeurIPS 2019, eq. 1, with the heading made explicit.

    Args:
        side_px: side of the picture from above.
        width_px: width of the polar picture.
        height_px: its height.
        field: whose ``heading_deg`` is the bearing of the polar picture's middle column.
    """
    _sizes(side_px=side_px, width_px=width_px, height_px=height_px)
    bearing = np.radians(field.heading_deg + ((np.arange(width_px) + 0.5) / width_px - 0.5) * 360.0)
    radius = side_px / 2.0 * (height_px - (np.arange(height_px) + 0.5)) / height_px
    x = side_px / 2.0 + radius[:, None] * np.sin(bearing)[None, :]
    y = side_px / 2.0 - radius[:, None] * np.cos(bearing)[None, :]
    return x, y


def polar_transform(aerial: Picture, width_px: int, height_px: int, field: PanoramaField = WHOLE) -> Picture:
    """Lay a square picture from above out as a panorama would see flat ground.

    Args:
        aerial: north up, square.
        width_px: width of the result.
        height_px: its height.
        field: whose ``heading_deg`` faces the result's middle column.

    Raises:
        OptionError: the picture is not square, or a size is not positive.
    """
    side = _square(aerial)
    x, y = polar_positions(side, width_px, height_px, field)
    return _sample(aerial, x, y, wraps=False)


def aerial_from_polar(
    polar: Picture, side_px: int, field: PanoramaField = WHOLE
) -> tuple[Picture, Bool[np.ndarray, "_ _"]]:
    """Undo `polar_transform`.

    Args:
        polar: as `polar_transform` makes them.
        side_px: side of the picture from above.
        field: whose ``heading_deg`` faces the polar picture's middle column.

    Returns:
        The picture from above, and which of its pixels lie on the circle that the polar picture covers.
    """
    _sizes(side_px=side_px)
    height, width = polar.shape[:2]
    dx, dy = _from_middle(side_px)
    radius = np.hypot(dx, dy)
    u = _column(np.degrees(np.arctan2(dx, -dy)), field, width)
    v = height * (1.0 - radius / (side_px / 2.0))
    inside = radius <= side_px / 2.0
    return _sample(polar, u, np.maximum(v, 0.0), wraps=True) * inside[..., None].astype(np.uint8), inside


def ground_positions(
    width_px: int,
    height_px: int,
    camera_height_m: float,
    gsd_m_per_px: float,
    side_px: int,
    field: PanoramaField = WHOLE,
) -> tuple[Float[np.ndarray, "side side"], Float[np.ndarray, "side side"], Bool[np.ndarray, "_ _"]]:
    """Where points of flat ground around the camera are seen in a panorama: x, y, and which rays it has.

    A point at the distance ``r`` is seen ``atan(camera_height_m / r)`` below the horizon.

    Args:
        width_px: width of the panorama.
        height_px: its height.
        camera_height_m: of the camera above the ground.
        gsd_m_per_px: metres a pixel of the ground picture.
        side_px: side of the ground picture, which has the camera in its middle and north up.
        field: what the panorama looks at.
    """
    _sizes(width_px=width_px, height_px=height_px, side_px=side_px, camera_height_m=camera_height_m, gsd=gsd_m_per_px)
    dx, dy = _from_middle(side_px)
    distance = np.hypot(dx, dy) * gsd_m_per_px
    elevation = -np.degrees(np.arctan2(camera_height_m, distance))
    u = _column(np.degrees(np.arctan2(dx, -dy)), field, width_px)
    v = (field.top_deg - elevation) / (field.top_deg - field.bottom_deg) * height_px
    return u, v, (v >= 0.0) & (v <= height_px)


def birds_eye(
    panorama: Picture,
    camera_height_m: float = 1.7,
    gsd_m_per_px: float = 0.1,
    side_px: int = 256,
    field: PanoramaField = WHOLE,
) -> tuple[Picture, Bool[np.ndarray, "_ _"]]:
    """Project the part of a panorama below the horizon onto flat ground, north up, the camera in the middle.

    What stands on the ground is smeared away from the camera.

    Args:
        panorama: equirectangular.
        camera_height_m: of the camera above the ground.
        gsd_m_per_px: metres a pixel of the result.
        side_px: side of the result.
        field: what the panorama looks at.

    Returns:
        The ground, and which of its pixels the panorama shows.
    """
    height, width = panorama.shape[:2]
    u, v, seen = ground_positions(width, height, camera_height_m, gsd_m_per_px, side_px, field)
    ground = _sample(panorama, u, np.clip(v, 0.0, height), wraps=True)
    return ground * seen[..., None].astype(np.uint8), seen


def field_of_view(
    panorama: Picture, degrees: float, generator: np.random.Generator, turn_deg: float | None = None
) -> FieldOfView:
    """Cut a part out of a panorama whose heading is not known: a shift around the circle, then a crop.

    Args:
        panorama: that wraps around.
        degrees: width of the part, up to 360.
        generator: draws the turn, whole columns, all equally likely.
        turn_deg: the turn itself, if it is not to be drawn; rounded to whole columns.

    Raises:
        OptionError: a width beyond 0..360.
    """
    if not 0.0 < degrees <= 360.0:
        raise OptionError(f"A field of view is above 0 and at most 360 degrees, received {degrees}.")
    width = panorama.shape[1]
    kept = max(1, round(width * degrees / 360.0))
    shift = int(generator.integers(width)) if turn_deg is None else round(turn_deg / 360.0 * width) % width
    first = (width - kept) // 2 + shift
    columns = np.mod(np.arange(first, first + kept), width)
    return FieldOfView(np.ascontiguousarray(panorama[:, columns]), shift * 360.0 / width, kept * 360.0 / width)


def _from_middle(side_px: int) -> tuple[Float[np.ndarray, "side side"], Float[np.ndarray, "side side"]]:
    """Steps from the middle to each pixel's middle, x to the right and y downwards."""
    steps = np.arange(side_px) + 0.5 - side_px / 2.0
    dx, dy = np.meshgrid(steps, steps)
    return dx, dy


def _column(
    bearing_deg: Float[np.ndarray, "side side"], field: PanoramaField, width_px: int
) -> Float[np.ndarray, "side side"]:
    """Columns of a panorama that face bearings, in [0, width)."""
    return np.mod((bearing_deg - field.heading_deg) / 360.0 + 0.5, 1.0) * width_px


def _sample(
    picture: Picture, x_px: Float[np.ndarray, "h w"], y_px: Float[np.ndarray, "h w"], *, wraps: bool
) -> Picture:
    """Read a picture at continuous positions, bilinearly; past its edges the nearest pixel, or the other side."""
    import cv2

    # OpenCV puts (0, 0) on the middle of the first pixel. A column more on either side joins left and right edges.
    source = np.concatenate([picture[:, -1:], picture, picture[:, :1]], axis=1) if wraps else picture
    x = (x_px + (0.5 if wraps else -0.5)).astype(np.float32)
    y = (y_px - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _square(picture: Picture) -> int:
    height, width = picture.shape[:2]
    if height != width:
        raise OptionError(f"A square picture from above is needed, received {width} × {height} pixels. Crop it first.")
    return height


def _sizes(**sizes: float) -> None:
    for name, value in sizes.items():
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{name} must be positive, received {value}.")
