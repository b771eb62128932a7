"""Many pictures or places through one model: in batches, read ahead, remembered, failures by name."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from whence.core.arrays import Numbers
from whence.core.errors import InputError, OptionError
from whence.encode.cache import EmbeddingCache, picture_key, place_keys
from whence.samples.limits import ReadLimits
from whence.samples.reader import read_view
from whence.samples.source import read_path
from whence.samples.view import View

WORKING_PX = 2048
"""Longer side at which pictures are read."""

_BATCH = 16
_PLACES_A_BATCH = 8192


@runtime_checkable
class PictureModel(Protocol):
    """What embeds pictures, such as `whence.encode.bundled.AlignmentModel`."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed_views(self, views: Sequence[View]) -> Float[np.ndarray, "n d"]:
        """Embed pictures."""


@runtime_checkable
class PlaceModel(Protocol):
    """What embeds places, such as `whence.encode.bundled.AlignmentModel`."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed_places(self, lat_deg: Numbers, lon_deg: Numbers) -> Float[np.ndarray, "n d"]:
        """Embed places."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture.

    Attributes:
        index: its place in the input, from 0.
        name: as given.
        sha256: of the file, hexadecimal; empty if it could not be read.
        embedding: its vector, or ``None``.
        error: why it has none, or ``None``.
        cached: whether the vector was known before.
    """

    index: int
    name: str
    sha256: str
    embedding: Float[np.ndarray, " d"] | None
    error: Exception | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of many pictures.

    Attributes:
        rows: vectors of those that were read, in the order of the input.
        index: where in the input each row comes from.
        names: of the rows.
        failures: the others.
        cached: how many rows were known before.
    """

    rows: Float[np.ndarray, "n d"]
    index: Int[np.ndarray, " n"]
    names: tuple[str, ...]
    failures: tuple[Outcome, ...]
    cached: int


def embed_pictures(
    pictures: Iterable[str | Path | View],
    model: PictureModel,
    *,
    cache: EmbeddingCache | None = None,
    batch: int = _BATCH,
    progress: Callable[[Outcome], None] | None = None,
) -> Embedded:
    """Embed pictures; what cannot be read becomes a failure with its name, and the others are embedded all the same.

    Args:
        pictures: paths, or views that were read before.
        model: embeds them.
        cache: of this model; pictures that it holds are not decoded.
        batch: how many go through the model at once.
        progress: called with each outcome, in the order of the input.

    Raises:
        OptionError: a batch below 1.
        ArtifactError: the model itself fails.
    """
    done = []
    for outcome in embed_one_by_one(pictures, model, cache=cache, batch=batch):
        done.append(outcome)
        if progress is not None:
            progress(outcome)
    rows = [(item, item.embedding) for item in done if item.embedding is not None]
    return Embedded(
        np.stack([row for _, row in rows]) if rows else np.empty((0, model.dim), np.float32),
        np.array([item.index for item, _ in rows], np.int64),
        tuple(item.name for item, _ in rows),
        tuple(item for item in done if item.embedding is None),
        sum(item.cached for item in done),
    )


def embed_one_by_one(
    pictures: Iterable[str | Path | View],
    model: PictureModel,
    *,
    cache: EmbeddingCache | None = None,
    batch: int = _BATCH,
) -> Iterator[Outcome]:
    """Yield the outcome of each picture in the order of the input, as batches are done; see `embed_pictures`.

    A thread reads and decodes the next batch while the model works. What has been yielded is in the cache, so
    that a run which is stopped goes on where it was.

    Raises:
        OptionError: a batch below 1.
        ArtifactError: the model itself fails.
    """
    if batch < 1:
        raise OptionError(f"A batch holds 1 picture or more, received {batch}.")
    held: list[_Item] = []
    with ThreadPoolExecutor(1, thread_name_prefix="whence-read") as reader:
        source = enumerate(pictures)
        ahead: deque[Future[_Item]] = deque()
        try:
            while True:
                for index, picture in islice(source, batch - len(ahead)):
                    ahead.append(reader.submit(_read, index, picture, cache))
                if not ahead:
                    break
                held.append(ahead.popleft().result())
                if sum(item.view is not None for item in held) >= batch or len(held) >= 4 * batch:
                    yield from _finish(held, model, cache)
                    held = []
            yield from _finish(held, model, cache)
        finally:
            for future in ahead:
                future.cancel()


