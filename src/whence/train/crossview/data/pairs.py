"""Pair sets: views with the satellite pictures of their places, from any reader of `whence.samples.datasets.pairs`.

A table of one's own does as well: a CSV file with the columns ``query``, ``kind``, ``satellite``, and, where known,
``place``, ``lat_deg``, ``lon_deg``, ``split``, ``overlap`` and ``ref_x``, ``ref_y``. Pictures are decoded once and kept
small.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import UInt8

from whence.core.config import fingerprint
from whence.core.errors import InputError, OptionError, unknown_name
from whence.encode.preprocessing import Preprocessing
from whence.samples.datasets.pairs import Pair, PairSet, Reference, pair_sets
from whence.samples.datasets.pairs.types import Window
from whence.samples.reader import read_view
from whence.samples.view import ViewKind
from whence.train.crossview.data.cache import pixels_once
from whence.train.crossview.data.types import SATELLITE, CrossViewData, CrossViewParts, Part, Pictures

Shown = tuple[Path, Window | None]
"""A picture, or a part of it."""

_COLUMNS = ("query", "kind", "satellite")
_PIECE = 64
_LEAST = 2


@dataclass(frozen=True)
class Config:
    """Settings of pair sets."""

    sets: str = ""
    "Readers and folders, NAME=FOLDER or NAME:TRAIN_PART:TEST_PART=FOLDER, separated by semicolons; empty with a table."
    train_part: str = "train"
    "Part that is learned from where a set names none; some of its places validate."
    test_part: str = "test"
    "Part that is reported where a set names none; the validating places again where it has no such part."
    table: str = ""
    "CSV file of pairs, with paths beside it; rows whose split is test are reported, all others train."
    side_px: int = 224
    "Pictures are squeezed to squares of this side."
    validation_share: float = 0.1
    "Share of the training places that validates."
    limit: int = 0
    "Take this many pairs of each part at random; 0 for all."
    cache: str = ""
    "Folder of the decoded pictures; the user's cache folder if empty."


@final
class Pairs(CrossViewData):
    """Pairs of any published set, or of a table."""

    CONFIG: ClassVar[type] = Config

    def __init__(self, config: Config) -> None:
        if bool(config.sets) == bool(config.table):
            raise OptionError(
                "Pairs come from readers or from a table: set data.sets (name=folder, separated by semicolons) or "
                "data.table (a CSV file), and not both."
            )
        if config.side_px < 1 or not 0 < config.validation_share < 1 or config.limit < 0:
            raise OptionError(
                f"side_px ≥ 1, 0 < validation_share < 1 and limit ≥ 0 are needed, received {config.side_px}, "
                f"{config.validation_share} and {config.limit}."
            )
        self.config = config

    def load(self, seed: int) -> CrossViewParts:
        """List the pairs, hold some places out for validation, decode every picture once."""
        if self.config.table:
            train, test, card = self._of_table()
        else:
            train, test, card = self._of_sets()
        draw = np.random.default_rng([seed, 0])
        train, test = (_some(pairs, self.config.limit, draw) for pairs in (train, test))
        places = sorted({pair.place for pair in train})
        held_count = max(_LEAST, round(self.config.validation_share * len(places)))
        held = set(draw.permutation(np.asarray(places, object))[:held_count].tolist())
        validation = [pair for pair in train if pair.place in held]
        learned = [pair for pair in train if pair.place not in held]
        chosen = (learned, validation, test or validation)
        train_part, validation_part, test_part = (self._part(pairs) for pairs in chosen)
        parts = {"train": train_part, "validation": validation_part, "test": test_part}
        variants = {name for part in parts.values() for name in part.pictures}
        facts = {f"{name}_places": len(part) for name, part in parts.items()}
        return CrossViewParts(
            train_part,
            validation_part,
            test_part,
            kinds={name: ViewKind(name) for name in sorted(variants)},
            card=f"{len(learned):,} pairs of {len(train_part):,} places: {card}. Seed {seed}.",
            registered=False,
            facts=facts | {"tested_on": "the test part" if test else "the validating places"},
        )

    def _of_sets(self) -> tuple[list[Pair], list[Pair], str]:
        train: list[Pair] = []
        test: list[Pair] = []
        cards = []
        for item in filter(None, (part.strip() for part in self.config.sets.split(";"))):
            named, equals, root = item.partition("=")
            name, *own = (part.strip() for part in named.split(":"))
            if not equals or len(own) not in (0, 2):
                raise OptionError(
                    "data.sets takes NAME=FOLDER or NAME:TRAIN_PART:TEST_PART=FOLDER, separated by semicolons; "
                    f"received {item!r}."
                )
            kind = pair_sets().load(name)
            learned, reported = own or (self.config.train_part, self.config.test_part)
            for part in (learned, *own):
                if part not in kind.PARTS:
                    raise unknown_name(f"part of {name}", part, kind.PARTS)
            train += _of_set(name, kind(root, learned, skip_missing=True))
            if reported in kind.PARTS:
                test += _of_set(name, kind(root, reported, skip_missing=True))
            cards.append(f"{kind.CARD.title} ({kind.CARD.licence})")
        return train, test, ", ".join(cards)

    def _of_table(self) -> tuple[list[Pair], list[Pair], str]:
        path = Path(self.config.table)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"The table of pairs {path} cannot be read ({error}).") from error
        lacking = [name for name in _COLUMNS if not rows or name not in rows[0]]
        if lacking:
            raise InputError(f"The table of pairs {path} lacks rows or the columns {', '.join(lacking)}.")
        pairs = [_of_row(row, path.parent, i) for i, row in enumerate(rows)]
        test = [pair for pair in pairs if pair.split == "test"]
        return [pair for pair in pairs if pair.split != "test"], test, f"the table {path.name}"

    def _part(self, pairs: Sequence[Pair]) -> Part:
        if not pairs:
            raise InputError("A part of the pairs is empty: give more pairs, or another part or share.")
        numbers = {place: i for i, place in enumerate(sorted({pair.place for pair in pairs}))}
        lat, lon = (np.full(len(numbers), np.nan) for _ in range(2))
        files: dict[str, list[Shown]] = {SATELLITE: []}
        of: dict[str, list[int]] = {SATELLITE: []}
        overlaps: dict[str, list[float]] = {}
        insides: dict[str, list[tuple[float, float]]] = {}
        seen: set[tuple[Shown, int]] = set()
        for pair in pairs:
            number, name, best = numbers[pair.place], pair.query_kind.value, pair.positives[0]
            if pair.lat_deg is not None and pair.lon_deg is not None:
                lat[number], lon[number] = pair.lat_deg, pair.lon_deg
            files.setdefault(name, []).append((pair.query, pair.window))
            of.setdefault(name, []).append(number)
            overlaps.setdefault(name, []).append(float("nan") if best.overlap is None else best.overlap)
            insides.setdefault(name, []).append(_inside(best))
            from_above = (best.path, best.window)
            if (from_above, number) not in seen:
                seen.add((from_above, number))
                files[SATELLITE].append(from_above)
                of[SATELLITE].append(number)
        pictures = {}
        for name, shown in files.items():
            shares = np.asarray(overlaps.get(name, [np.nan]), np.float64)
            known = shares if np.isfinite(shares).all() else None
            pixels = self._decoded(shown)
            place = np.asarray(of[name], np.int64)
            shares = np.asarray(insides.get(name, []), np.float64).reshape(-1, 2)
            if name != SATELLITE:  # of two pictures of a place it is not known which one a batch shows
                shares[np.bincount(of[SATELLITE])[place] > 1] = np.nan
            inside = shares if np.isfinite(shares).any() else None
            pictures[name] = Pictures(pixels, place, np.ones(len(shown), bool), known, inside)
        return Part(pictures, lat, lon)

    def _decoded(self, shown: Sequence[Shown]) -> UInt8[np.ndarray, "n s s 3"]:
        side = self.config.side_px
        how = Preprocessing(crop_px=side, resize_px=side, resize="squash", filter="bilinear")

        def blocks() -> Iterator[UInt8[np.ndarray, "_ s s 3"]]:
            read = lru_cache(maxsize=1)(lambda path: read_view(path).pixels)  # windows of a large map follow each other
            for start in range(0, len(shown), _PIECE):
                yield np.stack([how.fit(_seen(read(path), window)) for path, window in shown[start : start + _PIECE]])

        stamps = [(str(path), window, path.stat().st_size, path.stat().st_mtime_ns) for path, window in shown]
        key = fingerprint(asdict(how), stamps)
        return pixels_once(key[:32], (len(shown), side, side, 3), blocks, self.config.cache)


def _seen(pixels: UInt8[np.ndarray, "h w 3"], window: Window | None) -> UInt8[np.ndarray, "_ _ 3"]:
    """The part of a picture that is meant, at least one pixel of it."""
    if window is None:
        return pixels
    left, top, width, height = (round(value) for value in window)
    rows = slice(max(top, 0), max(top + height, top + 1, 1))
    return pixels[rows, max(left, 0) : max(left + width, left + 1, 1)]


def _inside(best: Reference) -> tuple[float, float]:
    """Where the query lies in its reference as it is shown, shares from the left and the top; NaN if not known."""
    if best.at_px is None:
        return float("nan"), float("nan")
    left, top, width, height = best.window or (0.0, 0.0, *(best.size_px or _size_of(best.path)))
    found = (best.at_px[0] - left) / width, (best.at_px[1] - top) / height
    return found if all(0.0 <= share <= 1.0 for share in found) else (float("nan"), float("nan"))


@lru_cache(maxsize=4096)
def _size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture, from its header."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError) as error:
        raise InputError(f"The reference picture {path} cannot be read ({error}).") from error


def _of_set(name: str, pairs: PairSet) -> list[Pair]:
    """Pairs with a true satellite picture, their places told from those of other sets."""
    chosen = (pair for pair in pairs if pair.positives and pair.reference_kind is ViewKind.SATELLITE)
    return [replace(pair, place=f"{name}/{pair.place}") for pair in chosen]


def _of_row(row: dict[str, str], folder: Path, number: int) -> Pair:
    kind = row["kind"].strip()
    known = [item.value for item in ViewKind if item is not ViewKind.SATELLITE]
    if kind not in known:
        raise unknown_name(f"kind of view in row {number + 2} of the table", kind, known)

    def number_of(column: str) -> float | None:
        text = (row.get(column) or "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise InputError(f"Row {number + 2} of the table: {column} is a number, received {text!r}.") from None

    satellite, at = row["satellite"].strip(), (number_of("ref_x"), number_of("ref_y"))
    at_px = None if at[0] is None or at[1] is None else (at[0], at[1])
    return Pair(
        folder / row["query"].strip(),
        ViewKind(kind),
        (Reference(folder / satellite, overlap=number_of("overlap"), at_px=at_px),),
        (row.get("place") or "").strip() or satellite,
        (row.get("split") or "").strip(),
        number_of("lat_deg"),
        number_of("lon_deg"),
    )


def _some(pairs: list[Pair], limit: int, draw: np.random.Generator) -> list[Pair]:
    if not limit or limit >= len(pairs):
        return pairs
    return [pairs[i] for i in np.sort(draw.choice(len(pairs), limit, replace=False))]
