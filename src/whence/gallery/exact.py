"""`ExactRows`: vectors in a folder whose products with queries are searched in eight bits, and answered exactly.

```
├── rows.npy        vectors, float32 [n, d]: only those that are compared in full are ever read
├── codes.npy       the same in eight bits, [d, n] (`whence.gallery.codes`)
├── bounds.npy      scale of each row's codes and length of what they lose, float32 [2, n]
└── product.onnx    the graph that multiplies queries with the codes
```

A search multiplies with the codes, a quarter of the bytes; what they lose is bounded, so the rows that can be among
the best are known for certain, and only these are multiplied in full. The answer is that of the full product.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.bundle import open_session
from whence.core.errors import ArtifactError, OptionError
from whence.gallery.codes import COLUMNS, encode_query, encode_rows, product_graph

PARTS: Final = ("rows.npy", "codes.npy", "bounds.npy", "product.onnx")
"""Files of the folder."""

MAX_BYTES: Final = 2**31 - 1
"""Most bytes of codes: four million rows of length 512."""

ROWS_AT_ONCE: Final = 8192

_QUERIES_AT_ONCE = 8
_ROUNDING = 2e-6
"""Share of the lengths of two vectors by which their product may be rounded in float32."""

_FEW = 16
"""Up to this share (one in …) of the rows, those that are allowed are compared in full at once."""


@final
class ExactRows:
    """Rows of a folder that `write_rows` made, mapped into memory.

    Args:
        folder: of the parts.
        longest: as `write_rows` told.
        threads: of ONNX Runtime; 0 for the usual number (`whence.core.bundle.Bundle.session`).

    Attributes:
        rows: the vectors, mapped and read-only.

    Raises:
        ArtifactError: a part is missing or damaged.
    """

    def __init__(self, folder: Path, longest: float, threads: int = 0) -> None:
        self.rows: np.ndarray = open_mapped(folder / "rows.npy")
        self._scale, self._lost = np.array(open_mapped(folder / "bounds.npy"))
        self._longest = longest
        self._session: Any = open_session(folder / "product.onnx", threads)

    def __len__(self) -> int:
        return len(self.rows)

    def top(
        self, queries: Float[np.ndarray, "q d"], k: int, allowed: Bool[np.ndarray, " n"] | None = None
    ) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
        """Find the best rows for each query, exactly; of equal ones the first.

        Args:
            queries: vectors.
            k: how many.
            allowed: which rows may be found; all if not given. At least ``k`` of them.

        Returns:
            Rows and their products with the query, the best first.

        Raises:
            OptionError: queries of another length or not finite, or ``k`` out of range.
        """
        if queries.ndim != 2 or queries.shape[1] != self.rows.shape[1] or not np.isfinite(queries).all():
            raise OptionError(f"Queries are finite rows of length {self.rows.shape[1]}, received {queries.shape}.")
        among = None if allowed is None else np.flatnonzero(allowed)
        most = len(self) if among is None else len(among)
        if not 1 <= k <= most:
            raise OptionError(f"k lies within 1..{most}, received {k}.")
        rows, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
        if among is not None and len(among) * _FEW <= len(self):
            for i, query in enumerate(queries):
                rows[i], scores[i] = self._ordered(among, query, k)
            return rows, scores
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = queries[start : start + _QUERIES_AT_ONCE]
            codes, scales, lost = zip(*(encode_query(query) for query in part), strict=True)
            product = self._session.run(["product"], {"queries": np.concatenate(codes)})[0]
            for i, query in enumerate(part):
                columns = product[COLUMNS * i : COLUMNS * (i + 1)]
                rows[start + i], scores[start + i] = self._best(query, columns, scales[i], lost[i], k, among)
        return rows, scores

    def _best(
        self,
        query: Float[np.ndarray, " d"],
        columns: Int[np.ndarray, "2 n"],
        scales: Float[np.ndarray, " 2"],
        lost: float,
        k: int,
        among: Int[np.ndarray, " m"] | None,
    ) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Rows and scores, given the query's products with the codes of all rows."""
        about = columns[0] * np.float32(scales[0])
        about += columns[1] * np.float32(scales[1])
        about *= self._scale
        slack = self._lost
        if among is not None:
            about, slack = about[among], slack[among]
        first = np.sort(np.argpartition(about, len(about) - k)[len(about) - k :])
        least = self._scores(first if among is None else among[first], query).min()
        length = float(np.linalg.norm(query))
        about += slack * np.float32(length)
        candidates = np.flatnonzero(about >= least - self._longest * (lost + _ROUNDING * length))
        return self._ordered(candidates if among is None else among[candidates], query, k)

    def _ordered(
        self, candidates: Int[np.ndarray, " m"], query: Float[np.ndarray, " d"], k: int
    ) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        exact = self._scores(candidates, query)
        order = np.lexsort((candidates, -exact))[:k]
        return candidates[order], exact[order]

    def _scores(self, rows: Int[np.ndarray, " m"], query: Float[np.ndarray, " d"]) -> Float[np.ndarray, " m"]:
        """Full products, in double precision: the same whatever rows are computed together."""
        wide = query.astype(np.float64)
        parts = [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
        return np.concatenate([np.einsum("nd,d->n", self.rows[part].astype(np.float64), wide) for part in parts])


def write_rows(folder: Path, count: int, dim: int, rows_of: Callable[[int, int], np.ndarray]) -> float:
    """Write the parts of `ExactRows` into a folder that is there.

    Args:
        folder: where.
        count: how many rows.
        dim: length of a row.
        rows_of: gives the rows from a start to an end.

    Returns:
        The largest length of a row with what its codes lose, which `ExactRows` needs.

    Raises:
        OptionError: too many rows, or some that are not finite.
    """
    if count * dim > MAX_BYTES:
        raise OptionError(f"At most {MAX_BYTES // dim:,} rows of length {dim} can be searched, received {count:,}.")
    make = np.lib.format.open_memmap
    rows = make(folder / "rows.npy", "w+", np.float32, (count, dim))
    codes = make(folder / "codes.npy", "w+", np.int8, (dim, count))
    bounds, longest = np.empty((2, count), np.float32), 0.0
    for start in range(0, count, ROWS_AT_ONCE):
        part = slice(start, min(start + ROWS_AT_ONCE, count))
        found = rows_of(part.start, part.stop).astype(np.float32)
        if not np.isfinite(found).all():
            raise OptionError("The model gave embeddings that are not finite numbers. Train or export it again.")
        rows[part] = found
        coded, bounds[0, part], bounds[1, part] = encode_rows(found)
        codes[:, part] = coded.T
        longest = max(longest, float((np.linalg.norm(found, axis=1) + bounds[1, part]).max()))
    rows.flush()
    codes.flush()
    np.save(folder / "bounds.npy", bounds)
    (folder / "product.onnx").write_bytes(product_graph(count, dim, "codes.npy", codes.offset))
    return longest


def open_mapped(path: Path) -> np.ndarray:
    """Map an array from its file, read-only.

    Raises:
        ArtifactError: no plain array.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ArtifactError(f"{path} holds no plain array ({error}). Build what it belongs to again.") from error
