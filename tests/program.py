"""Runs the program as its users do: in a process of its own, with pipes, signals and terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"
COMMAND = (sys.executable, "-W", "error", "-m", "whence.cli.main")

PLUGIN = """
import os, signal, time
from whence.evidence.types import EvidenceSource

class Rough(EvidenceSource):
    NAME = "rough"
    SUMMARY = "kills the process that reads a picture called so, or takes its time"
    NEEDS = "nothing"
    ERROR_MODEL = "none"

    def read(self, query):
        if "kill" in query.name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "slow" in query.name:
            time.sleep(0.12)
        return ()
"""


def install_rough_source(folder: Path) -> dict[str, str]:
    """Install an evidence source from outside, by entry point; return the environment that finds it."""
    info = folder / "rough_source-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "rough_source.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rough-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[whence.evidence]\nrough = rough_source\n")
    return environment(PYTHONPATH=os.pathsep.join([str(SRC), str(folder)]))


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the sources to be tested in front."""
    return {**os.environ, "PYTHONPATH": str(SRC), **more}


def run(
    *args: str | Path,
    env: Mapping[str, str] | None = None,
    given: str | bytes | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the program with pipes and wait for its end."""
    done = subprocess.run(
        command(*args),
        env=env or environment(),
        cwd=cwd,
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        timeout=120,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def command(*args: str | Path) -> Sequence[str]:
    """The program's command line."""
    return (*COMMAND, *map(str, args))
