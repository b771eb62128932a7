"""What was finished is kept until the bundle is whole, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import final

import numpy as np

from whence.core.folders import cache_folder
from whence.train.obtain.files import Found, Report


@final
class Steps:
    """Steps of one bundle, kept in the cache folder under a hash of all that they depend on.

    Args:
        found: the files that the bundle is made from.
        settings: what else the steps depend on.
        total: how many steps there are.
        report: is told which step begins.
    """

    def __init__(self, found: tuple[Found, ...], settings: str, total: int, report: Report | None) -> None:
        content = json.dumps([settings, *([r.name, r.sha256] for item in found for r in item.records)])
        self.folder = cache_folder() / "obtain" / hashlib.sha256(content.encode()).hexdigest()[:24]
        self._total, self._done, self._report = total, 0, report

    def graph(self, name: str, words: str, make: Callable[[], bytes]) -> bytes:
        """Bytes of a step: those that were kept, or made now."""
        if self._report is not None:
            self._report(self._done, self._total, words)
        self._done += 1
        path = self.folder / name
        kept = self._kept(path)
        if kept is not None:
            return kept
        made = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(name + ".part")
        partial.write_bytes(hashlib.sha256(made).digest() + made)
        partial.replace(path)
        return made

    def array(self, name: str, words: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The same for an array."""

        def as_bytes() -> bytes:
            buffer = io.BytesIO()
            np.save(buffer, make(), allow_pickle=False)
            return buffer.getvalue()

        found: np.ndarray = np.load(io.BytesIO(self.graph(name + ".npy", words, as_bytes)), allow_pickle=False)
        return found

    def finish(self) -> None:
        """Drop what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _kept(path: Path) -> bytes | None:
        """Content of a kept file; ``None`` if there is none, or it was damaged."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None
