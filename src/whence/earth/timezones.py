"""Time zones: the zone at a point, and which zones show an offset at an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from whence.core.errors import InputError
from whence.earth.coordinates import point

if TYPE_CHECKING:
    from timezonefinder import TimezoneFinder


@lru_cache(maxsize=1)
def _finder() -> TimezoneFinder:
    from timezonefinder import TimezoneFinder

    return TimezoneFinder(in_memory=False)


def zone_at(lat_deg: float, lon_deg: float) -> str:
    """Return the IANA time zone at a point, a nautical one (``Etc/GMT+3``) at sea.

    Raises:
        CoordinateError: the point is none.
    """
    here = point(lat_deg, lon_deg)
    return str(_finder().timezone_at(lat=here.lat_deg, lng=here.lon_deg) or nautical_zone(here.lon_deg))


def nautical_zone(lon_deg: float) -> str:
    """Return the zone that ships keep at a longitude: 15° each, ``Etc/GMT-1`` is one hour ahead of UTC."""
    hours = round(point(0.0, lon_deg).lon_deg / 15.0)
    return "Etc/GMT" if hours == 0 else f"Etc/GMT{-hours:+d}"


@lru_cache(maxsize=1)
def _zones() -> tuple[ZoneInfo, ...]:
    """The zones on land, their rules loaded once (`ZoneInfo` keeps but a few of them)."""
    from whence.earth.regions import RegionLevel, regions

    return tuple(ZoneInfo(code) for code in regions(RegionLevel.TIMEZONE).codes)


def offsets(at: datetime | None = None) -> dict[str, timedelta]:
    """Return the offset from UTC that each zone on land shows at an instant, daylight saving included.

    Args:
        at: an instant with an offset of its own; now if not given.

    Raises:
        InputError: ``at`` has no offset, so that it is no instant.
    """
    instant = datetime.now(UTC) if at is None else at
    if instant.utcoffset() is None:
        raise InputError(f"{instant.isoformat()} has no UTC offset; give an instant, e.g. {instant.isoformat()}+00:00.")
    found: dict[str, timedelta] = {}
    for zone in _zones():
        offset = instant.astimezone(zone).utcoffset()
        if offset is not None:
            found[zone.key] = offset
    return found


def zones_with_offset(offset: timedelta, at: datetime) -> tuple[str, ...]:
    """Return the zones on land that show an offset from UTC at an instant.

    Args:
        offset: local time minus UTC.
        at: the instant; one without an offset is taken as local time at ``offset``.
    """
    instant = at if at.utcoffset() is not None else (at - offset).replace(tzinfo=UTC)
    return tuple(zone for zone, found in offsets(instant).items() if found == offset)
