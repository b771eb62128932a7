"""EXIF: position, time, camera, by the tags of JEITA CP-3451 / CIPA DC-008 (Exif 3.0), sections 4.6.5–4.6.8.

The values are decoded here rather than by Pillow, because a zero denominator, a missing reference or a value
beyond the block must become a sentence that names the tag, and because the block may be made to do harm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from whence.core.errors import ImageError
from whence.samples.mapillary import read_description
from whence.samples.tag_values import angle, clean_text, date_time, number, sexagesimal, utc_offset, utc_time
from whence.samples.tiff import EXIF_POINTER, GPS_POINTER, Directory, Tiff
from whence.samples.view import Metadata, Position, Tagged

ORIENTATION = 0x0112
METRES_PER_DOP = 5.0
"""Error of one satellite range, one sigma with the atmosphere's share; times the DOP it is the position's.

Source: Misra & Enge, *Global Positioning System*, 2nd ed., table 5.4 (single-frequency civil receivers)."""

_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _DATE_TIME, _XP_KEYWORDS = 270, 271, 272, 305, 306, 40094
_ORIGINAL, _DIGITIZED = 36867, 36868
_OFFSETS, _SUBSECONDS = {_ORIGINAL: 36881, _DIGITIZED: 36882, _DATE_TIME: 36880}, 37520
_LAT_REF, _LAT, _LON_REF, _LON, _ALT_REF, _ALT, _TIME, _STATUS, _DOP = 1, 2, 3, 4, 5, 6, 7, 9, 11
_DIRECTION_REF, _DIRECTION, _DATUM, _DATE, _ERROR = 16, 17, 18, 29, 31
_MIN_ALTITUDE_M, _MAX_ALTITUDE_M, _MAX_ERROR_M = -12_000.0, 100_000.0, 20_000_000.0
_FOCAL_35MM, _MAX_FOCAL_MM = 0xA405, 10_000.0
_WGS84_NAMES = frozenset({"", "WGS84", "WGS1984", "JGD2000", "JGD2011", "ETRS89", "GCJ02"})


@dataclass(slots=True)
class _Reader:
    """One directory, its structure, and the sentences found on the way."""

    tiff: Tiff
    directory: Directory
    problems: list[str] = field(default_factory=list)

    def text(self, tag: int) -> str:
        return clean_text(self.tiff.raw(self.directory, tag))

    def values(self, tag: int, label: str) -> tuple[float, ...] | None:
        """Numbers of a tag of any type; ``None`` with a sentence if they are there but cannot be."""
        entry = self.directory.entries.get(tag)
        if entry is None:
            return None
        if entry.kind in {5, 10}:
            pairs = self.tiff.fractions(self.directory, tag)
            if any(bottom == 0 for _, bottom in pairs):
                written = ", ".join(f"{top}/{bottom}" for top, bottom in pairs[:3])
                self.problems.append(f"{label} is written as {written}, which divides by zero: ignored.")
                return None
            values: tuple[float, ...] = tuple(top / bottom for top, bottom in pairs)
        elif entry.kind == 2:
            written = self.text(tag)
            if not written:
                return None
            value = number(written)
            if value is None:
                self.problems.append(f"{label} reads {written[:40]!r}, which is no number: ignored.")
                return None
            values = (value,)
        else:
            values = tuple(float(v) for v in self.tiff.numbers(self.directory, tag))
        if not values or not all(math.isfinite(v) for v in values):
            self.problems.append(f"{label} holds no finite number: ignored.")
            return None
        return values

    def within(self, tag: int, label: str, low: float, high: float, unit: str) -> float | None:
        """One number between bounds; a sentence if it is outside."""
        values = self.values(tag, label)
        if values is None:
            return None
        if not low <= values[0] <= high:
            self.problems.append(f"{label} reads {values[0]:g}, outside {low:g}..{high:g} {unit}: ignored.")
            return None
        return values[0]


def read_exif(block: bytes) -> Metadata:
    """Read an EXIF block from its TIFF header on; never raises, whatever the block holds."""
    if not block:
        return Metadata()
    tiff = Tiff.open(block)
    first = tiff.directory(tiff.first_offset) if tiff is not None else None
    if tiff is None or first is None:
        return Metadata(problems=("The EXIF block has no readable header: ignored.",))
    try:
        tiff.check_weight("EXIF")
    except ImageError:
        return Metadata(problems=("The EXIF block holds overlapping or endless directories: ignored.",))
    base = _Reader(tiff, first)
    gps = [_Reader(tiff, d, base.problems) for d in tiff.linked(first, GPS_POINTER)]
    photo = [_Reader(tiff, d, base.problems) for d in tiff.linked(first, EXIF_POINTER)]
    if first.damaged or (GPS_POINTER in first.entries and not gps):
        base.problems.append("The EXIF block is cut off or damaged: some of its tags are missing.")
    parts = _gps(gps[0]) if gps else Metadata()
    by_dop = _error_by_dop(gps[0]) if gps else None
    local_time, offset = _local_time(base, photo[0] if photo else None)
    described = read_description(tiff.raw(first, _DESCRIPTION))
    software = base.text(_SOFTWARE)
    return Metadata(
        position=parts.position or described.position,
        position_error_m=parts.position_error_m or described.position_error_m or by_dop,
        altitude_m=parts.altitude_m or described.altitude_m,
        heading_deg=parts.heading_deg or described.heading_deg,
        gps_time_utc=parts.gps_time_utc or described.gps_time_utc,
        local_time=local_time,
        utc_offset=offset,
        camera=_camera(base),
        focal_35mm_mm=_focal(photo[0]) if photo else None,
        software=Tagged(software, "EXIF Software") if software else None,
        keywords=_keywords(base),
        problems=tuple(base.problems) + described.problems,
    )


def read_orientation(block: bytes) -> int:
    """Orientation 1..8 of an EXIF block; 1 if absent or not valid."""
    tiff = Tiff.open(block) if block else None
    first = tiff.directory(tiff.first_offset) if tiff is not None else None
    if tiff is None or first is None:
        return 1
    values = tiff.numbers(first, ORIENTATION)
    return int(values[0]) if values and values[0] in range(1, 9) else 1


def _focal(photo: _Reader) -> Tagged[float] | None:
    """The focal length of a camera of 35 mm film with the same view; 0 stands for unknown."""
    if photo.tiff.numbers(photo.directory, _FOCAL_35MM) == (0,):
        return None
    focal = photo.within(_FOCAL_35MM, "The focal length in 35 mm film", 1.0, _MAX_FOCAL_MM, "mm")
    return None if focal is None else Tagged(focal, "EXIF FocalLengthIn35mmFilm")


def _camera(base: _Reader) -> Tagged[str] | None:
    make, model = base.text(_MAKE), base.text(_MODEL)
    joined = model if model.casefold().startswith(make.casefold()) and model else f"{make} {model}".strip()
    return Tagged(joined, "EXIF Make/Model") if joined else None


def _keywords(base: _Reader) -> tuple[Tagged[str], ...]:
    raw = base.tiff.raw(base.directory, _XP_KEYWORDS)[:8_000]
    words = raw.decode("utf-16-le", "ignore").partition("\0")[0].split(";")
    return tuple(Tagged(w, "EXIF XPKeywords") for w in map(clean_text, words) if w)


def _local_time(base: _Reader, photo: _Reader | None) -> tuple[Tagged[datetime] | None, Tagged[timedelta] | None]:
    """The camera's clock and its offset, from the first of the three EXIF times that can be read."""
    names = {_ORIGINAL: "DateTimeOriginal", _DIGITIZED: "DateTimeDigitized", _DATE_TIME: "DateTime"}
    for step, (tag, name) in enumerate(names.items()):
        reader = base if tag == _DATE_TIME else photo
        written = reader.text(tag) if reader is not None else ""
        if not written.strip(" :"):
            continue
        fraction = photo.text(_SUBSECONDS + (1, 2, 0)[step]) if photo is not None else ""
        read = date_time(written, fraction)
        if read is None:
            base.problems.append(f"EXIF {name} reads {written[:40]!r}, which is no date and time: ignored.")
            continue
        offset_text = photo.text(_OFFSETS[tag]) if photo is not None else ""
        offset = utc_offset(offset_text)
        if offset is None and offset_text.strip(" :"):
            base.problems.append(
                f"EXIF {name.replace('DateTime', 'OffsetTime')} reads {offset_text[:16]!r}, not an offset "
                "between -12:00 and +14:00: ignored."
            )
        origin = f"EXIF {name}"
        return (
            Tagged(read[0], origin),
            Tagged(offset, origin.replace("DateTime", "OffsetTime")) if offset is not None else None,
        )
    return None, None


