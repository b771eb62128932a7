"""Columns of an alignment model's likelihood told as claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import final

import numpy as np
from jaxtyping import Float, Int

from whence.concepts.bank import ConceptBank
from whence.concepts.decompose import Decomposition
from whence.earth.partition import Partition
from whence.earth.regions import RegionLevel, regions
from whence.encode.bundled import AlignmentModel
from whence.evidence.alignment.parts import Columns, Parts
from whence.evidence.pointing import points_to
from whence.evidence.types import Claim


@final
class Teller:
    """Makes claims of one view's columns.

    Args:
        model: that was asked.
        known: the concept bank; ``None`` if the model has no concepts.
        parts: the columns on the grid.
        columns: of all views.
        probabilities: of the concepts, for this view.
        interventions: strengths that were set, by row of the basis.
        number: of the view in the query.
    """

    def __init__(
        self,
        model: AlignmentModel,
        known: ConceptBank | None,
        parts: Parts,
        columns: Columns,
        probabilities: Float[np.ndarray, " k"],
        interventions: Mapping[int, float],
        number: int,
    ) -> None:
        self._model, self._bank, self._parts, self._columns = model, known, parts, columns
        self._probabilities, self._set, self._number = probabilities, interventions, number
        header = model.bundle.header
        self._error_model = (
            f"Model {header.name}: its log-likelihood is divided by {model.settings.temperature:.3g}, fitted on "
            "held-out pictures; the parts of a decomposition are not calibrated one by one."
        )

    def claims(self, position: int, original: Decomposition, changed: Decomposition, top: int) -> list[Claim]:
        """Concepts by how much they tell places apart, then the others, the remainder, and what was set to nothing."""
        mine = np.flatnonzero(self._columns.view == position)
        concepts = mine[self._columns.concept[mine] >= 0]
        ranked = concepts[np.argsort(-self._parts.informs[concepts], kind="stable")]
        out = [self._concept(int(column), original, changed) for column in ranked[:top]]
        if len(ranked) > top:
            out.append(self._others(ranked[top:], changed))
        remainder = int(mine[self._columns.concept[mine] < 0][0])
        share = float(np.linalg.norm(changed.residual))
        out.append(
            self._claim(
                "remainder beyond the concepts" if self._bank else "picture and place",
                f"{share:.0%} of the picture's embedding is explained by no concept"
                if self._bank
                else "the whole picture",
                [remainder],
            )
        )
        out += self._remarks(original)
        return out

    def _concept(self, column: int, original: Decomposition, changed: Decomposition) -> Claim:
        row = int(self._columns.concept[column])
        said = f"{self._name(row)}: strength {changed.strengths[row]:.2f}"
        if np.isfinite(self._probabilities[row]):
            said += f", {self._probabilities[row]:.0%} likely"
        if row in self._set:
            said += f" (set; the picture has {original.strengths[row]:.2f})"
        return self._claim("concept", said, [column])

    def _others(self, columns: Int[np.ndarray, " m"], changed: Decomposition) -> Claim:
        rows = self._columns.concept[columns].tolist()
        named = ", ".join(f"{self._name(row)} {changed.strengths[row]:.2f}" for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        return self._claim("other concepts", named + more, columns.tolist())

    def _remarks(self, original: Decomposition) -> list[Claim]:
        out = [
            Claim(
                kind="concept",
                read=f"{self._name(row)}: set to 0 (the picture has {original.strengths[row]:.2f})",
                implies="nothing: it was taken away",
                view=self._number,
            )
            for row, strength in self._set.items()
            if strength == 0.0
        ]
        header = self._model.bundle.header
        if self._bank is not None and header.bank_hash not in _hashes(self._bank, header.concept_ids):
            out.append(
                Claim(
                    kind="model",
                    read=f"{header.name} was trained with another version of the concept bank",
                    implies="its concepts are called by today's names; they may have meant something else",
                    view=self._number,
                )
            )
        return out

    def _claim(self, kind: str, read: str, columns: Sequence[int]) -> Claim:
        return Claim(
            kind=kind,
            read=read,
            implies=_points_to(self._parts, columns),
            error_model=self._error_model,
            likelihood=self._parts.field(columns),
            view=self._number,
        )

    def _name(self, row: int) -> str:
        assert self._bank is not None
        return self._bank[self._model.concept_ids[row]].name()


def _hashes(known: ConceptBank, ids: tuple[str, ...]) -> tuple[str, str]:
    return known.hash, known.subset(ids).hash


def _points_to(parts: Parts, columns: Sequence[int]) -> str:
    """The countries where some columns speak loudest, on average over their coarse cells."""
    values = parts.coarse[:, list(columns)].sum(axis=1)
    return points_to(values, _country_of_cells(parts.coarse_order)[parts.coarse_index])


@lru_cache(maxsize=4)
def _country_of_cells(order: int) -> Int[np.ndarray, " c"]:
    """Country of the centre of each cell of an order, −1 at sea."""
    partition = Partition.uniform(order)
    return np.asarray(regions(RegionLevel.COUNTRY).cell_indices_at(partition.lat_deg, partition.lon_deg))
