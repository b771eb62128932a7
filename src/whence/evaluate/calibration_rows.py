"""Pictures as rows of weights and log-likelihoods, from which calibrations are fitted many times over.

Cells in which the prior's density and all sources say the same to within a bin are one row; its values are the means
of theirs, so that what is lost is of second order in the width of the bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.earth import grid
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.evaluate.records import Record, Truth

BIN_NATS = 0.02
"""Width of the bins at the likeliest cells; they widen with the depth below those, by twice at 4 nats. Widened by
half for a picture until it has at most `MOST_ROWS`."""

MOST_ROWS = 4096

_ACROSS_DISC = 8.0
_DEPTH_NATS = 4.0
_TABLED = 10_000_000


def log_sum(values: Float[np.ndarray, " r"], starts: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Logarithm of the sum of ``exp(values)`` over each run of rows that begins at ``starts``; none is empty."""
    peak = np.maximum.reduceat(values, starts)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    counts = np.diff(starts, append=values.size)
    with np.errstate(divide="ignore"):
        return np.log(np.add.reduceat(np.exp(values - np.repeat(peak, counts)), starts)) + peak


@dataclass(frozen=True, eq=False)
class Side:
    """Rows of many pictures, one picture after the other.

    Attributes:
        starts: first row of each picture.
        log_weight: logarithm of the prior's mass in each row, 1 in all for each picture.
        log_density: logarithm of the prior's density there.
        said: raw log-likelihoods by source; 0 where it said nothing.
    """

    starts: Int[np.ndarray, " n"]
    log_weight: Float[np.ndarray, " r"]
    log_density: Float[np.ndarray, " r"]
    said: Mapping[str, Float[np.ndarray, " r"]]

    @property
    def counts(self) -> Int[np.ndarray, " n"]:
        """Rows of each picture."""
        return np.diff(self.starts, append=self.log_weight.size)

    def take(self, pictures: Int[np.ndarray, " m"]) -> Side:
        """The rows of some pictures, at least one."""
        counts = self.counts[pictures]
        starts = np.cumsum(counts) - counts
        rows = np.repeat(self.starts[pictures] - starts, counts) + np.arange(counts.sum())
        said = {name: values[rows] for name, values in self.said.items()}
        return Side(starts, self.log_weight[rows], self.log_density[rows], said)


@dataclass(frozen=True, eq=False)
class Rows:
    """Pictures laid out for fitting.

    Attributes:
        cells: the whole Earth of each picture.
        truth: where it was taken: first the stated place, with no weight if its accuracy is known; then the disc.
        spoke: by source, whether it said anything of each picture.
        temperature: by source, what its log-likelihood was divided by.
        groups: photographer or album of each picture.
    """

    cells: Side
    truth: Side
    spoke: Mapping[str, Bool[np.ndarray, " n"]]
    temperature: Mapping[str, Float[np.ndarray, " n"]]
    groups: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.groups)

    def take(self, pictures: Int[np.ndarray, " m"]) -> Rows:
        """Some of the pictures, at least one."""
        return Rows(
            self.cells.take(pictures),
            self.truth.take(pictures),
            {name: mask[pictures] for name, mask in self.spoke.items()},
            {name: values[pictures] for name, values in self.temperature.items()},
            tuple(self.groups[i] for i in pictures.tolist()),
        )


