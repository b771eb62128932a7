"""Bundles: models as a folder of plain parts with one header, never pickle.

```
my_model/
├── bundle.json          schema, name, card, preprocessing, concepts, calibration, configuration, hash of every part
├── basis.npy            arrays
├── image.onnx           graphs, run by ONNX Runtime
└── weights.safetensors  weights for training on (optional)
```

A bundle is written whole or not at all, and every part is checked against its hash when it is loaded.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from whence.core.bundle_header import BUNDLE_SCHEMA, HEADER, NAME, BundleHeader
from whence.core.errors import ArtifactError, OptionError, unknown_name
from whence.core.folders import MODELS_VARIABLE, model_folders
from whence.core.threads import usual_threads
from whence.core.version import __version__

__all__ = ["Bundle", "BundleHeader", "find_bundle", "list_bundles", "load_bundle", "open_session", "write_bundle"]


@final
@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was loaded and found whole.

    Attributes:
        folder: where it lies.
        header: what it says of itself.
    """

    folder: Path
    header: BundleHeader
    _sessions: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over header and parts, hexadecimal: equal for equal bundles wherever they lie."""
        return hashlib.sha256(self.header.to_json().encode()).hexdigest()

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of its arrays."""
        return self._named(".npy")

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of its graphs."""
        return self._named(".onnx")

    def array(self, name: str) -> np.ndarray:
        """Return an array, mapped from its file and read-only.

        Raises:
            ArtifactError: there is none of this name.
        """
        return _open_array(self.path(name, ".npy"))

    def session(self, name: str, threads: int = 0) -> Any:
        """Return the ONNX Runtime session of a graph; made once, then shared (running it is thread-safe).

        Args:
            name: of the graph.
            threads: it computes with; 0 for as many as ``OMP_NUM_THREADS`` allows, else one a core, four at most.

        Raises:
            ArtifactError: there is no graph of this name, or it cannot be run.
        """
        path = self.path(name, ".onnx")
        with self._lock:
            if name not in self._sessions:
                self._sessions[name] = open_session(path, threads)
            return self._sessions[name]

    def path(self, name: str, suffix: str) -> Path:
        """Path of a part.

        Raises:
            ArtifactError: there is none of this name.
        """
        if name + suffix not in self.header.parts:
            there = ", ".join(sorted(self.header.parts)) or "none"
            raise ArtifactError(f"The bundle {self.folder} has no part {name + suffix}. Its parts: {there}.")
        return self.folder / (name + suffix)

    def _named(self, suffix: str) -> tuple[str, ...]:
        return tuple(sorted(part.removesuffix(suffix) for part in self.header.parts if part.endswith(suffix)))


def write_bundle(
    folder: Path | str,
    header: BundleHeader,
    arrays: Mapping[str, np.ndarray],
    graphs: Mapping[str, bytes],
    *,
    tensors: Mapping[str, bytes] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle, whole or not at all.

    Args:
        folder: to be made; its parents are made too.
        header: its card; ``parts``, ``created`` and ``whence`` are filled in.
        arrays: by name (``basis`` becomes ``basis.npy``).
        graphs: ONNX models by name.
        tensors: safetensors files by name.
        overwrite: replace a bundle that is there; anything else is never replaced.

    Returns:
        The bundle, loaded again and checked.

    Raises:
        OptionError: something lies at ``folder``, or a name that is none.
        ArtifactError: an incomplete header, or an array of objects.
    """
    folder = Path(folder)
    contents = {
        **{name + ".npy": _array_bytes(name, array) for name, array in arrays.items()},
        **{name + ".onnx": data for name, data in graphs.items()},
        **{name + ".safetensors": data for name, data in (tensors or {}).items()},
    }
    parts = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in contents.items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    header = replace(header, parts=dict(sorted(parts.items())), created=now, whence=__version__, schema=BUNDLE_SCHEMA)
    header.check(f"The bundle {header.name!r}")
    text = header.to_json()
    if folder.exists() and not (overwrite and (folder / HEADER).is_file()):
        remedy = "Give another name, or say that it is to be replaced." if (folder / HEADER).is_file() else ""
        raise OptionError(f"{folder} is there already and is left as it is. {remedy}".rstrip())
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        for name, data in {**contents, HEADER: text.encode()}.items():
            _write(partial / name, data)
        partial.chmod(0o755)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return load_bundle(folder)


