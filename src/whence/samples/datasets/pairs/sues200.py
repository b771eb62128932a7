"""SUES-200: two hundred places, each seen by a drone from four heights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import folders, pictures
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.tables import first_folder
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_HEIGHTS_M = ("150", "200", "250", "300")
_DRONE = ("drone_view_512", "drone_view", "drone-view")
_SATELLITE = ("satellite-view", "satellite_view")


@final
class Sues200(PairSet):
    """Reads SUES-200 as it is unpacked; a part is one height, or all."""

    PARTS = ("all", *_HEIGHTS_M)
    KINDS = (ViewKind.DRONE,)
    CARD = DatasetCard(
        title="SUES-200",
        paper="Zhu et al., SUES-200: A Multi-Height Multi-Scene Cross-View Image Benchmark Across Drone and Satellite, "
        "IEEE TCSVT 2023, arXiv:2204.10704",
        licence="academic research only, as the publishers state it",
        home="https://github.com/Reza-Zhu/SUES-200-Benchmark",
        size="200 places, 50 drone pictures at each of 4 heights",
        layout="drone_view_512/ID/HEIGHT/N.jpg (heights 150, 200, 250, 300 m) and satellite-view/ID/0.png.",
        flaws=(
            "No coordinates.",
            "The archive holds no split: of its places 120 train and 80 test, by a list of the authors or by number.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every drone picture of the part; the place is the number of the scene."""
        tiles = first_folder(self.root, _SATELLITE)
        for place in folders(first_folder(self.root, _DRONE), self._expected()):
            references = tuple(Reference(path) for path in pictures(tiles / place.name))
            if not references:
                raise InputError(
                    f"{self.CARD.title}: the place {place.name!r} has no picture in {str(tiles / place.name)!r}. "
                    f"{self._expected()}"
                )
            for height in _HEIGHTS_M if self.part == "all" else (self.part,):
                for path in pictures(place / height):
                    yield Pair(path, ViewKind.DRONE, references, place.name, altitude_m=float(height))

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of two places."""
        for place in range(2):
            name = f"{place + 1:04d}"
            miniature.write_picture(folder / "satellite-view" / name / "0.png", seed + place)
            for height in _HEIGHTS_M:
                for i in range(2):
                    path = folder / "drone_view_512" / name / height / f"{i}.jpg"
                    miniature.write_jpeg(path, seed + 10 * place + i + int(height))
        return folder
