"""Answers to render and to explain: real estimates of made-up evidence, one for each kind of belief."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from whence.earth.field import Field
from whence.earth.regions import RegionLevel, regions
from whence.estimate.estimate import estimate
from whence.estimate.types import Estimate, QueryInfo
from whence.evidence.types import Box, Claim, Evidence

VERSIONS = {"whence": "0.1.0", "tables": "0123456789ab", "configuration": "ba9876543210"}
HOSTILE = '<script>alert(1)</script> & "Ωmega" \x1b[31m'


def _spot(lat: float, lon: float, sigma_km: float, floor: float) -> Field:
    return Field.from_points([lat], [lon], sigma_km=sigma_km, floor=floor)


def _claim(kind: str, read: str, implies: str, field: Field | None, box: Box | None = None) -> Claim:
    return Claim(
        kind, read, implies, "Wrong in one picture of a hundred, for which a share stays anywhere.", field, 0, box
    )


def _countries(weights: Mapping[str, float], default: float) -> Field:
    logs = {code: float(np.log(weight)) for code, weight in weights.items()}
    return regions(RegionLevel.COUNTRY).log_field(logs, float(np.log(default)))


def _query(name: str) -> QueryInfo:
    return QueryInfo(name, ("ab" * 32,), (4032, 3024), "ground", "JPEG", ())


def _sharp() -> Estimate:
    """A GPS tag in Arezzo against a time zone that speaks for Australia."""
    gps = _claim(
        "GPS position", "43.46861, 11.87694", "taken within metres of it", _spot(43.46861, 11.87694, 0.01, 1e-3)
    )
    note = _claim("GPS accuracy", "not stated", "10 m is assumed", None)
    zone = _claim("time offset", "+10:00", "clocks of eastern Australia", _spot(-33.87, 151.2, 900.0, 0.08))
    evidence = [
        Evidence("exif", (gps, note), elapsed_ms=3.2),
        Evidence("clock", (zone,), temperature=1.2, elapsed_ms=1.0),
        Evidence("text", failure="the reader of text ran out of its 30 s"),
        Evidence("names"),
    ]
    return estimate(_query("holiday/IMG_0042.jpg"), Field.uniform(6), evidence, versions=VERSIONS)


def _wide() -> Estimate:
    """Spanish text with hostile content, a country code of Mexico."""
    spanish = _countries({"MX": 1.0, "ES": 1.0, "AR": 1.0, "CO": 1.0, "PE": 1.0, "CL": 1.0, "US": 0.1}, 0.01)
    evidence = [
        Evidence(
            "text",
            (
                _claim(
                    "language", HOSTILE, "Spanish, spoken in Mexico, Spain and more", spanish, Box(0.1, 0.2, 0.5, 0.3)
                ),
                _claim(
                    "phone number",
                    "+52 55 1234 5678",
                    "+52 is the calling code of Mexico",
                    _countries({"MX": 1.0, "US": 0.2}, 0.12),
                    Box(0.55, 0.6, 0.9, 0.7),
                ),
            ),
            elapsed_ms=812.0,
        ),
        Evidence("exif"),
    ]
    return estimate(_query("sign.jpg"), Field.uniform(6), evidence, versions=VERSIONS)


def _nothing() -> Estimate:
    return estimate(_query("blank.png"), Field.uniform(5), [Evidence("exif"), Evidence("text")], versions=VERSIONS)


def _fiji() -> Estimate:
    both = Field.from_points([-17.8, -16.8], [178.4, -179.9], [0.7, 0.3], sigma_km=[60.0, 40.0], floor=1e-4)
    evidence = [Evidence("names", (_claim("place name", "Fiji", "islands on both sides of 180°", both),))]
    return estimate(_query("beach.jpg"), Field.uniform(6), evidence, versions=VERSIONS)


def _pole() -> Estimate:
    both = Field.from_points([89.7, 84.0], [30.0, -100.0], [0.7, 0.3], sigma_km=[80.0, 100.0], floor=1e-4)
    evidence = [Evidence("exif", (_claim("GPS position", "89.7, 30.0", "close to the North Pole", both),))]
    return estimate(_query("ice.jpg"), Field.uniform(6), evidence, versions=VERSIONS)


_MAKERS: dict[str, Callable[[], Estimate]] = {
    "sharp": _sharp,
    "wide": _wide,
    "nothing": _nothing,
    "fiji": _fiji,
    "pole": _pole,
}


@pytest.fixture(scope="session")
def made_estimates() -> dict[str, Estimate]:
    """Estimates by kind: ``sharp``, ``wide``, ``nothing``, ``fiji``, ``pole``."""
    return {kind: make() for kind, make in _MAKERS.items()}
