"""When no answer is given: a rule on how the belief looks, with what it cost where it was fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from whence.core.errors import ArtifactError
from whence.earth.field import Field
from whence.estimate.wording import distance, percent

FEATURES = ("log2_p50_km", "log2_p90_km", "gain_bits", "country")
"""What a rule may look at: log₂ of the radii that hold 50 % and 90 % of the belief, bits by which it is sharper than
the prior, and the probability of the likeliest country."""

BY = ("p50_km", "gain_bits", "learned")
"""Rules: the radius that holds half of the belief, the bits gained over the prior, or a fitted mixture of all."""


def features(belief: Field, prior: Field, error_km: Mapping[str, float], country: float) -> dict[str, float]:
    """How a belief looks.

    Args:
        belief: normalised.
        prior: normalised.
        error_km: radii around the answer, ``p50`` and ``p90``.
        country: probability of the likeliest country.
    """
    return {
        "log2_p50_km": math.log2(max(error_km["p50"], 1e-4)),
        "log2_p90_km": math.log2(max(error_km["p90"], 1e-4)),
        "gain_bits": max(belief.information_gain_bits(prior), 0.0),
        "country": country,
    }


@dataclass(frozen=True, slots=True)
class Abstention:
    """A rule: an answer is given where the score of its belief reaches a threshold.

    Attributes:
        by: what the score is, one of `BY`.
        threshold: least score of an answer that is given: −p50 in km, bits, or a probability.
        weights: of a learned score: its log-odds by feature, and under an empty name the constant.
        target_km: an answer is wrong if it errs by more.
        target_risk: share of given answers that may be wrong.
        confidence: with which the risk is below the target, if new pictures are as those it was fitted on.
        coverage: share of pictures that got an answer there.
        coverage_low: lower end of its 95 % interval.
        coverage_high: upper end.
        risk: share of those answers that were wrong.
        risk_low: lower end of its 95 % interval.
        risk_high: upper end.
        pictures: how many it was fitted on.
    """

    by: str
    threshold: float
    weights: Mapping[str, float]
    target_km: float
    target_risk: float
    confidence: float
    coverage: float
    coverage_low: float
    coverage_high: float
    risk: float
    risk_low: float
    risk_high: float
    pictures: int

    def __post_init__(self) -> None:
        if self.by not in BY or not math.isfinite(self.threshold):
            raise ArtifactError(f"A rule for abstaining is by {', '.join(BY)} with a threshold, received {self.by!r}.")
        if unknown := sorted(set(self.weights) - {"", *FEATURES}):
            raise ArtifactError(f"A rule for abstaining weighs {', '.join(FEATURES)}, received {', '.join(unknown)}.")

    def score(self, seen: Mapping[str, float]) -> float:
        """The score of a belief, from its `features`."""
        if self.by == "p50_km":
            return -(2.0 ** seen["log2_p50_km"])
        if self.by == "gain_bits":
            return seen["gain_bits"]
        odds = self.weights.get("", 0.0) + sum(w * seen[name] for name, w in self.weights.items() if name)
        return 1.0 / (1.0 + math.exp(-max(min(odds, 500.0), -500.0)))

    def reason(self, seen: Mapping[str, float]) -> str | None:
        """Why no answer is given, or ``None`` where one is."""
        score = self.score(seen)
        if score >= self.threshold:
            return None
        said = {
            "p50_km": f"half of the belief lies within {distance(-score)}, more than {distance(-self.threshold)}",
            "gain_bits": f"the evidence sharpens the prior by {score:.1f} bits, less than {self.threshold:.1f}",
            "learned": f"its error is below {distance(self.target_km)} with a probability of {percent(score)}, less "
            f"than {percent(self.threshold)}",
        }[self.by]
        return (
            f"{said}. Of the {self.pictures:,} pictures that this was fitted on, {percent(self.coverage)} got an "
            f"answer by this rule, of which {percent(self.risk)} were wrong by more than {distance(self.target_km)}"
        )
