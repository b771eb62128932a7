"""Fusing: the sum of the prior and of what the sources say, normalised."""

from __future__ import annotations

from collections.abc import Sequence

from whence.earth.field import Field
from whence.evidence.types import Evidence


def fuse(prior: Field, evidence: Sequence[Evidence]) -> Field:
    """Return the normalised posterior: prior plus each source's log-likelihood over its temperature.

    Args:
        prior: normalised prior.
        evidence: what the sources returned; those that said nothing change nothing.

    Raises:
        ConstraintError: hard constraints rule out every place.
    """
    said = [field for item in evidence if (field := item.log_likelihood()) is not None]
    return Field.sum([prior, *said]).normalise()
