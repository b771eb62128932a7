"""OpenStreetView-5M: five million open street views, their test part held out by distance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.tables import read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_REQUIRED = ("id", "latitude", "longitude")
_USED = frozenset({*_REQUIRED, "creator_id", "thumb_original_url"})
_HEADER = ("id", "latitude", "longitude", "country", "region", "sub-region", "city", "sequence", "captured_at",
           "climate", "land_cover", "creator_username", "creator_id")  # fmt: skip
_NAME = re.compile(r"\d+\.jpg")


@final
class Osv5m(Dataset):
    """Reads OpenStreetView-5M as its publishers unpack it; parts that were not downloaded are missing pictures."""

    PARTS = ("train", "test")
    CARD = DatasetCard(
        title="OpenStreetView-5M (OSV-5M)",
        paper="Astruc et al., OpenStreetView-5M: The Many Roads to Global Visual Geolocation, CVPR 2024, "
        "arXiv:2404.18873",
        licence="CC BY-SA 4.0 (Mapillary)",
        home="https://huggingface.co/datasets/osv5m/osv5m",
        size="5.1 million pictures of 225 countries and territories",
        layout="train.csv or test.csv (id, latitude, longitude, …), and the pictures images/train/NN/ID.jpg or "
        "images/test/NN/ID.jpg, unpacked from the archives NN.zip.",
        flaws=(
            "Test and training pictures are kept apart by about 1 km only: the same towns are in both.",
            "Views from the road only, many through a windscreen; the lower edge may show the car.",
            "Borders of towns and regions were looked up by coordinates and are missing for some countries.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the part's index; the group is who captured it, else the sequence."""
        below = self.root / "images" / self.part
        ids, folders, names = _whereabouts(below)
        for row in read_rows(self.root / f"{self.part}.csv", _REQUIRED, self._expected()):
            text = row.values["id"].strip()
            if not text.isdecimal():
                raise InputError(f"{row.where}: the column 'id' holds {text!r}, which is no whole number.")
            at = int(np.searchsorted(ids, int(text)))
            found = at < ids.size and ids[at] == int(text)
            folder = below / (names[folders[at]] if found else "NN")
            spot = row.place("latitude", "longitude")
            group = row.text("creator_id") or row.text("sequence")
            yield Sample(folder / f"{text}.jpg", spot.lat_deg, spot.lon_deg, None, group, row.rest(_USED))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of both parts."""
        for part, first, count in (("train", 100_000, 8), ("test", 900_000, 4)):
            rows = []
            for i, (lat, lon) in enumerate(miniature.places(count, seed + first)):
                name = str(first + 37 * i)
                miniature.write_jpeg(folder / "images" / part / f"{i % 2:02d}" / f"{name}.jpg", seed + first + i)
                who = (f"someone {i // 3}", 500 + i // 3)
                rows.append([name, lat, lon, "FR", "", "", "", f"s{i // 2}", 1_500_000_000_000 + i, 15, 4, *who])
            miniature.write_table(folder / f"{part}.csv", _HEADER, rows)
        return folder


def _whereabouts(folder: Path) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], list[str]]:
    """Ids of the pictures in the folders below, ascending, and the folder of each: 10 bytes a picture."""
    names = sorted(item.name for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []
    ids, owners = [np.empty(0, np.int64)], [np.empty(0, np.int16)]
    for number, name in enumerate(names):
        held = (int(item.stem) for item in (folder / name).iterdir() if _NAME.fullmatch(item.name))
        ids.append(np.fromiter(held, np.int64))
        owners.append(np.full(ids[-1].size, number, np.int16))
    every, owner = np.concatenate(ids), np.concatenate(owners)
    order = np.argsort(every, kind="stable")
    return every[order], owner[order], names