def load_bundle(folder_or_name: Path | str) -> Bundle:
    """Load a bundle and check every part of it.

    Args:
        folder_or_name: a folder, or the name of one in `whence.core.folders.model_folders`.

    Raises:
        OptionError: there is no such bundle; the nearest name is suggested.
        ArtifactError: it is damaged, or of another version; says what differs.
    """
    folder = find_bundle(folder_or_name)
    where = f"The bundle {folder}"
    try:
        text = (folder / HEADER).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{where}: {HEADER} cannot be read ({error.strerror}).") from error
    header = BundleHeader.from_json(text, where)
    for name, entry in header.parts.items():
        _check_part(folder / name, entry, where)
        if name.endswith(".npy"):
            _open_array(folder / name)
    return Bundle(folder, header)


def find_bundle(folder_or_name: Path | str) -> Path:
    """Return the folder of a bundle without reading it.

    Raises:
        OptionError: there is none; the nearest name is suggested.
    """
    path = Path(folder_or_name).expanduser()
    if (path / HEADER).is_file():
        return path
    known = list_bundles()
    name = str(folder_or_name)
    if name in known:
        return known[name]
    if not known:
        raise OptionError(
            f"There is no bundle {name!r}: no such folder, and no bundles lie in "
            f"{', '.join(str(place) for place in model_folders())}. Give the folder of one, or set {MODELS_VARIABLE}."
        )
    raise unknown_name("bundle (nor a folder of one)", name, known)


def list_bundles() -> dict[str, Path]:
    """Return the bundles that can be called by name, and where they lie; of two of one name the first is meant."""
    found: dict[str, Path] = {}
    for place in model_folders():
        for folder in _subfolders(place):
            if NAME.fullmatch(folder.name) and (folder / HEADER).is_file():
                found.setdefault(folder.name, folder)
    return dict(sorted(found.items()))


def _subfolders(place: Path) -> Iterator[Path]:
    try:
        yield from sorted(place.iterdir())
    except OSError:
        return


# ------------------------------------------------------------------------------------------------ checks


def _check_part(path: Path, entry: Mapping[str, Any], where: str) -> None:
    remedy = "Export or fetch the bundle again."
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ArtifactError(f"{where}: {path.name} has {size} bytes, the header says {entry['bytes']}. {remedy}")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise ArtifactError(f"{where}: the part {path.name} is missing. {remedy}") from error
    except OSError as error:
        raise ArtifactError(f"{where}: the part {path.name} cannot be read ({error.strerror}). {remedy}") from error
    if found != entry["sha256"]:
        said = str(entry["sha256"])[:12]
        raise ArtifactError(f"{where}: {path.name} has the hash {found[:12]}…, the header says {said}…. {remedy}")


def _open_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ArtifactError(f"{path} holds no plain array ({error}); pickled objects are never read.") from error


# ------------------------------------------------------------------------------------------------ writing, running


def _array_bytes(name: str, array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    try:
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    except ValueError as error:
        raise ArtifactError(f"The array {name!r} of type {array.dtype} cannot be a part: numbers only.") from error
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename the finished folder to its name; a bundle that is there is set aside until that is done."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    folder.rename(aside / folder.name)
    try:
        partial.rename(folder)
    except BaseException:
        (aside / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def open_session(path: Path, threads: int = 0) -> Any:
    """Return an ONNX Runtime session of a graph, on the CPU.

    Args:
        path: of the graph.
        threads: as in `Bundle.session`.

    Raises:
        ArtifactError: the graph cannot be run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = threads or usual_threads(), 1
    # Threads that wait busily double the time where other programs want the processor too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has its own tree of errors, without a common root
        raise ArtifactError(f"ONNX Runtime {onnxruntime.__version__} cannot run {path}: {error}") from error
