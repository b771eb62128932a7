"""Deletion and insertion curves: how the belief changes while parts of its account go, or come, one by one.

Two measures of change: the fall of the log₂ density at the answer (bits), and the total variation between the full
belief and what is left (0..1). The curve of an order starts at nothing taken and ends at everything taken, which is the
same for all orders; its area is the mean between.

Deletion in the ledger's order should change the belief sooner than a random order. Insertion in the ledger's order is
deletion in the reverse order read backwards: if the reverse order changes the belief late, the first parts suffice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float

from whence.earth.coordinates import Point
from whence.evaluate.faithfulness.units import Account, Level

_ALIKE = 1e-9


@dataclass(frozen=True, eq=False)
class Curve:
    """Change of the belief along one order, or the mean over several.

    Attributes:
        bits: fall of the log₂ density at the answer after 0, 1, …, n parts are gone.
        variation: total variation to the full belief, likewise.
    """

    bits: Float[np.ndarray, " steps"]
    variation: Float[np.ndarray, " steps"]

    @property
    def area_bits(self) -> float:
        """Mean fall between the ends, bits."""
        return float(self.bits[1:-1].mean())

    @property
    def area_variation(self) -> float:
        """Mean total variation between the ends."""
        return float(self.variation[1:-1].mean())

    @staticmethod
    def mean(curves: Sequence[Curve]) -> Curve:
        """Mean of curves of equal length."""
        return Curve(np.mean([c.bits for c in curves], axis=0), np.mean([c.variation for c in curves], axis=0))


@dataclass(frozen=True, eq=False)
class OrderCurves:
    """Curves of one account at one level.

    Attributes:
        level: what was taken away.
        units: names in the ledger's order.
        ledger: deletion in that order.
        reverse: deletion in the reverse order.
        random: mean over random orders, or over all if they are few.
        orders: how many those were.
        sooner: share of those orders whose area in bits is below the ledger's; equal ones count half.
    """

    level: Level
    units: tuple[str, ...]
    ledger: Curve
    reverse: Curve
    random: Curve
    orders: int
    sooner: float

    @property
    def deletion_bits(self) -> float:
        """Area between the deletion curves of the ledger and of random orders, bits; above 0 is better than random."""
        return self.ledger.area_bits - self.random.area_bits

    @property
    def deletion_variation(self) -> float:
        """The same in total variation."""
        return self.ledger.area_variation - self.random.area_variation

    @property
    def insertion_bits(self) -> float:
        """Area between the insertion curves of the ledger and of random orders, bits; above 0 is better."""
        return self.random.area_bits - self.reverse.area_bits

    @property
    def insertion_variation(self) -> float:
        """The same in total variation."""
        return self.random.area_variation - self.reverse.area_variation


Step = Callable[[Sequence[int]], tuple[float, float]]
"""Fall in bits and total variation when the units of some indices are gone."""


def unit_curves(
    account: Account, answer: Point, level: Level, generator: np.random.Generator, orders: int = 20
) -> OrderCurves | None:
    """Curves of the parts of an account, ordered by their bits in the ledger.

    Args:
        account: what is taken apart.
        answer: where the belief is read.
        level: into what.
        generator: draws the random orders.
        orders: how many; all are taken where there are no more than that.

    Returns:
        ``None`` with fewer than two units, or where all orders are alike.
    """
    units = account.units(level)
    if len(units) < 2:
        return None
    at = int(account.partition.index_at(answer.lat_deg, answer.lon_deg))
    full = account.mass()

    def step(gone: Sequence[int]) -> tuple[float, float]:
        left = account.mass(frozenset().union(*(units[i].members for i in gone)))
        with np.errstate(divide="ignore"):
            fall = float(np.log2(full[at]) - np.log2(left[at]))
        return fall, 0.5 * float(np.abs(full - left).sum())

    return order_curves(step, [unit.bits for unit in units], [unit.name for unit in units], level, generator, orders)


def order_curves(
    step: Step,
    contributions: Sequence[float],
    names: Sequence[str],
    level: Level,
    generator: np.random.Generator,
    orders: int,
) -> OrderCurves | None:
    """Curves of the order of some contributions against random orders.

    Args:
        step: what changes when some units are gone; called once for each set.
        contributions: by which units are ordered, the largest first.
        names: of the units.
        level: what they are called.
        generator: draws the random orders.
        orders: how many.

    Returns:
        ``None`` where all orders are alike.
    """
    count = len(names)
    known: dict[frozenset[int], tuple[float, float]] = {frozenset(): (0.0, 0.0)}

    def curve(order: Sequence[int]) -> Curve:
        rows = []
        for taken in range(count + 1):
            gone = frozenset(order[:taken])
            if gone not in known:
                known[gone] = step(sorted(gone))
            rows.append(known[gone])
        bits, variation = np.asarray(rows, np.float64).T
        return Curve(bits, variation)

    ranked = np.argsort(-np.asarray(contributions), kind="stable").tolist()
    ledger, reverse = curve(ranked), curve(ranked[::-1])
    drawn = [curve(order) for order in _orders(count, orders, generator)]
    areas = np.asarray([c.area_bits for c in drawn])
    everything = np.asarray([*areas, ledger.area_bits, reverse.area_bits])
    if not np.isfinite(everything).all() or float(np.ptp(everything)) < _ALIKE:
        return None
    apart = ledger.area_bits - areas
    sooner = float(np.mean(np.where(np.abs(apart) <= _ALIKE, 0.5, apart > 0.0)))
    return OrderCurves(level, tuple(names[i] for i in ranked), ledger, reverse, Curve.mean(drawn), len(drawn), sooner)


def _orders(count: int, wanted: int, generator: np.random.Generator) -> list[list[int]]:
    if count <= 6 and math.factorial(count) <= wanted:
        return [list(order) for order in permutations(range(count))]
    return [generator.permutation(count).tolist() for _ in range(wanted)]
