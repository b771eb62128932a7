"""Fitting a `whence.estimate.calibration.Calibration` to the records of a run.

What it gains is measured on groups (photographers) that it was not fitted on: every group, or every tenth of them, is
left out in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError, OptionError
from whence.core.version import __version__
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.earth.regions import RegionLevel, regions
from whence.estimate.abstention import Abstention, features
from whence.estimate.calibration import AREA, COUNTRY, REGION, Calibration, ConformalLevel, SourceCalibration
from whence.estimate.conformal import code_before, conformal_level, share_before
from whence.estimate.fuse import fuse
from whence.estimate.peaks import error_quantiles_km, peaks
from whence.evaluate.calibration_abstention import choose_rule, folds
from whence.evaluate.calibration_fit import Trust, fit_trusts, gains_bits, shares_before
from whence.evaluate.calibration_rows import Rows, lay_out
from whence.evaluate.records import Record, Run
from whence.evidence.types import Claim, Evidence

LEAST_PICTURES = 30
"""With fewer pictures nothing is fitted."""

LEVELS = (0.5, 0.9)
"""How often conformal regions are to hold the truth."""

_NOT_FITTED = frozenset({"constraints"})
_UNITS = ("auto", "picture", "group")


@dataclass(frozen=True)
class Config:
    """How a calibration is fitted."""

    source_pictures: int = 20
    "Sources that said something of fewer pictures are left as they are."
    unit: str = "auto"
    "What new pictures are exchangeable with: picture, group, or auto: group if there are enough for 90 % regions."
    abstain_by: str = "p50_km"
    "Rule for abstaining: p50_km, gain_bits or learned; none leaves the rule of the settings."
    target_km: float = 750.0
    "An answer is wrong if it errs by more, km."
    target_risk: float = 0.25
    "Share of given answers that may be wrong."
    confidence: float = 0.9
    "With which the risk is to be below its target."

    def __post_init__(self) -> None:
        if self.unit not in _UNITS:
            raise OptionError(f"unit is one of {', '.join(_UNITS)}, received {self.unit!r}.")
        if self.source_pictures < 2:
            raise OptionError(f"source_pictures is at least 2, received {self.source_pictures}.")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a calibration does to pictures of groups that it was not fitted on, beside what was before.

    Attributes:
        groups: of each picture.
        before: bits over the prior at the truth, as it was fused.
        after: the same, calibrated.
        covered_before: by nominal level, whether the region that holds that share of the belief held the truth.
        covered_after: the same for the conformal region.
    """

    groups: tuple[str | None, ...]
    before: Float[np.ndarray, " n"]
    after: Float[np.ndarray, " n"]
    covered_before: Mapping[float, Bool[np.ndarray, " n"]]
    covered_after: Mapping[float, Bool[np.ndarray, " n"]]

    def table(self) -> list[dict[str, Any]]:
        """Means over all pictures, then by group; bits of a truth that was ruled out are ``None``."""
        names = sorted({name for name in self.groups if name})
        masks = [np.asarray([own == name for own in self.groups]) for name in names]
        rows = [("", np.ones(len(self.groups), bool)), *zip(names, masks, strict=True)]
        return [
            {
                "group": name,
                "pictures": int(mask.sum()),
                "bits_before": _finite(self.before[mask].mean()),
                "bits_after": _finite(self.after[mask].mean()),
                "covered_before": {f"{c:g}": _finite(v[mask].mean()) for c, v in self.covered_before.items()},
                "covered_after": {f"{c:g}": _finite(v[mask].mean()) for c, v in self.covered_after.items()},
            }
            for name, mask in rows
        ]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one picture says of the calibrated belief."""

    before: Mapping[str, float]
    seen: Mapping[str, float]
    error_km: float


def calibrate(run: Run, records: Iterable[Record], config: Config | None = None) -> Calibration:
    """Fit a calibration to pictures whose place is known.

    Args:
        run: what the records have in common.
        records: the pictures; those without an answer are left out.
        config: how.

    Raises:
        InputError: too few pictures, or records without what their sources said.
        OptionError: a rule or target that is none.
    """
    config = config or Config()
    if "calibration" in run.versions:
        raise InputError(
            "These predictions were calibrated already, so that what the sources said is not to be had from them. "
            "Locate the pictures again with --calibration none."
        )
    kept = [record for record in records if record.failure is None and any(s.likelihood for s in record.sources)]
    if len(kept) < LEAST_PICTURES:
        raise InputError(
            f"A calibration needs at least {LEAST_PICTURES} pictures with a known place of which a source said "
            f"something; {run.dataset or 'the file'} has {len(kept)}. Add pictures, or ask more sources."
        )
    names = _spoken(kept)
    sources = [name for name, count in names.items() if count >= config.source_pictures and name not in _NOT_FITTED]
    if not sources:
        told = ", ".join(f"{name} {count}" for name, count in names.items()) or "none"
        raise InputError(
            f"No source said something of {config.source_pictures} pictures or more ({told}). Add pictures, or lower "
            "source_pictures."
        )
    rows = lay_out(run.prior, kept, tuple(names))
    unit = _unit(rows, config.unit)
    trusts = fit_trusts(rows, sources)
    found = {name: _calibrated(rows, name, trust) for name, trust in trusts.items()}
    readings = [_read(run.prior, record, found) for record in kept]
    abstention = None if config.abstain_by == "none" else _rule(readings, rows, config)
    levels = _levels(readings, rows.groups, unit)
    held_out = _held_out(rows, trusts, unit)
    return Calibration(
        sources=found,
        levels=levels,
        abstention=abstention,
        dataset=run.dataset,
        pictures=len(kept),
        groups=_counts(rows.groups),
        configuration=run.versions.get("evidence", ""),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        whence=__version__,
        figures={
            "held_out": [] if held_out is None else held_out.table(),
            "not_fitted": {name: count for name, count in names.items() if name not in found},
            "abstention": "asked for and not reached" if config.abstain_by != "none" and abstention is None else "",
        },
    )


def _spoken(records: Sequence[Record]) -> dict[str, int]:
    """Sources in the order in which they were asked, with the number of pictures of which they said something."""
    counts: dict[str, int] = {}
    for record in records:
        for item in record.sources:
            if item.likelihood is not None:
                counts[item.source] = counts.get(item.source, 0) + 1
    return counts


def _counts(groups: Sequence[str | None]) -> dict[str, int]:
    names = [name for name in groups if name]
    return {name: names.count(name) for name in sorted(set(names))}


def _unit(rows: Rows, wanted: str) -> str:
    known = all(rows.groups)
    if wanted == "group" and not known:
        raise InputError("unit=group needs the photographer or album of every picture, and some have none.")
    if wanted == "auto":
        enough = len(set(rows.groups)) >= max(LEVELS) / (1.0 - max(LEVELS)) - 1e-9
        return "group" if known and enough else "picture"
    return wanted


def _calibrated(rows: Rows, name: str, trust: Trust) -> SourceCalibration:
    spoke = rows.spoke[name]
    groups = {group for group, said in zip(rows.groups, spoke, strict=True) if said and group}
    assert trust.temperature is not None
    return SourceCalibration(
        float(f"{trust.temperature:.4g}"), float(f"{trust.wrong_share:.4g}"), int(spoke.sum()), len(groups)
    )


def _read(prior: Field, record: Record, sources: Mapping[str, SourceCalibration]) -> _Reading:
    """Locate a recorded picture again with calibrated sources, and compare with the truth."""
    said = [
        Evidence(item.source, (Claim("", "", "", likelihood=item.likelihood),), temperature=item.temperature)
        for item in record.sources
        if item.likelihood is not None
    ]
    belief = fuse(prior, Calibration(sources).apply(said, prior))
    truth = record.truth
    before = {AREA: share_before(belief, truth.lat_deg, truth.lon_deg)}
    surest = 0.0
    for kind, level in ((COUNTRY, RegionLevel.COUNTRY), (REGION, RegionLevel.REGION)):
        table = regions(level)
        masses = table.marginalise(belief)
        before[kind] = code_before(masses, str(table.at(truth.lat_deg, truth.lon_deg)))
        if kind == COUNTRY:
            surest = max(masses.values())
    answer = peaks(belief, 1)[0].point
    p50, p90 = error_quantiles_km(belief, answer, (0.5, 0.9))
    error_km = float(distance_km(answer.lat_deg, answer.lon_deg, truth.lat_deg, truth.lon_deg))
    return _Reading(before, features(belief, prior, {"p50": p50, "p90": p90}, surest), error_km)


def _levels(readings: Sequence[_Reading], groups: Sequence[str | None], unit: str) -> tuple[ConformalLevel, ...]:
    owners = groups if unit == "group" else None
    return tuple(
        ConformalLevel(kind, coverage, conformal_level(scores, coverage, owners), unit)
        for kind in (AREA, COUNTRY, REGION)
        for scores in (np.asarray([reading.before[kind] for reading in readings]),)
        for coverage in LEVELS
    )


def _rule(readings: Sequence[_Reading], rows: Rows, config: Config) -> Abstention | None:
    return choose_rule(
        [reading.seen for reading in readings],
        np.asarray([reading.error_km for reading in readings]),
        rows.groups,
        by=config.abstain_by,
        target_km=config.target_km,
        target_risk=config.target_risk,
        confidence=config.confidence,
    )


def _held_out(rows: Rows, whole: Mapping[str, Trust], unit: str) -> HeldOut | None:
    """Leave each group out in turn; ``None`` where there is only one."""
    parts = folds(rows.groups)
    if len(parts) < 2:
        return None
    after = np.empty(len(rows))
    covered = {level: np.empty(len(rows), bool) for level in LEVELS}
    for part in parts:
        rest, mine = rows.take(np.setdiff1d(np.arange(len(rows)), part)), rows.take(part)
        trusts = fit_trusts(rest, [name for name in whole if rest.spoke[name].any()], whole)
        after[part] = gains_bits(mine, trusts)
        scores, own = shares_before(rest, trusts), shares_before(mine, trusts)
        for level in LEVELS:
            drawn = conformal_level(scores, level, rest.groups if unit == "group" else None)
            covered[level][part] = own <= drawn + 1e-9
    plain = shares_before(rows, {})
    return HeldOut(rows.groups, gains_bits(rows, {}), after, {level: plain < level for level in LEVELS}, covered)


def _finite(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
