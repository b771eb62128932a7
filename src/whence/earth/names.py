"""One form for place names in which case, accents and punctuation do not matter, for all scripts."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ŧ": "t", "ё": "е"}
)
"""Letters that stand for others without decomposing; also ``ё``, which Russian prints as ``е``."""

_NOT_WORD = re.compile(r"[\W_]+")
_PLAIN_ASCII = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")


def normalise_name(name: str) -> str:
    """Return a name in the form that lookups compare.

    Case is folded; diacritics of Latin and Greek letters are dropped, those of other scripts kept (``й`` is not
    ``и``); runs of punctuation and blanks become one blank. ``Saint-Étienne`` becomes ``saint etienne``,
    ``ΑΘΗΝΑ`` and ``Αθήνα`` become the same. Compatibility forms (full width, ligatures) become plain.
    """
    folded = name.casefold()
    if _PLAIN_ASCII.fullmatch(folded):
        return folded
    kept: list[str] = []
    bare = False
    for char in unicodedata.normalize("NFKD", folded):
        if unicodedata.combining(char):
            if not bare:
                kept.append(char)
        else:
            bare = _loses_marks(char)
            kept.append(char)
    text = unicodedata.normalize("NFC", "".join(kept).casefold()).translate(_LETTERS)
    if text.isascii():
        return _NOT_WORD.sub(" ", text).strip()
    words = ""
    for char in text:
        orphan = unicodedata.combining(char) and words[-1:] in {"", " "}  # a mark whose letter is gone
        words += char if _is_word(char) and not orphan else " "
    return " ".join(words.split())


def _loses_marks(char: str) -> bool:
    """Latin and Greek, with their extensions."""
    return char < "\u0400" or "\u1d00" <= char < "\u2000" or "\u2c60" <= char < "\u2c80"


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"
