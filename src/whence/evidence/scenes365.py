"""Kinds of scenes: streets, monuments, mountains, shores, by a network trained on Places365."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import ArtifactError
from whence.encode.squeezenet import SqueezeNet
from whence.evidence.scene.assets import SCENE_LABELS, SCENES, Asset, checked
from whence.evidence.scene.model import SceneTable, check_share, claim_of
from whence.evidence.scene.source import NetworkSource
from whence.evidence.types import Claim
from whence.samples.view import Query, ViewKind

TABLE = "scenes365.json"
"""The fitted table. It lies beside the network: none is shipped, as the network's weights state no licence."""

INDOORS = "indoors"
"""The group of all classes that no group of the list names."""

_TOLD = 3


@dataclass(frozen=True)
class Config:
    """Where the network is, and the error model."""

    models: str = ""
    "Folder with the network of scenes and scenes365.json, its fitted table; $WHENCE_ASSETS if empty."
    wrong_share: float = 0.05
    "Share of pictures whose scene says nothing of the place, 0..1."
    indoor_from: float = 0.5
    "A picture that is indoors with this probability or more says nothing."

    def __post_init__(self) -> None:
        check_share(self.wrong_share, "scenes365.wrong_share")
        check_share(self.indoor_from, "scenes365.indoor_from")


@lru_cache(maxsize=1)
def scene_groups() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Groups of outdoor classes: by name, the words for it and its classes."""
    text = (files("whence.evidence.scene") / "data" / "scene_groups.txt").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            head, _, classes = line.partition(":")
            name, _, words = head.partition(" = ")
            found[name] = words, tuple(classes.split())
    return MappingProxyType(found)


def group_numbers(labels: Path) -> Int[np.ndarray, " n"]:
    """The group of each class, in the order of the file of labels; the last group is `INDOORS`.

    Raises:
        ArtifactError: the file lacks a class that a group names.
    """
    with labels.open(newline="", encoding="ascii") as file:
        names = [row["label"] for row in csv.DictReader(file)]
    groups = np.full(len(names), len(scene_groups()), np.int64)
    for number, (_, classes) in enumerate(scene_groups().values()):
        for name in classes:
            if name not in names:
                raise ArtifactError(f"The file {labels} lacks the class {name}. Give the file as it was published.")
            groups[names.index(name)] = number
    return groups


def group_shares(probabilities: Float[np.ndarray, " n"], groups: Int[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """Probability of each group, `INDOORS` last."""
    return np.bincount(groups, probabilities, minlength=len(scene_groups()) + 1)


@final
class Scenes365(NetworkSource):
    """Kind of scene, and what it says of people, relief, coast and climate."""

    NAME: ClassVar[str] = "scenes365"
    SUMMARY: ClassVar[str] = "kind of scene: streets, monuments, mountains, shore, fields, by a network of scenes"
    NEEDS: ClassVar[str] = (
        "a photo from the ground, taken outdoors; a folder with the network and a table fitted to it (scenes365.models)"
    )
    ERROR_MODEL: ClassVar[str] = (
        "The kinds of scenes pull towards people, relief, coast and climate by a small fitted table; 5 % of pictures "
        "say nothing, nor do those indoors. Several views of one place count as one."
    )

    FILES: ClassVar[tuple[Asset, ...]] = (SCENES, SCENE_LABELS, Asset(TABLE, ""))
    NETWORKS: ClassVar[tuple[Asset, ...]] = (SCENES,)

    def __init__(self, config: Config | None = None) -> None:
        """Find the network.

        Raises:
            OptionError: the folder of the setting lacks it, or its table.
        """
        self.config = config or Config()
        super().__init__(self.config.models)
        self._loaded: tuple[SqueezeNet, Int[np.ndarray, " n"], SceneTable] | None = None

    def availability(self) -> str | None:
        """What is missing: the network, or the table fitted to it."""
        missing = super().availability()
        return missing and f"{missing}, and the table of scripts/fit_scenery.py"

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim a view from the ground."""
        numbers = [n for n, view in enumerate(query.views) if view.kind == ViewKind.GROUND]
        if not numbers or self._folder is None:
            return ()
        network, groups, table = self._load()
        found = [group_shares(network.probabilities(query.views[n].pixels), groups) for n in numbers]
        outdoors = sum(bool(one[-1] < self.config.indoor_from) for one in found)
        claims = []
        for number, one in zip(numbers, found, strict=True):
            if one[-1] >= self.config.indoor_from:
                claims.append(Claim("kind of scene", _in_words(one), "nothing: taken indoors", view=number))
                continue
            claims.append(
                claim_of(
                    table.pulls(np.sqrt(one)),
                    kind="kind of scene",
                    read=_in_words(one),
                    wrong_share=self.config.wrong_share,
                    views=outdoors,
                    view=number,
                )
            )
        return tuple(claims)

    def _load(self) -> tuple[SqueezeNet, Int[np.ndarray, " n"], SceneTable]:
        with self._lock:
            if self._loaded is None:
                assert self._folder is not None
                network = SqueezeNet(checked(self._folder, SCENES))
                groups = group_numbers(checked(self._folder, SCENE_LABELS))
                self._loaded = network, groups, SceneTable.read(self._folder / TABLE, SCENES)
            return self._loaded


def _in_words(found: Float[np.ndarray, " k"]) -> str:
    words = [*(words for words, _ in scene_groups().values()), INDOORS]
    order = np.argsort(-found, kind="stable")[:_TOLD]
    return ", ".join(f"{words[n]} {found[n]:.0%}" for n in order if found[n] >= 0.05)
