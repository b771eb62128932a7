"""Raw camera files of the TIFF family: finds the JPEG preview that every camera and converter stores in them.

Source: Adobe, *Digital Negative (DNG) Specification* 1.7, chapter 2 ("Previews").
"""

from __future__ import annotations

from whence.core.errors import ImageError
from whence.samples.tiff import SUB_IFDS, Directory, Tiff

_COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _STRIP_BYTES = 259, 262, 273, 279
_JPEG_OFFSET, _JPEG_BYTES, _DNG_VERSION = 513, 514, 50706
_SENSOR_DATA = frozenset({32803, 34892})  # colour filter array, linear raw
_JPEG_COMPRESSIONS = frozenset({6, 7, 34892})
_DIRECTORIES = 32


def _directories(tiff: Tiff) -> list[Directory]:
    """The directories of the chain and their children, at most `_DIRECTORIES`."""
    found: list[Directory] = []
    for directory in tiff.chain():
        found += [directory, *tiff.linked(directory, SUB_IFDS, at_most=16)]
        if len(found) >= _DIRECTORIES:
            break
    return found[:_DIRECTORIES]


def is_raw(tiff: Tiff) -> bool:
    """Tell whether a TIFF is a raw file: it says so (DNG), or a directory holds sensor data."""
    for directory in _directories(tiff):
        if _DNG_VERSION in directory.entries:
            return True
        if _SENSOR_DATA & {int(n) for n in tiff.numbers(directory, _PHOTOMETRIC)[:1]}:
            return True
    return False


def find_preview(tiff: Tiff, name: str) -> tuple[bytes, str]:
    """Return the largest embedded JPEG preview and what the container is (``DNG`` or ``RAW``).

    Raises:
        ImageError: there is none.
    """
    best, container = b"", "RAW"
    for directory in _directories(tiff):
        if _DNG_VERSION in directory.entries:
            container = "DNG"
        for stream in _streams(tiff, directory):
            if len(stream) > len(best) and stream.startswith(b"\xff\xd8\xff"):
                best = stream
    if not best:
        raise ImageError(
            f"{name}: the {container} holds no JPEG preview, and sensor data is not developed here. Export "
            "the picture as JPEG with a raw converter."
        )
    return best, container


def _streams(tiff: Tiff, directory: Directory) -> list[bytes]:
    """Byte ranges of one directory that may be a JPEG preview."""
    ranges = [(tiff.numbers(directory, _JPEG_OFFSET), tiff.numbers(directory, _JPEG_BYTES))]
    compression = tiff.numbers(directory, _COMPRESSION)
    photometric = {int(n) for n in tiff.numbers(directory, _PHOTOMETRIC)[:1]}
    if compression and int(compression[0]) in _JPEG_COMPRESSIONS and not photometric & _SENSOR_DATA:
        offsets = tiff.numbers(directory, _STRIP_OFFSETS)
        if len(offsets) == 1:
            ranges.append((offsets, tiff.numbers(directory, _STRIP_BYTES)))
    return [
        tiff.data[int(at[0]) : int(at[0]) + int(size[0])]
        for at, size in ranges
        if at and size and at[0] >= 0 and size[0] >= 0
    ]
