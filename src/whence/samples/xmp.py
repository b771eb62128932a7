"""XMP packets: position, place names, keywords, drone pose and panorama projection.

Properties are read whether they are written as attributes, elements, lists or structures.

Source: ISO 16684-1:2019 (XMP); IPTC *Photo Metadata Standard* 2023.2; Google, *Photo Sphere XMP Metadata*;
DJI, *Drone media metadata*; Adobe, *XMP Specification Part 2* (EXIF schema).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from whence.samples.tag_values import angle, clean_text, date_time, number
from whence.samples.view import DronePose, Metadata, PanoramaInfo, PlaceName, Position, Tagged

MAX_PACKET_BYTES = 16 << 20
MAX_ELEMENTS = 100_000
MAX_VALUES = 400
"""Keywords or names kept of one property."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PREFIXES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.dji.com/drone-dji/1.0/": "drone-dji",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
}
_PLACES = (
    ("Iptc4xmpCore:Location", "sublocation"),
    ("photoshop:City", "city"),
    ("photoshop:State", "region"),
    ("photoshop:Country", "country"),
    ("Iptc4xmpCore:CountryCode", "country"),
)
_LOCATION_FIELDS = (
    ("Iptc4xmpExt:Sublocation", "sublocation"),
    ("Iptc4xmpExt:City", "city"),
    ("Iptc4xmpExt:ProvinceState", "region"),
    ("Iptc4xmpExt:CountryName", "country"),
    ("Iptc4xmpExt:CountryCode", "country"),
    ("Iptc4xmpExt:WorldRegion", "any"),
    ("Iptc4xmpExt:LocationName", "any"),
)
_POSE = {
    "relative_altitude_m": ("RelativeAltitude", 100_000.0),
    "absolute_altitude_m": ("AbsoluteAltitude", 100_000.0),
    "gimbal_yaw_deg": ("GimbalYawDegree", 360.0),
    "gimbal_pitch_deg": ("GimbalPitchDegree", 180.0),
    "gimbal_roll_deg": ("GimbalRollDegree", 360.0),
    "flight_yaw_deg": ("FlightYawDegree", 360.0),
    "flight_pitch_deg": ("FlightPitchDegree", 180.0),
    "flight_roll_deg": ("FlightRollDegree", 360.0),
}


@dataclass(slots=True)
class _Packet:
    """Properties by prefixed name, structures by the property that holds them, and sentences."""

    values: dict[str, list[str]] = field(default_factory=dict)
    structures: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def first(self, name: str) -> str:
        """First value of a property, empty if absent."""
        found = self.values.get(name)
        return found[0] if found else ""

    def within(self, name: str, low: float, high: float, unit: str) -> float | None:
        """One number between bounds; a sentence if it is none or outside."""
        written = self.first(name)
        if not written:
            return None
        value = number(written)
        if value is None or not low <= value <= high:
            self.problems.append(f"XMP {name} reads {written[:40]!r}, not {low:g}..{high:g} {unit}: ignored.")
            return None
        return value


def read_xmp(packets: Iterable[bytes]) -> Metadata:
    """Read XMP packets, earlier ones first in precedence; never raises, whatever they hold."""
    packet = _Packet()
    for raw in packets:
        root = _parsed(raw, packet.problems)
        if root is not None:
            _collect(root, packet)
    position = _drone_position(packet) or _exif_position(packet)
    pose = _pose(packet)
    local_time, offset = _local_time(packet)
    error = packet.within("exif:GPSHPositioningError", 0.0, 20_000_000.0, "metres")
    tool = clean_text(packet.first("xmp:CreatorTool"))
    maker, model = clean_text(packet.first("tiff:Make")), clean_text(packet.first("tiff:Model"))
    camera = model if maker and model.casefold().startswith(maker.casefold()) else f"{maker} {model}".strip()
    return Metadata(
        position=position,
        position_error_m=Tagged(error, "XMP exif:GPSHPositioningError") if error else None,
        altitude_m=_altitude(packet),
        heading_deg=_heading(packet, pose),
        local_time=local_time,
        utc_offset=offset,
        camera=Tagged(camera, "XMP tiff:Make/Model") if camera else None,
        software=Tagged(tool, "XMP xmp:CreatorTool") if tool else None,
        place_names=tuple(_place_names(packet)),
        keywords=tuple(_keywords(packet)),
        drone_pose=pose,
        panorama=_panorama(packet),
        problems=tuple(packet.problems),
    )


