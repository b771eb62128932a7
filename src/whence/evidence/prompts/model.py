"""Zero-shot models out of bundles: a graph that embeds pictures, and prompts that were embedded once.

The score of a prompt is ``logit_scale · (⟨x, t⟩ − base) / temperature``. The base is the prompt's mean product with
pictures that show nothing (grey, noise): what it gets of any picture, which says nothing of this one. Taking it off
divides the softmax by the prompts' own base rates (contextual calibration: Zhao et al. 2021, arXiv:2102.09690, with
pictures in place of texts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np
from jaxtyping import Float, Int

from whence.core.bundle import Bundle, BundleHeader, load_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.encode.bundle_parts import preprocessing_of_bundle, run_graph, settings_of, view_kinds_of
from whence.samples.view import View, ViewKind

KIND = "prompts"
"""Kind of the bundles that this module reads."""

_PICTURES_A_RUN = 8


class LabelKind(StrEnum):
    """What a prompt names."""

    COUNTRY = "country"
    DIVISION = "division"
    CITY = "city"
    CONCEPT = "concept"


@dataclass(frozen=True, slots=True)
class Label:
    """What one prompt stands for.

    Attributes:
        kind: country, division, city or concept.
        code: ISO 3166-1 alpha-2, code of a division (``US.NV``), GeoNames identifier, or id of a concept.
        prompt: the text that was embedded.
    """

    kind: LabelKind
    code: str
    prompt: str


@dataclass(frozen=True)
class PromptSettings:
    """What a bundle of prompts says of its numbers, under ``config`` in its header (beside a free table ``recipe``)."""

    logit_scale: float = 100.0
    "Products of pictures and prompts are multiplied by it."
    temperature: float = 1.0
    "Scores are divided by it; 1 if it was never fitted."
    views: str = "ground"
    "Kinds of views that it reads, separated by commas."

    def __post_init__(self) -> None:
        for name in ("logit_scale", "temperature"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise OptionError(f"{name} of prompts is a number above 0, received {getattr(self, name)}.")
        view_kinds_of(self.views)

    @property
    def view_kinds(self) -> frozenset[ViewKind]:
        """Kinds of views that it reads."""
        return view_kinds_of(self.views)

    @staticmethod
    def from_header(header: BundleHeader) -> PromptSettings:
        """Read from a bundle's header.

        Raises:
            ArtifactError: another kind of bundle, an unknown key, a missing one or a value that is none.
        """
        return settings_of(header, KIND, PromptSettings, needed=("logit_scale", "temperature", "views"))


def write_labels(labels: Sequence[Label]) -> np.ndarray:
    """Labels as the bytes of a bundle's array: one line each, kind, code and prompt between tabulators.

    Raises:
        OptionError: a code or prompt that holds a tabulator or a line's end.
    """
    for label in labels:
        if len(f"{label.code}\t{label.prompt}".split("\t")) != 2 or len(label.prompt.splitlines()) != 1:
            raise OptionError(f"The label {label} holds a tabulator, an end of line or nothing; prompts are one line.")
    text = "\n".join(f"{label.kind.value}\t{label.code}\t{label.prompt}" for label in labels)
    return np.frombuffer(text.encode(), np.uint8)


def read_labels(blob: np.ndarray, where: str) -> tuple[Label, ...]:
    """Read what `write_labels` wrote.

    Raises:
        ArtifactError: something else.
    """
    try:
        rows = [line.split("\t") for line in blob.astype(np.uint8).tobytes().decode().split("\n")]
        return tuple(Label(LabelKind(kind), code, prompt) for kind, code, prompt in rows)
    except ValueError as error:
        raise ArtifactError(f"{where}: labels cannot be read ({error}). Make the bundle again.") from error


@final
class PromptModel:
    """Scores pictures against prompts with the graph and arrays of a bundle.

    Attributes:
        bundle: what it was made from.
        settings: scale, temperature, views.
        preprocessing: how pictures become its input.
        labels: what each prompt stands for.
        prompts: their embeddings, unit rows, float32.
        base: mean product of each with pictures that show nothing.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Check the bundle's contents; its graph is loaded when first used.

        Args:
            bundle: of kind ``prompts``.
            threads: of ONNX Runtime; 0 for the usual number (`whence.core.bundle.Bundle.session`).

        Raises:
            ArtifactError: another kind, or parts that are missing or do not fit together.
        """
        self.bundle = bundle
        self.settings = PromptSettings.from_header(bundle.header)
        where = f"The bundle {bundle.folder}"
        self.preprocessing = preprocessing_of_bundle(bundle)
        self.labels = read_labels(bundle.array("labels"), where)
        self.prompts = np.asarray(bundle.array("prompts"))
        self.base = np.asarray(bundle.array("base"))
        check_prompts(self.prompts, self.base, self.labels, where)
        bundle.path("image", ".onnx")
        self._threads = threads

    @staticmethod
    def load(folder_or_name: str, threads: int = 0) -> PromptModel:
        """Load by folder or name, as `whence.core.bundle.load_bundle`."""
        return PromptModel(load_bundle(folder_or_name), threads)

    def rows(self, kind: LabelKind) -> Int[np.ndarray, " k"]:
        """Numbers of the prompts of a kind."""
        return np.asarray([i for i, label in enumerate(self.labels) if label.kind is kind], np.int64)

    def embed_views(self, views: Sequence[View]) -> Float[np.ndarray, "n d"]:
        """Embed pictures: unit length, float32.

        Raises:
            ArtifactError: the graph fails or gives something else.
        """
        out = np.empty((len(views), self.prompts.shape[1]), np.float32)
        for start in range(0, len(views), _PICTURES_A_RUN):
            part = views[start : start + _PICTURES_A_RUN]
            pixels = self.preprocessing.normalise(np.stack([self.preprocessing.fit(view.pixels) for view in part]))
            found = run_graph(self.bundle, "image", {"pixels": pixels}, "embedding", out.shape[1], self._threads)
            out[start : start + len(part)] = found
        return out

    def scores(self, embeddings: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n p"]:
        """How well pictures fit each prompt beyond what any picture does, nats; their softmax within a kind counts."""
        products = embeddings.astype(np.float64) @ self.prompts.T.astype(np.float64)
        return self.settings.logit_scale / self.settings.temperature * (products - self.base)


def check_prompts(prompts: np.ndarray, base: np.ndarray, labels: Sequence[Label], where: str) -> None:
    """Refuse arrays that do not fit together, and prompts without two countries.

    Raises:
        ArtifactError: says what was received and what fits.
    """
    count = len(labels)
    if prompts.ndim != 2 or prompts.dtype != np.float32 or len(prompts) != count or not np.isfinite(prompts).all():
        raise ArtifactError(
            f"{where}: prompts must be {count} finite rows (one a label) of float32, it is "
            f"{prompts.dtype}{prompts.shape}."
        )
    if (np.abs(np.linalg.norm(prompts, axis=1) - 1.0) > 1e-3).any():
        raise ArtifactError(f"{where}: rows of prompts must have length 1.")
    if base.shape != (count,) or base.dtype != np.float32 or not np.isfinite(base).all():
        raise ArtifactError(f"{where}: base must be finite float32({count},), it is {base.dtype}{base.shape}.")
    if sum(label.kind is LabelKind.COUNTRY for label in labels) < 2:
        raise ArtifactError(f"{where}: prompts of two countries or more are needed. Make the bundle again.")
