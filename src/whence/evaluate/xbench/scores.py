"""`score`: answers against a benchmark, each figure with an interval over places."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from whence.core.errors import InputError
from whence.evaluate.curve_metrics import calibration_error
from whence.evaluate.faithfulness.claim_truth import auc
from whence.evaluate.metrics import Interval, draw_weights, intervals
from whence.evaluate.xbench.answer import masks_of
from whence.evaluate.xbench.files import Benchmark, read_explanations
from whence.evaluate.xbench.sentences import SentenceEncoder, score_words, similarities
from whence.evaluate.xbench.truth import ClaimTest, check_claims, is_right
from whence.evaluate.xbench.types import DIFFICULTIES, Answer, Item


@dataclass(frozen=True)
class Config:
    """How answers are scored."""

    draws: int = 1000
    "Draws of the bootstrap over places."
    level: float = 0.95
    "Of the intervals, 0..1."
    seed: int = 0
    "Of the bootstrap."
    threshold: float = 0.0
    "Probability from which an answer counts as a match; 0 takes the answer's own word."


@dataclass(frozen=True, eq=False)
class XbenchScores:
    """Scores of a system.

    Attributes:
        items: how many were asked.
        answered: how many have an answer; the others count as "no match" with probability 0.
        figures: by name, with intervals.
        by_difficulty: accuracy by difficulty, with counts.
        by_kind: claim truth by kind and verdict: true ones and tested ones.
        tests: what became of each claim.
        not_measured: figures that could not be measured, and why.
    """

    items: int
    answered: int
    figures: Mapping[str, Interval]
    by_difficulty: Mapping[str, tuple[Interval, int]]
    by_kind: Mapping[tuple[str, str], tuple[int, int]]
    tests: tuple[ClaimTest, ...]
    not_measured: Mapping[str, str]


FIGURES = MappingProxyType(
    {
        "accuracy": "right answers, match or no match",
        "balanced accuracy": "mean of the shares right among matched and among mismatched pairs",
        "recall": "matched pairs that were accepted",
        "false accepts": "mismatched pairs that were accepted",
        "AUC": "chance that a matched pair gets the higher probability",
        "ECE": "calibration error of the probabilities, 15 bins",
        "Brier": "mean squared error of the probabilities",
        "right places": "accepted matched pairs whose transform is right",
        "claim truth": "claims with a verdict that pass all tests",
        "claim truth, all": "the same with claims that leave the matter open",
        "numbers": "claims whose numbers are right",
        "answers with a false claim": "explanations with at least one",
        "contradiction rate": "sentences that cite no claim or give a number that it does not hold",
        "masking better": "accepted matched pairs for which masking what is cited costs more than masking others",
        "languages agree": "explanations that cite the same claims with the same numbers in all languages",
        "similarity en": "likeness to the reference explanation, English",
    }
)
"""What each figure is, in the order of tables; shares are 0..1."""


def score(
    benchmark: Benchmark,
    answers: Sequence[Answer],
    config: Config | None = None,
    split: str = "test",
    encoder: SentenceEncoder | None = None,
) -> XbenchScores:
    """Score answers to a split of a benchmark.

    Args:
        benchmark: whose pictures are held against their hashes first.
        answers: of a system, in any order; items without one count as rejected.
        config: settings.
        split: which items.
        encoder: of sentences, for their likeness.

    Raises:
        InputError: an item is answered twice, or an answer is to none of the benchmark.
        ArtifactError: a picture is not the one that the benchmark was frozen with.
    """
    benchmark.check_pictures()
    using = config or Config()
    items = benchmark.of_split(split)
    paired = _paired(benchmark, items, answers)
    tests = [
        () if answer is None else check_claims(item, answer, partial(masks_of, benchmark.folder, item))
        for item, answer in paired
    ]
    table = _Table(paired, tests, similarities_of(benchmark, paired, encoder), using.threshold)
    names = list(FIGURES)
    ones = np.ones(len(items))
    generator = np.random.default_rng(using.seed)
    drawn = [
        np.array([[table.figure(name, row) for name in names] for row in weights])
        for weights in draw_weights(len(items), [item.place for item in items], using.draws, generator)
    ]
    values = np.array([table.figure(name, ones) for name in names])
    figures = intervals(names, values, drawn, using.level, where_defined=True)
    why = {name: _why(name, encoder) for name, value in zip(names, values, strict=True) if math.isnan(value)}
    kept = tuple(test for found in tests for test in found)
    return XbenchScores(
        len(items),
        sum(answer is not None for _, answer in paired),
        MappingProxyType({name: figures[name] for name in names if name not in why}),
        MappingProxyType(_by_difficulty(table, using)),
        MappingProxyType(_by_kind(kept)),
        kept,
        MappingProxyType(why),
    )


def similarities_of(
    benchmark: Benchmark, paired: Sequence[tuple[Item, Answer | None]], encoder: SentenceEncoder | None
) -> Float[np.ndarray, " n"]:
    """Likeness of each answer's English text to the reference explanations; NaN where not measured."""
    out = np.full(len(paired), math.nan)
    there = [i for i, (_, answer) in enumerate(paired) if answer is not None]
    given = [answer for _, answer in paired if answer is not None]
    out[there] = similarities(given, read_explanations(benchmark.folder), encoder)
    return out


