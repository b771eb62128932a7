"""S2-100K: Sentinel-2 patches from all land, on which SatCLIP is trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import miniature
from whence.samples.datasets.tables import read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample
from whence.samples.view import ViewKind

MIN_BYTES = 10_000
"""Smaller files hold no data: SatCLIP leaves them out, and so does the reader."""

_INDEX = "index.csv"
_COLUMNS = ("fn", "lon", "lat")


@final
class S2100k(Dataset):
    """Reads S2-100K: GeoTIFFs of 12 bands of 16 bits, 256 × 256 pixels of 10 m."""

    PARTS = ("train",)
    KIND = ViewKind.SATELLITE
    CARD = DatasetCard(
        title="S2-100K",
        paper="Klemmer et al., SatCLIP: Global, General-Purpose Location Embeddings with Satellite Imagery, AAAI 2025, "
        "arXiv:2311.17179",
        licence="for research; contains modified Copernicus Sentinel data 2021–2023",
        home="https://github.com/microsoft/satclip",
        size="100,000 patches, 78 GB",
        layout="index.csv (fn, lon, lat) and images/patch_0.tif … images/patch_99999.tif.",
        flaws=(
            "Some patches hold no data: files below 10 kB are left out.",
            "Patches may overlap, and there is no published split: a random one leaks.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index but those whose file is too small to hold data."""
        for row in read_rows(self.root / _INDEX, _COLUMNS, self._expected()):
            path = self.root / "images" / row.values["fn"]
            if path.is_file() and path.stat().st_size < MIN_BYTES:
                continue
            spot = row.place("lat", "lon")
            yield Sample(path, spot.lat_deg, spot.lon_deg, None, None, row.rest(_COLUMNS))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature; one patch more than it yields is empty."""
        rows = [(f"patch_{i}.tif", lon, lat) for i, (lat, lon) in enumerate(miniature.places(5, seed))]
        for i, row in enumerate(rows):
            miniature.write_bands(folder / "images" / str(row[0]), seed + i)
        miniature.write_bands(folder / "images" / "patch_5.tif", seed, side_px=2)
        miniature.write_table(folder / _INDEX, _COLUMNS, [*rows, ("patch_5.tif", 0.0, 0.0)])
        return folder
