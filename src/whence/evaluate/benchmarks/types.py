"""What a benchmark is: `Benchmark` and its `Protocol`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from whence.core.arrays import FloatArray, Numbers
from whence.core.errors import ArtifactError
from whence.evaluate.benchmarks import earths
from whence.evaluate.benchmarks.scores import ON_ERRORS, SCORES, distance_recall
from whence.samples.datasets import datasets
from whence.samples.datasets.types import Dataset, DatasetCard

CROPS = ("whole", "centre", "five", "ten")
"""What of a picture is shown to a system: all, the middle square, its corners too, and all of them mirrored as well."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a benchmark is scored where it was published.

    Attributes:
        earth: on which errors are measured, one of `whence.evaluate.benchmarks.earths.EARTHS`.
        crops: which views of a picture published results are based on, from `CROPS`.
        split: what may be trained on, and what is tested.
        thresholds_km: distances of which the shares within are reported.
        strict: whether an error must be smaller than a threshold, rather than not larger.
        scores: what is reported, names of `whence.evaluate.benchmarks.scores.SCORES`.
        missing: what becomes of pictures without an answer.
    """

    earth: str
    crops: tuple[str, ...]
    split: str
    thresholds_km: tuple[float, ...]
    strict: bool
    scores: tuple[str, ...]
    missing: str

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ArtifactError: an Earth, crop or score is unknown, or thresholds do not rise.
        """
        unknown = [*({self.earth} - {*earths.EARTHS}), *({*self.crops} - {*CROPS}), *({*self.scores} - {*SCORES})]
        if unknown:
            raise ArtifactError(f"A protocol names what there is not: {', '.join(sorted(unknown))}.")
        if list(self.thresholds_km) != sorted({*self.thresholds_km}):
            raise ArtifactError(f"The thresholds of a protocol must rise: {self.thresholds_km}.")

    def distance_km(self, lat1: Numbers, lon1: Numbers, lat2: Numbers, lon2: Numbers) -> FloatArray:
        """Distance between points on the protocol's Earth, km, with broadcasting."""
        return earths.distance_km(lat1, lon1, lat2, lon2, self.earth)

    def errors_km(
        self,
        lat_deg: Float[np.ndarray, " n"],
        lon_deg: Float[np.ndarray, " n"],
        true_lat_deg: Float[np.ndarray, " n"],
        true_lon_deg: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, " n"]:
        """Errors of answers on the protocol's Earth, km; infinite where an answer is NaN."""
        return earths.errors_km(lat_deg, lon_deg, true_lat_deg, true_lon_deg, self.earth)

    def within(self, errors: Float[np.ndarray, " n"]) -> Mapping[float, float]:
        """Share of errors within each threshold, 0..1, by the threshold in km."""
        shares = distance_recall(errors, np.asarray(self.thresholds_km, np.float64), strict=self.strict)
        return MappingProxyType(dict(zip(self.thresholds_km, map(float, shares), strict=True)))

    def read(self, errors: Float[np.ndarray, " n"]) -> Mapping[str, float]:
        """The scores that errors alone decide, by name; shares within a distance are named by it.

        Args:
            errors: km on the protocol's Earth, infinite for missing answers; one at least.
        """
        found = {f"within_{km:g}_km": share for km, share in self.within(errors).items()}
        found |= {name: ON_ERRORS[name](errors) for name in self.scores if name in ON_ERRORS}
        return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A data set with the way in which it is scored.

    Attributes:
        name: by which it is called; also that of its reader in `whence.samples.datasets`.
        part: of the data set that is tested on.
        pictures: how many the published part lists; 0 where that is not known.
        protocol: how it is scored.
        leaks: what is known of test pictures, photographers or places that systems may have seen, each a sentence.
        sources: where protocol and numbers were looked up.
        not_verified: what could not be looked up, each a sentence.
    """

    name: str
    part: str
    pictures: int
    protocol: Protocol
    leaks: tuple[str, ...]
    sources: tuple[str, ...]
    not_verified: tuple[str, ...]

    @property
    def reader(self) -> type[Dataset]:
        """Class that reads it."""
        return datasets().load(self.name)

    @property
    def card(self) -> DatasetCard:
        """Paper, licence, home, layout and flaws."""
        return self.reader.CARD
