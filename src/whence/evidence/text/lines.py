"""`TextLine`: one line of text, with its script and its place in the picture."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from whence.evidence.types import Box

_SCRIPT_BY_NAME = {
    "LATIN": "Latn",
    "CYRILLIC": "Cyrl",
    "GREEK": "Grek",
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "GURMUKHI": "Guru",
    "GUJARATI": "Gujr",
    "ORIYA": "Orya",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "KANNADA": "Knda",
    "MALAYALAM": "Mlym",
    "SINHALA": "Sinh",
    "THAI": "Thai",
    "LAO": "Laoo",
    "KHMER": "Khmr",
    "MYANMAR": "Mymr",
    "TIBETAN": "Tibt",
    "GEORGIAN": "Geor",
    "ARMENIAN": "Armn",
    "ETHIOPIC": "Ethi",
    "HANGUL": "Hang",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
    "BOPOMOFO": "Bopo",
    "CJK": "Hani",
    "MONGOLIAN": "Mong",
    "THAANA": "Thaa",
    "TIFINAGH": "Tfng",
}


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text as it was read.

    Attributes:
        text: what it says, composed (NFC), single spaces.
        confidence: the reader's own, 0..1; 1 for text that a person typed.
        box: where in the picture, ``None`` for typed text.
        view: index of the view in the query.
    """

    text: str
    confidence: float = 1.0
    box: Box | None = None
    view: int = 0

    @property
    def script(self) -> str:
        """Most frequent script, ISO 15924 (``Kana`` for both Japanese syllabaries); ``Zyyy`` without letters."""
        return script_of(self.text)


@lru_cache(maxsize=8192)
def _script_of_letter(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return _SCRIPT_BY_NAME.get(name.split(" ")[0].split("-")[0], "Zyyy")


def script_counts(text: str) -> Counter[str]:
    """Count the letters of each script (combining marks and digits do not count)."""
    scripts = Counter(_script_of_letter(c) for c in text if c.isalpha())
    scripts.pop("Zyyy", None)
    return scripts


def script_of(text: str) -> str:
    """Most frequent script of a text; ties go to the first in alphabetical order."""
    counts = script_counts(text)
    return min(counts, key=lambda s: (-counts[s], s)) if counts else "Zyyy"


_GREEK_LOOKALIKES = str.maketrans("ABEZHIKMNOPTYXovu", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονυ")


def _in_greek(word: str) -> str:
    """A word with a Greek letter whose other letters all look like Greek ones, in Greek throughout."""
    greek = any("\u0370" <= c <= "\u03ff" for c in word)
    latin = [c for c in word if c.isascii() and c.isalpha()]
    return word.translate(_GREEK_LOOKALIKES) if greek and all(ord(c) in _GREEK_LOOKALIKES for c in latin) else word


def clean(text: str) -> str:
    """Compose (NFC), drop control characters, join runs of white space, and keep Greek words in Greek letters."""
    plain = "".join(" " if c.isspace() else c for c in text)
    plain = "".join(c for c in plain if unicodedata.category(c)[0] != "C")
    return " ".join(_in_greek(word) for word in unicodedata.normalize("NFC", plain).split())


def letters(text: str) -> int:
    """Number of letters."""
    return sum(c.isalpha() for c in text)


def typed_lines(text: str, limit: int) -> tuple[TextLine, ...]:
    """Split a text that a person typed into lines without boxes, at most ``limit`` of them."""
    found = []
    for raw in text.splitlines():
        if line := clean(raw)[:500]:
            found.append(TextLine(line))
        if len(found) >= limit:
            break
    return tuple(found)


def union_box(boxes: Iterable[Box | None]) -> Box | None:
    """Smallest box around several, ``None`` if there is none."""
    known = [box for box in boxes if box is not None]
    if not known:
        return None
    return Box(
        min(b.left for b in known),
        min(b.top for b in known),
        max(b.right for b in known),
        max(b.bottom for b in known),
    )
