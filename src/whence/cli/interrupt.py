"""Ctrl-C: the first finishes the pictures in hand, the second stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SAID = b"\nStopping after the pictures in hand. Press Ctrl-C again to stop at once.\n"


@contextmanager
def graceful_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a wish to stop, for as long as the context lasts.

    Yields:
        A function that tells whether to stop. A second Ctrl-C raises ``KeyboardInterrupt`` as usual.
    """
    wished = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()
        with suppress(OSError):  # not through sys.stderr, which may be in the middle of a write
            os.write(2, _SAID)

    if threading.current_thread() is not threading.main_thread():
        yield wished.is_set
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield wished.is_set
    finally:
        signal.signal(signal.SIGINT, before)
