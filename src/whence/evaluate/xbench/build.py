"""`build`: a frozen benchmark out of matched pairs."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from whence.core.errors import InputError, OptionError
from whence.core.version import __version__
from whence.evaluate.xbench.candidates import Candidate
from whence.evaluate.xbench.files import HEADER, PICTURES, Benchmark, open_benchmark, write_benchmark
from whence.evaluate.xbench.negatives import Descriptor, Known, choose, edges_of, plain_descriptor
from whence.evaluate.xbench.types import Item, PictureEntry
from whence.samples.view import ViewKind


@dataclass(frozen=True)
class Config:
    """How a benchmark is built."""

    name: str = "xbench"
    "Name of the benchmark."
    easy: int = 1
    "Mismatched pairs of any other place, for every query."
    near: int = 1
    "Mismatched pairs of the nearest place that does not overlap, for every query."
    hard: int = 1
    "Mismatched pairs of the place that looks most alike, for every query."
    side_px: int = 512
    "Longest side of the pictures."
    tolerance_px: float = 20.0
    "How exact positions of the pair set are, pixels of the reference."
    apart_km: float = 1.0
    "Places this far apart do not overlap, where nothing says how far a picture reaches."
    test_share: float = 1.0
    "Share of the places whose items are the frozen test; the others are for development."
    seed: int = 0
    "Of all draws."

    def __post_init__(self) -> None:
        if min(self.easy, self.near, self.hard) < 0 or self.easy + self.near + self.hard < 1:
            raise OptionError("easy, near and hard are counts, one of them above 0.")
        if self.side_px < 16 or not 0.0 < self.test_share <= 1.0:
            raise OptionError(f"side_px ≥ 16 and 0 < test_share ≤ 1 are needed, received {self}.")


def build(
    found: Iterable[Candidate],
    folder: Path,
    config: Config,
    sources: Sequence[str] = (),
    descriptor: Descriptor = plain_descriptor,
    report: Callable[[int], None] | None = None,
) -> Benchmark:
    """Write a benchmark and freeze it.

    Args:
        found: matched pairs.
        folder: to write to; made if it is not there.
        config: settings.
        sources: names of the pair sets.
        descriptor: by which the hard ones are alike.
        report: called with the number of pairs read so far.

    Raises:
        InputError: the folder holds a benchmark, or there are fewer than two places.
    """
    if (folder / HEADER).exists():
        raise InputError(f"{str(folder)!r} holds a benchmark already. Give another folder: benchmarks do not change.")
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    kept, entries, vectors = [], [], []
    for number, item in enumerate(found, 1):
        entries.append((
            _write(folder, item.query, item.query_kind, item.query_source, item.licence, item.told_gsd_m_per_px),
            _write(folder, item.reference, item.reference_kind, item.reference_source, item.licence),
        ))  # fmt: skip
        vectors.append(descriptor([item.reference])[0])
        kept.append(item)
        if report is not None:
            report(number)
    places = tuple(item.place for item in kept)
    if len(set(places)) < 2:
        raise InputError(f"A benchmark needs pairs of at least two places, received {len(set(places))}.")
    nowhere = float("nan")
    points = [
        (nowhere if item.lat_deg is None else item.lat_deg, nowhere if item.lon_deg is None else item.lon_deg)
        for item in kept
    ]
    known = Known(
        places,
        np.array(points, np.float64),
        np.array([edges_of(item.georeference) for item in kept]),
        np.asarray(vectors),
    )
    items = _items(kept, entries, known, config)
    counts = Counter(f"{item.split} {item.difficulty}" for item in items)
    header = {
        "name": config.name,
        "sources": tuple(sources),
        "counts": dict(sorted(counts.items())),
        "config": asdict(config),
        "notes": _notes(items, len(kept), config),
        "version": __version__,
    }
    write_benchmark(folder, header, items)
    return open_benchmark(folder)


def _items(
    kept: Sequence[Candidate], entries: Sequence[tuple[PictureEntry, PictureEntry]], known: Known, config: Config
) -> list[Item]:
    generator = np.random.default_rng(config.seed)
    names = sorted(set(known.places))
    tested = {names[i] for i in generator.permutation(len(names))[: max(1, round(config.test_share * len(names)))]}
    out = []
    for number, item in enumerate(kept):
        split = "test" if item.place in tested else "dev"
        query, own = entries[number]
        out.append(Item(f"{number:05d}-matched", query, own, item.georeference, True, "matched", item.place, item.place,
                        split, item.truth))  # fmt: skip
        used: set[int] = set()
        for difficulty, count in (("hard", config.hard), ("near", config.near), ("easy", config.easy)):
            # A reference that one difficulty took is not taken again: more are asked for than are needed.
            ranked = choose(known, number, difficulty, count + len(used), config.apart_km, generator)
            for turn, other in enumerate([i for i in ranked if i not in used][:count]):
                used.add(other)
                out.append(
                    Item(
                        f"{number:05d}-{difficulty}{turn}", query, entries[other][1], kept[other].georeference, False,
                        difficulty, item.place, kept[other].place, split,
                    )
                )  # fmt: skip
    return out


def _notes(items: Sequence[Item], pairs: int, config: Config) -> tuple[str, ...]:
    counts = Counter(item.difficulty for item in items)
    wanted = {"easy": config.easy * pairs, "near": config.near * pairs, "hard": config.hard * pairs}
    return tuple(
        f"Of {count} mismatched pairs that are {name}, {counts[name]} could be made: for the others no place was left"
        + (" whose position is known." if name == "near" else ".")
        for name, count in wanted.items()
        if counts[name] < count
    )


def _write(
    folder: Path,
    pixels: UInt8[np.ndarray, "_ _ 3"],
    kind: ViewKind,
    source: str,
    licence: str,
    gsd_m_per_px: float | None = None,
) -> PictureEntry:
    """Write a picture under its hash; one that is there already is not written again."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "PNG", compress_level=3)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    name = f"{PICTURES}/{digest[:32]}.png"
    if not (folder / name).exists():
        (folder / name).write_bytes(buffer.getvalue())
    return PictureEntry(name, digest, kind, pixels.shape[1], pixels.shape[0], source, licence, gsd_m_per_px)
