"""YFCC4k: a Flickr test set as people upload, without any filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final
from urllib.parse import unquote_plus

from whence.core.errors import InputError
from whence.samples.datasets import places365
from whence.samples.datasets.tables import Row, first_folder
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX, _TEXT = "yfcc4k_places365.csv", "yfcc4k.txt"
_IMAGES = ("images", "yfcc4k")
_COLUMNS = (
    "line", "id", "hash", "user", "user_name", "taken", "uploaded", "device", "title", "description", "user_tags",
    "machine_tags", "lon", "lat", "accuracy_level", "page", "download", "licence", "licence_url", "server", "farm",
    "secret", "original_secret", "extension", "video",
)  # fmt: skip
_USED = frozenset({"line", "hash", "user", "lon", "lat", "page", "download", "server", "farm", "secret",
                   "original_secret", "extension", "video"})  # fmt: skip


@final
class Yfcc4k(Dataset):
    """Reads YFCC4k by the index of later papers, or by the table of YFCC100M rows that came with the pictures."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="YFCC4k",
        paper="Vo, Jacobs, Hays, Revisiting IM2GPS in the Deep Learning Era, ICCV 2017, arXiv:1705.04838; rows: "
        "Thomee et al., YFCC100M, CACM 2016, arXiv:1503.01817",
        licence="Creative Commons, another one for each photograph (YFCC100M)",
        home="https://github.com/lugiavn/revisiting-im2gps (pictures and yfcc4k.txt)",
        size="4,536 photographs",
        layout="yfcc4k_places365.csv (IMG_ID, AUTHOR, LAT, LON, …), or yfcc4k.txt (tab-separated rows of YFCC100M "
        "without a header), and the pictures in images/ or yfcc4k/, in the second case named by photo id.",
        flaws=(
            "Shares photographers with MP-16: shares within 1 km of models that retrieve from MP-16 are inflated.",
            "Unfiltered: many photographs show no place at all.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index."""
        folder = first_folder(self.root, _IMAGES)
        texts = [path for path in (self.root / _TEXT, folder / _TEXT) if path.is_file()]
        if texts and not (self.root / _INDEX).is_file():
            return self._from_text(texts[0], folder)
        return places365.read_index(self.root / _INDEX, lambda name: folder / name, self._expected())

    def _from_text(self, path: Path, folder: Path) -> Iterator[Sample]:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                cells = line.rstrip("\r\n").split("\t")
                where = f"{path}, line {number}"
                if len(cells) != len(_COLUMNS):
                    raise InputError(f"{where}: {len(cells)} cells, a row of YFCC100M has {len(_COLUMNS)}.")
                row = Row(dict(zip(_COLUMNS, map(unquote_plus, cells), strict=True)), where)
                spot = row.place("lat", "lon")
                picture = folder / f"{row.values['id']}.jpg"
                yield Sample(picture, spot.lat_deg, spot.lon_deg, None, row.text("user"), row.rest(_USED))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature with the index of later papers."""
        names = [f"{3000 + i}.jpg" for i in range(6)]
        places365.write_miniature(folder / _INDEX, folder / "images", names, seed)
        return folder
