"""What a system has seen: training pictures from a table or a data set, or the places of a gallery."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from whence.core.errors import InputError
from whence.gallery.gallery import HEADER, Gallery
from whence.samples.datasets import datasets
from whence.samples.datasets.tables import Row, read_rows
from whence.samples.datasets.types import Sample, positions
from whence.samples.source import nearest_name

_NAMES = ("file", "name", "path", "image", "IMG_ID", "id", "key")
_LAT = ("lat_deg", "lat", "latitude", "LAT")
_LON = ("lon_deg", "lon", "lng", "longitude", "LON")
_GROUPS = ("photographer", "group", "user", "source_repo", "AUTHOR", "creator_id", "sequence", "sequence_key")
_EXPECTED = (
    f"A table of training pictures needs a column for the name ({', '.join(_NAMES)}), for the latitude "
    f"({', '.join(_LAT)}) and the longitude ({', '.join(_LON)}); the first of {', '.join(_GROUPS)} says who took it."
)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Training pictures, or the places of a gallery.

    Attributes:
        name: of the set, for messages.
        lat_deg: latitudes.
        lon_deg: longitudes.
        groups: photographer, album or sequence of each, ``None`` where it is not known; empty for a gallery.
        paths: of the pictures; empty for a gallery.
    """

    name: str
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    groups: tuple[str | None, ...] = ()
    paths: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return self.lat_deg.size

    def label(self, row: int) -> str:
        """What a row is called in findings: its picture, or its place."""
        return str(self.paths[row]) if self.paths else f"{self.lat_deg[row]:.5f}, {self.lon_deg[row]:.5f}"


def seen_samples(samples: Iterable[Sample], name: str) -> Seen:
    """Training pictures as what was seen."""
    held = list(samples)
    lat, lon = positions(held)
    return Seen(name, lat, lon, tuple(item.group for item in held), tuple(item.path for item in held))


def seen_gallery(gallery: Gallery) -> Seen:
    """The places of a gallery as what was seen."""
    lat, lon = (np.asarray(axis, np.float64) for axis in (gallery.lat_deg, gallery.lon_deg))
    return Seen(str(gallery.folder), lat, lon)


def read_seen(path: Path | str, dataset: str = "") -> Seen:
    """Read what was seen from a CSV table, a gallery, or the folder of a data set.

    Pictures are looked for where the data set's layout has them, or beside the table.

    Args:
        path: a table, or a folder.
        dataset: name of the data set in the folder; its first part is read, which is the training part if it has one.
            Without it a folder must be a gallery or hold ``photos.csv``.

    Raises:
        InputError: nothing is there, or it is not of the layout expected.
        OptionError: there is no such data set.
        ArtifactError: a damaged gallery.
    """
    path = Path(path)
    if path.is_dir():
        if not dataset and (path / HEADER).is_file():
            return seen_gallery(Gallery.open(path))
        return seen_samples(datasets().load(dataset or "photos_csv")(path).listed(), str(path))
    if dataset:
        raise InputError(f"The data set {dataset!r} is read from a folder, and {str(path)!r} is none.")
    if not path.exists():
        raise InputError(f"There is no table or folder {str(path)!r}.{nearest_name(path)}")
    return seen_samples((_sample(row, path.parent) for row in read_rows(path, (), _EXPECTED)), str(path))


def _sample(row: Row, folder: Path) -> Sample:
    spot = row.place(_column(row, _LAT), _column(row, _LON))
    group = next((text for column in _GROUPS if (text := row.text(column))), None)
    return Sample(folder / row.values[_column(row, _NAMES)], spot.lat_deg, spot.lon_deg, None, group)


def _column(row: Row, names: Sequence[str]) -> str:
    found = next((name for name in names if name in row.values), None)
    if found is None:
        raise InputError(f"{row.where}: there is no column {' or '.join(names)}. {_EXPECTED}")
    return found
