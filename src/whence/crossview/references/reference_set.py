"""`ReferenceSet`: windows of reference pictures in a folder, found by what they show and by where they lie.

```
my_set/
├── references.json      schema, encoder, sources with provenance and licence, hash of every part
└── index-3f9c…/
    ├── windows.npy      float64 [n, 5]: latitude, longitude, side in metres, metres a pixel, share with data
    └── …                vectors and what they are searched with (`whence.gallery.exact`), if there is an encoder
```

Pictures stay where they are: the set holds their paths, and cuts patches from them when asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from whence.core.errors import ArtifactError, InputError, OptionError
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.references.header import Header, read_header
from whence.crossview.references.index import part_of
from whence.crossview.references.places import Near, allowed_rows
from whence.crossview.references.sources import open_source, source_of
from whence.earth.field import CellRegion, Field
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.types import Patch, Raster
from whence.gallery.exact import ExactRows, open_mapped


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of a set, one a row.

    Attributes:
        source: index of the source among those of the header.
        lat_deg: latitudes of their middles.
        lon_deg: longitudes.
        side_m: sides on the ground.
        gsd_m_per_px: metres a pixel of the picture, in its middle.
        valid: share of the pixels that hold data.
    """

    source: Int[np.ndarray, " n"]
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    side_m: Float[np.ndarray, " n"]
    gsd_m_per_px: Float[np.ndarray, " n"]
    valid: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.lat_deg)


@dataclass(frozen=True, eq=False)
class Hits:
    """The best windows for each query, the best first; fewer than asked for where fewer are allowed.

    Attributes:
        rows: of the set.
        scores: products of query and vector.
        lat_deg: latitudes of the windows' middles.
        lon_deg: longitudes.
    """

    rows: Int[np.ndarray, "q k"]
    scores: Float[np.ndarray, "q k"]
    lat_deg: Float[np.ndarray, "q k"]
    lon_deg: Float[np.ndarray, "q k"]


