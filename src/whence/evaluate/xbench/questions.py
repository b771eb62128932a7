"""Questions of location and pose with few answers, after GeoX-Bench (2025): which tile, which heading, which quadrant.

Made from the matched items of a benchmark. Right answers are spread evenly over the choices by construction: tiles are
put at drawn positions, headings and quadrants are drawn first and the items chosen to fit, so that always giving the
same letter is no better than guessing.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from whence.core.errors import ArtifactError, InputError
from whence.evaluate.metrics import Interval, draw_weights, intervals
from whence.evaluate.xbench.answer import Answerer, pictures_of
from whence.evaluate.xbench.files import Benchmark
from whence.evaluate.xbench.geometry import moved, pose
from whence.evaluate.xbench.negatives import edges_of, touching
from whence.evaluate.xbench.types import SCHEMA, Answer, Item, check_schema
from whence.explain.match.amounts import COMPASS

KINDS = ("tile", "heading", "quadrant")
"""``tile``: which of four references shows the query; ``heading``: to which of eight directions its upper edge points;
``quadrant``: in which quarter of the reference its middle lies."""

QUADRANTS = ("upper left", "upper right", "lower left", "lower right")

_WORDS = {
    "tile": "Which of these pictures from above shows the place of the query?",
    "heading": "To which direction does the upper edge of the query point? North is up in the picture from above.",
    "quadrant": "In which quarter of the picture from above does the middle of the query lie?",
}
_NOT_CLEAR_DEG = 7.5
_NOT_CLEAR_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a few answers.

    Attributes:
        name: of the question, unique.
        kind: one of `KINDS`.
        text: in English.
        item: the benchmark's item that it is about.
        query: file of the query.
        references: files of the pictures from above: one, or the four choices.
        choices: answers, in order.
        answer: position of the right one.
        place: of the query.
    """

    name: str
    kind: str
    text: str
    item: str
    query: str
    references: tuple[str, ...]
    choices: tuple[str, ...]
    answer: int
    place: str


def ask(benchmark: Benchmark, seed: int = 0, split: str = "test") -> tuple[Question, ...]:
    """Make all questions that the matched items of a split allow.

    Headings within 7.5° of the border of two directions, and middles within 6 % of the side of that of two quarters,
    are not asked about. Of each answer as many questions are kept as there are of the rarest, but for directions and
    quarters that never occur.

    Args:
        benchmark: of known geometry.
        seed: of the draws.
        split: which items.

    Raises:
        InputError: no item of the split has what a question needs.
    """
    generator = np.random.default_rng(seed)
    matched = [item for item in benchmark.of_split(split) if item.match]
    others = {item.name.partition("-")[0]: list[Item]() for item in matched}
    for item in benchmark.of_split(split):
        if not item.match:
            others.setdefault(item.name.partition("-")[0], []).append(item)
    spots = np.random.default_rng([seed, 1]).permutation(np.arange(len(matched)) % 4)
    tiles = list(_tiles(matched, others, spots.tolist(), generator))
    headings = _balanced((_heading(item) for item in matched), generator)
    quadrants = _balanced((_quadrant(item) for item in matched), generator)
    found = (*tiles, *headings, *quadrants)
    if not found:
        raise InputError("No item of this benchmark has a known heading or position, or three mismatched references.")
    return found


