"""`Calibration`: what was learned from pictures with a known place, and how it is applied to an answer.

It holds a temperature and a wrong share for each evidence source, levels of conformal regions, and a rule for
abstaining. `whence.evaluate.calibration` fits one; its file is JSON of the layout ``whence.calibration/1``.

With a source's log-likelihood ℓ, temperature T and wrong share ε, what is added to the belief is
``log((1 − ε) · exp(ℓ/T) / E_prior[exp(ℓ/T)] + ε)``: with probability ε the source says nothing about the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from whence.core.config import fingerprint
from whence.core.errors import ArtifactError, unknown_name
from whence.earth.field import Field
from whence.estimate.abstention import Abstention
from whence.estimate.conformal import WHOLE
from whence.estimate.fuse import allowance
from whence.evidence.types import ALLOWANCE, Claim, Evidence

CALIBRATION_SCHEMA = "whence.calibration/1"
"""Name of the layout."""

FITTED = "fitted"
"""Key in the ``calibration`` of a bundle's header under which `Calibration.to_dict` stands."""

AREA, COUNTRY, REGION = "area", "country", "region"
"""What a conformal level is for: regions of the map, sets of countries, sets of first-level divisions."""

_KINDS = (AREA, COUNTRY, REGION)
_RULED_OUT_NATS = 60.0
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class SourceCalibration:
    """How much one source is believed.

    Attributes:
        temperature: its log-likelihood is divided by it; above 1 means trusted less. It stands in the place of the
            source's own.
        wrong_share: how often what it says has nothing to do with the place, 0..1.
        pictures: on how many pictures that was fitted.
        groups: of how many photographers or albums; 0 where they are not known.
    """

    temperature: float
    wrong_share: float
    pictures: int = 0
    groups: int = 0

    def __post_init__(self) -> None:
        if not (0.0 < self.temperature < math.inf and 0.0 <= self.wrong_share < 1.0):
            raise ArtifactError(
                f"A calibration needs a temperature above 0 and a wrong share within [0, 1), received "
                f"{self.temperature} and {self.wrong_share}. Make it again with 'whence calibrate'."
            )

    def apply(self, item: Evidence, prior: Field) -> Evidence:
        """The evidence at this temperature, with a claim that allows for the source being wrong.

        The allowance is what the mixture adds to the sum of the other claims, so that the claims still add up to what
        is fused. What a claim rules out becomes unlikely beyond measure, as a wrong source rules out nothing.

        Args:
            item: what the source said.
            prior: normalised prior.
        """
        item = replace(item, temperature=self.temperature)
        if not item.likelihoods or self.wrong_share == 0.0:
            return item
        kept = tuple(_softened(claim, self.temperature) for claim in item.claims)
        whole = cast("Field", replace(item, claims=kept).log_likelihood())
        extra = allowance(whole, self.wrong_share, prior)
        if extra is None:
            return item
        of = f"{self.pictures} pictures" + (f" of {self.groups} groups" if self.groups else "")
        claim = Claim(
            ALLOWANCE,
            f"{item.source} is wrong in {100.0 * self.wrong_share:.2g} % of pictures",
            "this may be one of them, so that no reading of it rules a place out",
            f"Fitted, with the temperature {self.temperature:.3g}, on {of}.",
            extra.scale(self.temperature),
        )
        return replace(item, claims=(*kept, claim), wrong_share=self.wrong_share)


@dataclass(frozen=True, slots=True)
class ConformalLevel:
    """How much of a belief a region or set must hold to be right often enough.

    Attributes:
        kind: ``area``, ``country`` or ``region`` (first-level division).
        coverage: how often it is to hold the truth.
        level: share of the belief at which it is drawn (`whence.estimate.conformal`).
        unit: what is exchangeable: ``picture`` or ``group``.
    """

    kind: str
    coverage: float
    level: float
    unit: str

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or not (0.0 < self.coverage < 1.0 and 0.0 <= self.level <= WHOLE):
            raise ArtifactError(
                f"A conformal level is of {', '.join(_KINDS)}, with a coverage within (0, 1) and a level within "
                f"[0, 1]; received {self.kind!r}, {self.coverage} and {self.level}."
            )


