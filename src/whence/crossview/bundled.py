"""Cross-view towers out of bundles, run by ONNX Runtime: what serving uses instead of PyTorch.

A bundle of kind ``crossview`` has one graph a variant: ``satellite.onnx`` and, for example, ``drone.onnx``. A variant
is a kind of view, or a sort of one (``relief`` is a map); each was aligned with satellite alone. A bundle may also
have a graph ``position``, which finds where in a tile a view was taken (`whence.crossview.inside`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.bundle import Bundle, BundleHeader, load_bundle
from whence.core.errors import OptionError, unknown_name
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.inside import BundledInside
from whence.encode.bundle_parts import preprocessing_of_bundle, run_graph, settings_of
from whence.samples.view import ViewKind

KIND = "crossview"
"""Kind of the bundles that this module reads."""

_PICTURES_A_RUN = 32


@dataclass(frozen=True)
class CrossViewSettings:
    """What a cross-view bundle says of itself, under ``config`` in its header (beside a free table ``recipe``)."""

    variants: str = ""
    "Variants with their kinds of views, for example satellite=satellite,relief=map,map=map."
    dim: int = 0
    "Length of a vector."
    turns: int = 1
    "In how many directions a query that may be turned is to be asked; 1 if vectors do not depend on its turn."

    logit_scale: float = 0.0
    "Factor that makes products of vectors log-likelihoods, as learned; 0 if it is not known."

    cells: int = 0
    "Side of the map of positions inside of a tile, in cells; 0 if the model has none."
    rerank_weight: float = 0.0
    "Weight of what the map of positions says of a tile beside the likeness."
    widening: float = 1.0
    "Factor on the spread of a map of positions, so that it holds what it promises on unseen places."
    shown_share: float = 0.0
    "How much ground a view shows, as a share of a tile's side; 0 if views differ."

    def __post_init__(self) -> None:
        if self.cells < 0 or not all(
            np.isfinite(value) and value >= 0.0 for value in (self.rerank_weight, self.widening, self.shown_share)
        ):
            raise OptionError(
                "cells, rerank_weight, widening and shown_share are numbers of 0 or more, received "
                f"{self.cells}, {self.rerank_weight}, {self.widening} and {self.shown_share}."
            )
        if not (np.isfinite(self.logit_scale) and self.logit_scale >= 0.0):
            raise OptionError(f"logit_scale is a number of 0 or more, received {self.logit_scale}.")
        if self.dim < 1 or self.turns < 1:
            raise OptionError(f"dim ≥ 1 and turns ≥ 1 are needed, received {self.dim} and {self.turns}.")
        if ViewKind.SATELLITE.value not in self.kinds:
            raise OptionError(f"A cross-view bundle needs the variant satellite, received {self.variants!r}.")

    @property
    def kinds(self) -> Mapping[str, ViewKind]:
        """Kind of view of each variant."""
        out = {}
        for part in self.variants.split(","):
            name, equals, kind = part.partition("=")
            known = [item.value for item in ViewKind]
            if not equals or not name:
                raise OptionError(f"Variants are name=kind, separated by commas; received {self.variants!r}.")
            if kind not in known:
                raise unknown_name("kind of view", kind, known)
            out[name] = ViewKind(kind)
        return MappingProxyType(out)

    @staticmethod
    def from_header(header: BundleHeader) -> CrossViewSettings:
        """Read from a bundle's header.

        Raises:
            ArtifactError: another kind of bundle, an unknown key, a missing one or a value that is none.
        """
        return settings_of(header, KIND, CrossViewSettings, needed=("variants", "dim"))


@final
class BundledEncoder(CrossViewEncoder):
    """Embeds pictures with the graphs of a bundle.

    Attributes:
        bundle: what it was made from.
        settings: its variants.
        preprocessing: how pictures become its input.
    """

    def __init__(self, bundle: Bundle, variant: str = "", threads: int = 0) -> None:
        """Check the bundle's contents; its graphs are loaded when first used.

        Args:
            bundle: of kind ``crossview``.
            variant: which one to take for views of its kind, where several are of one kind; otherwise the one that
                is named as the kind, or else the first.
            threads: of ONNX Runtime; 0 for the usual number (`whence.core.bundle.Bundle.session`).

        Raises:
            ArtifactError: another kind, or a graph that is missing.
            OptionError: the bundle has no such variant.
        """
        self.bundle = bundle
        self.settings = CrossViewSettings.from_header(bundle.header)
        self.preprocessing = preprocessing_of_bundle(bundle)
        self.name, self.version, self.dim = bundle.header.name, bundle.hash, self.settings.dim
        variants = self.settings.kinds
        for name in variants:
            bundle.path(name, ".onnx")
        if variant and variant not in variants:
            raise unknown_name(f"variant of the bundle {self.name!r}", variant, variants)
        self._variant_of: dict[ViewKind, str] = {}
        for name, kind in variants.items():
            if name == kind.value or kind not in self._variant_of:
                self._variant_of[kind] = name
        if variant:
            self._variant_of[variants[variant]] = variant
        self.kinds = frozenset(variants.values())
        self.turns, self.logit_scale = self.settings.turns, self.settings.logit_scale
        self._threads = threads
        self.inside = self._inside() if self.settings.cells else None

    def _inside(self) -> BundledInside:
        s = self.settings
        return BundledInside(
            self.bundle,
            self.preprocessing,
            MappingProxyType(self._variant_of),
            weight=s.rerank_weight,
            widening=s.widening,
            shown_share=s.shown_share,
            threads=self._threads,
        )

    @staticmethod
    def load(folder_or_name: str, variant: str = "", threads: int = 0) -> BundledEncoder:
        """Load by folder or name, as `whence.core.bundle.load_bundle`.

        Raises:
            OptionError: there is no such bundle, or it has no such variant.
            ArtifactError: it is damaged, or of another kind.
        """
        return BundledEncoder(load_bundle(folder_or_name), variant, threads)

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants that it reads."""
        return tuple(self.settings.kinds)

    def embed(self, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], kind: ViewKind) -> Float[np.ndarray, "n dim"]:
        """Embed pictures of one kind; see `CrossViewEncoder`.

        Raises:
            OptionError: a kind that the model does not read.
        """
        if kind not in self._variant_of:
            raise unknown_name(f"kind of view of the bundle {self.name!r}", kind.value, [k.value for k in self.kinds])
        return self.embed_variant(pictures, self._variant_of[kind])

    def embed_variant(self, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], variant: str) -> Float[np.ndarray, "n dim"]:
        """Embed pictures of one variant: unit vectors, float32.

        Raises:
            OptionError: the bundle has no such variant.
            ArtifactError: its graph fails.
        """
        if variant not in self.settings.kinds:
            raise unknown_name(f"variant of the bundle {self.name!r}", variant, self.variants)
        out = np.empty((len(pictures), self.dim), np.float32)
        for start in range(0, len(pictures), _PICTURES_A_RUN):
            part = pictures[start : start + _PICTURES_A_RUN]
            pixels = self.preprocessing.normalise(np.stack([self.preprocessing.fit(picture) for picture in part]))
            out[start : start + len(part)] = run_graph(
                self.bundle, variant, {"pixels": pixels}, "embedding", self.dim, self._threads
            )
        return out
