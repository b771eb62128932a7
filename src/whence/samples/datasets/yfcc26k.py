"""YFCC26k: 25,600 Flickr photographs, the validation set of the scene-aware locators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import places365
from whence.samples.datasets.tables import first_folder
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "yfcc25600_places365.csv"
_IMAGES = ("images", "yfcc25600", "yfcc26k")


@final
class Yfcc26k(Dataset):
    """Reads YFCC26k."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="YFCC26k",
        paper="Theiner, Müller-Budack, Ewerth, Interpretable Semantic Photo Geolocation, WACV 2022, arXiv:2104.14995",
        licence="Creative Commons, another one for each photograph (YFCC100M)",
        home="https://github.com/TIBHannover/GeoEstimation (release pytorch: yfcc25600_places365.csv, _urls.csv)",
        size="25,600 photographs in the index",
        layout="yfcc25600_places365.csv (IMG_ID, AUTHOR, LAT, LON, …) and the pictures in images/, yfcc25600/ or "
        "yfcc26k/, under IMG_ID or under IMG_ID with _ for /. Unpack MessagePack shards first.",
        flaws=(
            "Part of the pictures can be downloaded no more: papers test on differing remainders.",
            "Photographs of everything, unfiltered: many show no place at all.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index."""
        picture = places365.nested_or_flat(first_folder(self.root, _IMAGES))
        return places365.read_index(self.root / _INDEX, picture, self._expected())

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature."""
        names = [f"{i:02x}_{i + 9:02x}_{2000 + i}.jpg" for i in range(6)]
        places365.write_miniature(folder / _INDEX, folder / "yfcc25600", names, seed)
        return folder
