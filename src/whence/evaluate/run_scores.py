"""Files of predictions scored: truths, points and beliefs brought together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from whence.core.errors import InputError
from whence.evaluate.belief_metrics import BeliefTable, read_beliefs
from whence.evaluate.evaluation import Config, Evaluation, evaluate
from whence.evaluate.prediction_file import RunFile, is_run, read_run
from whence.evaluate.predictions import ACCURACY, GROUP, Truths, matched, predictions_of, read_predictions, read_truths
from whence.evaluate.records import Record, Truth


@dataclass(frozen=True, slots=True)
class Answers:
    """Files to be scored.

    Attributes:
        predictions: of the system in question: a file of ``whence predict``, JSON lines or CSV.
        truth: CSV table of true places, or a file of predictions that holds them; those in ``predictions`` if ``None``.
        against: predictions of another system.
    """

    predictions: Path
    truth: Path | None = None
    against: Path | None = None


def score_files(files: Answers, config: Config | None = None) -> Evaluation:
    """Score a file of predictions, with its beliefs where it has them.

    In a file of ``whence predict`` the bootstrap draws whole groups (photographers) unless told otherwise, if there
    are at least two.

    Args:
        files: what is scored.
        config: how.

    Raises:
        InputError: a file is missing or of another layout, or names do not fit.
        ArtifactError: a file of predictions is damaged.
    """
    truths = read_truths(files.truth or files.predictions, beside_predictions=files.truth is None)
    how = config or Config()
    if not how.group and is_run(files.truth or files.predictions) and len(set(truths.columns[GROUP])) > 1:
        how = replace(how, group=GROUP)
    return evaluate(
        read_predictions(files.predictions),
        truths,
        how,
        read_predictions(files.against) if files.against else None,
        beliefs=_beliefs(files.predictions, truths),
        other_beliefs=_beliefs(files.against, truths),
    )


def beliefs_of(run: RunFile, truths: Truths) -> BeliefTable | None:
    """What the beliefs of a file are worth against some truths, in their order.

    Args:
        run: the file; beliefs are decoded one after another.
        truths: the places; a picture that the file does not hold counts as failed.

    Returns:
        The figures; ``None`` if the file holds no belief, as of a system that gives points only.
    """
    if not any(kind != "none" for kind in run.column("belief_kind")):
        return None
    names = predictions_of(run.records(beliefs=False, estimates=False)).names
    rows = matched(truths.names, names)
    wanted: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        wanted.setdefault(-1 if row is None else row, []).append(place)
    order: list[int] = []

    def judged() -> Iterator[Record]:
        for row, record in enumerate(run.records(estimates=False)):
            for place in wanted.get(row, ()):
                order.append(place)
                yield replace(record, truth=_truth(truths, place))
        for place in wanted.get(-1, ()):
            order.append(place)
            yield _missing(truths, place)

    table = read_beliefs(judged(), run.run.prior)
    return table.of(np.argsort(order))


def _beliefs(path: Path | None, truths: Truths) -> BeliefTable | None:
    return beliefs_of(read_run(path), truths) if path is not None and is_run(path) else None


def _truth(truths: Truths, place: int) -> Truth:
    text = truths.columns[ACCURACY][place] if ACCURACY in truths.columns else ""
    try:
        accuracy = float(text) if text else None
    except ValueError as error:
        raise InputError(f"The column {ACCURACY} of the truths must hold numbers ({error}).") from error
    return Truth(float(truths.lat_deg[place]), float(truths.lon_deg[place]), accuracy)


def _missing(truths: Truths, place: int) -> Record:
    nan = float("nan")
    return Record(truths.names[place], "", _truth(truths, place), nan, nan, nan, nan, False, failure="no prediction")
