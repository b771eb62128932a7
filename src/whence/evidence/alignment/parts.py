"""The critic of an alignment model over the Earth, in columns that add up to it.

With a picture's embedding ``x = Σ a_k b_k + r`` (`whence.concepts.decompose`) and the embedding ``y`` of a place, the
log-likelihood is ``s ⟨x, y⟩ = Σ s a_k ⟨b_k, y⟩ + s ⟨r, y⟩``: one column a concept that is in the picture, and one for
the remainder. All are evaluated on one partition, which is fine where their sum has its mass.

Where the model knows nothing (the sea, for one that was trained on land) the likelihood of the picture is what it is on
average elsewhere: its pointwise mutual information with such a place is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.concepts.decompose import Decomposition
from whence.earth.field import Field
from whence.earth.partition import Partition
from whence.encode.encoded_places import EncodedPlaces

_SPLIT_MASS = 0.99
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Columns:
    """Vectors whose products with places add up to the log-likelihood.

    Attributes:
        vectors: ``s a_k b_k`` and ``s r``, view after view, one a row.
        view: which view each belongs to.
        concept: which concept each belongs to, −1 for a remainder.
    """

    vectors: Float[np.ndarray, "m d"]
    view: Int[np.ndarray, " m"]
    concept: Int[np.ndarray, " m"]

    @staticmethod
    def of(decompositions: Sequence[Decomposition], sharpness: float) -> Columns:
        """The columns of some views' decompositions.

        Args:
            decompositions: one a view, at least one.
            sharpness: what makes a product a log-likelihood, ``s``.
        """
        vectors, view, concept = [], [], []
        for number, found in enumerate(decompositions):
            rows = found.active
            vectors += [sharpness * found.strengths[rows, None] * found.basis[rows], sharpness * found.residual[None]]
            view += [number] * (rows.size + 1)
            concept += [*rows.tolist(), -1]
        return Columns(np.concatenate(vectors), np.asarray(view), np.asarray(concept))


@dataclass(frozen=True, eq=False)
class Parts:
    """Columns evaluated on a partition, nats; each is 0 on average over the area that the model knows.

    Attributes:
        partition: the cells.
        index: which of them the model knows.
        values: of the columns there; they add up to the log-likelihood.
        outside: of the columns in all other cells.
        informs: how much each column tells places apart: its standard deviation over places, half of them taken by
            area and half by the likelihood.
        coarse_order: order of the cells that the partition was made from.
        coarse_index: which of those the model knows.
        coarse: values there.
    """

    partition: Partition
    index: Int[np.ndarray, " n"]
    values: Float[np.ndarray, "n m"]
    outside: Float[np.ndarray, " m"]
    informs: Float[np.ndarray, " m"]
    coarse_order: int
    coarse_index: Int[np.ndarray, " c"]
    coarse: Float[np.ndarray, "c m"]

    def field(self, columns: Sequence[int]) -> Field:
        """Sum of some columns as a field."""
        rows = list(columns)
        out = np.full(len(self.partition), self.outside[rows].sum())
        out[self.index] = self.values[:, rows].sum(axis=1)
        return Field(self.partition, out)


def evaluate(columns: Columns, places: EncodedPlaces, *, coarse_order: int, finest_order: int, refine: int) -> Parts:
    """Evaluate columns on the grid, coarse to fine.

    Args:
        columns: what to evaluate.
        places: embeddings of places.
        coarse_order: order of the cells that are evaluated everywhere.
        finest_order: order of the finest cells.
        refine: how many cells are split at each order, those with the most mass first.
    """
    first = order = min(coarse_order, finest_order)
    partition, index = Partition.uniform(order), places.cells(order)
    values, known = _products(places.grid(order), columns.vectors)
    coarse, coarse_index = values, index = values[known], index[known]
    while order < finest_order and refine > 0 and index.size:
        split = index[_heavy(partition, index, values, order, refine)]
        partition, index, values = _split(partition, index, values, split, columns, places)
        order += 1
    mean, values, outside, informs = _centred(columns, partition.fractions[index], values)
    return Parts(partition, index, values, outside, informs, first, coarse_index, coarse - mean)


def _split(
    partition: Partition,
    index: Int[np.ndarray, " n"],
    values: Float[np.ndarray, "n m"],
    split: Int[np.ndarray, " s"],
    columns: Columns,
    places: EncodedPlaces,
) -> tuple[Partition, Int[np.ndarray, " p"], Float[np.ndarray, "p m"]]:
    """Replace cells by their children, of which those in the model's area are evaluated."""
    finer = partition.split(split)
    origin = finer.index_in(partition)
    is_new = finer.orders != partition.orders[origin]
    new = np.flatnonzero(is_new)
    if new.size:
        new = new[places.holds(finer.cells[new], int(finer.orders[new[0]]))]
    found, known = _products(places.at(*finer.centres_of(new)), columns.vectors)
    row_of = np.full(len(partition), -1)
    row_of[index] = np.arange(index.size)
    kept = np.flatnonzero(~is_new & (row_of[origin] >= 0))
    joined = np.concatenate([kept, new[known]])
    rank = np.argsort(joined, kind="stable")
    return finer, joined[rank], np.concatenate([values[row_of[origin[kept]]], found[known]])[rank]


def _centred(
    columns: Columns, areas: Float[np.ndarray, " n"], values: Float[np.ndarray, "n m"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Shift each column to mean 0; elsewhere the sum is the logarithm of the mean likelihood, given to the remainders.

    Returns:
        Means that were taken off, values, values outside of the area, and how much each column informs.
    """
    outside = np.zeros(len(columns.vectors))
    if not len(values):
        return outside, values, outside, outside
    by_area = areas / areas.sum()
    mean = by_area @ values
    values = values - mean
    total = values.sum(axis=1)
    belief = np.exp(total - total.max()) * by_area
    weight = 0.5 * by_area + 0.5 * belief / belief.sum()
    spread = weight @ values**2 - (weight @ values) ** 2
    for view in np.unique(columns.view):
        mine = columns.view == view
        own = values[:, mine].sum(axis=1)
        remainder = np.flatnonzero(mine & (columns.concept < 0))[0]
        outside[remainder] = own.max() + np.log(by_area @ np.exp(own - own.max()))
    return mean, values, outside, np.sqrt(np.maximum(spread, 0.0))


def _heavy(
    partition: Partition, index: Int[np.ndarray, " n"], values: Float[np.ndarray, "n m"], order: int, most: int
) -> Int[np.ndarray, " s"]:
    """Rows of the cells of an order that hold nearly all of the mass, at most so many, ascending."""
    total = values.sum(axis=1)
    mass = np.exp(total - total.max()) * partition.fractions[index]
    ranked = np.argsort(-mass, kind="stable")
    ranked = ranked[: 1 + int(np.searchsorted(np.cumsum(mass[ranked]) / mass.sum(), _SPLIT_MASS))]
    return np.sort(ranked[partition.orders[index[ranked]] == order][:most])


def _products(
    embeddings: Float[np.ndarray, "n d"], vectors: Float[np.ndarray, "m d"]
) -> tuple[Float[np.ndarray, "n m"], Bool[np.ndarray, " n"]]:
    """Products in float64, and which rows are not all zeros."""
    out = np.empty((len(embeddings), len(vectors)))
    known = np.empty(len(embeddings), bool)
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        rows = embeddings[part].astype(np.float32)
        known[part] = rows.any(axis=1)
        np.matmul(rows.astype(np.float64), vectors.T, out=out[part])
    return out, known
