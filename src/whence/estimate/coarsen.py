"""The resolution floor: nothing finer than a country, region or city leaves the program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whence.core.arrays import ranges
from whence.core.errors import unknown_name
from whence.earth import grid
from whence.earth.coordinates import Point
from whence.earth.field import CellRegion, Field
from whence.earth.places import gazetteer
from whence.estimate.places import label, naming_place
from whence.estimate.types import (
    Candidate,
    ClaimEntry,
    CredibleRegion,
    Estimate,
    LedgerEntry,
    RegionProbability,
    Without,
)

LEVELS = ("country", "region", "city")

_ORDERS = {"country": 4, "region": 6, "city": 8}
_FLOOR_KM = {"country": 400.0, "region": 100.0, "city": 13.0}
_WITHHELD = "withheld by the resolution floor"


def coarsen(estimate: Estimate, level: str) -> Estimate:
    """Return the estimate with everything finer than ``level`` taken out.

    The belief is averaged over cells of that size, the answer and the candidates move to the largest town of
    their country or region (or to the nearest town of 15,000 people for ``city``), errors are stated no smaller
    than the floor, and what the claims read is withheld, as it may hold coordinates or an address. Bits stay:
    they say how much each source gave, not what.

    Args:
        estimate: full answer.
        level: ``country``, ``region`` or ``city``.

    Raises:
        OptionError: no such level.
    """
    if level not in LEVELS:
        raise unknown_name("resolution floor", level, LEVELS)
    belief, prior = _average(estimate.belief, level), _average(estimate.prior, level)
    floor = _FLOOR_KM[level]
    candidates = _merge([_coarse_candidate(c, level) for c in estimate.candidates])
    point = Point(candidates[0].lat_deg, candidates[0].lon_deg)
    return replace(
        estimate,
        point=point,
        error_km={key: max(value, floor) for key, value in estimate.error_km.items()},
        regions=tuple(_coarse_regions(estimate.regions, level)),
        candidates=candidates,
        credible=tuple(_coarse_credible(item, belief) for item in estimate.credible),
        ledger=replace(
            estimate.ledger,
            entries=tuple(_coarse_entry(entry, level) for entry in estimate.ledger.entries),
            runner_up=candidates[1] if len(candidates) > 1 else None,
        ),
        belief=belief,
        prior=prior,
        evidence=(),
        coarsest=level,
        calibrated=tuple(
            replace(item, sets=tuple(one for one in item.sets if level != "country" or one.level == "country"))
            for item in estimate.calibrated
        ),
    )


def _average(field: Field, level: str) -> Field:
    return field.resample(_ORDERS[level]).normalise()


def _coarse_credible(item: CredibleRegion, belief: Field) -> CredibleRegion:
    """The region that holds as much of the averaged belief; of a calibrated one, all cells that it touches."""
    if item.drawn_at is None:
        region = belief.credible_region(item.level)
        return CredibleRegion(item.level, region.area_km2, region)
    fine, coarse = item.region.partition, belief.partition
    first = np.searchsorted(coarse.starts, fine.starts[item.region.index], side="right") - 1
    sizes = np.int64(1) << (2 * (grid.MAX_ORDER - fine.orders[item.region.index].astype(np.int64)))
    after = np.searchsorted(coarse.starts, fine.starts[item.region.index] + sizes)
    index = np.unique(ranges(first, np.maximum(after - first, 1)))
    area = float(coarse.areas_km2[index].sum())
    return CredibleRegion(
        item.level, area, CellRegion(coarse, index, float(belief.mass[index].sum()), area), item.drawn_at
    )


def _snap(point: Point, level: str) -> Point:
    """The town that stands for a point's country, region or city."""
    places = gazetteer()
    if level == "city":
        town = places.nearest(point.lat_deg, point.lon_deg, k=1, min_population=15_000)[0].place
    else:
        own = places.nearest(point.lat_deg, point.lon_deg, k=1)[0].place
        inside = places.in_country(own.country) if level == "country" else places.in_division(own.division)
        town = places.place(int(inside[np.argmax(places.populations[inside])]))
    return Point(town.lat_deg, town.lon_deg)


def _coarse_candidate(candidate: Candidate, level: str) -> Candidate:
    point = _snap(Point(candidate.lat_deg, candidate.lon_deg), level)
    near = naming_place(point)
    return Candidate(point.lat_deg, point.lon_deg, candidate.probability, near, label(point, near))


def _merge(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Candidates that fell together become one."""
    out: dict[tuple[float, float], Candidate] = {}
    for item in candidates:
        key = (item.lat_deg, item.lon_deg)
        old = out.get(key)
        out[key] = replace(old, probability=old.probability + item.probability) if old else item
    return tuple(out.values())


def _coarse_regions(found: tuple[RegionProbability, ...], level: str) -> list[RegionProbability]:
    kept = {"country": {"country"}, "region": {"country", "region"}, "city": {"country", "region", "place"}}[level]
    return [item for item in found if item.level in kept]


def _coarse_entry(entry: LedgerEntry, level: str) -> LedgerEntry:
    return replace(
        entry,
        claims=tuple(_coarse_claim(claim, level) for claim in entry.claims),
        without=_coarse_without(entry.without, level),
    )


def _coarse_claim(entry: ClaimEntry, level: str) -> ClaimEntry:
    claim = replace(entry.claim, read=_WITHHELD, implies=_WITHHELD, likelihood=None, box=None)
    return replace(entry, claim=claim, without=_coarse_without(entry.without, level))


def _coarse_without(without: Without | None, level: str) -> Without | None:
    if without is None:
        return None
    floor = _FLOOR_KM[level]
    return replace(without, point=_snap(without.point, level), shift_km=round(without.shift_km / floor) * floor)