def _paired(benchmark: Benchmark, items: Sequence[Item], answers: Sequence[Answer]) -> list[tuple[Item, Answer | None]]:
    known = {item.name for item in benchmark.items}
    found: dict[str, Answer] = {}
    for answer in answers:
        if answer.item not in known:
            raise InputError(
                f"The answer to {answer.item!r} is to no item of the benchmark {benchmark.header.name!r}: are these "
                "answers to another one?"
            )
        if answer.item in found:
            raise InputError(f"The item {answer.item!r} is answered twice. Keep one answer of each item.")
        found[answer.item] = answer
    return [(item, found.get(item.name)) for item in items]


class _Table:
    """The columns that figures are computed from: a row an item."""

    def __init__(
        self,
        paired: Sequence[tuple[Item, Answer | None]],
        tests: Sequence[Sequence[ClaimTest]],
        similarity: Float[np.ndarray, " n"],
        threshold: float,
    ) -> None:
        self.difficulty = np.array([item.difficulty for item, _ in paired])
        self.places = [item.place for item, _ in paired]
        self.match: Bool[np.ndarray, " n"] = np.array([item.match for item, _ in paired])
        self.probability = np.array([0.0 if answer is None else answer.probability for _, answer in paired])
        said = np.array([answer is not None and answer.match for _, answer in paired])
        self.said: Bool[np.ndarray, " n"] = self.probability >= threshold if threshold else said
        right = [None if answer is None else is_right(item, answer) for item, answer in paired]
        self.right = np.array([math.nan if found is None else float(found) for found in right])
        self.counts = np.array([_claim_counts(found) for found in tests], np.float64).reshape(len(paired), 6)
        words = [None if answer is None else score_words(answer) for _, answer in paired]
        self.sentences = np.array([0 if found is None else found.sentences for found in words], np.float64)
        self.contradicting = np.array([0 if found is None else found.contradicting for found in words], np.float64)
        self.languages = np.array(
            [
                math.nan if found is None or found.languages_agree is None else float(found.languages_agree)
                for found in words
            ]
        )
        self.masking = np.array(
            [math.nan if a is None or a.masking is None else float(a.masking.better) for _, a in paired]
        )
        self.similarity = similarity
        self._rules: dict[str, Callable[[Float[np.ndarray, " n"]], float]] = {
            "accuracy": lambda w: _mean(self.said == self.match, w),
            "balanced accuracy": lambda w: (self._recall(w) + 1.0 - self._false(w)) / 2.0,
            "recall": self._recall,
            "false accepts": self._false,
            "AUC": self._auc,
            "ECE": lambda w: calibration_error(self.probability, self.match.astype(float), w),
            "Brier": lambda w: _mean((self.probability - self.match) ** 2, w),
            "right places": lambda w: _mean(self.right, w * (self.match & self.said)),
            "claim truth": lambda w: _ratio(self.counts[:, 0], self.counts[:, 1], w),
            "claim truth, all": lambda w: _ratio(self.counts[:, 2], self.counts[:, 3], w),
            "numbers": lambda w: _ratio(self.counts[:, 4], self.counts[:, 5], w),
            "answers with a false claim": lambda w: _mean(
                self.counts[:, 2] < self.counts[:, 3], w * (self.counts[:, 3] > 0)
            ),
            "contradiction rate": lambda w: _ratio(self.contradicting, self.sentences, w),
            "masking better": lambda w: _mean(self.masking, w * (self.match & self.said)),
            "languages agree": lambda w: _mean(self.languages, w),
            "similarity en": lambda w: _mean(self.similarity, w),
        }

    def figure(self, name: str, weights: Float[np.ndarray, " n"]) -> float:
        """A figure where each item counts so often; NaN where nothing has it."""
        return self._rules[name](weights)

    def _recall(self, weights: Float[np.ndarray, " n"]) -> float:
        return _mean(self.said, weights * self.match)

    def _false(self, weights: Float[np.ndarray, " n"]) -> float:
        return _mean(self.said, weights * ~self.match)

    def _auc(self, weights: Float[np.ndarray, " n"]) -> float:
        rows = np.repeat(np.arange(len(weights)), weights.astype(int))
        return auc(self.probability[rows], self.match[rows])


