"""Whether a folder holds a data set as it was published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from whence.evaluate.benchmarks.table import benchmarks
from whence.samples.datasets import datasets
from whence.samples.datasets.types import Sample

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FolderCheck:
    """What a folder holds of a data set.

    Attributes:
        dataset: name of the data set.
        part: of it.
        listed: how many pictures the index lists.
        expected: how many the published index lists; 0 where that is not known.
        missing: how many of those listed are not there.
        first_missing: paths of some of them.
        groups: how many photographers, albums or sequences are told apart; 0 if none is named.
    """

    dataset: str
    part: str
    listed: int
    expected: int
    missing: int
    first_missing: tuple[Path, ...]
    groups: int

    @property
    def whole(self) -> bool:
        """Whether it is as published: as many pictures as expected, all of them there."""
        return self.missing == 0 and self.listed > 0 and self.expected in {0, self.listed}


def listed_samples(name: str, root: Path | str, part: str = "") -> list[Sample]:
    """All samples that the index in a folder lists, whether or not their pictures are there.

    Args:
        name: of the data set.
        root: the folder.
        part: of the data set; if empty, the one that the benchmark of this name tests on, else the first.

    Raises:
        OptionError: there is no such data set or part.
        InputError: the folder, its index or a row is not as published.
    """
    return list(datasets().load(name)(root, part or _tested_part(name)).listed())


def check_folder(name: str, root: Path | str, part: str = "", samples: Iterable[Sample] | None = None) -> FolderCheck:
    """Read a folder's index and look for every picture of it; arguments and errors as for `listed_samples`.

    Args:
        name: of the data set.
        root: the folder.
        part: of the data set.
        samples: what `listed_samples` found there, if it was called before.
    """
    found = listed_samples(name, root, part) if samples is None else list(samples)
    chosen = part or _tested_part(name) or datasets().load(name).PARTS[0]
    known = benchmarks().get(name)
    expected = known.pictures if known is not None and known.part == chosen else 0
    missing = [sample.path for sample in found if not sample.path.is_file()]
    groups = {sample.group for sample in found if sample.group is not None}
    return FolderCheck(name, chosen, len(found), expected, len(missing), tuple(missing[:_SHOWN]), len(groups))


def _tested_part(name: str) -> str:
    known = benchmarks().get(name)
    return known.part if known is not None else ""
