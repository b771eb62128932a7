"""What `xbench.py` asks besides matches: drone frames as pairs, questions, likeness of words, rates of other sites."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import crossview_data
from whence.crossview.verify.outcomes import shipped_outcomes
from whence.crossview.verify.verifier import logistic
from whence.earth.tiles.georeference import GeoReference
from whence.evaluate.metrics import Interval, draw_weights, intervals
from whence.evaluate.xbench import files, geometry, questions, sentences
from whence.evaluate.xbench.answer import Answerer
from whence.evaluate.xbench.candidates import Candidate
from whence.evaluate.xbench.types import Answer, Item, ReferenceExplanation, Truth
from whence.samples.view import ViewKind
from whence.train.verifier_outcomes import outcome_of

SIDE_M = 388.0
"""Side of the windows of the town that drone frames are asked about on."""

_OFF_SHARE = 0.22
_NORTH_DEG = 15.0
_SURE_M = 25.0
_PLACE_M = 100.0


# ------------------------------------------------------------------------------------------------------ drone frames


def drone_frames(root: Path, seed: int) -> Iterator[Candidate]:
    """Frames of ``coeffic``, turned by quarter turns, each with a window of the town that holds it off its middle.

    Frames whose position was only projected have no position and no transform as truth, but a heading; those that were
    not warped to north have no heading.
    """
    town, draw = crossview_data.mosaic(root), np.random.default_rng(seed)
    for frame in crossview_data.pairs(root, "coeffic"):
        assert frame.lat_deg is not None
        assert frame.lon_deg is not None
        assert frame.gsd_m_per_px is not None
        x, y = (float(value) for value in town.georeference.to_pixels(frame.lat_deg, frame.lon_deg))
        side = round(SIDE_M / town.georeference.gsd_m_per_px)
        corner = np.array([x, y]) - side / 2 + draw.uniform(-_OFF_SHARE, _OFF_SHARE, 2) * side
        most = np.array([town.pixels.shape[1], town.pixels.shape[0]]) - side
        left, top = (int(value) for value in np.clip(np.round(corner), 0, most))
        patch = crossview_data.window(town, left, top, side, side)
        pixels, quarter = crossview_data.pixels_of(frame.query), int(draw.integers(4))
        turned = np.ascontiguousarray(np.rot90(pixels, quarter))
        wrong_by = float(np.exp(draw.uniform(-0.2, 0.2)))
        yield Candidate(
            frame.name, place_of(frame.lat_deg, frame.lon_deg), turned, ViewKind.DRONE, patch.pixels,
            ViewKind.SATELLITE, patch.georeference, _truth(frame, patch.georeference, pixels.shape, quarter),
            frame.lat_deg, frame.lon_deg, frame.query.name, patch.name, "measure only", frame.gsd_m_per_px * wrong_by,
        )  # fmt: skip


def place_of(lat_deg: float, lon_deg: float) -> str:
    """Name of the square of about 100 m that a place lies in."""
    step = _PLACE_M / 111_000.0
    return f"coeffic {math.floor(lat_deg / step)} {math.floor(lon_deg / step)}"


def _truth(frame: crossview_data.Pair, place: GeoReference, shape: tuple[int, ...], quarter: int) -> Truth:
    height, width = shape[:2]
    assert frame.gsd_m_per_px is not None
    x, y = (float(value) for value in place.to_pixels(frame.lat_deg, frame.lon_deg))
    scale, heading = frame.gsd_m_per_px / place.gsd_m_per_px, frame.heading_deg or 0.0
    c, s = scale * math.cos(math.radians(heading)), scale * math.sin(math.radians(heading))
    upright = np.array([[c, -s, x - (c * width - s * height) / 2], [s, c, y - (s * width + c * height) / 2], [0, 0, 1]])
    # numpy turns against the clock: from the turned picture's pixels back to the upright one's.
    back = np.array([[0.0, -1.0, width], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    transform = upright @ np.linalg.matrix_power(back, quarter)
    found, gsd = geometry.pose(transform, place, (width, height))
    if abs((heading + 180.0) % 360.0 - 180.0) > _NORTH_DEG:
        found = None
    if not frame.verified:
        return Truth(None, None, found, None)
    return Truth((x, y), tuple(transform.ravel()), found, gsd, _SURE_M / place.gsd_m_per_px)


# --------------------------------------------------------------------------------------------------------- questions


def asked(held: files.Benchmark, every: int, seed: int, kinds: Sequence[str]) -> list[questions.Question]:
    """Questions of a benchmark: of tiles, which cost four matches each, one of so many."""
    found = questions.ask(held, seed)
    steps = {kind: every if kind == "tile" else 1 for kind in kinds}
    return [item for kind, step in steps.items() for item in [q for q in found if q.kind == kind][::step]]


def answered(
    held: files.Benchmark, found: Sequence[questions.Question], answerer: Answerer, said: Sequence[Answer]
) -> dict[str, Any]:
    """The matcher's answers to questions, scored by site: right of all, answered, right of those answered, chance."""
    given = dict(questions.answer_questions(held, found, answerer, _progress, said))
    told: dict[str, Any] = {}
    for site in ("", *sorted({item.place.split()[0] for item in found})):
        own = [item for item in found if item.place.startswith(site)]
        scored = questions.score_questions(own, given)
        told[site or "all"] = {
            kind: {
                "questions": count,
                "right": _plain(right),
                "answered": _plain(said),
                "right of answered": round(right.value / said.value, 4) if said.value else None,
                "chance": round(_chance(own, kind), 4),
            }
            for kind, (right, said, count) in scored.items()
        }
    return told


