"""The claims of geometry: each measure of a registration as a statement with its pixels, its check and its log-odds.

Kinds, and the values that fill their words:

- ``transform``: ``pairs`` (only where no transform was found)
- ``point matches``: ``inliers``, ``pairs``, ``chance``
- ``first search``: ``screening`` (only from matchers that state it)
- ``next best place``: ``first_inliers``, ``lead`` (only from matchers that state it)
- ``spread of matches``: ``share``
- ``residual``: ``residual_px``
- ``shape``: ``stretch``, ``perspective``
- ``mirror``: ``mirrored`` (``yes``; only where the transform mirrors or folds the query)
- ``scale``: ``gsd_m_per_px``; with a prior ``prior_m_per_px``, ``ratio``
- ``overlap``: ``share``
- ``edges``: ``correlation``, ``chance``, ``significance``
- ``heading``: ``heading_deg``; with a prior ``prior_deg``, ``difference_deg``
- ``position``: ``distance_m``, ``bearing_deg``, ``sigma_m`` (only with a prior)
- ``look-alikes``: ``one_in`` (only where what the pictures share says so much that they count)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.crossview.pose import map_points
from whence.crossview.types import MatchClaim, Pose, Region, Registration
from whence.crossview.verify.measures import Measures, hull_of, inliers_of, visible_part
from whence.crossview.verify.priors import (
    MatchPriors,
    direction_of,
    heading_log_odds,
    position_log_odds,
    scale_log_odds,
)
from whence.earth.tiles.georeference import GeoReference

IMPOSSIBLE = -30.0
"""Log-odds of what no true match shows: mirrored or crushed ground, or a scale beyond all sense."""

DECISIVE = 0.4
"""From these log-odds on, either way, a claim agrees or contradicts."""

WIDEST_SCALE = 40.0
"""Beyond this ratio of pixel sizes between query and reference, or its inverse, a scale is no scale."""

MOST_STRETCH = 4.0
"""No camera that looks down stretches the ground by more than this along one of its axes."""

LOOK_ALIKES = "look-alikes"
"""Kind of the claim that bounds what likeness may say."""

LEAST_TAKEN = 0.01
"""Nats from which on it is said what look-alikes take away."""

SMALLEST_PX = 12.0
"""A query that shrinks to less than this on the reference shows nothing that could be compared."""

CHECKS = {
    "transform": "How often a search finds nothing where the query belongs, against where it does not.",
    "excess": "Pairs within reach of the transform, against the number that fits where the query does not belong.",
    "screening": "Pairs of the first search near this place, against the number that chance gives, before any warping.",
    "lead": "Pairs of the first search that fit this place, against those that fit the next best.",
    "spread": "Area of the hull of these pairs over the part of the query that falls on the reference.",
    "residual": "Median distance between where the transform sends a point and where its pair lies.",
    "shape": "Ratio of scales along the axes in the query's middle, and between its corners.",
    "mirror": "Sign of the transform's area in the query's corners and middle.",
    "scale": "Ground size of a query pixel by the transform.",
    "overlap": "Share of the query that the transform sends onto the reference.",
    "edges": "Correlation of edge directions in place, against the same pictures shifted.",
    "heading": "Bearing of the query's upward direction by the transform.",
    "position": "Distance of the query's middle, by the transform, from where it was believed to be.",
    LOOK_ALIKES: "An assumed share of other places that show the same as the query, of which no check could tell it.",
}
"""How each claim was tested."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far priors may be wrong.

    Attributes:
        flipped_share: how often a heading of telemetry is turned by 180 degrees.
        wrong_share: how often a prior says nothing.
    """

    flipped_share: float
    wrong_share: float


def verdict(log_odds: float) -> str:
    """``agrees``, ``contradicts`` or ``unclear``."""
    return "agrees" if log_odds >= DECISIVE else ("contradicts" if log_odds <= -DECISIVE else "unclear")


def polygon(points_px: Float[np.ndarray, "n 2"], side: str) -> tuple[Region, ...]:
    """A region from corners; none from fewer than three."""
    if len(points_px) < 3 or not np.isfinite(points_px).all():
        return ()
    return (Region(side, tuple((round(float(x), 2), round(float(y), 2)) for x, y in points_px)),)


def no_transform(registration: Registration, gain: float) -> MatchClaim:
    """The claim of a query that could not be laid onto the reference at all.

    Args:
        registration: without a transform.
        gain: log-odds that finding nothing adds.
    """
    count = float(len(registration.correspondences))
    return MatchClaim("transform", verdict(gain), {"pairs": count}, gain, (), CHECKS["transform"])


def claims_of_geometry(
    registration: Registration,
    measures: Measures,
    added: dict[str, float],
    query_size_px: tuple[int, int],
    reference_size_px: tuple[int, int],
) -> list[MatchClaim]:
    """Claims of what the curves read.

    Args:
        registration: with a transform.
        measures: of it.
        added: log-odds by name of measure.
        query_size_px: width and height of the query.
        reference_size_px: width and height of the reference.
    """
    assert registration.transform is not None
    sources, targets = inliers_of(registration.correspondences)
    hulls = (*polygon(hull_of(sources), "query"), *polygon(hull_of(targets), "reference"))
    visible = visible_part(registration.transform, query_size_px, reference_size_px)
    shared = polygon(visible, "query")
    if len(visible):
        shared += polygon(map_points(registration.transform, visible), "reference")
    edges = measures.edges
    said: dict[str, tuple[str, dict[str, float | str], tuple[Region, ...]]] = {
        "excess": (
            "point matches",
            {"inliers": measures.inliers, "pairs": measures.pairs, "chance": round(measures.chance, 1)},
            hulls,
        ),
        "screening": ("first search", {"screening": measures.screening}, hulls),
        "lead": (
            "next best place",
            {"first_inliers": registration.statistics.get("first_inliers", 0.0), "lead": measures.lead},
            hulls,
        ),
        "spread": ("spread of matches", {"share": measures.hull_share}, hulls),
        "residual": ("residual", {"residual_px": measures.residual_px}, hulls),
        "shape": ("shape", {"stretch": measures.stretch, "perspective": measures.perspective}, shared),
        "overlap": ("overlap", {"share": measures.overlap}, shared),
        "edges": (
            "edges",
            {"correlation": edges.correlation, "chance": edges.chance, "significance": edges.significance},
            shared,
        ),
    }
    gains = {"overlap": 0.0, "shape": 0.0} | added
    if measures.stretch > MOST_STRETCH:
        gains["shape"] += IMPOSSIBLE
    return [
        MatchClaim(kind, verdict(gains[name]), values, gains[name], regions, CHECKS[name])
        for name, (kind, values, regions) in said.items()
        if name in gains
    ]


def claims_of_look_alikes(gained: float, share: float) -> list[MatchClaim]:
    """What is taken from what the pictures share because other places may share it as well.

    Chance and look-alikes together reach a likelihood ratio ``Λ`` as often as ``(1 − s) + s Λ`` says against a true
    match, with the share ``s`` of look-alikes: what is left is ``Λ / (1 − s + s Λ)``, at most ``1 / s``.

    Args:
        gained: log-odds of what the pictures share.
        share: of other places that look just alike.

    Returns:
        One claim, or none where it would take less than `LEAST_TAKEN`.
    """
    taken = taken_by_look_alikes(gained, share)
    if taken > -LEAST_TAKEN:
        return []
    said: dict[str, float | str] = {"one_in": float(round(1.0 / share))}
    return [MatchClaim(LOOK_ALIKES, "unclear", said, taken, (), CHECKS[LOOK_ALIKES])]


def taken_by_look_alikes(gained: float, share: float) -> float:
    """Log-odds, 0 or less, by which a share of look-alikes lowers so much gained."""
    return -float(np.logaddexp(math.log1p(-share), math.log(share) + gained))


def claims_of_sanity(measures: Measures) -> list[MatchClaim]:
    """A mirrored query, which the ground cannot show."""
    if not measures.flipped:
        return []
    return [MatchClaim("mirror", "contradicts", {"mirrored": "yes"}, IMPOSSIBLE, (), CHECKS["mirror"])]


def claims_of_pose(
    measures: Measures, pose: Pose | None, reference: GeoReference, priors: MatchPriors, doubt: Doubt
) -> list[MatchClaim]:
    """Claims of scale, heading and position, weighed against what was known before.

    Args:
        measures: of the registration.
        pose: that it gives; ``None`` if the middle of the query lies nowhere.
        reference: of the patch.
        priors: what was known.
        doubt: how far that may be wrong.
    """
    used = priors.names_searched
    absurd = not (1 / WIDEST_SCALE < measures.scale < WIDEST_SCALE) or measures.footprint_px < SMALLEST_PX
    if pose is None or not math.isfinite(pose.gsd_m_per_px):
        return [MatchClaim("scale", "contradicts", {"gsd_m_per_px": 0.0}, IMPOSSIBLE, (), CHECKS["scale"])]
    scale: dict[str, float | str] = {"gsd_m_per_px": pose.gsd_m_per_px}
    gain = IMPOSSIBLE if absurd else 0.0
    if priors.gsd_m_per_px is not None:
        known, ratio = scale_log_odds(pose.gsd_m_per_px, pose.scale_sigma, priors, wrong_share=doubt.wrong_share)
        gain += min(known, 0.0) if "scale" in used else known
        scale |= {"prior_m_per_px": priors.gsd_m_per_px, "ratio": ratio}
    claims = [MatchClaim("scale", verdict(gain), scale, gain, (), CHECKS["scale"])]
    heading: dict[str, float | str] = {"heading_deg": pose.heading_deg}
    gain = 0.0
    if priors.heading_deg is not None:
        known, off = heading_log_odds(
            pose.heading_deg,
            pose.heading_sigma_deg,
            priors,
            flipped_share=doubt.flipped_share,
            wrong_share=doubt.wrong_share,
        )
        gain = min(known, 0.0) if "heading" in used else known
        heading |= {"prior_deg": priors.heading_deg, "difference_deg": off}
    claims.append(MatchClaim("heading", verdict(gain), heading, gain, (), CHECKS["heading"]))
    if priors.lat_deg is not None:
        known, away = position_log_odds(pose, reference, priors, wrong_share=doubt.wrong_share)
        gain = min(known, 0.0) if "position" in used else known
        values: dict[str, float | str] = {
            "distance_m": away,
            "bearing_deg": direction_of(priors, pose),
            "sigma_m": priors.position_sigma_m,
        }
        claims.append(MatchClaim("position", verdict(gain), values, gain, (), CHECKS["position"]))
    return claims
