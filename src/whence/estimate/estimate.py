"""From a posterior to an `Estimate`: answer, certainty, regions, ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whence.earth.coordinates import Point
from whence.earth.field import Field
from whence.earth.regions import regions as region_table
from whence.estimate.abstention import features
from whence.estimate.calibration import AREA, COUNTRY, REGION, Calibration
from whence.estimate.conformal import codes_of, region_of
from whence.estimate.fuse import add_up
from whence.estimate.ledger import build_ledger
from whence.estimate.peaks import error_quantiles_km, peak_order, peaks
from whence.estimate.places import candidate, region_probabilities
from whence.estimate.types import Calibrated, CredibleRegion, Estimate, QueryInfo, RegionProbability, RegionSet
from whence.evidence.types import Evidence

_COVERAGES = (0.5, 0.9)


@dataclass(frozen=True)
class Config:
    """How an answer is read off a belief."""

    top: int = 5
    "How many candidates, and regions of each level, are given."
    max_p50_km: float = 1000.0
    "Abstain when less than half of the belief lies within this distance of the answer, km."
    min_gain_bits: float = 1.0
    "Abstain when the evidence sharpens the prior by less than this, bits."


def estimate(
    query: QueryInfo,
    prior: Field,
    evidence: Sequence[Evidence],
    *,
    config: Config | None = None,
    calibrations: Sequence[Calibration] = (),
    versions: Mapping[str, str] | None = None,
    timings_ms: Mapping[str, float] | None = None,
) -> Estimate:
    """Fuse the evidence over the prior and read the answer off.

    Args:
        query: what was asked about.
        prior: normalised prior.
        evidence: what the sources returned, failures included.
        config: thresholds and counts.
        calibrations: how much the sources are believed, and how the belief is read. Conformal levels, and the rule for
            abstaining, are those of the first that has them.
        versions: provenance, passed on.
        timings_ms: time of the stages before, passed on with ours added.

    Raises:
        ConstraintError: hard constraints rule out every place.
    """
    config = config or Config()
    started = time.perf_counter()
    for item in calibrations:
        evidence = item.apply(evidence, prior)
    total = add_up(prior, evidence)
    belief = total.normalise()
    fused = time.perf_counter()
    order = peak_order(belief)
    found = tuple(candidate(peak) for peak in peaks(belief, max(config.top, 2), order))
    answer = Point(found[0].lat_deg, found[0].lon_deg)
    p50, p90 = error_quantiles_km(belief, answer, (0.5, 0.9))
    conformal = next((item for item in calibrations if item.levels), None)
    credible = tuple(_credible(belief, coverage, conformal) for coverage in _COVERAGES)
    regions = region_probabilities(belief, config.top)
    read_off = time.perf_counter()
    ledger = build_ledger(
        prior, evidence, total, answer, found[1] if len(found) > 1 else None, radius_km=p50, order=order
    )
    reason = _abstention(belief, prior, {"p50": p50, "p90": p90}, regions, config, calibrations)
    done = time.perf_counter()
    return Estimate(
        query=query,
        point=answer,
        error_km={"p50": p50, "p90": p90},
        regions=regions,
        candidates=found[: config.top],
        credible=credible,
        abstained=reason is not None,
        abstention_reason=reason,
        ledger=ledger,
        belief=belief,
        prior=prior,
        evidence=tuple(evidence),
        versions=dict(versions or {}),
        timings_ms={
            **(timings_ms or {}),
            "fuse": (fused - started) * 1e3,
            "estimate": (read_off - fused) * 1e3,
            "ledger": (done - read_off) * 1e3,
        },
        calibrated=tuple(_told(item, belief, versions or {}, item is conformal, calibrations) for item in calibrations),
    )


def _credible(belief: Field, coverage: float, conformal: Calibration | None) -> CredibleRegion:
    found = None if conformal is None else conformal.level(AREA, coverage)
    region = belief.credible_region(coverage) if found is None else region_of(belief, found.level)
    return CredibleRegion(coverage, region.area_km2, region, None if found is None else found.level)


def _told(
    item: Calibration, belief: Field, versions: Mapping[str, str], conformal: bool, all_of: Sequence[Calibration]
) -> Calibrated:
    """What is said of a calibration, with the sets of countries and divisions that it gives."""
    sets = []
    for kind in (COUNTRY, REGION) if conformal else ():
        wanted = [found for coverage in _COVERAGES if (found := item.level(kind, coverage)) is not None]
        masses = region_table(kind).marginalise(belief) if wanted else {}
        sets += [RegionSet(kind, found.coverage, codes_of(masses, found.level)) for found in wanted]
    return Calibrated(
        dataset=item.dataset,
        pictures=item.pictures,
        groups=len(item.groups),
        created=item.created,
        fits=item.fits(versions),
        sources=tuple(item.sources),
        unit=item.levels[0].unit if conformal else "",
        sets=tuple(sets),
        rule=item is next((one for one in all_of if one.abstention is not None), None),
    )


def _abstention(
    belief: Field,
    prior: Field,
    error_km: Mapping[str, float],
    regions: Sequence[RegionProbability],
    config: Config,
    calibrations: Sequence[Calibration],
) -> str | None:
    rule = next((item.abstention for item in calibrations if item.abstention is not None), None)
    if rule is not None:
        country = max((item.probability for item in regions if item.level == "country"), default=0.0)
        return rule.reason(features(belief, prior, error_km, country))
    return _abstention_by_settings(belief, prior, error_km["p50"], config)


def _abstention_by_settings(belief: Field, prior: Field, p50_km: float, config: Config) -> str | None:
    gain = max(belief.information_gain_bits(prior), 0.0)
    if gain < config.min_gain_bits:
        sharpens = f"sharpens the prior by {gain:.1f} bits, less than {config.min_gain_bits:g}"
        sharpens = sharpens if round(gain, 1) > 0.0 else "leaves the prior as it was"
        return f"nothing was found that says where this is: the evidence {sharpens}"
    if p50_km > config.max_p50_km:
        return (
            f"less than half of the belief lies within {config.max_p50_km:,.0f} km of the best guess (half lies within "
            f"{p50_km:,.0f} km): read the regions, not the point"
        )
    return None
