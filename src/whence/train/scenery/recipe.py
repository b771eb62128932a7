"""Recipes of scenery models: TOML, read strictly.

```toml
schema = 1
kind = "scenery"
name = "pocket"
summary = "…"

[data]      # see `Data`
[image]     # an encoder of whence/encode/image and its settings; labels = a file of its classes' names
[concepts]  # see `Concepts`
[fit]       # see `Fit`
[finetune]  # see `Finetune`; without it the network stays as it is
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from whence.core.config import build
from whence.core.errors import OptionError
from whence.train.recipe import (
    RECIPE_SCHEMA,
    Component,
    changed_table,
    component_of,
    read_head,
    read_table,
    says_kind,
)

KIND = "scenery"


@dataclass(frozen=True)
class Data:
    """Photographs with a place."""

    dataset: str = "photos_csv"
    "Reader, a file of whence/samples/datasets."
    root: str = ""
    "Folder of the data set."
    part: str = ""
    "Published part; its first if empty."
    groups: str = ""
    "Photographers or albums that are learned from, separated by commas; all if empty."
    without: str = ""
    "Photographers or albums that are left out, separated by commas, as for a test on them."
    accuracy_km: float = 5.0
    "Radius in which the camera stood where the table does not say."
    rights: str = ""
    "What is known of the rights in the photographs; stands on the model's card."
    limit: int = 0
    "Take this many photographs at random; 0 for all."


@dataclass(frozen=True)
class Views:
    """Changed copies of each photograph, whose features are averaged or added."""

    crops: int = 2
    "Squares cut from the ends of each photograph, beside the whole and its centre."
    recoloured: int = 4
    "Copies cut and recoloured at random, some of them grey."
    colour: float = 0.2
    "Largest change of a colour channel of such a copy, as a share."
    contrast: float = 0.3
    "Largest change of its contrast, as a share."
    grey: float = 0.2
    "Share of them that lose their colours."


@dataclass(frozen=True)
class Concepts:
    """Which grounded concepts a place is made of."""

    groups: str = "settlement=1;water=1;vegetation=1;sun=1;terrain=1;climate=0.5;culture=0.5"
    "Groups of the bank with the weight of their concepts; groups that are not named are left out."
    least_spread: float = 0.03
    "Concepts whose truth spreads less than this over photographs (standard deviation) are left out."
    spread_floor: float = 0.15
    "Truths are divided by their spread, but by no less than this: rare concepts count for less."


@dataclass(frozen=True)
class Fit:
    """The log-linear model."""

    components: int = 64
    "Principal components of the features that are used."
    penalty: float = 5.0
    "Of the squared weights from components to concepts."
    general_penalty: float = 3.0
    "Of the squared weights that hold for all pictures."
    draws: int = 8_000
    "Places drawn from the prior, beside the cells of the grid, that the truth is contrasted with."
    around: int = 16
    "Places drawn within the radius in which the camera stood."
    steps: int = 40
    "Most steps of L-BFGS."

    def __post_init__(self) -> None:
        if min(self.components, self.draws, self.around, self.steps) < 1 or min(self.penalty, self.general_penalty) < 0:
            raise OptionError(f"Counts of at least 1 and penalties of at least 0 are needed, received {self}.")


@dataclass(frozen=True)
class Finetune:
    """Tuning of the network's last blocks, before the log-linear model is fitted."""

    blocks: int = 0
    "How many of its last blocks are tuned, with its head; 0 leaves the network as it is."
    copies: int = 11
    "Recoloured copies of each photograph that are learned from, beside the plain ones."
    epochs: int = 6
    "Most passes over the photographs."
    rate: float = 1e-4
    "Size of the steps."
    readout_rate: float = 10.0
    "Factor on it for the readouts."
    decay: float = 0.01
    "Decay of the weights."
    batch: int = 32
    "Photographs a step."
    average: float = 0.9
    "Weight of the past in the running mean of the weights."
    share: float = 0.5
    "Share of the tuned weights in the result; the rest is the network as it was."
    near: float = 0.3
    "Weight of the truth spread over places near it."
    near_km: float = 500.0
    "Distance over which it is spread."
    concepts: float = 0.3
    "Weight of the concepts that hold at the photograph's place."
    aside: float = 0.2
    "Share of the places that is kept aside, to say when to stop."
    patience: int = 2
    "Passes without progress on them before it stops."

    def __post_init__(self) -> None:
        if min(self.blocks, self.copies) < 0 or min(self.epochs, self.batch, self.patience) < 1:
            raise OptionError(
                f"Counts of at least 0, and epochs, batch and patience of 1, are needed, received {self}."
            )
        if not (0 <= self.share <= 1 and 0 <= self.average < 1 and 0 < self.aside < 1 and self.near_km > 0):
            raise OptionError(f"share, average and aside lie within 0..1, near_km above 0, received {self}.")
        if min(self.rate, self.readout_rate, self.decay, self.near, self.concepts) < 0:
            raise OptionError(f"Rates and weights of at least 0 are needed, received {self}.")


