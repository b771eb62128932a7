"""GeoChain: street views of some twenty towns with a chain of 21 questions on each, from the sky to the coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import miniature
from whence.samples.datasets.tables import first_file, first_folder, read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "test_samples.csv"
_IMAGES = ("mapillary", "mapillary_dataset", "train_val", "images")
_COLUMNS = ("key", "locatability_score", "lat", "lon", "city", "sub_folder", "class_mapping", "sequence_key")
_USED = frozenset({"key", "lat", "lon", "sequence_key", "sub_folder"})


@final
class GeoChain(Dataset):
    """Reads the test subset of GeoChain; its pictures are those of Mapillary Street-Level Sequences."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="GeoChain",
        paper="Yerramilli et al., GeoChain: Multimodal Chain-of-Thought for Geographic Reasoning, Findings of EMNLP "
        "2025, arXiv:2506.00785; pictures: Warburg et al., Mapillary Street-Level Sequences, CVPR 2020",
        licence="not verified for the questions; the pictures are Mapillary's, under the terms of its data set",
        home="https://github.com/sahitiy/geochain (data/test_samples.csv), "
        "https://huggingface.co/datasets/sahitiy51/geochain, https://www.mapillary.com/dataset/places (pictures)",
        size="2,088 pictures in the test subset, 1.46 million in all",
        layout="test_samples.csv, here or in data/ (key, locatability_score, lat, lon, city, sub_folder, "
        "class_mapping, sequence_key), and the pictures CITY/SUB_FOLDER/images/KEY.jpg, here or in mapillary/, "
        "mapillary_dataset/, train_val/ or images/.",
        flaws=(
            "All pictures are of some twenty towns: whoever knows the list has an easier task.",
            "The published code cuts off the lowest 30 rows of pixels; the reader leaves pictures as they are.",
            "Answers on coast, relief, climate and language hold for the town as a whole, not for the picture.",
            "The side of the road is answered from a list of fourteen countries that drive on the left.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index; the group is the sequence."""
        base = first_folder(self.root, _IMAGES)
        base = base if base.is_dir() else self.root
        index = first_file((self.root, self.root / "data"), (_INDEX,))
        for row in read_rows(index, _COLUMNS, self._expected()):
            spot = row.place("lat", "lon")
            picture = base / row.values["city"] / row.values["sub_folder"] / "images" / f"{row.values['key']}.jpg"
            yield Sample(picture, spot.lat_deg, spot.lon_deg, None, row.text("sequence_key"), row.rest(_USED))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature: six pictures of six towns, two of each sequence."""
        rows = []
        towns = ("paris", "melbourne", "tokyo", "nairobi", "boston", "saopaulo")
        for i, (lat, lon) in enumerate(miniature.places(len(towns), seed)):
            key, part = f"key-{i:02d}_{i:016x}", ("query", "database")[i % 2]
            miniature.write_jpeg(folder / towns[i] / part / "images" / f"{key}.jpg", seed + i)
            seen = '{"sky": 0.25, "road, route": 0.33}'
            rows.append((key, 0.45 + 0.02 * i, lat, lon, towns[i], part, seen, f"sequence{i // 2}"))
        miniature.write_table(folder / "data" / _INDEX, _COLUMNS, rows)
        return folder
