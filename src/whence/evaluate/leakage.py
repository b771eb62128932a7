"""Leakage guards: what of a test set a system has seen, by its training pictures or its gallery.

Four guards look at a pair of sets, each in its own way: the same *file* (SHA-256), the same *picture* under another
name (perceptual hashes, `whence.samples.near_duplicates`), the same *photographer*, and the same *place*. A guard that
cannot look, because a set names no photographers or its pictures are not there, says so instead of finding nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from whence.core.errors import ImageError, InputError
from whence.earth import grid
from whence.earth.coordinates import distance_km
from whence.earth.nearest import NearestPoints
from whence.evaluate.seen import Seen
from whence.samples.datasets.types import Sample, positions
from whence.samples.near_duplicates import Nearness, hash_file, leaks
from whence.samples.splits import Split

GUARDS = ("file", "picture", "photographer", "place")
"""Names of the guards, the gravest first."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Config:
    """What counts as a leak."""

    place_km: float = 1.0
    "Test pictures nearer than this to a training picture or place of the gallery are leaks; 0 for none."
    pictures: bool = True
    "Open the pictures: compare files and perceptual hashes."
    difference_bits: int = 10
    "Pictures are alike if their difference hashes differ in at most so many bits, 0 to 11, and the others too."
    frequency_bits: int = 12
    "Pictures are alike if their frequency hashes differ in at most so many bits, 0 to 64, and the others too."

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: a distance below 0, or bits out of range.
        """
        if not self.place_km >= 0.0:
            raise InputError(f"place_km must be 0 or more, received {self.place_km}.")
        Nearness(self.difference_bits, self.frequency_bits)


@dataclass(frozen=True, slots=True)
class Finding:
    """A test picture that leaks, and the best of what it leaks from.

    Attributes:
        guard: which one found it, of `GUARDS`.
        test: path of the test picture.
        seen: picture or place that was seen.
        detail: how near: a distance, a number of bits, a photographer.
        others: how many more were seen that this guard finds for the same test picture; 0 for the guard ``place``,
            which looks at the nearest only.
    """

    guard: str
    test: Path
    seen: str
    detail: str
    others: int = 0


@dataclass(frozen=True, slots=True)
class Leakage:
    """What the guards found.

    Attributes:
        tested: number of test pictures.
        seen: number of training pictures or places.
        findings: one a guard and test picture at most, by guard, then in the order of the test set.
        unchecked: why a guard could not look, or at which pictures not, by guard.
    """

    tested: int
    seen: int
    findings: tuple[Finding, ...]
    unchecked: Mapping[str, str]

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of test pictures that leak, by guard."""
        found = Counter(item.guard for item in self.findings)
        return MappingProxyType({guard: found[guard] for guard in GUARDS})

    @property
    def leaking(self) -> frozenset[Path]:
        """The test pictures that any guard found."""
        return frozenset(item.test for item in self.findings)


def check(test: Sequence[Sample], seen: Seen, config: Config | None = None) -> Leakage:
    """Look for what a test set shares with what was seen.

    Args:
        test: samples of the test set.
        seen: by the system that is tested on it (`whence.evaluate.seen`).
        config: what counts as a leak.

    Raises:
        InputError: one of the two is empty.
    """
    how = config or Config()
    if not test or not len(seen):
        raise InputError(f"A test set and what was seen are needed, received {len(test)} and {len(seen)} entries.")
    unchecked: dict[str, str] = {}
    findings = [
        *_pictures(test, seen, how, unchecked),
        *_photographers(test, seen, unchecked),
        *_places(test, seen, how.place_km, unchecked),
    ]
    return Leakage(len(test), len(seen), tuple(findings), MappingProxyType(unchecked))


def _pictures(test: Sequence[Sample], seen: Seen, how: Config, unchecked: dict[str, str]) -> list[Finding]:
    """Findings of the guards ``file`` and ``picture``."""
    mine, theirs = ([path for path in paths if path.is_file()] for paths in ([s.path for s in test], seen.paths))
    why = ""
    if not how.pictures:
        why = "not asked for"
    elif not seen.paths:
        why = f"{seen.name} holds places, not pictures"
    elif not mine or not theirs:
        why = "the pictures of the test set are not there" if not mine else f"the pictures of {seen.name} are not there"
    if why:
        unchecked |= dict.fromkeys(("file", "picture"), why)
        return []
    absent = len(test) - len(mine), len(seen) - len(theirs)
    if any(absent):
        said = f"{absent[0]} test and {absent[1]} seen pictures are not there"
        unchecked |= dict.fromkeys(("file", "picture"), said)
    return [*_same_files(mine, theirs), *_same_pictures(mine, theirs, how, unchecked)]


