"""Recipes: one TOML file is one experiment, read strictly.

```toml
schema = 1
name = "chips_satclip"
summary = "…"

[data]
kind = "chips"        # a file of whence/train/data; its other settings follow
count = 30000

[image]
encoder = "chipnet"   # a file of whence/encode/image

[location]
encoder = "spherical_harmonics_siren"

[concepts]            # see `Concepts`
[loss]                # see `Loss`
[augment]             # see `Augment`
[optimiser]           # see `Optimiser`
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from whence.core.config import build
from whence.core.errors import OptionError, unknown_name

RECIPE_SCHEMA = 1
"""Version of the format that this code reads."""

FORMS = ("none", "cauchy_schwarz", "mean_log")
STARTS = ("none", "prototypes", "text", "random")
METHODS = ("adamw", "muon")
SCHEDULES = ("cosine", "geoclip", "constant")
PRECISIONS = ("no", "bf16", "fp16")


@dataclass(frozen=True)
class Concepts:
    """The bank of concepts between pictures and places."""

    basis: str = "none"
    "Where concepts start: none (no concepts), prototypes (of places), text (of their prompts) or random."
    text_encoder: str = "minilm"
    "Text encoder for basis = text, a file of whence/encode/text."
    supervised_weight: float = 0.0
    "Weight of the loss that holds grounded concepts to what is known to be true at the place."
    divergence: str = "none"
    "Loss between the activations of pictures and places: none, cauchy_schwarz or mean_log."
    divergence_weight: float = 0.0
    "Weight of that loss."
    bandwidth: float = 0.5
    "Deviation of its Gaussian kernel."
    learned: bool = True
    "Whether the basis is learned (delta) or stays where it started."
    places: int = 0
    "Further places per step that grounded supervision uses without pictures."
    hard_negatives: float = 0.0
    "How much more places with the same concepts count as negatives: a weight of exp(this × correlation)."
    everywhere: bool = False
    "Draw these anywhere on land instead of among training places: layers are known where no picture was taken."

    def __post_init__(self) -> None:
        if self.basis not in STARTS:
            raise unknown_name("start of the concept basis", self.basis, STARTS)
        if self.divergence not in FORMS:
            raise unknown_name("concept divergence", self.divergence, FORMS)


@dataclass(frozen=True)
class Loss:
    """The contrastive loss."""

    sigma_km: float = 0.0
    "Deviation of the distance-aware soft targets in km; 0 for hard targets."
    queue: int = 4096
    "Places besides the batch's that pictures are contrasted with; starts with real training places."
    queue_memory: bool = False
    "Keep the embeddings of past places instead of encoding their coordinates at every step."
    symmetric: bool = False
    "Also contrast each place with the pictures of the batch."
    smoothing: float = 0.0
    "Label smoothing of hard targets."
    temperature: float = 0.07
    "At which training starts; it is learned."


@dataclass(frozen=True)
class Augment:
    """Changes of the pictures while training. Features are never changed."""

    brightness: float = 0.0
    "Largest change of the brightness, as a share; each picture is multiplied by a factor around 1."
    contrast: float = 0.0
    "Largest change of the contrast, as a share."
    colour: float = 0.0
    "Largest change of each colour channel, as a share."
    shift_px: int = 0
    "Largest shift up, down and sideways in pixels; edges are repeated."
    noise: float = 0.0
    "Deviation of noise added to every value, in units of the preprocessed picture."
    turn: bool = False
    "Turn and mirror each batch in one of eight ways, all its pictures alike: for square pictures from above."


@dataclass(frozen=True)
class Optimiser:
    """What moves the weights, and its schedule."""

    epochs: float = 8.0
    "Passes over the training part."
    batch: int = 512
    "Pictures a step, on each process."
    learning_rate: float = 1e-3
    "Peak learning rate."
    method: str = "adamw"
    "adamw, or muon: convolutions and linear layers that see pictures by Muon, all other weights by AdamW."
    layer_learning_rate: float = 0.02
    "Peak learning rate of the weights that Muon takes, scaled so that steps are as long as AdamW's."
    location_learning_rate: float = 0.0
    "Peak learning rate of the location encoder and the concepts; 0 for the same."
    weight_decay: float = 1e-2
    "Decoupled weight decay of matrices."
    schedule: str = "cosine"
    "cosine (with warm-up), geoclip (0.87 an epoch, as published) or constant."
    warmup: float = 0.05
    "Share of the steps in which the rate rises."
    clip: float = 1.0
    "Bound of the gradient's norm; 0 for none."
    ema: float = 0.0
    "Decay of the running mean of the weights that is kept in the end; 0 for none."
    precision: str = "bf16"
    "Autocast: no, bf16 or fp16. Fixed features of places stay float32."
    validate_every: float = 0.0
    "Epochs between validations by the median distance; 0 for none; patience needs them."
    patience: int = 0
    "Validations without a better median distance after which training stops; 0 for never."
    checkpoint_every_s: float = 60.0
    "Seconds between checkpoints."

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)
        if self.method not in METHODS:
            raise unknown_name("method of the optimiser", self.method, METHODS)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if self.epochs <= 0 or self.batch < 2:
            raise OptionError(f"epochs > 0 and batch ≥ 2 are needed, received {self.epochs} and {self.batch}.")
        if self.method == "muon" and min(self.learning_rate, self.layer_learning_rate) <= 0:
            raise OptionError(f"With muon both learning rates are above 0, received {self}.")


@dataclass(frozen=True)
class Component:
    """A component by name with its settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """All of one experiment.

    Attributes:
        name: of the experiment.
        summary: what it is, one line.
        seed: of everything random.
        data: kind of data and its settings.
        image: image encoder and its settings.
        location: location encoder and its settings.
    """

    name: str
    summary: str
    data: Component
    image: Component
    location: Component
    concepts: Concepts = field(default_factory=Concepts)
    loss: Loss = field(default_factory=Loss)
    augment: Augment = field(default_factory=Augment)
    optimiser: Optimiser = field(default_factory=Optimiser)
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain values, in the layout of the file."""
        return {
            "schema": RECIPE_SCHEMA,
            "name": self.name,
            "summary": self.summary,
            "seed": self.seed,
            "data": {"kind": self.data.name, **self.data.settings},
            "image": {"encoder": self.image.name, **self.image.settings},
            "location": {"encoder": self.location.name, **self.location.settings},
            "concepts": asdict(self.concepts),
            "loss": asdict(self.loss),
            "augment": asdict(self.augment),
            "optimiser": asdict(self.optimiser),
        }


_KEYS = ("schema", "name", "summary", "seed", "data", "image", "location", "concepts", "loss", "augment", "optimiser")


def load_recipe(path: Path | str, changes: Mapping[str, str] = MappingProxyType({})) -> Recipe:
    """Read a recipe from a file.

    Args:
        path: of the TOML file.
        changes: values by ``section.key`` (or ``seed``, ``name``), which replace the file's.

    Raises:
        OptionError: the file cannot be read, or see `parse_recipe`.
    """
    return parse_recipe(read_table(path), changes, source=str(path))


def read_table(path: Path | str) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        OptionError: it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"The recipe {path} cannot be read ({error}). Give a TOML file in UTF-8.") from error


def changed_table(content: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """A copy with some values replaced: ``section.key``, or a key at the top."""
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
    for place, value in changes.items():
        section, dot, key = place.partition(".")
        if not dot:
            table[section] = value
        elif isinstance(table.setdefault(section, {}), dict):
            table[section][key] = value
    return table


def parse_recipe(
    content: Mapping[str, Any], changes: Mapping[str, str] = MappingProxyType({}), source: str = "the recipe"
) -> Recipe:
    """Check a recipe.

    Raises:
        OptionError: another schema, an unknown key (the nearest is named), a missing section, a value that does not
            fit.
    """
    table = changed_table(content, changes)
    for key in table:
        if key not in _KEYS:
            raise unknown_name(f"key of {source}", key, _KEYS)
    if table.get("schema") != RECIPE_SCHEMA:
        raise OptionError(f"{source} is of schema {table.get('schema')!r}, this version reads {RECIPE_SCHEMA}.")
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise OptionError(f"{source}: a name is missing.")
    return Recipe(
        name=name,
        summary=str(table.get("summary", "")),
        seed=whole(table.get("seed", 0), source),
        data=component_of(table, "data", "kind", source),
        image=component_of(table, "image", "encoder", source),
        location=component_of(table, "location", "encoder", source),
        concepts=build(Concepts, _section(table, "concepts", source), owner="concepts"),
        loss=build(Loss, _section(table, "loss", source), owner="loss"),
        augment=build(Augment, _section(table, "augment", source), owner="augment"),
        optimiser=build(Optimiser, _section(table, "optimiser", source), owner="optimiser"),
    )


def says_kind(path: Path | str, kind: str) -> bool:
    """Whether a recipe says that it is of a kind; what cannot be read says nothing."""
    try:
        return bool(read_table(path).get("kind") == kind)
    except OptionError:
        return False


@dataclass(frozen=True, slots=True)
class Head:
    """What every recipe says of itself."""

    name: str
    summary: str
    seed: int


def read_head(table: Mapping[str, Any], keys: Sequence[str], kind: str, source: str) -> Head:
    """Check the keys at the top of a recipe of some kind, and read what it says of itself.

    Raises:
        OptionError: an unknown key (the nearest is named), another schema or kind, no name, a seed that is none.
    """
    for key in table:
        if key not in keys:
            raise unknown_name(f"key of {source}", key, keys)
    if (table.get("schema"), table.get("kind")) != (RECIPE_SCHEMA, kind):
        raise OptionError(f'{source} must say schema = {RECIPE_SCHEMA} and kind = "{kind}".')
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise OptionError(f"{source}: a name is missing.")
    return Head(name, str(table.get("summary", "")), whole(table.get("seed", 0), source))


def whole(value: object, source: str) -> int:
    """The seed of a recipe.

    Raises:
        OptionError: no whole number.
    """
    try:
        return int(str(value))
    except ValueError:
        raise OptionError(f"{source}: seed is a whole number, received {value!r}.") from None


def _section(table: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise OptionError(f"{source}: [{name}] must be a section, received {section!r}.")
    return section


def component_of(table: Mapping[str, Any], name: str, key: str, source: str) -> Component:
    """A section that names a component and holds its settings.

    Raises:
        OptionError: no section, or it names none.
    """
    section = dict(_section(table, name, source))
    chosen = section.pop(key, None)
    if not isinstance(chosen, str):
        raise OptionError(f'{source}: section [{name}] needs {key} = "…", received {chosen!r}.')
    return Component(chosen, MappingProxyType(section))
