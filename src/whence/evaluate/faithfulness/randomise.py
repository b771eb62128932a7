"""Randomisation test: an explanation that stays when the weights are shuffled does not explain the model.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim 2018, "Sanity checks for saliency maps", NeurIPS, arXiv:1810.03292. The
explanation compared is the bits of each concept at the answer; the comparison is Spearman's rank correlation. For the
scale of it the same is done with the mirrored picture and the weights as they are: where that explanation is alike and
the shuffled ones are not, it is the weights that it tells of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.core.bundle import Bundle, write_bundle
from whence.core.errors import ArtifactError
from whence.core.optional import optional_import
from whence.estimate.types import Estimate
from whence.evaluate.faithfulness.concept_sources import ConceptSource
from whence.evaluate.faithfulness.units import CONCEPTS, concept_name
from whence.samples.view import Query


class Part(StrEnum):
    """What of a model is shuffled."""

    IMAGE = "image weights shuffled"
    """Every tensor of weights in the image graph, within itself."""
    CONCEPTS = "concepts shuffled"
    """What the concepts look like, among the concepts: each gets another's."""


MIRRORED = "picture mirrored"
"""Name of the comparison with nothing shuffled."""


def mirrored(query: Query) -> Query:
    """The query with its views flipped from left to right."""
    return replace(query, views=tuple(replace(view, pixels=view.pixels[:, ::-1].copy()) for view in query.views))


def shuffled_bundle(source: ConceptSource, folder: Path, part: Part, generator: np.random.Generator) -> Bundle:
    """Write a copy of a source's bundle with one part shuffled.

    Args:
        source: whose bundle is copied; it is left as it is.
        folder: of the copy; must not exist.
        part: what is shuffled.
        generator: draws the permutations.

    Raises:
        ArtifactError: there is nothing to shuffle in that part.
        MissingExtraError: the package onnx is not installed (extra ``train``), needed for `Part.IMAGE`.
    """
    bundle = source.bundle
    arrays = {name: np.asarray(bundle.array(name)) for name in bundle.arrays}
    graphs = {name: bundle.path(name, ".onnx").read_bytes() for name in bundle.graphs}
    if part is Part.IMAGE:
        graphs["image"] = shuffled_graph(bundle.path("image", ".onnx").read_bytes(), generator)
    else:
        if len(source.ids) < 2:
            raise ArtifactError(f"The bundle {bundle.folder} has no two concepts: nothing to shuffle.")
        name, axis = source.concept_array
        arrays[name] = np.take(arrays[name], _derangement(len(source.ids), generator), axis=axis)
    return write_bundle(folder, bundle.header, arrays, graphs)


def shuffled_graph(model: bytes, generator: np.random.Generator) -> bytes:
    """An ONNX model with the numbers of each floating-point initializer permuted.

    Args:
        model: serialised.
        generator: draws the permutations.

    Raises:
        ArtifactError: it holds no weights.
        MissingExtraError: the package onnx is not installed.
    """
    onnx: Any = optional_import("onnx", extra="train", purpose="shuffle the weights of a graph")
    numpy_helper: Any = optional_import("onnx.numpy_helper", extra="train", purpose="shuffle the weights of a graph")
    loaded = onnx.load_from_string(model)
    shuffled = 0
    for tensor in loaded.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size < 2 or not np.issubdtype(values.dtype, np.floating):
            continue
        mixed = generator.permutation(values.ravel()).reshape(values.shape)
        tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
        shuffled += 1
    if not shuffled:
        raise ArtifactError("The graph holds no floating-point weights: nothing to shuffle.")
    return bytes(loaded.SerializeToString())


def concept_bits(estimate: Estimate, source: str) -> dict[str, float]:
    """Bits at the answer of each concept that makes a claim of its own, by name.

    Args:
        estimate: the answer.
        source: whose claims.
    """
    found: dict[str, float] = {}
    for entry in estimate.ledger.entries:
        for claim in entry.claims if entry.source == source else ():
            if claim.claim.kind in CONCEPTS and claim.claim.likelihood is not None:
                name = concept_name(claim.claim)
                found[name] = found.get(name, 0.0) + claim.bits
    return found


def explanation_correlation(before: Mapping[str, float], after: Mapping[str, float], names: Sequence[str]) -> float:
    """Spearman's correlation of two explanations over all concepts of a model; those without a claim have 0 bits.

    Args:
        before: bits by concept.
        after: of the other explanation.
        names: of the model's concepts.

    Returns:
        −1..1; NaN where one explanation has no ranks.
    """
    first, second = (np.asarray([bits.get(name, 0.0) for name in names]) for bits in (before, after))
    return rank_correlation(first, second)


def rank_correlation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN where one side is constant."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0.0 else math.nan


def ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1, equal values at their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2.0)[inverse])


def _derangement(count: int, generator: np.random.Generator) -> np.ndarray:
    """A permutation that leaves nothing in its place: one cycle over a random order."""
    order = generator.permutation(count)
    out = np.empty(count, dtype=np.int64)
    out[order] = np.roll(order, 1)
    return out
