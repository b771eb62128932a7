"""A file of runs on one test set, and the table that ranks them.

The file is JSON, so that it can be kept under version control and read by anything. It holds runs on one set of
pictures with one set of truths, scored by one protocol; whatever differs in these is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from whence.core.errors import ArtifactError, InputError, unknown_name
from whence.earth.fieldfile import to_bytes
from whence.evaluate.belief_scores import FIGURES as MORE
from whence.evaluate.evaluation import Evaluation
from whence.evaluate.metrics import METRICS, Interval
from whence.evaluate.records import Record, Run, Truth
from whence.evaluate.scored import file_sha256
from whence.evaluate.table import FIGURES, figure_cell

SCHEMA = "whence.leaderboard/1"
"""Name of the file's layout."""

RANKED_BY = "geoscore"
"""Figure that ranks where no other is asked for."""

SHOWN = (*METRICS, "named_country", "bits", "area_score", "coverage_90", "aurc_2500_km")
"""Figures in the table, where a run has them; the file holds all."""

_HEADS = {**dict(zip(METRICS, FIGURES, strict=True)), **{name: item.label for name, item in MORE.items()}}
_ERRORS = ("_km", "_km2", "_ece", "_error")


@dataclass(frozen=True, slots=True)
class Terms:
    """What runs must have in common to stand in one table.

    Attributes:
        dataset: its name, or that of the file that lists it.
        pictures: number of them.
        sha256: of their names, places and accuracies.
        protocol: how answers are scored, by name, as text.
    """

    dataset: str
    pictures: int
    sha256: str
    protocol: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in the table.

    Attributes:
        system: name of the system.
        created: when it predicted, ISO 8601 in UTC.
        figures: by name, with their intervals.
        missing: pictures without an answer.
        abstained: answers that the system called too wide to be used.
        intervals: over what the intervals were drawn, in words.
        file: name of the file of predictions.
        sha256: of that file.
        versions: of program, tables, configuration and models.
        machine: what it ran on.
        prior: short hash of what its beliefs started from; empty where it has none.
    """

    system: str
    created: str
    figures: Mapping[str, Interval]
    missing: int
    abstained: int
    intervals: str
    file: str
    sha256: str
    versions: Mapping[str, str]
    machine: str
    prior: str = ""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Runs on one test set.

    Attributes:
        terms: what they share.
        entries: the runs, in the order in which they were added.
    """

    terms: Terms
    entries: tuple[Entry, ...] = ()


def terms(found: Evaluation, run: Run, records: Iterable[Record]) -> Terms:
    """What a run was tested on.

    Args:
        found: the figures, for the settings that they were scored by.
        run: the run, for the data set's name.
        records: its pictures, for their names and truths.
    """
    lines = sorted(_line(item.name, item.truth) for item in records)
    protocol = {
        "distances": "WGS84 geodesics",
        "errors within the accuracy": "nil" if found.config.forgive else "as they are",
        "pictures without an answer": "left out" if found.config.answered_only else "wrong",
    }
    if found.protocol is not None:
        protocol[f"scores of {found.protocol.benchmark}"] = found.protocol.told
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Terms(_short(run.dataset), len(lines), digest, protocol)


def entry(found: Evaluation, run: Run, predictions: Path) -> Entry:
    """The row of a run.

    Args:
        found: its figures.
        run: the run.
        predictions: its file.

    Raises:
        InputError: the file cannot be read.
    """
    how = found.config
    units = f"groups of {how.group}" if how.group else "pictures"
    units += f" and places of {how.place}" if how.place else ""
    return Entry(
        system=run.system,
        created=run.created,
        figures={**found.scores.metrics, **found.figures, **_of_protocol(found)},
        missing=found.missing,
        abstained=found.abstained,
        intervals=f"{how.level:.0%} bootstrap over {units}, {how.draws} draws, seed {how.seed}",
        file=predictions.name,
        sha256=file_sha256(predictions),
        versions=dict(run.versions),
        machine=run.machine,
        prior=hashlib.sha256(to_bytes(run.prior)).hexdigest()[:16] if "bits" in found.figures else "",
    )


