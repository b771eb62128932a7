"""`belief_field`: the belief of a filter as a field over the Earth, which everything else of the house reads."""

from __future__ import annotations

import numpy as np

from whence.crossview.track.filter import TrackFilter
from whence.earth.field import Field

_LEAST_SIGMA_M = 0.5


def belief_field(track: TrackFilter) -> Field:
    """The belief on the position after the last frame, log-density against the uniform one.

    Parts become round kernels of the same mean variance; the even rest becomes one as wide as the area.

    Args:
        track: the filter.
    """
    belief, reference = track.belief, track.config.reference_sigma_m
    lat, lon = track.plane.to_lat_lon(belief.mean[:, :2])
    variance = np.trace(belief.cov[:, :2, :2], axis1=1, axis2=2) / 2.0 + reference**2
    sigma_m = np.append(np.maximum(np.sqrt(variance), _LEAST_SIGMA_M), track.area.radius_m / 2.0)
    weight = np.append(belief.weight, belief.lost)
    return Field.from_points(
        np.append(lat, track.area.lat_deg), np.append(lon, track.area.lon_deg), weight, sigma_km=sigma_m / 1e3
    )
