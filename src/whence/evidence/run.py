"""Asking the sources: side by side, each within its time limit, none able to bring down the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.core.errors import WhenceError
from whence.core.registry import Registry
from whence.evidence.types import Claim, Evidence, EvidenceSource
from whence.samples.view import Query


@lru_cache(maxsize=1)
def sources() -> Registry[EvidenceSource]:
    """The registry of evidence sources; other packages add theirs under the entry point ``whence.evidence``."""
    return Registry(
        package="whence.evidence",
        base=EvidenceSource,  # type: ignore[type-abstract]
        kind="evidence source",
        not_components=frozenset(
            {"types", "run", "prior", "constraints", "scene", "pointing", "interventions", "bundle_source"}
        ),
    )


@dataclass
class _Reading:
    """What a source's thread leaves behind."""

    claims: tuple[Claim, ...] | None = None
    failure: str | None = None
    elapsed_ms: float = 0.0


def gather(
    query: Query, asked: Sequence[EvidenceSource], time_limits_s: dict[str, float] | None = None
) -> tuple[Evidence, ...]:
    """Ask every source about a query.

    Args:
        query: what to read.
        asked: the sources, in the order in which their evidence is returned.
        time_limits_s: limits by source name that replace the sources' own.

    Returns:
        One `Evidence` a source. A source that raised or ran out of time has a ``failure`` and no claims.
    """
    limits = time_limits_s or {}
    started = time.perf_counter()
    readings = [_Reading() for _ in asked]
    threads = [
        threading.Thread(target=_ask, args=(source, query, reading), name=f"whence-{source.NAME}", daemon=True)
        for source, reading in zip(asked, readings, strict=True)
    ]
    for thread in threads:
        thread.start()
    out = []
    for source, reading, thread in zip(asked, readings, threads, strict=True):
        limit = limits.get(source.NAME, source.TIME_LIMIT_S)
        thread.join(max(0.0, limit - (time.perf_counter() - started)))
        if thread.is_alive():
            failure = f"gave no answer within its limit of {limit:g} s"
            out.append(Evidence(source.NAME, failure=failure, elapsed_ms=limit * 1e3))
        else:
            out.append(_as_evidence(source, reading))
    return tuple(out)


def _as_evidence(source: EvidenceSource, reading: _Reading) -> Evidence:
    return Evidence(
        source=source.NAME,
        claims=reading.claims or (),
        temperature=source.temperature,
        elapsed_ms=reading.elapsed_ms,
        failure=reading.failure,
    )


def _ask(source: EvidenceSource, query: Query, reading: _Reading) -> None:
    started = time.perf_counter()
    try:
        reading.claims = tuple(source.read(query))
    except WhenceError as error:
        reading.failure = str(error)
    except Exception as error:  # a broken source is an entry in the ledger, never a crash
        reading.failure = f"failed unexpectedly: {type(error).__name__}: {error}"
    reading.elapsed_ms = (time.perf_counter() - started) * 1e3
