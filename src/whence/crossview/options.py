"""`Options`: all settings of matching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whence.core.config import build
from whence.core.errors import OptionError
from whence.crossview.candidates import Config as CandidatesConfig
from whence.crossview.register.config import RegisterConfig
from whence.crossview.verify.verifier import Config as VerifyConfig


@dataclass(frozen=True)
class Config:
    """How much is looked at."""

    query_px: int = 1024
    "Long side to which larger queries are brought."
    patch_px: int = 2048
    "Largest side of a reference patch that a query is registered on."
    margin: float = 1.6
    "A patch is so many times as wide as the ground that the query is thought to show."
    enough: float = 0.98
    "Probability at which no further places are looked at."
    within: float = 0.5
    "How probable it is, before anything is compared, that the ground of a query lies where it is looked for."
    full: int = 2
    "How many places are registered in full; if there are more, the most promising ones."
    screen_px: int = 384
    "Side of the patches on which places are compared before."
    screen_kept: int = 128
    "Of how many of these patches the features are kept in memory, for views of one area."
    features_mb: int = 1024
    "Features of references are kept beside their set up to so many megabytes, for later runs; 0 keeps none."
    threads: int = 0
    "Threads that look at places; 0 takes as many as OMP_NUM_THREADS allows, else one a core, four at most."
    correlate: bool = True
    "Correlate edges where points find no match and scale and heading are known: other sensors and seasons."
    scale_range: float = 1.6
    "A ground sample distance that is known is at most this factor off; a window's side is off by twice as much."

    def __post_init__(self) -> None:
        if self.threads < 0 or min(self.full, self.screen_kept) < 1:
            raise OptionError(f"match needs threads ≥ 0, full ≥ 1 and screen_kept ≥ 1, received {self}.")
        if self.features_mb < 0:
            raise OptionError(f"match.features_mb is a number of megabytes, 0 for none, received {self.features_mb}.")
        if min(self.query_px, self.patch_px) < 64 or self.margin < 1.0 or self.scale_range < 1.0:
            raise OptionError(f"match needs sides of 64 px, margin ≥ 1 and scale_range ≥ 1, received {self}.")
        if not (0.0 < self.within < 1.0 and 0.0 < self.enough <= 1.0):
            raise OptionError(f"match.within and match.enough are probabilities, received {self}.")


@dataclass(frozen=True)
class Options:
    """All settings of matching."""

    match: Config = field(default_factory=Config)
    candidates: CandidatesConfig = field(default_factory=CandidatesConfig)
    register: RegisterConfig = field(default_factory=RegisterConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)


def matching_parts() -> dict[str, type]:
    """Settings of matching by the name of their part."""
    return {"candidates": CandidatesConfig, "match": Config, "register": RegisterConfig, "verify": VerifyConfig}


def matching_options(settings: Mapping[str, Mapping[str, object]]) -> Options:
    """Settings by part as options.

    Raises:
        OptionError: an unknown setting, or a value out of range.
    """
    made: dict[str, Any] = {
        name: build(kind, settings.get(name, {}), owner=name) for name, kind in matching_parts().items()
    }
    return Options(**made)
