"""What was scored, picture by picture, whatever file it came from: a run, and records under the truths' names."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from whence.core.errors import InputError
from whence.earth.field import Field
from whence.evaluate.prediction_file import RunFile, is_run, read_run
from whence.evaluate.predictions import (
    ACCURACY,
    GROUP,
    Predictions,
    Truths,
    matched,
    predictions_of,
    read_predictions,
    read_truths,
)
from whence.evaluate.records import Record, Run, Truth
from whence.evaluate.run_scores import Answers


def scored_run(files: Answers, group: str = "", *, beliefs: bool = True) -> tuple[Run, Iterator[Record]]:
    """Open what `whence.evaluate.run_scores.score_files` scored.

    Args:
        files: what was scored.
        group: column of the truths that names the photographer, if it is another than the file's own.
        beliefs: decode beliefs and what the sources said; without, both are left out, which is far faster.

    Returns:
        The run, and its records one by one; each has the name and the place of its truth. A picture without an answer
        becomes a record without one.

    Raises:
        InputError: a file is missing or of another layout, or names do not fit.
        ArtifactError: a file of predictions is damaged.
    """
    file = read_run(files.predictions) if is_run(files.predictions) else None
    if file is not None and files.truth is None:
        return file.run, file.records(beliefs=beliefs)
    truths = read_truths(files.truth or files.predictions, beside_predictions=files.truth is None)
    if file is not None:
        return file.run, _against(file, truths, group, beliefs)
    run = point_run(files.predictions, files.truth or files.predictions)
    return run, point_records(read_predictions(files.predictions), truths, group)


def file_facts(files: Answers) -> dict[str, str]:
    """Names and hashes of the files, for the record.

    Raises:
        InputError: a file cannot be read.
    """
    told = {"Predictions": files.predictions, "Truths": files.truth, "Compared with": files.against}
    facts: dict[str, str] = {}
    for name, path in told.items():
        if path is not None:
            facts |= {name: path.name, f"SHA-256 of {path.name}": file_sha256(path)}
    return facts


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"The file {str(path)!r} cannot be read ({error.strerror}).") from error


def point_run(predictions: Path, truths: Path) -> Run:
    """The run of a table or of JSON lines: named after its file, its prior uniform, as no belief started from it.

    Args:
        predictions: the file of answers.
        truths: the file of true places, which names the data set.
    """
    return Run(truths.name, Field.uniform(0), {}, {}, "", "", predictions.stem)


def point_records(predictions: Predictions, truths: Truths, group: str = "") -> Iterator[Record]:
    """Yield a record for each truth, without belief, ledger or hash.

    Args:
        predictions: the answers.
        truths: the true places; a picture without an answer becomes a record without one.
        group: column of the truths that names the photographer, if there is one.

    Raises:
        InputError: two predictions fit one truth.
    """
    for place, row in enumerate(matched(truths.names, predictions.names)):
        record = _missing(truths, place, group)
        if row is not None:
            lat, lon = float(predictions.lat_deg[row]), float(predictions.lon_deg[row])
            record = replace(record, lat_deg=lat, lon_deg=lon, abstained=bool(predictions.abstained[row]))
        yield record


def _against(file: RunFile, truths: Truths, group: str, beliefs: bool) -> Iterator[Record]:
    """Records of a file under other truths than its own."""
    names = predictions_of(file.records(beliefs=False, estimates=False)).names
    wanted: dict[int, list[int]] = {}
    for place, row in enumerate(matched(truths.names, names)):
        if row is None:
            yield _missing(truths, place, group)
        else:
            wanted.setdefault(row, []).append(place)
    for row, record in enumerate(file.records(beliefs=beliefs)):
        for place in wanted.get(row, ()):
            yield replace(record, name=truths.names[place], truth=_truth(truths, place, group))


def _missing(truths: Truths, place: int, group: str) -> Record:
    nan = math.nan
    return Record(truths.names[place], "", _truth(truths, place, group), nan, nan, nan, nan, False)


def _truth(truths: Truths, place: int, group: str) -> Truth:
    columns = {name: values[place] for name, values in truths.columns.items()}
    radius = _number(columns.get(ACCURACY, ""))
    who = columns.get(group or GROUP)
    return Truth(float(truths.lat_deg[place]), float(truths.lon_deg[place]), radius, who, columns)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
