"""Files of published models: in folders of the user, in the hub's cache, or fetched when that is allowed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from whence.core.errors import ArtifactError, OptionError
from whence.core.optional import optional_import
from whence.encode.published import Origin

Report = Callable[[int, int, str], None]
"""Is told how many steps of how many are done, and what goes on."""

_BLOCK = 1 << 24
_PACKAGE = "geoclip"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file that a bundle is made from.

    Attributes:
        name: within its folder.
        size: bytes.
        sha256: hash of what was read.
        state: ``as published``, ``differs from the published file``, or ``no published hash``: taken as it is
            and written down.
    """

    name: str
    size: int
    sha256: str
    state: str


PUBLISHED, DIFFERS, UNKNOWN = "as published", "differs from the published file", "no published hash"


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one origin.

    Attributes:
        origin: what they are.
        folder: where they lie.
        records: of each, sorted by name.
        own: whether the user gave the folder.
    """

    origin: Origin
    folder: Path
    records: tuple[FileRecord, ...]
    own: bool

    @property
    def different(self) -> tuple[str, ...]:
        """Names of files whose published hash is known and is another."""
        return tuple(record.name for record in self.records if record.state == DIFFERS)

    def describe(self) -> dict[str, Any]:
        """As plain values, for the header of a bundle."""
        return {
            "what": self.origin.title,
            "revision": self.origin.revision,
            "from": "a folder given by the user" if self.own else "as published by its authors",
            "files": {r.name: {"sha256": r.sha256, "bytes": r.size, "state": r.state} for r in self.records},
        }


def locate_files(
    origin: Origin, folders: Sequence[Path], needed: Sequence[str], *, download: bool, report: Report | None = None
) -> Found:
    """Find the files of an origin and hash them.

    Given folders are searched first, each with its subfolders; without any, the hub's cache on this machine or an
    installed package; then, if allowed, the hub. What was fetched halfway is gone on with by the hub's own client.

    Args:
        origin: what is wanted.
        folders: of the user.
        needed: names or patterns that must be there; the rest is optional.
        download: whether the hub may be asked.
        report: is told how far the hashing is.

    Raises:
        OptionError: a given folder is none.
        ArtifactError: files are missing, or published ones have another hash; says how to get them.
    """
    for folder in folders:
        if not folder.is_dir():
            raise OptionError(f"{folder} is no folder. --from takes one that holds {needed[0]} and so on.")
    own = next((place for folder in folders for place in _and_below(folder) if _holds(place, needed)), None)
    if folders and own is None and not download:
        where = ", ".join(map(str, folders))
        wanted = ", ".join(one.replace("|", " or ") for one in needed)
        raise ArtifactError(f"{where}: here is not {origin.title}, which needs {wanted}. {_remedy(origin)}")
    place = own or _of_package(origin, needed) or _of_hub(origin, needed, download=download)
    if place is None or not _holds(place, needed):
        raise ArtifactError(f"There is no {origin.title.removeprefix('the ')} on this machine. {_remedy(origin)}")
    found = Found(origin, place, _records(origin, place, report), own is not None)
    if found.different and own is None:
        raise ArtifactError(
            f"{', '.join(found.different)} in {place} differs from what was published. Delete the folder and fetch it "
            "again; give the folder with --from if it holds weights of your own."
        )
    return found


def _remedy(origin: Origin) -> str:
    by_hand = f"fetch {', '.join(origin.files)} (those that are there) from {origin.address} into one folder and give"
    if origin.hub:
        return f"Allow it to be fetched with --download ({origin.size}), or {by_hand} it with --from FOLDER."
    return f"Install it ({origin.address}), or give a folder that holds {', '.join(origin.files)} with --from FOLDER."


def _and_below(folder: Path) -> Iterator[Path]:
    yield folder
    yield from sorted(item for item in folder.iterdir() if item.is_dir())


def _holds(folder: Path, needed: Sequence[str]) -> bool:
    names = [item.name for item in folder.iterdir() if item.is_file()]
    return all(any(fnmatchcase(name, pattern) for name in names for pattern in one.split("|")) for one in needed)


def _of_package(origin: Origin, needed: Sequence[str]) -> Path | None:
    """The folder of weights of an installed package, which is not imported."""
    if origin.hub:
        return None
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model" / "weights"
        if folder.is_dir() and _holds(folder, needed):
            return folder
    return None


def _of_hub(origin: Origin, needed: Sequence[str], *, download: bool) -> Path | None:
    """The folder of a repository in the hub's cache, filled first if that is allowed."""
    if not origin.hub:
        return None
    hub = optional_import("huggingface_hub", extra="towers", purpose="find models of the public hub")
    for revision in (origin.revision, None):
        try:
            place = Path(hub.snapshot_download(origin.hub, revision=revision, local_files_only=True))
        except (OSError, ValueError):  # not in the cache
            continue
        if _holds(place, needed):
            return place
    if not download:
        return None
    try:
        with _quiet_bars(hub):
            return Path(hub.snapshot_download(origin.hub, revision=origin.revision, allow_patterns=list(origin.files)))
    except Exception as error:  # the client has errors of its own, and those of the library that it speaks HTTP with
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise ArtifactError(
            f"{origin.title} cannot be fetched ({type(error).__name__}: {reason}). Run the same command again to go on "
            f"where it stopped, or fetch the files by hand from {origin.address} and give their folder with --from."
        ) from error


@contextmanager
def _quiet_bars(hub: Any) -> Iterator[None]:
    """The client's bars only where standard error is a terminal."""
    bars = hub.utils
    if sys.stderr.isatty() or bars.are_progress_bars_disabled():
        yield
        return
    bars.disable_progress_bars()
    try:
        yield
    finally:
        bars.enable_progress_bars()


def _records(origin: Origin, folder: Path, report: Report | None) -> tuple[FileRecord, ...]:
    paths = sorted(
        item
        for item in folder.iterdir()
        if item.is_file() and any(fnmatchcase(item.name, pattern) for pattern in origin.files)
    )
    total = sum(path.stat().st_size for path in paths)
    done, out = 0, []
    for path in paths:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    if report is not None:
                        report(done, total, f"checking {path.name}")
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from error
        known, hashed = origin.sha256.get(path.name), digest.hexdigest()
        state = UNKNOWN if known is None else PUBLISHED if known == hashed else DIFFERS
        out.append(FileRecord(path.name, path.stat().st_size, hashed, state))
    return tuple(out)