def _chance(found: Sequence[questions.Question], kind: str) -> float:
    """How often the answer that is right most often is right: drawing lots does no better."""
    answers = [item.answer for item in found if item.kind == kind]
    return max(np.bincount(answers)) / len(answers)


def _progress(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"{done} of {total} questions", flush=True)


# ------------------------------------------------------------------------------------------------- likeness of words


def likeness(
    answers: Sequence[Answer], items: Mapping[str, Item], encoder: sentences.SentenceEncoder, seed: int
) -> dict[str, Any]:
    """What the cosine of MiniLM tells: texts of matched pairs against texts that are false of them.

    The reference is the text of an accepted match itself; asked are the text of another accepted match (true of other
    pictures: all its numbers are wrong here) and that of a pair that was not accepted.
    """
    draw = np.random.default_rng(seed)
    said = [answer for answer in answers if answer.match and items[answer.item].match]
    refused = [answer for answer in answers if not answer.match]
    references = [ReferenceExplanation(answer.item, "matcher", "en", answer.sentences["en"]) for answer in said]
    others = [said[(i + 1 + draw.integers(len(said) - 1)) % len(said)] for i in range(len(said))]
    drawn = [refused[draw.integers(len(refused))] for _ in said]
    texts = {"the same text": said, "text of another match": others, "text of a pair refused": drawn}
    places = [items[answer.item].place for answer in said]
    return {
        name: _mean_of(
            sentences.similarities(
                [replace(one, item=own.item) for one, own in zip(told, said, strict=True)], references, encoder
            ),
            places,
        )
        for name, told in texts.items()
    } | {"texts": len(said)}


def _mean_of(values: np.ndarray, places: Sequence[str]) -> dict[str, float | None]:
    drawn = [
        weights @ values[:, None] / weights.sum(axis=1, keepdims=True)
        for weights in draw_weights(len(values), places, 1000, np.random.default_rng(0))
    ]
    return _plain(intervals(("mean",), np.array([values.mean()]), drawn, 0.95)["mean"])


def _plain(found: Interval) -> dict[str, float | None]:
    ends = {"low": found.low, "high": found.high}
    return {"value": round(found.value, 4)} | {
        name: None if math.isnan(value) else round(value, 4) for name, value in ends.items()
    }


# ---------------------------------------------------------------------------------------------- rates of other sites


def by_other_sites(answers: Sequence[Answer], items: Mapping[str, Item], features: str) -> list[Answer]:
    """The same answers, with the rates of failing that were counted on all sites but their own."""
    counted: Any = shipped_outcomes().card["counted"]
    rates = counted[shipped_outcomes().counted_as(features.replace(",", "+"))]
    told = []
    for answer in answers:
        outcome = outcome_of(rates, without=items[answer.item].place.split()[0])
        laid = logistic(math.fsum(claim.log_odds for claim in answer.claims))  # asked at even prior
        wrong = logistic(outcome.wrong)
        told.append(
            replace(
                answer,
                probability=logistic(outcome.nothing) if answer.transform is None else laid + (1.0 - laid) * wrong,
            )
        )
    return told


Show = Callable[[str], None]


def show_questions(told: Mapping[str, Any], show: Show = print) -> None:
    """Print what `answered` gives."""
    for site, kinds in told.items():
        for kind, row in kinds.items():
            right = row["right"]
            ends = "" if right["low"] is None else f" ({right['low']:.3f}–{right['high']:.3f})"
            show(
                f"{site:10} {kind:9} {row['questions']:4} questions, right {right['value']:.3f}{ends}, "
                f"chance {row['chance']:.3f}, answered {row['answered']['value']:.3f}, of these right "
                f"{row['right of answered']}"
            )
