"""GTA-UAV: drone pictures from a game, matched to any tile that they overlap, by how much."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import records
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_REQUIRED = ("drone_img_dir", "drone_img_name", "drone_loc_x_y", "sate_img_dir", "pair_pos_sate_img_list",
             "pair_pos_sate_weight_list")  # fmt: skip
_TILE_PX = 256
_SIDE_AT_ZOOM_4_M = 691.2
"""Side of a tile of zoom 4 in units of the game, from the published centres: zoom 5, column 10 is at 10.5 × 345.6."""


@final
class GtaUav(PairSet):
    """Reads GTA-UAV; semi-positives follow the positives, each with the overlap that is published as its weight."""

    PARTS = ("cross_area_train", "cross_area_test", "same_area_train", "same_area_test")
    KINDS = (ViewKind.DRONE,)
    CARD = DatasetCard(
        title="GTA-UAV",
        paper="Ji et al., Game4Loc: A UAV Geo-Localization Benchmark from Game Data, AAAI 2025, arXiv:2409.16925",
        licence="Apache-2.0, as the publishers state it; pictures of a commercial game",
        home="https://github.com/Yux1angJi/GTA-UAV, https://huggingface.co/datasets/Yux1ang/GTA-UAV-LR",
        size="33,763 drone pictures, 14,640 tiles of four zooms",
        layout="cross-area-drone2sate-train.json, cross-area-drone2sate-test.json, same-area-drone2sate-train.json or "
        "same-area-drone2sate-test.json (a list of objects with drone_img_dir, drone_img_name, drone_loc_x_y, "
        "sate_img_dir, pair_pos_sate_img_list, pair_pos_sate_weight_list, pair_pos_semipos_sate_… and "
        "drone_metadata), drone/images/ and satellite/.",
        flaws=(
            "A game, not the Earth: places are in the game's units, and no latitude or longitude exists.",
            "What the camera's yaw counts from is not stated; it is left among the attributes.",
            "Positions inside a tile are worked out here from its name and centre; they are not published as such.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every drone picture of the part; the place is its best tile."""
        index = self.root / f"{self.part.replace('_', '-', 1).replace('_', '-drone2sate-')}.json"
        for item, where in records(index, _REQUIRED, self._expected()):
            references = _references(self.root / item["sate_img_dir"], item, where)
            if not references:
                continue
            about: Mapping[str, Any] = item.get("drone_metadata") or {}
            x, y = item["drone_loc_x_y"]
            said = {"x": x, "y": y, "cam_yaw_deg": about.get("cam_yaw"), "cam_roll_deg": about.get("cam_roll")}
            yield Pair(
                self.root / item["drone_img_dir"] / item["drone_img_name"],
                ViewKind.DRONE,
                references,
                references[0].path.stem,
                self.part.rpartition("_")[2],
                altitude_m=about.get("height"),
                attributes={key: str(value) for key, value in said.items() if value is not None},
            )

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of all four parts: four drone pictures each over tiles of two zooms."""
        draw = np.random.default_rng(seed)
        for number, part in enumerate(cls.PARTS):
            rows = []
            for i in range(4):
                column, row = 10 + 2 * i, 20 + number
                x, y = (column + draw.uniform(0.3, 0.7)) * 345.6, (row + draw.uniform(0.3, 0.7)) * 345.6
                best, coarse = f"5_{column}_{row}.png", f"4_{column // 2}_{row // 2}.png"
                name = f"500_0001_{seed:04d}{number}{i:05d}.png"
                for side, picture in (("drone/images", name), ("satellite", best), ("satellite", coarse)):
                    miniature.write_picture(folder / side / picture, seed + 10 * number + i)
                rows.append({
                    "drone_img_dir": "drone/images", "drone_img_name": name, "drone_loc_x_y": [x, y],
                    "sate_img_dir": "satellite", "pair_pos_sate_img_list": [best],
                    "pair_pos_sate_weight_list": [0.58], "pair_pos_semipos_sate_img_list": [coarse, best],
                    "pair_pos_semipos_sate_weight_list": [0.26, 0.58],
                    "drone_metadata": {"height": 501.8, "cam_roll": -85.4, "cam_yaw": 41.0},
                })  # fmt: skip
            name = f"{part.replace('_', '-', 1).replace('_', '-drone2sate-')}.json"
            (folder / name).write_text(json.dumps(rows), encoding="utf-8")
        return folder


def _references(folder: Path, item: Mapping[str, Any], where: str) -> tuple[Reference, ...]:
    positive = dict(zip(item["pair_pos_sate_img_list"], item["pair_pos_sate_weight_list"], strict=False))
    both = dict(
        zip(
            item.get("pair_pos_semipos_sate_img_list") or (),
            item.get("pair_pos_semipos_sate_weight_list") or (),
            strict=False,
        )
    )
    ranked = sorted({**both, **positive}.items(), key=lambda entry: (entry[0] not in positive, -float(entry[1])))
    x, y = (float(value) for value in item["drone_loc_x_y"])
    return tuple(
        Reference(
            folder / name,
            overlap=float(weight),
            positive=name in positive,
            at_px=_inside(name, x, y, where),
            size_px=(_TILE_PX, _TILE_PX),
        )
        for name, weight in ranked
    )


def _inside(name: str, x: float, y: float, where: str) -> tuple[float, float]:
    """Where a place of the game lies in a tile named zoom_column_row or zoom_level_column_row, pixels.

    Raises:
        InputError: the name is another.
    """
    parts = Path(name).stem.split("_")
    if len(parts) not in {3, 4} or not all(part.isdecimal() for part in parts):
        raise InputError(f"{where}: the tile {name!r} is not named ZOOM_COLUMN_ROW or ZOOM_LEVEL_COLUMN_ROW.")
    side = _SIDE_AT_ZOOM_4_M * 2.0 ** (4 - int(parts[0]))
    return (x / side - int(parts[-2])) * _TILE_PX, (y / side - int(parts[-1])) * _TILE_PX