def _gps(gps: _Reader) -> Metadata:
    """Everything of the GPS directory; sentences go to the reader."""
    error = gps.within(_ERROR, "GPSHPositioningError", 0.0, _MAX_ERROR_M, "metres")
    spread = Tagged(error, "EXIF GPSHPositioningError") if error else None
    if gps.text(_STATUS).upper().startswith("V"):
        gps.problems.append("GPSStatus is V: the receiver had no fix when the picture was taken.")
    datum = gps.text(_DATUM)
    if datum.upper().replace("-", "").replace(" ", "").replace("_", "") not in _WGS84_NAMES:
        gps.problems.append(
            f"GPSMapDatum is {datum[:40]!r}, not WGS-84: the position may be off by some hundred metres."
        )
    altitude = gps.within(_ALT, "GPS altitude", _MIN_ALTITUDE_M, _MAX_ALTITUDE_M, "metres")
    below = gps.tiff.raw(gps.directory, _ALT_REF)[:1] in {b"\x01", b"\x03", b"1"}
    heading = gps.within(_DIRECTION, "GPSImgDirection", 0.0, 360.0, "degrees")
    magnetic = " (magnetic north)" if gps.text(_DIRECTION_REF).upper().startswith("M") else ""
    return Metadata(
        position=_position(gps),
        position_error_m=spread,
        altitude_m=(
            Tagged(-abs(altitude) if below else altitude, "EXIF GPSAltitude") if altitude is not None else None
        ),
        heading_deg=Tagged(heading % 360.0, f"EXIF GPSImgDirection{magnetic}") if heading is not None else None,
        gps_time_utc=_gps_time(gps),
    )


