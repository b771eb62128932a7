"""Finds pictures in files, folders and glob patterns, always in the same order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from whence.core.errors import InputError
from whence.samples.source import nearest_name

_ENDINGS = (
    "jpg jpeg jpe jfif mpo png apng webp tif tiff heic heif hif avif dng gif bmp jp2 j2k jpx nef cr2 arw pef srw nrw"
)
EXTENSIONS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""Endings by which a picture is recognised in a folder or by a pattern (case does not matter)."""

_PATTERN = frozenset("*?[")


def find_pictures(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, recursive: bool = True
) -> Iterator[Path]:
    """Yield the pictures that paths stand for, each once, in the order of the paths and sorted within each.

    A file that is named is yielded whatever it is called. A folder gives the files with one of `EXTENSIONS`,
    a glob pattern (``*``, ``?``, ``[…]``, ``**``) the files and folders that it matches. Hidden files and
    folders are skipped unless they are named.

    Args:
        paths: one or more files, folders or patterns.
        recursive: whether to go into the folders inside folders.

    Raises:
        InputError: a path does not exist (the nearest name is proposed), a pattern matches nothing or a
            folder cannot be read. Raised when the iteration reaches it.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    seen: set[str] = set()
    for item in given:
        for path in _expanded(os.fspath(item), recursive):
            key = os.path.realpath(path)
            if key not in seen:
                seen.add(key)
                yield path


def _expanded(item: str, recursive: bool) -> Iterator[Path]:
    path = Path(item)
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:
        raise InputError(f"The path {item!r} cannot be used ({error}). Check its name.") from error
    if is_folder:
        yield from _in_folder(path, recursive)
    elif exists:
        yield path
    elif _PATTERN & set(item):
        matches = sorted(glob.glob(item, recursive=recursive))  # noqa: PTH207 (absolute patterns)
        if not matches:
            raise InputError(f"The pattern {item!r} matches nothing. Check it, or name a folder instead.")
        for match in map(Path, matches):
            if match.is_dir():
                if "**" not in item:
                    yield from _in_folder(match, recursive)
            elif match.suffix.casefold() in EXTENSIONS:
                yield match
    else:
        raise InputError(f"There is no file or folder {item!r}.{nearest_name(path)}")


def _in_folder(folder: Path, recursive: bool) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"The folder {str(folder)!r} cannot be read ({error.strerror}).") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            # A link to a folder is not followed: it could lead back up and never end.
            if recursive and not entry.is_symlink():
                yield from _in_folder(entry, recursive)
        elif entry.suffix.casefold() in EXTENSIONS and entry.is_file():
            yield entry
