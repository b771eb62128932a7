"""Files of predictions and of truths, and which answers which.

Predictions are a file of ``whence predict``, which holds its truths, the lines that ``whence locate --json`` writes, or
a CSV table; truths are a CSV table. A picture's
name may be a longer path in one file than in the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError
from whence.evaluate.prediction_file import is_run, read_run
from whence.evaluate.records import Record
from whence.samples.datasets.tables import Row, read_rows

_NAMES = ("name", "file", "path", "image", "IMG_ID", "id")
_LAT = ("lat_deg", "lat", "latitude", "LAT")
_LON = ("lon_deg", "lon", "lng", "longitude", "LON")
_TRUE_LAT, _TRUE_LON = ("truth_lat_deg",), ("truth_lon_deg",)
_EXPECTED = (
    "A table needs a column for the name (name, file, path, image, IMG_ID or id), and lat_deg and lon_deg (or lat, "
    "latitude, LAT; lon, lng, longitude, LON)."
)
ACCURACY = "accuracy_km"
"""Column of the truths that says within which radius the camera stood."""

GROUP = "group"
"""Column of the truths in a file of predictions that names the photographer or album."""

_ANSWER, _FAILURE = "whence.estimate/1", "whence.failure/1"
_YES = frozenset({"1", "true", "yes"})


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Answers of one system.

    Attributes:
        names: of the pictures, each once.
        lat_deg: latitudes; NaN where there is no answer.
        lon_deg: longitudes.
        abstained: whether the system said that its answer is too wide to be used; its point counts all the same.
    """

    names: tuple[str, ...]
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    abstained: Bool[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """Where pictures were taken.

    Attributes:
        names: of the pictures, each once.
        lat_deg: latitudes.
        lon_deg: longitudes.
        columns: the other columns of the table, as text, by name.
    """

    names: tuple[str, ...]
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    columns: Mapping[str, tuple[str, ...]]


def read_predictions(path: Path) -> Predictions:
    """Read a file of predictions, JSON lines or a CSV table; of several answers to one picture the last counts.

    Raises:
        InputError: the file is missing, empty, or of neither layout.
    """
    if is_run(path):
        return predictions_of(read_run(path).records(beliefs=False, estimates=False))
    try:
        with path.open("rb") as file:
            is_json = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError as error:
        raise InputError(f"The predictions {str(path)!r} cannot be read ({error.strerror}).") from error
    answers = dict(_json_answers(path) if is_json else _table_answers(path))
    if not answers:
        raise InputError(f"{path}: there is no prediction in it.")
    lat, lon, abstained = zip(*answers.values(), strict=True)
    return Predictions(tuple(answers), np.asarray(lat, float), np.asarray(lon, float), np.asarray(abstained, bool))


def read_truths(path: Path, *, beside_predictions: bool = False) -> Truths:
    """Read a CSV table of true places, or those in a file of predictions.

    Args:
        path: the table.
        beside_predictions: take the columns ``truth_lat_deg`` and ``truth_lon_deg`` of a table of predictions.

    Raises:
        InputError: the file is missing, empty or of another layout, or a name stands in it twice.
    """
    if is_run(path):
        return truths_of(read_run(path).records(beliefs=False, estimates=False))
    lats, lons = (_TRUE_LAT, _TRUE_LON) if beside_predictions else (_LAT, _LON)
    names: dict[str, int] = {}
    rows = []
    for row in read_rows(path, (), _EXPECTED):
        name = _cell(row, _NAMES)
        if name in names:
            raise InputError(f"{row.where}: {name!r} stands in the table twice. Each picture has one truth.")
        names[name] = len(names)
        spot = row.place(_column(row, lats), _column(row, lons))
        rows.append((spot.lat_deg, spot.lon_deg, row.values))
    if not rows:
        raise InputError(f"{path}: there is no truth in it. {_EXPECTED}")
    columns = {key: tuple(values[key].strip() for *_, values in rows) for key in rows[0][2]}
    lat, lon = (np.asarray([row[axis] for row in rows], float) for axis in (0, 1))
    return Truths(tuple(names), lat, lon, columns)


def predictions_of(records: Iterable[Record]) -> Predictions:
    """The points of records."""
    rows = [(item.name, item.lat_deg, item.lon_deg, item.abstained) for item in records]
    if not rows:
        raise InputError("There is no prediction in the file.")
    names, lat, lon, abstained = zip(*rows, strict=True)
    return Predictions(tuple(names), np.asarray(lat, float), np.asarray(lon, float), np.asarray(abstained, bool))


def truths_of(records: Iterable[Record]) -> Truths:
    """The truths of records, with what the data set says of them as columns, among them `GROUP` and accuracy_km.

    A picture whose photographer is not known is a group of its own, called by its name.
    """
    held = list(records)
    keys = dict.fromkeys(key for item in held for key in item.truth.attributes)
    columns = {key: tuple(item.truth.attributes.get(key, "") for item in held) for key in keys}
    accuracies = [item.truth.accuracy_km for item in held]
    columns[ACCURACY] = tuple("" if km is None else repr(km) for km in accuracies)
    columns[GROUP] = tuple(item.truth.group or item.name for item in held)
    lat, lon = (np.asarray([getattr(item.truth, axis) for item in held], float) for axis in ("lat_deg", "lon_deg"))
    return Truths(tuple(item.name for item in held), lat, lon, columns)


def matched(truths: Sequence[str], predictions: Sequence[str]) -> list[int | None]:
    """Which prediction answers each truth: the same name, or the one whose path ends as the other does.

    Raises:
        InputError: several predictions fit one truth, or none fits any.
    """
    exact = {name: i for i, name in enumerate(predictions)}
    by_file: dict[str, list[int]] = {}
    for i, name in enumerate(predictions):
        by_file.setdefault(PurePath(name).name, []).append(i)
    found: list[int | None] = []
    for name in truths:
        fits = [i for i in by_file.get(PurePath(name).name, ()) if _same_end(name, predictions[i])]
        if name not in exact and len(fits) > 1:
            raise InputError(
                f"Several predictions fit the truth of {name!r}: {', '.join(predictions[i] for i in fits[:3])}. "
                "Write the same paths in both files."
            )
        found.append(exact.get(name, fits[0] if fits else None))
    if all(item is None for item in found):
        raise InputError(
            f"No prediction has the name of a truth: the first are {predictions[0]!r} and {truths[0]!r}. "
            "Write the same paths in both files, or at least paths that end alike."
        )
    return found


def _same_end(one: str, other: str) -> bool:
    """Tell whether one path is the end of the other, part by part."""
    a, b = PurePath(one).parts[::-1], PurePath(other).parts[::-1]
    return all(left == right for left, right in zip(a, b, strict=False))


def _json_answers(path: Path) -> Iterator[tuple[str, tuple[float, float, bool]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            record = _record(line, f"{path}, line {number}")
            name = str(record["query"]["name"])
            if record["schema"] == _FAILURE:
                yield name, (float("nan"), float("nan"), False)
            else:
                point = record["point"]
                yield name, (float(point["lat_deg"]), float(point["lon_deg"]), bool(record["abstained"]))


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: this is no JSON ({error}).") from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema not in {_ANSWER, _FAILURE}:
        raise InputError(f"{where}: expected a line of 'whence locate --json' ({_ANSWER}), received schema {schema!r}.")
    return dict(record)


def _table_answers(path: Path) -> Iterator[tuple[str, tuple[float, float, bool]]]:
    for row in read_rows(path, (), _EXPECTED):
        lat, lon = _column(row, _LAT), _column(row, _LON)
        name, abstained = _cell(row, _NAMES), (row.text("abstained") or "").lower() in _YES
        if row.text(lat) is None and row.text(lon) is None:
            yield name, (float("nan"), float("nan"), abstained)
        else:
            spot = row.place(lat, lon)
            yield name, (spot.lat_deg, spot.lon_deg, abstained)


def _column(row: Row, names: Sequence[str]) -> str:
    found = next((name for name in names if name in row.values), None)
    if found is None:
        raise InputError(f"{row.where}: there is no column {' or '.join(names)}. {_EXPECTED}")
    return found


def _cell(row: Row, names: Sequence[str]) -> str:
    text = row.text(_column(row, names))
    if text is None:
        raise InputError(f"{row.where}: the name of the picture is empty.")
    return text
