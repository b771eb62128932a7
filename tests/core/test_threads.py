from __future__ import annotations

import os

import pytest

from whence.core.threads import usual_threads


def test_the_variable_of_worker_processes_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usual_threads() == 3
    for said in ("0", "many", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert usual_threads() == min(os.cpu_count() or 1, 4)
