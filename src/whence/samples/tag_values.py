"""Tag values as people and programs write them: text, numbers, angles, dates, offsets.

Every function returns ``None`` for what cannot be read; the caller knows the tag and says so.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone

MAX_TEXT = 1_000
"""Characters kept of one text."""

_NUMBER = re.compile(
    r"^\s*([+-]?\d{1,18}(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?)\s*(?:/\s*(\d{1,18}(?:\.\d{0,18})?))?\s*$"
)
_ANGLE = re.compile(
    r"^\s*(?P<pre>[NSEWnsew])?\s*(?P<d>[+-]?\d{1,6}(?:\.\d{0,15})?)\s*(?:°|deg|,|\s|$)"
    r"\s*(?:(?P<m>\d{1,6}(?:\.\d{0,15})?)\s*(?:'|′|,|\s|$))?"
    r"\s*(?:(?P<s>\d{1,6}(?:\.\d{0,15})?)\s*(?:\"|″|''|\s|$))?\s*(?P<post>[NSEWnsew])?\s*$"
)
_LETTER_LAST = re.compile(r"([NSEWnsew])\s*$")
_DATE = re.compile(
    r"^\s*(\d{4})[:\-/.](\d{1,2})[:\-/.](\d{1,2})(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|[+-]\d{1,2}:?\d{2})?\s*$"
)
_OFFSET = re.compile(r"^\s*(?:(Z)|([+-])(\d{1,2}):?(\d{2}))\s*$")


def clean_text(raw: bytes | str) -> str:
    """Text up to the first NUL, without control characters and outer blanks, at most `MAX_TEXT` long."""
    if isinstance(raw, bytes):
        raw = raw.partition(b"\0")[0][: 4 * MAX_TEXT]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    else:
        text = raw.partition("\0")[0][: 4 * MAX_TEXT]
    return "".join(c if c.isprintable() else " " for c in text).strip()[:MAX_TEXT]


def number(text: str) -> float | None:
    """A decimal or a fraction such as ``1234/10``; ``None`` if it is none or not finite."""
    match = _NUMBER.match(text[:64])
    if match is None:
        return None
    value = float(match[1])
    if match[2] is not None:
        bottom = float(match[2])
        if bottom == 0.0:
            return None
        value /= bottom
    return value if math.isfinite(value) else None


def sexagesimal(parts: tuple[float, ...]) -> float | None:
    """Degrees from (degrees[, minutes[, seconds]]); the sign of any part is that of the whole.

    ``None`` if there is no part, or minutes or seconds are above 60.
    """
    if not 1 <= len(parts) <= 3 or any(abs(part) > 60.0 for part in parts[1:]):
        return None
    total = sum(abs(part) / 60.0**power for power, part in enumerate(parts))
    return -total if any(math.copysign(1.0, part) < 0 for part in parts) else total


def angle(text: str) -> tuple[float, str] | None:
    """Signed degrees and hemisphere letter (empty if none) of ``43,28.1234N``, ``43.4684``, ``43 28 7 N``.

    The letter is not applied to the number.
    """
    text = text[:64].replace("−", "-").replace("º", "°")
    spaced = _LETTER_LAST.sub(r" \1", text)
    match = _ANGLE.match(spaced)
    if match is None:
        return None
    parts = tuple(float(match[k]) for k in ("d", "m", "s") if match[k] is not None)
    value = sexagesimal((math.copysign(parts[0], -1.0), *parts[1:]) if match["d"].startswith("-") else parts)
    return None if value is None else (value, (match["pre"] or match["post"] or "").upper())


def utc_offset(text: str) -> timedelta | None:
    """``+02:00``, ``-0330`` or ``Z``; ``None`` outside −12:00..+14:00, where no clock on Earth is."""
    match = _OFFSET.match(text[:16])
    if match is None:
        return None
    if match[1]:
        return timedelta(0)
    offset = timedelta(hours=int(match[3]), minutes=int(match[4]))
    offset = -offset if match[2] == "-" else offset
    valid = int(match[4]) < 60 and timedelta(hours=-12) <= offset <= timedelta(hours=14)
    return offset if valid else None


def date_time(text: str, sub_seconds: str = "") -> tuple[datetime, timedelta | None] | None:
    """A date with time as EXIF, XMP or ISO 8601 write it, and the offset if it carries one.

    Returns:
        The time as written, without zone, and the offset; ``None`` if there is no time or it cannot be.
    """
    match = _DATE.match(text[:64])
    if match is None or match[4] is None:
        return None
    digits = (match[7] or re.sub(r"\D", "", sub_seconds))[:6]
    micros = int(digits.ljust(6, "0")) if digits.isascii() and digits.isdigit() else 0
    second = int(match[6] or 0)
    try:
        when = datetime(
            int(match[1]), int(match[2]), int(match[3]), int(match[4]), int(match[5]), min(second, 59), micros
        )
    except ValueError:
        return None
    return (when, utc_offset(match[8]) if match[8] else None) if second <= 60 else None


def utc_time(date: str, hours: float, minutes: float, seconds: float) -> datetime | None:
    """A GPS date (``2008:10:22``) and time of day as one instant, UTC."""
    match = _DATE.match(date[:16])
    parts = (hours, minutes, seconds)
    if match is None or not all(math.isfinite(p) for p in parts):
        return None
    if not (0 <= hours <= 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    try:
        midnight = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=timezone.utc)  # noqa: UP017
        return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None
