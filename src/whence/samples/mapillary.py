"""The JSON that street-view capture apps write into ImageDescription (``MAPLatitude`` and so on).

Source: github.com/mapillary/mapillary_tools, ``mapillary_tools/types.py`` (names of the keys).
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Any

from whence.samples.tag_values import clean_text, number
from whence.samples.view import Metadata, Position, Tagged

MAX_BYTES = 65_536
_ORIGIN = "EXIF ImageDescription "


def read_description(raw: bytes) -> Metadata:
    """Read a description if it is such JSON; anything else gives empty metadata."""
    raw = raw.strip(b"\0 \r\n\t")
    if not raw.startswith(b"{") or len(raw) > MAX_BYTES:
        return Metadata()
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return Metadata()
    if not isinstance(found, dict):
        return Metadata()
    problems: list[str] = []
    compass = found.get("MAPCompassHeading")
    heading = None
    if isinstance(compass, dict):
        key = "TrueHeading" if "TrueHeading" in compass else "MagneticHeading"
        heading = _within(compass, key, 0.0, 360.0, "degrees", problems)
        if heading is not None:
            note = " (magnetic north)" if key == "MagneticHeading" else ""
            heading = Tagged(heading.value % 360.0, f"{_ORIGIN}MAPCompassHeading {key}{note}")
    return Metadata(
        position=_position(found, problems),
        position_error_m=_within(found, "MAPGPSAccuracyMeters", 0.0, 20_000_000.0, "metres", problems),
        altitude_m=_within(found, "MAPAltitude", -12_000.0, 100_000.0, "metres", problems),
        heading_deg=heading,
        gps_time_utc=_time(found.get("MAPCaptureTime")),
        problems=tuple(problems),
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return number(value)
    try:
        converted = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return converted if math.isfinite(converted) else None


def _within(
    found: dict[str, Any], key: str, low: float, high: float, unit: str, problems: list[str]
) -> Tagged[float] | None:
    if key not in found or found[key] == "":
        return None
    value = _number(found[key])
    if value is None or not low <= value <= high:
        shown = clean_text(str(found[key])[:40]) if not isinstance(found[key], int) else "a number"
        problems.append(f"{key} in ImageDescription reads {shown}, not {low:g}..{high:g} {unit}: ignored.")
        return None
    return Tagged(value, _ORIGIN + key)


def _position(found: dict[str, Any], problems: list[str]) -> Tagged[Position] | None:
    lat = _within(found, "MAPLatitude", -90.0, 90.0, "degrees", problems)
    lon = _within(found, "MAPLongitude", -180.0, 180.0, "degrees", problems)
    if lat is None or lon is None:
        return None
    return Tagged(Position(lat.value, lon.value), _ORIGIN + "MAPLatitude/MAPLongitude")


def _time(text: Any) -> Tagged[datetime] | None:
    """``2014_06_21_14_03_52_000``, UTC."""
    parts = text.split("_") if isinstance(text, str) and len(text) <= 32 else []
    if len(parts) != 7 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    try:
        when = datetime(*numbers[:6], numbers[6] * 1000, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]  # noqa: UP017
    except (ValueError, OverflowError):
        return None
    return Tagged(when, _ORIGIN + "MAPCaptureTime")
