import multiprocessing
import os

import pytest

from small_pictures import write_broken, write_photos
from whence.batch.jobs import Job, Task, list_jobs
from whence.batch.pool import run_batch
from whence.batch.products import Products
from whence.core.errors import OptionError, WorkerError
from whence.pipeline import Options

TASK = Task(Options(sources=("exif",)), Products())


def die_when_unpickled():
    os._exit(7)


class Poison(str):
    """Text that ends the process that unpickles it."""

    def __reduce__(self):
        return die_when_unpickled, ()


@pytest.fixture
def jobs(tmp_path):
    write_photos(tmp_path, 5)
    write_broken(tmp_path / "002_bad.jpg")
    return list_jobs([str(tmp_path)])


def test_in_this_process_and_in_others_the_outcomes_are_the_same_and_in_order(jobs):
    jobs = jobs[1:]  # as when a run is gone on with
    alone = list(run_batch(jobs, TASK))
    beside = list(run_batch(jobs, TASK, workers=2))
    assert [outcome.job for outcome in alone] == [outcome.job for outcome in beside] == list(jobs)
    assert [outcome.failure for outcome in alone] == [outcome.failure for outcome in beside]
    assert sum(outcome.failure is not None for outcome in beside) == 1
    assert [o.record().get("point") for o in alone] == [o.record().get("point") for o in beside]
    assert multiprocessing.active_children() == []
    assert list(run_batch([], TASK, workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wish_to_stop_ends_it_between_pictures_without_a_gap(jobs, workers):
    got = []
    for outcome in run_batch(jobs, TASK, workers=workers, stop=lambda: len(got) >= 2):
        got.append(outcome)
    assert 2 <= len(got) <= len(jobs)
    assert [outcome.job.index for outcome in got] == list(range(len(got)))
    if workers == 1:
        assert len(got) == 2


def test_left_early_no_process_stays_behind(jobs):
    outcomes = run_batch(jobs, TASK, workers=2)
    next(outcomes)
    outcomes.close()
    assert multiprocessing.active_children() == []


def test_workers_that_cannot_start_are_an_error_and_not_an_endless_loop(jobs):
    with pytest.raises(WorkerError, match="exit code 7"):
        list(run_batch(jobs, Task(TASK.options, Products(), text=Poison("x")), workers=2))
    assert multiprocessing.active_children() == []


def test_wrong_options_are_raised_before_any_picture_is_read():
    with pytest.raises(OptionError, match="exif"):
        list(run_batch([Job(0, "a", "a"), Job(1, "b", "b")], Task(Options(sources=("exfi",)), Products()), workers=2))
