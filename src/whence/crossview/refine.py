"""`Refiner`: the belief of everything else picks where to look from above, and what is found there is evidence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import final

from whence.core.config import build
from whence.core.errors import WhenceError
from whence.crossview.evidence import SOURCE, match_evidence
from whence.crossview.evidence import Config as EvidenceConfig
from whence.crossview.ground import Ground
from whence.crossview.match import FROM_ABOVE, Matcher, Options, matching_options
from whence.earth.field import Field
from whence.evidence.types import Claim, Evidence
from whence.samples.view import Query

_LEVEL = 0.99


@final
class Refiner:
    """Matches the views of a query inside of a belief.

    Args:
        tiles: a reference set, or reference pictures.
        options: settings of matching.
        config: what a search that finds nothing means.

    Raises:
        InputError: the reference pictures cannot be read.
        OptionError: a setting out of range.
    """

    def __init__(self, tiles: Path | str, options: Options | None = None, config: EvidenceConfig | None = None) -> None:
        self.matcher = Matcher(Ground.open(tiles), options)
        self.config = config or EvidenceConfig()

    @property
    def version(self) -> str:
        """What shapes the evidence: the reference pictures and the settings."""
        return f"{self.matcher.ground.version} {self.matcher.options!r} {self.config!r}"

    def read(self, query: Query, belief: Field) -> Evidence:
        """Evidence of the first view that can be laid onto tiles; a remark where none can.

        Args:
            query: that was asked about.
            belief: of everything else, normalised.
        """
        started = time.perf_counter()
        for index, view in enumerate(query.views):
            if view.kind not in FROM_ABOVE:
                continue
            try:
                found = self.matcher.match(view, within=belief.credible_region(_LEVEL), k=100)
            except WhenceError as error:
                return Evidence(SOURCE, failure=str(error), elapsed_ms=(time.perf_counter() - started) * 1e3)
            return match_evidence(found, self.config, view=index, elapsed_ms=(time.perf_counter() - started) * 1e3)
        kinds = ", ".join(sorted({view.kind.value for view in query.views})) or "no picture"
        remark = Claim(
            "not looked at from above", kinds, "nothing: only views that look down are laid onto tiles (see --kind)"
        )
        return Evidence(SOURCE, (remark,), elapsed_ms=(time.perf_counter() - started) * 1e3)


def refining_options(settings: Mapping[str, Mapping[str, object]]) -> tuple[Options, EvidenceConfig]:
    """Settings by part, as options of matching and of what it says.

    Raises:
        OptionError: an unknown setting, or a value out of range.
    """
    return matching_options(settings), build(EvidenceConfig, settings.get("crossview", {}), owner="crossview")
