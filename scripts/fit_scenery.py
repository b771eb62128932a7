"""Fit the small tables of the scenery sources: ``python scripts/fit_scenery.py PHOTOS --models FOLDER``.

PHOTOS is a folder with ``photos.csv`` (file, lat_deg, lon_deg, place); the files' names begin with the photographer's,
and only those named by ``--photographers`` are used. Writes ``src/whence/evidence/scene/data/streetscene.json``, and
``scenes365.json`` into ``--out``: the weights of that network state no licence, so its table is not shipped.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whence.encode.squeezenet import SqueezeNet
from whence.encode.tflite import TfliteModel
from whence.evidence import scenes365, streetscene
from whence.evidence.scene.assets import SCENE_LABELS, SCENES, SEGMENTATION, Asset, checked
from whence.evidence.scene.fitting import fit_weights, gains_bits, held_out_pulls, reference, scales
from whence.evidence.scene.landscape import traits_at
from whence.evidence.scene.model import SceneTable
from whence.samples.reader import read_view

DATA = Path(__file__).resolve().parents[1] / "src/whence/evidence/scene/data"
PHOTOGRAPHERS = "kiki,igorwaw,smkun"
RIDGE = 300.0
WRONG_SHARE = 0.05


@dataclass(frozen=True)
class Photos:
    """Photographs with their places.

    Attributes:
        files: paths.
        lat_deg: latitudes.
        lon_deg: longitudes.
        photographer: number of who took each.
        names: of the photographers.
        place: name of the place of each, for intervals.
        index_sha256: hash of the table.
    """

    files: tuple[Path, ...]
    lat_deg: np.ndarray
    lon_deg: np.ndarray
    photographer: np.ndarray
    names: tuple[str, ...]
    place: tuple[str, ...]
    index_sha256: str


def read_photos(folder: Path, photographers: str = PHOTOGRAPHERS) -> Photos:
    """Read the table of a folder; photographers are the beginnings of the files' names."""
    names = tuple(photographers.split(","))
    index = folder / "photos.csv"
    with index.open(newline="", encoding="utf-8") as file:
        rows = [(row, Path(row["file"]).name.partition("_")[0]) for row in csv.DictReader(file)]
    kept = [(row, who) for row, who in rows if who in names]
    return Photos(
        tuple(folder / row["file"] for row, _ in kept),
        np.array([float(row["lat_deg"]) for row, _ in kept]),
        np.array([float(row["lon_deg"]) for row, _ in kept]),
        np.array([names.index(who) for _, who in kept]),
        names,
        tuple(row["place"] for row, _ in kept),
        hashlib.sha256(index.read_bytes()).hexdigest(),
    )


def street_features(models: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Features of ``streetscene``: logarithms of the shares of the picture."""
    network = TfliteModel(checked(models, SEGMENTATION))
    return lambda pixels: streetscene.features(streetscene.shares(np.asarray(network.run(pixels), np.int64)))


def scene_features(models: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Features of ``scenes365``: roots of the probabilities of the groups."""
    network = SqueezeNet(checked(models, SCENES))
    groups = scenes365.group_numbers(checked(models, SCENE_LABELS))
    return lambda pixels: np.sqrt(scenes365.group_shares(network.probabilities(pixels), groups))


def features(photos: Photos, of: Callable[[np.ndarray], np.ndarray], cache: Path | None = None) -> np.ndarray:
    """Features of every photograph, kept in a file if one is named."""
    if cache is not None and cache.is_file():
        return np.asarray(np.load(cache))
    found = np.stack([of(read_view(file, working_px=960).pixels) for file in photos.files])
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, found)
    return found


def usable(name: str, found: np.ndarray) -> np.ndarray:
    """Which pictures the source would speak of: those outdoors."""
    if name == scenes365.Scenes365.NAME:
        return np.asarray(found[:, -1] ** 2 < scenes365.Config().indoor_from)
    return np.ones(len(found), bool)


SOURCES: dict[str, tuple[Asset, Callable[[Path], Callable[[np.ndarray], np.ndarray]], tuple[str, ...]]] = {
    streetscene.TABLE: (SEGMENTATION, street_features, tuple(streetscene.GROUPS)),
    scenes365.Scenes365.NAME: (SCENES, scene_features, (*scenes365.scene_groups(), scenes365.INDOORS)),
}


def fit(name: str, photos: Photos, found: np.ndarray, ridge: float) -> SceneTable:
    """Fit the table of one source on all photographs."""
    kept = usable(name, found)
    inputs, who = found[kept], photos.photographer[kept]
    traits, places = traits_at(photos.lat_deg, photos.lon_deg)[kept], reference()
    centres, spreads = scales(inputs)
    weights = fit_weights((inputs - centres) / spreads, traits, who, places, ridge)
    gains = gains_bits(held_out_pulls(inputs, traits, who, places, ridge), traits, places, WRONG_SHARE)
    provenance: dict[str, Any] = {
        "made_by": "scripts/fit_scenery.py",
        "photographs": {one: int((who == n).sum()) for n, one in enumerate(photos.names)},
        "photographs_licence": "travel photographs without a stated licence; only these numbers were derived from them",
        "photos_csv_sha256": photos.index_sha256,
        "reference": "the default prior",
        "ridge": ridge,
        "bits_left_out": {one: round(float(gains[who == n].mean()), 3) for n, one in enumerate(photos.names)},
    }
    return SceneTable(SOURCES[name][2], centres, spreads, weights, provenance)


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--photographers", default=PHOTOGRAPHERS)
    parser.add_argument("--ridge", type=float, default=RIDGE)
    parser.add_argument("--out", type=Path, help="folder of scenes365.json; that of --models if not given")
    parser.add_argument("--cache", type=Path, help="folder for the networks' outputs")
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos, arguments.photographers)
    for name, (network, make, _) in SOURCES.items():
        kept = None if arguments.cache is None else arguments.cache / f"{name}.npy"
        model = fit(name, photos, features(photos, make(arguments.models), kept), arguments.ridge)
        folder = DATA if name == streetscene.TABLE else arguments.out or arguments.models
        (folder / f"{name}.json").write_text(model.to_json(network), encoding="utf-8")
        print(name, model.provenance["bits_left_out"])


if __name__ == "__main__":
    main()
