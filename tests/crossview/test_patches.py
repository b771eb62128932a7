from __future__ import annotations

from pathlib import Path

from made_ground import LAT, LON, write_ground
from whence.crossview.ground import Ground
from whence.crossview.patches import Patches, Square


def test_the_last_patches_are_kept(tmp_path: Path) -> None:
    patches = Patches(Ground.open(write_ground(tmp_path)).mosaic, 2)
    first = patches.at(Square(LAT, LON, 50.0, 64))
    assert patches.at(Square(LAT, LON, 60.0, 64)) is not first
    assert patches.at(Square(LAT, LON, 50.0, 64)) is first
    patches.at(Square(LAT, LON, 70.0, 64))  # the square of 60 m was asked longest ago
    assert patches.at(Square(LAT, LON, 50.0, 64)) is first
    patches.at(Square(LAT, LON, 60.0, 64))
    patches.at(Square(LAT, LON, 70.0, 64))
    assert patches.at(Square(LAT, LON, 50.0, 64)) is not first
