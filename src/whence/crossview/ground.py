"""`Ground`: the reference pictures that views are looked for in, embedded or not."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float

from whence.core.config import fingerprint
from whence.core.errors import OptionError
from whence.crossview.encoder import CrossViewEncoder
from whence.crossview.encoders import open_encoder
from whence.crossview.references.features import FeatureStore
from whence.crossview.references.header import HEADER
from whence.crossview.references.reference_set import Hits, ReferenceSet, Windows, check_encoder
from whence.earth.coordinates import distance_km, spherical_mean
from whence.earth.field import CellRegion, Field
from whence.earth.tiles.mosaic import Mosaic
from whence.earth.tiles.opening import Config as OpeningConfig
from whence.earth.tiles.opening import open_rasters
from whence.samples.view import ViewKind


@final
class Ground:
    """Reference pictures as one mosaic and, if they were embedded, windows of it that can be searched.

    Args:
        mosaic: the pictures.
        references: the set that they belong to; ``None`` for pictures that were not embedded.
        encoder: what made the set's vectors; opened by its name if not given.
    """

    def __init__(
        self, mosaic: Mosaic, references: ReferenceSet | None = None, encoder: CrossViewEncoder | None = None
    ) -> None:
        self.mosaic, self.references, self._given = mosaic, references, encoder

    @staticmethod
    def open(path: Path | str, config: OpeningConfig | None = None) -> Ground:
        """Open a reference set, or reference pictures as they are.

        Args:
            path: a folder that ``whence tiles add`` made, or anything that `open_rasters` reads.
            config: what the files of pictures do not tell.

        Raises:
            InputError: nothing there, or nothing whose place is known.
            ArtifactError: a reference set that is damaged or of another version.
        """
        if (Path(path) / HEADER).is_file():
            references = ReferenceSet.open(Path(path))
            return Ground(references.mosaic, references)
        return Ground(Mosaic(open_rasters(path, config)))

    @property
    def version(self) -> str:
        """What tells this ground from another: the set's, or names, sizes and places of the pictures."""
        if self.references is not None:
            return fingerprint(self.references.header)
        return fingerprint([(raster.name, raster.georeference) for raster in self.mosaic.rasters])

    @cached_property
    def _encoder(self) -> CrossViewEncoder:
        assert self.references is not None
        record = self.references.header.encoder
        assert record is not None
        encoder = self._given or open_encoder(record.name)
        check_encoder(self.references.folder, self.references.header, encoder)
        return encoder

    def encoder(self) -> CrossViewEncoder:
        """The encoder that the windows were embedded with.

        Raises:
            OptionError: they were not embedded, or the model is not here.
            ArtifactError: the model here is another one.
        """
        if self.references is None or self.references.header.encoder is None:
            raise OptionError("These reference pictures were not embedded: whence tiles add SET PATH --model vlad.")
        return self._encoder

    def can_search(self, kind: ViewKind) -> bool:
        """Whether windows can be sought by the likeness of views of a kind."""
        embedded = self.references is not None and self.references.header.encoder is not None
        return embedded and kind in self.encoder().kinds

    @property
    def windows(self) -> Windows:
        """The embedded windows."""
        assert self.references is not None
        return self.references.windows

    def features(self, most_mb: int) -> FeatureStore | None:
        """Where features of the windows are kept, up to a size; ``None`` for pictures that are no set."""
        if self.references is None:
            return None
        return FeatureStore(self.references.folder, self.references.header, most_mb * 1_000_000)

    def search(
        self,
        vectors: Float[np.ndarray, "q d"],
        k: int,
        *,
        within: CellRegion | Field | None = None,
        near: tuple[float, float, float] | None = None,
    ) -> Hits:
        """The windows most like each vector; see `ReferenceSet.search`."""
        assert self.references is not None
        return self.references.search(vectors, k, within=within, near=near)

    def finest_gsd_m(self, lat_deg: float, lon_deg: float) -> float:
        """Ground sample distance of the finest picture at a place, else of the finest of all."""
        rasters = self.mosaic.covering(lat_deg, lon_deg, 1.0) or self.mosaic.rasters
        return min(raster.georeference.gsd_m_per_px for raster in rasters)

    def extent(self) -> tuple[float, float, float] | None:
        """Middle and radius in metres of the disc around all pictures; ``None`` if they span half the Earth."""
        outlines = [raster.georeference.outline(4) for raster in self.mosaic.rasters]
        lat, lon = (np.concatenate(part) for part in zip(*outlines, strict=True))
        if not (np.isfinite(lat).all() and np.isfinite(lon).all()):
            return None
        middle = spherical_mean(lat, lon)
        radius = float(distance_km(middle.lat_deg, middle.lon_deg, lat, lon).max()) * 1e3
        return (middle.lat_deg, middle.lon_deg, radius) if radius < 5e6 and math.isfinite(radius) else None
