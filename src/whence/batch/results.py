"""A file of result lines that an interrupted batch can go on with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

from whence.batch.jobs import Failure, Job, file_sha256
from whence.core.errors import OptionError
from whence.samples.discover import EXTENSIONS

_START = b'{"schema"'
_LAYOUTS = ("whence.estimate/", "whence.failure/")
_LASTING = frozenset({"ImageError", "ImageTooLargeError"})
"""Failures that an unchanged picture meets again; after any other (memory, disk, a fault) it is tried again."""


@dataclass(frozen=True, slots=True)
class Held:
    """A result that the file holds.

    Attributes:
        start: where its line starts, in bytes.
        length: of its line, line break included.
        sha256: of the pictures that it answers.
        failure: why it has no answer, or ``None``.
    """

    start: int
    length: int
    sha256: tuple[str, ...]
    failure: Failure | None


@final
class ResultsFile:
    """Result lines in a file: appended one by one, found again by picture.

    Lines are appended as pictures are answered, so that nothing is lost when the program is killed; `arrange`
    brings them into the order of the input at the end, should they not be. A later line on a picture replaces
    an earlier one.
    """

    def __init__(self, path: Path, run: str, *, overwrite: bool = False) -> None:
        """Open the file, repair a torn last line, and read what it holds.

        Args:
            path: the file; made if it is not there.
            run: fingerprint that its lines must have (`whence.batch.jobs.run_fingerprint`).
            overwrite: drop what it holds.

        Raises:
            OptionError: the file cannot be opened, is no file of results, or holds results of other options, of
                another version or of other tables.
        """
        self.path = path
        self._run = run
        self._held: dict[str, Held] = {}
        self._lines = 0
        if path.suffix.casefold() in EXTENSIONS:
            raise OptionError(f"--json {path} is named like a picture. Give a name such as results.jsonl.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("r+b" if path.exists() else "x+b")
        except OSError as error:
            raise OptionError(f"--json {path} cannot be written ({error.strerror}). Choose another FILE.") from error
        try:
            self._read(overwrite)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def held(self, job: Job) -> Held | None:
        """What the file holds of this picture as it is now; ``None`` if nothing, or if the picture changed."""
        found = self._held.get(job.name)
        if found is None or (job.path is None and found.sha256):
            return None
        if found.failure is not None and found.failure.type not in _LASTING:
            return None
        if job.path is not None and found.sha256 != (file_sha256(job.path),):
            return None
        return found

    def line(self, held: Held) -> bytes:
        """The line of a result, with its line break."""
        self._file.seek(held.start)
        return self._file.read(held.length)

    def append(self, line: str) -> None:
        """Add a result, handed to the system at once."""
        content = line.encode() + b"\n"
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(content)
        self._file.flush()
        self._note(start, content)

    def arrange(self, names: Sequence[str]) -> None:
        """Bring the lines into an order, and drop those that later ones replaced.

        Args:
            names: of the pictures in the order wanted; lines of other pictures go to the end.
        """
        wanted = dict.fromkeys(name for name in names if name in self._held)
        order = [*wanted, *(name for name in self._held if name not in wanted)]
        starts = [self._held[name].start for name in order]
        if len(order) == self._lines and starts == sorted(starts):
            return
        part = self.path.with_name(f".{self.path.name}.part")
        with part.open("wb") as out:
            for name in order:
                out.write(self.line(self._held[name]))
            out.flush()
            os.fsync(out.fileno())
        self._file.close()
        part.replace(self.path)
        self._file = self.path.open("r+b")
        self._read(overwrite=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._held)

    def _read(self, overwrite: bool) -> None:
        self._held.clear()
        self._lines = 0
        self._file.seek(0)
        start = 0
        for number, content in enumerate(self._file, 1):
            torn = not content.endswith(b"\n")
            record = _parsed(content)
            if record is None:
                if torn and (number > 1 or content[: len(_START)] == _START[: len(content)]):
                    break
                raise self._not_ours(f"line {number} is no result")
            if overwrite:
                break
            self._note(start, content, record)
            start += len(content)
            if torn:
                self._file.seek(start)
                self._file.write(b"\n")
                self._extend_last()
                start += 1
        self._file.truncate(0 if overwrite else start)
        self._file.flush()

    def _extend_last(self) -> None:
        name, last = next(reversed(self._held.items()))
        self._held[name] = Held(last.start, last.length + 1, last.sha256, last.failure)

    def _note(self, start: int, content: bytes, record: dict[str, object] | None = None) -> None:
        record = record or _parsed(content)
        assert record is not None
        query, versions, error = record["query"], record["versions"], record.get("error")
        assert isinstance(query, dict)
        assert isinstance(versions, dict)
        if versions.get("run") != self._run:
            raise OptionError(
                f"--json {self.path} holds results of other options, another version of whence or other tables "
                f"(run {versions.get('run')}, now {self._run}). Give another FILE, or pass --overwrite to drop them."
            )
        failure = Failure(error["type"], error["message"]) if isinstance(error, dict) else None
        name = str(query["name"])
        self._held.pop(name, None)  # so that the order of the dictionary is the order of the lines
        self._held[name] = Held(start, len(content), tuple(query.get("sha256", ())), failure)
        self._lines += 1

    def _not_ours(self, reason: str) -> OptionError:
        return OptionError(
            f"--json {self.path} exists and is not a file of results ({reason}); it was left as it is. "
            "Give another FILE."
        )


def _parsed(content: bytes) -> dict[str, object] | None:
    """The record of a line, or ``None`` if it is not one of ours."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    if not isinstance(record, dict) or not str(record.get("schema", "")).startswith(_LAYOUTS):
        return None
    query, versions = record.get("query"), record.get("versions")
    if not isinstance(query, dict) or "name" not in query or not isinstance(versions, dict):
        return None
    return record
