"""A data set located picture by picture into one file of predictions, with as many workers as wanted."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import final

from whence.batch.answers import failed_row
from whence.batch.jobs import Failure, Job, Outcome, Task, file_sha256
from whence.batch.pool import run_batch
from whence.core.errors import InputError, OptionError, unknown_name
from whence.evaluate.prediction_file import RunWriter
from whence.evaluate.prediction_rows import truth_columns
from whence.evaluate.records import Run, Truth
from whence.pipeline import Locator, Options
from whence.samples.datasets import datasets
from whence.samples.datasets.photos_csv import table_samples
from whence.samples.datasets.types import Sample

_INDEX = "photos.csv"
_LASTING = ("ImageError", "ImageTooLargeError")
"""Failures that an unchanged picture meets again; after any other it is tried again."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """Pictures with their truths.

    Attributes:
        name: of the data set, or of its table.
        jobs: the pictures.
        truths: where each was taken.
    """

    __test__ = False

    name: str
    jobs: tuple[Job, ...]
    truths: tuple[Truth, ...]


def read_test_set(
    dataset: str, *, root: Path | None = None, part: str = "", group: str = "", limit: int | None = None
) -> TestSet:
    """List the pictures of a data set and their truths.

    Args:
        dataset: name of a data set (``whence.samples.datasets``), a CSV table with ``file``, ``lat_deg`` and
            ``lon_deg``, or a folder that holds one.
        root: folder of the data set; for a table the folder below which the pictures lie, by default its own, or the
            one above.
        part: published part of the data set.
        group: column that names the photographer or album, instead of the usual ones.
        limit: take only so many, the first.

    Raises:
        InputError: there is no such table or folder, nothing in it, or none of its pictures is there.
        OptionError: no such data set, part or column.
    """
    name, folder, samples = _samples(dataset, root, part)
    listed = list(islice(samples, limit))
    if not listed:
        raise InputError(f"There is no picture in {dataset!r}.")
    if not any(sample.path.is_file() for sample in listed):
        raise InputError(
            f"None of the {len(listed)} pictures of {dataset!r} is there: the first would be {str(listed[0].path)!r}. "
            "Name the folder that holds them with --root."
        )
    jobs: list[Job] = []
    truths: list[Truth] = []
    for sample in listed:
        path = str(sample.path)
        called = sample.path.relative_to(folder).as_posix() if sample.path.is_relative_to(folder) else path
        absent = Failure("InputError", f"there is no picture {path!r}") if not sample.path.is_file() else None
        jobs.append(Job(len(jobs), called, path, absent))
        truths.append(_truth(sample, group))
    if len({job.name for job in jobs}) < len(jobs):
        raise InputError(f"A picture stands more than once in {dataset!r}. Each picture has one truth.")
    return TestSet(name, tuple(jobs), tuple(truths))


def run_of(test_set: TestSet, locator: Locator, text: str | None = None) -> Run:
    """What all records of a run have in common."""
    options = {item.name: _told(getattr(locator.options, item.name)) for item in fields(Options)}
    return Run(
        dataset=test_set.name,
        prior=locator.prior,
        versions=dict(locator.versions),
        options={**options, "text": text or ""},
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@final
class PredictionRun:
    """One run over a test set into a file; what was done before is not done again.

    Args:
        test_set: the pictures.
        options: how they are located.
        path: the file to be.
        text: free text that goes with every picture.
        resume: go on with what an interrupted run left.
        overwrite: replace a file that is there.

    Raises:
        OptionError: the file is there, cannot be written, or was begun with other options.
    """

    def __init__(
        self,
        test_set: TestSet,
        options: Options,
        path: Path,
        *,
        text: str | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        from whence.batch.products import Products

        if path.exists() and not overwrite:
            raise OptionError(f"{path} is there already. Give another FILE, or pass --overwrite to replace it.")
        self._locator = Locator(options)
        self._task = Task(options, Products(), text=text, wants_row=True)
        self._test_set = test_set
        self._writer = RunWriter(path, run_of(test_set, self._locator, text), resume=resume)
        self.todo: Sequence[Job] = [job for job in test_set.jobs if not self._is_held(job)]
        self.failed = sum(
            self._writer.held(job.name).failure is not None  # type: ignore[union-attr]
            for job in test_set.jobs
            if job not in set(self.todo)
        )

    def go(self, *, workers: int = 1, stop: Callable[[], bool] = lambda: False) -> Iterator[Outcome]:
        """Locate the pictures that are left, and yield what came of each once it is written.

        Args:
            workers: processes.
            stop: asked between pictures; once true, no new one is begun.
        """
        for outcome in run_batch(self.todo, self._task, workers=workers, stop=stop, locator=self._locator):
            job = outcome.job
            row = outcome.row
            if row is None:
                failure = outcome.failure or Failure("WhenceError", "no answer came back")
                row = failed_row(job.name, file_sha256(job.path), failure, self._locator.prior)
            self._writer.write_row({**row, **truth_columns(self._test_set.truths[job.index])})
            yield outcome

    def finish(self) -> None:
        """Make the file; only when every picture has its row."""
        self._writer.finish([job.name for job in self._test_set.jobs])

    def close(self) -> None:
        """Close what is open; what is written stays, to be gone on with."""
        self._writer.close()

    def _is_held(self, job: Job) -> bool:
        held = self._writer.held(job.name)
        if held is None or (held.failure is not None and not held.failure.startswith(_LASTING)):
            return False
        return held.sha256 == (file_sha256(job.path) or "")


def _samples(dataset: str, root: Path | None, part: str) -> tuple[str, Path, Iterator[Sample]]:
    """Name, folder and samples of what was named."""
    path = Path(dataset)
    if path.is_dir() and not (root is None and dataset in datasets().names()):
        tables = [path / _INDEX] if (path / _INDEX).is_file() else sorted(path.glob("*.csv"))
        if len(tables) != 1:
            raise InputError(
                f"The folder {dataset!r} holds {len(tables)} tables and no {_INDEX}. Name the CSV table that says "
                "where its pictures were taken."
            )
        path = tables[0]
    if path.suffix.casefold() == ".csv":
        if part:
            raise OptionError("--part goes with a data set by name; a table has no parts.")
        folder = root or _folder_of(path)
        return (
            path.stem if path.stem != "photos" else (path.parent.name or "photos"),
            folder,
            table_samples(path, folder),
        )
    if dataset not in datasets().names():
        raise unknown_name("data set (nor a CSV table or folder)", dataset, datasets().names())
    if root is None:
        raise OptionError(f"The data set {dataset!r} needs --root DIR, the folder that holds its files.")
    found = datasets().load(dataset)(root, part)
    return f"{dataset}/{found.part}" if len(found.PARTS) > 1 else dataset, root, found.listed()


def _folder_of(table: Path) -> Path:
    """Folder below which the pictures of a table lie: its own, or the one above if the first picture is there."""
    first = next(table_samples(table, table.parent), None)
    above = table.parent.parent
    if first is None or first.path.is_file():
        return table.parent
    return above if (above / first.path.relative_to(table.parent)).is_file() else table.parent


def _truth(sample: Sample, group: str) -> Truth:
    truth = Truth(sample.lat_deg, sample.lon_deg, sample.accuracy_km, sample.group, dict(sample.attributes))
    if not group:
        return truth
    if group not in sample.attributes:
        raise unknown_name(f"column of {sample.path.name!r}", group, sample.attributes)
    return replace(truth, group=sample.attributes[group])


def _told(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
