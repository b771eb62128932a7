"""Numbers of claims as text, once for every language: units by the end of a value's name."""

from __future__ import annotations

import math

from whence.estimate.wording import NOT_POSSIBLE

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
"""Directions by eighths, clockwise from north."""

_COUNTS = frozenset({"inliers", "pairs", "first_inliers"})
_UNITS = (("_m_per_px", "m/px"), ("_px", "px"), ("_m", "m"))


def amount(name: str, value: float) -> str:
    """A number with its unit.

    ``share`` and ``_share`` are percentages, ``_deg`` degrees, ``_m`` metres, ``_px`` pixels, ``_m_per_px`` metres a
    pixel; whole numbers are written out, others have two or three digits that count.

    Args:
        name: of the value in its claim.
        value: the number.
    """
    if not math.isfinite(value):
        return "∞"
    if name in _COUNTS:
        return f"{value:,.0f}"
    if name == "share" or name.endswith("_share"):
        return _percent(value)
    if name.endswith("_deg"):
        return f"{value:.1f}°".replace("360.0", "0.0")
    for ending, unit in _UNITS:
        if name.endswith(ending):
            return f"{_digits(value)} {unit}"
    return _plain(value)


def compass(bearing_deg: float) -> str:
    """The eighth of the compass that a bearing lies in."""
    return COMPASS[round(bearing_deg / 45.0) % 8]


def log_odds(value: float) -> str:
    """Signed log-odds: ``+2.4``, ``−0.7``; what cannot be is ``ruled out``."""
    if value <= -500.0:
        return NOT_POSSIBLE
    rounded = round(value, 1)
    return f"{'−' if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded):.1f}"


def probability(value: float) -> str:
    """A probability, never rounded to certainty."""
    if value == 0.0:
        return "0 %"
    if value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1.0:
        return "> 99.9 %"
    return f"{100 * value:.1f} %" if value < 0.0995 or value > 0.9905 else f"{100 * value:.0f} %"


def _percent(value: float) -> str:
    percent = 100.0 * value
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0.0 else f"{percent:.1f} %"


def _digits(value: float) -> str:
    """Three digits that count, but no more than four decimals; large numbers whole."""
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.1 else 4
    return f"{value:,.{decimals}f}".replace("-", "−")


def _plain(value: float) -> str:
    """A count as it is, a ratio or a correlation with two decimals."""
    if isinstance(value, int) or (value.is_integer() and abs(value) >= 10.0):
        return f"{value:,.0f}".replace("-", "−")
    return _digits(value) if abs(value) >= 9.995 else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
