"""The exact decomposition of a picture's embedding into concepts and a named remainder.

With unit concept vectors ``b_k`` (the rows of a basis), an embedding ``x`` is written as

    x = Σ a_k b_k + r,    a_k ≥ 0, most of them 0,

where the strengths ``a`` solve the non-negative lasso

    minimise  ½ ‖x − Σ a_k b_k‖² + λ Σ a_k,    λ = sparsity · max_k ⟨b_k, x⟩,

and ``r`` is whatever is left. So the score of any place is a sum over concepts and the remainder, whatever the
strengths are: ``⟨x, y⟩ = Σ a_k ⟨b_k, y⟩ + ⟨r, y⟩``.

Sparse non-negative concept codes: Bhalla, Oesterling, Srinivas, Calmon, Lakkaraju 2024, "Interpreting CLIP with Sparse
Linear Concept Embeddings (SpLiCE)", NeurIPS, arXiv:2402.10376, without its centring and with the remainder kept. The
problem is solved to the end by the active-set method of Lawson and Hanson 1974, "Solving Least Squares Problems",
ch. 23, on the Gram matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.errors import OptionError

_TOLERANCE = 1e-10
"""How far below the penalty a concept's correlation with the remainder may stay, for unit vectors."""

_RIDGE = 1e-11
"""Added to the concepts' products, so that more concepts than dimensions have one optimum."""


@dataclass(frozen=True)
class Config:
    """How sparse a decomposition is."""

    sparsity: float = 0.25
    "Lasso weight over the largest correlation of a concept with the picture: 0 fits closest, 1 takes no concept."
    max_iterations: int = 300
    "Steps of the solver after which it stops where it is; the decomposition is exact all the same."

    def __post_init__(self) -> None:
        if not 0.0 <= self.sparsity <= 1.0:
            raise OptionError(f"sparsity lies within 0..1, received {self.sparsity}.")
        if self.max_iterations < 0:
            raise OptionError(f"max_iterations is 0 or more, received {self.max_iterations}.")


