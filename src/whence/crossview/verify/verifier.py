"""`Verifier`: turns a registration into a match with a calibrated probability, its reasons, and "no match"."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import final

from whence.core.errors import CoordinateError, OptionError
from whence.crossview.pose import pose_of
from whence.crossview.register.picture import Picture
from whence.crossview.types import Match, MatchClaim, Pose, Registration
from whence.crossview.verify.claims import (
    LOOK_ALIKES,
    Doubt,
    claims_of_geometry,
    claims_of_look_alikes,
    claims_of_pose,
    claims_of_sanity,
    no_transform,
)
from whence.crossview.verify.edges import edge_agreement
from whence.crossview.verify.measures import Measures, measure
from whence.crossview.verify.outcomes import Outcomes, shipped_outcomes
from whence.crossview.verify.priors import MatchPriors
from whence.crossview.verify.reasons import reasons_for
from whence.crossview.verify.table import VerifierTable, shipped_table
from whence.earth.tiles.types import Patch
from whence.samples.view import View

LOST = -750.0
"""Log-odds, in masking tests, of a match whose transform is not found any more."""


@dataclass(frozen=True)
class Config:
    """Settings of the verifier."""

    prior: float = 0.5
    "Share of true matches among the pairs that are asked about, 0..1."
    threshold: float = 0.0
    "Probability from which a match is accepted, 0..1; 0 takes that of the table, at which no false match was accepted."
    flipped_share: float = 0.1
    "How often a heading of telemetry is turned by 180 degrees."
    wrong_share: float = 0.05
    "How often telemetry or a prior position says nothing about the truth."
    lookalike_share: float = 1e-6
    "Share of other places that look just like the query: repeated roofs, a tile that is there twice, a copy elsewhere."


@final
class Verifier:
    """Weighs registrations.

    Args:
        config: settings.
        table: curves of log-odds; those that come with the package if not given.
        outcomes: log-odds of searches that find nothing or what is wrong; those of the package if not given.

    Raises:
        OptionError: a share outside of 0..1.
    """

    def __init__(
        self, config: Config | None = None, table: VerifierTable | None = None, outcomes: Outcomes | None = None
    ) -> None:
        self.config = config or Config()
        self.table = table or shipped_table()
        self.outcomes = outcomes or shipped_outcomes()
        if not 0.0 < self.config.prior < 1.0:
            raise OptionError(f"The verifier's prior lies between 0 and 1, received {self.config.prior}.")
        if not 0.0 <= self.config.threshold <= 1.0:
            raise OptionError(f"The verifier's threshold is a probability, 0..1, received {self.config.threshold}.")
        doubt = (self.config.flipped_share, self.config.wrong_share)
        if min(doubt) < 0.0 or self.config.wrong_share == 0.0 or sum(doubt) >= 1.0:
            raise OptionError(
                "The verifier's flipped_share and wrong_share add up to less than 1, wrong_share above 0; "
                f"received {doubt}."
            )

        if not 0.0 < self.config.lookalike_share <= 0.1:
            raise OptionError(
                "The verifier's lookalike_share lies above 0, at most 0.1, as nothing proves that no other place looks "
                f"alike; received {self.config.lookalike_share}."
            )

    @property
    def threshold(self) -> float:
        """Probability from which a match is accepted."""
        return self.config.threshold or self.table.threshold

    def measures(self, query: View, reference: Patch, registration: Registration) -> Measures | None:
        """What the curves read; ``None`` without a transform."""
        if registration.transform is None:
            return None
        h, w = query.pixels.shape[:2]
        known = Picture.of(query.pixels, None).valid
        edges = edge_agreement(query.pixels, reference.pixels, reference.valid, registration.transform, known)
        return measure(registration, (w, h), (reference.pixels.shape[1], reference.pixels.shape[0]), edges)

    def verify(
        self, query: View, reference: Patch, registration: Registration, *, priors: MatchPriors | None = None
    ) -> Match:
        """Weigh a registration.

        Args:
            query: the view, with the pixels that the registration refers to.
            reference: the patch, with the pixels that the registration refers to.
            registration: the geometry.
            priors: what is known of the query besides its pixels.

        Returns:
            The match, accepted or not: its claims' log-odds and the prior's add up to those of the probability.
        """
        start = time.perf_counter()
        before = math.log(self.config.prior / (1.0 - self.config.prior))
        failed = self.outcomes.of(registration.matcher)
        measures = self.measures(query, reference, registration)
        pose = _pose(query, reference, registration)
        if measures is None:
            claims = [no_transform(registration, failed.nothing)]
        else:
            claims = self._claims(query, reference, registration, measures, pose, priors or MatchPriors())
        probability = logistic(math.fsum([before, *(claim.log_odds for claim in claims)]))
        accepted = measures is not None and pose is not None and probability >= self.threshold
        return Match(
            query,
            reference,
            registration,
            accepted,
            probability,
            self.threshold,
            pose,
            tuple(claims),
            before,
            reasons_for(accepted, probability, self.threshold, claims),
            {"verify": (time.perf_counter() - start) * 1e3},
            0.0 if measures is None else logistic(before + failed.wrong),
        )

    def _claims(
        self,
        query: View,
        reference: Patch,
        registration: Registration,
        measures: Measures,
        pose: Pose | None,
        priors: MatchPriors,
    ) -> list[MatchClaim]:
        values = measures.values()
        curves = self.table.curves_for(registration)
        added = {curve.measure: curve(values[curve.measure]) for curve in curves if curve.measure in values}
        h, w = query.pixels.shape[:2]
        size = (reference.pixels.shape[1], reference.pixels.shape[0])
        doubt = Doubt(self.config.flipped_share, self.config.wrong_share)
        return [
            *claims_of_geometry(registration, measures, added, (w, h), size),
            *claims_of_look_alikes(math.fsum(added.values()), self.config.lookalike_share),
            *claims_of_sanity(measures),
            *claims_of_pose(measures, pose, reference.georeference, priors, doubt),
        ]


def _pose(query: View, reference: Patch, registration: Registration) -> Pose | None:
    if registration.transform is None:
        return None
    try:
        return pose_of(registration, (query.pixels.shape[1], query.pixels.shape[0]), reference.georeference)
    except CoordinateError:
        return None


def logistic(log_odds: float) -> float:
    """Probability of log-odds, without overflow."""
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    small = math.exp(log_odds)
    return small / (1.0 + small)


def unbounded_log_odds(match: Match) -> float:
    """Log-odds of a match before look-alikes bound them: what masking tests compare, as no pixel's share is hidden.

    A query that can no longer be laid has lost the match that was asked about: `LOST`.
    """
    if match.registration.transform is None:
        return LOST
    return match.prior_log_odds + math.fsum(claim.log_odds for claim in match.claims if claim.kind != LOOK_ALIKES)