def _error_by_dop(gps: _Reader) -> Tagged[float] | None:
    """Error from the dilution of precision. Some apps write metres there: this then errs to the safe side."""
    dop = gps.within(_DOP, "GPSDOP", 0.0, 10_000.0, "(no unit)")
    return Tagged(dop * METRES_PER_DOP, f"EXIF GPSDOP × {METRES_PER_DOP:g} m") if dop else None


def _gps_time(gps: _Reader) -> Tagged[datetime] | None:
    date = gps.text(_DATE)
    if not date or _TIME not in gps.directory.entries:
        return None
    clock = gps.values(_TIME, "GPSTimeStamp")
    if clock is None:
        return None
    when = utc_time(date, *clock[:3]) if len(clock) >= 3 else None
    if when is None:
        shown = ":".join(f"{part:g}" for part in clock[:3])
        gps.problems.append(f"GPS time reads {date[:16]!r} {shown}, which is no time: ignored.")
        return None
    return Tagged(when, "EXIF GPSDateStamp/GPSTimeStamp")


def _position(gps: _Reader) -> Tagged[Position] | None:
    if _LAT not in gps.directory.entries and _LON not in gps.directory.entries:
        return None
    lat = _coordinate(gps, _LAT, _LAT_REF, "latitude", "NS", 90.0)
    lon = _coordinate(gps, _LON, _LON_REF, "longitude", "EW", 180.0)
    if lat is None or lon is None:
        return None
    return Tagged(Position(lat, lon), "EXIF GPSLatitude/GPSLongitude")


def _coordinate(gps: _Reader, tag: int, ref_tag: int, label: str, letters: str, limit: float) -> float | None:
    """One coordinate in signed degrees; ``None`` with a sentence if it cannot be believed."""
    read = _written_angle(gps, tag, f"GPS {label}")
    if read is None:
        return None
    value, letter = read
    ref = gps.text(ref_tag).upper()[:1] or letter
    if ref not in {*letters, ""}:
        gps.problems.append(f"GPS {label} has the reference {ref!r}, allowed are {' and '.join(letters)}: unused.")
        ref = ""
    elif not ref and value >= 0:
        gps.problems.append(f"GPS {label} has no reference ({' or '.join(letters)}): {letters[0]} is assumed.")
    if value < 0 and ref == letters[0]:
        gps.problems.append(f"GPS {label} is negative although its reference is {ref}: the sign is believed.")
    if ref == letters[1]:
        value = -abs(value)
    if abs(value) > limit:
        gps.problems.append(f"GPS {label} reads {value:g}, outside −{limit:g}..{limit:g}: ignored.")
        return None
    return value


def _written_angle(gps: _Reader, tag: int, label: str) -> tuple[float, str] | None:
    entry = gps.directory.entries.get(tag)
    if entry is None:
        gps.problems.append(f"{label} is missing although its partner is there: no position.")
        return None
    if entry.kind == 2:
        written = gps.text(tag)
        read = angle(written)
        if read is None:
            gps.problems.append(f"{label} reads {written[:40]!r}, which is no angle: ignored.")
        return read
    pairs = gps.tiff.fractions(gps.directory, tag)
    if len(pairs) == 3 and pairs[2] == (0, 0) and pairs[0][1] and pairs[1][1]:
        values: tuple[float, ...] | None = (pairs[0][0] / pairs[0][1], pairs[1][0] / pairs[1][1])
    else:
        values = gps.values(tag, label)
    if values is None:
        return None
    value = sexagesimal(values)
    if value is None:
        shown = ", ".join(f"{part:g}" for part in values[:4])
        gps.problems.append(f"{label} reads {shown}; minutes and seconds go to 60: ignored.")
        return None
    return value, ""