@final
class ReferenceSet:
    """A reference set; see `open`.

    Attributes:
        folder: where it lies.
        header: what it says of itself.
        windows: what can be found.
    """

    def __init__(self, folder: Path, header: Header, threads: int = 0) -> None:
        """Map the parts of a folder whose header was read; use `open`."""
        self.folder, self.header = folder, header
        self._index, self._threads = folder / header.index, threads
        table = np.array(open_mapped(self._index / "windows.npy"))
        counts = [record.end - record.start for record in header.sources]
        self.windows = Windows(np.repeat(np.arange(len(counts)), counts), *np.ascontiguousarray(table.T))

    def __len__(self) -> int:
        return len(self.windows)

    @staticmethod
    def open(folder: Path | str, *, encoder: CrossViewEncoder | None = None, threads: int = 0) -> ReferenceSet:
        """Open a set: the header and the sizes of the parts are checked, hashes by `verify`.

        Args:
            folder: of the set.
            encoder: what queries will be embedded by, which must have made the vectors; not checked if not given.
            threads: of ONNX Runtime; 0 for the usual number.

        Raises:
            ArtifactError: no set, a damaged one, an empty one, or one of another version or encoder.
        """
        folder = Path(folder)
        header = read_header(folder)
        if not header.sources:
            raise ArtifactError(
                f"The reference set {folder} is empty. Add pictures with: whence tiles add {folder} PATH"
            )
        for name, part in header.parts.items():
            path = folder / header.index / name
            if not path.is_file() or path.stat().st_size != part["bytes"]:
                raise ArtifactError(f"The reference set {folder}: {name} is missing or cut short. Build it again.")
        if encoder is not None:
            check_encoder(folder, header, encoder)
        return ReferenceSet(folder, header, threads)

    def verify(self) -> list[str]:
        """Compare every part with its hash, and every source with what was added.

        Returns:
            Sentences on sources that are gone or changed; empty if all is as it was.

        Raises:
            ArtifactError: a part of the set itself is damaged.
        """
        for name, part in self.header.parts.items():
            if part_of(self._index / name) != dict(part):
                raise ArtifactError(f"The reference set {self.folder}: {name} is damaged. Build it again.")
        problems = []
        for record in self.header.sources:
            try:
                if source_of(record).stamp()[0] != record.stamp:
                    problems.append(f"{record.path}: changed since it was added. Add it again.")
            except (InputError, OSError) as error:
                problems.append(f"{record.path}: cannot be read ({error}).")
        return problems

    # --- pictures ------------------------------------------------------------------------------------------

    @cached_property
    def mosaic(self) -> Mosaic:
        """All sources as one picture; sources that are gone raise."""
        return Mosaic([raster for i in range(len(self.header.sources)) for raster in self._rasters(i)])

    def patch_of(self, row: int, side_px: int) -> Patch:
        """Cut the picture of a window, from its own source.

        Args:
            row: of the set.
            side_px: side of the patch.

        Raises:
            OptionError: no such row.
            InputError: its source is gone or can no longer be read.
        """
        if not 0 <= row < len(self):
            raise OptionError(f"The reference set has rows 0..{len(self) - 1}, received {row}.")
        w = self.windows
        mosaic = self._mosaic_of(int(w.source[row]))
        return mosaic.patch_at(float(w.lat_deg[row]), float(w.lon_deg[row]), float(w.side_m[row]), side_px)

    def patch_at(
        self, lat_deg: float, lon_deg: float, side_m: float, side_px: int, up_bearing_deg: float = 0.0
    ) -> Patch:
        """Cut a square around a point, from whichever source is finest there; see `Mosaic.patch_at`."""
        return self.mosaic.patch_at(lat_deg, lon_deg, side_m, side_px, up_bearing_deg)

    def _rasters(self, source: int) -> tuple[Raster, ...]:
        if source not in self._opened:
            self._opened[source] = open_source(source_of(self.header.sources[source]))[0]
        return self._opened[source]

    def _mosaic_of(self, source: int) -> Mosaic:
        if source not in self._mosaics:
            self._mosaics[source] = Mosaic(self._rasters(source))
        return self._mosaics[source]

    @cached_property
    def _opened(self) -> dict[int, tuple[Raster, ...]]:
        return {}

    @cached_property
    def _mosaics(self) -> dict[int, Mosaic]:
        return {}

    # --- search --------------------------------------------------------------------------------------------

    @property
    def vectors(self) -> Float[np.ndarray, "n d"]:
        """Vectors of the windows, mapped and read-only.

        Raises:
            OptionError: the set has none.
        """
        return self._exact.rows

    def rows(self, within: CellRegion | Field | None = None, near: Near | None = None) -> Int[np.ndarray, " m"]:
        """Windows that touch a part of the Earth.

        Args:
            within: a region, or a belief of which the 90 % region counts.
            near: latitude and longitude in degrees, and a radius in metres.
        """
        return np.flatnonzero(self._allowed(within, near))

    def search(
        self,
        vectors: Float[np.ndarray, "q d"],
        k: int,
        within: CellRegion | Field | None = None,
        near: Near | None = None,
    ) -> Hits:
        """Find the windows whose vectors have the largest products with those of queries, exactly.

        Args:
            vectors: of queries, by the encoder of the set.
            k: how many windows a query; fewer if fewer are allowed.
            within: only windows whose middle lies in this region, or within half their side of it; of a belief its
                90 % region counts.
            near: only windows whose middle, or half their side around it, lies within a radius of a point: latitude
                and longitude in degrees, metres.

        Raises:
            OptionError: the set has no vectors, or those given do not fit.
        """
        allowed = None if within is None and near is None else self._allowed(within, near)
        most = len(self) if allowed is None else int(allowed.sum())
        if not most:
            empty = np.zeros((len(vectors), 0))
            return Hits(empty.astype(np.int64), empty, empty, empty)
        rows, scores = self._exact.top(np.asarray(vectors, np.float32), min(k, most), allowed)
        return Hits(rows, scores, self.windows.lat_deg[rows], self.windows.lon_deg[rows])

    def _allowed(self, within: CellRegion | Field | None, near: Near | None) -> Bool[np.ndarray, " n"]:
        w = self.windows
        return allowed_rows(w.lat_deg, w.lon_deg, w.side_m, within, near)

    @cached_property
    def _exact(self) -> ExactRows:
        if self.header.encoder is None:
            raise OptionError(
                f"The reference set {self.folder} has no vectors: it was made without an encoder and can be "
                "searched by place alone. Make another set with --model."
            )
        return ExactRows(self._index, self.header.longest, self._threads)


def check_encoder(folder: Path, header: Header, encoder: CrossViewEncoder) -> None:
    """Refuse an encoder whose vectors cannot be compared with those of a set.

    Raises:
        ArtifactError: the set has none, or another encoder made them.
    """
    own = header.encoder
    if own is None:
        raise ArtifactError(f"The reference set {folder} has no vectors. Make another one with --model {encoder.name}.")
    if (own.version, own.dim) != (encoder.version, encoder.dim):
        raise ArtifactError(
            f"The reference set {folder} was embedded by {own.name!r} ({own.version[:12]}), not by {encoder.name!r} "
            f"({encoder.version[:12]}): their vectors cannot be compared. Use that encoder, or make another set."
        )