def _parsed(raw: bytes, problems: list[str]) -> Any:
    """Root element of a packet, or ``None`` with a sentence."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    start, end = raw.find(b"<"), raw.rfind(b">")
    body = raw[max(start, 0) : end + 1]
    if not body:
        return None
    if len(body) > MAX_PACKET_BYTES or body.count(b"<") > 2 * MAX_ELEMENTS:
        problems.append(f"The XMP packet is too large to be honest ({len(body):,} bytes): ignored.")
        return None
    try:
        return fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        problems.append("The XMP packet declares entities or a document type, which no program writes: ignored.")
    except (ParseError, ValueError, LookupError) as error:
        problems.append(f"The XMP packet is not well-formed XML ({clean_text(str(error))[:80]}): ignored.")
    return None


def _name(tag: str) -> str | None:
    """``prefix:local`` of a property that is read here, else ``None``."""
    if not isinstance(tag, str) or not tag.startswith("{"):
        return None
    space, _, local = tag[1:].partition("}")
    prefix = _PREFIXES.get(space)
    return f"{prefix}:{local}" if prefix else None


def _collect(root: Any, packet: _Packet) -> None:
    """Sort the properties of all top-level descriptions into the packet."""
    for rdf in root.iter(f"{_RDF}RDF"):
        for description in rdf.findall(f"{_RDF}Description"):
            for key, value in description.attrib.items():
                _add(packet, _name(key), [value])
            for child in description:
                name = _name(child.tag)
                if name is None:
                    continue
                structures = list(_structures(child))
                if structures:
                    packet.structures.setdefault(name, []).extend(structures)
                else:
                    _add(packet, name, [e.text for e in child.iter() if e.text and e.text.strip()])


def _add(packet: _Packet, name: str | None, values: list[str]) -> None:
    if name is not None and values:
        kept = packet.values.setdefault(name, [])
        kept += [value.strip() for value in values[: MAX_VALUES - len(kept)]]


def _structures(element: Any) -> Iterator[dict[str, str]]:
    """Structures that a property holds: itself, or the items of its list."""
    items = [element, *list(element.iter(f"{_RDF}li"))[:MAX_VALUES]]
    for item in items:
        fields: dict[str, str] = {}
        for holder in (item, *item.findall(f"{_RDF}Description")):
            for key, value in holder.attrib.items():
                name = _name(key)
                if name is not None:
                    fields.setdefault(name, value.strip())
            for child in holder:
                name = _name(child.tag)
                text = next((e.text for e in child.iter() if e.text and e.text.strip()), None)
                if name is not None and text:
                    fields.setdefault(name, text.strip())
        if fields:
            yield fields


def _degrees(written: str, letters: str, limit: float, label: str, problems: list[str]) -> float | None:
    read = angle(written)
    if read is None:
        problems.append(f"{label} reads {written[:40]!r}, which is no angle: ignored.")
        return None
    value = -abs(read[0]) if read[1] == letters[1] else read[0]
    if abs(value) > limit or (read[1] and read[1] not in letters):
        problems.append(f"{label} reads {written[:40]!r}, outside −{limit:g}..{limit:g}: ignored.")
        return None
    return value


def _pair(
    fields: dict[str, str], lat_name: str, lon_name: str, origin: str, problems: list[str]
) -> Tagged[Position] | None:
    lat_text, lon_text = fields.get(lat_name, ""), fields.get(lon_name, "")
    if not lat_text or not lon_text:
        return None
    lat = _degrees(lat_text, "NS", 90.0, f"XMP {lat_name}", problems)
    lon = _degrees(lon_text, "EW", 180.0, f"XMP {lon_name}", problems)
    return None if lat is None or lon is None else Tagged(Position(lat, lon), origin)


def _drone_position(packet: _Packet) -> Tagged[Position] | None:
    """DJI's own decimal degrees; older firmware misspells the longitude."""
    firsts = {name: values[0] for name, values in packet.values.items() if name.startswith("drone-dji:")}
    for lon_name in ("drone-dji:GpsLongitude", "drone-dji:GpsLongtitude"):
        origin = f"XMP drone-dji:GpsLatitude/{lon_name.partition(':')[2]}"
        found = _pair(firsts, "drone-dji:GpsLatitude", lon_name, origin, packet.problems)
        if found is not None:
            return found
    return None