def _claim_counts(tests: Sequence[ClaimTest]) -> tuple[int, int, int, int, int, int]:
    """True and tested claims: with a verdict, all, and by their numbers alone."""
    tested = [test for test in tests if test.tested]
    firm = [test for test in tested if test.verdict != "unclear"]
    numbers = [test.numbers for test in tests if test.numbers is not None]
    return (
        sum(test.true for test in firm),
        len(firm),
        sum(test.true for test in tested),
        len(tested),
        sum(numbers),
        len(numbers),
    )


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    known = ~np.isnan(values.astype(float)) & (weights > 0)
    total = float(weights[known].sum())
    return float((values[known] * weights[known]).sum() / total) if total > 0 else math.nan


def _ratio(part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    total = float((whole * weights).sum())
    return float((part * weights).sum() / total) if total > 0 else math.nan


def _why(name: str, encoder: SentenceEncoder | None) -> str:
    if name == "similarity en":
        missing = "no sentence encoder was used: it needs pip install 'whence[towers]', and no --no-similarity"
        return missing if encoder is None else "there are no reference explanations in English"
    return {
        "masking better": "no answer holds a masking test",
        "languages agree": "no answer has two languages",
    }.get(name, "no item has what it needs")


def _by_difficulty(table: _Table, config: Config) -> dict[str, tuple[Interval, int]]:
    out = {}
    for name in DIFFICULTIES:
        rows = table.difficulty == name
        if not rows.any():
            continue
        places = [place for place, kept in zip(table.places, rows, strict=True) if kept]
        hits = (table.said == table.match)[rows].astype(float)
        generator = np.random.default_rng(config.seed)
        drawn = [
            ((weights * hits).sum(axis=1) / weights.sum(axis=1))[:, None]
            for weights in draw_weights(len(hits), places, config.draws, generator)
        ]
        found = intervals([name], np.array([hits.mean()]), drawn, config.level)
        out[name] = (found[name], len(hits))
    return out


def _by_kind(tests: Sequence[ClaimTest]) -> dict[tuple[str, str], tuple[int, int]]:
    out: dict[tuple[str, str], tuple[int, int]] = {}
    for test in tests:
        if test.tested:
            true, total = out.get((test.kind, test.verdict), (0, 0))
            out[test.kind, test.verdict] = (true + test.true, total + 1)
    return dict(sorted(out.items()))


def to_json(found: XbenchScores) -> dict[str, Any]:
    """Scores as plain values."""

    def plain(item: Interval) -> dict[str, float | None]:
        ends = (item.value, item.low, item.high)
        return dict(zip(("value", "low", "high"), (v if math.isfinite(v) else None for v in ends), strict=True))

    return {
        "items": found.items,
        "answered": found.answered,
        "figures": {name: {**plain(item), "what": FIGURES[name]} for name, item in found.figures.items()},
        "accuracy_by_difficulty": {
            name: {**plain(item), "items": count} for name, (item, count) in found.by_difficulty.items()
        },
        "claim_truth_by_kind": [
            {"kind": kind, "verdict": verdict, "true": true, "tested": total}
            for (kind, verdict), (true, total) in found.by_kind.items()
        ],
        "not_measured": dict(found.not_measured),
    }
