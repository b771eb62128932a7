"""What is told of a belief: one position with its covariance, and where to search next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from whence.crossview.track.config import Config
from whence.crossview.track.mixture import HEADING_UNKNOWN_VAR, SCALE_UNKNOWN_VAR, Mixture, mode_of, moments, wrap_deg
from whence.crossview.track.plane import LocalPlane
from whence.crossview.track.types import SearchArea, TrackStatus

_HALF = 0.5
_HEADINGS_TOGETHER_DEG = 45.0


@final
@dataclass(frozen=True, eq=False)
class Summary:
    """The heaviest mode of a belief as one Gaussian, or the whole belief where it is lost.

    Attributes:
        mean: east, north and velocity.
        cov: of the position, the reference's own error in it.
        heading: degrees; not a number if nothing tells it.
        heading_sigma: degrees.
        scale: log of metres a pixel; not a number if nothing tells it.
        share: of the belief in the mode.
        status: ``LOST``, or ``COASTING`` for any other.
    """

    mean: Float[np.ndarray, " 4"]
    cov: Float[np.ndarray, "2 2"]
    heading: float
    heading_sigma: float
    scale: float
    share: float
    status: TrackStatus


def summarised(belief: Mixture, area_radius_m: float, config: Config) -> Summary:
    """Tell the heaviest mode of a belief.

    Args:
        belief: weights sum to 1, the origin in the middle of the area.
        area_radius_m: radius of the area that the even rest is spread over.
        config: settings.
    """
    even = np.eye(2) * area_radius_m**2 / 4.0
    if len(belief) == 0:
        return Summary(np.zeros(4), even, math.nan, 180.0, math.nan, 0.0, TrackStatus.LOST)
    inside = mode_of(belief, config.same_gate)
    mode = belief.take(inside)
    one = moments(mode, mode.weight)
    share = float(one.weight[0])
    mean, cov = one.mean[0], one.cov[0][:2, :2]
    heading, heading_sigma = _heading(mode)
    scale = float(one.scale[0]) if one.scale_var[0] < SCALE_UNKNOWN_VAR else math.nan
    status = TrackStatus.COASTING
    if share < _HALF or math.sqrt(np.trace(cov) / 2.0) > config.lost_sigma_m:
        status = TrackStatus.LOST
        every = moments(belief, belief.weight)
        w = belief.lost
        gap = every.mean[0][:2]
        cov = (1.0 - w) * every.cov[0][:2, :2] + w * even + w * (1.0 - w) * np.outer(gap, gap)
        mean = (1.0 - w) * every.mean[0]
    return Summary(mean, cov + np.eye(2) * config.reference_sigma_m**2, heading, heading_sigma, scale, share, status)


def _heading(mode: Mixture) -> tuple[float, float]:
    """Heading of those parts of a mode that go with its heaviest heading."""
    near = np.abs(wrap_deg(mode.heading[:, None] - mode.heading[None])) < _HEADINGS_TOGETHER_DEG
    best = int(np.argmax(near @ mode.weight))
    together = mode.take(near[best])
    one = moments(together, together.weight)
    if one.heading_var[0] >= HEADING_UNKNOWN_VAR * 0.999:
        return math.nan, 180.0
    return float(one.heading[0]), float(np.sqrt(one.heading_var[0]))


def region_to_search(belief: Mixture, plane: LocalPlane, area: SearchArea, config: Config) -> tuple[SearchArea, float]:
    """Disc that holds the share `Config.search_level` of what is placed, or the whole area if that is too little.

    Returns:
        The disc, and the least radius to which a budget may shrink it: two standard deviations of the mode.
    """
    if len(belief) == 0 or belief.lost > config.search_lost:
        return area, area.radius_m
    mode = belief.take(mode_of(belief, config.same_gate))
    one = moments(mode, mode.weight)
    middle = one.mean[0][:2]
    sigma = np.sqrt(np.linalg.eigvalsh(belief.cov[:, :2, :2])[:, 1])
    reach = math.sqrt(-2.0 * math.log(1.0 - config.search_level))
    needed = np.hypot(*(belief.mean[:, :2] - middle).T) + reach * sigma
    order = np.argsort(needed, kind="stable")
    held = np.cumsum(belief.weight[order]) / belief.weight.sum()
    radius = float(needed[order][min(int(np.searchsorted(held, config.search_level)), len(held) - 1)])
    radius = max(radius, config.min_radius_m)
    if radius >= area.radius_m:
        return area, area.radius_m
    lat, lon = plane.to_lat_lon(middle)
    least = max(2.0 * math.sqrt(float(np.linalg.eigvalsh(one.cov[0][:2, :2])[1])), config.min_radius_m)
    return SearchArea(float(lat), float(lon), radius), min(least, radius)
