"""What a pair set is: `Reference`, `Pair`, and the one class that a reader implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from whence.earth.coordinates import Bounds
from whence.samples.datasets.types import DataFolder
from whence.samples.view import ViewKind

Window = tuple[float, float, float, float]
"""A part of a picture: left edge, upper edge, width, height, in pixels."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture from above that shows the place of a query, wholly or in part.

    Attributes:
        path: of the picture.
        overlap: share that both show, as intersection over union of their footprints; ``None`` if not published.
        positive: whether the set counts it as a match; a semi-positive overlaps too little for that.
        at_px: where the query's middle lies in the picture, x and y at its published size; ``None`` if not published.
        size_px: width and height that ``at_px`` refers to; ``None`` for the size of the file.
        bounds: outer edges of a north-up picture; ``None`` if not published.
        window: the part of the picture that is meant; ``None`` for all of it.
    """

    path: Path
    overlap: float | None = None
    positive: bool = True
    at_px: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None
    bounds: Bounds | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A view of a place, and the pictures from above that show it.

    Attributes:
        query: path of the view.
        query_kind: from where it looks.
        references: the pictures from above, the best match first.
        place: what tells the place from others; equal for all views of one building or spot.
        split: ``train``, ``val``, ``test`` or empty.
        lat_deg: latitude of the query, WGS84; ``None`` if not published.
        lon_deg: longitude.
        heading_deg: bearing of the upward direction of a picture from above, or of the middle column of a view from
            the ground, clockwise from north; ``None`` if not published.
        altitude_m: height of the camera above ground.
        gsd_m_per_px: ground sample distance of the query.
        window: the part of the query's picture that is meant; ``None`` for all of it.
        reference_kind: kind of the references; a set whose references are maps says so.
        attributes: whatever else the index says, as text.
    """

    query: Path
    query_kind: ViewKind
    references: tuple[Reference, ...]
    place: str
    split: str = ""
    lat_deg: float | None = None
    lon_deg: float | None = None
    heading_deg: float | None = None
    altitude_m: float | None = None
    gsd_m_per_px: float | None = None
    window: Window | None = None
    reference_kind: ViewKind = ViewKind.SATELLITE
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The query's picture, then those of the references."""
        return (self.query, *(item.path for item in self.references))

    @property
    def positives(self) -> tuple[Reference, ...]:
        """The references that count as matches."""
        return tuple(item for item in self.references if item.positive)


class PairSet(DataFolder):
    """A set of pairs on this machine, read by its published layout.

    Iterating gives the pairs one by one, in the order of the index; no picture is opened. A pair of which any picture
    is missing counts as missing.

    Class attributes:
        KINDS: from where its queries look.
    """

    KINDS: ClassVar[tuple[ViewKind, ...]]

    @abstractmethod
    def listed(self) -> Iterator[Pair]:
        """Yield every pair of the index, whether or not its pictures are there.

        Raises:
            InputError: the index is missing or is not of the published layout.
        """

    def gallery(self) -> Iterator[Path]:
        """Yield each reference picture once: all that a query of this part is searched among.

        Unless a set publishes a longer list, these are the references of the pairs.
        """
        seen: set[Path] = set()
        for pair in self.listed():
            for item in pair.references:
                if item.path not in seen:
                    seen.add(item.path)
                    yield item.path

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs.

        Raises:
            InputError: the index is missing or is not of the published layout, or a picture is missing.
        """
        return (pair for pair in self.listed() if all(self._is_there(path) for path in pair.paths))

    def missing(self) -> Iterator[Path]:
        """Yield the paths of pictures that the index lists and that are not there."""
        return (path for pair in self.listed() for path in pair.paths if not path.is_file())
