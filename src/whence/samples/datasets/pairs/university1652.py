"""University-1652: drone, ground and satellite views of 1,652 buildings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import folders, pictures
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_SIDES = {
    "train": ("train/drone", "train/satellite"),
    "train_street": ("train/street", "train/satellite"),
    "train_google": ("train/google", "train/satellite"),
    "test": ("test/query_drone", "test/gallery_satellite"),
    "test_street": ("test/query_street", "test/gallery_satellite"),
}


@final
class University1652(PairSet):
    """Reads University-1652; each part has one kind of query, all are paired with the satellite picture."""

    PARTS = tuple(_SIDES)
    KINDS = (ViewKind.DRONE, ViewKind.GROUND)
    CARD = DatasetCard(
        title="University-1652",
        paper="Zheng et al., University-1652: A Multi-view Multi-source Benchmark for Drone-based Geo-localization, "
        "ACM MM 2020, arXiv:2002.12186",
        licence="on request, for research; pictures are rendered by Google Earth and taken from Google",
        home="https://github.com/layumi/University1652-Baseline",
        size="701 buildings to train, 951 in the test, 701 of which are asked for; 54 drone views each",
        layout="train/drone/ID/, train/street/ID/, train/google/ID/, train/satellite/ID/, test/query_drone/ID/, "
        "test/query_street/ID/, test/gallery_satellite/ID/ (and gallery_drone, gallery_street, query_satellite), each "
        "with pictures.",
        flaws=(
            "No coordinates: the pictures were made from a list of buildings.",
            "Drone views are rendered from a model, on a spiral around the building; they are no photographs.",
            "Pictures from the search engine (google) are noisy; many do not show the building.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every view of the part; the place is the number of the building."""
        views, tiles = (self.root / side for side in _SIDES[self.part])
        kind = ViewKind.DRONE if views.name.endswith("drone") else ViewKind.GROUND
        for building in folders(views, self._expected()):
            references = tuple(Reference(path) for path in pictures(tiles / building.name))
            if not references:
                raise InputError(
                    f"{self.CARD.title}: the building {building.name!r} has no satellite picture in "
                    f"{str(tiles / building.name)!r}. {self._expected()}"
                )
            for path in pictures(building):
                yield Pair(path, kind, references, building.name, self.part.partition("_")[0])

    def gallery(self) -> Iterator[Path]:
        """Yield all satellite pictures of the part, also of buildings that are not asked for."""
        for building in folders(self.root / _SIDES[self.part][1], self._expected()):
            yield from pictures(building)

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature: three buildings in each part, one more in the gallery."""
        for part, (views, tiles) in _SIDES.items():
            first = 0 if part.startswith("train") else 10
            for building in range(first, first + 4):
                name = f"{seed * 100 + building:04d}"
                miniature.write_jpeg(folder / tiles / name / f"{name}.jpg", seed + building)
                for i in range(2 if building < first + 3 else 0):
                    miniature.write_jpeg(folder / views / name / f"image-{i:02d}.jpeg", seed + 20 * building + i)
        return folder
