"""EarthWhere: street-level riddles and panoramas that ask for a country, made for vision-language models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from whence.core.errors import InputError
from whence.samples.datasets import miniature
from whence.samples.datasets.tables import Row, first_folder, read_rows
from whence.samples.datasets.types import Dataset, DatasetCard, Sample

COORDINATES = "latitude & longitude"
"""The answer type of the questions that ask for a point; the others ask for a name."""

_STREET, _COUNTRY = Path("wherestreet") / "all.csv", Path("wherecountry") / "wherecountry_500.csv"
_STREET_COLUMNS = ("BVID", "key_clues", "answer", "answer_type", "hint")
_COUNTRY_COLUMNS = ("nation", "panoID", "options", "answer-type")
_PART_OF_VIDEO = re.compile(r"_\d+$")


@dataclass(frozen=True, slots=True)
class Question:
    """One question of EarthWhere, whether or not its answer is a point.

    Attributes:
        path: of the picture.
        task: ``street`` or ``country``.
        answer: the right one, as text: names from fine to coarse, a country, or ``latitude, longitude``.
        answer_type: how fine an answer is asked for, such as ``city``, ``street`` or `COORDINATES`.
        options: the countries to choose from, the right one first; empty for the task ``street``.
        hints: what is told with the picture.
        clues: what a human used to find it.
    """

    path: Path
    task: str
    answer: str
    answer_type: str
    options: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    clues: tuple[str, ...] = ()


@final
class EarthWhere(Dataset):
    """Reads the questions whose answer is a point as samples, and all of them as `Question`s."""

    PARTS = ("street",)
    CARD = DatasetCard(
        title="EarthWhere",
        paper="Qian et al., Where on Earth? A Vision-Language Benchmark for Probing Model Geolocation Skills Across "
        "Scales, 2025, arXiv:2510.10880",
        licence="CC BY 4.0, as the publishers state it; frames are from videos of others, permission asked for",
        home="https://github.com/UCSC-VLAA/EarthWhere, https://huggingface.co/datasets/tonyqian/EarthWhere",
        size="310 street-level pictures, some of them with coordinates, and 500 panoramas with a country",
        layout="wherestreet/all.csv (BVID, key_clues, answer, answer_type, hint) with wherestreet/imgs/BVID.jpg, and "
        "for the countries wherecountry/wherecountry_500.csv (nation, panoID, options, answer-type) with "
        "wherecountry/imgs/PANOID_panoramic.jpg; here or in WhereBench/.",
        flaws=(
            "Only questions of the type 'latitude & longitude' have coordinates; the others name a place.",
            "Coordinates may have two decimals, about a kilometre, while the score falls to a third within 100 m.",
            "Many street-level pictures are of China and come with a hint that says so.",
            "Countries are written as people do (U.K., UAE, Swaziland), and some wrong options are far away.",
            "Names and videos can be found on the web: systems that search may find the answer itself.",
        ),
    )

    def listed(self) -> Iterator[Sample]:
        """Yield the street-level questions that ask for a point; parts of one video share a group."""
        base = self._base()
        for row in read_rows(base / _STREET, _STREET_COLUMNS, self._expected()):
            if row.text("answer_type") != COORDINATES:
                continue
            spot = _parted(row).place("latitude", "longitude")
            name = row.values["BVID"]
            group = _PART_OF_VIDEO.sub("", name)
            picture = base / _STREET.parent / "imgs" / f"{name}.jpg"
            yield Sample(picture, spot.lat_deg, spot.lon_deg, None, group, row.rest(("BVID", "answer")))

    def questions(self, task: str = "") -> Iterator[Question]:
        """Yield all questions, of ``street``, of ``country``, or of both if empty.

        Raises:
            InputError: there is no such task, an index is missing or of another layout, or a row is damaged.
        """
        if task not in {"", "street", "country"}:
            raise InputError(f"EarthWhere has the tasks street and country, received {task!r}.")
        base = self._base()
        if task != "country":
            for row in read_rows(base / _STREET, _STREET_COLUMNS, self._expected()):
                picture = base / _STREET.parent / "imgs" / f"{row.values['BVID']}.jpg"
                told = _texts(row, "hint"), _texts(row, "key_clues")
                yield Question(picture, "street", row.values["answer"].strip(), row.values["answer_type"], (), *told)
        if task != "street":
            for row in read_rows(base / _COUNTRY, _COUNTRY_COLUMNS, self._expected()):
                nation = row.values["nation"].strip()
                picture = base / _COUNTRY.parent / "imgs" / f"{row.values['panoID']}_panoramic.jpg"
                options = (nation, *_texts(row, "options"))
                yield Question(picture, "country", nation, row.values["answer-type"], options)

    def _base(self) -> Path:
        inner = first_folder(self.root, ("WhereBench",))
        return inner if inner.is_dir() else self.root

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature: five pictures with coordinates, two with names, and two panoramas."""
        street = folder / _STREET.parent
        rows: list[tuple[object, ...]] = [
            (f"BV1aa4y1a{i // 2:03d}_{i % 2 + 1}", f'["clue {i}"]', f"{lat}, {lon}", COORDINATES, '["A hint."]')
            for i, (lat, lon) in enumerate(miniature.places(5, seed))
        ]
        rows.append(("BV1bb4y1a001", "[]", "Liuzhou, Guangxi, China", "city", '["The image is taken in China"]'))
        rows.append(("BV1bb4y1a002", '["Dry hills."]', "Peru", "country", "[]"))
        for i, row in enumerate(rows):
            miniature.write_jpeg(street / "imgs" / f"{row[0]}.jpg", seed + i)
        miniature.write_table(folder / _STREET, _STREET_COLUMNS, rows)
        panoramas = [("Portugal", f"pano-{seed}", "['Spain', \"Côte d'Ivoire\", 'France']", "country")]
        panoramas.append(("Peru", f"panp-{seed}", "['Chile', 'Bolivia', 'Ecuador']", "country"))
        for i, panorama in enumerate(panoramas):
            miniature.write_jpeg(folder / _COUNTRY.parent / "imgs" / f"{panorama[1]}_panoramic.jpg", seed + 100 + i)
        miniature.write_table(folder / _COUNTRY, _COUNTRY_COLUMNS, panoramas)
        return folder


def _parted(row: Row) -> Row:
    """The row with the two numbers of its answer in columns of their own."""
    numbers = row.values["answer"].strip().strip("()").split(",")
    if len(numbers) != 2:
        raise InputError(f"{row.where}: the answer {row.values['answer']!r} must be a latitude and a longitude.")
    return Row({"latitude": numbers[0], "longitude": numbers[1]}, row.where)


def _texts(row: Row, column: str) -> tuple[str, ...]:
    """A list of texts, written as Python or JSON writes it; a bare text is a list of one."""
    text = row.values[column].strip()
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = text
    return tuple(map(str, found)) if isinstance(found, list) else ((str(found),) if found else ())
