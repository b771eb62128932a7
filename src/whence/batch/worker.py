"""What runs in a worker process. Imports nothing heavy, so that thread counts are set before numpy loads."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whence.batch.jobs import Task

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Set to 1 in a worker: the workers share the processor, so that each needs but one thread of it."""


def work(connection: Connection, make_task: bytes) -> None:
    """Answer jobs until the connection closes.

    Sends ``None`` once ready, then one outcome a job, or an exception that would meet every picture.

    Args:
        connection: gives jobs, takes outcomes.
        make_task: the pickled `Task`; unpickled only after the thread counts are set.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    for name in ONE_THREAD:
        os.environ[name] = "1"
    import pickle

    from whence.batch.jobs import process
    from whence.core.errors import WhenceError
    from whence.pipeline import Locator

    try:
        task: Task = pickle.loads(make_task)  # noqa: S301 (from our own parent)
        locator = Locator(task.options)
        connection.send(None)
        while True:
            connection.send(process(locator, task, connection.recv()))
    except EOFError:
        return
    except (BrokenPipeError, ConnectionResetError):
        return
    except WhenceError as error:
        connection.send(error)
