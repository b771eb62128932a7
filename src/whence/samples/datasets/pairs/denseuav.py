"""DenseUAV: drone pictures every 20 m over fourteen campuses, from three heights, with coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, final

from whence.core.errors import CoordinateError, InputError
from whence.earth.coordinates import point
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import cells, folders, number, pictures
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.tables import first_file
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_SIDES = {"train": ("train/drone", "train/satellite"), "test": ("test/query_drone", "test/gallery_satellite")}


class _Fix(NamedTuple):
    lat_deg: float
    lon_deg: float
    height_m: float | None


@final
class DenseUav(PairSet):
    """Reads DenseUAV; the satellite pictures of a spot, recent and older, are its references."""

    PARTS = ("train", "test")
    KINDS = (ViewKind.DRONE,)
    CARD = DatasetCard(
        title="DenseUAV",
        paper="Dai et al., Vision-Based UAV Self-Positioning in Low-Altitude Urban Environments, IEEE TIP 2024, "
        "arXiv:2201.09201",
        licence="on request; Apache-2.0 for the repository",
        home="https://github.com/Dmmm1997/DenseUAV",
        size="6,768 drone pictures of 2,256 spots to train, 2,331 of 777 to test, 18,198 satellite pictures",
        layout="Dense_GPS_train.txt, Dense_GPS_test.txt or Dense_GPS_ALL.txt (path, E and longitude, N and latitude, "
        "height, by blanks), train/drone/ID/H80.JPG, H90.JPG, H100.JPG, train/satellite/ID/H80.tif, H80_old.tif …, "
        "test/query_drone/ID/ and test/gallery_satellite/ID/.",
        flaws=(
            "The two published descriptions of the list name its columns in different orders; E and N tell them.",
            "Neighbouring spots overlap: a miss by one spot is 20 m.",
            "The height that is stated is the flight's, which is above the point of start.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every drone picture of the part; the place is the number of the spot."""
        fixes = self._fixes()
        views, tiles = (self.root / side for side in _SIDES[self.part])
        for spot in folders(views, self._expected()):
            held = pictures(tiles / spot.name)
            for path in pictures(spot):
                level = [item for item in held if item.stem.removesuffix("_old") == path.stem]
                if not level:
                    raise InputError(
                        f"{self.CARD.title}: {str(tiles / spot.name)!r} holds no picture {path.stem}.tif of the same "
                        f"height as {str(path)!r}. {self._expected()}"
                    )
                level.sort(key=lambda item: item.stem.endswith("_old"))
                fix = fixes.get((spot.name, path.stem.lower()))
                if fix is None:
                    raise InputError(f"{self.CARD.title}: the list of positions lacks {spot.name}/{path.stem}.")
                yield Pair(
                    path,
                    ViewKind.DRONE,
                    tuple(Reference(item) for item in level),
                    spot.name,
                    self.part,
                    fix.lat_deg,
                    fix.lon_deg,
                    altitude_m=fix.height_m,
                )

    def gallery(self) -> Iterator[Path]:
        """Yield all satellite pictures of the part, also those of spots that are not asked for."""
        for spot in folders(self.root / _SIDES[self.part][1], self._expected()):
            yield from pictures(spot)

    def _fixes(self) -> Mapping[tuple[str, str], _Fix]:
        """Positions by number of the spot and name of the picture without its suffix, in small letters."""
        index = first_file((self.root,), (f"Dense_GPS_{self.part}.txt", "Dense_GPS_ALL.txt"))
        found = {}
        for row, where in cells(index, 3, None, self._expected()):
            path = Path(row[0])
            by_letter = {cell[0]: cell[1:] for cell in row[1:] if cell[:1] in {"E", "N"}}
            if set(by_letter) != {"E", "N"}:
                raise InputError(
                    f"{where}: a longitude after E and a latitude after N are expected. {self._expected()}"
                )
            height = next((number(cell, where) for cell in row[1:] if cell[:1] not in {"E", "N"}), None)
            try:
                spot = point(number(by_letter["N"], where), number(by_letter["E"], where))
            except CoordinateError as error:
                raise InputError(f"{where}: {error}") from error
            found[path.parent.name, path.stem.lower()] = _Fix(spot.lat_deg, spot.lon_deg, height)
        return found

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of two spots a part, at three heights."""
        every = []
        for part, (views, tiles) in _SIDES.items():
            rows = []
            for place, (lat, lon) in enumerate(miniature.places(2, seed + len(part))):
                name = f"{place + (0 if part == 'train' else 2256):06d}"
                for height in (80, 90, 100):
                    start = seed + 10 * place + height
                    miniature.write_jpeg(folder / views / name / f"H{height}.JPG", start)
                    miniature.write_picture(folder / tiles / name / f"H{height}.tif", start + 1)
                    miniature.write_picture(folder / tiles / name / f"H{height}_old.tif", start + 2)
                    rows.append(f"{views}/{name}/H{height}.JPG E{lon} N{lat} {height + 5.5}")
            (folder / f"Dense_GPS_{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
            every += rows
        (folder / "Dense_GPS_ALL.txt").write_text("\n".join(every) + "\n", encoding="utf-8")
        return folder
