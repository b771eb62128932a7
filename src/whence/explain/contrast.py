"""Why here and not there: the difference of the ledger at two places, claim by claim, exactly.

The belief is prior plus log-likelihoods up to one constant, so the logarithm of the odds of two places is the
difference of the priors plus the difference of each claim: no approximation, nothing left over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import Point, point
from whence.earth.field import LN2, Field
from whence.estimate import wording
from whence.estimate.types import Candidate, Estimate


@dataclass(frozen=True, slots=True)
class ContrastItem:
    """One claim's part.

    Attributes:
        source: who claims it.
        kind: kind of the claim.
        read: what was read.
        implies: what follows from it.
        bits: how much more it speaks for the first place than for the second; infinite where the claim rules
            one of them out, 0 where it rules out both.
    """

    source: str
    kind: str
    read: str
    implies: str
    bits: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """Difference of the ledger at two places: ``prior_bits + Σ item.bits = total_bits``.

    Attributes:
        a: the first place.
        b: the second place.
        label_a: its name.
        label_b: its name.
        prior_bits: how much more the prior expects pictures at ``a``.
        items: the claims, the most telling first, whichever way.
        total_bits: log₂ of the odds of ``a`` over ``b``, for equal areas; not a number if both are ruled out.
    """

    a: Point
    b: Point
    label_a: str
    label_b: str
    prior_bits: float
    items: tuple[ContrastItem, ...]
    total_bits: float

    @property
    def by_source(self) -> tuple[tuple[str, float], ...]:
        """Bits of each source, the most telling first."""
        sums: dict[str, float] = {}
        for item in self.items:
            sums[item.source] = sums.get(item.source, 0.0) + item.bits
        return tuple(sorted(sums.items(), key=lambda pair: _telling(pair[1])))

    def verdict(self) -> str:
        """The total as a sentence."""
        if math.isnan(self.total_bits):
            return "Both places are ruled out."
        if math.isinf(self.total_bits):
            return f"{self.label_b if self.total_bits > 0 else self.label_a} is ruled out."
        if abs(self.total_bits) < 0.05:
            return f"Nothing decides between {self.label_a} and {self.label_b}."
        first, second = (self.label_a, self.label_b) if self.total_bits > 0 else (self.label_b, self.label_a)
        return f"A spot at {first} is {wording.times(self.total_bits)} as likely as one of the same size at {second}."

    def to_text(self) -> str:
        """The contrast as lines of text."""
        lines = [f"Why {self.label_a} and not {self.label_b}", self.verdict(), ""]
        lines.append(f"  {wording.bits(self.prior_bits):>9}  prior: where pictures are taken anyway")
        for item in self.items:
            read = wording.one_line(item.read, 80)
            lines.append(f"  {wording.bits(item.bits):>9}  {item.source}, {item.kind}: {read} → {item.implies}")
        total = "undecided" if math.isnan(self.total_bits) else wording.bits(self.total_bits)
        lines.append(f"  {total:>9}  in all; each bit doubles the odds")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The contrast as plain JSON values; infinite bits become ``None``."""

        def finite(value: float) -> float | None:
            return round(value, 3) + 0.0 if math.isfinite(value) else None

        return {
            "a": {"lat_deg": round(self.a.lat_deg, 6), "lon_deg": round(self.a.lon_deg, 6), "label": self.label_a},
            "b": {"lat_deg": round(self.b.lat_deg, 6), "lon_deg": round(self.b.lon_deg, 6), "label": self.label_b},
            "prior_bits": finite(self.prior_bits),
            "items": [
                {"source": i.source, "kind": i.kind, "read": i.read, "implies": i.implies, "bits": finite(i.bits)}
                for i in self.items
            ],
            "total_bits": finite(self.total_bits),
        }

    def __str__(self) -> str:
        return self.to_text()


Place = Point | Candidate | tuple[float, float]
"""A place to compare: a point, a candidate, or latitude and longitude in degrees."""


def contrast(estimate: Estimate, a: Place | None = None, b: Place | None = None) -> Contrast:
    """Compare the accounts of two places.

    Args:
        estimate: an answer with its evidence.
        a: a place, or its (latitude, longitude) in degrees; the answer if not given.
        b: another place; the runner-up if not given.

    Raises:
        InputError: the estimate's evidence was withheld by a resolution floor, or there is no runner-up and
            ``b`` was not given.
        CoordinateError: a place is none on Earth, or no pair of numbers.
    """
    if estimate.coarsest is not None:
        raise InputError(
            f"This estimate was coarsened to {estimate.coarsest!r}, which withholds the evidence that a contrast "
            "is read from. Locate the picture without a resolution floor."
        )
    first = _place(a) if a is not None else (estimate.candidates[0] if estimate.candidates else estimate.point)
    second = _place(b) if b is not None else estimate.ledger.runner_up
    if second is None:
        raise InputError("There is no runner-up to contrast with. Give the second place as b=(latitude, longitude).")
    here, there = point(first.lat_deg, first.lon_deg), point(second.lat_deg, second.lon_deg)
    items = [
        ContrastItem(
            item.source,
            claim.kind,
            claim.read,
            claim.implies,
            _difference(claim.likelihood, here, there) / item.temperature,
        )
        for item in estimate.evidence
        for claim in item.claims
        if claim.likelihood is not None
    ]
    prior_bits = _difference(estimate.prior, here, there)
    return Contrast(
        a=here,
        b=there,
        label_a=_label(first),
        label_b=_label(second),
        prior_bits=prior_bits,
        items=tuple(sorted(items, key=lambda item: _telling(item.bits))),
        total_bits=_total(estimate, here, there, [prior_bits, *(item.bits for item in items)]),
    )


def _total(estimate: Estimate, here: Point, there: Point, parts: list[float]) -> float:
    ruled_out = [bool(estimate.belief.at(p.lat_deg, p.lon_deg) == -math.inf) for p in (here, there)]
    if all(ruled_out):
        return math.nan
    if any(ruled_out):
        return -math.inf if ruled_out[0] else math.inf
    return math.fsum(parts)


def _telling(bits: float) -> float:
    return -abs(bits) if not math.isnan(bits) else 0.0


def _difference(field: Field, here: Point, there: Point) -> float:
    a, b = float(field.at(here.lat_deg, here.lon_deg)), float(field.at(there.lat_deg, there.lon_deg))
    return 0.0 if a == b else (a - b) / LN2


def _place(given: Place) -> Point | Candidate:
    if isinstance(given, Point | Candidate):
        return given
    try:
        lat_deg, lon_deg = (float(value) for value in given)
    except (TypeError, ValueError):
        raise CoordinateError(
            f"A place to contrast is a Point, a Candidate or a pair (latitude, longitude), received {given!r}."
        ) from None
    return point(lat_deg, lon_deg)


def _label(place: Point | Candidate) -> str:
    if isinstance(place, Candidate):
        return place.label
    lat, lon = (f"{abs(angle):.4f}".rstrip("0").rstrip(".") for angle in (place.lat_deg, place.lon_deg))
    return f"{lat}° {'N' if place.lat_deg >= 0 else 'S'}, {lon}° {'E' if place.lon_deg >= 0 else 'W'}"
