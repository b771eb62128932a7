"""Image–place alignment models out of bundles, run by ONNX Runtime: what serving uses instead of PyTorch.

An alignment bundle embeds pictures and places into one space. Its critic, ``logit_scale · ⟨x_image, x_place⟩ /
temperature``, is log p(picture | place) up to a constant of the picture: the optimum of the contrastive loss is the
pointwise mutual information of picture and place (van den Oord, Li, Vinyals 2018, arXiv:1807.03748, eq. 4–5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from whence.core.arrays import Numbers
from whence.core.bundle import Bundle, BundleHeader, load_bundle
from whence.core.errors import ArtifactError, CoordinateError, OptionError, unknown_name
from whence.earth.coordinates import wrap_lon_deg
from whence.encode.bundle_parts import preprocessing_of_bundle, run_graph, settings_of, view_kinds_of
from whence.samples.view import View, ViewKind

KIND = "alignment"
"""Kind of the bundles that this module reads."""

AREAS = ("land", "all")
"""Where the training pictures lie."""

_FINEST_ORDER = 16
_PICTURES_A_RUN = 32
_PLACES_A_RUN = 8192


@dataclass(frozen=True)
class AlignmentSettings:
    """What an alignment bundle says of its numbers, under ``config`` in its header (beside a free table ``recipe``)."""

    logit_scale: float = 1.0
    "The critic is this times the product of the two embeddings."
    temperature: float = 1.0
    "The critic is divided by it; fitted on held-out pictures."
    area: str = "land"
    "Where the training pictures lie: land, or all. Elsewhere the model says nothing."
    finest_order: int = 7
    "Order of the nested grid beyond which the model says nothing."
    views: str = "ground"
    "Kinds of views that it was trained on, separated by commas."

    def __post_init__(self) -> None:
        for name in ("logit_scale", "temperature"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise OptionError(f"{name} of an alignment is a number above 0, received {getattr(self, name)}.")
        if self.area not in AREAS:
            raise unknown_name("area of an alignment", self.area, AREAS)
        if not 0 <= self.finest_order <= _FINEST_ORDER:
            raise OptionError(f"finest_order lies within 0..{_FINEST_ORDER}, received {self.finest_order}.")
        view_kinds_of(self.views)

    @property
    def view_kinds(self) -> frozenset[ViewKind]:
        """Kinds of views that it reads."""
        return view_kinds_of(self.views)

    @staticmethod
    def from_header(header: BundleHeader) -> AlignmentSettings:
        """Read from a bundle's header.

        Raises:
            ArtifactError: another kind of bundle, an unknown key, a missing one or a value that is none.
        """
        needed = ("logit_scale", "temperature", "area", "finest_order")
        return settings_of(header, KIND, AlignmentSettings, needed=needed)


@final
class AlignmentModel:
    """Embeds pictures and places with the graphs of a bundle.

    Attributes:
        bundle: what it was made from.
        settings: scale, temperature, area.
        preprocessing: how pictures become its input.
        concept_ids: names of the rows of ``basis``, as text; who knows the concept bank checks them against it.
        basis: unit vectors of the concepts, float32.
        activation: scale and offset of each concept's probability, NaN for those that were never calibrated.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Check the bundle's contents; its graphs are loaded when first used.

        Args:
            bundle: of kind ``alignment``.
            threads: of ONNX Runtime; 0 for the usual number (`whence.core.bundle.Bundle.session`).

        Raises:
            ArtifactError: another kind, or parts that are missing or do not fit together.
        """
        self.bundle = bundle
        self.settings = AlignmentSettings.from_header(bundle.header)
        where = f"The bundle {bundle.folder}"
        self.preprocessing = preprocessing_of_bundle(bundle)
        self.concept_ids = bundle.header.concept_ids
        self.basis = np.asarray(bundle.array("basis"))
        self.activation = np.asarray(bundle.array("activation"))
        check_parts(self.basis, self.activation, self.concept_ids, where)
        for graph in ("image", "location"):
            bundle.path(graph, ".onnx")
        self._threads = threads

    @staticmethod
    def load(folder_or_name: str, threads: int = 0) -> AlignmentModel:
        """Load by folder or name, as `whence.core.bundle.load_bundle`."""
        return AlignmentModel(load_bundle(folder_or_name), threads)

    @property
    def dim(self) -> int:
        """Length of the embeddings."""
        return int(self.basis.shape[1])

    @property
    def sharpness(self) -> float:
        """Factor that makes the product of two embeddings a log-likelihood, nats."""
        return self.settings.logit_scale / self.settings.temperature

    def embed_views(self, views: Sequence[View]) -> Float[np.ndarray, "n d"]:
        """Embed pictures: unit length, float32."""
        out = np.empty((len(views), self.dim), np.float32)
        for start in range(0, len(views), _PICTURES_A_RUN):
            part = views[start : start + _PICTURES_A_RUN]
            pixels = np.stack([self.preprocessing.fit(view.pixels) for view in part])
            out[start : start + len(part)] = self.embed_pixels(self.preprocessing.normalise(pixels))
        return out

    def embed_pixels(self, pixels: Float[np.ndarray, "n 3 h w"]) -> Float[np.ndarray, "n d"]:
        """Embed preprocessed pictures: unit length, float32."""
        return self._run("image", {"pixels": pixels})

    def embed_places(self, lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "n d"]:
        """Embed places: unit length, float32.

        Raises:
            CoordinateError: a latitude or longitude that is none.
        """
        lat, lon = np.broadcast_arrays(*(np.ravel(np.asarray(value, np.float64)) for value in (lat_deg, lon_deg)))
        wrong = np.flatnonzero(~(np.isfinite(lon) & (np.abs(lat) <= 90.0)))
        if wrong.size:
            raise CoordinateError(
                f"Place {wrong[0]} is none: latitude {lat[wrong[0]]}, longitude {lon[wrong[0]]}. Latitudes lie within "
                "-90..90 degrees and come first."
            )
        pairs = np.stack([lat, wrap_lon_deg(lon)], axis=-1).astype(np.float32)
        out = np.empty((len(pairs), self.dim), np.float32)
        for start in range(0, len(pairs), _PLACES_A_RUN):
            part = pairs[start : start + _PLACES_A_RUN]
            out[start : start + len(part)] = self._run("location", {"lat_lon_deg": part})
        return out

    def concept_probabilities(self, x_image: Float[np.ndarray, " d"]) -> Float[np.ndarray, " k"]:
        """Probability that each concept is true of the place pictured, NaN where it was never calibrated.

        ``sigmoid(scale_k · ⟨b_k, x⟩ + offset_k)``, fitted on held-out pictures.
        """
        scale, offset = self.activation.astype(np.float64).T
        logit = scale * (self.basis @ x_image) + offset
        return 0.5 * (1.0 + np.tanh(0.5 * logit))

    def _run(self, graph: str, given: Mapping[str, np.ndarray]) -> Float[np.ndarray, "n d"]:
        return run_graph(self.bundle, graph, given, "embedding", self.dim, self._threads)


def check_parts(basis: np.ndarray, activation: np.ndarray, ids: Sequence[str], where: str) -> None:
    """Refuse concept arrays that do not fit together.

    Raises:
        ArtifactError: says what was received and what fits.
    """
    count = len(ids)
    if basis.ndim != 2 or basis.dtype != np.float32 or len(basis) != count or not np.isfinite(basis).all():
        raise ArtifactError(
            f"{where}: basis must be {count} finite rows (one a concept) of float32, it is {basis.dtype}{basis.shape}."
        )
    if activation.shape != (count, 2) or activation.dtype != np.float32:
        raise ArtifactError(
            f"{where}: activation must be float32({count}, 2), it is {activation.dtype}{activation.shape}."
        )
    length = np.linalg.norm(basis, axis=1)
    if (np.abs(length - 1.0) > 1e-3).any():
        raise ArtifactError(f"{where}: rows of basis must have length 1, received {length.min()} to {length.max()}.")
