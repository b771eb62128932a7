"""What a data set is: `Sample`, `DatasetCard`, and the one class that a reader implements.

Sets of pairs, a view and pictures from above of the same place, are in `whence.samples.datasets.pairs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError, unknown_name
from whence.samples.view import ViewKind


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with its place.

    Attributes:
        path: of the picture.
        lat_deg: latitude of the camera, or of the patch's centre, WGS84.
        lon_deg: longitude, in [−180, 180).
        accuracy_km: radius in which the camera stood; ``None`` where the data set does not say.
        group: who took it, or the album it is from, so that one person's pictures can be held out together.
        attributes: whatever else the index says of it, as text; values that are empty are left out.
    """

    path: Path
    lat_deg: float
    lon_deg: float
    accuracy_km: float | None = None
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """Origin, licence and flaws of a data set.

    Attributes:
        title: what it is, one line.
        paper: authors, title, year and identifier of the publication; "none" if there is none.
        licence: of the pictures, as the publishers state it.
        home: where it is published.
        size: how much of what.
        layout: the files that the reader expects below the root.
        flaws: known flaws, each a sentence.
    """

    title: str
    paper: str
    licence: str
    home: str
    size: str
    layout: str
    flaws: tuple[str, ...]


class DataFolder(ABC):
    """Published data in a folder of this machine.

    Class attributes:
        CARD: whose it is.
        PARTS: names of its published parts; the first is the default.
    """

    CARD: ClassVar[DatasetCard]
    PARTS: ClassVar[tuple[str, ...]]

    def __init__(self, root: Path | str, part: str = "", *, skip_missing: bool = False) -> None:
        """Take a folder; the index is read when what it lists is asked for.

        Args:
            root: the folder that holds the files of the card's layout.
            part: which published part; the first of `PARTS` if empty.
            skip_missing: leave out what has a picture that is not there, instead of stopping at the first.

        Raises:
            InputError: the root is no folder.
            OptionError: there is no such part.
        """
        self.root = Path(root)
        self.part = part or self.PARTS[0]
        self.skip_missing = skip_missing
        if self.part not in self.PARTS:
            raise unknown_name(f"part of {self.CARD.title}", part, self.PARTS)
        if not self.root.is_dir():
            raise InputError(f"There is no folder {str(self.root)!r}. {self._expected()}")

    @classmethod
    @abstractmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write generated data of the same layout with a few small pictures, for tests; return its root."""

    def _is_there(self, path: Path) -> bool:
        """Tell whether a picture of the index is there.

        Raises:
            InputError: it is not, and nothing may be left out.
        """
        if path.is_file():
            return True
        if self.skip_missing:
            return False
        raise InputError(
            f"{self.CARD.title}: the picture {str(path)!r} of the index is not there. "
            "Give skip_missing=True to go without those that are missing; missing() lists them. "
            f"{self._expected()}"
        )

    def _expected(self) -> str:
        """The layout as the end of an error message."""
        return f"Expected in {str(self.root)!r}: {self.CARD.layout} Published at {self.CARD.home}."


class Dataset(DataFolder):
    """A data set on this machine, read by its published layout.

    Iterating gives the samples one by one, in the order of the index; no picture is opened.

    Class attributes:
        KIND: from where its pictures look at the Earth.
    """

    KIND: ClassVar[ViewKind] = ViewKind.GROUND

    @abstractmethod
    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index, whether or not its picture is there.

        Raises:
            InputError: the index is missing or is not of the published layout.
        """

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples.

        Raises:
            InputError: the index is missing or is not of the published layout, or a picture is missing.
        """
        return (sample for sample in self.listed() if self._is_there(sample.path))

    def missing(self) -> Iterator[Path]:
        """Yield the paths of pictures that the index lists and that are not there."""
        return (sample.path for sample in self.listed() if not sample.path.is_file())


def positions(samples: Iterable[Sample]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Latitudes and longitudes of samples, degrees."""
    pairs = np.asarray([(sample.lat_deg, sample.lon_deg) for sample in samples], np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