@dataclass(frozen=True)
class Calibration:
    """What pictures with a known place taught.

    Attributes:
        sources: by name.
        levels: of conformal regions and sets.
        abstention: when no answer is given; ``None`` for the rule of the settings.
        dataset: what it was fitted on.
        pictures: how many of them.
        groups: pictures by photographer or album; empty where they are not known.
        configuration: hash of what shaped the evidence (``versions.evidence`` of an answer); empty for any.
        created: when, ISO 8601 in UTC.
        whence: version that fitted it.
        figures: what it changed on held-out groups, for people.
    """

    sources: Mapping[str, SourceCalibration] = field(default_factory=dict)
    levels: tuple[ConformalLevel, ...] = ()
    abstention: Abstention | None = None
    dataset: str = ""
    pictures: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)
    configuration: str = ""
    created: str = ""
    whence: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Short hash of all of it."""
        return fingerprint(self.to_dict())

    def level(self, kind: str, coverage: float) -> ConformalLevel | None:
        """The conformal level of a kind at a coverage, if there is one."""
        return next((item for item in self.levels if item.kind == kind and item.coverage == coverage), None)

    def fits(self, versions: Mapping[str, str]) -> bool:
        """Whether answers of these versions are made as those that it was fitted on."""
        return not self.configuration or versions.get("evidence", self.configuration) == self.configuration

    def apply(self, evidence: Sequence[Evidence], prior: Field) -> tuple[Evidence, ...]:
        """The evidence as it is to be fused; sources that were not calibrated stay as they are."""
        return tuple(
            found.apply(item, prior) if (found := self.sources.get(item.source)) is not None else item
            for item in evidence
        )

    # --- files ---------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, also for the header of a bundle (under `FITTED`)."""
        return {
            "schema": CALIBRATION_SCHEMA,
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "sources": {name: asdict(found) for name, found in self.sources.items()},
            "levels": [asdict(item) for item in self.levels],
            "abstention": None if self.abstention is None else asdict(self.abstention),
            "groups": dict(self.groups),
            "figures": dict(self.figures),
        }

    @staticmethod
    def from_dict(values: object, where: str = "the calibration") -> Calibration:
        """Read what `to_dict` gave, strictly.

        Args:
            values: the values.
            where: what to call them in messages.

        Raises:
            ArtifactError: another schema, an unknown or missing key, or a value that cannot be.
        """
        if not isinstance(values, Mapping) or values.get("schema") != CALIBRATION_SCHEMA:
            found = values.get("schema") if isinstance(values, Mapping) else type(values).__name__
            raise ArtifactError(
                f"{where} is of schema {found!r}, expected {CALIBRATION_SCHEMA!r}. Make it with 'whence calibrate'."
            )
        given = {key: value for key, value in values.items() if key != "schema"}
        sources, levels, abstention = (given.pop(key, None) for key in ("sources", "levels", "abstention"))
        if not isinstance(sources, Mapping) or not isinstance(levels, (list, tuple)):
            raise ArtifactError(f"{where} lacks its sources or levels. Make it again with 'whence calibrate'.")
        return _made(
            Calibration,
            {
                **given,
                "sources": {name: _made(SourceCalibration, item, where) for name, item in sources.items()},
                "levels": tuple(_made(ConformalLevel, item, where) for item in levels),
                "abstention": None if abstention is None else _made(Abstention, abstention, where),
            },
            where,
        )

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            ArtifactError: a value that JSON does not know, such as NaN.
        """
        try:
            text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"The calibration holds a value that JSON does not know ({error}).") from error
        partial = path.with_name(path.name + ".part")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Calibration:
        """Read a file of `save`.

        Raises:
            ArtifactError: it cannot be read, or is none.
        """
        try:
            values = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ArtifactError(f"The calibration {path} cannot be read ({error}).") from error
        return Calibration.from_dict(values, str(path))

    @staticmethod
    def of_bundle(header: Mapping[str, Any], source: str, where: str = "the bundle") -> Calibration | None:
        """What a bundle's header carries for the source that reads it: temperature and wrong share, nothing else.

        Args:
            header: the ``calibration`` of the header.
            source: name of the source.
            where: what to call the bundle in messages.

        Raises:
            ArtifactError: it carries something that is no calibration.
        """
        if FITTED not in header:
            return None
        whole = Calibration.from_dict(header[FITTED], f"the calibration of {where}")
        mine = {name: found for name, found in whole.sources.items() if name == source}
        return replace(whole, sources=mine, levels=(), abstention=None, configuration="") if mine else None


def _softened(claim: Claim, temperature: float) -> Claim:
    """The claim, with what it rules out made very unlikely instead."""
    if claim.likelihood is None or not (gone := np.isneginf(claim.likelihood.values)).any() or gone.all():
        return claim
    low = claim.likelihood.values[~gone].min() - _RULED_OUT_NATS * temperature
    values = np.where(gone, low, claim.likelihood.values)
    return replace(claim, likelihood=Field(claim.likelihood.partition, values))


def _made(kind: type[D], values: object, where: str) -> D:
    """A dataclass of plain values, unknown and missing keys refused."""
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(values, Mapping):
        raise ArtifactError(f"{where}: expected a table with {', '.join(known)}, received {values!r}.")
    for key in values:
        if key not in known:
            raise ArtifactError(f"{where}: {unknown_name('key', str(key), known)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ArtifactError(f"{where} is damaged: {error}. Make it again with 'whence calibrate'.") from error