@dataclass(frozen=True, eq=False)
class Decomposition:
    """One embedding as a sum of concepts and a remainder.

    Attributes:
        strengths: how much of each concept is in it, ≥ 0.
        residual: what the concepts leave.
        basis: the concepts' unit vectors.
    """

    strengths: Float[np.ndarray, " k"]
    residual: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "k d"]

    @cached_property
    def embedding(self) -> Float[np.ndarray, " d"]:
        """The sum: what was decomposed, or what an intervention made of it (its length is left as it comes)."""
        return self.strengths @ self.basis + self.residual

    @cached_property
    def active(self) -> Int[np.ndarray, " m"]:
        """Concepts with a strength above 0, the strongest first."""
        found = np.flatnonzero(self.strengths > 0.0)
        return found[np.argsort(-self.strengths[found], kind="stable")]

    def contributions(self, places: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """What each concept adds to the score of each place: ``a_k ⟨b_k, y⟩``."""
        return (places @ self.basis.T) * self.strengths

    def residual_scores(self, places: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """What the remainder adds to the score of each place: ``⟨r, y⟩``."""
        return places @ self.residual

    def with_strength(self, concept: int, value: float) -> Decomposition:
        """Set one concept: the embedding with more, less or nothing of it, the remainder as it is.

        Args:
            concept: its row in the basis.
            value: the new strength, ≥ 0.

        Raises:
            OptionError: there is no such row, or the value is negative or no number.
        """
        self._check([concept])
        if not (np.isfinite(value) and value >= 0.0):
            raise OptionError(f"A strength is a finite number of 0 or more, received {value}.")
        strengths = self.strengths.copy()
        strengths[concept] = value
        return replace(self, strengths=strengths)

    def without(self, concepts: Iterable[int] | Int[np.ndarray, " m"]) -> Decomposition:
        """Take concepts away: their strengths become 0, the remainder stays.

        Raises:
            OptionError: there is no such row in the basis.
        """
        rows = [int(row) for row in concepts]
        self._check(rows)
        strengths = self.strengths.copy()
        strengths[rows] = 0.0
        return replace(self, strengths=strengths)

    def _check(self, rows: list[int]) -> None:
        for row in rows:
            if not 0 <= row < len(self.strengths):
                raise OptionError(f"There is no concept {row}: the basis has {len(self.strengths)} rows, from 0.")


@dataclass(frozen=True, eq=False)
class Decompositions:
    """Many embeddings as sums of the same concepts.

    Attributes:
        strengths: how much of each concept is in each, ≥ 0.
        residuals: what the concepts leave of each.
        basis: the concepts' unit vectors.
    """

    strengths: Float[np.ndarray, "n k"]
    residuals: Float[np.ndarray, "n d"]
    basis: Float[np.ndarray, "k d"]

    def __len__(self) -> int:
        return len(self.strengths)

    def __getitem__(self, item: int) -> Decomposition:
        return Decomposition(self.strengths[item], self.residuals[item], self.basis)

    def __iter__(self) -> Iterator[Decomposition]:
        return (self[i] for i in range(len(self)))


def decompose(
    embedding: Float[np.ndarray, " d"], basis: Float[np.ndarray, "k d"], config: Config | None = None
) -> Decomposition:
    """Write one embedding as a sparse non-negative sum of concepts and a remainder.

    Args:
        embedding: of a picture, of about unit length.
        basis: unit vectors of the concepts; ``k`` may be 0.
        config: how sparse.

    Returns:
        The decomposition in float64; its sum is the embedding to rounding.

    Raises:
        OptionError: numbers that are not finite, or rows of the basis that are not of unit length.
    """
    return decompose_many(embedding[None], basis, config)[0]


def decompose_many(
    embeddings: Float[np.ndarray, "n d"], basis: Float[np.ndarray, "k d"], config: Config | None = None
) -> Decompositions:
    """Write many embeddings as in `decompose`; the concepts' products are computed once.

    Raises:
        OptionError: numbers that are not finite, or rows of the basis that are not of unit length.
    """
    config = config or Config()
    x, rows = embeddings.astype(np.float64), basis.astype(np.float64)
    _check(x, rows)
    strengths = np.zeros((len(x), len(rows)))
    if len(rows):
        gram, correlation = rows @ rows.T + _RIDGE * np.eye(len(rows)), x @ rows.T
        penalty = config.sparsity * np.maximum(correlation.max(axis=1, initial=0.0), 0.0)
        for i, gain in enumerate(correlation - penalty[:, None]):
            strengths[i] = _solve(gram, gain, config.max_iterations)
    return Decompositions(strengths, x - strengths @ rows, rows)


def _check(embeddings: Float[np.ndarray, "n d"], basis: Float[np.ndarray, "k d"]) -> None:
    if not (np.isfinite(embeddings).all() and np.isfinite(basis).all()):
        raise OptionError(
            "Embeddings and concept vectors must be finite; received NaN or infinity: the model is broken."
        )
    length = np.linalg.norm(basis, axis=1)
    if (np.abs(length - 1.0) > 1e-2).any():
        worst = int(np.argmax(np.abs(length - 1.0)))
        raise OptionError(
            f"Concept vectors must have unit length; row {worst} has length {length[worst]:.4g}. Normalise the basis."
        )


def _solve(
    gram: Float[np.ndarray, "k k"], gain: Float[np.ndarray, " k"], max_iterations: int
) -> Float[np.ndarray, " k"]:
    """Minimise ``½ aᵀ G a − gainᵀ a`` over ``a ≥ 0``: concepts join one by one, and leave when they turn negative."""
    strengths = np.zeros(gain.size)
    held = np.zeros(gain.size, dtype=bool)
    refused = np.zeros(gain.size, dtype=bool)
    for _ in range(max_iterations):
        slope = gain - gram[:, held] @ strengths[held]
        slope[held | refused] = -np.inf
        best = int(np.argmax(slope))
        if slope[best] <= _TOLERANCE:
            break
        held[best] = True
        found = _on_support(gram, gain, held)
        if found is None or found[best] <= 0.0:  # the others span it already: it could only join by rounding
            held[best], refused[best] = False, True
            continue
        refused[:] = False
        strengths = _walk(gram, gain, held, strengths, found)
    return strengths


def _walk(
    gram: Float[np.ndarray, "k k"],
    gain: Float[np.ndarray, " k"],
    held: Bool[np.ndarray, " k"],
    strengths: Float[np.ndarray, " k"],
    target: Float[np.ndarray, " k"],
) -> Float[np.ndarray, " k"]:
    """Go from feasible strengths towards the optimum of ``held``; who reaches 0 on the way leaves it (in place)."""
    while True:
        negative = held & (target <= 0.0)
        if not negative.any():
            return target
        falling = np.flatnonzero(negative)
        drop = strengths[falling] - target[falling]
        reach = strengths[falling] / np.where(drop > 0.0, drop, 1.0)
        strengths = strengths + reach.min() * (target - strengths)
        held[falling[reach <= reach.min()]] = False
        strengths = np.where(held, strengths, 0.0)
        found = _on_support(gram, gain, held)
        if found is None:
            return strengths
        target = found


def _on_support(
    gram: Float[np.ndarray, "k k"], gain: Float[np.ndarray, " k"], held: Bool[np.ndarray, " k"]
) -> Float[np.ndarray, " k"] | None:
    """The unconstrained optimum with only the held concepts, ``None`` if they are linearly dependent."""
    rows = np.flatnonzero(held)
    out = np.zeros(gain.size)
    try:
        out[rows] = np.linalg.solve(gram[np.ix_(rows, rows)], gain[rows])
    except np.linalg.LinAlgError:
        return None
    return out if np.isfinite(out).all() else None
