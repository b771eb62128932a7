"""Free text about a match, held against its claims: what cites nothing, or says otherwise, is marked.

A sentence must end with the ids of its claims in brackets, ``[c3]`` or ``[c1, c4]``. The check reads ids, numbers and
words of agreement; it does not understand a sentence, so a supported one is one that nothing was found against.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from whence.crossview.types import MatchClaim
from whence.explain.match.words import formatted

_CITED = re.compile(r"[\[［【]\s*(c\d+(?:\s*[,，、;；]\s*c\d+)*)\s*[\]］】]", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_NUMBER = re.compile(r"(?<![\w.])[+−-]?\d[\d,]*(?:\.\d+)?(?![\w]*\d)")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)、])\s+")
_FOR = re.compile(
    r"\b(?:agree|agrees|consistent|matches|correspond|corresponds|supports?|same places?|confirms?)\b"
    r"|一致|相符|吻合|支持匹配|相同的地方",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:contradicts?|differ|differs|different|mismatch|inconsistent|disagrees?|against|absent|no|not|neither|nor)\b"
    r"|矛盾|不符|不同|不一致|反对|并不|没有|不匹配|不在",
    re.IGNORECASE,
)

NO_CITATION, UNKNOWN_CLAIM = "cites no claim", "cites an unknown claim"
OTHER_NUMBER, OTHER_VERDICT = "gives a number that its claims do not hold", "says otherwise than its claims"


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence of free text and whether the claims carry it.

    Attributes:
        text: as it was written, citations included.
        claims: ids that it cites and that exist.
        problems: what was found against it; empty if it is supported.
    """

    text: str
    claims: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether nothing was found against it."""
        return not self.problems


def check_sentences(text: str, claims: Sequence[MatchClaim]) -> tuple[CheckedSentence, ...]:
    """Split a text into sentences and check each against the claims that it cites.

    Args:
        text: English or Chinese.
        claims: of the explanation; ``c1`` is the first.
    """
    return tuple(_checked(part, claims) for part in split_sentences(text))


def split_sentences(text: str) -> list[str]:
    """Sentences of a text without the marks of lists; citations stay with the sentence before them."""
    parts: list[str] = []
    for part in (piece.strip() for line in text.splitlines() for piece in _END.split(_LIST_MARK.sub("", line))):
        lead = _CITED.match(part)
        while lead and parts:
            parts[-1] += f" {lead.group()}"
            part = part[lead.end() :].strip()
            lead = _CITED.match(part)
        if part.strip(".。 "):
            parts.append(part)
    return parts


def _checked(text: str, claims: Sequence[MatchClaim]) -> CheckedSentence:
    named = [ident.lower() for found in _CITED.findall(text) for ident in re.findall(r"c\d+", found, re.IGNORECASE)]
    known = tuple(dict.fromkeys(ident for ident in named if 1 <= int(ident[1:]) <= len(claims)))
    cited = [claims[int(ident[1:]) - 1] for ident in known]
    bare = _CITED.sub("", text)
    problems = []
    if not named:
        problems.append(NO_CITATION)
    if len(known) < len(set(named)):
        problems.append(UNKNOWN_CLAIM)
    if cited and not all(_is_held(number, cited) for number in _NUMBER.findall(bare)):
        problems.append(OTHER_NUMBER)
    if cited and _says_otherwise(bare, cited):
        problems.append(OTHER_VERDICT)
    return CheckedSentence(text, known, tuple(problems))


def _is_held(number: str, cited: Sequence[MatchClaim]) -> bool:
    """Tell whether a claim gives a number, rounded as the sentence has it, as it stands or as a percentage."""
    plain = number.replace(",", "").replace("−", "-").lstrip("+")
    decimals = len(plain.partition(".")[2])
    value, reach = float(plain), 0.5 * 10.0**-decimals + 1e-9
    for claim in cited:
        for name, shown in formatted(claim).items():
            raw = claim.values[name]
            held = [float(n.replace(",", "").replace("−", "-")) for n in _NUMBER.findall(shown)]
            if not isinstance(raw, str):
                held += [float(raw), 100.0 * float(raw)] if name.endswith("share") else [float(raw)]
            if any(abs(value - x) <= reach or abs(abs(value) - abs(x)) <= reach for x in held):
                return True
    return False


def _says_otherwise(text: str, cited: Sequence[MatchClaim]) -> bool:
    verdicts = {claim.verdict for claim in cited}
    against = bool(_AGAINST.search(text))
    agrees = bool(_FOR.search(text)) and not against
    return (agrees and "agrees" not in verdicts) or (against and verdicts == {"agrees"})
