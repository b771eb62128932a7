"""`MatchExplanation`: why a match is one, or is none, as data; and the sentences that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whence.core.errors import unknown_name
from whence.crossview.types import Match, MatchClaim

NOT_MEASURED = "not measured"
"""What stands where a test was not made."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the claims that it says.

    Attributes:
        text: in one language.
        claims: their ids, such as ``c3``; a sentence on the match as a whole cites what decided it.
    """

    text: str
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchFaithfulness:
    """What masking the cited pixels of the query does to the match, against masking others.

    Attributes:
        whole: log-odds of the match with the query as it is.
        masked: log-odds without the cited pixels.
        controls: log-odds without as many other pixels, one for each trial.
        masked_share: share of the query that was masked.
    """

    whole: float
    masked: float
    controls: tuple[float, ...]
    masked_share: float

    @property
    def drop(self) -> float:
        """By how much the log-odds fall when the cited pixels are masked."""
        return self.whole - self.masked

    @property
    def control_drop(self) -> float:
        """By how much they fall on average when others are masked."""
        return self.whole - sum(self.controls) / len(self.controls)

    @property
    def holds(self) -> bool:
        """Whether the cited pixels matter more than others."""
        return self.drop > self.control_drop


@dataclass(frozen=True, eq=False)
class MatchExplanation:
    """Why a match was accepted or rejected.

    Attributes:
        match: what is explained.
        claims: those of geometry first, then of appearance, layout and concepts; ``c1`` is the first.
        words: the claims as sentences, by language.
        tests: how many tests of appearance were made; 0 where the pictures could not be laid together.
        concepts: whether concepts of both pictures were compared.
        faithfulness: the masking test; ``None`` if it was not made.
    """

    match: Match
    claims: tuple[MatchClaim, ...]
    words: Mapping[str, tuple[Sentence, ...]] = field(default_factory=dict)
    tests: int = 0
    concepts: bool = False
    faithfulness: MatchFaithfulness | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the claims, in order."""
        return tuple(f"c{number}" for number in range(1, len(self.claims) + 1))

    def claim(self, ident: str) -> MatchClaim:
        """The claim of an id.

        Raises:
            OptionError: there is none.
        """
        if ident not in self.ids:
            raise unknown_name("claim of this match", ident, self.ids)
        return self.claims[int(ident[1:]) - 1]

    def text(self, language: str = "en") -> str:
        """The sentences of a language, one after another.

        Raises:
            OptionError: the explanation was not written in that language.
        """
        if language not in self.words:
            raise unknown_name("language of this explanation", language, self.words)
        return ("" if language == "zh" else " ").join(sentence.text for sentence in self.words[language])
