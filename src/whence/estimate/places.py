"""Names for a belief: probabilities of countries, divisions and places, and labels of candidates."""

from __future__ import annotations

import numpy as np

from whence.earth import grid
from whence.earth.coordinates import Point
from whence.earth.field import Field
from whence.earth.places import NearPlace, gazetteer
from whence.earth.regions import RegionLevel, regions
from whence.estimate.peaks import Peak
from whence.estimate.types import Candidate, RegionProbability

_PLACE_LEAVES = 512
_PLACE_ORDER = 11
_PLACE_LOOKUPS = 16
_NEAR_KM = 200.0


def region_probabilities(belief: Field, top: int) -> tuple[RegionProbability, ...]:
    """Most probable countries, first-level divisions and places, ``top`` of each.

    Places are the nearest populated ones to the belief's heaviest cells; their probabilities are lower bounds
    when the belief is spread over many cells.
    """
    out: list[RegionProbability] = []
    for level in (RegionLevel.COUNTRY, RegionLevel.REGION):
        table = regions(level)
        masses = table.marginalise(belief)
        ranked = sorted(masses.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
        for code, mass in ranked:
            if mass >= 1e-4:
                name = table.region(code).name if code else "at sea, or in no country"
                out.append(RegionProbability(level.value, code, name, mass))
    return (*out, *_place_probabilities(belief, top))


def _place_probabilities(belief: Field, top: int) -> list[RegionProbability]:
    """Masses of the heaviest cells of 3 km (or of larger leaves) by the place nearest to each."""
    partition, places = belief.partition, gazetteer()
    shift = 2 * (grid.MAX_ORDER - _PLACE_ORDER)
    heavy = np.sort(np.argpartition(-belief.mass, _PLACE_LEAVES)[:_PLACE_LEAVES])
    _, first, group = np.unique(partition.starts[heavy] >> shift, return_index=True, return_inverse=True)
    gathered = np.bincount(group.ravel(), belief.mass[heavy])
    rank = np.argsort(-gathered, kind="stable")[:_PLACE_LOOKUPS]
    centres = heavy[first[rank]]
    nearest = places.nearest_indices(*partition.centres_of(centres))
    ids, inverse = np.unique(nearest, return_inverse=True)
    masses = np.bincount(inverse.ravel(), gathered[rank])
    out = []
    for k in np.argsort(-masses, kind="stable")[:top].tolist():
        place = places.place(int(ids[k]))
        if masses[k] >= 1e-3:
            label = ", ".join(part for part in (place.name, place.division_name, place.country) if part)
            out.append(RegionProbability("place", str(place.id), label, float(masses[k])))
    return out


def candidate(peak: Peak) -> Candidate:
    """A peak with the place that names it."""
    near = naming_place(peak.point, peak.radius_km)
    return Candidate(
        peak.point.lat_deg, peak.point.lon_deg, peak.probability, near, label(peak.point, near, peak.radius_km)
    )


def naming_place(point: Point, radius_km: float = 0.0) -> NearPlace | None:
    """The largest of the 60 nearest places within a radius; else the nearest one within 200 km, or none."""
    found = gazetteer().nearest(point.lat_deg, point.lon_deg, k=60 if radius_km > 1.0 else 1)
    inside = [near for near in found if near.distance_km <= radius_km]
    if inside:
        return max(inside, key=lambda near: near.place.population)
    return found[0] if found[0].distance_km <= _NEAR_KM else None


def label(point: Point, near: NearPlace | None, radius_km: float = 0.0) -> str:
    """Readable name of a point known to a radius, such as ``12 km from Arezzo, Tuscany, Italy``."""
    if near is None:
        return f"{point.lat_deg:.2f}, {point.lon_deg:.2f}, far from any town"
    from whence.earth.countries import countries

    place = near.place
    country = countries().get(place.country)
    parts = (place.name, place.division_name, country.name if country else place.country)
    named = ", ".join(dict.fromkeys(part for part in parts if part))
    return named if near.distance_km < max(10.0, radius_km) else f"{near.distance_km:.0f} km from {named}"
