"""The evidence source `Scenery`: what kind of place a picture shows, told in concepts that add up to its likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from whence.core.errors import OptionError, unknown_name
from whence.evidence.bundle_source import BundleSource
from whence.evidence.interventions import parse_interventions
from whence.evidence.scenery.claims import claims_of
from whence.evidence.scenery.model import SceneryModel
from whence.evidence.types import Claim
from whence.samples.view import Query


@dataclass(frozen=True)
class Config:
    """Which model, and how its answer is told."""

    model: str = "pocket"
    "Bundle of kind scenery, by name or folder; empty for none."
    temperature: float = 1.0
    "The likelihood is divided by it, beyond the model's own: above 1 means trusted less."
    top_concepts: int = 8
    "How many concepts make claims of their own; the others make one together."
    general: bool = True
    "Whether it counts where pictures are taken in general, whatever they show."
    set: str = ""
    "Interventions: concepts and strengths, such as terrain/mountains=0;water/coast=0.4."

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0.0):
            raise OptionError(f"scenery.temperature is a number above 0, received {self.temperature}.")
        if not 0 <= self.top_concepts <= 100:
            raise OptionError(f"scenery.top_concepts lies within 0..100, received {self.top_concepts}.")
        parse_interventions(self.set, signed=True)


@final
class Scenery(BundleSource[SceneryModel]):
    """The look of the land, the settlement and the sky, against what the layers of the Earth say of every place."""

    NAME: ClassVar[str] = "scenery"
    SUMMARY: ClassVar[str] = "what kind of place the picture shows, by a small model that comes with the program"
    NEEDS: ClassVar[str] = "a ground photograph, and a bundle of kind scenery (scenery.model; pocket is shipped)"
    ERROR_MODEL: ClassVar[str] = (
        "The log-likelihood is divided by a temperature that was fitted on photographers whom the model had not seen. "
        "What is taken indoors says nothing of scenery and counts for less."
    )

    NO_MODEL: ClassVar[str] = (
        "no model is chosen: --set scenery.model=NAME_OR_FOLDER takes a bundle; 'whence models' lists those found"
    )

    def __init__(self, config: Config | None = None) -> None:
        """Load the model, if one is chosen.

        Raises:
            OptionError: no such bundle, or no such concept.
            ArtifactError: the bundle is damaged, or its concepts are not those of the bank.
        """
        self.config = config or Config()
        self.temperature = self.config.temperature
        self._model = SceneryModel.load(self.config.model) if self.config.model else None
        self._set: dict[int, float] = {}
        if self._model is not None:
            for name, strength in parse_interventions(self.config.set, signed=True).items():
                if name not in self._model.concept_ids:
                    raise unknown_name(
                        f"concept of the model {self._model.bundle.header.name}", name, self._model.concept_ids
                    )
                self._set[self._model.concept_ids.index(name)] = strength

    def read_views(self, model: SceneryModel, query: Query, numbers: Sequence[int]) -> tuple[Claim, ...]:
        """Claims of the concepts that tell most about each view, of all others together, and of pictures in general."""
        out: list[Claim] = []
        found = model.see([query.views[i] for i in numbers])
        for position, (number, seen) in enumerate(zip(numbers, found, strict=True)):
            # Several views of one place were taken by one person: what holds for all pictures counts once.
            general = self.config.general and position == 0
            out += claims_of(model, seen, self._set, self.config.top_concepts, general, number)
        return tuple(out)
