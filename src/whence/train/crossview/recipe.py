"""Recipes of cross-view models: TOML, read strictly.

```toml
schema = 1
kind = "crossview"
name = "gleam_chips"
summary = "…"

[data]       # kind = a file of whence/train/crossview/data; its other settings follow
[tower]      # encoder = chipnet or mobilenet_v2; its other settings follow
[family]     # see `Family`: how variants of views share the tower
[phase_1]    # see `Phase`: one pair of variants
[phase_2]    # the union
[loss]       # see `Loss`
[position]   # see `Position`: a head for the place inside the satellite picture, if any
[batches]    # see `Batches`
[augment]    # as in every recipe; shift_px moves each variant by itself, data.margin_px those of a place together
[optimiser]  # as in every recipe; epochs are those of all phases together
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from whence.core.config import build
from whence.core.errors import OptionError, unknown_name
from whence.train.recipe import (
    RECIPE_SCHEMA,
    Augment,
    Component,
    Optimiser,
    changed_table,
    component_of,
    read_head,
    read_table,
    says_kind,
)

KIND = "crossview"
CONTRASTS = ("symmetric", "overlap", "distance")
HEADS = ("shared", "own")
STARTS = ("drawn", "satellite")


@dataclass(frozen=True)
class Family:
    """How the variants of views share one tower; each is aligned with satellite alone (GLEAM-C)."""

    own_layers: int = 5
    "Layers at the start that each variant has for itself; the others are shared."
    heads: str = "shared"
    "Whether the last linear layer is shared or each variant's own."
    dim: int = 256
    "Length of the embedding."
    start: str = "drawn"
    "How the layers of a variant that joins in a later phase start: drawn at random, or as those of satellite."
    ways: int = 1
    "In how many turns and mirrorings pictures are embedded once trained, the vectors side by side: 1, 2, 4 or 8."

    def __post_init__(self) -> None:
        if self.ways not in (1, 2, 4, 8):
            raise OptionError(f"Pictures are embedded in 1, 2, 4 or 8 ways, received family.ways = {self.ways}.")
        if self.heads not in HEADS:
            raise unknown_name("kind of heads", self.heads, HEADS)
        if self.start not in STARTS:
            raise unknown_name("start of a variant", self.start, STARTS)
        if self.own_layers < 0 or self.dim < 1:
            raise OptionError(f"own_layers ≥ 0 and dim ≥ 1 are needed, received {self}.")


@dataclass(frozen=True)
class Phase:
    """A stretch of training with a rise and fall of the learning rate of its own."""

    variants: str = ""
    "Variants that are aligned with satellite, separated by commas."
    share: float = 1.0
    "Of the steps, beside the shares of the other phases."
    rate: float = 1.0
    "Factor on the learning rate."
    shared_rate: float = 1.0
    "Further factor for what satellite uses (its own layers, the shared ones, its head); 0 keeps them as they are."

    def __post_init__(self) -> None:
        if not self.names:
            raise OptionError('A phase needs variants, for example variants = "relief,map".')
        if self.share <= 0 or self.rate <= 0 or self.shared_rate < 0:
            raise OptionError(f"share > 0, rate > 0 and shared_rate ≥ 0 are needed, received {self}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The variants."""
        return tuple(part.strip() for part in self.variants.split(",") if part.strip())


@dataclass(frozen=True)
class Loss:
    """What is trained for, for each variant against satellite."""

    contrast: str = "symmetric"
    "symmetric (InfoNCE both ways), overlap (targets smoothed where pairs overlap little) or distance (soft targets)."
    smoothing: float = 0.0
    "Label smoothing of the symmetric contrast."
    temperature: float = 0.07
    "At which training starts; it is learned."
    steepness: float = 5.0
    "Of the overlap contrast: smoothing is 1 − sigmoid(this × IoU)."
    sigma_m: float = 1000.0
    "Of the distance contrast: deviation of the soft targets in metres."
    instance_weight: float = 0.0
    "Weight of the instance loss: places as classes of one classifier."

    def __post_init__(self) -> None:
        if self.contrast not in CONTRASTS:
            raise unknown_name("cross-view contrast", self.contrast, CONTRASTS)
        if not 0 <= self.smoothing < 1 or self.temperature <= 0 or self.sigma_m <= 0:
            raise OptionError(f"0 ≤ smoothing < 1, temperature > 0 and sigma_m > 0 are needed, received {self}.")


@dataclass(frozen=True)
class Position:
    """The head that finds where in the satellite picture a view was taken (UnifyGeo)."""

    weight: float = 0.0
    "Weight of its loss beside that of retrieval; 0 for towers without such a head."
    rerank_weight: float = 1.0
    "Weight of the loss of re-ranking: among the likest satellite pictures a view's own speaks loudest."
    offset_weight: float = 1.0
    "Weight of the offset in the cell beside the choice of the cell."
    cells: int = 12
    "Side of the map of positions in cells; the tower has a feature map of this side."
    dim: int = 64
    "Length of the vectors of views and cells."
    view_cells: int = 1
    "Side of a view's own map in cells, for views from above with north up that all show as much ground; else 1."
    candidates: int = 16
    "Satellite pictures of a batch that a view's own is told from, those most like it."

    def __post_init__(self) -> None:
        if min(self.weight, self.rerank_weight, self.offset_weight) < 0:
            raise OptionError(f"Weights of [position] are 0 or more, received {self}.")
        if min(self.cells, self.candidates) < 2 or self.dim < 1:
            raise OptionError(f"cells ≥ 2, candidates ≥ 2 and dim ≥ 1 are needed, received {self}.")