def write_questions(path: Path, found: Iterable[Question], benchmark: Benchmark) -> None:
    """Write questions as JSON lines: a header, then one a line."""
    head = {"schema": SCHEMA, "kind": "questions", "benchmark": benchmark.header.items_sha256}
    lines = [head, *(asdict(item) for item in found)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read_questions(path: Path) -> tuple[Question, ...]:
    """Read what `write_questions` wrote.

    Raises:
        InputError: there is no such file.
        ArtifactError: it is damaged or of another schema.
    """
    try:
        head, *rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        check_schema(head.get("schema"), str(path))
        return tuple(
            Question(**{**row, "references": tuple(row["references"]), "choices": tuple(row["choices"])})
            for row in rows
        )
    except FileNotFoundError:
        raise InputError(f"There are no questions {str(path)!r}. Make them with whence xbench questions.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactError(f"{path}: the questions are damaged ({error!r}). Make them anew.") from error


def answer_questions(
    benchmark: Benchmark,
    found: Sequence[Question],
    answerer: Answerer,
    report: Callable[[int, int], None] | None = None,
    said: Iterable[Answer] = (),
) -> Iterator[tuple[str, int | None]]:
    """The matcher's own answers: name and position, ``None`` where it finds no match.

    The tile is that of the highest probability; heading and quarter are read off the transform of an accepted match.

    Args:
        benchmark: that the questions were made of.
        found: questions.
        answerer: the matcher.
        report: called with how many are answered, and how many there are.
        said: answers to the benchmark's items that are there already: headings and quarters are read off these.
    """
    items, known = {item.name: item for item in benchmark.items}, {answer.item: answer for answer in said}
    for number, question in enumerate(found, 1):
        if question.kind == "tile":
            yield question.name, _best_tile(benchmark, question, answerer)
        elif question.item in known:
            answer = known[question.item]
            yield question.name, _read_off(items[question.item], question.kind, answer.matrix if answer.match else None)
        else:
            yield question.name, _matched(benchmark, items[question.item], question.kind, answerer)
        if report is not None:
            report(number, len(found))


def score_questions(
    found: Sequence[Question], answers: Mapping[str, int | None], draws: int = 1000, seed: int = 0
) -> dict[str, tuple[Interval, Interval, int]]:
    """Accuracy and share answered, by kind, with 95 % intervals over places, and how many questions there are.

    An answer that is not given is wrong.
    """
    out = {}
    for kind in KINDS:
        asked = [item for item in found if item.kind == kind]
        if not asked:
            continue
        given = [answers.get(item.name) for item in asked]
        table = np.array([
            (float(answer == item.answer), float(answer is not None))
            for item, answer in zip(asked, given, strict=True)
        ])  # fmt: skip
        generator = np.random.default_rng(seed)
        drawn = [
            weights @ table / weights.sum(axis=1, keepdims=True)
            for weights in draw_weights(len(asked), [item.place for item in asked], draws, generator)
        ]
        scored = intervals(("right", "answered"), table.mean(axis=0), drawn, 0.95)
        out[kind] = (scored["right"], scored["answered"], len(asked))
    return out


def sector(heading_deg: float) -> int:
    """Which of the eight directions a bearing is nearest to."""
    return round(heading_deg / 45.0) % 8


def quadrant(at_px: tuple[float, float], size_px: tuple[int, int]) -> int:
    """Which quarter of a picture a position lies in, as in `QUADRANTS`."""
    return int(at_px[0] >= size_px[0] / 2.0) + 2 * int(at_px[1] >= size_px[1] / 2.0)


def _tiles(
    matched: Sequence[Item], others: Mapping[str, Sequence[Item]], spots: Sequence[int], generator: np.random.Generator
) -> Iterator[Question]:
    files = sorted({item.reference.file: item for item in matched}.items())
    edges = np.array([edges_of(item.georeference) for _, item in files])
    position = {file: i for i, (file, _) in enumerate(files)}
    for right, item in zip(spots, matched, strict=True):
        wrong = {other.reference.file for other in others[item.name.partition("-")[0]]}
        if not wrong:
            continue
        # The mismatched references of the item first, then any of other places that surely do not show it.
        places = {item.place} | {other.reference_place for other in others[item.name.partition("-")[0]]}
        near = touching(edges, position[item.reference.file])
        spare = [
            file
            for (file, other), touches in zip(files, near, strict=True)
            if not touches and other.reference_place not in places
        ]
        drawn = [spare[i] for i in generator.permutation(len(spare))]
        choices = [*sorted(wrong), *drawn][:3]
        if len(choices) < 3:
            continue
        choices.insert(right, item.reference.file)
        yield Question(
            f"{item.name}-tile", "tile", _WORDS["tile"], item.name, item.query.file, tuple(choices),
            ("A", "B", "C", "D"), right, item.place,
        )  # fmt: skip


def _heading(item: Item) -> Question | None:
    known = None if item.truth is None else item.truth.heading_deg
    # Directions are told from the picture: only where north is up.
    if known is None or item.georeference is None or abs(_turn(item.georeference.up_bearing_deg)) > 1.0:
        return None
    if abs(_turn(known - 45.0 * sector(known))) > 22.5 - _NOT_CLEAR_DEG:
        return None
    return Question(
        f"{item.name}-heading", "heading", _WORDS["heading"], item.name, item.query.file, (item.reference.file,),
        COMPASS, sector(known), item.place,
    )  # fmt: skip


def _quadrant(item: Item) -> Question | None:
    at = None if item.truth is None else item.truth.at_px
    size = (item.reference.width_px, item.reference.height_px)
    if at is None or not all(0.0 <= value < side for value, side in zip(at, size, strict=True)):
        return None
    if min(abs(value / side - 0.5) for value, side in zip(at, size, strict=True)) < _NOT_CLEAR_SHARE:
        return None
    return Question(
        f"{item.name}-quadrant", "quadrant", _WORDS["quadrant"], item.name, item.query.file, (item.reference.file,),
        QUADRANTS, quadrant(at, size), item.place,
    )  # fmt: skip


def _turn(degrees: float) -> float:
    return (degrees + 180.0) % 360.0 - 180.0


def _balanced(found: Iterable[Question | None], generator: np.random.Generator) -> list[Question]:
    """As many questions of each answer that occurs as of the rarest, in their old order."""
    known = [item for item in found if item is not None]
    if not known:
        return []
    rarest = min(Counter(item.answer for item in known).values())
    kept: set[str] = set()
    for answer in {item.answer for item in known}:
        names = [item.name for item in known if item.answer == answer]
        kept |= {names[i] for i in generator.permutation(len(names))[:rarest]}
    return [item for item in known if item.name in kept]


def _best_tile(benchmark: Benchmark, question: Question, answerer: Answerer) -> int | None:
    by_file = {item.reference.file: item for item in benchmark.items}
    own = {item.name: item for item in benchmark.items}[question.item]
    query, _ = pictures_of(benchmark.folder, own)
    found = []
    for file in question.references:
        _, reference = pictures_of(benchmark.folder, by_file[file])
        match = answerer.match(query, reference, own.query.gsd_m_per_px)
        weight = math.fsum([match.prior_log_odds, *(claim.log_odds for claim in match.claims)])
        found.append(weight if match.registration.transform is not None else -math.inf)
    return None if max(found) == -math.inf else int(np.argmax(found))


def _matched(benchmark: Benchmark, item: Item, kind: str, answerer: Answerer) -> int | None:
    query, reference = pictures_of(benchmark.folder, item)
    match = answerer.match(query, reference, item.query.gsd_m_per_px)
    return _read_off(item, kind, match.registration.transform if match.accepted else None)


def _read_off(item: Item, kind: str, transform: Float[np.ndarray, "3 3"] | None) -> int | None:
    """Heading or quarter by a transform; ``None`` without one."""
    if transform is None:
        return None
    size = (item.query.width_px, item.query.height_px)
    if kind == "heading":
        if item.georeference is None:
            return None
        heading, _ = pose(transform, item.georeference, size)
        return sector(heading) if math.isfinite(heading) else None
    x, y = moved(transform, np.array([(size[0] / 2.0, size[1] / 2.0)]))[0]
    return quadrant((float(x), float(y)), (item.reference.width_px, item.reference.height_px))
