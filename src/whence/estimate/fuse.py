"""Fusing: the sum of the prior and of what the sources say, normalised."""

from __future__ import annotations

from collections.abc import Sequence

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
