"""The index that several Flickr data sets share: places, photographers and scene labels of the Places365 network.

Published with Müller-Budack et al. 2018, *Geolocation Estimation of Photos using a Hierarchical Model and Scene
Classification* (ECCV). Columns: ``IMG_ID, AUTHOR, LAT, LON, S3_Label, S16_Label, S365_Label, Prob_indoor,
Prob_natural, Prob_urban``; MP-16 Pro adds the address of each place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from whence.samples.datasets import miniature
from whence.samples.datasets.tables import read_rows
from whence.samples.datasets.types import Sample

REQUIRED = ("IMG_ID", "LAT", "LON")
LABELS = ("S3_Label", "S16_Label", "S365_Label", "Prob_indoor", "Prob_natural", "Prob_urban")
_USED = frozenset({*REQUIRED, "AUTHOR", ""})


def read_index(
    index: Path, picture: Callable[[str], Path], expected: str, *, lat: str = "LAT", lon: str = "LON"
) -> Iterator[Sample]:
    """Yield the samples of an index.

    Args:
        index: the CSV file.
        picture: where the picture of an ``IMG_ID`` lies.
        expected: the published layout, as the end of a message.
        lat: column of the latitude.
        lon: column of the longitude.

    Raises:
        InputError: the index is missing or of another layout, or a row is damaged.
    """
    for row in read_rows(index, REQUIRED, expected):
        where = row.place(lat, lon)
        path = picture(row.values["IMG_ID"])
        yield Sample(path, where.lat_deg, where.lon_deg, None, row.text("AUTHOR"), row.rest(_USED))


def nested_or_flat(folder: Path) -> Callable[[str], Path]:
    """Where pictures lie whose names have folders: below them, or beside each other with ``_`` for ``/``."""

    def picture(name: str) -> Path:
        nested, flat = folder / name, folder / name.replace("/", "_")
        return flat if flat.is_file() and not nested.is_file() else nested

    return picture


def write_miniature(
    index: Path,
    folder: Path,
    names: Sequence[str],
    seed: int,
    *,
    header: Sequence[str] = ("IMG_ID", "AUTHOR", "LAT", "LON", *LABELS),
    address: Sequence[str] = (),
) -> None:
    """Write an index and its pictures, two of each made-up photographer.

    Args:
        index: the CSV file.
        folder: where the pictures go.
        names: of the pictures, as the index has them.
        seed: of places and pictures.
        header: the first ten columns, as published.
        address: names of further columns, which are filled with made-up words.
    """
    rows = []
    for i, (name, (lat, lon)) in enumerate(zip(names, miniature.places(len(names), seed), strict=True)):
        miniature.write_jpeg(folder / name, seed + i)
        rows.append(
            [name, f"{i // 2:08d}@N00", lat, lon, 1, 7, 73, 0.1, 0.7, 0.2, *(f"{item} {i}" for item in address)]
        )
    miniature.write_table(index, [*header, *address], rows)
