"""CVUSA: panoramas and aerial pictures from across the United States."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import final

from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import cells
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind


@final
class Cvusa(PairSet):
    """Reads the subset of CVUSA that all cross-view work uses (Zhai et al. 2017); one aerial picture a panorama."""

    PARTS = ("train", "val")
    KINDS = (ViewKind.PANORAMA,)
    CARD = DatasetCard(
        title="CVUSA",
        paper="Workman et al., Wide-Area Image Geolocalization with Aerial Reference Imagery, ICCV 2015; subset: Zhai "
        "et al., Predicting Ground-Level Scene Layout from Aerial Imagery, CVPR 2017",
        licence="on request, for research; panoramas are Google's, aerial pictures Bing's",
        home="https://mvrl.cse.wustl.edu/datasets/cvusa",
        size="35,532 pairs to train, 8,884 to validate",
        layout="splits/train-19zl.csv and splits/val-19zl.csv, without a header: aerial picture (bingmap/19/ID.jpg), "
        "panorama (streetview/panos/ID.jpg), annotation (streetview/annotations/ID.png), relative to the root.",
        flaws=(
            "The subset states no coordinates.",
            "Panoramas are cut at top and bottom; only their aspect, some 1232 × 224 pixels, tells the vertical field.",
            "Both pictures are aligned to north, but which column faces it is not verified: no heading is given.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every pair of the part's list; the place is the number of the panorama."""
        for found, _ in cells(self.root / "splits" / f"{self.part}-19zl.csv", 2, ",", self._expected()):
            extra = {"annotation": found[2]} if len(found) > 2 and found[2] else {}
            yield Pair(
                self.root / found[1],
                ViewKind.PANORAMA,
                (Reference(self.root / found[0]),),
                Path(found[1]).stem,
                self.part,
                attributes=MappingProxyType(extra),
            )

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of both parts."""
        for part, first in (("train", 0), ("val", 100)):
            rows = []
            for i in range(first, first + 4):
                name = f"{seed * 1000 + i:07d}"
                rows.append(f"bingmap/19/{name}.jpg,streetview/panos/{name}.jpg,streetview/annotations/{name}.png")
                miniature.write_jpeg(folder / "bingmap" / "19" / f"{name}.jpg", seed + i)
                miniature.write_jpeg(folder / "streetview" / "panos" / f"{name}.jpg", seed + i + 50)
            (folder / "splits").mkdir(exist_ok=True)
            (folder / "splits" / f"{part}-19zl.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return folder
