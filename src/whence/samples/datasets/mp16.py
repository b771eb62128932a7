"""MP-16 and MP-16 Pro: the Flickr photographs on which most worldwide locators are trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import places365
from whence.samples.datasets.tables import first_file, first_folder
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEXES = ("MP16_Pro_filtered.csv", "MP16_Pro_places365.csv", "mp16_places365.csv")
_IMAGES = ("images", "mp16", "mp-16-images")
_ADDRESS = ("neighbourhood", "city", "county", "state", "region", "country", "country_code", "continent")


@final
class Mp16(Dataset):
    """Reads MP-16 and MP-16 Pro; the index of MP-16 Pro is taken where it is there, for its addresses."""

    PARTS = ("train",)
    CARD = DatasetCard(
        title="MP-16 and MP-16 Pro",
        paper="Larson et al., The Benchmarking Initiative for Multimedia Evaluation: MediaEval 2016, IEEE MultiMedia "
        "2017; Jia et al., G3 (MP-16 Pro), NeurIPS 2024, arXiv:2405.14702",
        licence="Creative Commons, another one for each photograph (YFCC100M)",
        home="https://github.com/TIBHannover/GeoEstimation (index), https://huggingface.co/datasets/Jia-py/MP16-Pro",
        size="4.72 million photographs, 4.12 million of them with pictures and addresses in MP-16 Pro",
        layout="one of the indexes MP16_Pro_filtered.csv, MP16_Pro_places365.csv, mp16_places365.csv, here or in "
        "metadata/ (IMG_ID, AUTHOR, LAT, LON, …), and the pictures in images/, mp16/ or mp-16-images/, under IMG_ID "
        "or under IMG_ID with _ for /. Unpack tar archives and MessagePack shards first.",
        flaws=(
            "Photographers are shared with YFCC4k and other Flickr test sets.",
            "Many pictures can be downloaded no more.",
            "Indoor scenes, food and portraits, whose place nobody can see, are part of it.",
            "Places of one burst lie within metres: a random split leaks.",
            "Where the photographer put the picture on the map, not where the camera stood; accuracy is not stated.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index."""
        index = first_file((self.root, self.root / "metadata"), _INDEXES)
        picture = places365.nested_or_flat(first_folder(self.root, _IMAGES))
        return places365.read_index(index, picture, self._expected())

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature in the layout of MP-16 Pro."""
        names = [f"{i:02x}/{i + 7:02x}/{1000 + i}.jpg" for i in range(8)]
        index = folder / "metadata" / _INDEXES[0]
        places365.write_miniature(index, folder / "images", names, seed, address=_ADDRESS)
        return folder
