"""Benchmarks, explanations and answers as files: a header, JSON lines, and pictures under their hashes.

```
DIR/benchmark.json        header: schema, name, sources, counts, config, SHA-256 of items.jsonl
DIR/items.jsonl           an item a line
DIR/explanations.jsonl    reference explanations, one of a teacher in a language a line
DIR/pictures/HASH.png     named by the first half of their SHA-256
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whence.core.errors import ArtifactError, InputError
from whence.earth.tiles.georeference import GeoReference
from whence.evaluate.xbench.types import (
    SCHEMA,
    Answer,
    Header,
    Item,
    Masking,
    PictureEntry,
    ReferenceExplanation,
    Sentence,
    StatedClaim,
    Truth,
    check_schema,
)
from whence.samples.view import ViewKind

HEADER, ITEMS, EXPLANATIONS, PICTURES = "benchmark.json", "items.jsonl", "explanations.jsonl", "pictures"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A benchmark that was opened: its list of items is the one that was frozen.

    Attributes:
        folder: where it is.
        header: what it says of itself.
        items: all items.
    """

    folder: Path
    header: Header
    items: tuple[Item, ...]

    def of_split(self, split: str) -> tuple[Item, ...]:
        """Items of a split."""
        return tuple(item for item in self.items if item.split == split)

    def check_pictures(self) -> int:
        """Hold every picture against its hash; return how many there are.

        Raises:
            ArtifactError: a picture is missing or was changed.
        """
        known = {entry.file: entry.sha256 for item in self.items for entry in (item.query, item.reference)}
        for name, expected in known.items():
            path = self.folder / name
            if not path.is_file():
                raise ArtifactError(f"The picture {str(path)!r} of the benchmark {self.header.name!r} is not there.")
            if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise ArtifactError(
                    f"The picture {str(path)!r} is not the one that the benchmark {self.header.name!r} was frozen "
                    "with. Scores on it would not compare: get the benchmark anew."
                )
        return len(known)


def write_benchmark(folder: Path, header: Mapping[str, Any], items: Sequence[Item]) -> Header:
    """Freeze a benchmark: write its items, then its header with their hash.

    Args:
        folder: whose pictures are written.
        header: fields of `Header` but ``items_sha256``.
        items: in the order in which they are asked.
    """
    text = "".join(_line(_plain_item(item)) for item in items).encode()
    (folder / ITEMS).write_bytes(text)
    made = Header(**header, items_sha256=hashlib.sha256(text).hexdigest())
    content = json.dumps({"schema": SCHEMA, **asdict(made)}, ensure_ascii=False, indent=1)
    (folder / HEADER).write_text(content + "\n", encoding="utf-8")
    return made


def open_benchmark(folder: Path | str) -> Benchmark:
    """Open a benchmark and check that its list of items was not changed.

    Raises:
        InputError: there is no benchmark in the folder.
        ArtifactError: a file is damaged, of another schema, or not the one that was frozen.
    """
    root = Path(folder)
    if not (root / HEADER).is_file():
        raise InputError(
            f"There is no benchmark in {str(root)!r}: it has no {HEADER}. Make one with whence xbench build."
        )
    try:
        held = json.loads((root / HEADER).read_text(encoding="utf-8"))
        check_schema(held.pop("schema", None), str(root / HEADER))
        header = Header(**{**held, "sources": tuple(held["sources"]), "notes": tuple(held["notes"])})
        text = (root / ITEMS).read_bytes()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactError(f"{root / HEADER}: the benchmark is damaged ({error!r}). Build it anew.") from error
    if hashlib.sha256(text).hexdigest() != header.items_sha256:
        raise ArtifactError(
            f"{root / ITEMS} is not the list that the benchmark {header.name!r} was frozen with. Get it anew: "
            "scores on it would not compare."
        )
    return Benchmark(root, header, tuple(_item(json.loads(line)) for line in text.splitlines()))


def write_explanations(folder: Path, found: Iterable[ReferenceExplanation]) -> None:
    """Write reference explanations; those there before are replaced."""
    with (folder / EXPLANATIONS).open("w", encoding="utf-8") as file:
        for item in found:
            file.write(_line(asdict(item)))


def read_explanations(folder: Path) -> tuple[ReferenceExplanation, ...]:
    """Reference explanations of a benchmark; none if it has none.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = folder / EXPLANATIONS
    if not path.is_file():
        return ()
    return tuple(
        ReferenceExplanation(**{**row, "sentences": _sentences(row["sentences"])})
        for row in _rows(path, ("sentences",))
    )


def write_answers(path: Path, found: Iterable[Answer]) -> int:
    """Write answers as they come; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(_line({"schema": SCHEMA, "kind": "answers"}))
        for answer in found:
            file.write(_line(asdict(answer)))
            count += 1
    return count


def read_answers(path: Path) -> tuple[Answer, ...]:
    """Answers of a system.

    Raises:
        InputError: there is no such file.
        ArtifactError: the file is damaged or of another schema.
    """
    rows = _rows(path, ())
    check_schema(next(rows, {}).get("schema"), str(path))
    out = []
    for row in rows:
        try:
            out.append(_answer(row))
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ArtifactError(
                f"{path}: an answer is damaged ({error!r}); see docs/xbench.md for the format."
            ) from error
    return tuple(out)


def _rows(path: Path, required: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"There is no file {str(path)!r}.") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ArtifactError(f"{path}, line {number}: this is no JSON ({error}).") from error
        if not isinstance(row, dict) or any(key not in row for key in required):
            raise ArtifactError(f"{path}, line {number}: an object with {', '.join(required) or 'fields'} is expected.")
        yield row


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _plain_item(item: Item) -> dict[str, Any]:
    return asdict(item)


def _item(row: Mapping[str, Any]) -> Item:
    place = row["georeference"]
    truth = row["truth"]
    return Item(
        **{
            **row,
            "query": _picture(row["query"]),
            "reference": _picture(row["reference"]),
            "georeference": None if place is None else GeoReference(**{**place, "affine": tuple(place["affine"])}),
            "truth": None
            if truth is None
            else Truth(**{**truth, "at_px": _tuple(truth["at_px"]), "transform": _tuple(truth["transform"])}),
        }
    )


def _picture(row: Mapping[str, Any]) -> PictureEntry:
    return PictureEntry(**{**row, "kind": ViewKind(row["kind"])})


def _tuple(values: Sequence[Any] | None) -> Any:
    return None if values is None else tuple(values)


def _sentences(rows: Sequence[Mapping[str, Any]]) -> tuple[Sentence, ...]:
    return tuple(Sentence(row["text"], tuple(row.get("claims", ()))) for row in rows)


def _answer(row: Mapping[str, Any]) -> Answer:
    masking = row.get("masking")
    polygons = ("query_regions", "reference_regions")
    claims = [
        StatedClaim(
            **{
                **claim,
                **{key: tuple(tuple(map(tuple, part)) for part in claim.get(key, ())) for key in polygons},
            }
        )
        for claim in row.get("claims", ())
    ]
    return Answer(
        **{
            **row,
            "transform": _tuple(row.get("transform")),
            "claims": tuple(claims),
            "sentences": {language: _sentences(rows) for language, rows in row.get("sentences", {}).items()},
            "pairs": tuple(map(tuple, row.get("pairs", ()))),
            "masking": None if masking is None else Masking(**{**masking, "others": tuple(masking["others"])}),
        }
    )
