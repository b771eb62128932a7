"""Scores of the words: likeness to reference explanations, contradictions, and whether languages say the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from whence.core.errors import MissingExtraError
from whence.crossview.types import MatchClaim
from whence.evaluate.xbench.types import Answer, ReferenceExplanation, Sentence
from whence.explain.match.check import NO_CITATION, OTHER_NUMBER, check_sentences

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@runtime_checkable
class SentenceEncoder(Protocol):
    """What turns texts into unit vectors."""

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "n dim"]:
        """Embed texts."""
        ...


@dataclass(frozen=True, slots=True)
class WordScores:
    """Scores of an answer's sentences.

    Attributes:
        sentences: how many there are, in all languages.
        contradicting: how many of them give a number that their claims do not hold, or cite no claim.
        languages_agree: whether all languages cite the same claims with the same numbers; ``None`` with fewer than two.
    """

    sentences: int
    contradicting: int
    languages_agree: bool | None


def open_encoder() -> SentenceEncoder | None:
    """The sentence encoder MiniLM with the weights of its package; ``None`` if it is not installed."""
    from whence.encode.text import text_encoders

    try:
        kind = text_encoders().load("minilm")
        return kind(kind.CONFIG())
    except MissingExtraError:
        return None


def score_words(answer: Answer) -> WordScores:
    """Score the sentences of an answer by themselves."""
    claims = [MatchClaim(item.kind, item.verdict, dict(item.values)) for item in answer.claims]
    position = {item.name: f"c{number}" for number, item in enumerate(answer.claims, 1)}
    contradicting = total = 0
    for told in answer.sentences.values():
        for sentence in told:
            total += 1
            contradicting += _contradicts(sentence, claims, position)
    said = [_content(told) for told in answer.sentences.values()]
    agree = all(item == said[0] for item in said) if len(said) > 1 else None
    return WordScores(total, contradicting, agree)


def similarities(
    answers: Sequence[Answer],
    references: Sequence[ReferenceExplanation],
    encoder: SentenceEncoder | None,
    language: str = "en",
) -> Float[np.ndarray, " n"]:
    """Likeness of each answer's text to the nearest of its reference explanations.

    The cosine of the two texts' vectors, as GLEAM-X reports it. It measures words, not truth.

    Args:
        answers: of a system.
        references: of the benchmark.
        encoder: of sentences; without one nothing is measured.
        language: two letters.

    Returns:
        NaN where there is no encoder, no text or no reference.
    """
    out = np.full(len(answers), math.nan)
    if encoder is None:
        return out
    known: dict[str, list[str]] = {}
    for item in references:
        if item.language == language and item.sentences:
            known.setdefault(item.item, []).append(" ".join(sentence.text for sentence in item.sentences))
    vectors: dict[str, Float[np.ndarray, " dim"]] = {}

    def vector(text: str) -> Float[np.ndarray, " dim"]:
        if text not in vectors:
            vectors[text] = encoder.encode([text])[0]
        return vectors[text]

    for i, answer in enumerate(answers):
        text = " ".join(sentence.text for sentence in answer.sentences.get(language, ()))
        if text and answer.item in known:
            out[i] = max(float(vector(text) @ vector(other)) for other in known[answer.item])
    return out


def _contradicts(sentence: Sentence, claims: Sequence[MatchClaim], position: dict[str, str]) -> bool:
    """Whether a sentence cites nothing that exists, or a number that none of its claims holds."""
    cited = [position[name] for name in sentence.claims if name in position]
    if not cited:
        # What sums up the whole cites what decided it; without any claim there is nothing to cite.
        return bool(claims) and bool(_NUMBER.search(sentence.text)) and not _sums_up(sentence)
    if _sums_up(sentence):
        return False
    found = check_sentences(f"{sentence.text} [{', '.join(cited)}]", claims)
    return any(problem in {OTHER_NUMBER, NO_CITATION} for item in found for problem in item.problems)


def _sums_up(sentence: Sentence) -> bool:
    """Whether a sentence states the probability of the whole, which is no value of a claim."""
    return "probab" in sentence.text.lower() or "概率" in sentence.text


def _content(told: Sequence[Sentence]) -> Counter[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Claims and numbers of each sentence, whatever the language."""
    return Counter((sentence.claims, tuple(sorted(_NUMBER.findall(sentence.text)))) for sentence in told)
