"""Sources that tell their likelihood in concepts, whose strengths can be set and whose weights can be shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import bank
from whence.concepts.decompose import Config as DecomposeConfig
from whence.concepts.decompose import decompose
from whence.core.bundle import Bundle, load_bundle
from whence.core.errors import OptionError
from whence.encode.bundled import AlignmentModel
from whence.samples.view import Query

ALIGNMENT, SCENERY = "alignment", "scenery"
"""Names of the sources; bundles of these kinds are their models."""

_ALL_CONCEPTS = "100"


@dataclass(frozen=True, eq=False)
class ConceptSource:
    """A source with its model.

    Attributes:
        name: of the source.
        bundle: its model.
        ids: of its concepts.
        concept_array: name and axis of the array that says what each concept looks like.
        means_elsewhere: whether its likelihood is, where it knows nothing, the mean of what it is elsewhere.
        strengths: of the concepts in a query of one view; ``None`` for a view of a kind that it does not read.
    """

    name: str
    bundle: Bundle
    ids: tuple[str, ...]
    concept_array: tuple[str, int]
    means_elsewhere: bool
    strengths: Callable[[Query], Float[np.ndarray, " k"] | None]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the concepts in English, in the order of the ids."""
        return tuple(bank()[concept].name() for concept in self.ids)

    @property
    def told(self) -> dict[str, str]:
        """Settings under which every concept makes a claim of its own."""
        return {f"{self.name}.top_concepts": _ALL_CONCEPTS}

    @property
    def unrefined(self) -> dict[str, str]:
        """The same, on a grid that does not depend on the belief."""
        return self.told | ({f"{self.name}.refine": "0"} if self.name == ALIGNMENT else {})

    def set_to(self, concept: str, strength: float) -> dict[str, str]:
        """Settings with one concept, by id, at a strength."""
        return {**self.unrefined, f"{self.name}.set": f"{concept}={strength!r}"}


def concept_source(model: str, settings: Mapping[str, float] | None = None) -> ConceptSource:
    """Load the model of a source of concepts.

    Args:
        model: bundle of kind alignment or scenery, by name or folder.
        settings: of the source; ``sparsity`` is that of an alignment model's decompositions.

    Raises:
        OptionError: there is no such bundle, or it is of another kind.
        ArtifactError: it is damaged.
    """
    bundle = load_bundle(model)
    kind = bundle.header.kind
    if kind == ALIGNMENT:
        return _alignment(bundle, DecomposeConfig(sparsity=(settings or {}).get("sparsity", 0.25)))
    if kind == SCENERY:
        return _scenery(bundle)
    raise OptionError(f"The bundle {model} is of kind {kind!r}, which has no concepts to set: needed is {ALIGNMENT!r}.")


def _alignment(bundle: Bundle, config: DecomposeConfig) -> ConceptSource:
    model = AlignmentModel(bundle)

    def strengths(query: Query) -> Float[np.ndarray, " k"] | None:
        if query.views[0].kind not in model.settings.view_kinds:
            return None
        return decompose(model.embed_views(list(query.views))[0], model.basis, config).strengths

    return ConceptSource(ALIGNMENT, bundle, tuple(model.concept_ids), ("basis", 0), True, strengths)


def _scenery(bundle: Bundle) -> ConceptSource:
    from whence.evidence.scenery.model import SceneryModel

    model = SceneryModel(bundle)

    def strengths(query: Query) -> Float[np.ndarray, " k"] | None:
        if query.views[0].kind not in model.settings.view_kinds:
            return None
        return model.see(list(query.views))[0].strengths

    return ConceptSource(SCENERY, bundle, model.concept_ids, ("weights", 1), False, strengths)
