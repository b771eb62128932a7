"""Temperatures and wrong shares of evidence sources, fitted to pictures with a known place.

What is raised is the mean log-density of the belief at the truth, averaged over the disc in which the camera stood,
relative to the prior's. For one source at one temperature it depends on the wrong share ε through
``log((1 − ε) a + ε b) − log((1 − ε) A + ε B)`` for each picture, with sums over the cells that need computing once; so
the share is found at each temperature, and the temperature by a search; the sources in turn, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from whence.earth.field import LN2
from whence.evaluate.calibration_rows import Rows, Side, log_sum

_SHARES = 1.0 / (1.0 + np.exp(-np.linspace(-21.0, 5.0, 131)))
_TEMPERATURES = np.geomspace(1.0 / 16.0, 256.0, 19)
_LOG_SPREAD = float(np.log(4.0))
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)
_SWEEPS = 6
_SETTLED_NATS = 3e-4
_NEAR = 0.25


@dataclass(frozen=True, slots=True)
class Trust:
    """Temperature and wrong share of one source; without a temperature, that with which it was fused."""

    temperature: float | None = None
    wrong_share: float = 0.0


Trusts = Mapping[str, Trust]
"""By source; those that are not named are taken as they were fused."""


@dataclass(frozen=True, eq=False)
class _Added:
    """What a source adds to the log-density, on both sides."""

    cells: Float[np.ndarray, " r"]
    truth: Float[np.ndarray, " t"]


def gains_bits(rows: Rows, trusts: Trusts) -> Float[np.ndarray, " n"]:
    """Bits by which each belief is denser than the prior at the truth, averaged over its disc."""
    added = [_added(rows, name, trusts.get(name, Trust())) for name in rows.spoke]
    at_truth = log_sum(sum((part.truth for part in added), rows.truth.log_weight), rows.truth.starts)
    whole = log_sum(sum((part.cells for part in added), rows.cells.log_weight), rows.cells.starts)
    return (at_truth - whole) / LN2


def shares_before(rows: Rows, trusts: Trusts) -> Float[np.ndarray, " n"]:
    """Share of each belief that is denser than at the stated place (`whence.estimate.conformal`), binned cells taken.

    Cells with the density of the place are not counted, whichever comes first.
    """
    added = [_added(rows, name, trusts.get(name, Trust())) for name in rows.spoke]
    told = sum((part.cells for part in added), np.zeros_like(rows.cells.log_weight))
    spot = (rows.truth.log_density + sum((part.truth for part in added), np.zeros(1)))[rows.truth.starts]
    log_mass = rows.cells.log_weight + told
    mass = np.exp(log_mass - np.repeat(log_sum(log_mass, rows.cells.starts), rows.cells.counts))
    denser = rows.cells.log_density + told > np.repeat(spot, rows.cells.counts) + 1e-9
    before = np.add.reduceat(np.where(denser, mass, 0.0), rows.cells.starts)
    return np.where(np.isneginf(spot), 1.0, np.minimum(before, 1.0))


def fit_trusts(rows: Rows, sources: Sequence[str], start: Trusts | None = None) -> dict[str, Trust]:
    """Fit the sources, the others staying as they were fused.

    Two weak priors keep few pictures from saying too much: log T is normal around the temperature in force, with a
    deviation of log 4; and ε is as if the source had been wrong once more, and right once more.

    Args:
        rows: the pictures.
        sources: those to fit; each spoke of at least one picture.
        start: what is known to be about right, such as the fit to more pictures; all temperatures are tried without.
    """
    known = dict(start or {})
    trusts = {name: known.get(name) or Trust(_in_force(rows, name), 0.02) for name in sources}
    best = -np.inf
    for sweep in range(_SWEEPS):
        for name in sources:
            near = trusts[name] if sweep or name in known else None
            trusts[name] = _fit_one(rows, name, trusts, near)
        reached = float(gains_bits(rows, trusts).mean()) * LN2
        if len(sources) == 1 or reached - best < _SETTLED_NATS:
            break
        best = reached
    return trusts


def _in_force(rows: Rows, name: str) -> float:
    """The temperature with which a source was fused."""
    return float(np.median(rows.temperature[name][rows.spoke[name]]))


def _added(rows: Rows, name: str, trust: Trust) -> _Added:
    temperature = rows.temperature[name] if trust.temperature is None else np.full(len(rows), trust.temperature)
    told = {kind: side.said[name] / np.repeat(temperature, side.counts) for kind, side in _sides(rows)}
    mean = log_sum(rows.cells.log_weight + told["cells"], rows.cells.starts)
    mean = np.where(rows.spoke[name], mean, 0.0)
    out = {}
    for kind, side in _sides(rows):
        relative = told[kind] - np.repeat(mean, side.counts)
        if trust.wrong_share > 0.0:
            relative = np.logaddexp(np.log1p(-trust.wrong_share) + relative, np.log(trust.wrong_share))
        out[kind] = relative
    return _Added(out["cells"], out["truth"])


def _sides(rows: Rows) -> tuple[tuple[str, Side], tuple[str, Side]]:
    return ("cells", rows.cells), ("truth", rows.truth)


def _fit_one(rows: Rows, name: str, trusts: Trusts, near: Trust | None) -> Trust:
    """The best temperature and share of one source, the others as they are; near a temperature if one is given."""
    mine = rows.take(np.flatnonzero(rows.spoke[name]))
    others = [_added(mine, other, trusts.get(other, Trust())) for other in mine.spoke if other != name]
    profile = _Profile(
        mine,
        name,
        sum((part.cells for part in others), mine.cells.log_weight),
        sum((part.truth for part in others), mine.truth.log_weight),
    )
    if near is None or near.temperature is None:
        grid = np.log(_in_force(mine, name) * _TEMPERATURES)
        top = int(np.argmax([profile(at)[0] for at in grid]))
        low, high = float(grid[max(top - 1, 0)]), float(grid[min(top + 1, grid.size - 1)])
    else:
        low, high = float(np.log(near.temperature)) - _NEAR, float(np.log(near.temperature)) + _NEAR
    at = _golden(lambda x: profile(x)[0], low, high)
    return Trust(float(np.exp(at)), profile(at)[1])


@final
class _Profile:
    """The objective as a function of the logarithm of the temperature, at the best share for each."""

    def __init__(self, rows: Rows, name: str, cells: Float[np.ndarray, " r"], truth: Float[np.ndarray, " t"]) -> None:
        self._rows, self._name = rows, name
        self._cells, self._truth = cells, truth
        self._wrong_cells = log_sum(cells, rows.cells.starts)
        self._wrong_truth = log_sum(truth, rows.truth.starts)
        self._centre = float(np.log(_in_force(rows, name)))

    def __call__(self, log_temperature: float) -> tuple[float, float]:
        """The objective, nats over all pictures, and the share at which it is reached."""
        right = _added(self._rows, self._name, Trust(float(np.exp(log_temperature))))
        at_cells = log_sum(self._cells + right.cells, self._rows.cells.starts)
        at_truth = log_sum(self._truth + right.truth, self._rows.truth.starts)

        def reached(shares: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
            yes, no = np.log1p(-shares)[:, None], np.log(shares)[:, None]
            gain = np.logaddexp(yes + at_truth, no + self._wrong_truth)
            gain = (gain - np.logaddexp(yes + at_cells, no + self._wrong_cells)).sum(axis=1)
            return np.asarray(gain + np.log1p(-shares) + np.log(shares))

        values = reached(_SHARES)
        top = int(np.argmax(values))
        fine = np.linspace(_SHARES[max(top - 1, 0)], _SHARES[min(top + 1, _SHARES.size - 1)], 33)
        values = reached(fine)
        best = int(np.argmax(values))
        distrust = 0.5 * ((log_temperature - self._centre) / _LOG_SPREAD) ** 2
        return float(values[best]) - distrust, float(fine[best])


def _golden(function: Callable[[float], float], low: float, high: float, steps: int = 9) -> float:
    """Where a function with one peak is highest (golden-section search)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(steps):
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return 0.5 * (low + high)