def _same_files(mine: Sequence[Path], theirs: Sequence[Path]) -> list[Finding]:
    """Only files of equal length are read."""
    mine_by_size, theirs_by_size = _by_size(mine), _by_size(theirs)
    by_hash: dict[str, list[Path]] = {}
    for size in mine_by_size.keys() & theirs_by_size.keys():
        for path in theirs_by_size[size]:
            by_hash.setdefault(_sha256(path), []).append(path)
    findings = []
    for path in mine:
        if (size := path.stat().st_size) in theirs_by_size and (digest := _sha256(path)) in by_hash:
            same = by_hash[digest]
            findings.append(Finding("file", path, str(same[0]), f"{size} equal bytes", len(same) - 1))
    return findings


def _same_pictures(
    mine: Sequence[Path], theirs: Sequence[Path], how: Config, unchecked: dict[str, str]
) -> list[Finding]:
    paths, hashes, damaged = [], [], 0
    held = 0
    for i, path in enumerate([*theirs, *mine]):
        try:
            hashes.append(hash_file(path))
        except ImageError:
            damaged += 1
            continue
        paths.append(path)
        held += i < len(theirs)
    if damaged:
        before = unchecked.get("picture")
        unchecked["picture"] = f"{before + '; ' if before else ''}{damaged} pictures cannot be read"
    if not 0 < held < len(paths):
        return []
    both = np.asarray(hashes, np.uint64)
    empty = np.empty(0, np.int64)
    split = Split(np.arange(held), empty, np.arange(held, len(paths)), len(paths))
    pairs = leaks(split, both, Nearness(how.difference_bits, how.frequency_bits))
    bits = np.bitwise_count(both[pairs[:, 0]] ^ both[pairs[:, 1]]).astype(np.int64)
    order = np.lexsort((pairs[:, 0], bits.sum(axis=1), pairs[:, 1]))
    pairs, bits = pairs[order], bits[order]
    tests, first, counts = np.unique(pairs[:, 1], return_index=True, return_counts=True)
    return [
        Finding("picture", paths[t], str(paths[pairs[i, 0]]), f"{bits[i, 0]} + {bits[i, 1]} bits differ", int(n) - 1)
        for t, i, n in zip(tests, first, counts, strict=True)
    ]


def _photographers(test: Sequence[Sample], seen: Seen, unchecked: dict[str, str]) -> list[Finding]:
    by_group: dict[str, list[int]] = {}
    for row, group in enumerate(seen.groups):
        if group is not None:
            by_group.setdefault(group, []).append(row)
    unnamed = sum(sample.group is None for sample in test)
    if not by_group or unnamed == len(test):
        who = seen.name if not by_group else "the test set"
        unchecked["photographer"] = f"{who} names no photographers"
        return []
    if unnamed:
        unchecked["photographer"] = f"{unnamed} test pictures name no photographer"
    return [
        Finding("photographer", sample.path, seen.label(rows[0]), str(sample.group), len(rows) - 1)
        for sample in test
        if sample.group is not None and (rows := by_group.get(sample.group))
    ]


def _places(test: Sequence[Sample], seen: Seen, place_km: float, unchecked: dict[str, str]) -> list[Finding]:
    if place_km == 0.0:
        unchecked["place"] = "not asked for"
        return []
    lat, lon = positions(test)
    tree = NearestPoints(grid.unit_vectors(seen.lat_deg, seen.lon_deg), np.arange(len(seen)))
    rows = tree.nearest_each(lat, lon)
    away = distance_km(lat, lon, seen.lat_deg[rows], seen.lon_deg[rows])
    return [
        Finding("place", sample.path, seen.label(int(row)), f"{km:.3g} km")
        for sample, row, km in zip(test, rows, away, strict=True)
        if km <= place_km
    ]


def _by_size(paths: Iterable[Path]) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for path in paths:
        found.setdefault(path.stat().st_size, []).append(path)
    return found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
