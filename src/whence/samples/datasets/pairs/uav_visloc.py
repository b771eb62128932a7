"""UAV-VisLoc: drone pictures of eleven flights in China, each with one large satellite map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.earth.coordinates import Bounds
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.listing import folders
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.tables import first_file, read_rows
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_RANGES = ("satellite_ coordinates_range.csv", "satellite_coordinates_range.csv")
_CORNERS = ("mapname", "LT_lat_map", "LT_lon_map", "RB_lat_map", "RB_lon_map")
_COLUMNS = ("filename", "lat", "lon", "height")
_HEADER = ("num", "filename", "date", "lat", "lon", "height", "Omega", "Kappa", "Phi1", "Phi2")


@final
class UavVisLoc(PairSet):
    """Reads UAV-VisLoc; the reference of every picture of a flight is the flight's map, with its edges."""

    PARTS = ("all",)
    KINDS = (ViewKind.DRONE,)
    CARD = DatasetCard(
        title="UAV-VisLoc",
        paper="Xu et al., UAV-VisLoc: A Large-scale Dataset for UAV Visual Localization, 2024, arXiv:2405.11936",
        licence="not stated by the publishers",
        home="https://github.com/IntelliSensing/UAV-VisLoc",
        size="6,742 drone pictures, 11 satellite maps",
        layout="'satellite_ coordinates_range.csv' (mapname, LT_lat_map, LT_lon_map, RB_lat_map, RB_lon_map, region; "
        "its name has a blank), and for each flight NN NN/NN.csv (num, filename, date, lat, lon, height, Omega, Kappa, "
        "Phi1, Phi2), NN/drone/NN_MMMM.JPG and NN/satelliteNN.tif.",
        flaws=(
            "Phi1 is given as heading; users report flights for which it is turned by 180 degrees. Not verified here.",
            "lat and lon are the drone's, not those of the ground in the picture's middle.",
            "The map of one flight is published in four pieces, satellite09_01-01.tif and so on: join them first.",
            "Maps and flights are years apart in places.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every drone picture; the place is its file's name, as no two are of the same."""
        ranges = self._ranges()
        for flight in folders(self.root, self._expected()):
            index = flight / f"{flight.name}.csv"
            if not index.is_file() and not (flight / "drone").is_dir():
                continue
            name = f"satellite{flight.name}.tif"
            bounds = ranges.get(name) or ranges.get(f"{flight.name}.tif")
            if bounds is None:
                raise InputError(f"{self.CARD.title}: the list of maps has no {name}. {self._expected()}")
            for row in read_rows(index, _COLUMNS, self._expected()):
                spot = row.place("lat", "lon")
                heading = row.number("Phi1")
                yield Pair(
                    flight / "drone" / row.values["filename"].strip(),
                    ViewKind.DRONE,
                    (Reference(flight / name, bounds=bounds),),
                    Path(row.values["filename"].strip()).stem,
                    "",
                    spot.lat_deg,
                    spot.lon_deg,
                    None if heading is None else heading % 360.0,
                    row.number("height"),
                    attributes=row.rest(("lat", "lon", "height", "filename")),
                )

    def _ranges(self) -> Mapping[str, Bounds]:
        found = {}
        for row in read_rows(first_file((self.root,), _RANGES), _CORNERS, self._expected()):
            top, bottom = row.place("LT_lat_map", "LT_lon_map"), row.place("RB_lat_map", "RB_lon_map")
            found[row.values["mapname"].strip()] = Bounds(
                south=bottom.lat_deg, north=top.lat_deg, west=top.lon_deg, east=bottom.lon_deg
            )
        return found

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of two flights of three pictures."""
        maps = []
        for number, (lat, lon) in enumerate(miniature.places(2, seed), 1):
            name = f"{number:02d}"
            maps.append((f"satellite{name}.tif", lat + 0.01, lon - 0.01, lat - 0.01, lon + 0.01, f"flight {name}"))
            miniature.write_picture(folder / name / f"satellite{name}.tif", seed + number)
            rows = []
            for i in range(1, 4):
                picture = f"{name}_{i:04d}.JPG"
                miniature.write_jpeg(folder / name / "drone" / picture, seed + 10 * number + i)
                date = f"2018-09-28T11:47:{i:02d}+08:00"
                rows.append((i, picture, date, round(lat + i * 1e-3, 6), lon, 466.0, 0.1, -0.2, -90.0 + i, 90.0))
            miniature.write_table(folder / name / f"{name}.csv", _HEADER, rows)
        miniature.write_table(folder / _RANGES[0], (*_CORNERS, "region"), maps)
        return folder
