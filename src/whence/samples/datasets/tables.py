"""Index files of data sets: read row by row, every mistake named with its file and line."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import Point, point


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an index.

    Attributes:
        values: by column.
        where: file and line, for messages.
    """

    values: Mapping[str, str]
    where: str

    def text(self, column: str) -> str | None:
        """Value of a column that may be absent or empty."""
        return (self.values.get(column) or "").strip() or None

    def number(self, column: str) -> float | None:
        """Value of a column as a number; ``None`` where it is absent or empty.

        Raises:
            InputError: it is no number.
        """
        text = self.text(column)
        if text is None:
            return None
        try:
            return float(text)
        except ValueError:
            raise InputError(f"{self.where}: the column {column!r} holds {text!r}, which is no number.") from None

    def place(self, lat: str, lon: str) -> Point:
        """The point of two columns.

        Raises:
            InputError: they hold no latitude and longitude.
        """
        lat_deg, lon_deg = self.number(lat), self.number(lon)
        if lat_deg is None or lon_deg is None:
            raise InputError(f"{self.where}: the columns {lat!r} and {lon!r} must both hold a number.")
        try:
            return point(lat_deg, lon_deg)
        except CoordinateError as error:
            raise InputError(f"{self.where}: {error}") from error

    def rest(self, used: Collection[str]) -> Mapping[str, str]:
        """The columns that are not ``used``, without empty ones."""
        return MappingProxyType({key: text for key in self.values if key not in used and (text := self.text(key))})


def read_rows(path: Path, required: Sequence[str], expected: str) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header.

    Args:
        path: the file.
        required: columns that the header must have.
        expected: the published layout, as the end of a message.

    Raises:
        InputError: the file is missing or unreadable, lacks a column, or a row has more cells than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or ()
            lacking = [column for column in required if column not in header]
            if lacking:
                raise InputError(
                    f"{path}: the index lacks the columns {', '.join(lacking)}; it has {', '.join(header) or 'none'}. "
                    f"{expected}"
                )
            for values in reader:
                where = f"{path}, line {reader.line_num}"
                if None in values:
                    raise InputError(f"{where}: more cells than the header has columns.")
                yield Row({key: value or "" for key, value in values.items()}, where)
    except FileNotFoundError:
        raise InputError(f"There is no index {str(path)!r}. {expected}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: this is no CSV file in UTF-8 ({error}). {expected}") from error


def first_file(folders: Sequence[Path], names: Sequence[str]) -> Path:
    """The first of some names that is a file in some folder, names before folders; else where it was sought first."""
    places = [folder / name for name in names for folder in folders]
    return next((path for path in places if path.is_file()), places[0])


def first_folder(root: Path, names: Sequence[str]) -> Path:
    """The first of some folders below a root that is there, else the first."""
    places = [root / name for name in names]
    return next((path for path in places if path.is_dir()), places[0])
