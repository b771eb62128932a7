"""What was scored, picture by picture, whatever file it came from: a run, and records under the truths' names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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


def scored_run(files: Answers, group: str = "") -> tuple[Run, Iterator[Record]]:
    """Open what `whence.evaluate.run_scores.score_files` scored.

    Args:
        files: what was scored.
        group: column of the truths that names the photographer, if it is another than the file's own.

    Returns:
        The run, and its records one by one; each has the name and the place of its truth. A picture without an answer
        becomes a record without one.

    Raises:
        InputError: a file is missing or of another layout, or names do not fit.
        ArtifactError: a file of predictions is damaged.
    """
    file = read_run(files.predictions) if is_run(files.predictions) else None
    if file is not None and files.truth is None:
        return file.run, file.records()
    truths = read_truths(files.truth or files.predictions, beside_predictions=files.truth is None)
    if file is not None:
        return file.run, _against(file, truths, group)
    run = point_run(files.predictions, files.truth or files.predictions)
    return run, point_records(read_predictions(files.predictions), truths, group)


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


def _against(file: RunFile, truths: Truths, group: str) -> Iterator[Record]:
    """Records of a file under other truths than its own."""
    names = predictions_of(file.records(beliefs=False, estimates=False)).names
    wanted: dict[int, list[int]] = {}
    for place, row in enumerate(matched(truths.names, names)):
        if row is None:
            yield _missing(truths, place, group)
        else:
            wanted.setdefault(row, []).append(place)
    for row, record in enumerate(file.records()):
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
