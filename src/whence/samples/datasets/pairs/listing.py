"""Indexes of pair sets that are no tables: folders of pictures, lists by line, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whence.core.errors import InputError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes of pictures, small letters."""


def folders(below: Path, expected: str) -> list[Path]:
    """The folders in a folder, by name.

    Args:
        below: the folder.
        expected: the published layout, as the end of a message.

    Raises:
        InputError: it is not there, or holds no folder.
    """
    found = sorted(item for item in below.iterdir() if item.is_dir()) if below.is_dir() else []
    if not found:
        raise InputError(f"There is no index: {str(below)!r} is no folder, or holds none. {expected}")
    return found


def pictures(folder: Path) -> list[Path]:
    """The pictures in a folder, by name; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(item for item in folder.iterdir() if item.suffix.lower() in PICTURES)


def cells(path: Path, least: int, separator: str | None, expected: str) -> Iterator[tuple[list[str], str]]:
    """Yield the cells of each line of a list without a header, and where the line stands.

    Args:
        path: the list; empty lines are passed over.
        least: how many cells a line must have.
        separator: between cells; white space if ``None``.
        expected: the published layout, as the end of a message.

    Raises:
        InputError: the list is not there or unreadable, or a line has fewer cells.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                found = [cell.strip() for cell in line.strip().split(separator)]
                if not line.strip():
                    continue
                where = f"{path}, line {number}"
                if len(found) < least:
                    raise InputError(f"{where}: {len(found)} cells, at least {least} are expected. {expected}")
                yield found, where
    except FileNotFoundError:
        raise InputError(f"There is no index {str(path)!r}. {expected}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is no text in UTF-8 ({error}). {expected}") from error


def number(text: str, where: str) -> float:
    """A cell as a number.

    Raises:
        InputError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {text!r} is no number.") from None


def records(path: Path, required: tuple[str, ...], expected: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield the objects of a JSON list, and where each stands.

    Raises:
        InputError: the file is not there or holds something else, or an object lacks a key.
    """
    try:
        with path.open(encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        raise InputError(f"There is no index {str(path)!r}. {expected}") from None
    except ValueError as error:
        raise InputError(f"{path}: this is no JSON ({error}). {expected}") from error
    if not isinstance(found, list):
        raise InputError(f"{path}: a list of objects is expected, found {type(found).__name__}. {expected}")
    for position, item in enumerate(found, 1):
        where = f"{path}, entry {position}"
        lacking = [key for key in required if not isinstance(item, dict) or key not in item]
        if lacking:
            raise InputError(f"{where}: the entry lacks {', '.join(lacking)}. {expected}")
        yield item, where
