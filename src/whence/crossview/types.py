"""What the stages of matching hand on: `Correspondences`, `Registration`, `Pose`, `MatchClaim`, `Match`.

Pixel positions are continuous, (0, 0) the outer corner of the top left pixel, x to the right and y downwards, in the
picture as the stage was given it: the query's pixels, or those of the reference patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from whence.earth.tiles.types import Patch
from whence.samples.view import View


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Pairs of points that look alike in the two pictures.

    Attributes:
        query_px: positions x, y in the query.
        reference_px: positions in the reference patch.
        score: how sure the matcher is of each, 0..1.
        inlier: which of them the transform explains.
    """

    query_px: Float[np.ndarray, "n 2"]
    reference_px: Float[np.ndarray, "n 2"]
    score: Float[np.ndarray, " n"]
    inlier: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the middle of the query lies on the ground, and how the query is turned and scaled there.

    Attributes:
        lat_deg: latitude of the point that the query's middle shows.
        lon_deg: longitude.
        heading_deg: bearing of the query's upward direction, clockwise from north, 0..360.
        gsd_m_per_px: metres on the ground a pixel of the query, in its middle.
        covariance_m2: covariance of the position: east–east, east–north, north–north.
        heading_sigma_deg: standard deviation of the heading.
        scale_sigma: standard deviation of the scale, as a share of it.
    """

    lat_deg: float
    lon_deg: float
    heading_deg: float
    gsd_m_per_px: float
    covariance_m2: tuple[float, float, float]
    heading_sigma_deg: float
    scale_sigma: float

    @property
    def sigma_m(self) -> float:
        """Root of the mean variance of the position, in metres."""
        return float(np.sqrt((self.covariance_m2[0] + self.covariance_m2[2]) / 2.0))


@dataclass(frozen=True, eq=False)
class Registration:
    """A query laid onto a reference patch by geometry, whether or not it belongs there.

    Attributes:
        transform: homography from query positions to reference positions, ``3 × 3``, last entry 1; ``None`` where no
            transform explains the correspondences.
        model: ``similarity``, ``affine`` or ``homography``.
        correspondences: what it was estimated from.
        matcher: name of the local features and their matcher.
        statistics: numbers that tell a true registration from a false one, by name; see `whence.crossview.verify`.
        covariance_px2: covariance of the reference position of the query's middle, xx, xy, yy.
    """

    transform: Float[np.ndarray, "3 3"] | None
    model: str
    correspondences: Correspondences
    matcher: str
    statistics: Mapping[str, float] = field(default_factory=dict)
    covariance_px2: tuple[float, float, float] = (float("inf"), 0.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Region:
    """A part of one of the two pictures.

    Attributes:
        side: ``query`` or ``reference``.
        polygon_px: corners x, y.
    """

    side: str
    polygon_px: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class MatchClaim:
    """One thing that speaks for or against a match, with the pixels that it is about and how it was checked.

    Attributes:
        kind: short lower-case noun phrase that names the template of its words, for example ``point matches``.
        verdict: ``agrees``, ``contradicts`` or ``unclear``.
        values: numbers and names that fill the template.
        log_odds: what it adds to the log-odds of the match in nats; 0 for a remark.
        regions: pixels in both pictures that it rests on.
        check: how it was tested, in a sentence.
    """

    kind: str
    verdict: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    log_odds: float = 0.0
    regions: tuple[Region, ...] = ()
    check: str = ""


@dataclass(frozen=True, eq=False)
class Match:
    """Whether and how a query lies on a reference patch, how sure that is, and why.

    Attributes:
        query: the view, with the pixels that positions refer to.
        reference: the patch, with the pixels that positions refer to.
        registration: the geometry.
        accepted: whether the probability reaches the threshold.
        probability: that the match is true, calibrated: that the query lies as the transform says; without a transform,
            that it lies on the reference at all.
        threshold: that was applied.
        pose: where the query's middle lies; ``None`` without a transform.
        claims: what speaks for and against; their ``log_odds`` and ``prior_log_odds`` add up to those of the
            probability.
        prior_log_odds: before anything was compared.
        reasons: why it was accepted or not, in English sentences.
        timings_ms: by stage.
        laid_wrong: how probable it is that the reference shows the query's ground if the transform is wrong; 0 without
            a transform.
    """

    query: View
    reference: Patch
    registration: Registration
    accepted: bool
    probability: float
    threshold: float
    pose: Pose | None
    claims: tuple[MatchClaim, ...] = ()
    prior_log_odds: float = 0.0
    reasons: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    laid_wrong: float = 0.0

    @property
    def same_place(self) -> float:
        """Probability that the reference shows the query's ground, rightly laid or not."""
        return self.probability + (1.0 - self.probability) * self.laid_wrong

    @property
    def standing(self) -> tuple[bool, float]:
        """What matches of one query are ordered by: those that were laid first, the more probable before others."""
        return self.registration.transform is not None, self.probability
