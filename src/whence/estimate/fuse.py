"""Fusing: the sum of the prior and of what the sources say, normalised."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from whence.earth.field import Field
from whence.evidence.types import Evidence


def add_up(prior: Field, evidence: Sequence[Evidence]) -> Field:
    """Sum of the prior and of each source's log-likelihood over its temperature, not normalised.

    Args:
        prior: normalised prior.
        evidence: what the sources returned; those that said nothing change nothing.
    """
    said = [field for item in evidence if (field := item.log_likelihood()) is not None]
    return Field.sum([prior, *said])


def fuse(prior: Field, evidence: Sequence[Evidence]) -> Field:
    """The normalised posterior: `add_up`, scaled to a mass of 1.

    Raises:
        ConstraintError: hard constraints rule out every place.
    """
    return add_up(prior, evidence).normalise()


def allowance(whole: Field, wrong_share: float, prior: Field) -> Field | None:
    """What is added to a source's log-likelihood where it may be wrong.

    With the log-likelihood ``w`` and its mean over the prior ``m = log E[exp w]``, the source is right with probability
    1 − ε and else says nothing: ``log((1 − ε) exp(w − m) + ε)``. The allowance is that less ``w − m``.

    Args:
        whole: the log-likelihood after the temperature, nowhere ``-inf``.
        wrong_share: ε, in [0, 1).
        prior: normalised.

    Returns:
        The difference, or ``None`` where nothing is to be allowed for, or the prior holds no place that it leaves.
    """
    mean = prior.expected(whole)
    if wrong_share == 0.0 or not math.isfinite(mean):
        return None
    told = whole.values - mean
    return Field(whole.partition, np.logaddexp(math.log1p(-wrong_share) + told, math.log(wrong_share)) - told)
