"""A progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, final

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@final
class StepBar:
    """Shows steps of one long piece of work on a terminal, and nothing elsewhere.

    Args:
        words: what is done, for example ``training``.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> StepBar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._words, total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(BrokenPipeError):
                self._bar.stop()

    def report(self, done: int, total: int, text: str) -> None:
        """Show that ``done`` of ``total`` steps are done, and how it stands."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, description=f"{self._words} {text}".strip())


@final
class ProgressBar:
    """Counts pictures on standard error while results go to standard output.

    Args:
        total: how many pictures there are.
        done: how many were answered before.
        doing: what is done with them, in one word.
    """

    def __init__(self, total: int, done: int = 0, doing: str = "locating") -> None:
        self._doing = doing
        self._total = total
        self._done = done
        self._failed = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if self._total > 1 and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                redirect_stdout=False,
                redirect_stderr=False,
                transient=True,
            )
            self._task = self._bar.add_task(self._doing, total=self._total, completed=self._done)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(BrokenPipeError):
                self._bar.stop()

    def step(self, *, failed: bool) -> None:
        """Count one."""
        self._failed += failed
        if self._bar is not None and self._task is not None:
            words = f"{self._doing} ({self._failed} failed)" if self._failed else self._doing
            self._bar.update(self._task, advance=1, description=words)

    def write(self, text: str) -> None:
        """Write lines to standard output; above the bar when both are on the terminal."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)
        else:
            click.echo(text)
