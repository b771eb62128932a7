"""The place on the reference, to scale: footprint, heading, and the ellipses that hold the query's middle."""

from __future__ import annotations

import math
from html import escape

import numpy as np
from jaxtyping import Float

from whence.crossview.spread import radius_holding
from whence.crossview.types import Match, Pose
from whence.estimate import wording
from whence.explain.match.frame import corners, is_possible_view, project

R50, R90 = radius_holding(0.5), radius_holding(0.9)
"""Standard deviations within which a normal distribution on the plane holds 50 % and 90 %."""

_NICE_M = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 200_000, 1_000_000)
_SIDE = 560.0
_CLOSEST_PX = 6.0


def radius_m(pose: Pose, share_radius: float) -> float:
    """Length of the longer half axis of an ellipse, metres."""
    return share_radius * math.sqrt(max(float(np.linalg.eigvalsh(covariance(pose))[-1]), 0.0))


def covariance(pose: Pose) -> Float[np.ndarray, "2 2"]:
    """Covariance of the position, east and north, square metres."""
    east, both, north = pose.covariance_m2
    return np.array([[east, both], [both, north]])


def ground_map(match: Match) -> str:
    """The whole patch with the footprint, and a close-up of the ellipses; empty without a pose."""
    pose = match.pose
    if pose is None or not all(math.isfinite(value) for value in pose.covariance_m2):
        return ""
    tall, wide = match.reference.pixels.shape[:2]
    middle = _to_px(match, pose, np.zeros((1, 2)))[0]
    if not np.isfinite(middle).all():
        return ""
    reach = 1.6 * radius_m(pose, R90) / max(match.reference.georeference.gsd_m_per_px, 1e-9)
    half = min(max(reach, _CLOSEST_PX), max(tall, wide) / 2)
    views = [("The patch", (0.0, 0.0, float(wide), float(tall)))]
    if 2 * half < 0.6 * max(tall, wide):
        x, y = float(middle[0]), float(middle[1])
        views.append(("Around the middle of the query", (x - half, y - half, x + half, y + half)))
    return "".join(_figure(match, pose, name, box, index) for index, (name, box) in enumerate(views))


def _to_px(match: Match, pose: Pose, east_north_m: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Pixels of the reference of points given in metres from the query's middle."""
    lat = pose.lat_deg + east_north_m[:, 1] / 111_320.0
    lon = pose.lon_deg + east_north_m[:, 0] / (111_320.0 * max(math.cos(math.radians(pose.lat_deg)), 1e-6))
    x, y = match.reference.georeference.to_pixels(lat, lon)
    return np.column_stack([np.atleast_1d(x), np.atleast_1d(y)])


def _figure(match: Match, pose: Pose, name: str, box: tuple[float, float, float, float], index: int) -> str:
    left, top, right, bottom = box
    scale = _SIDE / max(right - left, bottom - top)
    width, height = (right - left) * scale, (bottom - top) * scale
    place = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale], [0.0, 0.0, 1.0]])
    pixels = f'<use href="#img-reference" transform="scale({scale:.6f}) translate({-left:.3f} {-top:.3f})"/>'
    said = escape(f"{name}: footprint of the query, and where its middle lies with 50 % and 90 %")
    gsd = match.reference.georeference.gsd_m_per_px / scale
    return (
        f'<figure class="ground"><svg class="gm" viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-label="{said}">'
        f'<clipPath id="gm-{index}"><rect width="{width:.1f}" height="{height:.1f}"/></clipPath>'
        f'<g clip-path="url(#gm-{index})">{pixels}{_shapes(match, pose, place)}</g>'
        f"{_scale_bar(gsd, width, height)}{_north(match.reference.georeference.up_bearing_deg, width)}</svg>"
        f"<figcaption>{escape(name)}</figcaption></figure>"
    )


def _shapes(match: Match, pose: Pose, place: Float[np.ndarray, "3 3"]) -> str:
    height, width = match.query.pixels.shape[:2]
    transform = match.registration.transform
    out = []
    if transform is not None and is_possible_view(transform, width, height):
        outline = _points(project(place @ transform, corners(width, height)))
        up = project(place @ transform, np.array([[width / 2, height / 2], [width / 2, 0.0]]))
        out.append(f'<polygon class="halo" points="{outline}"/><polygon class="edge" points="{outline}"/>')
        out.append(f'<path class="halo" d="{_path(up)}"/><path class="up" d="{_path(up)}"/>')
    values, axes = np.linalg.eigh(covariance(pose))
    angle = np.linspace(0.0, 2 * math.pi, 60, endpoint=False)
    for share, reach in ((90, R90), (50, R50)):
        ring = (axes * (reach * np.sqrt(np.maximum(values, 0.0)))) @ np.array([np.cos(angle), np.sin(angle)])
        line = _points(project(place, _to_px(match, pose, ring.T)))
        out.append(f'<polygon class="halo h{share}" points="{line}"/><polygon class="e{share}" points="{line}"/>')
    x, y = project(place, _to_px(match, pose, np.zeros((1, 2))))[0]
    out.append(f'<circle class="middle" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    return "".join(out) + _stated(match, place)


def _stated(match: Match, place: Float[np.ndarray, "3 3"]) -> str:
    """Where the query's own file says that it was taken, if it does."""
    told = match.query.metadata.position
    if told is None:
        return ""
    x, y = match.reference.georeference.to_pixels(told.value.lat_deg, told.value.lon_deg)
    if not (np.isfinite(x) and np.isfinite(y)):
        return ""
    u, v = project(place, np.array([[float(x), float(y)]]))[0]
    return (
        f'<g class="told" transform="translate({u:.1f} {v:.1f})"><title>{escape(wording.one_line(told.origin, 60))}'
        '</title><path d="M-7 -7L7 7M-7 7L7 -7"/></g>'
    )


def _points(line: Float[np.ndarray, "n 2"]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in line)


def _path(line: Float[np.ndarray, "n 2"]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line)


def _scale_bar(m_per_unit: float, width: float, height: float) -> str:
    metres = max((m for m in _NICE_M if m <= 0.34 * width * m_per_unit), default=_NICE_M[0])
    length = metres / m_per_unit
    label = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    y = height - 16
    path = f"M14 {y - 6:.1f}v6h{length:.1f}v-6"
    return (
        f'<path class="halo" d="{path}"/><path class="bar-line" d="{path}"/>'
        f'<text x="{22 + length:.1f}" y="{y:.1f}">{label}</text>'
    )


def _north(up_bearing_deg: float, width: float) -> str:
    return (
        f'<g class="north" transform="translate({width - 24:.1f} 30) rotate({-up_bearing_deg:.1f})">'
        '<circle r="17"/><path d="M0 -12L6 9L0 5L-6 9Z"/></g>'
    )
