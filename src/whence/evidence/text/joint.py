"""All cues of one text together, with one share for "this text does not belong here".

The cues of a sign agree because it is one sign: phone, postcode and language of an imported carton are wrong
together. So the text's likelihood is ``log(W + (1 − W) · Π ratio_i)`` with one share ``W``. Claims must add up
to it, so each gets its conditional likelihood given the claims before it (the chain rule): the first cues get
almost all of their own, and what contradicts them counts for less. An increment always lies between zero and
the cue's own value, so no claim exceeds the bound of its cue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.evidence.text.likelihood import Signal, gain_bits


def strongest(signals: Sequence[Signal], count: int, min_gain_bits: float) -> tuple[Signal, ...]:
    """The most informative signals, most informative first; ties in the order given."""
    gains = [gain_bits(signal) for signal in signals]
    rank = sorted(range(len(signals)), key=lambda n: (-round(gains[n], 9), n))
    return tuple(signals[n] for n in rank if gains[n] >= min_gain_bits)[:count]


def conditional(signals: Sequence[Signal], alien_share: float) -> tuple[Field, ...]:
    """Likelihood of each signal given those before it, all on one partition.

    Args:
        signals: in the order in which they are told.
        alien_share: ``W`` above.
    """
    if not signals:
        return ()
    partition = Partition.union_of(signal.likelihood.partition for signal in signals)
    total = np.zeros(len(partition))
    before = np.zeros(len(partition))
    fields = []
    for signal in signals:
        total = total + signal.likelihood.on(partition).values
        now = np.logaddexp(np.log(alien_share), np.log1p(-alien_share) + total)
        fields.append(Field(partition, now - before))
        before = now
    return tuple(fields)
