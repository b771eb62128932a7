"""`FeatureStore`: local features of references, kept beside the set so that they are found once and not for each query.

```
my_set/features/
└── 5b0c…/              what they were made from: sources with their stamps, and the layout of the files
    └── 81d2….features  one square at one size by one encoder
```

All of it can be removed at any time. A file that is broken or of something else counts as none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import final

import numpy as np

from whence.core.config import fingerprint
from whence.crossview.references.header import Header
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.encode.local.picking import rooted
from whence.encode.local.types import LocalEncoder, LocalFeatures

FOLDER = "features"
"""Name of their folder in a set."""

LAYOUT = "whence.features/1"
"""Of the files; another one finds none of them."""

_SUFFIX, _PARTIAL = ".features", ".part"
_HASH_BYTES = 16
_FULL = 0.9
"""Down to this share of what is allowed the oldest go, so that not every file that comes moves one out."""

_PLAIN = ("xy_px", "score", "scale_px", "angle_deg")


@dataclass(frozen=True, eq=False)
class Kept:
    """Features of a square, and what tells its picture.

    Attributes:
        features: as the encoder made them.
        digest: hash of the picture's pixels.
    """

    features: LocalFeatures
    digest: str


@dataclass(frozen=True, slots=True)
class Held:
    """How much a set holds.

    Attributes:
        files: how many squares, sizes and encoders.
        bytes: their size.
    """

    files: int
    bytes: int


@final
class FeatureStore:
    """Features of references in a folder of a set; may be asked from several threads and processes.

    What cannot be written (a set that is read-only, a full disk) is not kept, without an error.

    Args:
        set_folder: of the set.
        header: of the set; its sources say which pictures there are.
        most_bytes: so much is kept, what was asked for longest ago goes; 0 keeps nothing.

    Attributes:
        lost: whether something had to go, or could not be written.
    """

    def __init__(self, set_folder: Path, header: Header, most_bytes: int) -> None:
        made = [(source.path, source.stamp, source.opening, source.server) for source in header.sources]
        self._root, self._most = set_folder / FOLDER, most_bytes
        self._folder = self._root / fingerprint(LAYOUT, made)
        self._writes, self._bytes = most_bytes > 0, -1
        self.lost = False
        self._lock = threading.Lock()

    def get(self, where: GeoReference, scale: float, encoder: LocalEncoder) -> Kept | None:
        """What is kept of a square; ``None`` if nothing, or nothing that can be read.

        Args:
            where: the square and its pixels.
            scale: factor from these pixels to those of the features.
            encoder: of the features.
        """
        if not encoder.version or not self._most:
            return None
        path = self._path(where, scale, encoder)
        try:
            found = _unpacked(path.read_bytes())
        except OSError:
            return None
        if found is not None and self._writes:
            self._touch(path)
        return found

    def put(self, patch: Patch, scale: float, encoder: LocalEncoder, features: LocalFeatures) -> None:
        """Keep the features of a patch; whole or not at all.

        Args:
            patch: the square.
            scale: factor from its pixels to those of the features.
            encoder: of the features.
            features: in pixels of the patch times ``scale``.
        """
        if not encoder.version or not self._writes:
            return
        path = self._path(patch.georeference, scale, encoder)
        partial = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = _packed(features, patch)
            handle, partial = tempfile.mkstemp(suffix=_PARTIAL, dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(partial).chmod(0o644)
            Path(partial).replace(path)
            self._count(len(content))
        except OSError:
            self._writes, self.lost = False, True
            if partial:
                Path(partial).unlink(missing_ok=True)

    def _path(self, where: GeoReference, scale: float, encoder: LocalEncoder) -> Path:
        return self._folder / (fingerprint(where, scale, encoder.NAME, encoder.version) + _SUFFIX)

    def _touch(self, path: Path) -> None:
        """Count as asked for now."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return  # another process took it out
        except OSError:
            self._writes = False

    def _count(self, fresh: int) -> None:
        """Add a file to what is there, and take the oldest out if that is too much."""
        with self._lock:
            if self._bytes < 0:
                self._bytes = held(self._root.parent).bytes
            else:
                self._bytes += fresh
            if self._bytes <= self._most:
                return
            self.lost = True
            files = [(told.st_mtime_ns, told.st_size, path) for path, told in _files(self._root)]
            left = sum(size for _, size, _ in files)
            for _, size, path in sorted(files, key=lambda item: item[0]):
                if left <= _FULL * self._most:
                    break
                path.unlink(missing_ok=True)
                left -= size
            self._bytes = left


def held(set_folder: Path) -> Held:
    """How much a set holds."""
    sizes = [told.st_size for _, told in _files(set_folder / FOLDER)]
    return Held(len(sizes), sum(sizes))


def forget_features(set_folder: Path) -> None:
    """Remove all that a set holds."""
    shutil.rmtree(set_folder / FOLDER, ignore_errors=True)


def digest_of(patch: Patch) -> str:
    """Hash of the pixels of a patch and of which hold data."""
    digest = hashlib.blake2b(np.ascontiguousarray(patch.pixels).data, digest_size=16)
    digest.update(np.packbits(patch.valid).tobytes())
    return digest.hexdigest()


def _files(root: Path) -> list[tuple[Path, os.stat_result]]:
    """What lies there, and what was left unfinished."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            try:
                found.append((path, path.stat()))
            except OSError:  # gone meanwhile
                continue
    return found


def _packed(features: LocalFeatures, patch: Patch) -> bytes:
    """What is written: a hash, and behind it an ``npz`` of numbers as small as keeps them exactly as they are."""
    out = {name: _small(getattr(features, name)) for name in _PLAIN if getattr(features, name) is not None}
    exact = features.histograms is not None and np.array_equal(rooted(features.histograms), features.descriptors)
    name, values = ("histograms", features.histograms) if exact else ("descriptors", features.descriptors)
    out[name] = np.asarray(values)
    out["size_px"] = np.array(features.size_px, np.int64)
    out["digest"] = np.array(digest_of(patch))
    content = BytesIO()
    np.savez(content, allow_pickle=False, **out)
    return _hash(content.getvalue()) + content.getvalue()


def _unpacked(content: bytes) -> Kept | None:
    """What `_packed` wrote; ``None`` for anything else."""
    if content[:_HASH_BYTES] != _hash(content[_HASH_BYTES:]):
        return None
    with np.load(BytesIO(content[_HASH_BYTES:]), allow_pickle=False) as parts:
        read = {name: parts[name] for name in parts.files}
    plain = {name: read[name].astype(np.float64) for name in _PLAIN if name in read}
    histograms = read.get("histograms")
    features = LocalFeatures(
        descriptors=read["descriptors"] if histograms is None else rooted(histograms),
        size_px=(int(read["size_px"][0]), int(read["size_px"][1])),
        histograms=histograms,
        **plain,
    )
    return Kept(features, str(read["digest"]))


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).digest()


def _small(values: np.ndarray) -> np.ndarray:
    single = values.astype(np.float32)
    return single if np.array_equal(single.astype(np.float64), values) else values
