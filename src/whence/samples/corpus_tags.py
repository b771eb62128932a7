"""Metadata of the test corpus: positions, times and names, right and wrong, in every dress."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from whence.samples.corpus import Draft, draft
from whence.samples.corpus_bytes import (
    ASCII,
    BYTE,
    RATIONAL,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    Tags,
    encode,
    iptc_resources,
    tiff_bytes,
    with_exif,
    with_png_chunk,
    with_segment,
    with_xmp,
    xmp_packet,
)
from whence.samples.view import Metadata, PlaceName, Position, Tagged

_GPS, _EXIF = 0x8825, 0x8769
_HERE = "EXIF GPSLatitude/GPSLongitude"
_AREZZO = Position(43.468365, 11.8816345)
_DMS: Tags = {
    1: (ASCII, b"N\0"),
    2: (RATIONAL, [(43, 1), (28, 1), (6114, 1000)]),
    3: (ASCII, b"E\0"),
    4: (RATIONAL, [(11, 1), (52, 1), (538842, 10000)]),
}


def _at(lat: float, lon: float, origin: str = _HERE) -> Metadata:
    return Metadata(position=Tagged(Position(lat, lon), origin))


def tag_drafts(picture: Image.Image) -> Iterator[Draft]:
    """Files that differ in their metadata only."""
    jpeg = encode(picture, "JPEG", quality=90)
    yield from _positions(jpeg)
    yield from _doubtful_positions(jpeg)
    yield from _gps_extras(jpeg)
    yield from _times(jpeg)
    yield from _xmp_forms(jpeg)
    yield from _iptc_and_apps(jpeg)
    yield from _other_containers(picture)


def _gps(jpeg: bytes, changes: Tags, *, base: Tags | None = None, order: str = "<") -> bytes:
    tags = {**(_DMS if base is None else base), **changes}
    return with_exif(jpeg, {_GPS: {tag: v for tag, v in tags.items() if v is not None}}, order=order)


def _positions(jpeg: bytes) -> Iterator[Draft]:
    here = Metadata(position=Tagged(_AREZZO, _HERE))
    yield draft("gps.jpg", "degrees, minutes, seconds", _gps(jpeg, {}), metadata=here)
    yield draft("gps_big_endian.jpg", "the same, big-endian", _gps(jpeg, {}, order=">"), metadata=here)
    south_west = {1: (ASCII, b"S\0"), 3: (ASCII, b"W\0")}
    yield draft("gps_south_west.jpg", "south and west", _gps(jpeg, south_west), metadata=_at(-43.468365, -11.8816345))
    minutes = {2: (RATIONAL, [(43, 1), (281019, 10000)]), 4: (RATIONAL, [(11, 1), (52898, 1000)])}
    yield draft(
        "gps_minutes.jpg",
        "degrees and decimal minutes",
        _gps(jpeg, minutes),
        metadata=_at(43 + 28.1019 / 60, 11 + 52.898 / 60),
    )
    degrees = {2: (RATIONAL, [(43468365, 1000000)]), 4: (RATIONAL, [(118816345, 10000000)])}
    yield draft("gps_degrees.jpg", "one decimal number", _gps(jpeg, degrees), metadata=here)
    words = {2: (ASCII, b"43.468365\0"), 4: (ASCII, b"11,52.89807E\0")}
    yield draft("gps_text.jpg", "coordinates as text", _gps(jpeg, words), metadata=_at(43.468365, 11 + 52.89807 / 60))
    signed = {
        1: None,
        3: None,
        2: (SRATIONAL, [(-33, 1), (-30, 1), (0, 1)]),
        4: (SRATIONAL, [(-70, 1), (-30, 1), (0, 1)]),
    }
    yield draft("gps_signed.jpg", "signs instead of references", _gps(jpeg, signed), metadata=_at(-33.5, -70.5))
    zero = {2: (RATIONAL, [(0, 1)] * 3), 4: (RATIONAL, [(0, 1)] * 3)}
    yield draft("gps_null_island.jpg", "a receiver without a fix: 0, 0", _gps(jpeg, zero), metadata=_at(0.0, 0.0))
    no_seconds = {2: (RATIONAL, [(43, 1), (30, 1), (0, 0)])}
    yield draft("gps_no_seconds.jpg", "seconds written as 0/0", _gps(jpeg, no_seconds), metadata=_at(43.5, 11.8816345))


def _doubtful_positions(jpeg: bytes) -> Iterator[Draft]:
    cases: list[tuple[str, str, Tags, str, Metadata]] = [
        ("zero_denominator", "0/0 everywhere", {2: (RATIONAL, [(0, 0)] * 3)}, "divides by zero", Metadata()),
        ("out_of_range", "a latitude of 95.2", {2: (RATIONAL, [(952, 10)])}, "95.2, outside −90..90", Metadata()),
        ("seconds_2814", "seconds times 100", {2: (RATIONAL, [(43, 1), (28, 1), (2814, 1)])}, "go to 60", Metadata()),
        ("no_references", "no references", {1: None, 3: None}, "N is assumed", _at(_AREZZO.lat_deg, _AREZZO.lon_deg)),
        ("odd_reference", "the reference Q", {1: (ASCII, b"Q\0")}, "'Q'", _at(_AREZZO.lat_deg, _AREZZO.lon_deg)),
        ("no_longitude", "half a position", {4: None}, "missing although", Metadata()),
        ("words", "a place name for a latitude", {2: (ASCII, b"somewhere\0")}, "no angle", Metadata()),
        ("void", "no fix", {9: (ASCII, b"V\0")}, "no fix", _at(_AREZZO.lat_deg, _AREZZO.lon_deg)),
        ("datum", "another datum", {18: (ASCII, b"TOKYO\0")}, "TOKYO", _at(_AREZZO.lat_deg, _AREZZO.lon_deg)),
    ]
    for name, about, changes, problem, expected in cases:
        yield draft(f"gps_{name}.jpg", about, _gps(jpeg, changes), problem=problem, metadata=expected)
    both = with_xmp(_gps(jpeg, {}), xmp_packet('exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,17.6E"'))
    here = Metadata(position=Tagged(_AREZZO, _HERE))
    yield draft("gps_conflict.jpg", "EXIF in Italy, XMP in France", both, problem="km apart", metadata=here)


def _gps_extras(jpeg: bytes) -> Iterator[Draft]:
    extras: Tags = {
        5: (BYTE, b"\x01"),
        6: (RATIONAL, [(1234, 10)]),
        16: (ASCII, b"T\0"),
        17: (RATIONAL, [(24975, 100)]),
        29: (ASCII, b"2008:10:23\0"),
        7: (RATIONAL, [(14, 1), (27, 1), (724, 100)]),
        11: (RATIONAL, [(3, 1)]),
        31: (RATIONAL, [(85, 10)]),
    }
    yield draft(
        "gps_everything.jpg",
        "error, altitude below the sea, direction, time",
        _gps(jpeg, extras),
        metadata=Metadata(
            position=Tagged(_AREZZO, _HERE),
            position_error_m=Tagged(8.5, "EXIF GPSHPositioningError"),
            altitude_m=Tagged(-123.4, "EXIF GPSAltitude"),
            heading_deg=Tagged(249.75, "EXIF GPSImgDirection"),
            gps_time_utc=Tagged(datetime(2008, 10, 23, 14, 27, 7, 240_000, UTC), "EXIF GPSDateStamp/GPSTimeStamp"),
        ),
    )
    dilution = {11: (RATIONAL, [(4, 1)]), 16: (ASCII, b"M\0"), 17: (RATIONAL, [(360, 1)])}
    yield draft(
        "gps_dop.jpg",
        "only a dilution of precision, and a compass direction",
        _gps(jpeg, dilution),
        metadata=Metadata(
            position_error_m=Tagged(20.0, "EXIF GPSDOP × 5 m"),
            heading_deg=Tagged(0.0, "EXIF GPSImgDirection (magnetic north)"),
        ),
    )
    odd: list[tuple[str, str, Tags, str]] = [
        ("direction_400", "a direction of 400°", {17: (RATIONAL, [(400, 1)])}, "400, outside 0..360"),
        ("altitude_huge", "an altitude of 4,000 km", {6: (RATIONAL, [(4_000_000, 1)])}, "GPS altitude"),
        ("time_31", "hour 31", {7: (RATIONAL, [(31, 1), (0, 1), (0, 1)]), 29: (ASCII, b"2008:10:23\0")}, "no time"),
    ]
    for name, about, changes, problem in odd:
        yield draft(f"gps_{name}.jpg", about, _gps(jpeg, changes), problem=problem)


def _times(jpeg: bytes) -> Iterator[Draft]:
    photo: Tags = {
        36867: (ASCII, b"2019:07:14 21:05:59\0"),
        37521: (ASCII, b"25\0"),
        36881: (ASCII, b"-03:30\0"),
    }
    head: Tags = {271: (ASCII, b"Canon\0"), 272: (ASCII, b"Canon EOS 600D\0"), 305: (ASCII, b"Editor 1.0\0")}
    yield draft(
        "time.jpg",
        "time with fraction and offset, camera, software",
        with_exif(jpeg, {**head, _EXIF: photo}),
        metadata=Metadata(
            local_time=Tagged(datetime(2019, 7, 14, 21, 5, 59, 250_000), "EXIF DateTimeOriginal"),
            utc_offset=Tagged(timedelta(hours=-3, minutes=-30), "EXIF OffsetTimeOriginal"),
            camera=Tagged("Canon EOS 600D", "EXIF Make/Model"),
            software=Tagged("Editor 1.0", "EXIF Software"),
        ),
    )
    blank = {_EXIF: {36867: (ASCII, b"    :  :     :  :  \0")}}
    yield draft("time_blank.jpg", "a time left blank, as the standard allows", with_exif(jpeg, blank))
    wrong = {_EXIF: {36867: (ASCII, b"2019:13:45 99:00:00\0")}}
    yield draft("time_wrong.jpg", "a date that does not exist", with_exif(jpeg, wrong), problem="no date and time")
    lens = {_EXIF: {0xA405: (SHORT, [28])}}
    focal = Metadata(focal_35mm_mm=Tagged(28.0, "EXIF FocalLengthIn35mmFilm"))
    yield draft("focal.jpg", "a focal length in 35 mm film", with_exif(jpeg, lens), metadata=focal)
    yield draft("focal_unknown.jpg", "a focal length of 0", with_exif(jpeg, {_EXIF: {0xA405: (SHORT, [0])}}))
    huge = with_exif(jpeg, {_EXIF: {0xA405: (SHORT, [60_000])}})
    yield draft("focal_wrong.jpg", "a focal length of 60 m", huge, problem="focal length")
    far = {_EXIF: {**photo, 36881: (ASCII, b"+19:00\0")}}
    yield draft("time_offset_19.jpg", "an offset of 19 hours", with_exif(jpeg, far), problem="not an offset")


def _xmp_forms(jpeg: bytes) -> Iterator[Draft]:
    origin = "XMP exif:GPSLatitude/GPSLongitude"
    at = _at(43 + 28.1019 / 60, -(11 + 52.898 / 60), origin)
    attributes = xmp_packet('exif:GPSLatitude="43,28.1019N" exif:GPSLongitude="11,52.898W"')
    yield draft("xmp_attributes.jpg", "XMP as attributes", with_xmp(jpeg, attributes), metadata=at)
    elements = xmp_packet(
        "",
        "<exif:GPSLatitude>43,28,6N</exif:GPSLatitude><exif:GPSLongitude>11,52,54W</exif:GPSLongitude>"
        "<photoshop:City>Arezzo</photoshop:City><Iptc4xmpCore:CountryCode>IT</Iptc4xmpCore:CountryCode>"
        "<dc:subject><rdf:Bag><rdf:li>piazza</rdf:li><rdf:li>Piazza</rdf:li></rdf:Bag></dc:subject>"
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>Italy|Tuscany</rdf:li></rdf:Bag></lr:hierarchicalSubject>",
    )
    yield draft(
        "xmp_elements.jpg",
        "XMP as elements and lists",
        with_xmp(jpeg, elements),
        metadata=Metadata(
            position=Tagged(Position(43 + 28 / 60 + 6 / 3600, -(11 + 52 / 60 + 54 / 3600)), origin),
            place_names=(
                Tagged(PlaceName("city", "Arezzo"), "XMP photoshop:City"),
                Tagged(PlaceName("country", "IT"), "XMP Iptc4xmpCore:CountryCode"),
            ),
            keywords=(
                Tagged("piazza", "XMP dc:subject"),
                Tagged("Italy", "XMP lr:hierarchicalSubject"),
                Tagged("Tuscany", "XMP lr:hierarchicalSubject"),
            ),
        ),
    )
    shown = xmp_packet(
        "",
        "<Iptc4xmpExt:LocationShown><rdf:Bag>"
        '<rdf:li><rdf:Description Iptc4xmpExt:City="Toledo" Iptc4xmpExt:CountryCode="ES"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><Iptc4xmpExt:ProvinceState>Ohio</Iptc4xmpExt:ProvinceState></rdf:li>'
        "</rdf:Bag></Iptc4xmpExt:LocationShown>",
    )
    holder = "XMP Iptc4xmpExt:LocationShown"
    yield draft(
        "xmp_locations.jpg",
        "structures in two forms",
        with_xmp(jpeg, shown),
        metadata=Metadata(
            place_names=(
                Tagged(PlaceName("city", "Toledo"), f"{holder} City"),
                Tagged(PlaceName("country", "ES"), f"{holder} CountryCode"),
                Tagged(PlaceName("region", "Ohio"), f"{holder} ProvinceState"),
            )
        ),
    )
    dji = 'drone-dji:GpsLatitude="43.46836512" drone-dji:GpsLongtitude="+11.88163451"'
    yield draft(
        "xmp_dji.jpg",
        "a drone's position, misspelt as its firmware did, finer than the EXIF one",
        with_xmp(_gps(jpeg, {}), xmp_packet(dji)),
        metadata=_at(43.46836512, 11.88163451, "XMP drone-dji:GpsLatitude/GpsLongtitude"),
    )
    yield draft("xmp_extended.jpg", "XMP in parts", _extended(jpeg), metadata=at)
    out = xmp_packet('exif:GPSLatitude="95,0N" exif:GPSLongitude="11,0E"')
    yield draft("xmp_out_of_range.jpg", "a latitude of 95", with_xmp(jpeg, out), problem="outside −90..90")


def _extended(jpeg: bytes) -> bytes:
    packet = xmp_packet('exif:GPSLatitude="43,28.1019N" exif:GPSLongitude="11,52.898W"')
    digest = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    half = len(packet) // 2
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest
    for at, part in ((half, packet[half:]), (0, packet[:half])):
        jpeg = with_segment(jpeg, 0xE1, head + struct.pack(">II", len(packet), at) + part)
    return with_xmp(jpeg, xmp_packet(f'xmpNote:HasExtendedXMP="{digest.decode()}"'))


def _iptc_and_apps(jpeg: bytes) -> Iterator[Draft]:
    values = [(90, "Zürich"), (92, "Bürkliplatz"), (100, "CHE"), (101, "Switzerland"), (25, "lake"), (25, "boat")]
    block = b"Photoshop 3.0\0" + iptc_resources([*values, (55, "20190714"), (60, "210559+0200")])
    yield draft(
        "iptc.jpg",
        "IPTC names, keywords and time",
        with_segment(jpeg, 0xED, block),
        metadata=Metadata(
            place_names=(
                Tagged(PlaceName("sublocation", "Bürkliplatz"), "IPTC 2:92 Sublocation"),
                Tagged(PlaceName("city", "Zürich"), "IPTC 2:90 City"),
                Tagged(PlaceName("country", "Switzerland"), "IPTC 2:101 Country"),
                Tagged(PlaceName("country", "CHE"), "IPTC 2:100 Country code"),
            ),
            keywords=(Tagged("lake", "IPTC 2:25 Keywords"), Tagged("boat", "IPTC 2:25 Keywords")),
            local_time=Tagged(datetime(2019, 7, 14, 21, 5, 59), "IPTC 2:55/2:60 Date and time created"),
            utc_offset=Tagged(timedelta(hours=2), "IPTC 2:55/2:60 Date and time created"),
        ),
    )
    note: dict[str, Any] = {
        "MAPLatitude": "55.698167",
        "MAPLongitude": 13.195389,
        "MAPCompassHeading": {"TrueHeading": 179.2156, "MagneticHeading": 85.96},
        "MAPGPSAccuracyMeters": "10.000000",
        "MAPAltitude": 37.5,
        "MAPCaptureTime": "2014_06_21_14_03_52_500",
    }
    origin = "EXIF ImageDescription "
    described = with_exif(jpeg, {270: (ASCII, json.dumps(note).encode() + b"\0")})
    yield draft(
        "street_app.jpg",
        "a street-view app's JSON",
        described,
        metadata=Metadata(
            position=Tagged(Position(55.698167, 13.195389), origin + "MAPLatitude/MAPLongitude"),
            position_error_m=Tagged(10.0, origin + "MAPGPSAccuracyMeters"),
            altitude_m=Tagged(37.5, origin + "MAPAltitude"),
            heading_deg=Tagged(179.2156, origin + "MAPCompassHeading TrueHeading"),
            gps_time_utc=Tagged(datetime(2014, 6, 21, 14, 3, 52, 500_000, UTC), origin + "MAPCaptureTime"),
        ),
    )
    words = with_exif(jpeg, {40094: (BYTE, "Fähre;Meer\0".encode("utf-16-le"))})
    yield draft(
        "windows_keywords.jpg",
        "keywords as Windows writes them",
        words,
        metadata=Metadata(keywords=(Tagged("Fähre", "EXIF XPKeywords"), Tagged("Meer", "EXIF XPKeywords"))),
    )


def _other_containers(picture: Image.Image) -> Iterator[Draft]:
    exif = tiff_bytes({_GPS: _DMS})
    packet = xmp_packet('photoshop:City="Arezzo"')
    both = Metadata(
        position=Tagged(_AREZZO, _HERE), place_names=(Tagged(PlaceName("city", "Arezzo"), "XMP photoshop:City"),)
    )
    png = with_png_chunk(encode(picture, "PNG"), b"eXIf", exif)
    png = with_png_chunk(png, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    yield draft("tags.png", "EXIF and XMP in a PNG", png, format="PNG", metadata=both)
    lines = f"\nexif\n{len(exif) + 6:8d}\n{(b'Exif' + bytes(2) + exif).hex()}\n".encode()
    legacy = with_png_chunk(encode(picture, "PNG"), b"tEXt", b"Raw profile type exif\0" + lines)
    yield draft(
        "raw_profile.png",
        "EXIF in a PNG's text, as ImageMagick stores it",
        legacy,
        format="PNG",
        metadata=Metadata(position=Tagged(_AREZZO, _HERE)),
    )
    webp = encode(picture, "WEBP", quality=90, exif=b"Exif\0\0" + exif, xmp=packet)
    yield draft("tags.webp", "EXIF and XMP in a WebP", webp, format="WEBP", metadata=both)
    avif = encode(picture, "AVIF", quality=90, exif=b"Exif\0\0" + exif, xmp=packet)
    yield draft("tags.avif", "EXIF and XMP in an AVIF", avif, format="AVIF", metadata=both)
    pixels = picture.tobytes()
    tiff: Tags = {
        256: (3, [picture.width]), 257: (3, [picture.height]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2]),
        273: (4, [8]), 277: (3, [3]), 278: (3, [picture.height]), 279: (4, [len(pixels)]),
        700: (BYTE, packet), 33723: (UNDEFINED, iptc_resources([(90, "Arezzo")])[12:]), _GPS: _DMS,
    }  # fmt: skip
    body = bytearray(tiff_bytes(tiff))
    tiff[273] = (4, [len(body)])
    data = tiff_bytes(tiff) + pixels
    yield draft("tags.tif", "EXIF, XMP and IPTC in a TIFF", data, format="TIFF", metadata=both)
    from whence.samples.corpus_formats import heif_bytes

    heic = heif_bytes(picture, exif=b"Exif\0\0" + exif, xmp=packet)
    if heic:
        yield draft("tags.heic", "EXIF and XMP in an HEIC", heic, format="HEIF", metadata=both)