@dataclass(frozen=True)
class Batches:
    """Which places are in a batch together; never one place twice."""

    hard_share: float = 0.75
    "Share of a batch that is made of groups of places that are easily taken for one another; the rest is random."
    hard_after: float = 0.0
    "Epochs of random batches before that; from the start, groups slow down a short training from scratch."
    group: int = 16
    "Places of a group: one at random, and others near it."
    reach: int = 2
    "Neighbours of a group are drawn from the nearest group × reach."
    visual_after: float = 0.0
    "Epochs after which groups are made by likeness of embeddings instead of distance; 0 for never."
    visual_every: float = 1.0
    "Epochs between updates of that likeness."
    visual_pool: int = 128
    "Likest places that are kept for each; half of a group's are the likest, the other half drawn from these."

    def __post_init__(self) -> None:
        if not 0 <= self.hard_share <= 1 or self.group < 2 or self.reach < 1 or self.visual_pool < 2:
            raise OptionError(
                f"0 ≤ hard_share ≤ 1, group ≥ 2, reach ≥ 1 and visual_pool ≥ 2 are needed, received {self}."
            )


@dataclass(frozen=True)
class CrossViewRecipe:
    """All of one cross-view model.

    Attributes:
        name: of the model.
        summary: what it is, one line.
        data: kind of data and its settings.
        tower: image encoder and its settings.
        phases: one or more, in order.
        family: how variants share the tower.
        loss: what is trained for.
        position: the head of positions inside the satellite picture, if there is one.
        batches: which places are together.
        augment: how pictures are changed.
        optimiser: AdamW and its schedule.
        seed: of everything random.
    """

    name: str
    summary: str
    data: Component
    tower: Component
    phases: tuple[Phase, ...]
    family: Family = field(default_factory=Family)
    loss: Loss = field(default_factory=Loss)
    position: Position = field(default_factory=Position)
    batches: Batches = field(default_factory=Batches)
    augment: Augment = field(default_factory=Augment)
    optimiser: Optimiser = field(default_factory=Optimiser)
    seed: int = 0

    @property
    def variants(self) -> tuple[str, ...]:
        """All variants of all phases, in the order in which they join."""
        return tuple(dict.fromkeys(name for phase in self.phases for name in phase.names))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, in the layout of the file."""
        return {
            "schema": RECIPE_SCHEMA,
            "kind": KIND,
            "name": self.name,
            "summary": self.summary,
            "seed": self.seed,
            "data": {"kind": self.data.name, **self.data.settings},
            "tower": {"encoder": self.tower.name, **self.tower.settings},
            "family": {key: value for key, value in asdict(self.family).items() if (key, value) != ("ways", 1)},
            **{f"phase_{i}": asdict(phase) for i, phase in enumerate(self.phases, 1)},
            "loss": asdict(self.loss),
            **({"position": asdict(self.position)} if self.position != Position() else {}),
            "batches": asdict(self.batches),
            "augment": asdict(self.augment),
            "optimiser": asdict(self.optimiser),
        }


SECTIONS = {
    "family": Family,
    "loss": Loss,
    "position": Position,
    "batches": Batches,
    "augment": Augment,
    "optimiser": Optimiser,
}
"""Sections with a class of settings, by name."""

_MOST_PHASES = 4
_PHASES = tuple(f"phase_{i}" for i in range(1, _MOST_PHASES + 1))
_KEYS = ("schema", "kind", "name", "summary", "seed", "data", "tower", *_PHASES, *SECTIONS)


def is_crossview(path: Path | str) -> bool:
    """Whether a recipe says that it is of this kind; what cannot be read says nothing."""
    return says_kind(path, KIND)


def load_crossview_recipe(path: Path | str, changes: Mapping[str, str] = MappingProxyType({})) -> CrossViewRecipe:
    """Read a recipe from a file.

    Args:
        path: of the TOML file.
        changes: values by ``section.key`` (or ``seed``, ``name``), which replace the file's.

    Raises:
        OptionError: the file cannot be read, an unknown key (the nearest is named), or a value that does not fit.
    """
    return parse_crossview_recipe(changed_table(read_table(path), changes), str(path))


def parse_crossview_recipe(table: Mapping[str, Any], source: str = "the recipe") -> CrossViewRecipe:
    """Check a recipe.

    Raises:
        OptionError: see `load_crossview_recipe`.
    """
    head = read_head(table, _KEYS, KIND, source)
    phases = tuple(build(Phase, table[key], owner=key) for key in _PHASES if key in table)
    if not phases:
        raise OptionError(f"{source} needs a section [phase_1] with the variants that are aligned with satellite.")
    parts: dict[str, Any] = {key: build(kind, table.get(key, {}), owner=key) for key, kind in SECTIONS.items()}
    if parts["position"].weight and parts["family"].ways > 1:
        raise OptionError(
            f"A head of positions sees pictures as they are, received family.ways = {parts['family'].ways}: "
            "set it to 1, or position.weight to 0."
        )
    return CrossViewRecipe(
        name=head.name,
        summary=head.summary,
        data=component_of(table, "data", "kind", source),
        tower=component_of(table, "tower", "encoder", source),
        phases=phases,
        seed=head.seed,
        **parts,
    )