def update_leaderboard(path: Path, given: Terms, row: Entry) -> Leaderboard:
    """Add a run to a file of runs, which is made if it is not there; the same predictions are replaced.

    Args:
        path: the file.
        given: what the run was tested on.
        row: its figures.

    Returns:
        The runs with the new one.

    Raises:
        InputError: the file holds runs on other pictures, other truths or by another protocol.
        ArtifactError: the file is not a leaderboard, or damaged.
    """
    board = read_leaderboard(path) if path.exists() else Leaderboard(given)
    _check_same(board.terms, given, path)
    kept = tuple(item for item in board.entries if item.sha256 != row.sha256)
    board = replace(board, entries=(*kept, row))
    partial = path.with_name(path.name + ".part")
    partial.write_text(
        json.dumps(_plain(board), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    partial.replace(path)
    return board


def read_leaderboard(path: Path) -> Leaderboard:
    """Read a file of runs.

    Raises:
        ArtifactError: it is not such a file, or damaged.
        InputError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The leaderboard {str(path)!r} cannot be read ({error}).") from error
    try:
        value = json.loads(text)
        schema = value["schema"]
        if schema == SCHEMA:
            return Leaderboard(Terms(**value["terms"]), tuple(_entry(item) for item in value["entries"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} is not a leaderboard, or damaged ({error!r}). Restore it or start anew."
        ) from error
    raise ArtifactError(f"{path} has schema {schema!r}; this version reads {SCHEMA!r}.")


def ranked(board: Leaderboard, by: str = RANKED_BY) -> tuple[Entry, ...]:
    """The runs, the best first; those without the figure come last.

    Args:
        board: the runs.
        by: name of a figure; of errors in kilometres and of areas the smallest is the best, of others the largest.

    Raises:
        OptionError: no run has such a figure; the nearest is named.
    """
    known = {name for item in board.entries for name in item.figures}
    if by not in known and board.entries:
        raise unknown_name("figure", by, known)
    sign = 1.0 if smaller_is_better(by) else -1.0

    def key(item: Entry) -> tuple[bool, float, str]:
        value = item.figures[by].value if by in item.figures else math.nan
        return (math.isnan(value), sign * value if not math.isnan(value) else 0.0, item.system)

    return tuple(sorted(board.entries, key=key))


def smaller_is_better(figure: str) -> bool:
    """Tell whether a figure is an error or an area rather than a score."""
    own = figure.rpartition(":")[2]
    return not own.startswith("within") and own.endswith(_ERRORS)


def table_of(board: Leaderboard, by: str = RANKED_BY) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows of the table, the best run first.

    Args:
        board: the runs.
        by: the figure that ranks (`ranked`).

    Raises:
        OptionError: no run has such a figure.
    """
    rows = ranked(board, by)
    held = {name for item in rows for name in item.figures}
    names = [name for name in dict.fromkeys((*SHOWN, by)) if name in held]
    heads = ("", "system", "predicted", *(_HEADS.get(name, name.replace("_", " ")) for name in names), "no answer")
    cells = [
        (
            str(rank),
            item.system,
            item.created[:10],
            *(figure_cell(name, item.figures[name]) if name in item.figures else "–" for name in names),
            f"{item.missing:,}",
        )
        for rank, item in enumerate(rows, 1)
    ]
    return heads, cells


def markdown(board: Leaderboard, by: str = RANKED_BY) -> str:
    """The table in Markdown, under the test set that it is about.

    Args:
        board: the runs.
        by: the figure that ranks (`ranked`).

    Raises:
        OptionError: no run has such a figure.
    """
    heads, rows = table_of(board, by)
    head = f"| {' | '.join(heads)} |\n|{'---|' * 3}{'---:|' * (len(heads) - 3)}\n"
    body = "".join(f"| {' | '.join(_escaped(cell) for cell in row)} |\n" for row in rows)
    notes = "".join(f"{text}\n" for text in remarks(board, by))
    return f"**{_escaped(board.terms.dataset)}**, {board.terms.pictures:,} pictures\n\n{head}{body}\n{notes}"


def remarks(board: Leaderboard, by: str = RANKED_BY) -> list[str]:
    """What must be known to read the table, in sentences."""
    protocol = "; ".join(f"{name}: {value}" for name, value in board.terms.protocol.items())
    said = [
        f"Ranked by {_HEADS.get(by, by.replace('_', ' '))}.",
        "Overlapping intervals do not rank two runs; the paired comparison of whence evaluate --against does.",
        f"{protocol[:1].upper()}{protocol[1:]}.",
    ]
    if len({item.prior for item in board.entries} - {""}) > 1:
        said.append("The runs started from different priors: their bits over the prior do not compare.")
    drawn = sorted({item.intervals for item in board.entries})
    return [*said, *(f"Brackets: {text}." for text in drawn)]


def _of_protocol(found: Evaluation) -> dict[str, Interval]:
    """Scores by a benchmark's protocol under its name: ``im2gps3k:within_25_km``."""
    by = found.protocol
    return {} if by is None else {f"{by.benchmark}:{name}": figure for name, figure in by.figures.items()}


def _escaped(text: str) -> str:
    """Text that is neither markup nor the end of a cell in Markdown."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\|<>`*_[]" else char for char in flat)


def _short(dataset: str) -> str:
    return dataset.replace("\\", "/").rstrip("/").rpartition("/")[2] or dataset


def _line(name: str, truth: Truth) -> str:
    radius = "" if truth.accuracy_km is None else f"{truth.accuracy_km:.6g}"
    return f"{name}\t{truth.lat_deg:.6f}\t{truth.lon_deg:.6f}\t{radius}"


def _check_same(first: Terms, second: Terms, path: Path) -> None:
    apart = "Runs on different test sets do not belong in one table: give another file."
    if first.protocol != second.protocol:
        names = sorted({*first.protocol, *second.protocol})
        one, two = (
            ", ".join(
                f"{name} {side.protocol.get(name, '(not said)')}" for name in names if _differs(name, first, second)
            )
            for side in (first, second)
        )
        raise InputError(f"{path} holds runs scored with {one}; this one was scored with {two}. {apart}")
    if first.dataset != second.dataset:
        raise InputError(f"{path} holds runs on {first.dataset!r}; this one is on {second.dataset!r}. {apart}")
    if first.sha256 != second.sha256:
        raise InputError(
            f"{path} holds runs on {first.pictures:,} pictures of {first.dataset!r}; this one has {second.pictures:,}, "
            f"and their names or truths are not the same. {apart}"
        )


def _differs(name: str, first: Terms, second: Terms) -> bool:
    return first.protocol.get(name) != second.protocol.get(name)


def _plain(board: Leaderboard) -> dict[str, Any]:
    entries = [asdict(item) | {"figures": _figures(item.figures)} for item in board.entries]
    return {"schema": SCHEMA, "terms": asdict(board.terms), "entries": entries}


def _figures(figures: Mapping[str, Interval]) -> dict[str, list[float | str | None]]:
    """Value, low and high of each; what is infinite is written as text, what is not known as ``null``."""

    def told(value: float) -> float | str | None:
        if math.isnan(value):
            return None
        return round(value, 6) if math.isfinite(value) else str(value)

    return {name: [told(item.value), told(item.low), told(item.high)] for name, item in figures.items()}


def _entry(value: Mapping[str, Any]) -> Entry:
    figures = {
        name: Interval(*(math.nan if end is None else float(end) for end in ends))
        for name, ends in value["figures"].items()
    }
    return Entry(**{**value, "figures": figures})
