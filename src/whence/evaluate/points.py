"""Answers of systems that give points only, as a run and its records."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from whence.earth.field import Field
from whence.evaluate.evaluation import ACCURACY
from whence.evaluate.predictions import Predictions, Truths, matched
from whence.evaluate.records import Record, Run, Truth


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
    for i, row in enumerate(matched(truths.names, predictions.names)):
        columns = {name: values[i] for name, values in truths.columns.items()}
        radius = _number(columns.get(ACCURACY, ""))
        truth = Truth(float(truths.lat_deg[i]), float(truths.lon_deg[i]), radius, columns.get(group), columns)
        lat, lon, abstained = math.nan, math.nan, False
        if row is not None:
            lat, lon = float(predictions.lat_deg[row]), float(predictions.lon_deg[row])
            abstained = bool(predictions.abstained[row])
        yield Record(truths.names[i], "", truth, lat, lon, math.nan, math.nan, abstained)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
