"""What a benchmark of explained matches holds: `PictureEntry`, `Truth`, `Item`, `Header`, explanations and `Answer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from whence.core.errors import ArtifactError
from whence.earth.tiles.georeference import GeoReference
from whence.samples.view import ViewKind

SCHEMA = 1
"""Of all files of a benchmark and of answers to it."""

DIFFICULTIES = ("matched", "easy", "near", "hard")
"""``matched`` pairs match; the others are of any other place, of a neighbour without overlap, of what looks alike."""

SPLITS = ("test", "dev")
"""``test`` is what scores are taken on; ``dev`` may be looked at."""


@dataclass(frozen=True, slots=True)
class PictureEntry:
    """A picture of the benchmark.

    Attributes:
        file: relative to the benchmark's folder.
        sha256: of the file's bytes, hexadecimal.
        kind: from where it looks.
        width_px: its width.
        height_px: its height.
        source: what it was taken from, in a line.
        licence: as the pair set states it.
        gsd_m_per_px: of a query, as a system may be told it; ``None`` if it is not known.
    """

    file: str
    sha256: str
    kind: ViewKind
    width_px: int
    height_px: int
    source: str = ""
    licence: str = ""
    gsd_m_per_px: float | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """How the query of a matched pair truly lies on its reference, as far as it is known.

    Attributes:
        at_px: where the query's middle lies in the reference, x and y.
        transform: homography from query positions to reference positions, row by row.
        heading_deg: bearing of the query's upward direction.
        gsd_m_per_px: ground sample distance of the query.
        tolerance_px: how far off ``at_px`` and ``transform`` may be, pixels of the reference.
    """

    at_px: tuple[float, float] | None = None
    transform: tuple[float, ...] | None = None
    heading_deg: float | None = None
    gsd_m_per_px: float | None = None
    tolerance_px: float = 5.0

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"] | None:
        """The transform as an array."""
        return None if self.transform is None else np.asarray(self.transform, np.float64).reshape(3, 3)


@dataclass(frozen=True, slots=True)
class Item:
    """One question: do these two pictures show the same place?

    Attributes:
        name: of the item, unique.
        query: the view.
        reference: the picture from above.
        georeference: where the reference lies; ``None`` if not known.
        match: the right answer.
        difficulty: one of `DIFFICULTIES`.
        place: of the query; items of one place are drawn together by the bootstrap.
        reference_place: of the reference.
        split: one of `SPLITS`.
        truth: how the query lies on the reference, if it does.
    """

    name: str
    query: PictureEntry
    reference: PictureEntry
    georeference: GeoReference | None
    match: bool
    difficulty: str
    place: str
    reference_place: str
    split: str = "test"
    truth: Truth | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a benchmark says of itself.

    Attributes:
        name: of the benchmark.
        sources: pair sets that it was made of.
        counts: items by split and difficulty.
        config: settings that it was built with.
        items_sha256: of the list of items.
        notes: what could not be made, in sentences.
        version: of whence that built it.
    """

    name: str
    sources: tuple[str, ...]
    counts: Mapping[str, int]
    config: Mapping[str, Any]
    items_sha256: str
    notes: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an explanation and the claims that it states.

    Attributes:
        text: in the explanation's language.
        claims: ids of claims of the same explanation.
    """

    text: str
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceExplanation:
    """How a teacher explains an item.

    Attributes:
        item: name of the item.
        teacher: who wrote it.
        language: two letters.
        sentences: the explanation.
        reviewed: ``accepted`` or ``changed`` once a person has seen it, else empty.
    """

    item: str
    teacher: str
    language: str
    sentences: tuple[Sentence, ...]
    reviewed: str = ""


@dataclass(frozen=True, slots=True)
class StatedClaim:
    """A claim of an answer, as it is written to a file.

    Attributes:
        name: id within the answer, such as ``c3``.
        kind: as in `whence.crossview.types.MatchClaim`.
        verdict: ``agrees``, ``contradicts`` or ``unclear``.
        values: numbers and names.
        log_odds: what it adds to the match, nats; 0 for a remark.
        query_regions: polygons in the query.
        reference_regions: polygons in the reference.
        check: how the system tested it.
    """

    name: str
    kind: str
    verdict: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    log_odds: float = 0.0
    query_regions: tuple[tuple[tuple[float, float], ...], ...] = ()
    reference_regions: tuple[tuple[tuple[float, float], ...], ...] = ()
    check: str = ""


@dataclass(frozen=True, slots=True)
class Masking:
    """What masking did to the score of an accepted match.

    Attributes:
        drop: fall of the log-odds when the pixels are masked that the explanation cites.
        others: falls when as many other pixels are masked.
        share: of the query that was masked.
    """

    drop: float
    others: tuple[float, ...]
    share: float

    @property
    def better(self) -> bool:
        """Whether the cited pixels matter more than the others do on average."""
        return self.drop > float(np.mean(self.others))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system says of an item.

    Attributes:
        item: name of the item.
        match: its answer.
        probability: that the pair matches, 0..1.
        transform: homography from query to reference that it found, row by row; ``None`` if none.
        heading_deg: found bearing of the query's upward direction.
        gsd_m_per_px: found ground sample distance of the query.
        claims: what its explanation rests on.
        sentences: by language.
        pairs: corresponding points: query x, y, reference x, y, and 1 for those that the transform explains.
        masking: test of faithfulness; ``None`` if not made.
        seconds: that the answer took.
    """

    item: str
    match: bool
    probability: float
    transform: tuple[float, ...] | None = None
    heading_deg: float | None = None
    gsd_m_per_px: float | None = None
    claims: tuple[StatedClaim, ...] = ()
    sentences: Mapping[str, tuple[Sentence, ...]] = field(default_factory=dict)
    pairs: tuple[tuple[float, ...], ...] = ()
    masking: Masking | None = None
    seconds: float = 0.0

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"] | None:
        """The transform as an array."""
        return None if self.transform is None else np.asarray(self.transform, np.float64).reshape(3, 3)


def check_schema(found: object, what: str) -> None:
    """Refuse another schema.

    Raises:
        ArtifactError: the file is of another version.
    """
    if found != SCHEMA:
        raise ArtifactError(f"{what} has schema {found!r}; this version reads {SCHEMA}. Build or answer it anew.")
