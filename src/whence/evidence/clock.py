"""What the camera's clock says of its time zone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from whence.earth.regions import RegionLevel, regions
from whence.evidence.types import Claim, EvidenceSource
from whence.samples.view import Metadata, Query

_SPAN_MIN = 26.0 * 60.0  # offsets run from −12 h to +14 h
_OTHER_ZONES = 1.0 / 24.0  # a clock set elsewhere shows each of some two dozen offsets alike


@dataclass(frozen=True)
class Config:
    """Error model of the camera's clock."""

    offset_wrong_share: float = 0.07
    "How often a stated offset is not that of the place (a clock left on home time), 0..1."
    zero_wrong_share: float = 0.6
    "The same for an offset of exactly zero, which programs write when they know none, 0..1."
    gps_wrong_share: float = 0.15
    "How often the local time set against GPS time is not that of the place, 0..1."
    clock_error_min: float = 3.0
    "How far off a camera's clock is when it is set to the place, minutes (one sigma)."


class Clock(EvidenceSource):
    """Local time with its offset, or local time against GPS time: which time zones keep that time."""

    NAME: ClassVar[str] = "clock"
    SUMMARY: ClassVar[str] = "local time with its offset from UTC, or against GPS time, to time zones"
    NEEDS: ClassVar[str] = "a file with OffsetTime, or with both GPS time and local time"
    ERROR_MODEL: ClassVar[str] = (
        "A stated offset is that of another place in 7 % of cases (60 % if it is zero, a common default), a difference "
        "from GPS time in 15 %; then any zone is as likely as its share of the prior."
    )

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    def read(self, query: Query) -> tuple[Claim, ...]:
        """One claim a view at most; the stated offset is used first, the GPS time where there is none."""
        claims = (self._read_one(view.metadata, i) for i, view in enumerate(query.views))
        return tuple(claim for claim in claims if claim is not None)

    def _read_one(self, metadata: Metadata, view: int) -> Claim | None:
        local, offset, gps = metadata.local_time, metadata.utc_offset, metadata.gps_time_utc
        if local is not None and offset is not None:
            hours = offset.value.total_seconds() / 3600.0
            return self._claim(
                kind="time offset",
                read=f"{local.value:%Y-%m-%d %H:%M:%S} UTC{_signed(hours)} ({offset.origin})",
                instant=_utc(local.value - offset.value),
                difference_min=hours * 60.0,
                sigma_min=0.5,
                wrong=self.config.offset_wrong_share if hours else self.config.zero_wrong_share,
                rate=_OTHER_ZONES if hours else 1.0,
                view=view,
            )
        if local is None or gps is None:
            return None
        instant = _utc(gps.value)
        difference = (local.value.replace(tzinfo=UTC) - instant).total_seconds() / 60.0
        if abs(difference) > _SPAN_MIN:
            return Claim(
                kind="clock against GPS time",
                read=f"local {local.value:%Y-%m-%d %H:%M}, GPS {instant:%Y-%m-%d %H:%M} UTC",
                implies="nothing: they lie more than a day apart, so one of the two is not of this picture",
                view=view,
            )
        return self._claim(
            kind="clock against GPS time",
            read=f"local {local.value:%H:%M:%S}, GPS {instant:%H:%M:%S} UTC on {instant:%Y-%m-%d}",
            instant=instant,
            difference_min=difference,
            sigma_min=self.config.clock_error_min,
            wrong=self.config.gps_wrong_share,
            rate=_OTHER_ZONES,
            view=view,
        )

    @staticmethod
    def _claim(
        *,
        kind: str,
        read: str,
        instant: datetime,
        difference_min: float,
        sigma_min: float,
        wrong: float,
        rate: float,
        view: int,
    ) -> Claim:
        from whence.earth.timezones import offsets

        minutes = {zone: delta / timedelta(minutes=1) for zone, delta in offsets(instant).items()}
        values = zone_log_likelihood(minutes, difference_min, sigma_min, wrong, rate)
        table = regions(RegionLevel.TIMEZONE)
        known = {code: values[code] for code in table.codes if code in values}
        fitting = Counter(round(minutes[z] / 15) for z in known if abs(minutes[z] - difference_min) <= 3 * sigma_min)
        if fitting:
            hours = fitting.most_common(1)[0][0] / 4.0
            implies = f"a place that keeps UTC{_signed(hours)} at that instant"
        else:
            implies = "no time zone keeps this time: the camera's clock is not set to the place"
        return Claim(
            kind=kind,
            read=read,
            implies=implies,
            error_model=f"the clock is not set to the place in {wrong:.0%} of cases",
            likelihood=table.log_field(known, default=math.log(wrong * rate)),
            view=view,
        )


def zone_log_likelihood(
    minutes: Mapping[str, float], difference_min: float, sigma_min: float, wrong: float, rate: float
) -> dict[str, float]:
    """Log-likelihood of a clock reading for each zone: a Gaussian around its offset, mixed with a flat rest.

    Args:
        minutes: offset of each zone from UTC at the instant, minutes.
        difference_min: local time less UTC as read, minutes.
        sigma_min: spread of the reading, minutes.
        wrong: share of readings that say nothing of the zone.
        rate: how often such a reading comes out like this one, against one of a clock set to the place.
    """
    return {
        zone: math.log((1.0 - wrong) * math.exp(-0.5 * ((difference_min - m) / sigma_min) ** 2) + wrong * rate)
        for zone, m in minutes.items()
    }


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _signed(hours: float) -> str:
    sign, minutes = "+" if hours >= 0 else "−", round(abs(hours) * 60)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
