"""`Claim`, `Evidence` and the one class that a source implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from whence.earth.field import Field
from whence.samples.view import Query

ALLOWANCE = "allowance"
"""Kind of the claim that says what the possibility of a wrong source changes; it depends on the source's others."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the upright picture, as fractions of its width and height, origin top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a source read, and what it implies.

    Attributes:
        kind: short lower-case noun phrase, for example ``phone number``.
        read: what was read, as it stands in the picture or file.
        implies: what follows for the place, in plain words.
        error_model: one sentence: how often such a reading misleads, and how the likelihood allows for it.
        likelihood: log-likelihood over the Earth in nats, up to a constant; ``None`` for a remark that moves
            nothing. The likelihoods of the claims of one evidence add up to that evidence.
        view: index of the view in the query.
        box: where in that view, if anywhere.
    """

    kind: str
    read: str
    implies: str
    error_model: str = ""
    likelihood: Field | None = None
    view: int = 0
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says of one query.

    Attributes:
        source: name of the source.
        claims: what was read; their likelihoods add up to the source's.
        temperature: the log-likelihood is divided by it when fused; above 1 means trusted less.
        wrong_share: with what probability the source has nothing to do with the place, as far as its last claim, of the
            kind `ALLOWANCE`, allows for that; 0 if no claim does.
        elapsed_ms: wall time.
        failure: why the source gave nothing although it was asked, or ``None``.
    """

    source: str
    claims: tuple[Claim, ...] = ()
    temperature: float = 1.0
    elapsed_ms: float = 0.0
    failure: str | None = None
    wrong_share: float = 0.0

    @property
    def likelihoods(self) -> tuple[Field, ...]:
        """The log-likelihoods of those claims that have one, before the temperature."""
        return tuple(claim.likelihood for claim in self.claims if claim.likelihood is not None)

    def log_likelihood(self) -> Field | None:
        """Sum of the claims' log-likelihoods over the temperature, or ``None`` if nothing was claimed."""
        if not self.likelihoods:
            return None
        return Field.sum(self.likelihoods).scale(1.0 / self.temperature)


class EvidenceSource(ABC):
    """A method that reads a query and says where it could have been taken.

    A source is one module with one final class. ``NAME`` is how users call it, ``SUMMARY`` one line for
    ``whence sources``, ``NEEDS`` what it takes from the picture or machine, ``ERROR_MODEL`` how its
    likelihood allows for being wrong. A source with settings takes its frozen ``Config`` as the only
    argument of its constructor. Sources keep no state between queries beyond caches.
    """

    NAME: ClassVar[str]
    SUMMARY: ClassVar[str]
    NEEDS: ClassVar[str]
    ERROR_MODEL: ClassVar[str]
    TIME_LIMIT_S: ClassVar[float] = 30.0

    temperature: float = 1.0
    """What the source's log-likelihood is divided by when fused."""

    @property
    def is_set_up(self) -> bool:
        """False if a setting without which it has nothing to say was not given; then it is asked only by name."""
        return True

    @property
    def version(self) -> str:
        """What shapes the answers beside code, tables and settings, such as the hash of a model; empty if nothing."""
        return ""

    @property
    def calibration(self) -> Mapping[str, Any]:
        """What the bundle of its model says of its calibration (``calibration`` in the header); empty without one."""
        return {}

    @abstractmethod
    def read(self, query: Query) -> tuple[Claim, ...]:
        """Read the query.

        Returns:
            The claims; empty when the source has nothing to go by.

        Raises:
            WhenceError: the source cannot work (a missing extra, a broken model). Becomes a named entry in
                the ledger, never a crash.
        """

    def availability(self) -> str | None:
        """Return ``None`` if the source can run on this machine, else what is missing and how to get it."""
        return None
