"""`MatchPriors`: what is known of a query besides its pixels, and what a match gains or loses by agreeing with it.

Each prior is weighed by the ratio of two densities: where the value falls if the match is true, and where it falls if
it is false. Instruments fail: a share of true matches is allowed to contradict each prior entirely, and a share of
headings to be turned by 180 degrees, as gimbals write after a gimbal lock. No prior can therefore refute a match by
itself, and none that guided the search can confirm it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from whence.core.arrays import FloatArray
from whence.core.errors import OptionError
from whence.crossview.types import Pose
from whence.earth.coordinates import bearing_deg, distance_km
from whence.earth.tiles.georeference import GeoReference

_GRID = 24
"""The patch is sampled at this many positions a side to see how much of the position's prior it holds."""

_SCALE_SPAN = math.log(16.0)
"""False registrations have scales spread evenly, in logarithm, over a factor of 16."""

SEARCHED = ("heading", "position", "scale")
"""What may have guided the search."""


@dataclass(frozen=True, slots=True)
class MatchPriors:
    """What is known of a query besides its pixels.

    Attributes:
        lat_deg: latitude where the query's middle is believed to lie; ``None`` if nothing is known.
        lon_deg: longitude.
        position_sigma_m: standard deviation of that belief, each way.
        heading_deg: bearing of the query's upward direction, as telemetry says.
        heading_sigma_deg: its standard deviation.
        gsd_m_per_px: metres on the ground a pixel of the query, from height and camera.
        gsd_sigma: its standard deviation, as a share.
        searched: which of ``heading``, ``position``, ``scale`` narrowed the search, comma-separated: agreeing with
            those proves nothing.
    """

    lat_deg: float | None = None
    lon_deg: float | None = None
    position_sigma_m: float = 100.0
    heading_deg: float | None = None
    heading_sigma_deg: float = 10.0
    gsd_m_per_px: float | None = None
    gsd_sigma: float = 0.15
    searched: str = ""

    def __post_init__(self) -> None:
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise OptionError("A prior position needs both latitude and longitude, received one of them.")
        sigmas = (self.position_sigma_m, self.heading_sigma_deg, self.gsd_sigma)
        if not all(math.isfinite(sigma) and sigma > 0.0 for sigma in sigmas):
            raise OptionError(f"Standard deviations of priors must be above 0, received {sigmas}.")
        if self.gsd_m_per_px is not None and not self.gsd_m_per_px > 0.0:
            raise OptionError(f"The prior's gsd_m_per_px must be above 0, received {self.gsd_m_per_px}.")
        for name in self.names_searched:
            if name not in SEARCHED:
                raise OptionError(f"Searched holds {', '.join(SEARCHED)}, comma-separated; received {name!r}.")

    @property
    def names_searched(self) -> tuple[str, ...]:
        """The priors that narrowed the search."""
        return tuple(name.strip() for name in self.searched.split(",") if name.strip())


def heading_log_odds(
    heading_deg: float, sigma_deg: float, prior: MatchPriors, *, flipped_share: float, wrong_share: float
) -> tuple[float, float]:
    """What a heading adds to the log-odds, and by how many degrees it differs from the prior, −180..180.

    Args:
        heading_deg: of the match.
        sigma_deg: its standard deviation.
        prior: with a heading.
        flipped_share: how often telemetry is turned by 180 degrees.
        wrong_share: how often it says nothing about the heading at all.
    """
    assert prior.heading_deg is not None
    off = float(np.mod(heading_deg - prior.heading_deg + 180.0, 360.0) - 180.0)
    kappa = 1.0 / math.radians(math.hypot(sigma_deg, prior.heading_sigma_deg)) ** 2
    flat = math.log(float(np.i0(kappa))) if kappa < 500.0 else kappa - 0.5 * math.log(2 * math.pi * kappa)
    same = math.exp(kappa * math.cos(math.radians(off)) - flat)
    turned = math.exp(-kappa * math.cos(math.radians(off)) - flat)
    good = 1.0 - flipped_share - wrong_share
    return math.log(good * same + flipped_share * turned + wrong_share), off


def scale_log_odds(gsd_m_per_px: float, sigma: float, prior: MatchPriors, *, wrong_share: float) -> tuple[float, float]:
    """What a scale adds to the log-odds, and its ratio to the prior's.

    Args:
        gsd_m_per_px: of the match.
        sigma: its standard deviation, as a share.
        prior: with a scale.
        wrong_share: how often the prior says nothing about the scale.
    """
    assert prior.gsd_m_per_px is not None
    ratio = gsd_m_per_px / prior.gsd_m_per_px
    width = math.hypot(sigma, prior.gsd_sigma)
    density = math.exp(-0.5 * (math.log(ratio) / width) ** 2) / (width * math.sqrt(2 * math.pi))
    return math.log((1.0 - wrong_share) * density * _SCALE_SPAN + wrong_share), ratio


def position_log_odds(
    pose: Pose, reference: GeoReference, prior: MatchPriors, *, wrong_share: float
) -> tuple[float, float]:
    """What a position adds to the log-odds, and how many metres it lies from the prior.

    True positions follow the prior as far as it lies in the patch; false ones are spread evenly over the patch. A prior
    that is wider than the patch therefore says nothing.

    Args:
        pose: of the match.
        reference: of the patch.
        prior: with a position.
        wrong_share: how often the prior says nothing about the position.
    """
    assert prior.lat_deg is not None
    assert prior.lon_deg is not None
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(steps * reference.width_px, steps * reference.height_px)
    lat, lon = reference.to_lat_lon(x.ravel(), y.ravel())
    grid = np.exp(-0.5 * (_metres(prior, lat, lon) / prior.position_sigma_m) ** 2)
    away = float(_metres(prior, np.array([pose.lat_deg]), np.array([pose.lon_deg]))[0])
    sigma = math.hypot(prior.position_sigma_m, pose.sigma_m) if math.isfinite(pose.sigma_m) else math.inf
    here = math.exp(-0.5 * (away / sigma) ** 2) * (prior.position_sigma_m / sigma) ** 2
    mean = max(float(grid.mean()), 1.0 / _GRID**2 * 0.1)
    return math.log((1.0 - wrong_share) * here / mean + wrong_share), away


def _metres(prior: MatchPriors, lat: FloatArray, lon: FloatArray) -> FloatArray:
    assert prior.lat_deg is not None
    assert prior.lon_deg is not None
    return distance_km(prior.lat_deg, prior.lon_deg, lat, lon) * 1e3


def direction_of(prior: MatchPriors, pose: Pose) -> float:
    """Bearing from the prior's position to that of the match, degrees."""
    assert prior.lat_deg is not None
    assert prior.lon_deg is not None
    return float(bearing_deg(prior.lat_deg, prior.lon_deg, pose.lat_deg, pose.lon_deg))
