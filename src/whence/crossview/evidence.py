"""`match_evidence`: what matching says of the whole Earth, so that it fuses with everything else.

Let a patch of area A have been compared with the query, and let its claims multiply the odds of a match by Λ. If the
query's middle lies in the patch, the comparison would have shown something at that place with probability 1 − m, and
nothing with m; elsewhere it shows what chance shows. The likelihood of place x in the patch, against a place that was
not looked at, is therefore ``m + (1 − m) Λ A N(x)`` with the density N of the found pose. A search that finds nothing
lowers the patch to about m; a match raises the pose above everything around by Λ A N, and a narrow belief before the
search makes it sure, while over half the Earth a chance likeness is not believed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError
from whence.crossview.types import Match
from whence.earth import grid
from whence.earth.coordinates import destination, distance_km
from whence.earth.field import Field
from whence.earth.tiles.georeference import GeoReference
from whence.evidence.types import Claim, Evidence

SOURCE = "crossview"
"""Name of the evidence in ledgers."""

_LEAST_SIGMA_M = 0.5
_MOST_LOG_ODDS = 40.0
_ALONG = np.array([-1.5, -0.5, 0.5, 1.5])
_WEIGHTS = np.exp(-0.5 * _ALONG**2) / np.exp(-0.5 * _ALONG**2).sum()


@dataclass(frozen=True)
class Config:
    """What a search that finds nothing means."""

    missed: float = 0.5
    "How often the right patch shows nothing: seasons, new buildings, another sensor."

    def __post_init__(self) -> None:
        if not 0.0 < self.missed < 1.0:
            raise OptionError(f"crossview.missed is a share between 0 and 1, received {self.missed}.")


def match_evidence(
    matches: Sequence[Match], config: Config | None = None, *, view: int = 0, elapsed_ms: float = 0.0
) -> Evidence:
    """What matches say, found or not.

    Args:
        matches: of one view, each with its patch; those without a transform lower their patch.
        config: settings.
        view: index of the view in the query.
        elapsed_ms: time that the search took.

    Returns:
        Evidence with a claim for the best match if it is accepted, one for all that was searched, and a remark for each
        claim behind the best match.
    """
    config = config or Config()
    if not matches:
        return Evidence(SOURCE, elapsed_ms=elapsed_ms)
    best = max(matches, key=lambda item: item.standing)
    claims = []
    field = _field(matches, config)
    where = best.reference.name or "the reference pictures"
    if best.accepted and best.pose is not None:
        claims.append(
            Claim(
                "match from above",
                f"lies on {where} with probability {best.probability:.1%}",
                f"the ground in its middle lies at {best.pose.lat_deg:.6f}, {best.pose.lon_deg:.6f}, "
                f"give or take {best.pose.sigma_m:.1f} m",
                f"a true match shows nothing in {config.missed:.0%} of patches; chance is weighed by the verifier",
                field,
                view,
            )
        )
        claims += [Claim(claim.kind, claim.verdict, claim.check, view=view) for claim in best.claims]
    else:
        claims.append(
            Claim(
                "no match from above",
                f"{len(matches)} place{'s' * (len(matches) != 1)} compared, the best with probability "
                f"{max(item.same_place for item in matches):.1%}",
                "the ground is somewhat less likely to lie there",
                f"a true match shows nothing in {config.missed:.0%} of patches",
                field,
                view,
            )
        )
    return Evidence(SOURCE, tuple(claims), elapsed_ms=elapsed_ms)


def _field(matches: Sequence[Match], config: Config) -> Field:
    """The product over patches; of those that share most of their ground the most probable match counts alone."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda item: item.standing, reverse=True):
        if all(_apart(match, other) for other in kept):
            kept.append(match)
    return Field.sum([_one(match, config) for match in kept])


def _apart(match: Match, other: Match) -> bool:
    a, b = match.reference.georeference, other.reference.georeference
    return float(distance_km(*a.centre, *b.centre)) * 1e3 > 0.5 * min(_side_m(a), _side_m(b))


def _side_m(reference: GeoReference) -> float:
    return reference.gsd_m_per_px * max(reference.width_px, reference.height_px)


def _one(match: Match, config: Config) -> Field:
    """Log-likelihood of one comparison: 0 outside of its patch."""
    reference = match.reference.georeference
    lat, lon = reference.centre
    side_m = _side_m(reference)
    area_km2 = (reference.gsd_m_per_px * 1e-3) ** 2 * reference.width_px * reference.height_px
    log_odds = -math.inf
    # The kernel over the patch weighs nothing beside a pose, but makes the cells there fine.
    centres, sigma_km, weights = [(lat, lon)], [side_m / 4e3], [1.0]
    if match.pose is not None and math.isfinite(match.pose.sigma_m):
        log_odds = min(_MOST_LOG_ODDS, math.fsum(claim.log_odds for claim in match.claims))
        found_at, sigma, shares = _spread(match)
        centres, sigma_km, weights = [*centres, *found_at], [*sigma_km, *[sigma] * len(found_at)], [0.0, *shares]
    peaks = Field.from_points([c[0] for c in centres], [c[1] for c in centres], weights, sigma_km=sigma_km, floor=0.0)
    # Density against the uniform one over the Earth, to density against the uniform one over the patch.
    over_patch = peaks.values + math.log(area_km2 / grid.EARTH_AREA_KM2)
    found = np.logaddexp(math.log(config.missed), math.log1p(-config.missed) + log_odds + over_patch)
    away = _away_m(peaks, lat, lon)
    inside = away <= side_m * math.sqrt(0.5)
    return Field(peaks.partition, np.where(inside, found, 0.0))


def _spread(match: Match) -> tuple[list[tuple[float, float]], float, list[float]]:
    """The ellipse of a pose as kernels along its longer axis."""
    assert match.pose is not None
    east, both, north = match.pose.covariance_m2
    values, axes = np.linalg.eigh(np.array([[east, both], [both, north]]))
    small, large = np.sqrt(np.maximum(values, _LEAST_SIGMA_M**2))
    extra = math.sqrt(max(large**2 - small**2, 0.0)) / math.sqrt(float(_WEIGHTS @ _ALONG**2))
    bearing = math.degrees(math.atan2(axes[0, 1], axes[1, 1]))
    centres = [
        tuple(float(v) for v in destination(match.pose.lat_deg, match.pose.lon_deg, bearing, step * extra / 1e3))
        for step in _ALONG
    ]
    return [(c[0], c[1]) for c in centres], small / 1e3, [float(w) for w in _WEIGHTS]


def _away_m(field: Field, lat_deg: float, lon_deg: float) -> Float[np.ndarray, " n"]:
    """Distance of the cells' middles from a point, in metres along the sphere."""
    here = grid.unit_vectors(np.array([lat_deg]), np.array([lon_deg]))[0]
    gap = field.partition.vectors - here
    chord = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return np.asarray(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)) * grid.EARTH_RADIUS_KM * 1e3)
