"""GeoComp: panoramas from a guessing game; 500 of them are the published test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from whence.core.errors import InputError
from whence.core.optional import optional_import
from whence.samples.datasets import miniature
from whence.samples.datasets.tables import Row, first_folder, read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample
from whence.samples.view import ViewKind

_INDEX, _SELECTED = "panoids_with_coords.csv", "selected_panoids"
_IMAGES = ("images", "panoramas", "imgs")
_COLUMNS = ("nation", "panoID", "lat", "lng")
_HEADERS = frozenset({"panoid", "panoids", "nation", ""})


@final
class GeoComp(Dataset):
    """Reads the panoramas of GeoComp by a list with coordinates, or by the records of games that were published."""

    PARTS = ("test", "all")
    KIND = ViewKind.PANORAMA
    CARD = DatasetCard(
        title="GeoComp (Tuxun)",
        paper="Song et al., Geolocation with Real Human Gameplay Data: A Large-Scale Dataset and Human-Like Reasoning "
        "Framework, 2025, arXiv:2502.13759",
        licence="MIT, as the publishers state it for the repository; the panoramas are Google's and not part of it",
        home="https://huggingface.co/datasets/ShirohAO/tuxun (data/*.parquet, selected_panoids), "
        "https://github.com/ziruiSongBest/Geocomp (evaluation)",
        size="25 million records of games at some 3 million places; 500 panoramas in the test",
        layout="panoids_with_coords.csv (nation, panoID, lat, lng), as the publishers' script writes it, or "
        "data/*.parquet (data: JSON with rounds of nation, panoId, lat, lng), which needs whence[scale]; "
        "selected_panoids (an id a line, the test); and the pictures in images/, panoramas/ or imgs/, as PANOID.jpg or "
        "PANOID_panoramic.jpg.",
        flaws=(
            "The panoramas must be had from Google; those that were taken down since are missing.",
            "The published reference answers name at least one panorama twice; the reader yields it once.",
            "Reference answers are sentences that end with a town, a country and a continent, without coordinates.",
            "Country names in the records are Chinese.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield every panorama once: the selected ones for the part ``test``, if there is a list of them."""
        folder = first_folder(self.root, _IMAGES)
        wanted = self._selected() if self.part == "test" else None
        seen: set[str] = set()
        for row in self._rows():
            name = (row.values["panoID"] or "").strip()
            if name in seen or not name or (wanted is not None and name not in wanted):
                continue
            seen.add(name)
            spot = row.place("lat", "lng")
            names = (folder / f"{name}.jpg", folder / f"{name}_panoramic.jpg")
            picture = next((path for path in names if path.is_file()), names[0])
            yield Sample(picture, spot.lat_deg, spot.lon_deg, None, None, row.rest(("lat", "lng")))

    def _rows(self) -> Iterator[Row]:
        index = self.root / _INDEX
        games = sorted((self.root / "data").glob("*.parquet"))
        if games and not index.is_file():
            return _rounds(games)
        return read_rows(index, _COLUMNS, self._expected())

    def _selected(self) -> frozenset[str] | None:
        path = next((item for item in (self.root / _SELECTED, self.root / f"{_SELECTED}.txt") if item.is_file()), None)
        if path is None:
            return None
        cells = (line.strip().strip('"').split(",")[-1].strip() for line in path.read_text("utf-8-sig").splitlines())
        return frozenset(cell for cell in cells if cell.lower() not in _HEADERS)

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of six panoramas, five of them in the test; one stands twice in the list."""
        names = [f"pano_{i}-{seed:04d}" for i in range(6)]
        nations = ("法国", "澳大利亚", "日本", "肯尼亚", "美国", "秘鲁")
        places = miniature.places(6, seed)
        rows = [(nations[i], names[i], *places[i]) for i in (*range(6), 0)]
        for i, name in enumerate(names):
            miniature.write_jpeg(folder / "images" / f"{name}.jpg", seed + i)
        miniature.write_table(folder / _INDEX, _COLUMNS, rows)
        (folder / _SELECTED).write_text("\n".join(names[:5]) + "\n", encoding="utf-8")
        return folder


def _rounds(files: list[Path]) -> Iterator[Row]:
    """The rounds of all games, as rows of the list.

    Raises:
        InputError: a file has no column ``data`` or a record is no JSON.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = optional_import("pyarrow.parquet", extra="scale", purpose="read the records of GeoComp")
    for path in files:
        file = parquet.ParquetFile(path)
        if "data" not in file.schema_arrow.names:
            raise InputError(f"{path}: there is no column 'data'; it has {', '.join(file.schema_arrow.names)}.")
        number = 0
        for batch in file.iter_batches(columns=["data"], batch_size=1024):
            for text in batch.column(0).to_pylist():
                number += 1
                yield from _rounds_of(text, f"{path}, record {number}")


def _rounds_of(text: Any, where: str) -> Iterator[Row]:
    try:
        game = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"{where}: the column 'data' is no JSON ({error}).") from error
    rounds = game.get("rounds") if isinstance(game, dict) else None
    for item in rounds or ():
        if isinstance(item, dict) and item.get("panoId") and item.get("lat") is not None:
            values = {
                "panoID": item["panoId"],
                "nation": item.get("nation"),
                "lat": item["lat"],
                "lng": item.get("lng"),
            }
            yield Row({key: "" if value is None else str(value) for key, value in values.items()}, where)
