"""What a picture file says about itself, put together from EXIF, XMP and IPTC, each value with its origin.

Precedence is EXIF, XMP, IPTC, value by value. Two tags for one position that lie apart become a sentence in
`Metadata.problems`. A drone's own XMP position is the same fix as its EXIF one with more digits (EXIF seconds
are often rounded to a few metres), and is preferred while the two agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from whence.core.errors import ImageError, WhenceError
from whence.samples.containers import Blocks, blocks_of, info_blocks
from whence.samples.exif import read_exif
from whence.samples.iptc import read_iptc
from whence.samples.limits import ReadLimits
from whence.samples.view import Metadata, PlaceName, Position, Tagged
from whence.samples.xmp import read_xmp

AGREE_KM = 0.1
"""Two tags for one position that are further apart contradict each other."""

MAX_KEYWORDS = 400
MAX_PLACE_NAMES = 64
MAX_PROBLEMS = 32


def read_metadata(source: str | os.PathLike[str] | bytes | Image.Image) -> Metadata:
    """Read the metadata of a picture without decoding its pixels.

    Args:
        source: path, the bytes of a file, or a picture that Pillow opened (what Pillow keeps of its metadata
            is read; give the path or bytes for all of it).

    Returns:
        What could be read. Values that are there but cannot be believed are sentences in ``problems``.

    Raises:
        ImageError: the file cannot be read, is too large, or its structure is broken before any metadata.
    """
    if isinstance(source, Image.Image):
        return metadata_of(_blocks_of_image(source))
    if isinstance(source, bytes):
        ReadLimits().check_bytes(len(source), "picture")
        return metadata_of(blocks_of(source))
    from whence.samples.source import read_path

    return metadata_of(blocks_of(read_path(Path(source), ReadLimits()), str(source)))


def metadata_of(blocks: Blocks) -> Metadata:
    """Interpret the metadata blocks of a file."""
    exif, xmp, iptc = read_exif(blocks.exif), read_xmp(blocks.xmp), read_iptc(blocks.iptc)
    merged: dict[str, Any] = {}
    for name in (
        "position_error_m", "altitude_m", "heading_deg", "gps_time_utc", "camera", "focal_35mm_mm", "software",
        "drone_pose", "panorama",
    ):  # fmt: skip
        merged[name] = getattr(exif, name) or getattr(xmp, name) or getattr(iptc, name)
    timed = _with_time(exif, xmp, iptc)
    position, apart = _one_position(exif.position, xmp.position)
    merged |= {
        "position": position,
        "local_time": timed.local_time,
        "utc_offset": timed.utc_offset or _same_clock_offset(timed, (exif, xmp, iptc)),
        "place_names": _places((*exif.place_names, *xmp.place_names, *iptc.place_names)),
        "keywords": _words((*exif.keywords, *xmp.keywords, *iptc.keywords)),
        "problems": (*exif.problems, *xmp.problems, *iptc.problems, *apart)[:MAX_PROBLEMS],
    }
    return replace(Metadata(), **merged)


def _blocks_of_image(image: Image.Image) -> Blocks:
    blocks = info_blocks(image.info)
    if not blocks.exif and image.format == "TIFF":
        try:
            return replace(blocks, exif=image.getexif().tobytes())
        except WhenceError:
            raise
        except Exception as error:
            raise ImageError(f"The EXIF of this TIFF cannot be read ({error}). Give its path instead.") from error
    return blocks


def _with_time(exif: Metadata, xmp: Metadata, iptc: Metadata) -> Metadata:
    """The metadata whose local time counts. EXIF DateTime is the last edit in edited files: it comes last."""
    edited = exif.local_time is not None and exif.local_time.origin == "EXIF DateTime"
    order = (xmp, iptc, exif) if edited else (exif, xmp, iptc)
    return next((part for part in order if part.local_time is not None), exif)


def _same_clock_offset(timed: Metadata, others: Iterable[Metadata]) -> Tagged[Any] | None:
    """The offset of another tag that states the same local time to the minute."""
    if timed.local_time is None:
        return None
    for other in others:
        if other.local_time is None or other.utc_offset is None:
            continue
        if abs((other.local_time.value - timed.local_time.value).total_seconds()) < 60.0:
            return other.utc_offset
    return None


def _one_position(
    exif: Tagged[Position] | None, xmp: Tagged[Position] | None
) -> tuple[Tagged[Position] | None, tuple[str, ...]]:
    if exif is None or xmp is None:
        return exif or xmp, ()
    from whence.earth.coordinates import distance_km

    a, b = exif.value, xmp.value
    apart_km = float(distance_km(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg))
    if apart_km <= AGREE_KM:
        return (xmp if "drone-dji" in xmp.origin else exif), ()
    sentence = (
        f"{exif.origin} ({a.lat_deg:.5f}, {a.lon_deg:.5f}) and {xmp.origin} "
        f"({b.lat_deg:.5f}, {b.lon_deg:.5f}) are {apart_km:.3g} km apart: the first is used."
    )
    return exif, (sentence,)


def _places(found: Iterable[Tagged[PlaceName]]) -> tuple[Tagged[PlaceName], ...]:
    """Each name of a level once, in order of precedence."""
    kept: dict[tuple[str, str], Tagged[PlaceName]] = {}
    for tag in found:
        kept.setdefault((tag.value.level, tag.value.text.casefold()), tag)
    return tuple(kept.values())[:MAX_PLACE_NAMES]


def _words(found: Iterable[Tagged[str]]) -> tuple[Tagged[str], ...]:
    """Each keyword once, in order of precedence."""
    kept: dict[str, Tagged[str]] = {}
    for tag in found:
        kept.setdefault(tag.value.casefold(), tag)
    return tuple(kept.values())[:MAX_KEYWORDS]
