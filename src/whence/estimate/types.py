"""`Estimate`: the answer to a query, with its certainty and its reasons in one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whence.earth.coordinates import Point
from whence.earth.field import CellRegion, Field
from whence.earth.places import NearPlace
from whence.evidence.types import Claim, Evidence


@dataclass(frozen=True, slots=True)
class QueryInfo:
    """What was asked about.

    Attributes:
        name: path of the first view, or the free text.
        sha256: hashes of the files' bytes, one a view.
        size_px: width and height of the first upright picture, ``None`` without one.
        kind: kind of the first view, empty without one.
        format: its file format.
        warnings: what was wrong with the files, in sentences.
    """

    name: str
    sha256: tuple[str, ...] = ()
    size_px: tuple[int, int] | None = None
    kind: str = ""
    format: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionProbability:
    """Probability that the picture was taken in a country, first-level division or around a place.

    Attributes:
        level: ``country``, ``region`` or ``place``.
        code: ISO 3166-1 alpha-2, ``US.NV`` (GeoNames), or the GeoNames id of the place. Empty at sea.
        name: English or local name.
        probability: 0..1.
    """

    level: str
    code: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the places where the belief peaks.

    Attributes:
        lat_deg: latitude of the peak's median.
        lon_deg: longitude.
        probability: mass of the belief around it.
        place: the largest place within the radius that holds half of the peak, else the nearest within 200 km.
        label: readable name, such as ``Arezzo, Tuscany, Italy``.
    """

    lat_deg: float
    lon_deg: float
    probability: float
    place: NearPlace | None
    label: str


@dataclass(frozen=True, slots=True)
class CredibleRegion:
    """The smallest region that holds a share of the belief.

    Attributes:
        level: the share asked for, such as 0.9; of a calibrated region, how often such regions hold the truth.
        area_km2: its size.
        region: its cells; ``region.mass`` is the share of the belief inside.
        drawn_at: level of the belief at which a calibrated region is drawn (`whence.estimate.conformal`); ``None``
            where it is that which was asked for.
    """

    level: float
    area_km2: float
    region: CellRegion
    drawn_at: float | None = None


@dataclass(frozen=True, slots=True)
class RegionSet:
    """Countries or first-level divisions among which is the true one with a given probability.

    Attributes:
        level: ``country`` or ``region``.
        coverage: how often such sets hold the true one.
        codes: the most probable first, the sea as an empty one; ``None`` for all there are.
    """

    level: str
    coverage: float
    codes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What an answer was calibrated on.

    Attributes:
        dataset: the pictures.
        pictures: how many.
        groups: of how many photographers or albums; 0 where they are not known.
        created: when, ISO 8601.
        fits: whether they were located with the same sources, settings, models and prior as this one.
        sources: those whose likelihood was changed.
        unit: what must be exchangeable for ``credible`` and ``sets`` to hold: ``picture`` or ``group``; empty if they
            were not calibrated.
        sets: countries and divisions.
        rule: whether the rule for abstaining is the calibration's.
    """

    dataset: str
    pictures: int
    groups: int
    created: str
    fits: bool
    sources: tuple[str, ...] = ()
    unit: str = ""
    sets: tuple[RegionSet, ...] = ()
    rule: bool = False


@dataclass(frozen=True, slots=True)
class Without:
    """What happens to the answer when something is taken away.

    Attributes:
        shift_km: how far the answer moves (WGS84 geodesic).
        probability: what the rest believes of the answer's neighbourhood, the disc around the answer that
            holds half of the full belief. 0.5 means that nothing is lost.
        point: where the answer would be.
    """

    shift_km: float
    probability: float
    point: Point


@dataclass(frozen=True, slots=True)
class ClaimEntry:
    """A claim with what it contributed, bits at the answer and at the runner-up as in `LedgerEntry`."""

    claim: Claim
    bits: float
    bits_runner_up: float
    without: Without | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one source contributed.

    Attributes:
        source: its name.
        bits: log₂ of how much more likely its reading is at the answer than on average over the prior.
        bits_runner_up: the same at the runner-up.
        information_gain_bits: how much it alone would sharpen the prior (Kullback–Leibler divergence).
        claims: its claims.
        without: the answer without it; ``None`` if it said nothing.
        temperature: what its log-likelihood was divided by.
        elapsed_ms: time it took.
        failure: why it gave nothing, or ``None``.
    """

    source: str
    bits: float
    bits_runner_up: float
    information_gain_bits: float
    claims: tuple[ClaimEntry, ...]
    without: Without | None
    temperature: float = 1.0
    elapsed_ms: float = 0.0
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How well the ledger's order of claims tells what the answer stands on (`whence.estimate.faithfulness`).

    Attributes:
        score: 1 if no order of taking claims away lowers the belief at the answer sooner, 0 if a random one does so
            as soon, −1 if none does so later.
        units: how many claims, or groups of them, were taken away in turn.
        method: what was measured, in words.
    """

    score: float
    units: int
    method: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The exact account of the answer.

    At the answer, ``prior_bits + Σ entry.bits + agreement_bits = total_bits``.

    Attributes:
        entries: one a source, the most telling first.
        prior_bits: log₂ of the prior's density at the answer over the uniform density.
        agreement_bits: what the sources say together beyond what each says alone: positive when they
            contradict each other elsewhere, negative when they repeat each other; the same number at every place.
        total_bits: log₂ of the belief's density at the answer over the uniform density.
        runner_up: the second candidate, at which ``bits_runner_up`` is read; ``None`` if there is none.
        faithfulness: of the order of the claims; ``None`` if it was not measured (fewer than two claims move anything,
            or they can be taken away in any order alike).
    """

    entries: tuple[LedgerEntry, ...]
    prior_bits: float
    agreement_bits: float
    total_bits: float
    runner_up: Candidate | None
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where a picture was taken, how sure that is, and why.

    Attributes:
        query: what was asked about.
        point: the answer.
        error_km: distance from the answer that holds 50 % (``p50``) and 90 % (``p90``) of the belief.
        regions: countries, then first-level divisions, then places, the most probable first in each.
        candidates: peaks of the belief, the answer first.
        credible: credible regions, 50 % then 90 %.
        abstained: the belief is too wide for the answer to be used as one.
        abstention_reason: why, in a sentence.
        ledger: what each source contributed.
        belief: the normalised posterior.
        prior: the normalised prior.
        evidence: what the sources returned.
        versions: of the program, tables, configuration, seed.
        timings_ms: time by stage.
        coarsest: resolution floor that was applied, or ``None``.
        calibrated: what it was calibrated on; empty if on nothing. Models may each bring their own.
    """

    query: QueryInfo
    point: Point
    error_km: Mapping[str, float]
    regions: tuple[RegionProbability, ...]
    candidates: tuple[Candidate, ...]
    credible: tuple[CredibleRegion, ...]
    abstained: bool
    abstention_reason: str | None
    ledger: Ledger
    belief: Field
    prior: Field
    evidence: tuple[Evidence, ...]
    versions: Mapping[str, str]
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    coarsest: str | None = None
    calibrated: tuple[Calibrated, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The answer as plain JSON values (``docs/json.md`` has the schema)."""
        from whence.estimate.render import to_dict

        return to_dict(self)

    def __str__(self) -> str:
        from whence.estimate.render import to_text

        return to_text(self)

    def _repr_html_(self) -> str:
        from whence.estimate.render import to_notebook_html

        return to_notebook_html(self)
