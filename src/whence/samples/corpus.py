"""Makes a file for every kind of picture, damage and metadata that the readers must cope with.

The tests walk the corpus, the fuzzer starts from it, and the documentation lists it. All of it is generated:
no picture comes from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from whence.core.errors import ImageError
from whence.samples.corpus_bytes import quartered_picture
from whence.samples.view import Metadata, ViewKind

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True, slots=True)
class CorpusCase:
    """One file of the corpus and what reading it must give.

    Attributes:
        path: where it was written.
        about: what it is, in words.
        error: the error that reading must raise, or ``None``.
        says: a part of the error's message, of a warning, or (if neither is due) nothing.
        size_px: upright width and height.
        format: container.
        kind: how the picture looks at the Earth.
        upright_colours: whether the quarters must show the test picture's colours.
        metadata: values that must be read; fields left at their default are not checked.
        problem: a part of a sentence that `Metadata.problems` must hold; empty: there must be none.
    """

    path: Path
    about: str
    error: type[ImageError] | None = None
    says: str = ""
    size_px: tuple[int, int] = (WIDTH, HEIGHT)
    format: str = "JPEG"
    kind: ViewKind = ViewKind.GROUND
    upright_colours: bool = True
    metadata: Metadata = field(default_factory=Metadata)
    problem: str = ""

    @property
    def expects(self) -> str:
        """``error``, ``warning`` or ``ok``."""
        return "error" if self.error is not None else ("warning" if self.says else "ok")


@dataclass(frozen=True, slots=True)
class Draft:
    """A case before it is written: its bytes and what it expects."""

    case: CorpusCase
    data: bytes


def draft(name: str, about: str, data: bytes, **expected: object) -> Draft:
    """A draft from the fields of `CorpusCase`."""
    return Draft(replace(CorpusCase(Path(name), about), **expected), data)  # type: ignore[arg-type]


def make_corpus(folder: Path, seed: int = 0, *, write: bool = True) -> list[CorpusCase]:
    """Write the corpus into a folder (made if absent) and return its cases in order.

    Args:
        folder: existing files of the same names are replaced.
        seed: of the noise in the pictures.
        write: whether to write the files; if not, only the cases are listed.
    """
    from whence.samples.corpus_damage import damaged_drafts
    from whence.samples.corpus_formats import format_drafts
    from whence.samples.corpus_tags import tag_drafts

    folder = Path(folder)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(quartered_picture(WIDTH, HEIGHT, np.random.default_rng(seed)))
    cases: list[CorpusCase] = []
    for one in (*format_drafts(picture), *damaged_drafts(picture), *tag_drafts(picture)):
        path = folder / one.case.path
        if write:
            path.write_bytes(one.data)
        cases.append(replace(one.case, path=path))
    return cases