def lay_out(prior: Field, records: Iterable[Record], sources: Sequence[str]) -> Rows:
    """Lay out records; each is read once.

    Args:
        prior: normalised prior of the run.
        records: at least one, all with an answer.
        sources: names of those that are kept.
    """
    cells, truth, spoke, temperature, groups = [], [], [], [], []
    for record in records:
        said = {item.source: item for item in record.sources if item.likelihood is not None}
        fields = [item.likelihood for name in sources if (item := said.get(name)) and item.likelihood is not None]
        partition = Partition.union_of([prior.partition, *(field.partition for field in fields)])
        lifted = [prior.on(partition).values]
        silent = np.zeros(len(partition))
        for name in sources:
            likelihood = said[name].likelihood if name in said else None
            lifted.append(silent if likelihood is None else likelihood.on(partition).values)
        table = np.stack(lifted)
        cells.append(_binned(table, table[0] + np.log(partition.fractions)))
        truth.append(_at_truth(table, partition, record.truth))
        spoke.append([name in said for name in sources])
        temperature.append([said[name].temperature if name in said else 1.0 for name in sources])
        groups.append(record.truth.group)
    return Rows(
        _side(cells, sources),
        _side(truth, sources),
        {name: np.asarray([row[i] for row in spoke]) for i, name in enumerate(sources)},
        {name: np.asarray([row[i] for row in temperature]) for i, name in enumerate(sources)},
        tuple(groups),
    )


def _binned(table: Float[np.ndarray, "k n"], log_mass: Float[np.ndarray, " n"]) -> Float[np.ndarray, "k_plus_1 r"]:
    """Rows of alike cells: the logarithm of their mass, then the means of the columns."""
    held = np.isfinite(log_mass)
    table, mass = table[:, held], np.exp(log_mass[held])
    width = BIN_NATS
    while (code := _codes(table, width)) is None:
        width *= 1.5
    total = np.bincount(code, mass)
    columns = [np.log(total / total.sum())]
    for values in table:
        finite = np.isfinite(values)
        mean = np.bincount(code, mass * np.where(finite, values, 0.0)) / total
        mean[code[~finite]] = -np.inf
        columns.append(mean)
    return np.stack(columns)


def _codes(table: Float[np.ndarray, "k n"], width: float) -> Int[np.ndarray, " n"] | None:
    """Number of the row of each cell, or ``None`` if there are too many rows at this width."""
    code = np.zeros(table.shape[1], np.int64)
    for values in table:
        finite = np.isfinite(values)
        top = values[finite].max() if finite.any() else 0.0
        depth = _DEPTH_NATS * np.log1p((top - np.where(finite, values, top)) / _DEPTH_NATS)
        step = np.where(finite, np.floor(depth / width), -1.0).astype(np.int64) + 1
        code = code * (int(step.max()) + 1) + step
        if int(code.max()) > _TABLED:
            _, code = np.unique(code, return_inverse=True)
        else:  # without sorting
            there = np.zeros(int(code.max()) + 1, bool)
            there[code] = True
            code = (np.cumsum(there) - 1)[code]
        if int(code.max()) >= MOST_ROWS:
            return None
    return code


def _at_truth(table: Float[np.ndarray, "k n"], partition: Partition, truth: Truth) -> Float[np.ndarray, "k_plus_1 r"]:
    """The stated place, then places all over the disc in which the camera stood, weighted by the prior."""
    spot = table[:, [int(partition.index_at(truth.lat_deg, truth.lon_deg))]]
    if not truth.accuracy_km:
        return np.concatenate([np.zeros((1, 1)), spot])
    order = grid.order_for_size_km(2.0 * truth.accuracy_km / _ACROSS_DISC)
    disc = grid.disc(truth.lat_deg, truth.lon_deg, truth.accuracy_km, order)
    inside = table[:, partition.index_at(*grid.centres(disc, order))]
    weight = inside[0] if np.isfinite(inside[0]).any() else np.zeros(disc.size)
    weight = weight - log_sum(weight, np.zeros(1, np.int64))[0]
    return np.concatenate([np.append(-np.inf, weight)[None], np.concatenate([spot, inside], axis=1)])


def _side(rows: Sequence[np.ndarray], sources: Sequence[str]) -> Side:
    counts = np.asarray([part.shape[1] for part in rows])
    weight, density, *said = np.concatenate(rows, axis=1)
    return Side(np.cumsum(counts) - counts, weight, density, dict(zip(sources, said, strict=True)))
