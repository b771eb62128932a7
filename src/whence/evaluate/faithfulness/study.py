"""All tests of faithfulness on many pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from whence.core.errors import InputError, WhenceError, unknown_name
from whence.earth.coordinates import Point
from whence.estimate.types import Estimate
from whence.evaluate.faithfulness.claim_truth import ClaimCheck, check_claims
from whence.evaluate.faithfulness.concept_sources import ConceptSource
from whence.evaluate.faithfulness.curves import OrderCurves, unit_curves
from whence.evaluate.faithfulness.intervene import Intervention, Make, edit_concepts, remove_sources
from whence.evaluate.faithfulness.randomise import (
    MIRRORED,
    Part,
    concept_bits,
    explanation_correlation,
    mirrored,
    shuffled_bundle,
)
from whence.evaluate.faithfulness.regions import Believe, region_curves
from whence.evaluate.faithfulness.units import Account, Level
from whence.samples.view import Query

TESTS = ("curves", "regions", "interventions", "randomisation", "claims")
"""Names of the tests."""


@dataclass(frozen=True)
class Config:
    """Which tests are made, and how."""

    tests: str = ",".join(TESTS)
    "Which: curves, regions, interventions, randomisation, claims; separated by commas."
    orders: int = 20
    "Random orders of sources, claims and concepts that the ledger's order is held against."
    grid: int = 3
    "Cells along each side of the picture that are painted over."
    region_orders: int = 10
    "Random orders of those cells; each costs grid² − 1 beliefs."
    concepts: int = 2
    "Concepts of a picture that are set to other strengths."
    shuffles: int = 1
    "How often the weights of a model are shuffled."
    draws: int = 1000
    "Draws of the bootstrap."
    seed: int = 0
    "Seed of orders, shuffles and bootstrap."

    def __post_init__(self) -> None:
        for name in self.chosen:
            if name not in TESTS:
                raise unknown_name("test of faithfulness", name, TESTS)
        least = {"grid": 2, "seed": 0}
        for name in ("orders", "grid", "region_orders", "concepts", "shuffles", "draws", "seed"):
            low = least.get(name, 1)
            if getattr(self, name) < low:
                raise InputError(f"{name} must be {low} or more, received {getattr(self, name)}.")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The tests by name."""
        return tuple(name.strip() for name in self.tests.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Case:
    """A picture to be studied.

    Attributes:
        name: how results call it.
        read: reads it.
        truth: where it was taken, if that is known.
        group: photographer or album; whole groups are drawn for intervals.
    """

    name: str
    read: Callable[[], Query]
    truth: Point | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PictureResult:
    """What the tests found on one picture.

    Attributes:
        name: of the picture.
        group: photographer or album.
        score: faithfulness of its ledger, ``None`` if not measured.
        curves: by level, where there was something to order.
        interventions: predicted and found.
        correlations: of its explanation with those of shuffled models, by what was shuffled.
        checks: its claims against the true place.
        failure: why there is nothing.
    """

    name: str
    group: str | None
    score: float | None = None
    curves: tuple[OrderCurves, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    correlations: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    checks: tuple[ClaimCheck, ...] = ()
    failure: str | None = None


def study(
    cases: Iterable[Case],
    make: Make,
    config: Config | None = None,
    *,
    sources: Sequence[ConceptSource] = (),
    believe: Believe | None = None,
    report: Callable[[PictureResult], None] | None = None,
) -> tuple[PictureResult, ...]:
    """Run the tests.

    Args:
        cases: the pictures.
        make: makes what locates (`whence.evaluate.faithfulness.intervene.Make`).
        config: which tests, and how.
        sources: those that tell concepts; without any, the tests of their models are left out.
        believe: gives the belief of a query as what ``make`` makes does, sooner (`whence.pipeline.Locator.believe`);
            pictures are painted over many times.
        report: told of each picture when it is done.

    Raises:
        ArtifactError: a model cannot be shuffled.
        MissingExtraError: its weights are to be shuffled, and onnx is not installed.
    """
    config = config or Config()
    out = []
    with tempfile.TemporaryDirectory(prefix="whence-shuffled-") as folder:
        copies = [_shuffled(source, config, Path(folder)) for source in sources if "randomisation" in config.chosen]
        for number, case in enumerate(cases):
            generator = np.random.default_rng((config.seed, number))
            try:
                found = _picture(case, make, config, generator, sources, copies, believe)
            except WhenceError as error:
                found = PictureResult(case.name, case.group, failure=str(error))
            out.append(found)
            if report is not None:
                report(found)
    return tuple(out)


def _shuffled(source: ConceptSource, config: Config, folder: Path) -> dict[str, list[str]]:
    """Folders of shuffled copies of a source's model, by what was shuffled."""
    generator = np.random.default_rng((config.seed, 1_000_003))
    parts = [part for part in Part if part is not Part.IMAGE or "image" in source.bundle.graphs]
    return {
        part.value: [
            str(shuffled_bundle(source, folder / f"{source.name}-{part.name}-{i}", part, generator).folder)
            for i in range(config.shuffles)
        ]
        for part in parts
    }


def _picture(
    case: Case,
    make: Make,
    config: Config,
    generator: np.random.Generator,
    sources: Sequence[ConceptSource],
    copies: Sequence[Mapping[str, Sequence[str]]],
    believe: Believe | None,
) -> PictureResult:
    query = case.read()
    ask = make({}, None)
    estimate = ask(query)
    curves: list[OrderCurves] = []
    if "curves" in config.chosen:
        account = Account(estimate)
        for level in (Level.SOURCE, Level.CLAIM, Level.CONCEPT):
            found = unit_curves(account, estimate.point, level, generator, config.orders)
            curves += [] if found is None else [found]
    if "regions" in config.chosen:
        how = {"side": config.grid, "orders": config.region_orders}
        found = region_curves(query, ask, generator, believe=believe, **how)
        curves += [] if found is None else [found]
    interventions: tuple[Intervention, ...] = ()
    if "interventions" in config.chosen:
        interventions = remove_sources(query, make)
        for source in sources:
            interventions += edit_concepts(query, make, source, config.concepts)
    correlations: dict[str, tuple[float, ...]] = {}
    for source, shuffled in zip(sources, copies, strict=False):
        correlations |= _correlations(query, make, source, shuffled)
    scored = estimate.ledger.faithfulness
    return PictureResult(
        name=case.name,
        group=case.group,
        score=None if scored is None else scored.score,
        curves=tuple(curves),
        interventions=interventions,
        correlations=correlations,
        checks=check_claims(estimate, case.truth) if case.truth and "claims" in config.chosen else (),
    )


def _correlations(
    query: Query, make: Make, source: ConceptSource, shuffled: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, ...]]:
    """Rank correlations with explanations of shuffled models, and with that of the mirrored picture."""
    ask = make(source.told, None)
    before = concept_bits(ask(query), source.name)

    def like(after: Estimate) -> float:
        return explanation_correlation(before, concept_bits(after, source.name), source.names)

    def with_model(folder: str) -> float:
        return like(make({**source.told, f"{source.name}.model": folder}, None)(query))

    return {
        f"{source.name}, {MIRRORED}": (like(ask(mirrored(query))),),
        **{f"{source.name}, {part}": tuple(map(with_model, folders)) for part, folders in shuffled.items()},
    }
