"""The bytes of a picture from wherever the user has it, read once and never written."""

from __future__ import annotations

import difflib
import stat
from pathlib import Path
from typing import IO

from whence.core.errors import ImageError
from whence.samples.limits import ReadLimits


def nearest_name(path: Path) -> str:
    """The end of a sentence that proposes the most similar name in the folder of a missing path, or empty."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())[:10_000]
    except OSError:
        return f" The folder {str(path.parent)!r} does not exist either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f" Did you mean {str(path.parent / near[0])!r}?" if near else ""


def read_path(path: Path, limits: ReadLimits) -> bytes:
    """Read a regular file within the limits.

    Raises:
        ImageError: the path does not exist, is no regular file or cannot be read.
        ImageTooLargeError: it is larger than allowed (checked before it is read).
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{path}: this is a folder. Give a picture, or list its pictures with find_pictures.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: this is a device or pipe, not a file. Give its content as a file object.")
        limits.check_bytes(status.st_size, str(path))
        with path.open("rb") as file:
            return read_file(file, str(path), limits)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: there is no such file.{nearest_name(path)}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"{path}: the file cannot be read ({reason}). Check its name and permissions.") from error


def read_file(file: IO[bytes], name: str, limits: ReadLimits) -> bytes:
    """Read a binary file object from where it stands, within the limits.

    Raises:
        ImageError: it gives text instead of bytes, nothing, or fails.
        ImageTooLargeError: it gives more than allowed.
    """
    try:
        data = file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: reading failed ({error}). Open the file again and retry.") from error
    if not isinstance(data, bytes):
        raise ImageError(f"{name}: the file object gives {type(data).__name__}; open it in binary mode ('rb').")
    limits.check_bytes(len(data), name)
    return data
