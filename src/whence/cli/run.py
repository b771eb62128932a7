"""Running a batch from the command line: what was done before, what is written, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import final

import click

from whence.batch.index import BatchIndex
from whence.batch.jobs import Failure, Job, Outcome, Task
from whence.batch.pool import run_batch
from whence.batch.results import Held, ResultsFile
from whence.cli.exits import Exit
from whence.cli.interrupt import graceful_interrupt
from whence.cli.progress import ProgressBar
from whence.estimate.wording import one_line
from whence.pipeline import Locator

_NAMED_FAILURES = 20
_MESSAGE = 1_000


@final
class BatchRun:
    """One run of ``whence locate``.

    Args:
        jobs: the pictures.
        task: what is done with each.
        locator: made from the task's options.
        file: where results are kept, ``None`` without ``--json FILE``.
        writes_lines: whether lines of JSON go to standard output.
        workers: processes.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        task: Task,
        locator: Locator,
        file: ResultsFile | None,
        *,
        writes_lines: bool,
        workers: int,
    ) -> None:
        self._jobs = jobs
        self._task = task
        self._locator = locator
        self._file = file
        self._lines = writes_lines
        self._workers = workers
        self._answered = 0
        self._failures: list[tuple[str, Failure]] = []
        self._index = BatchIndex(task.products)

    def go(self) -> int:
        """Locate the pictures that were not located before; return the exit code."""
        held = self._held()
        todo = [job for job in self._jobs if job.index not in held]
        for job in self._jobs:
            if job.index in held:
                self._take_over(job, held[job.index])
        if held:
            click.echo(f"{len(held)} of {len(self._jobs)} pictures were located before; going on.", err=True)
        interrupted = False
        try:
            with ProgressBar(len(self._jobs), len(held)) as bar, graceful_interrupt() as stop:
                interrupted = self._work(todo, bar, stop)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._finish()
        return self._close(interrupted)

    def _held(self) -> dict[int, Held]:
        if self._file is None:
            return {}
        found = {}
        for job in self._jobs:
            held = self._file.held(job) if job.problem is None else None
            if held is not None and (held.failure is not None or self._task.products.complete(job)):
                found[job.index] = held
        return found

    def _take_over(self, job: Job, held: Held) -> None:
        self._count(job, held.failure)
        if self._index.wanted and self._file is not None:
            self._index.add(job, json.loads(self._file.line(held)))

    def _work(self, todo: Sequence[Job], bar: ProgressBar, stop: Callable[[], bool]) -> bool:
        """Locate; return whether the user stopped it before the end."""
        done = 0
        for outcome in run_batch(todo, self._task, workers=self._workers, stop=stop, locator=self._locator):
            done += 1
            if self._file is not None:
                self._file.append(outcome.line)
            self._count(outcome.job, outcome.failure)
            if self._index.wanted:
                self._index.add(outcome.job, outcome.record())
            bar.step(failed=outcome.failure is not None)
            self._show(outcome, bar)
        return done < len(todo)

    def _count(self, job: Job, failure: Failure | None) -> None:
        if failure is None:
            self._answered += 1
        else:
            self._failures.append((job.name, failure))

    def _show(self, outcome: Outcome, bar: ProgressBar) -> None:
        if self._lines:
            bar.write(outcome.line)
        elif self._task.wants_text and outcome.failure is None:
            bar.write(outcome.text + "\n")

    def _finish(self) -> None:
        if self._file is not None:
            self._file.arrange([job.name for job in self._jobs])
            self._file.close()
        self._index.write()

    def _close(self, interrupted: bool) -> int:
        """Say on standard error what failed, and how to go on."""
        for name, failure in self._failures[:_NAMED_FAILURES]:
            said = failure.message if name in failure.message else f"{name}: {failure.message}"
            click.echo(f"failed: {one_line(said, _MESSAGE)} [{failure.type}]", err=True)
        if len(self._failures) > _NAMED_FAILURES:
            click.echo(f"… and {len(self._failures) - _NAMED_FAILURES} more failed.", err=True)
        if len(self._jobs) > 1 or interrupted:
            click.echo(f"{self._answered} of {len(self._jobs)} answered, {len(self._failures)} failed.", err=True)
        if interrupted:
            held = self._file is not None
            way = "Run the same command again to go on." if held else "With --json FILE it could be gone on with."
            click.echo(f"Interrupted. {way}", err=True)
            return Exit.INTERRUPTED
        if self._answered == 0:
            return Exit.NONE_ANSWERED
        return Exit.SOME_FAILED if self._failures else Exit.DONE
