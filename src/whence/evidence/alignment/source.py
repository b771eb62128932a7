"""The evidence source `Alignment`: a bundle of `whence.encode.bundled`, a picture, and what they say of every place."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from whence.concepts.bank import ConceptBank, bank
from whence.concepts.decompose import Config as DecomposeConfig
from whence.concepts.decompose import Decomposition, decompose_many
from whence.core.errors import ArtifactError, OptionError, unknown_name
from whence.encode.bundled import AlignmentModel
from whence.encode.encoded_places import ContinuousPlaces, EncodedPlaces, GalleryPlaces
from whence.evidence.alignment.claims import Teller
from whence.evidence.alignment.parts import Columns, evaluate
from whence.evidence.bundle_source import BundleSource
from whence.evidence.interventions import parse_interventions
from whence.evidence.types import Claim
from whence.samples.view import Query

_COLUMN_NAMES = {"lat": ("lat_deg", "lat", "latitude"), "lon": ("lon_deg", "lon", "lng", "longitude")}


@dataclass(frozen=True)
class Config:
    """Which model, where it is evaluated, and how its answer is told."""

    model: str = ""
    "Bundle of kind alignment, by name or folder; empty for none."
    gallery: str = ""
    "File of the only places that come into question, latitude and longitude, .csv or .npy; empty for the whole Earth."
    gallery_km: float = 50.0
    "Width of the kernel around each place of the gallery, km (one sigma)."
    coarse_order: int = 6
    "Order of the grid on which the whole Earth is evaluated: 5 has cells of 204 km, 6 of 102 km, 7 of 51 km."
    refine: int = 1000
    "How many cells are split at each finer order, those with the most mass first."
    top_concepts: int = 8
    "How many concepts make claims of their own; the others make one together."
    sparsity: float = 0.25
    "How few concepts a picture is written with: 0 takes as many as fit it, 1 none."
    temperature: float = 1.0
    "The likelihood is divided by it, beyond the model's own: above 1 means trusted less."
    set: str = ""
    "Interventions: concepts and strengths, such as terrain/mountains=0;climate/hot_desert=0.4."

    def __post_init__(self) -> None:
        for name, low, high in (("coarse_order", 0, 9), ("refine", 0, 100_000), ("top_concepts", 0, 100)):
            if not low <= getattr(self, name) <= high:
                raise OptionError(f"alignment.{name} lies within {low}..{high}, received {getattr(self, name)}.")
        if not (math.isfinite(self.temperature) and self.temperature > 0.0):
            raise OptionError(f"alignment.temperature is a number above 0, received {self.temperature}.")
        DecomposeConfig(sparsity=self.sparsity)
        parse_interventions(self.set)


def read_gallery(path: Path) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Read latitudes and longitudes: a ``.npy`` of two columns, or a ``.csv`` with a header or of two bare columns.

    Raises:
        OptionError: the file cannot be read, or holds something else.
    """
    try:
        if path.suffix.lower() == ".npy":
            rows = np.asarray(np.load(path, allow_pickle=False), np.float64)
        else:
            rows = np.asarray(list(_csv_rows(path)), np.float64)
    except (OSError, EOFError, IndexError, ValueError) as error:
        raise OptionError(
            f"The gallery {path} cannot be read ({error}). Give a .npy of two columns, or a .csv with columns lat, lon."
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows):
        raise OptionError(f"The gallery {path} needs rows of latitude and longitude; its shape is {rows.shape}.")
    wrong = np.flatnonzero(~((np.abs(rows[:, 0]) <= 90.0) & (np.abs(rows[:, 1]) <= 360.0)))
    if wrong.size:
        raise OptionError(f"Row {wrong[0] + 1} of the gallery {path} is no place: {rows[wrong[0]].tolist()}.")
    return rows[:, 0].copy(), rows[:, 1].copy()


