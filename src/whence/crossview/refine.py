"""`Refiner`: the belief of everything else picks where to look from above, and what is found there is evidence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from whence.core.config import build
from whence.core.errors import WhenceError
from whence.crossview.evidence import SOURCE, match_evidence
from whence.crossview.evidence import Config as EvidenceConfig
from whence.crossview.ground import Ground
from whence.crossview.likeness import Config as LikenessConfig
from whence.crossview.likeness import likeness_claim
from whence.crossview.match import FROM_ABOVE, Matcher, Options, matching_options, matching_parts
from whence.earth.field import CellRegion, Field
from whence.evidence.types import Claim, Evidence
from whence.samples.view import Query, View

_ALL = 100
_LEVEL = 0.99


@dataclass(frozen=True)
class Settings:
    """All settings of refining."""

    options: Options = field(default_factory=Options)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    likeness: LikenessConfig = field(default_factory=LikenessConfig)


@final
class Refiner:
    """Matches the views of a query inside of a belief.

    Views that look down are laid onto tiles. Where that finds nothing, and for all other views, towers that were
    trained to compare them with tiles say which tiles are alike, if the reference set was embedded by such.

    Args:
        tiles: a reference set, or reference pictures.
        settings: of matching and of what it says.

    Raises:
        InputError: the reference pictures cannot be read.
        OptionError: a setting out of range.
    """

    def __init__(self, tiles: Path | str | Ground, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        ground = tiles if isinstance(tiles, Ground) else Ground.open(tiles)
        self.matcher = Matcher(ground, self.settings.options)

    @property
    def version(self) -> str:
        """What shapes the evidence: the reference pictures and the settings."""
        return f"{self.matcher.ground.version} {self.settings!r}"

    def read(self, query: Query, belief: Field) -> Evidence:
        """Evidence of the first view that says something; a remark where none does.

        Args:
            query: that was asked about.
            belief: of everything else, normalised.
        """
        started = time.perf_counter()
        within = belief.credible_region(_LEVEL)
        nothing: Evidence | None = None
        for index, view in enumerate(query.views):
            try:
                found = self._one(view, index, within)
            except WhenceError as error:
                found = Evidence(SOURCE, failure=str(error))
            found = replace(found, elapsed_ms=(time.perf_counter() - started) * 1e3)
            if found.likelihoods:
                return found
            nothing = nothing or found
        return nothing or Evidence(SOURCE)

    def _one(self, view: View, index: int, within: CellRegion) -> Evidence:
        ground = self.matcher.ground
        laid = Evidence(SOURCE)
        if view.kind in FROM_ABOVE:
            found = self.matcher.match(view, within=within, k=_ALL)
            laid = match_evidence(found, self.settings.evidence, view=index)
            if found and found[0].accepted:
                return laid
        alike = likeness_claim(view, ground, within, self.settings.likeness, index=index)
        if alike is not None:
            return Evidence(SOURCE, (alike,))
        if laid.claims:
            return laid
        remark = "nothing: it was not laid onto tiles, and no towers compare this kind of view with them (see --kind)"
        return Evidence(SOURCE, (Claim("not compared from above", view.kind.value, remark, view=index),))


def refining_parts() -> dict[str, type]:
    """Settings of refining by the name of their part."""
    return {**matching_parts(), "crossview": EvidenceConfig, "likeness": LikenessConfig}


def refining_settings(given: Mapping[str, Mapping[str, object]]) -> Settings:
    """Settings by part.

    Raises:
        OptionError: an unknown setting, or a value out of range.
    """
    return Settings(
        matching_options(given),
        build(EvidenceConfig, given.get("crossview", {}), owner="crossview"),
        build(LikenessConfig, given.get("likeness", {}), owner="likeness"),
    )
