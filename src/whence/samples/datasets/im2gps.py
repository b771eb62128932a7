"""Im2GPS: the 237 photographs on which worldwide localisation was first measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import final

from whence.samples.datasets import places365
from whence.samples.datasets.tables import first_folder
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "im2gps_places365.csv"
_IMAGES = ("images", "im2gps", "im2gpstest", "im2gps_rgb_images")
_AUTHOR = re.compile(r"\d+@N\d+")


@final
class Im2Gps(Dataset):
    """Reads the Im2GPS test set by the index of later papers; photographers are read from the names' ends."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="Im2GPS test set",
        paper="Hays, Efros, IM2GPS: estimating geographic information from a single image, CVPR 2008; index: "
        "Müller-Budack et al., ECCV 2018",
        licence="none stated for the set; the photographs are from Flickr",
        home="http://graphics.cs.cmu.edu/projects/im2gps (pictures), "
        "https://github.com/TIBHannover/GeoEstimation (meta/im2gps_places365.csv)",
        size="237 photographs",
        layout="im2gps_places365.csv (IMG_ID, AUTHOR, LAT, LON, …) and the pictures in images/, im2gps/, im2gpstest/ "
        "or im2gps_rgb_images/.",
        flaws=(
            "AUTHOR holds more than the author where the name begins with a place; the reader takes its end.",
            "The names of many pictures say where they are: a system that reads file names must not see them.",
            "The pictures carry their coordinates in JPEG comments.",
            "237 pictures: one of them is 0.4 percentage points.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index."""
        folder = first_folder(self.root, _IMAGES)
        for sample in places365.read_index(self.root / _INDEX, lambda name: folder / name, self._expected()):
            authors = _AUTHOR.findall(sample.group or sample.path.stem)
            yield replace(sample, group=authors[-1] if authors else sample.group)

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature; half of its names begin with a place, as in the original."""
        names = [f"{'Paris_00057_' * (i % 2)}{2000 + i}_{i:010x}_{i}_{i // 2:08d}@N00.jpg" for i in range(6)]
        places365.write_miniature(folder / _INDEX, folder / "images", names, seed)
        return folder
