"""`Answerer`: whence's own matcher and explanations on the items of a benchmark."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, UInt8

from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.registrar import Registrar
from whence.crossview.types import Match
from whence.crossview.verify.verifier import Config as VerifyConfig
from whence.crossview.verify.verifier import Verifier, unbounded_log_odds
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch, Provenance
from whence.evaluate.xbench.files import Benchmark
from whence.evaluate.xbench.types import Answer, Item, Masking, Sentence, StatedClaim
from whence.explain.match import MatchExplanation, explain_match
from whence.explain.match.faithfulness import measure_faithfulness
from whence.samples.reader import read_view
from whence.samples.view import View

NOWHERE = 1e-5
"""Degrees a pixel of references whose place is not known: about a metre, at the equator."""

_LOWEST = -750.0


@dataclass(frozen=True)
class Config:
    """How items are answered."""

    features: str = "sift"
    "Local encoders, separated by commas."
    dense: bool = False
    "Also look for the place by correlating directions of gradients."
    threshold: float = 0.0
    "Probability from which a match is accepted; 0 takes that of the verifier's table."
    prior: float = 0.5
    "Share of matched pairs that is expected, 0..1."
    told_scale: bool = True
    "Search with the query's ground sample distance where the benchmark states it, allowing for a factor of 1.6."
    masking: bool = True
    "Make the masking test on accepted matches; it costs trials + 2 matches."
    trials: int = 4
    "Sets of other pixels that are masked."
    seed: int = 0
    "Of all draws."


@final
class Answerer:
    """Matches, verifies and explains.

    Args:
        config: settings.
        languages: that explanations are written in.

    Raises:
        OptionError: an unknown encoder, or a share outside of 0..1.
    """

    def __init__(self, config: Config | None = None, languages: Sequence[str] = ("en", "zh")) -> None:
        self.config = config or Config()
        self.languages = tuple(languages)
        self.registrar = Registrar(
            RegisterConfig(features=self.config.features, dense=self.config.dense, seed=self.config.seed)
        )
        self.verifier = Verifier(VerifyConfig(prior=self.config.prior, threshold=self.config.threshold))

    def match(self, query: View, reference: Patch, gsd_m_per_px: float | None = None) -> Match:
        """Lay a query onto a reference and weigh it.

        Args:
            query: the view.
            reference: the picture from above.
            gsd_m_per_px: of the query, if the benchmark states it.
        """
        known = PosePrior(gsd_m_per_px if self.config.told_scale else None)
        return self.verifier.verify(query, reference, self.registrar.register(query.pixels, reference, prior=known))

    def explain(self, match: Match, gsd_m_per_px: float | None = None) -> MatchExplanation:
        """Say why, with the masking test if the settings ask for it and the match was accepted."""
        said = explain_match(match, languages=self.languages)
        if not (self.config.masking and match.accepted):
            return said
        tested = measure_faithfulness(
            said, self._scorer(match, gsd_m_per_px), trials=self.config.trials, seed=self.config.seed
        )
        return explain_match(match, faithfulness=tested, languages=self.languages)

    def answer(self, query: View, reference: Patch, name: str, gsd_m_per_px: float | None = None) -> Answer:
        """Answer one item."""
        start = time.perf_counter()
        match = self.match(query, reference, gsd_m_per_px)
        said = self.explain(match, gsd_m_per_px)
        return to_answer(name, said, time.perf_counter() - start)

    def _scorer(
        self, match: Match, gsd_m_per_px: float | None
    ) -> Callable[[UInt8[np.ndarray, "height width 3"]], float]:
        def score(pixels: np.ndarray) -> float:
            view = View(pixels, match.query.size_px, match.query.name, "", match.query.format, match.query.kind)
            found = self.match(view, match.reference, gsd_m_per_px)
            return max(_LOWEST, unbounded_log_odds(found))

        return score


def answer_all(
    benchmark: Benchmark, answerer: Answerer, split: str = "test", report: Callable[[int, int], None] | None = None
) -> Iterator[Answer]:
    """Answer the items of a split, one by one; those of one reference follow each other, as its features are kept.

    Raises:
        ImageError: a picture cannot be read.
    """
    items = sorted(benchmark.of_split(split), key=lambda item: (item.reference.file, item.name))
    for number, item in enumerate(items, 1):
        yield answerer.answer(*pictures_of(benchmark.folder, item), item.name, item.query.gsd_m_per_px)
        if report is not None:
            report(number, len(items))


def pictures_of(folder: Path, item: Item) -> tuple[View, Patch]:
    """Read the two pictures of an item.

    A reference whose place is not known is put at a made-up one, so that it can be matched; poses mean nothing there.
    """
    view = read_view(
        folder / item.query.file, name=item.query.file, working_px=max(item.query.width_px, item.query.height_px)
    )
    query = View(view.pixels, view.size_px, view.name, view.sha256, view.format, item.query.kind)
    longest = max(item.reference.width_px, item.reference.height_px)
    pixels = read_view(folder / item.reference.file, name=item.reference.file, working_px=longest).pixels
    place = item.georeference or GeoReference(
        "EPSG:4326", (NOWHERE, 0.0, 0.0, 0.0, -NOWHERE, 0.0), pixels.shape[1], pixels.shape[0]
    )
    provenance = Provenance(item.reference.source, item.reference.licence, item.reference.file)
    return query, Patch(pixels, has_data(pixels), place, item.reference.file, provenance)


def masks_of(folder: Path, item: Item) -> tuple[Bool[np.ndarray, "qh qw"], Bool[np.ndarray, "rh rw"]]:
    """Which pixels of the two pictures of an item hold data."""
    query, reference = pictures_of(folder, item)
    return has_data(query.pixels), reference.valid


def has_data(pixels: UInt8[np.ndarray, "height width 3"]) -> np.ndarray:
    """Which pixels of a reference hold data: black areas at its edge do not."""
    import cv2

    dark = (pixels.max(axis=2) == 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    height, width = dark.shape
    out = np.ones(dark.shape, bool)
    for label in range(1, count):
        left, top, wide, high, area = stats[label]
        at_edge = left == 0 or top == 0 or left + wide == width or top + high == height
        if at_edge and area >= 16:
            out[labels == label] = False
    return out


def to_answer(name: str, said: MatchExplanation, seconds: float = 0.0) -> Answer:
    """An explanation as it is written to a file of answers."""
    match = said.match
    registration, pose, tested = match.registration, match.pose, said.faithfulness
    pairs = registration.correspondences
    rows = np.column_stack([pairs.query_px, pairs.reference_px, pairs.inlier.astype(float)])
    masking = None
    if tested is not None:
        falls = tuple(round(tested.whole - value, 4) for value in tested.controls)
        masking = Masking(round(tested.drop, 4), falls, round(tested.masked_share, 4))
    return Answer(
        name,
        match.accepted,
        match.same_place,
        None if registration.transform is None else tuple(registration.transform.ravel().tolist()),
        None if pose is None or not math.isfinite(pose.heading_deg) else pose.heading_deg,
        None if pose is None or not math.isfinite(pose.gsd_m_per_px) else pose.gsd_m_per_px,
        tuple(
            StatedClaim(
                ident,
                claim.kind,
                claim.verdict,
                {key: _plain(value) for key, value in claim.values.items()},
                claim.log_odds,
                tuple(region.polygon_px for region in claim.regions if region.side == "query"),
                tuple(region.polygon_px for region in claim.regions if region.side == "reference"),
                claim.check,
            )
            for ident, claim in zip(said.ids, said.claims, strict=True)
        ),
        {code: tuple(Sentence(s.text, s.claims) for s in told) for code, told in said.words.items()},
        tuple(tuple(round(float(value), 3) for value in row) for row in rows),
        masking,
        round(seconds, 3),
    )


def _plain(value: float | str) -> float | str:
    if isinstance(value, str):
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)
