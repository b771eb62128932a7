"""Scenery models out of bundles: a picture's strength of each concept, run by ONNX Runtime.

A scenery bundle scores a place by ``Σ_k a_k(picture) · c_k(place)`` with the truths ``c`` of grounded concepts, which
come from the layers of the Earth and not from a network. So the whole answer is made of concepts that people know. The
score is the log-likelihood of the place up to a constant of the picture: a log-linear (maximum entropy) model, in
which pictures take the part of the classes' weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import bank
from whence.concepts.place_vectors import PlaceVectors
from whence.core.bundle import Bundle, BundleHeader, load_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.encode.bundle_parts import preprocessing_of_bundle, run_graph, settings_of, view_kinds_of
from whence.samples.view import View, ViewKind

KIND = "scenery"
"""Kind of the bundles that this module reads."""

_FREE_KEYS = ("recipe", "labels", "indoor", "outdoor")


@dataclass(frozen=True)
class ScenerySettings:
    """What a scenery bundle says of its numbers, under ``config`` in its header.

    Beside these stand the table ``recipe``, ``labels`` (of the classes), and ``indoor`` and ``outdoor`` (rows of the
    classes that are only seen within walls, and outdoors).
    """

    temperature: float = 1.0
    "The log-likelihood is divided by it; fitted on held-out photographers."
    mirrored: bool = True
    "Whether a picture is embedded with its mirror image, and the mean is taken."
    views: str = "ground"
    "Kinds of views that it was trained on, separated by commas."

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0.0):
            raise OptionError(f"temperature of a scenery model is a number above 0, received {self.temperature}.")
        view_kinds_of(self.views)

    @property
    def view_kinds(self) -> frozenset[ViewKind]:
        """Kinds of views that it reads."""
        return view_kinds_of(self.views)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a scenery model makes of a picture.

    Attributes:
        strengths: of the concepts, for this picture beyond what holds for all; 0 on average over the training pictures.
        classes: the likeliest classes with their probabilities, the first first.
        indoors: probability that it was taken indoors; NaN if the model knows no classes.
    """

    strengths: Float[np.ndarray, " k"]
    classes: tuple[tuple[str, float], ...]
    indoors: float


@final
class SceneryModel:
    """Reads pictures with the graph and arrays of a bundle.

    Attributes:
        bundle: what it was made from.
        settings: temperature, kinds of views.
        preprocessing: how pictures become the graph's input.
        vectors: truths of the concepts at places, centred and scaled.
        general: strengths that hold for all pictures: where such pictures are taken.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Check the bundle's contents; its graph is loaded when first used.

        Raises:
            ArtifactError: another kind, or parts that are missing or do not fit together.
        """
        header = bundle.header
        where = f"The bundle {bundle.folder}"
        self.settings = settings_of(header, KIND, ScenerySettings, free=_FREE_KEYS)
        self.preprocessing = preprocessing_of_bundle(bundle)
        _check_concepts(header, where)
        self.bundle, self._threads = bundle, threads
        centre, factor, self.general = (np.array(bundle.array(name)) for name in ("centre", "factor", "general"))
        self._mean, self._weights = np.array(bundle.array("mean")), np.array(bundle.array("weights"))
        count = len(header.concept_ids)
        shapes = [array.shape for array in (centre, factor, self.general, self._mean, self._weights)]
        if shapes != [(count,)] * 3 + [self._mean.shape, (*self._mean.shape, count)] or self._mean.ndim != 1:
            raise ArtifactError(f"{where}: arrays of {count} concepts do not fit together, their shapes are {shapes}.")
        self.vectors = PlaceVectors(header.concept_ids, centre, factor)
        bundle.path("image", ".onnx")

    @staticmethod
    def load(folder_or_name: str, threads: int = 0) -> SceneryModel:
        """Load by folder or name, as `whence.core.bundle.load_bundle`."""
        return SceneryModel(load_bundle(folder_or_name), threads)

    @property
    def concept_ids(self) -> tuple[str, ...]:
        """Ids of the concepts, in the order of all arrays."""
        return self.bundle.header.concept_ids

    def see(self, views: Sequence[View]) -> list[Seen]:
        """Read pictures.

        Raises:
            ArtifactError: the graph fails.
        """
        pixels = np.stack([self.preprocessing.fit(view.pixels) for view in views])
        return [self._seen(row) for row in self.features(self.preprocessing.normalise(pixels))]

    def features(self, pixels: Float[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, "n f"]:
        """Features of preprocessed pictures, with those of their mirror images if the model wants them."""
        sides = [pixels, pixels[..., ::-1]] if self.settings.mirrored else [pixels]
        found = [
            run_graph(
                self.bundle, "image", {"pixels": np.ascontiguousarray(side)}, "features", self._mean.size, self._threads
            )
            for side in sides
        ]
        return np.asarray(np.mean(found, axis=0, dtype=np.float64))

    def strengths(self, features: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "n k"]:
        """Strengths of the concepts in features of pictures."""
        unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
        return (unit - self._mean) @ self._weights

    def _seen(self, features: Float[np.ndarray, " f"]) -> Seen:
        strengths = self.strengths(features[None])[0]
        if self._classifier is None:
            return Seen(strengths, (), float("nan"))
        weights, bias = self._classifier
        logits = weights @ features + bias
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        labels = self.bundle.header.config["labels"]
        best = np.argsort(-chances, kind="stable")[:3].tolist()
        inside, outside = (float(chances[rows].sum()) for rows in self._walls)
        return Seen(
            strengths, tuple((str(labels[row]), float(chances[row])) for row in best), inside / (inside + outside + 0.1)
        )

    @cached_property
    def _classifier(self) -> tuple[Float[np.ndarray, "c f"], Float[np.ndarray, " c"]] | None:
        if "classifier" not in self.bundle.arrays:
            return None
        table = np.array(self.bundle.array("classifier"), np.float32)
        return table[:, :-1], table[:, -1]

    @cached_property
    def _walls(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the classes that are seen indoors only, and outdoors only."""
        config = self.bundle.header.config
        inside, outside = (np.array(config.get(key, ()), np.int64) for key in ("indoor", "outdoor"))
        return inside, outside


def _check_concepts(header: BundleHeader, where: str) -> None:
    known: Mapping[str, Any] = {concept.id: concept for concept in bank().grounded}
    missing = [name for name in header.concept_ids if name not in known]
    if missing or not header.concept_ids:
        raise ArtifactError(
            f"{where} has {'no concepts' if not missing else 'concepts that are not known or have no grounding here'}: "
            f"{', '.join(missing[:5])}. Export it again, or install the version of whence that it was made with."
        )
