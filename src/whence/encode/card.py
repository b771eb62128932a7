"""What is said of every model: whose idea it is, and what may be done with its weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Origin and licence of a model.

    Attributes:
        title: what it is, one line.
        paper: authors, title, year and identifier of the publication it comes from; "none" if there is none.
        licence: of the published weights, or "Apache-2.0 (weights are trained by whence)".
        weights: where published weights come from, "none published" otherwise.
        differences: how this differs from the publication; empty if it does not.
    """

    title: str
    paper: str
    licence: str
    weights: str
    differences: str = ""
