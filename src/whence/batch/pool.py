"""A pool of worker processes that keeps the order, bounds its memory and survives the death of a worker."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import final

from whence.batch.jobs import Failure, Job, Outcome, Task, failed, process, run_fingerprint
from whence.batch.worker import work
from whence.core.errors import WhenceError, WorkerError
from whence.pipeline import Locator

_WINDOW = 8
"""Pictures a worker that may be answered ahead of the one whose turn it is."""

_POLL_S = 0.2
_MAX_FAILED_STARTS = 3


def run_batch(
    jobs: Sequence[Job],
    task: Task,
    *,
    workers: int = 1,
    stop: Callable[[], bool] = lambda: False,
    locator: Locator | None = None,
) -> Iterator[Outcome]:
    """Locate pictures and yield what came of each, in the order of the jobs.

    Args:
        jobs: the pictures.
        task: what is done with each.
        workers: processes; 1 works in this one.
        stop: asked between pictures; once true, no new picture is begun, and those begun are finished.
        locator: made from ``task.options`` already; saves making it again.

    Raises:
        WorkerError: worker processes cannot be started.
    """
    locator = locator or Locator(task.options)
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            if stop():
                return
            yield process(locator, task, job)
        return
    pool = _Pool(jobs, task, min(workers, len(jobs)), stop, locator)
    try:
        yield from pool.outcomes()
    finally:
        pool.close()


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    job: Job | None = None


@final
class _Pool:
    def __init__(self, jobs: Sequence[Job], task: Task, count: int, stop: Callable[[], bool], locator: Locator) -> None:
        self._jobs = jobs
        self._task = pickle.dumps(task)
        self._stop = stop
        self._locator = locator
        self._run = run_fingerprint(locator, task.text)
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._started = 0  # jobs handed out
        self._given = 0  # outcomes yielded
        self._count = count

    def outcomes(self) -> Iterator[Outcome]:
        done: dict[int, Outcome] = {}
        place_of = {job.index: place for place, job in enumerate(self._jobs)}
        while True:
            self._hand_out()
            busy = [worker for worker in self._workers if worker.job is not None or not worker.ready]
            if not any(worker.job is not None for worker in self._workers) and not self._more():
                return
            for connection in wait([worker.connection for worker in busy], timeout=_POLL_S):
                worker = next(item for item in busy if item.connection is connection)
                outcome = self._receive(worker)
                if outcome is not None:
                    done[place_of[outcome.job.index]] = outcome
            while self._given in done:
                yield done.pop(self._given)
                self._given += 1

    def close(self) -> None:
        """Let idle workers end by themselves, and end those that are busy."""
        for worker in self._workers:
            worker.connection.close()
            if worker.job is not None or not worker.ready:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5.0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def _more(self) -> bool:
        return self._started < len(self._jobs) and not self._stop()

    def _hand_out(self) -> None:
        while self._more() and len(self._workers) < self._count:
            self._workers.append(self._start())
        for worker in self._workers:
            ahead = self._started - self._given
            if worker.ready and worker.job is None and self._more() and ahead < self._count * _WINDOW:
                worker.job = self._jobs[self._started]
                self._started += 1
                with suppress(OSError):  # it died while it was idle; its end of the pipe says so next
                    worker.connection.send(worker.job)

    def _receive(self, worker: _Worker) -> Outcome | None:
        """Take a message of a worker: that it is ready, or an outcome; replace a worker that died."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return self._bury(worker)
        if isinstance(message, WhenceError):
            raise message
        if message is None:
            worker.ready = True
            self._failed_starts = 0
            return None
        assert isinstance(message, Outcome)
        worker.job = None
        return message

    def _bury(self, worker: _Worker) -> Outcome | None:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(5.0)
        code = worker.process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise WorkerError(
                    f"Worker processes end while they start ({how}). Use --workers 1 to see why, or fewer of them "
                    "if memory is short."
                )
            return None
        if worker.job is None:
            return None
        message = (
            f"{worker.job.name}: the worker process died on this picture ({how}): out of memory, or a fault in a "
            "decoder. The other pictures are not affected. Try it alone, or shrink it."
        )
        return failed(worker.job, Failure("WorkerError", message), self._locator.versions, self._run)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        child = context.Process(target=work, args=(theirs, self._task), daemon=True, name="whence-worker")
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
        try:
            child.start()  # inherits that Ctrl-C is ignored, also while it imports
        finally:
            if in_main:
                signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(child, ours)
