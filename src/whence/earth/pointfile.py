"""Places out of a table: CSV with a latitude and a longitude in each row."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import CoordinateError, InputError

LAT_NAMES = ("lat", "lat_deg", "latitude", "latitude_deg")
"""Columns that hold latitudes; case and spaces around do not matter."""

LON_NAMES = ("lon", "lon_deg", "lng", "long", "longitude", "longitude_deg")
"""Columns that hold longitudes."""

_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class PointTable:
    """Places of a file.

    Attributes:
        lat_deg: latitudes, WGS84.
        lon_deg: longitudes, as they stand in the file.
        lines: line of the file at which each place ends, from 1.
        bad: of the other rows, their line and what is wrong with them.
    """

    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    lines: Int[np.ndarray, " n"]
    bad: tuple[tuple[int, str], ...]


def read_points(path: Path) -> PointTable:
    """Read the places of a CSV file, UTF-8, with commas, semicolons, tabs or bars between its columns.

    Raises:
        InputError: the file cannot be read, or has no columns of latitudes and longitudes.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            separator = max(_SEPARATORS, key=first.count)
            reader = csv.reader(file, delimiter=separator)
            head = [name.strip().casefold() for name in next(reader, [])]
            lat_at, lon_at = _column(path, head, LAT_NAMES, "latitude"), _column(path, head, LON_NAMES, "longitude")
            points, bad = [], []
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                try:
                    points.append((*_point(cells, lat_at, lon_at), reader.line_num))
                except CoordinateError as error:
                    bad.append((reader.line_num, str(error)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}). Give a CSV file in UTF-8.") from error
    table = np.array(points, np.float64).reshape(-1, 3)
    return PointTable(table[:, 0], table[:, 1], table[:, 2].astype(np.int64), tuple(bad))


def _column(path: Path, head: list[str], names: tuple[str, ...], what: str) -> int:
    found = [i for i, name in enumerate(head) if name in names]
    if len(found) != 1:
        problem = "has no" if not found else "has more than one"
        raise InputError(
            f"{path} {problem} column of the {what}: its first line names {', '.join(head) or 'nothing'}. "
            f"Call one of them {', '.join(names)}."
        )
    return found[0]


def _point(cells: list[str], lat_at: int, lon_at: int) -> tuple[float, float]:
    if len(cells) <= max(lat_at, lon_at):
        raise CoordinateError(f"the row has {len(cells)} columns, {max(lat_at, lon_at) + 1} are needed")
    values = []
    for text, what, limit in ((cells[lat_at], "latitude", 90.0), (cells[lon_at], "longitude", 360.0)):
        try:
            value = float(text)
        except ValueError:
            raise CoordinateError(f"the {what} is no number: {text.strip()!r}") from None
        if not math.isfinite(value) or abs(value) > limit:
            raise CoordinateError(f"the {what} must lie within ±{limit:.0f} degrees, received {text.strip()}")
        values.append(value)
    return values[0], values[1]
