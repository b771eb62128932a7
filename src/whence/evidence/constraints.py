"""What the user knows: inside here, not there, near this point. Hard, or soft with a leading ``~``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from whence.core.errors import ConstraintError, InputError
from whence.earth.coordinates import point
from whence.earth.field import Field
from whence.earth.parsing import parse_point
from whence.earth.regions import TABLE_ORDER, RegionLevel, regions
from whence.earth.shapes import cells_field, disc_field, polygon_field
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Query

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

SOFT_WRONG_SHARE = 0.05
"""How often a soft constraint (``~``) is wrong."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One piece of the user's knowledge.

    Attributes:
        text: as the user wrote it, with the option's name.
        likelihood: log-likelihood, ``-inf`` where a hard constraint rules a place out.
        hard: whether it rules places out for good.
        implies: what follows, in words.
    """

    text: str
    likelihood: Field
    hard: bool
    implies: str


class Constraints(EvidenceSource):
    """The user's own knowledge as evidence: it stands in the ledger and can be taken out like any other."""

    NAME: ClassVar[str] = "constraints"
    SUMMARY: ClassVar[str] = "what the user knows: --within, --not, --near; hard, or soft with a leading ~"
    NEEDS: ClassVar[str] = "options given by the user"
    ERROR_MODEL: ClassVar[str] = (
        "A hard constraint is never wrong; a soft one is wrong in 5 % of cases, and then says nothing."
    )

    def __init__(self, given: Sequence[Constraint]) -> None:
        self.given = tuple(given)

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim a constraint; the query itself does not matter."""
        return tuple(
            Claim(
                kind="hard constraint" if item.hard else "soft constraint",
                read=item.text,
                implies=item.implies,
                error_model="taken as certain" if item.hard else f"wrong in {SOFT_WRONG_SHARE:.0%} of cases",
                likelihood=item.likelihood,
            )
            for item in self.given
        )


def parse_constraints(
    within: Sequence[str] = (), exclude: Sequence[str] = (), near: Sequence[str] = ()
) -> tuple[Constraint, ...]:
    """Read the options ``--within``, ``--not`` and ``--near``.

    Args:
        within: countries (name or code), first-level divisions (``US.NV``) or GeoJSON files; a comma joins
            several into one area. The picture was taken in it.
        exclude: the same; it was not taken there.
        near: ``LAT,LON,KM``; it was taken within so many km.

    A leading ``~`` makes one soft.

    Raises:
        ConstraintError: a text that cannot be understood, with what is allowed.
    """
    out = [_area(text, keep=True) for text in within]
    out += [_area(text, keep=False) for text in exclude]
    out += [_near(text) for text in near]
    return tuple(out)


def _levels(soft: bool) -> tuple[float, float]:
    """Log-likelihood where the constraint holds and where it does not."""
    return (math.log(1.0 - SOFT_WRONG_SHARE), math.log(SOFT_WRONG_SHARE)) if soft else (0.0, -math.inf)


def _area(text: str, *, keep: bool) -> Constraint:
    soft = text.startswith("~")
    names = [name.strip() for name in text.removeprefix("~").split(",") if name.strip()]
    if not names:
        raise ConstraintError("An area is missing: give a country, a division such as US.NV, or a GeoJSON file.")
    holds, fails = _levels(soft)
    inside, outside = (holds, fails) if keep else (fails, holds)
    parts = [_area_field(name, inside, outside) for name in names]
    option = "--within" if keep else "--not"
    combined = parts[0] if len(parts) == 1 else _either(parts, best=max if keep else min)
    words = " or ".join(names)
    return Constraint(
        text=f"{option} {text}",
        likelihood=combined,
        hard=not soft,
        implies=f"taken in {words}" if keep else f"not taken in {words}",
    )


def _either(parts: list[Field], best: object) -> Field:
    """Cell by cell the larger (or smaller) value of several fields."""
    total = Field.sum(parts)  # only for the common partition
    pick = np.maximum if best is max else np.minimum
    values = parts[0].on(total.partition).values
    for part in parts[1:]:
        values = pick(values, part.on(total.partition).values)
    return Field(total.partition, values)


def _area_field(name: str, inside: float, outside: float) -> Field:
    if Path(name).suffix.lower() in {".geojson", ".json"}:
        return polygon_field(read_geojson(Path(name)), inside=inside, outside=outside)
    level, code = _named_area(name)
    return cells_field(regions(level).cells(code, TABLE_ORDER), TABLE_ORDER, inside=inside, outside=outside)


def _named_area(name: str) -> tuple[RegionLevel, str]:
    from whence.earth.countries import find_country

    if name.upper() in regions(RegionLevel.REGION):
        return RegionLevel.REGION, name.upper()
    try:
        return RegionLevel.COUNTRY, find_country(name).code
    except InputError as error:
        raise ConstraintError(
            f"{name!r} is no country, no first-level division (such as US.NV) and no GeoJSON file. {error}"
        ) from error


def _near(text: str) -> Constraint:
    soft = text.startswith("~")
    where, _, radius = text.removeprefix("~").strip().rpartition(",")
    try:
        radius_km = float(radius.lower().replace("km", ""))
        centre = parse_point(where)
        if not 0.0 < radius_km <= 20_100.0:
            raise ConstraintError(f"The radius {radius_km:g} km is outside 0..20,100.")
        centre = point(centre.lat_deg, centre.lon_deg)
    except ValueError as error:
        raise ConstraintError(f"--near takes LAT,LON,KM, such as 48.86,2.35,25, received {text!r}. {error}") from error
    inside, outside = _levels(soft)
    return Constraint(
        text=f"--near {text}",
        likelihood=disc_field(centre.lat_deg, centre.lon_deg, radius_km, inside=inside, outside=outside),
        hard=not soft,
        implies=f"taken within {radius_km:g} km of {centre.lat_deg:g}, {centre.lon_deg:g}",
    )


def read_geojson(path: Path) -> BaseGeometry:
    """Read the polygons of a GeoJSON file as one shapely geometry (longitude, latitude).

    Raises:
        ConstraintError: the file cannot be read or holds no polygon.
    """
    import shapely
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        features = data["features"] if data.get("type") == "FeatureCollection" else [data]
        shapes = [shape(item.get("geometry") or item) for item in features]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ShapelyError) as error:
        raise ConstraintError(f"{path} cannot be read as GeoJSON: {error}") from error
    areas = [geometry for geometry in shapes if geometry.geom_type in {"Polygon", "MultiPolygon"}]
    if not areas:
        raise ConstraintError(f"{path} holds no polygon. Draw an area, not points or lines.")
    return shapely.make_valid(shapely.union_all(areas))
