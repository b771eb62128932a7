"""`Field`: a log-density over the Earth. Beliefs and likelihoods are fields; fusing is adding.

Values are natural logarithms of a density relative to the uniform one, so that "anywhere, equally" is zero
everywhere and a cell's mass is ``exp(value) · share of the Earth``. A likelihood is a field up to a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import ConstraintError
from whence.earth import grid
from whence.earth.coordinates import Point
from whence.earth.partition import Partition
from whence.earth.quantiles import crossing, up_to

WORKING_ORDER = 7
"""Order of the grid where nothing asks for a finer one: 196,608 cells of about 2,600 km²."""

LN2 = float(np.log(2.0))

# Long sums are written with einsum, not @: waking the threads of a BLAS library takes longer than the sum.


@dataclass(frozen=True, eq=False)
class CellRegion:
    """A set of cells of a partition, with the probability that a belief gives it.

    Attributes:
        partition: the tiling.
        index: which of its cells, ascending.
        mass: probability inside.
        area_km2: total area.
    """

    partition: Partition
    index: Int[np.ndarray, " m"]
    mass: float
    area_km2: float

    def contains(self, lat_deg: Numbers, lon_deg: Numbers) -> Bool[np.ndarray, ...]:
        """Tell for each point whether it lies in the region."""
        member = np.zeros(len(self.partition), dtype=bool)
        member[self.index] = True
        return np.asarray(member[self.partition.index_at(lat_deg, lon_deg)])


@dataclass(frozen=True, eq=False)
class Field:
    """Piecewise-constant log-density on a multi-order grid.

    Attributes:
        partition: the cells.
        values: one value a cell, nats; ``-inf`` where it cannot be.
    """

    partition: Partition
    values: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.partition),):
            raise ValueError(f"Expected {len(self.partition)} values, received shape {self.values.shape}.")

    # --- construction --------------------------------------------------------------------------------------

    @staticmethod
    def uniform(order: int = WORKING_ORDER) -> Field:
        """The uniform density."""
        partition = Partition.uniform(order)
        return Field(partition, np.zeros(len(partition)))

    @staticmethod
    def from_points(
        lat_deg: Numbers,
        lon_deg: Numbers,
        weights: Numbers | None = None,
        *,
        sigma_km: Numbers,
        floor: float = 0.0,
        base_order: int = WORKING_ORDER,
    ) -> Field:
        """Mixture of von Mises–Fisher kernels, and of a uniform share; refined around each point.

        Args:
            lat_deg: latitudes of the points.
            lon_deg: longitudes.
            weights: share of each point; scaled to sum to 1. Equal if not given.
            sigma_km: spread of each kernel, km: 39 % of its mass lie within it, 86 % within twice that.
            floor: mass of the uniform part, 0..1. With 0 the density far from all points is ``-inf``.
            base_order: order of the cells away from the points.
        """
        from whence.earth.kernels import evaluate_kernels

        partition, density = evaluate_kernels(lat_deg, lon_deg, weights, sigma_km, base_order)
        with np.errstate(divide="ignore"):
            return Field(partition, np.log(floor + (1.0 - floor) * density))

    # --- arithmetic ----------------------------------------------------------------------------------------

    @staticmethod
    def sum(fields: Sequence[Field]) -> Field:
        """Sum of fields on their common refinement."""
        if not fields:
            return Field.uniform()
        if len(fields) == 1:
            return fields[0]
        partition = Partition.union_of(f.partition for f in fields)
        groups: dict[int, list[Field]] = {}
        for f in fields:
            groups.setdefault(id(f.partition), []).append(f)
        total = np.zeros(len(partition))
        for group in groups.values():
            own = group[0].partition
            part = total if own is partition else np.zeros(len(own))
            for f in group:
                part += f.values
            if part is not total:
                total += part[partition.index_in(own)]
        return Field(partition, total)

    def add(self, other: Field) -> Field:
        """Sum with one other field."""
        return Field.sum((self, other))

    def scale(self, factor: float) -> Field:
        """Values times a factor ≥ 0; ``-inf`` stays ``-inf`` even times 0 (ruled out remains ruled out)."""
        if factor == 1.0:
            return self
        if factor == 0.0:
            return Field(self.partition, np.where(np.isneginf(self.values), -np.inf, 0.0))
        return Field(self.partition, self.values * factor)

    def on(self, partition: Partition) -> Field:
        """The same density on a partition that is nowhere coarser."""
        if partition is self.partition:
            return self
        return Field(partition, self.values[partition.index_in(self.partition)])

    def log_total(self) -> float:
        """Logarithm of the total mass; 0 for a normalised field."""
        peak = float(self.values.max())
        if not np.isfinite(peak):
            return peak
        return peak + float(np.log(np.einsum("i,i", np.exp(self.values - peak), self.partition.fractions)))

    def normalise(self) -> Field:
        """The field shifted so that its mass is 1.

        Raises:
            ConstraintError: nothing is possible anywhere, or a value is not a number.
        """
        total = self.log_total()
        if np.isneginf(total):
            raise ConstraintError(
                "What was given rules out every place on Earth. Loosen or remove one of the hard constraints."
            )
        if not np.isfinite(total):
            raise ConstraintError("A log-likelihood holds values that are no numbers: its source is broken.")
        return Field(self.partition, self.values - total)

    def expected(self, other: Field) -> float:
        """Logarithm of the mean of ``exp(other)`` under this density (normalised): log E[exp(other)]."""
        return self.add(other).log_total()

    # --- reading -------------------------------------------------------------------------------------------

    @cached_property
    def mass(self) -> Float[np.ndarray, " n"]:
        """Probability in each cell of a normalised field."""
        return np.exp(self.values) * self.partition.fractions

    def at(self, lat_deg: Numbers, lon_deg: Numbers) -> FloatArray:
        """Values at points."""
        return np.asarray(self.values[self.partition.index_at(lat_deg, lon_deg)])

    def mode(self) -> Point:
        """Centre of the cell of highest density; of several equal ones, the first in nested order."""
        best = int(np.argmax(self.values))
        return Point(float(self.partition.lat_deg[best]), float(self.partition.lon_deg[best]))

    def credible_region(self, level: float) -> CellRegion:
        """Smallest region that holds at least ``level`` of the probability (highest density first).

        Args:
            level: in (0, 1].
        """
        if not 0.0 < level <= 1.0:
            raise ValueError(f"A credible level lies within (0, 1], received {level}.")
        key = -self.values
        edge = crossing(key, self.mass, level)
        index = np.flatnonzero(up_to(key, edge))
        return CellRegion(self.partition, index, edge.after, float(self.partition.areas_km2[index].sum()))

    def entropy_bits(self) -> float:
        """Differential entropy relative to 1 km²: ``2**entropy`` is the effective area in km²."""
        return float(np.log2(grid.EARTH_AREA_KM2)) - self._mean_of(self.values) / LN2

    def information_gain_bits(self, prior: Field) -> float:
        """Kullback–Leibler divergence from ``prior`` (both normalised), bits."""
        partition = self.partition.union(prior.partition)
        belief, before = self.on(partition), prior.on(partition)
        with np.errstate(invalid="ignore"):
            return belief._mean_of(belief.values - before.values) / LN2

    def _mean_of(self, quantity: Float[np.ndarray, " n"]) -> float:
        held = self.mass > 0.0
        return float(np.einsum("i,i", self.mass[held], quantity[held]))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Draw points: latitudes and longitudes of uniformly random places in cells drawn by mass."""
        cells = rng.choice(len(self.partition), size=count, p=self.mass / self.mass.sum())
        sizes = np.int64(1) << (2 * (grid.MAX_ORDER - self.partition.orders[cells].astype(np.int64)))
        return grid.centres(self.partition.starts[cells] + rng.integers(0, sizes), grid.MAX_ORDER)

    # --- resolution ----------------------------------------------------------------------------------------

    def resample(self, order: int) -> Field:
        """The density on all cells of one order: averaged where coarser than now, repeated where finer."""
        target = Partition.uniform(order)
        if (self.partition.orders <= order).all():
            return self.on(target)
        peak = float(self.values.max())
        density = np.exp(self.values - peak) if np.isfinite(peak) else np.zeros(len(self.partition))
        parent = self.partition.starts >> (2 * (grid.MAX_ORDER - order))
        fine = self.partition.orders >= order
        mean = np.bincount(parent[fine], (density * self.partition.fractions)[fine], minlength=len(target))
        mean *= grid.cell_count(order)
        coarse = np.flatnonzero(~fine)
        spans = np.int64(1) << (2 * (order - self.partition.orders[coarse].astype(np.int64)))
        first = np.repeat(parent[coarse], spans)
        offset = np.arange(first.size) - np.repeat(np.cumsum(spans) - spans, spans)
        mean[first + offset] = np.repeat(density[coarse], spans)
        with np.errstate(divide="ignore"):
            return Field(target, np.log(mean) + (peak if np.isfinite(peak) else 0.0))

    def refine(self, max_mass: float, max_order: int) -> Field:
        """Split cells that hold more than ``max_mass`` until none does or ``max_order`` is reached."""
        out = self
        while True:
            heavy = (out.mass > max_mass) & (out.partition.orders < max_order)
            if not heavy.any():
                return out
            out = out.on(out.partition.split(heavy))

    def smooth(self, sigma_km: float) -> Field:
        """Convolution of the density with a von Mises–Fisher kernel of ``sigma_km``.

        Works on cells of at most four fifths of ``sigma_km``, order 7 at the finest.

        Raises:
            ValueError: ``sigma_km`` is below 64.
        """
        from whence.earth.kernels import convolve

        return convolve(self, sigma_km)

    # --- files ---------------------------------------------------------------------------------------------

    def save(self, path: Path | str) -> None:
        """Write a compressed, versioned file (`whence.earth.fieldfile`)."""
        from whence.earth.fieldfile import save

        save(self, Path(path))

    @staticmethod
    def load(path: Path | str) -> Field:
        """Read a file written by `save`.

        Raises:
            ArtifactError: damaged, of another version or not such a file.
        """
        from whence.earth.fieldfile import load

        return load(Path(path))
