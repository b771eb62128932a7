"""One picture of a batch: what is to be done with it, and what came of it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whence.core.config import fingerprint
from whence.core.errors import InputError, OptionError, WhenceError

if TYPE_CHECKING:
    from whence.batch.products import Products
    from whence.estimate.types import Estimate
    from whence.pipeline import Locator, Options

FAILURE_SCHEMA = "whence.failure/1"
"""Layout of the line of a picture without an answer; ``failure.schema.json`` beside this file defines it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture has no answer: the class of the error, and its message."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to locate.

    Attributes:
        index: its place in the input, from 0.
        name: how results call it: the path as given, or the text where there is no picture.
        path: the file, ``None`` for text alone.
        problem: why there is nothing to read, for a path that leads nowhere.
    """

    index: int
    name: str
    path: str | None
    problem: Failure | None = None

    @property
    def slug(self) -> str:
        """A file name for this picture's reports, readable and different for different names."""
        stem = re.sub(r"[^\w.-]+", "_", Path(self.name).stem)[:60].strip("._") or "picture"
        return f"{stem}-{hashlib.sha256(self.name.encode(errors='surrogateescape')).hexdigest()[:8]}"


@dataclass(frozen=True)
class Task:
    """What is done with every picture of a batch.

    Attributes:
        options: how pictures are located.
        text: free text that goes with every picture, or ``None``.
        products: files that are written for each picture.
        wants_text: whether outcomes carry the readable text.
        wants_row: whether outcomes carry the columns of a file of predictions.
    """

    options: Options
    products: Products
    text: str | None = None
    wants_text: bool = False
    wants_row: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one picture.

    Attributes:
        job: the picture.
        line: the result as one line of JSON, without the line break.
        text: the readable text, if it was wanted and there is an answer.
        failure: why there is no answer, or ``None``.
        row: columns of the answer in a file of predictions, if they were wanted and there is an answer.
    """

    job: Job
    line: str
    text: str = ""
    failure: Failure | None = field(default=None)
    row: dict[str, Any] | None = None

    def record(self) -> dict[str, object]:
        """The result as plain values."""
        content: dict[str, object] = json.loads(self.line)
        return content


def list_jobs(paths: Iterable[str], *, recursive: bool = True) -> tuple[Job, ...]:
    """List the pictures that files, folders and patterns stand for, each once, in a stable order.

    A path that leads nowhere becomes a job with a ``problem``, so that the rest goes on.

    Args:
        paths: files, folders or glob patterns.
        recursive: whether to go into the folders inside folders.
    """
    from whence.samples.discover import find_pictures

    jobs: list[Job] = []
    seen: set[str] = set()
    for item in paths:
        found = False
        try:
            for path in find_pictures(item, recursive=recursive):
                found = True
                key = str(path.resolve())
                if key not in seen:
                    seen.add(key)
                    jobs.append(Job(len(jobs), str(path), str(path)))
        except InputError as error:
            jobs.append(Job(len(jobs), item, item, Failure(type(error).__name__, str(error))))
            continue
        if not found:
            message = f"There is no picture in {item!r}. Name the files if their endings are unusual."
            jobs.append(Job(len(jobs), item, item, Failure("InputError", message)))
    return tuple(jobs)


def run_fingerprint(locator: Locator, text: str | None) -> str:
    """Hash over all that shapes the answers of a batch: versions, tables, options and the text."""
    return fingerprint(locator.fingerprint, text or "")


def file_sha256(path: str | None) -> str | None:
    """Hash of a file's bytes, hexadecimal, or ``None`` if it cannot be read."""
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def process(locator: Locator, task: Task, job: Job) -> Outcome:
    """Locate one picture and write its products. Whatever goes wrong with it becomes its failure."""
    from whence.estimate.render import to_dict, to_text

    run = run_fingerprint(locator, task.text)
    if job.problem is not None:
        return failed(job, job.problem, locator.versions, run)
    started = time.perf_counter()
    try:
        pictures = () if job.path is None else (Path(job.path),)
        query = locator.read(*pictures, text=task.text, name=job.name)
        estimate = locator.ask(query, {"read": (time.perf_counter() - started) * 1e3})
        record = dict(to_dict(estimate))
        record["versions"] = {**estimate.versions, "run": run}
        task.products.write(job, query, estimate)
        text = to_text(estimate) if task.wants_text else ""
        row = _row(estimate, record, started) if task.wants_row else None
        return Outcome(job, to_line(record), text, row=row)
    except MemoryError:
        message = "there is not enough memory for this picture. Shrink it, or use fewer workers."
        return failed(job, Failure("MemoryError", message), locator.versions, run)
    except OptionError:
        raise  # would fail every picture alike
    except WhenceError as error:
        return failed(job, Failure(type(error).__name__, str(error)), locator.versions, run)
    except Exception as error:  # a fault in one picture must not lose the others
        message = f"failed unexpectedly: {error}. Please report this, with the picture if you can."
        return failed(job, Failure(type(error).__name__, message), locator.versions, run)


def _row(estimate: Estimate, record: Mapping[str, object], started: float) -> dict[str, Any]:
    from whence.batch.answers import answered_row

    return answered_row(estimate, record, (time.perf_counter() - started) * 1e3)


def failed(job: Job, failure: Failure, versions: Mapping[str, str], run: str) -> Outcome:
    """Return the outcome of a picture that has no answer."""
    digest = None if job.problem is not None else file_sha256(job.path)
    record = {
        "schema": FAILURE_SCHEMA,
        "query": {"name": job.name, "sha256": [digest] if digest else []},
        "error": {"type": failure.type, "message": failure.message},
        "versions": {**versions, "run": run},
    }
    return Outcome(job, to_line(record), failure=failure)


def to_line(record: Mapping[str, object]) -> str:
    """Write a record as one line of JSON; file names that are not UTF-8 are escaped."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(record, ensure_ascii=True, allow_nan=False)
    return line
