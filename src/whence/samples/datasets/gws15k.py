"""GWS15k: street views spread evenly over countries and towns, the hardest of the usual test sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.samples.datasets import miniature
from whence.samples.datasets.tables import first_folder, read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

_INDEX = "gws15k.csv"
_IMAGES = ("images", "gws15k", "GS10k")
_COLUMNS = ("path", "lat", "lon")


@final
class Gws15k(Dataset):
    """Reads GWS15k by the list of coordinates that was published; the pictures must be had from Google."""

    PARTS = ("test",)
    CARD = DatasetCard(
        title="Google World Streets 15k (GWS15k)",
        paper="Clark et al., Where We Are and What We're Looking At, CVPR 2023, arXiv:2303.04249",
        licence="the pictures are Google's and may not be passed on",
        home="https://github.com/dshatwell23/gtloc (metadata/gws15k.csv: coordinates only)",
        size="about 15,000 street views",
        layout="gws15k.csv (path, lat, lon) and the pictures in images/, gws15k/ or GS10k/.",
        flaws=(
            "The pictures were never published: everybody tests on a set of their own making.",
            "Several views of one spot occur; nothing says which belong together but equal coordinates.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every sample of the index; views of one spot share a group."""
        folder = first_folder(self.root, _IMAGES)
        for row in read_rows(self.root / _INDEX, _COLUMNS, self._expected()):
            spot = row.place("lat", "lon")
            group = f"{spot.lat_deg:.6f},{spot.lon_deg:.6f}"
            yield Sample(folder / row.values["path"], spot.lat_deg, spot.lon_deg, None, group, row.rest(_COLUMNS))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature; its last two views are of one spot."""
        spots = miniature.places(5, seed)
        rows = [(f"gsv_{2 * i}.jpg", *spot) for i, spot in enumerate([*spots, spots[-1]])]
        for i, row in enumerate(rows):
            miniature.write_jpeg(folder / "images" / str(row[0]), seed + i)
        miniature.write_table(folder / _INDEX, _COLUMNS, rows)
        return folder
