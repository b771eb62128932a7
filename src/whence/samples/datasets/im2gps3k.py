"""Im2GPS3k: the test set that most papers on worldwide localisation report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import places365
from whence.samples.datasets.tables import first_folder, read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "im2gps3k_places365.csv"
_IMAGES = ("images", "im2gps3ktest", "im2gps3k_rgb_images", "im2gps3k")


@final
class Im2Gps3k(Dataset):
    """Reads Im2GPS3k, also with the index whose columns LAT and LON carry each other's name."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="Im2GPS3k",
        paper="Vo, Jacobs, Hays, Revisiting IM2GPS in the Deep Learning Era, ICCV 2017, arXiv:1705.04838; index: "
        "Müller-Budack et al., ECCV 2018",
        licence="none stated for the set; the photographs are from Flickr",
        home="https://github.com/lugiavn/revisiting-im2gps (pictures), "
        "https://github.com/TIBHannover/GeoEstimation (meta/im2gps3k_places365.csv)",
        size="2,997 photographs in the index",
        layout="im2gps3k_places365.csv (IMG_ID, AUTHOR, LAT, LON, …) and the pictures in images/, im2gps3ktest/, "
        "im2gps3k_rgb_images/ or im2gps3k/.",
        flaws=(
            "In the first published index the headers LAT and LON are exchanged; the reader notices and corrects it.",
            "Photographers gave many pictures each, often of one city: resample photographers for intervals.",
            "Western Europe and North America hold most of it.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index."""
        index = self.root / _INDEX
        folder = first_folder(self.root, _IMAGES)
        lat, lon = ("LON", "LAT") if _is_exchanged(index, self._expected()) else ("LAT", "LON")
        return places365.read_index(index, lambda name: folder / name, self._expected(), lat=lat, lon=lon)

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature with the index as it was first published, its headers exchanged."""
        names = [f"{1000 + i}_{i:010x}_{i}_{i // 2:08d}@N00.jpg" for i in range(8)]
        header = ("IMG_ID", "AUTHOR", "LON", "LAT", *places365.LABELS)
        places365.write_miniature(folder / _INDEX, folder / "im2gps3ktest", names, seed, header=header)
        return folder


def _is_exchanged(index: Path, expected: str) -> bool:
    """Tell whether LAT holds longitudes: some beyond 90 degrees, while LON has none."""
    rows = list(read_rows(index, places365.REQUIRED, expected))
    lat, lon = ([abs(row.number(column) or 0.0) for row in rows] for column in ("LAT", "LON"))
    return max(lat, default=0.0) > 90.0 >= max(lon, default=0.0)