def embed_places(
    lat_deg: Numbers,
    lon_deg: Numbers,
    model: PlaceModel,
    *,
    cache: EmbeddingCache | None = None,
    batch: int = _PLACES_A_BATCH,
    progress: Callable[[int], None] | None = None,
) -> Float[np.ndarray, "n d"]:
    """Embed places.

    Args:
        lat_deg: latitudes, WGS84 degrees.
        lon_deg: longitudes, as many or one.
        model: embeds them.
        cache: of this model. Small models compute a place faster than a disk finds it.
        batch: how many go through the model at once.
        progress: called with how many more are done.

    Returns:
        One row a place, float32.

    Raises:
        CoordinateError: a latitude or longitude that is none.
        OptionError: a batch below 1.
        ArtifactError: the model itself fails.
    """
    if batch < 1:
        raise OptionError(f"A batch holds 1 place or more, received {batch}.")
    lat, lon = np.broadcast_arrays(np.ravel(lat_deg), np.ravel(lon_deg))
    out = np.empty((len(lat), model.dim), np.float32)
    for first in range(0, len(lat), batch):
        some = slice(first, first + batch)
        if cache is None:
            out[some] = model.embed_places(lat[some], lon[some])
        else:
            keys = place_keys(lat[some], lon[some])
            rows, there = cache.find(keys)
            if not there.all():
                rows[~there] = model.embed_places(lat[some][~there], lon[some][~there])
                cache.add([key for key, known in zip(keys, there, strict=True) if not known], rows[~there])
            out[some] = rows
        if progress is not None:
            progress(len(lat[some]))
    return out


# ------------------------------------------------------------------------------------------------ parts


@dataclass(frozen=True, slots=True)
class _Item:
    """A picture on its way: decoded, or known to the cache, or failed."""

    index: int
    name: str
    sha256: str = ""
    view: View | None = None
    key: bytes = b""
    error: Exception | None = None


def _read(index: int, picture: str | Path | View, cache: EmbeddingCache | None) -> _Item:
    """Read one picture, in the thread; a file that the cache holds is hashed, not decoded."""
    if isinstance(picture, View):
        size = max(picture.pixels.shape[:2])
        as_read_here = size == min(max(picture.size_px), WORKING_PX)
        key = picture_key(picture.sha256, WORKING_PX if as_read_here else size)
        return _Item(index, picture.name, picture.sha256, picture, key)
    name = str(picture)
    try:
        data = read_path(Path(picture), ReadLimits())
        sha256 = hashlib.sha256(data).hexdigest()
        key = picture_key(sha256, WORKING_PX)
        view = None if cache is not None and key in cache else read_view(data, name=name, working_px=WORKING_PX)
    except (InputError, OSError) as error:
        return _Item(index, name, error=error)
    return _Item(index, name, sha256, view, key)


def _finish(items: Sequence[_Item], model: PictureModel, cache: EmbeddingCache | None) -> Iterator[Outcome]:
    """Embed what is not known, remember it, and give outcomes in order."""
    rows: dict[int, Float[np.ndarray, " d"]] = {}
    errors: dict[int, Exception] = {item.index: item.error for item in items if item.error is not None}
    known: set[int] = set()
    items = list(items)
    if cache is not None:
        asked = [item for item in items if item.error is None]
        found, there = cache.find([item.key for item in asked])
        for item, row, is_there in zip(asked, found, there, strict=True):
            if is_there:
                rows[item.index] = row
                known.add(item.index)
    new = []
    for item in items:
        if item.index in rows or item.index in errors:
            continue
        again = item if item.view is not None else _read(item.index, item.name, None)  # its row was damaged
        if again.view is not None:
            new.append(again)
        elif again.error is not None:
            errors[item.index] = again.error
    _embed(new, model, rows, errors)
    if cache is not None:
        done = [item for item in new if item.index in rows]
        if done:
            cache.add([item.key for item in done], np.stack([rows[item.index] for item in done]))
    for item in items:
        yield Outcome(
            item.index, item.name, item.sha256, rows.get(item.index), errors.get(item.index), item.index in known
        )


def _embed(
    items: Sequence[_Item],
    model: PictureModel,
    rows: dict[int, Float[np.ndarray, " d"]],
    errors: dict[int, Exception],
) -> None:
    """Run the model; where a batch holds a picture that it cannot take, one by one."""
    views = [item.view for item in items if item.view is not None]
    if not views:
        return
    try:
        found = model.embed_views(views)
    except InputError as error:
        if len(items) == 1:
            errors[items[0].index] = error
            return
        for item in items:
            _embed([item], model, rows, errors)
        return
    for item, row in zip(items, found, strict=True):
        rows[item.index] = np.asarray(row, np.float32)
