"""Tesseract, where it is installed: a second reader for scripts that the main one does not know."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

from whence.evidence.text.lines import TextLine, clean, letters, script_of

_TIMEOUT_S = 4.0
_OTHER_SCRIPTS = {  # script packs are named with their folder or without it, as the installation has them
    "rus", "ukr", "bel", "bul", "srp", "mkd", "kaz", "kir", "mon", "tgk",
    "ell", "ara", "fas", "urd", "pus", "heb", "yid", "hin", "mar", "nep", "ben", "asm", "pan", "guj", "ori",
    "tam", "tel", "kan", "mal", "sin", "tha", "lao", "khm", "mya", "bod", "kat", "hye", "amh", "kor",
    "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali",
    "Thai", "Hangul", "Tamil", "Telugu", "Georgian", "Armenian",
    "Khmer", "Lao", "Myanmar", "Sinhala", "Ethiopic", "Kannada",
    "Malayalam", "Gujarati", "Gurmukhi", "Oriya",
}  # fmt: skip


@lru_cache(maxsize=1)
def installed_languages() -> tuple[str, ...]:
    """Language packs of the tesseract on the path; empty without one."""
    program = shutil.which("tesseract")
    if program is None:
        return ()
    try:
        out = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(sorted(line.strip() for line in out.stdout.splitlines()[1:] if line.strip()))


def extra_languages() -> tuple[str, ...]:
    """Installed packs for scripts that the main reader does not know."""
    return tuple(pack for pack in installed_languages() if pack.removeprefix("script/") in _OTHER_SCRIPTS)


def read_box(pixels: UInt8[np.ndarray, "height width 3"], line: TextLine) -> TextLine | None:
    """Read the box of a line again.

    Args:
        pixels: the whole picture.
        line: what the main reader made of it, with its box.

    Returns:
        The line as tesseract reads it, if it holds at least three letters of another script than Latin or
        Chinese and Japanese ones, else ``None``. ``None`` too when tesseract fails or takes too long.
    """
    packs = extra_languages()
    if line.box is None or not packs:
        return None
    from PIL import Image

    height, width = pixels.shape[:2]
    margin = 0.15 * (line.box.bottom - line.box.top)
    top, bottom = int((line.box.top - margin) * height), int((line.box.bottom + margin) * height) + 1
    left, right = int(line.box.left * width) - 2, int(line.box.right * width) + 3
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    if min(part.shape[:2]) < 8:
        return None
    image = Image.fromarray(part).convert("L")
    image = image.resize((max(round(image.width * 64 / image.height), 1), 64), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG")
    command = ["tesseract", "stdin", "stdout", "--psm", "7", "-l", "+".join(packs), "tsv"]
    try:
        out = subprocess.run(command, input=file.getvalue(), capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _parsed(out.stdout.decode("utf-8", "replace"), line)


def _parsed(tsv: str, line: TextLine) -> TextLine | None:
    """Words of tesseract's table joined to one line; its confidence is the mean over words, 0..1."""
    words, scores = [], []
    for row in csv.DictReader(io.StringIO(tsv), delimiter="\t", quoting=csv.QUOTE_NONE):
        word = (row.get("text") or "").strip()
        try:
            score = float(row.get("conf") or -1.0)
        except ValueError:
            continue
        if word and score >= 0.0:
            words.append(word)
            scores.append(score)
    text = clean(" ".join(words))
    if letters(text) < 3 or script_of(text) in {"Latn", "Hani", "Kana", "Zyyy"}:
        return None
    return replace(line, text=text, confidence=float(np.mean(scores)) / 100.0)