def _exif_position(packet: _Packet) -> Tagged[Position] | None:
    firsts = {name: values[0] for name, values in packet.values.items() if name.startswith("exif:GPSL")}
    origin = "XMP exif:GPSLatitude/GPSLongitude"
    found = _pair(firsts, "exif:GPSLatitude", "exif:GPSLongitude", origin, packet.problems)
    if found is not None:
        return found
    for fields in packet.structures.get("Iptc4xmpExt:LocationCreated", []):
        origin = "XMP Iptc4xmpExt:LocationCreated exif:GPSLatitude/GPSLongitude"
        found = _pair(fields, "exif:GPSLatitude", "exif:GPSLongitude", origin, packet.problems)
        if found is not None:
            return found
    return None


def _altitude(packet: _Packet) -> Tagged[float] | None:
    value = packet.within("exif:GPSAltitude", -12_000.0, 100_000.0, "metres")
    if value is not None:
        below = packet.first("exif:GPSAltitudeRef") in {"1", "3"}
        return Tagged(-abs(value) if below else value, "XMP exif:GPSAltitude")
    value = packet.within("drone-dji:AbsoluteAltitude", -12_000.0, 100_000.0, "metres")
    return None if value is None else Tagged(value, "XMP drone-dji:AbsoluteAltitude")


def _heading(packet: _Packet, pose: Tagged[DronePose] | None) -> Tagged[float] | None:
    value = packet.within("exif:GPSImgDirection", 0.0, 360.0, "degrees")
    if value is not None:
        magnetic = " (magnetic north)" if packet.first("exif:GPSImgDirectionRef") == "M" else ""
        return Tagged(value % 360.0, f"XMP exif:GPSImgDirection{magnetic}")
    if pose is not None and pose.value.gimbal_yaw_deg is not None:
        return Tagged(pose.value.gimbal_yaw_deg % 360.0, "XMP drone-dji:GimbalYawDegree")
    return None


def _local_time(packet: _Packet) -> tuple[Tagged[Any] | None, Tagged[timedelta] | None]:
    for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
        written = packet.first(name)
        read = date_time(written) if written else None
        if read is not None:
            offset = Tagged(read[1], f"XMP {name}") if read[1] is not None else None
            return Tagged(read[0], f"XMP {name}"), offset
    return None, None


def _place_names(packet: _Packet) -> Iterator[Tagged[PlaceName]]:
    for name, level in _PLACES:
        text = clean_text(packet.first(name))
        if text:
            yield Tagged(PlaceName(level, text), f"XMP {name}")
    for holder in ("Iptc4xmpExt:LocationCreated", "Iptc4xmpExt:LocationShown"):
        for fields in packet.structures.get(holder, [])[:16]:
            for name, level in _LOCATION_FIELDS:
                text = clean_text(fields.get(name, ""))
                if text:
                    yield Tagged(PlaceName(level, text), f"XMP {holder} {name.partition(':')[2]}")


def _keywords(packet: _Packet) -> Iterator[Tagged[str]]:
    for word in map(clean_text, packet.values.get("dc:subject", [])):
        if word:
            yield Tagged(word, "XMP dc:subject")
    for path in packet.values.get("lr:hierarchicalSubject", []):
        for word in map(clean_text, path.split("|")):
            if word:
                yield Tagged(word, "XMP lr:hierarchicalSubject")


def _pose(packet: _Packet) -> Tagged[DronePose] | None:
    read = {
        attribute: packet.within(f"drone-dji:{name}", -limit, limit, "m" if "altitude" in attribute else "degrees")
        for attribute, (name, limit) in _POSE.items()
    }
    return Tagged(DronePose(**read), "XMP drone-dji") if any(v is not None for v in read.values()) else None


def _panorama(packet: _Packet) -> Tagged[PanoramaInfo] | None:
    projection = clean_text(packet.first("GPano:ProjectionType")).casefold()
    if not projection:
        return None
    width = packet.within("GPano:FullPanoWidthPixels", 1, 10_000_000, "pixels")
    height = packet.within("GPano:FullPanoHeightPixels", 1, 10_000_000, "pixels")
    heading = packet.within("GPano:PoseHeadingDegrees", -360.0, 360.0, "degrees")
    info = PanoramaInfo(
        projection,
        None if heading is None else heading % 360.0,
        None if width is None else int(width),
        None if height is None else int(height),
    )
    return Tagged(info, "XMP GPano")