@dataclass(frozen=True)
class SceneryRecipe:
    """All of one scenery model.

    Attributes:
        name: of the model.
        summary: what it is, one line.
        image: frozen encoder and its settings, with ``labels`` (a file of its classes' names) beside them.
        data: photographs.
        views: changed copies of them.
        concepts: what a place is made of.
        fit: how the two are joined.
        finetune: tuning of the network's last blocks; none by default.
        seed: of everything random.
    """

    name: str
    summary: str
    image: Component
    data: Data = field(default_factory=Data)
    views: Views = field(default_factory=Views)
    concepts: Concepts = field(default_factory=Concepts)
    fit: Fit = field(default_factory=Fit)
    finetune: Finetune = field(default_factory=Finetune)
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain values, in the layout of the file."""
        return {
            "schema": RECIPE_SCHEMA,
            "kind": KIND,
            "name": self.name,
            "summary": self.summary,
            "seed": self.seed,
            "data": asdict(self.data),
            "image": {"encoder": self.image.name, **self.image.settings},
            "views": asdict(self.views),
            "concepts": asdict(self.concepts),
            "fit": asdict(self.fit),
            "finetune": asdict(self.finetune),
        }


_KEYS = ("schema", "kind", "name", "summary", "seed", "data", "image", "views", "concepts", "fit", "finetune")
SECTIONS = {"data": Data, "views": Views, "concepts": Concepts, "fit": Fit, "finetune": Finetune}
"""Sections with a class of settings, by name."""


def is_scenery(path: Path | str) -> bool:
    """Whether a recipe says that it is of this kind; what cannot be read says nothing."""
    return says_kind(path, KIND)


def load_scenery_recipe(path: Path | str, changes: Mapping[str, str] = MappingProxyType({})) -> SceneryRecipe:
    """Read a recipe from a file.

    Args:
        path: of the TOML file.
        changes: values by ``section.key`` (or ``seed``, ``name``), which replace the file's.

    Raises:
        OptionError: the file cannot be read, an unknown key (the nearest is named), or a value that does not fit.
    """
    return parse_scenery_recipe(changed_table(read_table(path), changes), str(path))


def parse_scenery_recipe(table: Mapping[str, Any], source: str = "the recipe") -> SceneryRecipe:
    """Check a recipe.

    Raises:
        OptionError: see `load_scenery_recipe`.
    """
    head = read_head(table, _KEYS, KIND, source)
    parts: dict[str, Any] = {key: build(kind, table.get(key, {}), owner=key) for key, kind in SECTIONS.items()}
    return SceneryRecipe(
        name=head.name,
        summary=head.summary,
        image=component_of(table, "image", "encoder", source),
        seed=head.seed,
        **parts,
    )
