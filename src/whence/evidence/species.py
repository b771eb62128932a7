"""Birds and insects in the picture, and the continents where they live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from whence.core.errors import OptionError
from whence.earth.regions import RegionLevel, regions
from whence.encode.tflite import TfliteModel, missing_runtime
from whence.evidence.scene.assets import (
    BIRD_LABELS,
    BIRDS,
    IMAGENET,
    INSECT_LABELS,
    INSECTS,
    Asset,
    checked,
    read_labels,
)
from whence.evidence.scene.model import check_share, mixed
from whence.evidence.scene.ranges import Range, range_of
from whence.evidence.scene.source import NetworkSource
from whence.evidence.types import Claim
from whence.samples.view import Query, View, ViewKind

_BACKGROUND = "background"
_LABEL = re.compile(r"(?P<name>[^()]+?) \((?P<common>.+)\)$")


@dataclass(frozen=True)
class Config:
    """Where the networks are, and the error model."""

    models: str = ""
    "Folder with the networks of birds, insects and ImageNet; $WHENCE_ASSETS if empty."
    confidence: float = 0.5
    "The least probability, by its network, of a species that is believed."
    gate: float = 0.3
    "The least probability, by the network of ImageNet, that the picture shows such an animal at all; 0 for none."
    wrong_share: float = 0.3
    "Share of such readings that say nothing: another species, a pet, a zoo, brought by people, 0..1."

    def __post_init__(self) -> None:
        for name in ("confidence", "wrong_share"):
            check_share(getattr(self, name), f"species.{name}")
        if not 0.0 <= self.gate < 1.0:
            raise OptionError(f"species.gate is a probability from 0 (no gate) to below 1, received {self.gate}.")


@dataclass(frozen=True, slots=True)
class Kingdom:
    """One kind of animal that a network tells apart.

    Attributes:
        kind: what it is called.
        network: the file.
        labels: names of its classes.
        table: of the ranges.
        classes: which classes of ImageNet (background first) show such an animal, as first and last of runs.
    """

    kind: str
    network: Asset
    labels: Asset
    table: str
    classes: tuple[tuple[int, int], ...]


KINGDOMS = (
    Kingdom("bird", BIRDS, BIRD_LABELS, "bird_ranges", ((8, 25), (81, 101), (128, 147))),
    Kingdom("insect", INSECTS, INSECT_LABELS, "insect_ranges", ((301, 327),)),
)
"""The network of insects sees bees in flowers, so its word counts only where ImageNet sees an insect too."""

_NEEDED = (IMAGENET, BIRDS, BIRD_LABELS, INSECTS, INSECT_LABELS)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A species that was seen.

    Attributes:
        kind: ``bird`` or ``insect``.
        name: scientific name.
        common: English name.
        probability: by the network.
        range: where it lives, ``None`` if unknown.
    """

    kind: str
    name: str
    common: str
    probability: float
    range: Range | None


@final
class Species(NetworkSource):
    """Species of birds and insects, by networks trained on iNaturalist."""

    NAME: ClassVar[str] = "species"
    SUMMARY: ClassVar[str] = "birds and insects in a photo, and the continents where they live"
    NEEDS: ClassVar[str] = "a photo from the ground; the extra scenery and a folder with the networks (species.models)"
    ERROR_MODEL: ClassVar[str] = (
        "Speaks only of what it sees with 50 % or more and ImageNet sees as well; 30 % of such readings say nothing "
        "(another species, a pet, a zoo). Ranges are those of continents, and unknown for every third name."
    )

    FILES: ClassVar[tuple[Asset, ...]] = _NEEDED
    NETWORKS: ClassVar[tuple[Asset, ...]] = (IMAGENET, BIRDS, INSECTS)

    def __init__(self, config: Config | None = None) -> None:
        """Find the networks.

        Raises:
            OptionError: the folder of the setting lacks one.
        """
        self.config = config or Config()
        super().__init__(self.config.models)
        self._networks: dict[str, TfliteModel] = {}
        self._labels: dict[str, tuple[str, ...]] = {}

    def availability(self) -> str | None:
        """What is missing: the networks or what runs them."""
        return missing_runtime() or super().availability()

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim for each species, however many views show it."""
        if self._folder is None:
            return ()
        claims: dict[str, Claim] = {}
        for number, view in enumerate(query.views):
            if view.kind == ViewKind.GROUND:
                for sighting in self.look(view):
                    claims.setdefault(sighting.name, self._claim(sighting, number))
        return tuple(claims.values())

    def look(self, view: View) -> tuple[Sighting, ...]:
        """The species that a picture shows, at most one bird and one insect.

        Raises:
            MissingExtraError: LiteRT is not installed.
            ArtifactError: a file is damaged or another one.
        """
        self._load()
        seen = self._networks[IMAGENET.name].run(view.pixels)
        found = []
        for kingdom in KINGDOMS:
            if sum(float(seen[first : last + 1].sum()) for first, last in kingdom.classes) >= self.config.gate:
                shares = self._networks[kingdom.network.name].run(view.pixels)
                sighting = self._sighting(kingdom, shares)
                found += [] if sighting is None else [sighting]
        return tuple(found)

    def _sighting(self, kingdom: Kingdom, shares: Float[np.ndarray, " n"]) -> Sighting | None:
        best = int(np.argmax(shares))
        label = self._labels[kingdom.labels.name][best]
        match = _LABEL.match(label)
        if label == _BACKGROUND or match is None or shares[best] < self.config.confidence:
            return None
        name = match["name"]
        return Sighting(kingdom.kind, name, match["common"], float(shares[best]), range_of(name, kingdom.table))

    def _claim(self, sighting: Sighting, view: int) -> Claim:
        kind, read = sighting.kind, f"{sighting.common} ({sighting.name}), {sighting.probability:.0%}"
        if sighting.range is None:
            return Claim(kind, read, "nothing: its range is not in the table, or is the whole world", view=view)
        inside = regions(RegionLevel.COUNTRY).log_field(
            dict.fromkeys(sorted(sighting.range.countries), 0.0), default=float("-inf")
        )
        return Claim(
            kind=kind,
            read=read,
            implies=f"it lives in {sighting.range.words}",
            error_model=f"says nothing in {self.config.wrong_share:.0%} of cases: misread, a pet or a zoo",
            likelihood=mixed(inside, self.config.wrong_share),
            view=view,
        )

    def _load(self) -> None:
        assert self._folder is not None
        with self._lock:
            if not self._networks:
                labels = {
                    asset.name: read_labels(checked(self._folder, asset)) for asset in (BIRD_LABELS, INSECT_LABELS)
                }
                loaded = {asset.name: TfliteModel(checked(self._folder, asset)) for asset in (IMAGENET, BIRDS, INSECTS)}
                self._labels, self._networks = labels, loaded