def _csv_rows(path: Path) -> Iterator[tuple[float, float]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        first = next(rows, [])
        names = [cell.strip().lower() for cell in first]
        at = [next((names.index(name) for name in _COLUMN_NAMES[axis] if name in names), -1) for axis in ("lat", "lon")]
        if min(at) < 0:
            at = [0, 1]
            yield float(first[0]), float(first[1])
        for row in rows:
            if row:
                yield float(row[at[0]]), float(row[at[1]])


@final
class Alignment(BundleSource[AlignmentModel]):
    """Pictures against places, by a model that was trained on pairs of them, told in concepts."""

    NAME: ClassVar[str] = "alignment"
    SUMMARY: ClassVar[str] = "how well the picture fits each place on Earth, by a trained model, told in concepts"
    NEEDS: ClassVar[str] = "a bundle of kind alignment (alignment.model) and a picture of a kind that it was trained on"
    ERROR_MODEL: ClassVar[str] = (
        "The model's log-likelihood is divided by a temperature that was fitted on held-out pictures. Where it was not "
        "trained (the sea, mostly) it says what it says on average."
    )
    TIME_LIMIT_S: ClassVar[float] = 120.0
    NO_MODEL: ClassVar[str] = (
        "no model is chosen: --set alignment.model=NAME_OR_FOLDER takes a bundle; 'whence models' lists those found "
        "here"
    )

    def __init__(self, config: Config | None = None) -> None:
        """Load the model, if one is chosen.

        Raises:
            OptionError: no such bundle, gallery or concept.
            ArtifactError: the bundle is damaged, or its concepts are not those of the bank.
        """
        self.config = config or Config()
        self.temperature = self.config.temperature
        self._model: AlignmentModel | None = None
        if self.config.model:
            self._model = AlignmentModel.load(self.config.model)
            self._bank = known_bank(self._model)
            self._places = self._make_places(self._model)
            self._interventions = self._rows_set(self._model)

    def read_views(self, model: AlignmentModel, query: Query, numbers: Sequence[int]) -> tuple[Claim, ...]:
        """Claims of the strongest concepts of each view, of all others together, and of what no concept explains."""
        embeddings = model.embed_views([query.views[i] for i in numbers])
        config = DecomposeConfig(sparsity=self.config.sparsity)
        original = list(decompose_many(embeddings, model.basis, config))
        changed = [self._intervene(found) for found in original]
        columns = Columns.of(changed, model.sharpness)
        parts = evaluate(
            columns,
            self._places,
            coarse_order=self.config.coarse_order,
            finest_order=model.settings.finest_order,
            refine=self.config.refine,
        )
        claims: list[Claim] = []
        for position, number in enumerate(numbers):
            probabilities = model.concept_probabilities(embeddings[position])
            teller = Teller(model, self._bank, parts, columns, probabilities, self._interventions, number)
            claims += teller.claims(position, original[position], changed[position], self.config.top_concepts)
        return tuple(claims)

    def _make_places(self, model: AlignmentModel) -> EncodedPlaces:
        if not self.config.gallery:
            return ContinuousPlaces(model)
        lat, lon = read_gallery(Path(self.config.gallery))
        return GalleryPlaces(model, lat, lon, self.config.gallery_km)

    def _rows_set(self, model: AlignmentModel) -> dict[int, float]:
        rows = {}
        for name, strength in parse_interventions(self.config.set).items():
            if name not in model.concept_ids:
                raise unknown_name(f"concept of the model {model.bundle.header.name}", name, model.concept_ids)
            rows[model.concept_ids.index(name)] = strength
        return rows

    def _intervene(self, found: Decomposition) -> Decomposition:
        for row, strength in self._interventions.items():
            found = found.with_strength(row, strength)
        return found


def known_bank(model: AlignmentModel) -> ConceptBank | None:
    """The shipped bank, if the model has concepts.

    Raises:
        ArtifactError: one of the model's concepts is not in the bank.
    """
    if not model.concept_ids:
        return None
    missing = [name for name in model.concept_ids if name not in bank()]
    if missing:
        raise ArtifactError(
            f"The bundle {model.bundle.folder} has concepts that are not in the concept bank of this version: "
            f"{', '.join(missing[:5])}. Export it again, or install the version of whence that it was made with."
        )
    return bank()
