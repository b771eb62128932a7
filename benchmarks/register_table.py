"""Tables of what `register.py` wrote: frames found, errors, false accepts, and whether answers agree."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from crossview_data import panels
from crossview_windows import wilson
from whence.crossview.verify import Config
from whence.crossview.verify.claims import taken_by_look_alikes
from whence.crossview.verify.table import family_of, shipped_table
from whence.crossview.verify.verifier import logistic

Row = dict[str, str]
STEPS_M = (25.0, 50.0, 100.0)
NEXT_FRAMES = 31
TOGETHER_M = 15.0
NORTH_M, EAST_M = 110_900.0, 94_390.0
"""Metres a degree at 32.1° north."""


def table(folder: Path, root: Path) -> None:
    """Print all tables of a folder; ``root`` is that of the data."""
    found = {path.stem.removeprefix("match_"): _read(path) for path in sorted(folder.glob("match_*.csv"))}
    print(
        "| region, matcher | frames | accepted (95 %) | of these ≤ 25 m | verified right | median m "
        "| ≤ 25 m | ≤ 50 m | ≤ 100 m | verified places: median, ≤ 25 m | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, rows in found.items():
        print(_line(name, rows))
    for path in sorted(folder.glob("mismatch_*.csv")):
        rows = _read(path)
        false = sum(_accepted(row) for row in rows)
        upper = 1.0 - 0.05 ** (1.0 / len(rows)) if false == 0 else math.nan
        most = max(float(row["probability"]) for row in rows)
        print(
            f"\n{path.stem}: {len(rows)} pairs of {len({row['frame'] for row in rows})} frames, accepted {false} "
            f"(at 95 % below {upper:.2%}), highest probability {most:.3f}"
        )
        _separation(path.stem, rows, found)
    _agreement(found, panels(root))


def _line(name: str, rows: Sequence[Row]) -> str:
    error = np.array([_number(row["error_m"]) for row in rows])
    verified = np.array([row["verified"] == "1" for row in rows])
    accepted = np.array([_accepted(row) for row in rows])
    near = error <= STEPS_M[0]
    low, high = wilson(int(accepted.sum()), len(rows))
    shares = " | ".join(f"{int((error <= step).sum())}" for step in STEPS_M)
    seconds = np.median([float(row["cpu_s"]) for row in rows])
    right = f"{int((accepted & near & verified).sum())} of {int((accepted & verified).sum())}"
    own = error[verified]
    return (
        f"| {name} | {len(rows)} | {int(accepted.sum())} ({low:.0f} to {high:.0f} %) "
        f"| {int((accepted & near).sum())} | {right} | {_median(error):.1f} m | {shares} "
        f"| {_median(own):.1f} m, {int((own <= STEPS_M[0]).sum())} of {len(own)} | {seconds:.1f} |"
    )


def _separation(stem: str, false: Sequence[Row], found: dict[str, list[Row]]) -> None:
    """How well single statistics tell apart, as area under the curve, against the frames of ``sat``."""
    true = found.get("sat_" + stem.removeprefix("mismatch_"))
    if not true:
        return
    near = [row for row in true if _number(row["error_m"]) <= STEPS_M[0]]
    for name in (
        "first_inliers",
        "second_support",
        "lead",
        "screening",
        "excess",
        "agreement_z",
        "inliers",
        "coverage",
    ):
        a = np.array([float(row.get(name) or 0) for row in near])
        b = np.array([float(row.get(name) or 0) for row in false])
        wins = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
        print(f"  {name}: area {max(wins, 1 - wins):.3f}; true {_range(a)}, false {_range(b)}")


def _agreement(found: dict[str, list[Row]], nominal: dict[str, Row]) -> None:
    """Of frames without a verified place: whether independent matchers, and frames a second apart, agree."""
    names = [name for name in ("sat_sift", "sat_xfeat", "sat_sift+xfeat", "sat_sift+xfeat+aliked") if name in found]
    if len(names) >= 2:
        places = [{row["frame"]: _place(row) for row in found[name]} for name in names[:2]]
        for verified in ("1", "0"):
            frames = [row["frame"] for row in found[names[0]] if row["verified"] == verified]
            apart = np.array([_apart(places[0].get(frame), places[1].get(frame)) for frame in frames])
            print(
                f"\n{names[0]} and {names[1]} within {TOGETHER_M:.0f} m, "
                f"{'verified' if verified == '1' else 'nominal'}: {int((apart < TOGETHER_M).sum())} of {len(frames)}"
            )
    for name in names[-1:]:
        rows = {row["frame"]: row for row in found[name]}
        steps = [
            (a, b, abs(_offset(rows[a], nominal[a]) - _offset(rows[b], nominal[b])))
            for a, b in pairwise(sorted(rows))
            if a[:3] == b[:3] and int(b[4:]) - int(a[4:]) <= NEXT_FRAMES
        ]
        close = [(a, b) for a, b, away in steps if away < TOGETHER_M]
        print(f"\n{name}: of {len(steps)} pairs of frames a second apart, {len(close)} agree on the pose's error")


def _offset(row: Row, nominal: Row) -> complex:
    """Found minus projected place, metres along and across the heading; it changes slowly along a flight."""
    north = (_number(row["lat_deg"]) - float(nominal["ground_lat"])) * NORTH_M
    east = (_number(row["lon_deg"]) - float(nominal["ground_lon"])) * EAST_M
    return complex(north, east) * np.exp(-1j * math.radians(float(nominal["heading_deg"])))


def _place(row: Row) -> tuple[float, float]:
    return _number(row["lat_deg"]), _number(row["lon_deg"])


def _apart(a: tuple[float, float] | None, b: tuple[float, float] | None) -> float:
    if a is None or b is None:
        return math.nan
    return math.hypot((a[0] - b[0]) * NORTH_M, (a[1] - b[1]) * EAST_M)


def _accepted(row: Row) -> bool:
    return row["accepted"] == "1"


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _median(values: np.ndarray) -> float:
    """Frames without an answer count as infinitely far."""
    return float(np.median(np.where(np.isnan(values), np.inf, values)))


def _range(values: np.ndarray) -> str:
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{low:.2f} {middle:.2f} {high:.2f}"


def _read(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [_judged(row) for row in csv.DictReader(file)]


def _judged(row: Row) -> Row:
    """A row with the probability that the shipped table gives to its measures, whichever table there was then."""
    measures = {name.removeprefix("m_"): float(text) for name, text in row.items() if name.startswith("m_") and text}
    if not measures:
        return row
    table = shipped_table()
    said = {name: float(row[name]) for name in ("lead", "screening", "dense_z") if row.get(name)}
    curves = table.curves.get(family_of(row["matcher"], said), table.curves["points"])
    odds = sum(curve(measures[curve.measure]) for curve in curves)
    probability = logistic(odds + taken_by_look_alikes(odds, Config.lookalike_share))
    return row | {"probability": str(probability), "accepted": str(int(probability >= table.threshold))}
