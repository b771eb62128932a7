"""Exit codes, and what each means."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How the program ended."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    NONE_ANSWERED = 3
    NOT_WORKING = 4
    INTERRUPTED = 130
    PIPE_CLOSED = 141


EXITS = {
    Exit.DONE: "everything was answered (an abstention is an answer)",
    Exit.SOME_FAILED: "some pictures failed or are missing, 'doctor' found something broken, or 'benchmarks' a leak",
    Exit.USAGE: "the command, an option, a constraint or a place could not be understood",
    Exit.NONE_ANSWERED: "no picture was answered",
    Exit.NOT_WORKING: "whence itself cannot work: a damaged table, no space to write, workers that do not start",
    Exit.INTERRUPTED: "interrupted with Ctrl-C; what was done is written",
    Exit.PIPE_CLOSED: "whoever read the output went away",
}
