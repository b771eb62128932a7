"""Places with their embeddings in a folder: encoded once, mapped into memory, searched exactly.

```
my_gallery/
├── gallery.json    schema, who made it, size and hash of every part
├── rows.npy        embeddings, float32 [n, d]: only those that are compared in full are ever read
├── codes.npy       the same in eight bits, [d, n] (`whence.gallery.codes`)
├── bounds.npy      scale of each row's codes and length of what they lose, float32 [2, n]
├── places.npy      latitude and longitude, float64 [n, 2]
└── product.onnx    the graph that multiplies queries with the codes
```

A search multiplies with the codes, a quarter of the bytes; what they lose is bounded, so the rows that can be among
the best are known for certain, and only these are multiplied in full. The answer is that of the full product.
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

from whence.core.bundle import open_session
from whence.core.errors import ArtifactError, OptionError
from whence.core.version import __version__
from whence.gallery.codes import COLUMNS, encode_query, encode_rows, product_graph

GALLERY_SCHEMA = 1
"""Version of the format that this code reads."""

HEADER = "gallery.json"
MAX_BYTES = 2**31 - 1
"""Most bytes of codes: four million places of length 512."""

_ROWS_AT_ONCE = 8192
_QUERIES_AT_ONCE = 8
_ROUNDING = 2e-6
"""Share of the lengths of two vectors by which their product may be rounded in float32."""


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
        self.rows: np.ndarray = _mapped(folder / "rows.npy")
        places = np.array(_mapped(folder / "places.npy"))
        self._scale, self._lost = np.array(_mapped(folder / "bounds.npy"))
        self.lat_deg, self.lon_deg = places.T
        self._longest = float(header["longest"])
        self._session = open_session(folder / "product.onnx", threads)

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
        if queries.ndim != 2 or queries.shape[1] != self.rows.shape[1] or not np.isfinite(queries).all():
            raise OptionError(f"Queries are finite rows of length {self.rows.shape[1]}, received {queries.shape}.")
        if not 1 <= k <= len(self):
            raise OptionError(f"k lies within 1..{len(self)}, received {k}.")
        rows, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = queries[start : start + _QUERIES_AT_ONCE]
            codes, scales, lost = zip(*(encode_query(query) for query in part), strict=True)
            product = self._session.run(["product"], {"queries": np.concatenate(codes)})[0]
            for i, query in enumerate(part):
                columns = product[COLUMNS * i : COLUMNS * (i + 1)]
                rows[start + i], scores[start + i] = self._best(query, columns, scales[i], lost[i], k)
        return Neighbours(rows, scores, self.lat_deg[rows], self.lon_deg[rows])

    def _best(
        self,
        query: Float[np.ndarray, " d"],
        columns: Int[np.ndarray, "2 n"],
        scales: Float[np.ndarray, " 2"],
        lost: float,
        k: int,
    ) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Rows and scores, given the query's products with the codes of all rows."""
        about = columns[0] * np.float32(scales[0])
        about += columns[1] * np.float32(scales[1])
        about *= self._scale
        first = np.sort(np.argpartition(about, len(about) - k)[len(about) - k :])
        least = self._scores(first, query).min()
        length = float(np.linalg.norm(query))
        about += self._lost * np.float32(length)
        candidates = np.flatnonzero(about >= least - self._longest * (lost + _ROUNDING * length))
        exact = self._scores(candidates, query)
        order = np.lexsort((candidates, -exact))[:k]
        return candidates[order], exact[order]

    def _scores(self, rows: Int[np.ndarray, " m"], query: Float[np.ndarray, " d"]) -> Float[np.ndarray, " m"]:
        """Full products, in double precision: the same whatever rows are computed together."""
        wide = query.astype(np.float64)
        parts = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
        return np.concatenate([np.einsum("nd,d->n", self.rows[part].astype(np.float64), wide) for part in parts])


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
    missing = {"rows.npy", "codes.npy", "bounds.npy", "places.npy", "product.onnx"} - parts.keys()
    if missing:
        raise ArtifactError(f"The gallery {folder} lacks {', '.join(sorted(missing))}. Build it again.")
    return dict(header)


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ArtifactError(f"{path} holds no plain array ({error}). Build the gallery again.") from error


def _told(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_parts(model: PlaceModel, places: Float[np.ndarray, "n 2"], folder: Path) -> dict[str, Any]:
    """Encode places part by part into the files; returns what the header tells of them."""
    count, dim = len(places), model.embed_places(places[:1, 0], places[:1, 1]).shape[1]
    if count * dim > MAX_BYTES:
        raise OptionError(f"A gallery holds at most {MAX_BYTES // dim:,} places of length {dim}, received {count:,}.")
    make = np.lib.format.open_memmap
    rows = make(folder / "rows.npy", "w+", np.float32, (count, dim))
    codes = make(folder / "codes.npy", "w+", np.int8, (dim, count))
    bounds, longest = np.empty((2, count), np.float32), 0.0
    for start in range(0, count, _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, count))
        found = model.embed_places(places[part, 0], places[part, 1]).astype(np.float32)
        if not np.isfinite(found).all():
            raise OptionError("The model gave embeddings that are not finite numbers. Train or export it again.")
        rows[part] = found
        coded, bounds[0, part], bounds[1, part] = encode_rows(found)
        codes[:, part] = coded.T
        longest = max(longest, float((np.linalg.norm(found, axis=1) + bounds[1, part]).max()))
    rows.flush()
    codes.flush()
    offset = codes.offset
    np.save(folder / "bounds.npy", bounds)
    np.save(folder / "places.npy", places)
    (folder / "product.onnx").write_bytes(product_graph(count, dim, "codes.npy", offset))
    return {"rows": count, "dim": dim, "longest": longest}
