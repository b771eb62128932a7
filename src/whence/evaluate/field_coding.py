"""Fields made small enough to keep one a picture: cells that say nearly the same, or that hardly matter, are merged.

What is kept of a belief is its ratio to the prior, which the file holds once: the prior's own detail then costs
nothing. Four sibling cells become one, level by level, when their values differ by less than `SAME_NATS`, or when they
hold so little mass that what is lost does not count. The mass that counts is the mean of the belief's and the prior's,
so that places which the belief thinks unlikely keep their values too. Where the picture was truly taken is not known
here and cannot shape what is kept.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition

SAME_NATS = 0.012
"""Cells whose values differ by less are merged whatever they hold: at most 0.009 bits are lost there."""

LOSS_NATS = 5e-6
"""Cells are merged too where mass times the difference of their values is less …"""

WIDEST_NATS = 0.5
"""… and the difference itself is at most this: the most that a value can be off anywhere is 0.37 bits."""

STEP_NATS = 2.0**-7
"""Values are rounded to multiples of this, which leaves short numbers that compress well: 0.006 bits at most."""


def ratio(belief: Field, prior: Field) -> Field:
    """Log of belief over prior on their common refinement; 0 where both are impossible."""
    partition = belief.partition.union(prior.partition)
    above, below = belief.on(partition).values, prior.on(partition).values
    with np.errstate(invalid="ignore"):
        return Field(partition, np.where(np.isneginf(above) & np.isneginf(below), 0.0, above - below))


def restored(over_prior: Field, prior: Field) -> Field:
    """The normalised belief again, from its ratio to the prior."""
    return prior.add(over_prior).normalise()


def simplified(field: Field, prior: Field, belief: Field | None = None, *, temperature: float = 1.0) -> Field:
    """A log-likelihood with as few cells as its use allows, up to a constant.

    Args:
        field: log-likelihood, or log ratio of a belief to the prior; ``-inf`` is kept exactly where it stands.
        prior: normalised prior, which weighs the cells together with prior times likelihood.
        belief: normalised posterior in which the likelihood was fused with others; weighs the cells too.
        temperature: what the likelihood is divided by; below 1 it is kept the more exactly.

    Returns:
        A field whose highest value is 0, rounded to `STEP_NATS`.
    """
    fine = 2.0 ** min(0.0, math.floor(math.log2(temperature)))
    shifted = _highest_at_nought(field)
    merged = _merged(shifted, _weights(shifted, prior, belief, temperature), fine)
    step = STEP_NATS * fine
    return Field(merged.partition, np.round(merged.values / step) * step)


def _highest_at_nought(field: Field) -> Field:
    peak = float(field.values.max())
    return Field(field.partition, field.values - peak if np.isfinite(peak) else field.values)


def _weights(field: Field, prior: Field, belief: Field | None, temperature: float) -> Float[np.ndarray, " n"]:
    """Mass that counts in each cell: the mean of the prior's, of prior times likelihood, and of the belief's."""
    beliefs = [prior, prior.add(field.scale(1.0 / temperature)).normalise(), *([belief] if belief else [])]
    total = np.zeros(len(field.partition))
    for item in beliefs:
        both = item.partition.union(field.partition)
        mass = item.on(both).mass
        total += mass if both is field.partition else np.bincount(both.index_in(field.partition), mass, total.size)
    return total / len(beliefs)


def _merged(field: Field, weights: Float[np.ndarray, " n"], fine: float) -> Field:
    """Merge siblings from the finest order up, as long as that loses little."""
    starts, orders = field.partition.starts, field.partition.orders.astype(np.int64)
    low, high = field.values, field.values
    order = int(orders.max())
    while order > 0:
        first = _complete(starts, orders, order)
        first = first[_mergeable(low, high, weights, first, fine)]
        if first.size:
            rows = first[:, None] + np.arange(4)
            kept = np.ones(starts.size, bool)
            kept[rows[:, 1:]] = False
            low, high, weights, orders = low.copy(), high.copy(), weights.copy(), orders.copy()
            low[first], high[first] = low[rows].min(axis=1), high[rows].max(axis=1)
            weights[first], orders[first] = weights[rows].sum(axis=1), order - 1
            starts, orders, low, high, weights = (part[kept] for part in (starts, orders, low, high, weights))
        order -= 1
    if starts.size == len(field.partition):
        return field
    middle = np.where(np.isneginf(high), -np.inf, 0.5 * (np.where(np.isneginf(low), high, low) + high))
    return Field(Partition(starts, orders.astype(np.uint8)), middle)


def _complete(starts: Int[np.ndarray, " n"], orders: Int[np.ndarray, " n"], order: int) -> Int[np.ndarray, " m"]:
    """First of every four siblings of an order that are all there."""
    size = np.int64(1) << (2 * (grid.MAX_ORDER - order))
    eldest = (orders == order) & (starts % (4 * size) == 0)
    eldest[max(0, eldest.size - 3) :] = False
    first = np.flatnonzero(eldest)
    return first[(orders[first + 1] == order) & (orders[first + 2] == order) & (orders[first + 3] == order)]


def _mergeable(
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    first: Int[np.ndarray, " m"],
    fine: float,
) -> Bool[np.ndarray, " m"]:
    rows = first[:, None] + np.arange(4)
    lowest, highest = low[rows].min(axis=1), high[rows].max(axis=1)
    ruled_out = np.isneginf(lowest)
    with np.errstate(invalid="ignore"):
        apart = np.where(np.isneginf(highest), 0.0, np.where(ruled_out, np.inf, highest - lowest)) / fine
        negligible = (apart <= WIDEST_NATS) & (weights[rows].sum(axis=1) * apart <= LOSS_NATS)
    return (apart <= SAME_NATS) | negligible
