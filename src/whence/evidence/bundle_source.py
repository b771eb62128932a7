"""Evidence sources that ask a model out of a bundle: which views it reads, what it is, what it was calibrated on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from whence.core.bundle import Bundle
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Query, ViewKind


@runtime_checkable
class ViewSettings(Protocol):
    """Settings of a model that reads views."""

    @property
    def view_kinds(self) -> frozenset[ViewKind]:
        """Kinds of views that it reads."""


@runtime_checkable
class BundleModel(Protocol):
    """A model out of a bundle."""

    @property
    def bundle(self) -> Bundle:
        """What it was made from."""

    @property
    def settings(self) -> ViewSettings:
        """Its settings."""


M = TypeVar("M", bound=BundleModel)


class BundleSource(EvidenceSource, Generic[M]):
    """A source with at most one model; without one it is not set up and says nothing.

    Class attributes:
        NO_MODEL: what is missing then, and how to get it.
    """

    NO_MODEL: ClassVar[str]
    _model: M | None = None

    @property
    def is_set_up(self) -> bool:
        """Whether a model is chosen."""
        return self._model is not None

    def availability(self) -> str | None:
        """What is missing: a model, if none is chosen."""
        return None if self.is_set_up else self.NO_MODEL

    @property
    def version(self) -> str:
        """Hash of the bundle."""
        return "" if self._model is None else self._model.bundle.hash[:16]

    @property
    def calibration(self) -> Mapping[str, Any]:
        """What the bundle says of its calibration."""
        return {} if self._model is None else self._model.bundle.header.calibration

    def read(self, query: Query) -> tuple[Claim, ...]:
        """Claims on the views of kinds that the model reads."""
        model = self._model
        if model is None:
            return ()
        numbers = [i for i, view in enumerate(query.views) if view.kind in model.settings.view_kinds]
        return self.read_views(model, query, numbers) if numbers else ()

    @abstractmethod
    def read_views(self, model: M, query: Query, numbers: Sequence[int]) -> tuple[Claim, ...]:
        """Claims on some views.

        Args:
            model: that is asked.
            query: that holds them.
            numbers: which of its views, at least one.
        """
