"""`ByteCache`: what was decoded last, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, final

T = TypeVar("T")


@final
class ByteCache(Generic[T]):
    """Keeps what was asked for last; safe among threads.

    Args:
        max_bytes: how much may be kept; the newest entry always is.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """Return what is kept under a key, made if it is not there.

        Args:
            key: tells entries apart.
            make: gives the value and how many bytes it takes.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        value, size = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (value, size)
                self._bytes += size
            while self._bytes > self._max_bytes and len(self._kept) > 1:
                _, (_, old) = self._kept.popitem(last=False)
                self._bytes -= old
        return value
