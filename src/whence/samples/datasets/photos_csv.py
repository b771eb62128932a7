"""Your own photographs: a folder with a table of where each was taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.tables import read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "photos.csv"
_REQUIRED = ("file", "lat_deg", "lon_deg")
_GROUPS = ("photographer", "user", "source_repo", "sequence")
_LAYOUT = "A table of photographs needs the columns file, lat_deg and lon_deg."
_HEADER = (*_REQUIRED, "accuracy_km", "country_iso2", "place", "photographer", "sequence", "order", "licence")


@final
class PhotosCsv(Dataset):
    """Reads a folder of photographs with ``photos.csv``, the layout of this project's own test photographs."""

    PARTS = ("all",)
    CARD = DatasetCard(
        title="Photographs with photos.csv",
        paper="none",
        licence="as the table says for each photograph",
        home="your own folder",
        size="any",
        layout="photos.csv (file, lat_deg, lon_deg; also accuracy_km, photographer, user, source_repo, sequence, or "
        "any other column), and the pictures where the column file says, below the folder.",
        flaws=("Only as good as the table.",),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the table; the group is the first of photographer, user, source_repo, sequence."""
        return table_samples(self.root / _INDEX, self.root, self._expected())

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature: twelve pictures of four photographers."""
        rows = []
        for i, (lat, lon) in enumerate(miniature.places(12, seed)):
            name = f"train/photo_{i:02d}.jpg"
            miniature.write_jpeg(folder / name, seed + i)
            rows.append(
                [name, lat, lon, 1 + i % 3, "", f"town {i % 6}", f"someone {i // 3}", f"walk_{i // 2}", i, "CC0"]
            )
        miniature.write_table(folder / _INDEX, _HEADER, rows)
        return folder


def table_samples(index: Path, root: Path, expected: str = _LAYOUT) -> Iterator[Sample]:
    """Yield every sample of a table of this layout, whatever its name.

    Args:
        index: the table.
        root: folder below which its pictures lie.
        expected: the layout, as the end of a message.

    Raises:
        InputError: the table is missing, of another layout, or holds what is no place or accuracy.
    """
    for row in read_rows(index, _REQUIRED, expected):
        spot, accuracy = row.place("lat_deg", "lon_deg"), row.number("accuracy_km")
        if accuracy is not None and not accuracy >= 0.0:
            raise InputError(f"{row.where}: accuracy_km must be 0 or more, received {accuracy}.")
        group = next((text for column in _GROUPS if (text := row.text(column))), None)
        rest = row.rest({*_REQUIRED, "accuracy_km"})
        yield Sample(root / row.values["file"], spot.lat_deg, spot.lon_deg, accuracy, group, rest)
