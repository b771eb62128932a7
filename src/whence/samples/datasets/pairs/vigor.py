"""VIGOR: panoramas anywhere on satellite tiles of four cities, with semi-positives and positions inside the tile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import Point, point
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import cells, number
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.tables import first_file, first_folder
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_CITIES = ("Chicago", "NewYork", "SanFrancisco", "Seattle")
_CITIES_OF = {"cross_area_train": ("NewYork", "Seattle"), "cross_area_test": ("Chicago", "SanFrancisco")}
_SPLITS = ("splits__corrected", "splits_corrected", "splits")
_SIDE_PX = 640
_COLUMNS = 13  # the panorama, and four tiles with the panorama's offset in each


@final
class Vigor(PairSet):
    """Reads VIGOR: the tile in whose middle half a panorama stands, and three more tiles that cover it."""

    PARTS = ("same_area_train", "same_area_test", "cross_area_train", "cross_area_test")
    KINDS = (ViewKind.PANORAMA,)
    CARD = DatasetCard(
        title="VIGOR",
        paper="Zhu et al., VIGOR: Cross-View Image Geo-localization beyond One-to-one Retrieval, CVPR 2021; corrected "
        "labels: Lentsch et al., SliceMatch, CVPR 2023",
        licence="on request, for research; pictures are Google's",
        home="https://github.com/Jeff-Zilence/VIGOR, https://github.com/tudelft-iv/SliceMatch",
        size="105,214 panoramas, 90,618 tiles of 640 px at about 0.11 m",
        layout="CITY/panorama/ID,LAT,LON,.jpg and CITY/satellite/satellite_LAT_LON.png for Chicago, NewYork, "
        "SanFrancisco and Seattle, and splits__corrected/CITY/ (or splits/CITY/) with same_area_balanced_train.txt, "
        "same_area_balanced_test.txt, pano_label_balanced.txt (each line: panorama, then four times tile, offset, "
        "offset) and satellite_list.txt.",
        flaws=(
            "The labels first published (splits/) stand on a wrong ground resolution; corrected ones are taken first.",
            "Offsets are read as rows down, then columns with the sign turned; not verified on pictures here.",
            "Panoramas are turned so that the middle column faces north, as the paper says; not verified here.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every panorama of the part; the place is the tile that it belongs to."""
        labels = first_folder(self.root, _SPLITS)
        name = f"same_area_balanced_{self.part.rpartition('_')[2]}" if "same" in self.part else "pano_label_balanced"
        for city in _CITIES_OF.get(self.part, _CITIES):
            index = first_file((labels / city,), (f"{name}.txt", f"{name}__corrected.txt"))
            for found, where in cells(index, _COLUMNS, None, self._expected()):
                spot = _spot(found[0], where)
                numbers = [number(text, where) for i in (2, 5, 8, 11) for text in found[i : i + 2]]
                tiles = [
                    Reference(
                        self.root / city / "satellite" / found[3 * i + 1],
                        positive=i == 0,
                        at_px=(_SIDE_PX / 2 - numbers[2 * i + 1], _SIDE_PX / 2 + numbers[2 * i]),
                        size_px=(_SIDE_PX, _SIDE_PX),
                    )
                    for i in range(4)
                ]
                yield Pair(
                    self.root / city / "panorama" / found[0],
                    ViewKind.PANORAMA,
                    tuple(tiles),
                    f"{city}/{found[1]}",
                    self.part.rpartition("_")[2],
                    spot.lat_deg,
                    spot.lon_deg,
                    heading_deg=0.0,
                    attributes={"city": city, "labels": labels.name},
                )

    def gallery(self) -> Iterator[Path]:
        """Yield all tiles of the part's cities, also those without a panorama."""
        labels = first_folder(self.root, _SPLITS)
        for city in _CITIES_OF.get(self.part, _CITIES):
            for found, _ in cells(labels / city / "satellite_list.txt", 1, None, self._expected()):
                yield self.root / city / "satellite" / found[0]

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of the four cities: three panoramas and five tiles each."""
        draw = np.random.default_rng(seed)
        for place, city in enumerate(_CITIES):
            lat, lon = 40.0 + place, -75.0 - place
            tiles = [f"satellite_{lat + 0.001 * i:.6f}_{lon:.6f}.png" for i in range(5)]
            rows = []
            for i in range(3):
                name = f"p{seed:02d}{place}{i},{lat + draw.uniform(0, 1e-3):.6f},{lon:.6f},.jpg"
                offsets = np.round(draw.uniform(-160, 160, (4, 2)), 2)
                near = [tiles[(i + step) % 5] for step in range(4)]
                rows.append(" ".join([name, *(f"{t} {a} {b}" for t, (a, b) in zip(near, offsets, strict=True))]))
                miniature.write_picture(folder / city / "panorama" / name, seed + 10 * place + i)
            for i, tile in enumerate(tiles):
                miniature.write_picture(folder / city / "satellite" / tile, seed + 100 + 10 * place + i)
            lists = folder / "splits__corrected" / city
            lists.mkdir(parents=True)
            (lists / "satellite_list.txt").write_text("\n".join(tiles) + "\n", encoding="utf-8")
            whole = {
                "pano_label_balanced": rows,
                "same_area_balanced_train": rows[:2],
                "same_area_balanced_test": rows[2:],
            }
            for name, held in whole.items():
                (lists / f"{name}.txt").write_text("\n".join(held) + "\n", encoding="utf-8")
        return folder


def _spot(name: str, where: str) -> Point:
    """The place in the name of a panorama.

    Raises:
        InputError: the name holds none.
    """
    parts = name.rsplit(",", 3)
    if len(parts) != 4:
        raise InputError(f"{where}: the panorama {name!r} is not named ID,LAT,LON,.jpg.")
    try:
        return point(number(parts[1], where), number(parts[2], where))
    except CoordinateError as error:
        raise InputError(f"{where}: {error}") from error
