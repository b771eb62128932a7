"""Places with their embeddings in a folder: encoded once, mapped into memory, searched exactly.

```
my_gallery/
├── gallery.json    schema, who made it, size and hash of every part
├── places.npy      latitude and longitude, float64 [n, 2]
└── …               embeddings and what they are searched with (`whence.gallery.exact`)
```
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import ArtifactError, OptionError
from whence.core.version import __version__
from whence.gallery.exact import PARTS, ExactRows, open_mapped, write_rows

GALLERY_SCHEMA = 1
"""Version of the format that this code reads."""

HEADER = "gallery.json"


@runtime_checkable
class PlaceModel(Protocol):
    """What embeds places, for example `whence.encode.bundled.AlignmentModel`."""

    def embed_places(self, lat_deg: Any, lon_deg: Any) -> Float[np.ndarray, "n d"]:
        """Embeddings of places."""


@dataclass(frozen=True)
class Neighbours:
    """The best places for each query, the best first; of equal ones the first in the gallery.

    Attributes:
        rows: of the gallery.
        scores: products of query and embedding.
        lat_deg: latitudes.
        lon_deg: longitudes.
    """

    rows: Int[np.ndarray, "q k"]
    scores: Float[np.ndarray, "q k"]
    lat_deg: Float[np.ndarray, "q k"]
    lon_deg: Float[np.ndarray, "q k"]


@final
class Gallery:
    """Places and their embeddings in a folder; see `build` and `open`.

    Attributes:
        folder: where it lies.
        made_by: what its maker wrote of the model, for example a bundle's hash.
        rows: embeddings, mapped and read-only.
        lat_deg: latitudes.
        lon_deg: longitudes.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any], threads: int = 0) -> None:
        """Map the parts of a folder whose header was read; use `open`."""
        self.folder, self.made_by = folder, str(header["made_by"])
        self._header = header
        self._exact = ExactRows(folder, float(header["longest"]), threads)
        self.rows = self._exact.rows
        self.lat_deg, self.lon_deg = np.array(open_mapped(folder / "places.npy")).T

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def build(
        model: PlaceModel,
        lat_deg: Float[np.ndarray, " n"],
        lon_deg: Float[np.ndarray, " n"],
        folder: Path | str,
        *,
        made_by: str = "",
    ) -> Gallery:
        """Encode places and write the gallery, whole or not at all.

        Args:
            model: embeds the places.
            lat_deg: latitudes.
            lon_deg: longitudes.
            folder: to be made.
            made_by: told of the model, so that `open` can tell whether it is the same.

        Raises:
            OptionError: something lies at ``folder``, no places, too many, or embeddings that are not finite.
            CoordinateError: a place that is none.
        """
        folder = Path(folder)
        if folder.exists():
            raise OptionError(f"{folder} is there already and is left as it is. Give another name.")
        if lat_deg.size == 0 or lat_deg.shape != lon_deg.shape:
            raise OptionError(f"A gallery needs places, received {lat_deg.size} latitudes, {lon_deg.size} longitudes.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            header = _write_parts(model, np.stack([lat_deg, lon_deg], axis=1).astype(np.float64), partial)
            parts = {path.name: _told(path) for path in sorted(partial.iterdir())}
            now = datetime.now(UTC).isoformat(timespec="seconds")
            table = {"schema": GALLERY_SCHEMA, "made_by": made_by, "created": now, "whence": __version__, **header}
            (partial / HEADER).write_text(json.dumps({**table, "parts": parts}, indent=1) + "\n", encoding="utf-8")
            partial.chmod(0o755)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return Gallery.open(folder)

    @staticmethod
    def open(folder: Path | str, *, made_by: str | None = None, threads: int = 0) -> Gallery:
        """Open a gallery: header, sizes of the parts and their shapes are checked, hashes by `verify`.

        Args:
            folder: of the gallery.
            made_by: what it must have been made by, if given.
            threads: of ONNX Runtime; 0 for the usual number (`whence.core.bundle.Bundle.session`).

        Raises:
            ArtifactError: no gallery, a damaged one, or one of another version or model.
        """
        folder = Path(folder)
        header = _read_header(folder)
        for name, part in header["parts"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != part["bytes"]:
                raise ArtifactError(f"The gallery {folder}: {name} is missing or cut short. Build it again.")
        if made_by is not None and header["made_by"] != made_by:
            raise ArtifactError(
                f"The gallery {folder} was made by {header['made_by']!r}, asked for is {made_by!r}. Build it again."
            )
        return Gallery(folder, header, threads)

    def verify(self) -> None:
        """Compare every part with its hash.

        Raises:
            ArtifactError: one differs.
        """
        for name, part in self._header["parts"].items():
            if _told(self.folder / name) != part:
                raise ArtifactError(f"The gallery {self.folder}: {name} is damaged. Build it again.")

    def top(self, queries: Float[np.ndarray, "q d"], k: int = 5) -> Neighbours:
        """Find the best places for each query, exactly.

        Args:
            queries: embeddings of pictures.
            k: how many.

        Raises:
            OptionError: queries of another length or not finite, or ``k`` out of range.
        """
        rows, scores = self._exact.top(queries, k)
        return Neighbours(rows, scores, self.lat_deg[rows], self.lon_deg[rows])


# ------------------------------------------------------------------------------------------------ reading, writing


def _read_header(folder: Path) -> dict[str, Any]:
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        known = header["schema"]
        parts = {str(name): (int(part["bytes"]), str(part["sha256"])) for name, part in header["parts"].items()}
        float(header["longest"]), str(header["made_by"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{folder} holds no gallery that can be read ({error}). Build one there.") from error
    if known != GALLERY_SCHEMA:
        raise ArtifactError(f"The gallery {folder} is of schema {known!r}, this version reads {GALLERY_SCHEMA}.")
    missing = {*PARTS, "places.npy"} - parts.keys()
    if missing:
        raise ArtifactError(f"The gallery {folder} lacks {', '.join(sorted(missing))}. Build it again.")
    return dict(header)


def _told(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_parts(model: PlaceModel, places: Float[np.ndarray, "n 2"], folder: Path) -> dict[str, Any]:
    """Encode places part by part into the files; returns what the header tells of them."""
    count, dim = len(places), model.embed_places(places[:1, 0], places[:1, 1]).shape[1]

    def rows_of(start: int, end: int) -> Float[np.ndarray, "n d"]:
        return model.embed_places(places[start:end, 0], places[start:end, 1])

    longest = write_rows(folder, count, dim, rows_of)
    np.save(folder / "places.npy", places)
    return {"rows": count, "dim": dim, "longest": longest}
