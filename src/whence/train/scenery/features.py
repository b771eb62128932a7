"""Photographs with their changed copies, as features of a frozen encoder that are computed once and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.config import fingerprint
from whence.core.errors import ImageError, InputError, unknown_name
from whence.core.folders import cache_folder
from whence.encode.image.types import ImageEncoder
from whence.samples.datasets import datasets
from whence.samples.datasets.types import Sample, positions
from whence.samples.reader import read_view
from whence.train.scenery.recipe import Data, SceneryRecipe, Views
from whence.train.tower import TowerModel

_WORKING_PX = 1024
_LEAST = 20
_SMALLEST_CUT = 0.55
_log = logging.getLogger(__name__)
Pixels = UInt8[np.ndarray, "h w 3"]


@final
@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs with features, in order.

    Attributes:
        names: below the data set's folder.
        features: of each copy, the whole photograph and its mirror image first; not normalised.
        lat_deg: latitudes.
        lon_deg: longitudes.
        accuracy_km: radius in which the camera stood.
        group: photographer or album.
        paths: of the files.
    """

    names: tuple[str, ...]
    features: Float[np.ndarray, "n views f"]
    lat_deg: Float[np.ndarray, " n"]
    lon_deg: Float[np.ndarray, " n"]
    accuracy_km: Float[np.ndarray, " n"]
    group: tuple[str, ...]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Sequence[int]) -> Photographs:
        """Some of them."""
        index = np.asarray(rows, np.int64)
        arrays = (item[index] for item in (self.features, self.lat_deg, self.lon_deg, self.accuracy_km))
        features, lat, lon, accuracy = arrays
        names, group, paths = (tuple(item[i] for i in index) for item in (self.names, self.group, self.paths))
        return Photographs(names, features, lat, lon, accuracy, group, paths)

    def held_out(self, group: str) -> tuple[Photographs, Photographs]:
        """All others, and those of one group."""
        mine = [name == group for name in self.group]
        return self.take(np.flatnonzero(~np.array(mine)).tolist()), self.take(np.flatnonzero(mine).tolist())


def chosen_samples(data: Data, seed: int) -> list[Sample]:
    """The samples that a recipe learns from.

    Raises:
        OptionError: a group that the data set does not have.
        InputError: the data set is not there, or too small.
    """
    reader = datasets().load(data.dataset)(data.root, data.part, skip_missing=True)
    samples = list(reader)
    known = {sample.group or "" for sample in samples}
    wanted, without = (
        tuple(filter(None, (part.strip() for part in text.split(",")))) for text in (data.groups, data.without)
    )
    for name in (*wanted, *without):
        if name not in known:
            raise unknown_name("photographer or album of the data", name, known)
    kept = [s for s in samples if (not wanted or s.group in wanted) and s.group not in without]
    if data.limit and data.limit < len(kept):
        rows = np.sort(np.random.default_rng([seed, 0]).choice(len(kept), data.limit, replace=False))
        kept = [kept[i] for i in rows]
    if len(kept) < _LEAST:
        raise InputError(f"{data.root} gave {len(kept)} photographs to learn from; at least {_LEAST} are needed.")
    return kept


def read_photographs(
    recipe: SceneryRecipe, tower: ImageEncoder, report: Callable[[int, int, str], None] | None = None
) -> Photographs:
    """Read photographs, copy them changed, and embed everything; what cannot be read is named in the log and left out.

    Args:
        recipe: which photographs and copies.
        tower: frozen encoder.
        report: told how many are done.

    Raises:
        OptionError: see `chosen_samples`.
        InputError: see `chosen_samples`.
    """
    samples = chosen_samples(recipe.data, recipe.seed)
    model = TowerModel(tower)
    folder = cache_folder() / "scenery" / fingerprint(model.hash, recipe.views)[:20]
    rows, kept = [], []
    for i, sample in enumerate(samples):
        try:
            rows.append(_features_of(sample.path, model, recipe.views, folder))
            kept.append(sample)
        except ImageError as error:
            _log.warning("Left out %s: %s", sample.path, error)
        if report is not None:
            report(i + 1, len(samples), "features")
    if len(kept) < _LEAST:
        raise InputError(f"{len(kept)} photographs can be read; at least {_LEAST} are needed.")
    lat, lon = positions(kept)
    radius = [s.accuracy_km if s.accuracy_km is not None else recipe.data.accuracy_km for s in kept]
    return Photographs(
        tuple(str(s.path) for s in kept),
        np.stack(rows),
        lat,
        lon,
        np.asarray(radius, np.float64),
        tuple(s.group or "" for s in kept),
        tuple(s.path for s in kept),
    )


def _features_of(path: Path, model: TowerModel, views: Views, folder: Path) -> Float[np.ndarray, "v f"]:
    def made() -> np.ndarray:
        return model.embed_pixels(normalised_copies(path, model.tower, views))

    return np.asarray(kept_array(folder / f"{content_of(path)}.npy", made), np.float32)


def content_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}).") from error


def kept_array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """An array from disk, or made and kept there; a damaged file is made again."""
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError):
            _log.warning("%s is damaged and made again.", path)
    found = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part")
    with partial.open("wb") as file:
        np.save(file, found)
    partial.replace(path)
    return found


def normalised_copies(path: Path, tower: ImageEncoder, views: Views) -> Float[np.ndarray, "v 3 h w"]:
    """Copies of a photograph as the network takes them.

    What changes them depends on the file's content alone, so that copies are the same wherever it stands in a table.
    """
    pixels = read_view(path, working_px=_WORKING_PX).pixels
    copies = changed_copies(pixels, views, np.random.default_rng(int(content_of(path)[:16], 16)))
    return tower.preprocessing.normalise(np.stack([tower.preprocessing.fit(copy) for copy in copies]))


def changed_copies(pixels: Pixels, views: Views, generator: np.random.Generator) -> list[Pixels]:
    """The whole picture, its mirror image, its centre, squares from its ends, and recoloured cuts."""
    height, width = pixels.shape[:2]
    side = min(height, width)

    def cut(top: float, left: float, size: float) -> Pixels:
        y, x, s = int(top), int(left), max(1, int(size))
        return np.ascontiguousarray(pixels[y : y + s, x : x + s])

    def mirrored(picture: Pixels) -> Pixels:
        return np.ascontiguousarray(picture[:, ::-1])

    out = [pixels, mirrored(pixels), cut((height - side) / 2, (width - side) / 2, side)]
    for i, at in enumerate(np.linspace(0.0, 1.0, views.crops) if views.crops else ()):
        piece = cut(at * (height - side), at * (width - side), side)
        out.append(mirrored(piece) if i % 2 else piece)
    for _ in range(views.recoloured):
        size = generator.uniform(_SMALLEST_CUT, 1.0) * side
        piece = cut(generator.uniform(0, height - size), generator.uniform(0, width - size), size)
        piece = mirrored(piece) if generator.random() < 0.5 else piece
        out.append(_recoloured(piece, views, generator))
    return out


def _recoloured(piece: Pixels, views: Views, generator: np.random.Generator) -> Pixels:
    x = piece.astype(np.float32) * generator.uniform(1 - views.colour, 1 + views.colour, 3).astype(np.float32)
    if generator.random() < views.grey:
        x[:] = x.mean(axis=2, keepdims=True)
    mean = x.mean()
    x = mean + (x - mean) * generator.uniform(1 - views.contrast, 1 + views.contrast)
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)
